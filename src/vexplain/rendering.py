"""Explanations as files: a video drawn on the source at its own size and rate, a contact sheet."""

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
from torch.nn.functional import grid_sample, interpolate

from vexplain.core import Explanation, Source, VexplainWarning, VideoClip, Visualization
from vexplain.core.checks import check_positive
from vexplain.core.files import atomic_path
from vexplain.video import digest, frame_rate, source_frames, write_video
from vexplain.visualization import Row, Scale, Scaled, Sheet, draw_sheet, overlay

UNSEEN = 0.6  # brightness of what the model never saw
SMALL = 200  # pixels: clips below are magnified, voxel by voxel
DEFAULT_FPS = 8.0  # where a clip's times give no rate
SEAM = 4  # pixels between the two sides
TILE_SHORT, TILE_LONG = 160, 288  # pixels: least short side and largest long side of a tile

Picture = UInt8[np.ndarray, "h w 3"]


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
    layer = layer_of(explanation, visualization)
    source = readable(clip.source)
    check_other_file(path, source)
    drawn = drawn_on_clip(clip, layer) if source is None else drawn_on_source(source, layer)
    rate = fps or (clip_rate(clip) if source is None else frame_rate(source.path))
    times: deque[float] = deque()
    pictures = finished(drawn, times, side_by_side)
    seconds = None if source is None or fps else passed_on(times)
    write_video(path, pictures, fps=rate, seconds=seconds)
    return Path(path)


def contact_sheet(
    explanations: Explanation | Sequence[Explanation],
    path: str | PathLike[str],
    *,
    n_frames: int = 8,
    visualization: Visualization | None = None,
) -> Path:
    """Write a picture: the clip's frames in the first row, one row per explanation below.

    Args:
        explanations: One, or several of the same clip.
        path: The ``.png`` file to write.
        n_frames: Largest number of columns; they are spread evenly, first and last included.
        visualization: Step 7 for every row; each method's own by default.

    Returns:
        ``path``.

    Raises:
        ValueError: When there is no explanation, or they are of clips of different shapes, or
            ``path`` has another suffix.
        OSError: When the file can't be written.
    """
    rows = [explanations] if isinstance(explanations, Explanation) else list(explanations)
    check_positive("n_frames", n_frames)
    check_png(path)
    check_same_clip(rows)
    clip = rows[0].clip
    chosen = evenly(clip.shape[0], n_frames)
    size = tile_size(clip)
    sheet = Sheet(
        title=title_of(rows),
        subtitle=subtitle_of(clip),
        moments=[f"{clip.pts_seconds[i]:.2f} s" for i in chosen],
        rows=[
            Row(tiles(clip.frames[chosen], size), "Clip"),
            *(explained_row(row, visualization, chosen, size) for row in rows),
        ],
    )
    with atomic_path(path) as part:
        draw_sheet(sheet).save(part)
    return Path(path)


def layer_of(
    explanation: Explanation, visualization: Visualization | None
) -> Float[Tensor, "T 4 H W"]:
    """Return the RGBA layer of an explanation, on the CPU.

    Raises:
        ValueError: When the visualization makes a layer of another size than the clip's.
    """
    draw = visualization or explanation.method.visualization
    layer = draw(explanation.attribution, explanation.segmentation).cpu()
    T, _, H, W = explanation.clip.shape
    if tuple(layer.shape) != (T, 4, H, W):
        raise ValueError(
            f"visualization: expected a layer of shape {(T, 4, H, W)} for this clip, "
            f"got {tuple(layer.shape)} from {draw!r}."
        )
    return layer


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


