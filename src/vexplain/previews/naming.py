"""What previews say of a clip, and the names of what they compare."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vexplain.core import VideoClip


def about(clip: VideoClip) -> str:
    """Return where a clip comes from, its frames and its size."""
    T, _, H, W = clip.shape
    size = f"{W}\N{MULTIPLICATION SIGN}{H} pixels"
    if clip.source is None:
        return f"{T} frames of {size}"
    return f"{Path(clip.source.path).name} · {T} of {clip.source.n_frames} frames · {size}"


def moments_of(clip: VideoClip, chosen: Sequence[int]) -> list[str]:
    """Return the times of some frames of a clip."""
    return [f"{clip.pts_seconds[i]:.2f} s" for i in chosen]


def check_named(name: str, given: object, kind: type, example: str) -> None:
    """Raise unless parts are given by name, at least one.

    Raises:
        TypeError: When it is no mapping, or a value is something else.
        ValueError: When there is none.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{name}: expected a mapping of names, as {example}, got {given!r}.")
    if not given:
        raise ValueError(f"{name}: expected at least one, as {example}, got none.")
    for key, value in given.items():
        if isinstance(value, type) or not isinstance(value, kind):
            raise TypeError(f"{name}: expected a {kind.__name__} for {key!r}, got {value!r}.")
