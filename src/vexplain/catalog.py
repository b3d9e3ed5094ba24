"""Every part by its name: the only registry.

A part with options is written ``name:option=value,option=value``, as in ``slic:n_regions=100``; an
option that is a part itself takes that part's name, as in ``linear:kernel=flat``, and an array the
name of a file, as in ``labels:labels=tracks.npy``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from vexplain import (
    behavior,
    core,
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
}

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
    name, _, options = nicknames.get(text, text).partition(":")
    if name not in known:
        names = [*known, *nicknames]
        raise ValueError(
            f"{kind}: expected one of {', '.join(names)}, got {name!r}.{near_names(name, names)}"
        )
    try:
        return known[name](**values(options, known[name]))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{kind} {text!r}: {error}") from error


def values(options: str, made: type) -> dict[str, Any]:
    """Return ``option=value,…`` as keyword arguments of the part ``made``."""
    found: dict[str, Any] = {}
    known = [f.name for f in fields(made)]
    for option in split(options):
        name, equals, value = option.partition("=")
        if name not in known or not equals:
            raise ValueError(
                f"expected options as name=value with {', '.join(known) or 'no names'}, got "
                f"{option!r}.{near_names(name, known)}"
            )
        found[name] = read_value(value)
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


def read_value(text: str) -> Any:
    """Return a number, a truth value, a tuple, a part by its name, an array file, or the text.

    A name that ends in ``.npy`` is an array: label volumes (T, H, W), or another clip's frames.
    """
    for kind in ("frame segmentation", "kernel", "show"):
        if text in PARTS[kind]:
            return PARTS[kind][text]()
    if text.endswith(".npy"):
        return array(Path(text))
    value = yaml.safe_load(text.replace("(", "[").replace(")", "]"))
    return tuple(value) if isinstance(value, list) else value


def array(file: Path) -> Tensor:
    """Return the array in a ``.npy`` file; pickled ones are refused.

    Raises:
        ValueError: When the file is missing or holds no plain array.
    """
    try:
        return torch.from_numpy(np.load(file, allow_pickle=False))
    except (OSError, ValueError, TypeError, EOFError) as error:
        raise ValueError(f"expected an array in {file}, which can't be read ({error})") from error


def with_samples(chosen: Method, n_samples: int) -> Method:
    """Return the method with another number of samples.

    Raises:
        ValueError: When the method lists its coalitions instead of drawing them.
    """
    if not isinstance(chosen.samples, sampling.MonteCarlo):
        raise ValueError(
            f"samples: {chosen.name} asks once per region and draws nothing; change the number of "
            "regions instead."
        )
    return replace(chosen, samples=replace(chosen.samples, n_samples=n_samples))


def with_regions(chosen: Method, n_regions: int) -> Method:
    """Return the method with another number of regions.

    Raises:
        ValueError: When the method's segmentation is told its shape, not a number.
    """
    cut: Any = chosen.segmentation
    if not hasattr(cut, "n_regions"):
        raise ValueError(
            f"regions: {type(cut).__name__} is told its cells along time, height and width. "
            "Give a segmentation instead, such as soft-grid:t=4,h=7,w=7 or "
            "sliding-window:boxes=(4,7,7)."
        )
    return replace(chosen, segmentation=replace(cut, n_regions=n_regions))