def drawn_on_clip(clip: VideoClip, layer: Float[Tensor, "T 4 H W"]) -> Iterator[Shot]:
    """Yield the clip's frames untouched and drawn on; small ones magnified voxel by voxel."""
    times = -(-SMALL // max(clip.shape[2:]))
    for seconds, frame, sheet in zip(clip.pts_seconds, clip.frames.cpu(), layer, strict=True):
        drawn = overlay(frame[None], sheet[None])[0]
        large = (magnified(picture(one), times) for one in (frame, drawn))
        yield Shot(float(seconds), *large)


def drawn_on_source(source: Source, layer: Float[Tensor, "T 4 H W"]) -> Iterator[Shot]:
    """Yield every source frame untouched and drawn on, one at a time."""
    timeline = Timeline.of(source.frame_index, layer)
    area = Area.of(source)
    for frame in source_frames(source.path):
        if timeline.reaches(frame.index):
            drawn = area.blend(frame.pixels, timeline.at(frame.index))
        else:
            drawn = (frame.pixels * UNSEEN).astype(np.uint8)
        yield Shot(frame.seconds, frame.pixels, drawn)


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

    def blend(self, pixels: Picture, layer: Float[Tensor, "4 H W"]) -> Picture:
        """Lay a premultiplied layer over the pixels inside, and darken those outside."""
        resized = grid_sample(
            layer[None], self.grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        over = resized[0].permute(1, 2, 0).numpy() * self.inside
        shade = UNSEEN + (1 - UNSEEN) * self.inside
        blended = pixels * (shade - over[..., 3:]) + 255 * over[..., :3]
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


def picture(frame: Float[Tensor, "3 H W"]) -> Picture:
    """Return a frame in [0, 1] as 8-bit pixels."""
    pixels = (frame.cpu() * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous().numpy()


def magnified(pixels: Picture, times: int) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return every pixel as a square of ``times`` × ``times`` pixels."""
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def beside(left: Picture, right: Picture) -> UInt8[np.ndarray, "h both 3"]:
    """Return two pictures side by side with a white seam."""
    seam = np.full((left.shape[0], SEAM, 3), 255, dtype=np.uint8)
    return np.concatenate([left, seam, right], axis=1)


def check_png(path: str | PathLike[str]) -> None:
    """Raise ``ValueError`` unless ``path`` ends in ``.png``."""
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"path: expected the name of a picture that ends in .png, got {path}.")


def check_same_clip(explanations: Sequence[Explanation]) -> None:
    """Raise ``ValueError`` unless there is an explanation, and all are of clips of one shape."""
    if not explanations:
        raise ValueError("explanations: expected at least one explanation, got none.")
    shapes = sorted({explanation.clip.shape for explanation in explanations})
    if len(shapes) > 1:
        raise ValueError(
            f"explanations: expected explanations of the same clip, got clips of shapes {shapes}. "
            "Make one sheet per clip."
        )


def evenly(n: int, wanted: int) -> list[int]:
    """Return at most ``wanted`` of the numbers 0..n−1, evenly spread, both ends included."""
    if wanted == 1:
        return [n // 2]
    count = min(n, wanted)
    return [round(i * (n - 1) / max(count - 1, 1)) for i in range(count)]


def tile_size(clip: VideoClip) -> tuple[int, int]:
    """Return rows and columns of a tile, in the proportions that the clip has in its source."""
    height, width = (float(side) for side in clip.shape[2:])
    if clip.source is not None:
        top, left, bottom, right = clip.source.box
        width = height * (right - left) / (bottom - top)
    factor = min(TILE_SHORT / min(height, width), TILE_LONG / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def tiles(frames: Float[Tensor, "T 3 H W"], size: tuple[int, int]) -> list[Picture]:
    """Return frames as pictures of ``size``; where they grow much, their voxels stay visible."""
    if size[0] >= 3 * frames.shape[2]:
        resized = interpolate(frames.cpu(), size, mode="nearest-exact")
    else:
        resized = interpolate(frames.cpu(), size, mode="bicubic", antialias=True)
    return [picture(frame) for frame in resized]


def explained_row(
    explanation: Explanation,
    visualization: Visualization | None,
    chosen: Sequence[int],
    size: tuple[int, int],
) -> Row:
    """Return the row of one explanation: tiles, caption and what the colours mean."""
    draw = visualization or explanation.method.visualization
    layer = layer_of(explanation, draw)[chosen]
    drawn = overlay(explanation.clip.frames.cpu()[chosen], layer)
    scale = None
    if isinstance(draw, Scaled):
        scale = draw.scale(explanation.attribution, explanation.segmentation)
    return Row(
        tiles=tiles(drawn, size),
        name=explanation.method.name,
        notes=[target_note(explanation), *fit_notes(explanation)],
        scale=scale,
        legend=legend_of(explanation, draw, scale),
    )


def legend_of(explanation: Explanation, draw: Visualization, scale: Scale | None) -> str:
    """Return the line below the colour bar: the unit, and which way is which."""
    if scale is not None:
        return "score; above 0 supports the target"
    return "nothing to show" if isinstance(draw, Scaled) else ""


def target_note(explanation: Explanation) -> str:
    """Return the target and its probability on the whole clip."""
    return f"{explanation.target_name}, P = {probability(explanation):.3f}"


def probability(explanation: Explanation) -> float:
    """Return the probability that the model gives the target on the whole clip."""
    ledger = explanation.ledger
    scores = ledger.full.softmax(0) if ledger.kind == "logits" else ledger.full
    return float(scores[explanation.target])


def fit_notes(explanation: Explanation) -> list[str]:
    """Return how far a sampled explanation can be trusted, on one line, where it is known."""
    fit = explanation.attribution.fit
    known = [("R²", fit.r2), ("reliability", fit.reliability)]
    parts = [f"{name} {value:.2f}" for name, value in known if value is not None]
    return [", ".join(parts)] if parts else []


def title_of(explanations: Sequence[Explanation]) -> str:
    """Return the sheet's title: the target, where all rows have the same one."""
    targets = {explanation.target_name for explanation in explanations}
    return f"What the model saw: {' / '.join(sorted(targets))}"


def subtitle_of(clip: VideoClip) -> str:
    """Return where the clip comes from and what of it the model was given."""
    T, _, H, W = clip.shape
    given = f"{W}\N{MULTIPLICATION SIGN}{H} pixels"
    if clip.source is None:
        return f"{T} frames of {given}"
    name = Path(clip.source.path).name
    return f"{name} · {T} of {clip.source.n_frames} frames · the model was given {given}"
