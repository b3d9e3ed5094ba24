"""The Python side: read, explain, save, load and draw, each in one line."""

from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, SupportsIndex, overload

from vexplain import catalog, engine
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
from vexplain.models import Running, as_classifier
from vexplain.models.running import Precision
from vexplain.progress import Bar
from vexplain.video import read_clip

Target = SupportsIndex | str
Clip = VideoClip | str | PathLike[str]


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
        progress=(Bar() if progress else None) if isinstance(progress, bool) else progress,
        resume=resume,
    )
    return explanations if several else explanations[0]


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
