"""Explanations as videos, drawn on the source at its own size and rate."""

import warnings
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from vexplain.core import Explanation, Source, VexplainWarning, VideoClip, Visualization
from vexplain.core.checks import check_flag, check_positive
from vexplain.core.explanation import check_explanation
from vexplain.rendering.captions import Caption, captioned
from vexplain.rendering.pictures import Picture, drawn_over, layer_of, picture
from vexplain.rendering.placing import Brush
from vexplain.video import digest, frame_rate, source_frames, write_video

SMALL = 200  # pixels: clips below are magnified, voxel by voxel
DEFAULT_FPS = 8.0  # where a clip's times give no rate
SEAM = 4  # pixels between the two sides


def render(
    explanation: Explanation,
    path: str | PathLike[str],
    *,
    visualization: Visualization | None = None,
    side_by_side: bool = False,
    caption: bool = False,
    fps: float | None = None,
) -> Path:
    """Draw an explanation over its video and write it as ``.mp4``, ``.webm`` or ``.gif``.

    Where the file that the clip was read from is still there, every one of its frames is drawn on,
    at its own size: the layer is interpolated in time between the frames that the model saw and
    held for one step before the first and after the last of them; that of a single frame stands on
    this frame alone. What the model never saw, outside the crop or further away in time, is
    darkened. An mp4 or webm keeps the file's sound.
    Otherwise the clip's own frames are drawn on, magnified where they are small.

    Args:
        explanation: What to draw.
        path: The file to write.
        visualization: Step 7; the one of the explanation's method by default.
        side_by_side: Whether the untouched frame stands to the left.
        caption: Whether a strip below the picture says what is explained and what the colours
            mean; a narrow picture gets white margins for it.
        fps: Frames per second, evenly spaced and without sound; by default every frame keeps its
            time in the source.

    Returns:
        ``path``.

    Raises:
        TypeError: When ``explanation`` or a flag is something else.
        ValueError: When ``fps`` is not above 0, the suffix is another one, ``path`` is the source
            video, or the visualization makes no layer for this clip.
        OSError: When the file can't be written.
    """
    check_explanation("explanation", explanation)
    check_flag("side_by_side", side_by_side)
    check_flag("caption", caption)
    if fps is not None:
        check_positive("fps", fps)
    draw = visualization or explanation.method.visualization
    check_other_file(path, explanation.clip.source)
    source = readable(explanation.clip.source)
    film = film_of(explanation, source, draw)
    times: deque[float] = deque()
    pictures = finished(film.shots, times, side_by_side)
    if caption:
        pictures = captioned(pictures, Caption.of(explanation, draw, unseen=film.unseen))
    own_times = source is not None and fps is None
    write_video(
        path,
        pictures,
        fps=film.rate if fps is None else fps,
        seconds=passed_on(times) if own_times else None,
        sound=source.path if source is not None and own_times and has_sound(path, source) else None,
    )
    return Path(path)


def has_sound(path: str | PathLike[str], source: Source) -> bool:
    """Return whether there may be sound: neither a gif nor a folder of pictures has any."""
    return Path(path).suffix.lower() != ".gif" and not Path(source.path).is_dir()


@dataclass(frozen=True, eq=False)
class Film:
    """The frames, drawn on.

    Attributes:
        shots: One after another.
        rate: How many come per second.
        unseen: Whether parts of them are darkened.
    """

    shots: Iterator["Shot"]
    rate: float | Fraction
    unseen: bool


def film_of(explanation: Explanation, source: Source | None, draw: Visualization) -> Film:
    """Return the frames of the source drawn on, or where there is none those of the clip."""
    clip, layer = explanation.clip, layer_of(explanation, draw)
    if source is None:
        return Film(drawn_on_clip(clip, layer, draw), clip_rate(clip), unseen=False)
    brush = Brush(source, layer, draw)
    unseen = brush.leaves(source.n_frames)
    return Film(drawn_on_source(source, brush), frame_rate(source.path), unseen)


def check_other_file(path: str | PathLike[str], source: Source | None) -> None:
    """Raise ``ValueError`` when ``path`` is the source video itself, or a picture in its folder."""
    if source is None or not Path(source.path).exists():
        return
    target, video = Path(path), Path(source.path)
    if target.exists() and target.samefile(video):
        raise ValueError(f"path: expected another file than the source video {path}.")
    if target.suffix.lower() == ".png" and target.resolve().parent == video.resolve():
        raise ValueError(
            f"path: expected another folder than that of the source's frames, got {path}, which "
            "would be read as one of them."
        )


def readable(source: Source | None) -> Source | None:
    """Return the source if its file is still the one that was read, else None and a warning."""
    if source is None:
        return None
    try:
        if digest(source.path) == source.digest:
            return source
        trouble = "has changed since it was read"
    except (OSError, ValueError) as error:
        trouble = f"can't be read ({error})"
    warnings.warn(
        f"the source video {source.path} {trouble}, so the explanation is drawn on the clip's own "
        "frames; put the file back to draw on every frame of it.",
        VexplainWarning,
        stacklevel=3,
    )
    return None


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame untouched and drawn on, and when it is shown, in seconds."""

    seconds: float
    plain: Picture
    drawn: Picture


def finished(
    shots: Iterator[Shot], times: deque[float], side_by_side: bool
) -> Iterator[UInt8[np.ndarray, "h wide 3"]]:
    """Yield the pictures to write; before each one its seconds are put into ``times``."""
    for shot in shots:
        times.append(shot.seconds)
        yield beside(shot.plain, shot.drawn) if side_by_side else shot.drawn


def passed_on(times: deque[float]) -> Iterator[float]:
    """Yield what is put into ``times``, until nothing more is: unlike tee, holds no pictures."""
    while times:
        yield times.popleft()


def drawn_on_clip(
    clip: VideoClip, layer: Float[Tensor, "T 4 H W"], draw: Visualization
) -> Iterator[Shot]:
    """Yield the clip's frames untouched and drawn on; small ones magnified voxel by voxel."""
    times = -(-SMALL // max(clip.shape[2:]))
    for seconds, frame, sheet in zip(clip.pts_seconds, clip.frames.cpu(), layer, strict=True):
        drawn = drawn_over(frame[None], sheet[None], draw)[0]
        large = (magnified(picture(one), times) for one in (frame, drawn))
        yield Shot(float(seconds), *large)


def drawn_on_source(source: Source, brush: Brush) -> Iterator[Shot]:
    """Yield every source frame untouched and drawn on, one at a time."""
    for frame in source_frames(source.path):
        yield Shot(frame.seconds, frame.pixels, brush.drawn(frame.index, frame.pixels))


def clip_rate(clip: VideoClip) -> float:
    """Return a clip's mean frames per second, or a default where its times don't rise."""
    seconds = float(clip.pts_seconds[-1] - clip.pts_seconds[0])
    return (len(clip.pts_seconds) - 1) / seconds if seconds > 0 else DEFAULT_FPS


def magnified(pixels: Picture, times: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return every pixel as a square of ``times`` × ``times`` pixels."""
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def beside(left: Picture, right: Picture) -> UInt8[np.ndarray, "h both 3"]:
    """Return two pictures side by side with a white seam."""
    seam = np.full((left.shape[0], SEAM, 3), 255, dtype=np.uint8)
    return np.concatenate([left, seam, right], axis=1)
