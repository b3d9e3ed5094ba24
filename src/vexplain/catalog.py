"""Every part by its name: the only registry.

A part with options is written ``name:option=value,option=value``, as in ``slic:n_regions=100``; an
option that is a part itself takes that part's name, with its own options in brackets, as in
``per-frame:segmenter=slic-2d(n_regions=20)``, and an array the name of a file, as in
``labels:labels=tracks.npy``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import torch
from torch import Tensor

from vexplain import (
    behavior,
    core,
    evaluation,
    methods,
    removal,
    sampling,
    segmentation,
    summary,
    visualization,
)
from vexplain.core import Method, near_names

METHODS: Mapping[str, Callable[..., Method]] = {
    "lime": methods.lime,
    "kernel-shap": methods.kernel_shap,
    "rise": methods.rise,
    "loco": methods.loco,
    "univariate": methods.univariate_predictors,
    "sos": methods.sampled_occlusion,
}

PARTS: Mapping[str, Mapping[str, type]] = {
    "segmentation": {
        "grid": segmentation.Grid,
        "slic": segmentation.Slic,
        "flow": segmentation.Flow,
        "per-frame": segmentation.PerFrame,
        "soft-grid": segmentation.SoftGrid,
        "sliding-window": segmentation.SlidingWindow,
        "labels": segmentation.FromLabels,
    },
    "frame segmentation": {
        "grid-2d": segmentation.Grid2D,
        "slic-2d": segmentation.Slic2D,
        "felzenszwalb": segmentation.Felzenszwalb,
        "quickshift": segmentation.Quickshift,
        "watershed": segmentation.CompactWatershed,
    },
    "sizes": {
        "all-but-one": sampling.AllButOne,
        "only-one": sampling.OnlyOne,
        "binomial": sampling.Binomial,
        "shapley-kernel": sampling.ShapleyKernel,
        "uniform": sampling.Uniform,
        "mix": sampling.Mix,
    },
    "samples": {
        "exhaustive": sampling.Exhaustive,
        "monte-carlo": sampling.MonteCarlo,
    },
    "removal": {
        "remove": removal.Remove,
    },
    "fill": {
        "constant": removal.Constant,
        "region-mean": removal.RegionMean,
        "frame-mean": removal.FrameMean,
        "clip-mean": removal.ClipMean,
        "blur": removal.Blur,
        "blur-3d": removal.Blur3D,
        "inpaint": removal.Inpaint,
        "noisy-linear": removal.NoisyLinear,
        "freeze": removal.FreezeLast,
        "interpolate": removal.Interpolate,
        "shuffle": removal.ShuffleFrames,
        "median": removal.MedianBackground,
        "other-clip": removal.OtherClip,
    },
    "edges": {
        "own": removal.Own,
        "hard": removal.Hard,
        "feathered": removal.Feathered,
    },
    "behavior": {
        "probability": behavior.Probability,
        "logit": behavior.Logit,
        "log-odds": behavior.LogOdds,
        "margin": behavior.Margin,
        "loss": behavior.Loss,
    },
    "summary": {
        "linear": summary.LinearSurrogate,
        "tree": summary.TreeSurrogate,
        "shapley": summary.ShapleyRegression,
        "mean-when-kept": summary.MeanWhenKept,
        "removal-effect": summary.RemovalEffect,
        "inclusion-effect": summary.InclusionEffect,
        "value-when-removed": summary.ValueWhenRemoved,
    },
    "kernel": {
        "cosine": summary.CosineKernel,
        "flat": summary.FlatKernel,
    },
    "visualization": {
        "heat": visualization.HeatMap,
        "signed": visualization.SignedMap,
        "outlines": visualization.Outlines,
        "highlight": visualization.Highlight,
    },
    "metric": {
        "deletion": evaluation.Deletion,
        "insertion": evaluation.Insertion,
        "srg": evaluation.SymmetricGain,
        "minimal-keeps": evaluation.MinimalKeeps,
        "average-drop": evaluation.AverageDrop,
        "increase": evaluation.IncreaseInConfidence,
        "fill-reliability": evaluation.FillReliability,
        "infidelity": evaluation.Infidelity,
        "sensitivity-n": evaluation.SensitivityN,
        "sparseness": evaluation.Sparseness,
        "entropy": evaluation.Entropy,
        "pointing-game": evaluation.PointingGame,
        "energy": evaluation.EnergyInside,
        "iou": evaluation.IoU,
        "best-iou": evaluation.BestIoU,
        "temporal-iou": evaluation.TemporalIoU,
        "seed-stability": evaluation.SeedStability,
        "input-stability": evaluation.InputStability,
        "budget-stability": evaluation.BudgetStability,
        "model-randomisation": evaluation.ModelRandomisation,
    },
    "order": {
        "voxels": evaluation.VoxelWise,
        "regions": evaluation.RegionWise,
        "frames": evaluation.FrameWise,
        "columns": evaluation.ColumnWise,
    },
    "show": {
        "all": visualization.All,
        "top-regions": visualization.TopRegions,
        "top-share": visualization.TopShare,
        "threshold": visualization.Threshold,
        "accumulated": visualization.Accumulated,
    },
}

NICKNAMES: Mapping[str, Mapping[str, str]] = {
    "fill": {
        "black": "constant:color=0",
        "grey": "constant:color=0.5",
        "white": "constant:color=1",
        "mean": "region-mean",
    },
    "metric": {
        "road": "deletion:fill=noisy-linear",
    },
}

NESTED: Mapping[Any, str] = {
    segmentation.FrameSegmenter: "frame segmentation",
    summary.LocalityKernel: "kernel",
    visualization.Show: "show",
    core.SizeLaw: "sizes",
    core.Behavior: "behavior",
    removal.Fill: "fill",
    evaluation.Order: "order",
}
"""Options that are parts themselves, by the type of their field."""

STORED: tuple[type, ...] = (
    core.Attribution,
    core.Coalitions,
    core.Explanation,
    core.Fit,
    core.Ledger,
    core.Method,
    core.Source,
    core.VideoClip,
    segmentation.LabelRegions,
    segmentation.SoftCells,
    segmentation.Windows,
)
"""What an explanation file holds besides parts."""


def registry(extra: Iterable[type] = ()) -> dict[str, type]:
    """Return every class that an explanation file may hold, by its name."""
    parts = [part for kind in PARTS.values() for part in kind.values()]
    return {known.__name__: known for known in (*STORED, *parts, *extra)}


def method(name: str) -> Method:
    """Return a method with the paper's choices.

    Raises:
        ValueError: When no method has that name.
    """
    if name not in METHODS:
        raise ValueError(
            f"method: expected one of {', '.join(METHODS)}, got {name!r}."
            f"{near_names(name, list(METHODS))}"
        )
    return METHODS[name]()


def part(kind: str, text: str) -> Any:
    """Return the part of step ``kind`` that ``text`` names, with its options.

    Raises:
        ValueError: When there is no such part or option, or a value doesn't fit.
    """
    known = PARTS[kind]
    nicknames = NICKNAMES.get(kind, {})
    name, options = name_and_options(text)
    if name in nicknames:
        name, own = name_and_options(nicknames[name])
        options = ",".join(filter(None, (own, options)))
    if name not in known:
        names = [*known, *nicknames]
        raise ValueError(
            f"{kind}: expected one of {', '.join(names)}, got {name!r}.{near_names(name, names)}"
        )
    try:
        return known[name](**values(options, known[name]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} {text!r}: {error}") from error


def name_and_options(text: str) -> tuple[str, str]:
    """Split ``name:options`` or ``name(options)``."""
    text = text.strip()
    if text.endswith(")") and "(" in text and ":" not in text.split("(")[0]:
        name, _, options = text[:-1].partition("(")
    else:
        name, _, options = text.partition(":")
    return name.strip(), options.strip()


def values(options: str, made: type) -> dict[str, Any]:
    """Return ``option=value,…`` as keyword arguments of the part ``made``.

    Raises:
        ValueError: When an option is unknown, missing, or its value is of another kind.
    """
    found: dict[str, Any] = {}
    hints = get_type_hints(made)
    known = [f.name for f in fields(made)]
    for option in split(options):
        name, equals, value = (piece.strip() for piece in option.partition("="))
        if name not in known or not equals:
            raise ValueError(
                f"expected options as name=value with {', '.join(known) or 'no names'}, got "
                f"{option!r}.{near_names(name, known)}"
            )
        found[name] = read_value(name, value, hints[name])
    needed = [f.name for f in fields(made) if f.default is f.default_factory is MISSING]
    missing = [name for name in needed if name not in found]
    if missing:
        raise ValueError(f"expected {missing[0]}, as in {missing[0]}=…, got none.")
    return found


def split(options: str) -> list[str]:
    """Split at the commas that aren't inside brackets."""
    pieces, depth = [""], 0
    for letter in options:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth == 0:
            pieces.append("")
        else:
            pieces[-1] += letter
    return [piece.strip() for piece in pieces if piece.strip()]


