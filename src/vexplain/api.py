"""The Python side: read, explain, save, load and draw, each in one line."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex, overload

import numpy as np
from torch import Tensor

from vexplain import catalog, engine, evaluation
from vexplain.core import (
    Classifier,
    ClipSpec,
    Explanation,
    Method,
    ModelSpec,
    Progress,
    VideoClip,
)
from vexplain.core.archive import read
from vexplain.evaluation import Evaluation, Metric, read_truth, truth_from_volume
from vexplain.models import Running, as_classifier
from vexplain.models.running import Precision
from vexplain.progress import Bar
from vexplain.video import read_clip

Target = SupportsIndex | str
Clip = VideoClip | str | PathLike[str]
Truth = Tensor | np.ndarray | str | PathLike[str]


@overload
def explain(
    clip: Clip,
    model: Any,
    *,
    method: str | Method = ...,
    target: Target | None = ...,
    seed: int = ...,
    spec: ModelSpec | None = ...,
    device: str | None = ...,
    precision: Precision = ...,
    batch_size: int | None = ...,
    progress: bool | Progress = ...,
    resume: Explanation | None = ...,
) -> Explanation: ...


@overload
def explain(
    clip: Clip,
    model: Any,
    *,
    method: str | Method = ...,
    target: Sequence[Target],
    seed: int = ...,
    spec: ModelSpec | None = ...,
    device: str | None = ...,
    precision: Precision = ...,
    batch_size: int | None = ...,
    progress: bool | Progress = ...,
    resume: Explanation | None = ...,
) -> list[Explanation]: ...


def explain(
    clip: Clip,
    model: Any,
    *,
    method: str | Method = "rise",
    target: Target | Sequence[Target] | None = None,
    seed: int = 0,
    spec: ModelSpec | None = None,
    device: str | None = None,
    precision: Precision = "auto",
    batch_size: int | None = None,
    progress: bool | Progress = True,
    resume: Explanation | None = None,
) -> Explanation | list[Explanation]:
    """Explain what a model saw in a clip.

    Args:
        clip: A clip, or the path of a video, which is then read as the model's spec says.
        model: What ``load_model`` returns, a torch module, or a callable on a batch.
        method: A method's name (lime, kernel-shap, rise, loco, univariate, sos) or a ``Method``.
        target: Number or name of the class to explain, or several; by default the one predicted.
        seed: The same seed gives the same result.
        spec: What a module or callable wants; by default (N, T, 3, H, W), RGB, in [0, 1].
        device: Where a module shall run, such as ``cuda`` or ``auto``; by default where it lies.
        precision: How precisely a module shall run: float32, bfloat16, float16, int8; ``auto`` is
            float32.
        batch_size: Clips per forward pass; by default as many as fit a budget of memory.
        progress: True shows a bar, False nothing; or an object of your own.
        resume: An interrupted explanation to go on from.

    Returns:
        The explanation; a list of them where several targets were given.

    Raises:
        ValueError: When an argument doesn't fit; the message says which and what to do.
        Interrupted: On Ctrl-C; its ``explanations`` rest on what was evaluated until then.
        ServerLostError: When a model on a server can't be reached any more, likewise.
    """
    check_types(method, spec, resume)
    classifier = as_classifier(model, spec, Running(device=device, precision=precision))
    several = isinstance(target, Iterable) and not isinstance(target, str | SupportsIndex)
    explanations = engine.explain(
        suitable_clip(clip, classifier),
        classifier,
        method=catalog.method(method) if isinstance(method, str) else method,
        targets=None if target is None else [*target] if several else [target],  # type: ignore[misc, list-item]
        seed=seed,
        batch_size=batch_size,
        progress=bar(progress, "explaining"),
        resume=resume,
    )
    return explanations if several else explanations[0]


@overload
def evaluate(
    explanation: Explanation,
    model: Any,
    *,
    metrics: Iterable[Metric | str] | None = ...,
    truth: Truth | None = ...,
    references: bool = ...,
    random_maps: int = ...,
    maps: Mapping[str, Tensor | np.ndarray] | None = ...,
    spec: ModelSpec | None = ...,
    device: str | None = ...,
    precision: Precision = ...,
    seed: int = ...,
    batch_size: int | None = ...,
    progress: bool | Progress = ...,
) -> Evaluation: ...


@overload
def evaluate(
    explanation: Iterable[Explanation],
    model: Any,
    *,
    metrics: Iterable[Metric | str] | None = ...,
    truth: Truth | Sequence[Truth | None] | None = ...,
    references: bool = ...,
    random_maps: int = ...,
    maps: Mapping[str, Tensor | np.ndarray] | None = ...,
    spec: ModelSpec | None = ...,
    device: str | None = ...,
    precision: Precision = ...,
    seed: int = ...,
    batch_size: int | None = ...,
    progress: bool | Progress = ...,
) -> list[Evaluation]: ...


def evaluate(
    explanation: Explanation | Iterable[Explanation],
    model: Any,
    *,
    metrics: Iterable[Metric | str] | None = None,
    truth: Truth | Sequence[Truth | None] | None = None,
    references: bool = True,
    random_maps: int = 3,
    maps: Mapping[str, Tensor | np.ndarray] | None = None,
    spec: ModelSpec | None = None,
    device: str | None = None,
    precision: Precision = "auto",
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | Progress = True,
) -> Evaluation | list[Evaluation]:
    """Measure how good explanations are, beside a random map and a centre prior.

    Args:
        explanation: One, or several of any clips and methods.
        model: The model that was explained, in any form that ``explain`` takes.
        metrics: Metrics, or their names as in the shell (``"deletion:fill=blur"``); by default two
            curves with what they tell, and how concentrated the map is; and where a truth is given,
            how well the map meets it.
        truth: Where the evidence is known to be: what ``read_truth`` reads, or a label volume as
            ``truth_from_volume`` takes it; for several explanations one for all, or a list.
        references: Whether random maps and a centre prior are measured too.
        random_maps: Over how many random maps the numbers of "a random map" are averaged.
        maps: Other maps (T, H, W) to be measured too, by name, such as a gradient method's.
        spec: What a module or callable wants, as in ``explain``.
        device: Where a module shall run, as in ``explain``.
        precision: How precisely a module shall run, as in ``explain``.
        seed: Draws the random maps.
        batch_size: Clips per forward pass; by default as many as fit a budget of memory.
        progress: True shows a bar, False nothing; or an object of your own.

    Returns:
        The evaluation, or a list of them where several explanations were given; sum those up over
        clips with ``compare``.

    Raises:
        ValueError: When an argument doesn't fit; the message says which and what to do.
        FileNotFoundError: When there is no such file of truth.
        vexplain.evaluation.Stopped: On Ctrl-C; its ``evaluations`` are those done until then.
    """
    several = not isinstance(explanation, Explanation)
    given = explanations_of(explanation)
    chosen = None if metrics is None else metrics_of(metrics)
    check_maps(maps)
    shown = bar(progress, "evaluating")
    truths = zip(given, truths_of(truth, len(given), several), strict=True)
    insides = [None if known is None else truth_of(known, one.clip) for one, known in truths]
    classifier = as_classifier(model, spec, Running(device=device, precision=precision))
    found: list[Evaluation] = []
    try:
        for one, inside in zip(given, insides, strict=True):
            found.append(
                evaluation.evaluate(
                    one,
                    classifier,
                    metrics=None if chosen is None else looked_up(chosen, inside),
                    truth=inside,
                    references=references,
                    random_maps=random_maps,
                    maps=maps,
                    seed=seed,
                    batch_size=batch_size,
                    progress=shown,
                )
            )
    except KeyboardInterrupt:
        raise evaluation.Stopped(found, len(given)) from None
    return found if several else found[0]


def explanations_of(explanation: object) -> list[Explanation]:
    """Return one or several explanations as a list.

    Raises:
        TypeError: When they are something else.
    """
    given = [explanation] if isinstance(explanation, Explanation) else explanation
    listed = list(given) if isinstance(given, Iterable) else []
    if not listed or not all(isinstance(one, Explanation) for one in listed):
        raise TypeError(
            "explanation: expected what vexplain.explain or load returns, or a list of such, got "
            f"{type(explanation).__name__}."
        )
    return listed


def check_maps(maps: object) -> None:
    """Raise ``TypeError`` unless maps are given by name."""
    if not isinstance(maps, Mapping | None):
        raise TypeError(f"maps: expected a mapping of names to maps, got {type(maps).__name__}.")


def bar(progress: object, label: str) -> Progress | None:
    """Return a bar for True, nothing for False, and a progress of the caller's as it is.

    Raises:
        TypeError: On anything else.
    """
    if isinstance(progress, bool):
        return Bar(label) if progress else None
    if not isinstance(progress, Progress):
        raise TypeError(
            "progress: expected True, False, or an object with start, advance and stop, got "
            f"{progress!r}."
        )
    return progress


def metrics_of(metrics: object) -> list[Metric | str]:
    """Return the metrics and names of metrics that were given, as a list.

    Raises:
        TypeError: On anything that is neither.
    """
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(f"metrics: expected a list of metrics or names, got {metrics!r}.")
    listed = list(metrics)
    for one in listed:
        if isinstance(one, type) or not isinstance(one, Metric | str):
            raise TypeError(
                f"metrics: expected metrics, such as vexplain.evaluation.Deletion(), or names, got "
                f"{one!r}."
            )
    return listed


def looked_up(metrics: Sequence[Metric | str], inside: Tensor | None) -> list[Metric]:
    """Return the metrics, those given by name from the catalog."""
    found: list[Metric] = []
    for one in metrics:
        if isinstance(one, str):
            found += catalog.metrics([one], truth=inside is not None)
        else:
            found.append(one)
    return [one for i, one in enumerate(found) if not any(one is two for two in found[:i])]


def truths_of(truth: Any, n: int, several: bool) -> list[Any]:
    """Return one truth per explanation; a single one is for all.

    Raises:
        TypeError: When it is no truth and no list of such.
        ValueError: When a list has another length.
    """
    if truth is None or isinstance(truth, Tensor | np.ndarray | str | PathLike):
        return [truth] * n
    if not several or not isinstance(truth, Sequence):
        raise TypeError(
            "truth: expected an array (T, H, W) or the name of a file, or a list of such for a "
            f"list of explanations, got {type(truth).__name__}."
        )
    if len(truth) != n:
        raise ValueError(f"truth: expected one per explanation ({n}), got {len(truth)}.")
    return list(truth)


def truth_of(truth: Truth, clip: VideoClip) -> Tensor:
    """Return a truth on the grid of the clip."""
    if isinstance(truth, Tensor | np.ndarray):
        return truth_from_volume(truth, clip)
    return read_truth(truth, clip)


def check_types(method: object, spec: object, resume: object) -> None:
    """Raise ``TypeError`` on arguments that can't be what they should."""
    if not isinstance(method, str | Method):
        raise TypeError(
            f"method: expected a name or a Method, got {method!r}. Call the functions in "
            "vexplain.methods, as in vexplain.methods.rise()."
        )
    if not isinstance(spec, ModelSpec | None):
        raise TypeError(f"spec: expected a ModelSpec, got {spec!r}.")
    if not isinstance(resume, Explanation | None):
        raise TypeError(f"resume: expected an explanation, as vexplain.load gives, got {resume!r}.")


