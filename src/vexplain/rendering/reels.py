"""One clip of a grid: its frames, small, and what its explanations draw on them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import cv2
import numpy as np
import torch
from jaxtyping import UInt8

from vexplain.core import Explanation, Source, VideoClip, Visualization
from vexplain.rendering.films import clip_rate, readable
from vexplain.rendering.pictures import Picture, drawn_over, layer_of
from vexplain.rendering.placing import Brush
from vexplain.rendering.sheets import tiles
from vexplain.video import frame_rate, source_frames

Moment = tuple[float, Callable[[], list[Picture]]]
"""When a frame comes, in seconds, and what draws it: untouched, then by every explanation."""

EARLY = 1e-3  # seconds by which a frame may come late and still be shown: containers round times


class Reel:
    """The frames of a clip, drawn when they are shown, and only one of them held.

    Attributes:
        size: Rows and columns of its pictures.
        rate: Frames per second.
        unseen: Whether parts of the source are darkened.
    """

    def __init__(
        self, explanations: Sequence[Explanation], draws: Sequence[Visualization], cell_size: int
    ) -> None:
        clip = explanations[0].clip
        layers = [layer_of(*pair) for pair in zip(explanations, draws, strict=True)]
        source = readable(clip.source)
        if source is None:
            check_same_frames(explanations)
            self.size = fitted(clip.shape[2], clip.shape[3], cell_size)
            self.rate, self.unseen = clip_rate(clip), False
            self._moments = in_memory(clip, layers, draws, self.size)
        else:
            self.size = fitted(source.height, source.width, cell_size)
            sources = (scaled(one.clip.source or source, self.size) for one in explanations)
            brushes = [Brush(*each) for each in zip(sources, layers, draws, strict=True)]
            self.rate = float(frame_rate(source.path))
            self.unseen = any(brush.leaves(source.n_frames) for brush in brushes)
            self._moments = from_source(source, brushes, self.size)
        self._seconds, self._draw = next(self._moments)
        self._start = self._seconds
        self._pictures: list[Picture] = []
        self._next = next(self._moments, None)

    def at(self, seconds: float) -> list[Picture]:
        """Return the pictures at a time since the first frame; times must rise from call to call.

        They are those of the last frame that has come: untouched, then one per explanation.
        """
        while self._next is not None and self._next[0] - self._start <= seconds + EARLY:
            self._seconds, self._draw = self._next
            self._pictures = []
            self._next = next(self._moments, None)
        self._pictures = self._pictures or self._draw()
        return self._pictures

    def over(self, seconds: float) -> bool:
        """Return whether the last frame has been shown for as long as the others."""
        end = self._seconds - self._start + 1 / self.rate
        return self._next is None and seconds > end - EARLY


def check_same_frames(explanations: Sequence[Explanation]) -> None:
    """Raise ``ValueError`` unless all are of the same frames, which all are then drawn on."""
    first, *others = (explanation.clip.frames.cpu() for explanation in explanations)
    if not all(torch.equal(first, frames) for frames in others):
        raise ValueError(
            "explanations: expected explanations of the same frames in a row, as there is no "
            "source video to draw them on, got those of others. Make one row per clip."
        )


def fitted(height: int, width: int, longest: int) -> tuple[int, int]:
    """Return rows and columns in the same proportions, the longer side ``longest``."""
    factor = longest / max(height, width)
    return max(1, round(height * factor)), max(1, round(width * factor))


def scaled(source: Source, size: tuple[int, int]) -> Source:
    """Return a source as if its frames had ``size``."""
    down, across = size[0] / source.height, size[1] / source.width
    top, left, bottom, right = source.box
    box = (top * down, left * across, bottom * down, right * across)
    return replace(source, height=size[0], width=size[1], box=box)


def from_source(
    source: Source, brushes: Sequence[Brush], size: tuple[int, int]
) -> Iterator[Moment]:
    """Yield the frames of a source."""
    for frame in source_frames(source.path):

        def draw(index: int = frame.index, pixels: Picture = frame.pixels) -> list[Picture]:
            small = resized(pixels, size)
            return [small, *(brush.drawn(index, small) for brush in brushes)]

        yield frame.seconds, draw


def in_memory(
    clip: VideoClip,
    layers: Sequence[torch.Tensor],
    draws: Sequence[Visualization],
    size: tuple[int, int],
) -> Iterator[Moment]:
    """Yield the frames of a clip."""
    for number, seconds in enumerate(clip.pts_seconds.tolist()):

        def draw(number: int = number) -> list[Picture]:
            frame = clip.frames[number : number + 1].cpu()
            pairs = zip(layers, draws, strict=True)
            drawn = [drawn_over(frame, layer[number, None], look) for layer, look in pairs]
            return tiles(torch.cat([frame, *drawn]), size)

        yield seconds, draw


def resized(pixels: Picture, size: tuple[int, int]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return pixels as so many rows and columns."""
    smaller = size[0] <= pixels.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, (size[1], size[0]), interpolation=way))