def read_value(name: str, text: str, hint: Any) -> Any:
    """Return what ``text`` says for an option whose type is ``hint``.

    That is a part by its name, an array from a ``.npy`` file, a text where only a text will do,
    or a number, ``true``, ``false``, ``none``, a tuple in brackets, or else the text.

    Raises:
        ValueError: When a number is expected and something else comes.
    """
    if hint in NESTED:
        return part(NESTED[hint], text)
    if text.endswith(".npy"):
        return array(Path(text))
    if get_origin(hint) is Literal:
        return text
    if get_origin(hint) is tuple and get_args(hint)[0] in NESTED:
        return tuple(read_value(name, one, get_args(hint)[0]) for one in split(unbracketed(text)))
    value = text if hint is str else literal(text)
    if isinstance(value, str) and hint is not str and str not in get_args(hint):
        raise ValueError(f"{name}: expected a number, or numbers in brackets, got {text!r}.")
    lone = get_origin(hint) is tuple and not isinstance(value, tuple)
    return (value,) if lone else value


def literal(text: str) -> Any:
    """Return the number, truth value, None or tuple that ``text`` spells, else ``text``."""
    if text[:1] in ("(", "["):
        return tuple(literal(one) for one in split(unbracketed(text)))
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.lower(), text)


def unbracketed(text: str) -> str:
    """Return the text without its outer brackets.

    Raises:
        ValueError: When one of them is missing.
    """
    if text[:1] not in ("(", "[") or text[-1:] not in (")", "]"):
        raise ValueError(f"expected values in brackets, as in (1,2), got {text!r}.")
    return text[1:-1]