def load(path: str | PathLike[str], *, parts: Iterable[type] = ()) -> Explanation:
    """Read an explanation that was saved.

    Args:
        path: The file.
        parts: Classes of parts of your own that the file may hold. Nothing else is built, and no
            code in the file is executed.

    Raises:
        FileNotFoundError: When there is no such file.
        ValueError: When the file is something else or holds an unknown part.
    """
    explanation = read(path, catalog.registry(parts))
    if not isinstance(explanation, Explanation):
        raise ValueError(f"path: expected an explanation in {path}.")
    return explanation


def suitable_clip(clip: Clip, model: Classifier) -> VideoClip:
    """Return the clip, read from its file if need be, checked against what the model wants.

    Raises:
        ValueError: When the clip has another number of frames or another size.
    """
    wanted = clip_spec_of(model)
    if not isinstance(clip, VideoClip | str | PathLike):
        raise TypeError(
            f"clip: expected a VideoClip or the path of a video, got {type(clip).__name__}. Make "
            "a clip of an array or a tensor with vexplain.clip_from_array."
        )
    if not isinstance(clip, VideoClip):
        return read_clip(Path(clip), wanted or ClipSpec())
    if wanted is None:
        return clip
    frames, _, *size = clip.shape
    if frames != wanted.frames or (wanted.height_width and tuple(size) != wanted.height_width):
        side = wanted.height_width or ("any", "any")
        raise ValueError(
            f"clip: the model wants {wanted.frames} frames of {side[0]}x{side[1]} pixels, got "
            f"{frames} of {size[0]}x{size[1]}. Read it as the model's spec says."
        )
    return clip


def clip_spec_of(model: Classifier) -> ClipSpec | None:
    """Return which clips a model wants, or None where it doesn't say."""
    spec = getattr(model, "spec", None)
    return spec.clip if isinstance(spec, ModelSpec) else None
