"""How a source frame becomes as large as a model wants."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from vexplain.core import ClipSpec


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A source frame is scaled to ``scaled`` and a window of ``window`` is cut out of it.

    Attributes:
        source: (H, W) of the upright source frame, in pixels.
        scaled: (H, W) after scaling.
        window: (H, W) of the clip.
        top: First row of the window in the scaled frame; negative where black is added above.
        left: First column, likewise.
    """

    source: tuple[int, int]
    scaled: tuple[int, int]
    window: tuple[int, int]
    top: int
    left: int

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Top, left, bottom, right of the window in source pixels."""
        rows = self.source[0] / self.scaled[0]
        columns = self.source[1] / self.scaled[1]
        bottom, right = self.top + self.window[0], self.left + self.window[1]
        return self.top * rows, self.left * columns, bottom * rows, right * columns


def fit_frame(height: int, width: int, spec: ClipSpec) -> Fit:
    """Return how a frame of ``height`` × ``width`` pixels gets the size that ``spec`` wants.

    The short side becomes ``short_side`` exactly, the long side is rounded down; a letterboxed
    frame's other side is rounded to nearest. What can't be centred lies half a pixel up and left.
    """
    scaled = _scaled_size(height, width, spec)
    window = spec.height_width or scaled
    top, left = ((s - w) // 2 for s, w in zip(scaled, window, strict=True))
    return Fit(source=(height, width), scaled=scaled, window=window, top=top, left=left)


def _scaled_size(height: int, width: int, spec: ClipSpec) -> tuple[int, int]:
    wanted = spec.height_width
    if spec.scaled is not None:
        return spec.scaled
    if spec.resize == "crop":
        short = spec.short_side or (max(wanted) if wanted else min(height, width))
        return height * short // min(height, width), width * short // min(height, width)
    if wanted is None:
        return height, width
    if spec.resize == "stretch":
        return wanted
    scale = min(wanted[0] / height, wanted[1] / width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def resize_frame(
    pixels: UInt8[np.ndarray, "h w 3"], fit: Fit, *, antialias: bool
) -> UInt8[Tensor, "3 H W"]:
    """Scale one frame bilinearly, round to whole grey levels, and cut or pad it to the window."""
    frame = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)
    if fit.scaled != fit.source:
        scaled = F.interpolate(
            frame[None].float(), fit.scaled, mode="bilinear", antialias=antialias
        )
        frame = scaled[0].round().to(torch.uint8)
    bottom, right = (
        fit.top + fit.window[0] - fit.scaled[0],
        fit.left + fit.window[1] - fit.scaled[1],
    )
    # A negative pad cuts.
    return F.pad(frame, (-fit.left, right, -fit.top, bottom)).contiguous()
