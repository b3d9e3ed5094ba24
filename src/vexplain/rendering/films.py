"""Explanations as videos, drawn on the source at its own size and rate."""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from vexplain.core import Explanation, Source, VexplainWarning, VideoClip, Visualization
from vexplain.core.checks import check_positive
from vexplain.rendering.pictures import Picture, drawn_over, layer_of, picture
from vexplain.video import digest, frame_rate, source_frames, write_video
from vexplain.visualization import Backed

UNSEEN = 0.6  # brightness of what the model never saw
SMALL = 200  # pixels: clips below are magnified, voxel by voxel
DEFAULT_FPS = 8.0  # where a clip's times give no rate
SEAM = 4  # pixels between the two sides


def render(
    explanation: Explanation,
    path: str | PathLike[str],
    *,
    visualization: Visualization | None = None,
    side_by_side: bool = False,
    fps: float | None = None,
) -> Path:
    """Draw an explanation over its video and write it as ``.mp4`` or ``.gif``.

    Where the file that the clip was read from is still there, every one of its frames is drawn on,
    at its own size: the layer is interpolated in time between the frames that the model saw and
    held for one step before the first and after the last of them. What the model never saw,
    outside the crop or further away in time, is darkened. Otherwise the clip's own frames are
    drawn on, magnified where they are small.

    Args:
        explanation: What to draw.
        path: The file to write.
        visualization: Step 7; the one of the explanation's method by default.
        side_by_side: Whether the untouched frame stands to the left.
        fps: Frames per second; by default an mp4 keeps the time of every frame of the source, and
            a gif its average rate.

    Returns:
        ``path``.

    Raises:
        ValueError: When ``fps`` is not above 0, the suffix is another one, or ``path`` is the
            source video.
        OSError: When the file can't be written.
    """
    if fps is not None:
        check_positive("fps", fps)
    clip = explanation.clip
    draw = visualization or explanation.method.visualization
    layer = layer_of(explanation, draw)
    source = readable(clip.source)
    check_other_file(path, source)
    if source is None:
        drawn = drawn_on_clip(clip, layer, draw)
    else:
        drawn = drawn_on_source(source, layer, draw)
    rate = fps or (clip_rate(clip) if source is None else frame_rate(source.path))
    times: deque[float] = deque()
    pictures = finished(drawn, times, side_by_side)
    seconds = None if source is None or fps else passed_on(times)
    write_video(path, pictures, fps=rate, seconds=seconds)
    return Path(path)


def check_other_file(path: str | PathLike[str], source: Source | None) -> None:
    """Raise ``ValueError`` when ``path`` is the source video itself."""
    if source is not None and Path(path).exists() and Path(path).samefile(source.path):
        raise ValueError(f"path: expected another file than the source video {path}.")


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


def drawn_on_source(
    source: Source, layer: Float[Tensor, "T 4 H W"], draw: Visualization
) -> Iterator[Shot]:
    """Yield every source frame untouched and drawn on, one at a time."""
    timeline = Timeline.of(source.frame_index, layer)
    area = Area.of(source)
    for frame in source_frames(source.path):
        if timeline.reaches(frame.index):
            back = backdrop_of(frame.pixels, draw) if isinstance(draw, Backed) else None
            drawn = area.blend(frame.pixels, timeline.at(frame.index), back)
        else:
            drawn = (frame.pixels * UNSEEN).astype(np.uint8)
        yield Shot(frame.seconds, frame.pixels, drawn)


def backdrop_of(pixels: Picture, draw: Backed) -> Picture:
    """Return what a source frame is exchanged for, as 8-bit pixels."""
    frame = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    return picture(draw.backdrop(frame[None])[0])


@dataclass(frozen=True, eq=False)
class Timeline:
    """The layers of the frames that the model saw, in the order of the source.

    Attributes:
        frames: (n,) numbers of the source frames, rising.
        layers: (n, 4, H, W), colours premultiplied by alpha so that they may be averaged.
    """

    frames: NDArray[np.int64]
    layers: Float[Tensor, "n 4 H W"]

    @classmethod
    def of(cls, frame_index: Sequence[int], layer: Float[Tensor, "T 4 H W"]) -> "Timeline":
        """Sort clip frames by source frame; a frame that the model saw twice gets the mean."""
        frames, place = np.unique(np.asarray(frame_index), return_inverse=True)
        premultiplied = torch.cat([layer[:, :3] * layer[:, 3:], layer[:, 3:]], dim=1)
        sums = torch.zeros(len(frames), *layer.shape[1:])
        sums.index_add_(0, torch.from_numpy(place), premultiplied)
        counts = torch.from_numpy(np.bincount(place)).float()
        return cls(frames, sums / counts[:, None, None, None])

    def reaches(self, frame: int) -> bool:
        """Return whether a source frame is at most the widest step away from a frame seen."""
        if len(self.frames) == 1:
            return True
        step = int(np.diff(self.frames).max())
        return bool(self.frames[0] - step <= frame <= self.frames[-1] + step)

    def at(self, frame: int) -> Float[Tensor, "4 H W"]:
        """Return the layer at a source frame: linear between two, held beyond the ends."""
        place = float(np.interp(frame, self.frames, np.arange(len(self.frames))))
        low = int(place)
        high = min(low + 1, len(self.frames) - 1)
        return self.layers[low].lerp(self.layers[high], place - low)


@dataclass(frozen=True, eq=False)
class Area:
    """Where the clip lies in a source frame.

    Attributes:
        grid: (1, rows, columns, 2) for every source pixel its place in the clip, x and y, where
            −1 and 1 are the clip's edges.
        inside: (rows, columns, 1) share of every source pixel that lies in the clip.
    """

    grid: Float[Tensor, "1 h w 2"]
    inside: Float[np.ndarray, "h w 1"]

    @classmethod
    def of(cls, source: Source) -> "Area":
        """Place the box of a source."""
        top, left, bottom, right = source.box
        y, inside_y = axis(top, bottom, source.height)
        x, inside_x = axis(left, right, source.width)
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        return cls(grid[None], (inside_y[:, None] * inside_x).numpy()[..., None])

    def blend(
        self, pixels: Picture, layer: Float[Tensor, "4 H W"], back: Picture | None = None
    ) -> Picture:
        """Lay a premultiplied layer over the pixels inside, and darken those outside.

        ``back`` is what stands in the place of the layer's colours.
        """
        resized = grid_sample(
            layer[None], self.grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        over = resized[0].permute(1, 2, 0).numpy() * self.inside
        shade = UNSEEN + (1 - UNSEEN) * self.inside
        color = 255 * over[..., :3] if back is None else over[..., 3:] * back
        blended = pixels * (shade - over[..., 3:]) + color
        return np.asarray(blended + 0.5).clip(0, 255).astype(np.uint8)


def axis(start: float, stop: float, n: int) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return, for n pixels, their centres on a span drawn from −1 to 1, and their share inside."""
    edges = torch.arange(n + 1, dtype=torch.float32)
    places = 2 * (edges[:-1] + 0.5 - start) / (stop - start) - 1
    inside = edges[1:].clamp(max=stop) - edges[:-1].clamp(min=start)
    return places, inside.clamp(0, 1)


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
