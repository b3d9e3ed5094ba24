"""Where the layers of a clip lie on the frames of its source, in space and in time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, interpolate

from vexplain.core import Source, Visualization
from vexplain.rendering.pictures import Picture, backdrop_of, picture
from vexplain.visualization import Backed

UNSEEN = 0.6  # brightness of what the model never saw


class Brush:
    """Draws an explanation on the frames of its source, each at its own time."""

    def __init__(
        self, source: Source, layer: Float[Tensor, "T 4 H W"], draw: Visualization
    ) -> None:
        self._timeline = Timeline.of(source.frame_index, shrunk(layer, source))
        self._area = Area.of(source)
        self._draw = draw
        # Two are enough: frames come in order, and each lies between two layers.
        self._cover = lru_cache(maxsize=2)(self._placed)

    def drawn(self, index: int, pixels: Picture) -> Picture:
        """Return the source frame of a number, drawn on."""
        if not self._timeline.reaches(index):
            return np.take(DARKER, pixels)
        low, high, share = self._timeline.around(index)
        back = backdrop_over(pixels, self._draw) if isinstance(self._draw, Backed) else None
        return self._cover(low).lerp(self._cover(high), share).over(pixels, back)

    def leaves(self, n_frames: int) -> bool:
        """Return whether the model saw not all of the source."""
        ends = self._timeline.reaches(0) and self._timeline.reaches(n_frames - 1)
        return not ends or bool(self._area.inside.min() < 1)

    def _placed(self, number: int) -> "Cover":
        return self._area.cover(self._timeline.layers[number])


DARKER = (np.arange(256) * UNSEEN).astype(np.uint8)
"""Of every value, what is left of it where the model never saw it."""


def backdrop_over(pixels: Picture, draw: Backed) -> Picture:
    """Return what a source frame is exchanged for, as 8-bit pixels."""
    frame = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    return picture(backdrop_of(frame[None], draw)[0])


def shrunk(layer: Float[Tensor, "T 4 H W"], source: Source) -> Float[Tensor, "T 4 h w"]:
    """Return a layer no finer than the source frame, so that thin lines fade instead of tearing.

    Colours of mixed voxels are means by alpha.
    """
    top, left, bottom, right = source.box
    size = [max(1, round(side)) for side in (bottom - top, right - left)]
    size = [min(own, side) for own, side in zip(layer.shape[2:], size, strict=True)]
    if size == list(layer.shape[2:]):
        return layer
    small = interpolate(premultiplied(layer), size, mode="bilinear", antialias=True)
    rgb, alpha = small[:, :3], small[:, 3:]
    return torch.cat([rgb / alpha.clamp(min=1e-6), alpha], dim=1)


def premultiplied(layer: Float[Tensor, "T 4 H W"]) -> Float[Tensor, "T 4 H W"]:
    """Return a layer whose colours are multiplied by alpha, so that they may be averaged."""
    return torch.cat([layer[:, :3] * layer[:, 3:], layer[:, 3:]], dim=1)


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
        sums = torch.zeros(len(frames), *layer.shape[1:])
        sums.index_add_(0, torch.from_numpy(place), premultiplied(layer))
        counts = torch.from_numpy(np.bincount(place)).float()
        return cls(frames, sums / counts[:, None, None, None])

    def reaches(self, frame: int) -> bool:
        """Return whether a source frame is at most the widest step away from a frame seen.

        A single frame tells nothing of those around it.
        """
        step = int(np.diff(self.frames).max(initial=0))
        return bool(self.frames[0] - step <= frame <= self.frames[-1] + step)

    def around(self, frame: int) -> tuple[int, int, float]:
        """Return the layers before and after a source frame, and the share of the second one.

        Linear between two, held beyond the ends.
        """
        place = float(np.interp(frame, self.frames, np.arange(len(self.frames))))
        low = int(place)
        return low, min(low + 1, len(self.frames) - 1), place - low


@dataclass(frozen=True, eq=False)
class Cover:
    """What becomes of the pixels of a source frame.

    Attributes:
        left: Share that is left of every pixel, thrice.
        alpha: Share of what comes in its place, thrice.
        color: That, from 0 to 255, multiplied by its share.
    """

    left: Float[np.ndarray, "h w 3"]
    alpha: Float[np.ndarray, "h w 3"]
    color: Float[np.ndarray, "h w 3"]

    def lerp(self, other: "Cover", share: float) -> "Cover":
        """Return the mean of two, with a share of the other one."""
        if share == 0:
            return self
        return Cover(
            between(self.left, other.left, share),
            between(self.alpha, other.alpha, share),
            between(self.color, other.color, share),
        )

    def over(self, pixels: Picture, back: Picture | None = None) -> Picture:
        """Return pixels under the cover; ``back`` is what comes in place of its colours."""
        blended = pixels.astype(np.float32)
        blended *= self.left
        blended += self.color if back is None else self.alpha * back
        return np.asarray(cv2.convertScaleAbs(blended))  # rounds, and stays within 8 bits


def between(
    one: Float[np.ndarray, "h w 3"], other: Float[np.ndarray, "h w 3"], share: float
) -> Float[np.ndarray, "h w 3"]:
    """Return the mean of two arrays, with a share of the other one."""
    return np.asarray(cv2.addWeighted(one, 1 - share, other, share, 0))


@dataclass(frozen=True, eq=False)
class Area:
    """Where the clip lies in a source frame.

    Attributes:
        grid: (1, rows, columns, 2) for every source pixel its place in the clip, x and y, where
            −1 and 1 are the clip's edges.
        inside: (rows, columns, 1) share of every source pixel that lies in the clip.
    """

    grid: Float[Tensor, "1 h w 2"]
    inside: Float[Tensor, "h w 1"]

    @classmethod
    def of(cls, source: Source) -> "Area":
        """Place the box of a source."""
        top, left, bottom, right = source.box
        y, inside_y = axis(top, bottom, source.height)
        x, inside_x = axis(left, right, source.width)
        grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
        return cls(grid[None], (inside_y[:, None] * inside_x)[..., None])

    def cover(self, layer: Float[Tensor, "4 H W"]) -> Cover:
        """Lay a premultiplied layer over the pixels inside, and darken those outside."""
        resized = grid_sample(
            layer[None], self.grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        over = resized[0].permute(1, 2, 0) * self.inside
        alpha = over[..., 3:].expand(-1, -1, 3)
        shade = UNSEEN + (1 - UNSEEN) * self.inside
        parts = (shade - alpha, alpha, 255 * over[..., :3])
        return Cover(*(part.contiguous().numpy() for part in parts))


def axis(start: float, stop: float, n: int) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Return, for n pixels, their centres on a span drawn from −1 to 1, and their share inside."""
    edges = torch.arange(n + 1, dtype=torch.float32)
    places = 2 * (edges[:-1] + 0.5 - start) / (stop - start) - 1
    inside = edges[1:].clamp(max=stop) - edges[:-1].clamp(min=start)
    return places, inside.clamp(0, 1)