def array(file: Path) -> Tensor:
    """Return the array in a ``.npy`` file; pickled ones are refused.

    Raises:
        ValueError: When the file is missing or holds no plain array.
    """
    try:
        return torch.from_numpy(np.load(file, allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ValueError(f"expected an array in {file}, which can't be read ({error})") from error


def metrics(texts: Sequence[str], *, truth: bool) -> list[evaluation.Metric]:
    """Return the metrics that texts name; ``usual`` stands for those measured unless asked.

    Raises:
        ValueError: When there is no such metric or option.
    """
    usual: list[evaluation.Metric] = [
        *evaluation.USUAL,
        *(evaluation.WITH_TRUTH if truth else ()),
    ]
    found = [usual if text == "usual" else [part("metric", text)] for text in texts]
    return list(dict.fromkeys(metric for group in found for metric in group))


def with_samples(chosen: Method, n_samples: int) -> Method | None:
    """Return the method with another number of samples; None where it lists its coalitions."""
    if not isinstance(chosen.samples, sampling.MonteCarlo):
        return None
    return replace(chosen, samples=replace(chosen.samples, n_samples=n_samples))


def with_regions(chosen: Method, n_regions: int) -> Method | None:
    """Return the method with another number of regions; None where it is told a shape instead."""
    cut: Any = chosen.segmentation
    if not hasattr(cut, "n_regions"):
        return None
    return replace(chosen, segmentation=replace(cut, n_regions=n_regions))
