"""RGBA layers over a clip: heat maps and positive/negative maps.

A layer (T, 4, H, W) is red, green, blue and alpha in [0, 1], not premultiplied. One scale holds
for the whole clip, so equal colours mean equal numbers in every frame.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Attribution, Segmentation
from vexplain.core.checks import check_share
from vexplain.visualization.colors import STEPS, color_pair, color_table, fading
from vexplain.visualization.show import All, Show, painted

SILENT = 1e-12  # below this a map is the rounding of float64 answers, not an effect
FLAT = 1e-6  # values that differ by less than this share of their size are float32's equals


@dataclass(frozen=True, eq=False)
class Scale:
    """What the colours of a layer mean.

    Attributes:
        low: The value of the first colour, in units of the scores.
        high: The value of the last one.
        colors: (steps, 3) RGB in [0, 1], from ``low`` to ``high``.
    """

    low: float
    high: float
    colors: Float[Tensor, "steps 3"]


@runtime_checkable
class Scaled(Protocol):
    """A visualization that can say what its colours mean."""

    def scale(self, attribution: Attribution, segmentation: Segmentation) -> Scale | None:
        """Return the scale, or None where nothing is shown."""


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """Positive relevance as heat: the hotter, the more it supports the target (paper, Table 2).

    The colour of a voxel comes from the attribution map, its alpha from the regions shown, ranked
    by score; regions and voxels of score 0 or less are never shown. A map that is the same
    everywhere, or has nothing positive, gives a wholly transparent layer.

    Attributes:
        show: The regions shown.
        stretch: Whether the shown values, lowest to highest, span all colours (histogram
            stretching, paper §3.5); else the colours span 0..1 in units of the scores.
        alpha: How much the hottest colour covers the clip, in [0, 1].
        fade: Share of that alpha that the coldest colour lacks, in [0, 1]; 0 covers all that is
            shown alike. By default weak relevance lets the clip through (alpha compositing that
            shows the magnitude, paper §3.5), which also softens where heat ends.
        colors: A matplotlib colour map.

    Raises:
        ValueError: On an alpha or a fade outside [0, 1], or an unknown colour map.
    """

    show: Show = field(default_factory=All)
    stretch: bool = True
    alpha: float = 0.6
    fade: float = 0.7
    colors: str = "jet"

    def __post_init__(self) -> None:
        check_share("alpha", self.alpha)
        check_share("fade", self.fade)
        color_table(self.colors)

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the device of the map."""
        shown, span = self._shown(attribution, segmentation)
        if span is None:
            return transparent(attribution.map)
        place = place_in(attribution.map, *span)
        strength = 1 - self.fade * (1 - place)
        return rgba(look_up(place, color_table(self.colors)), self.alpha * shown * strength)

    def scale(self, attribution: Attribution, segmentation: Segmentation) -> Scale | None:
        """Return what the colours mean, or None where nothing is shown."""
        _, span = self._shown(attribution, segmentation)
        return None if span is None else Scale(*span, color_table(self.colors))

    def _shown(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> tuple[Float[Tensor, "T H W"], tuple[float, float] | None]:
        """Return how much of each voxel is shown, and the values of the first and last colour."""
        values = attribution.map
        shown = painted(self.show, attribution.scores.clamp(min=0), segmentation).to(values.device)
        shown = shown * (values > 0)
        if is_flat(values) or not shown.any():
            return shown, None
        return shown, span_of(values[shown > 0]) if self.stretch else (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class SignedMap:
    """Positive and negative relevance in two colours (paper, Table 2; LIME's green and red).

    The sign of the attribution map chooses the colour, its size the alpha, so weak regions fade
    into the clip; regions are shown by the size of their score. A map that is the same everywhere
    gives a wholly transparent layer.

    Attributes:
        show: The regions shown.
        stretch: Whether the largest shown size is fully opaque (histogram stretching that keeps 0
            at 0, paper §3.5); else a size of 1 in units of the scores is.
        alpha: How much the strongest voxel covers the clip, in [0, 1].
        colors: ``green-red``, ``blue-orange`` (safe for colour-blind people), or two matplotlib
            colours (supports, opposes).

    Raises:
        ValueError: On an alpha outside [0, 1] or unknown colours.
    """

    show: Show = field(default_factory=All)
    stretch: bool = True
    alpha: float = 0.6
    colors: str | tuple[str, str] = "green-red"

    def __post_init__(self) -> None:
        check_share("alpha", self.alpha)
        color_pair(self.colors)

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the device of the map."""
        shown, bound = self._shown(attribution, segmentation)
        if bound is None:
            return transparent(attribution.map)
        strength = (attribution.map.abs() / bound).clamp(max=1)
        positive, negative = color_pair(self.colors).to(attribution.map.device)
        rgb = torch.where((attribution.map > 0)[..., None], positive, negative)
        return rgba(rgb, self.alpha * shown * strength)

    def scale(self, attribution: Attribution, segmentation: Segmentation) -> Scale | None:
        """Return what the colours mean, or None where nothing is shown."""
        _, bound = self._shown(attribution, segmentation)
        return None if bound is None else Scale(-bound, bound, fading(*color_pair(self.colors)))

    def _shown(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> tuple[Float[Tensor, "T H W"], float | None]:
        """Return how much of each voxel is shown, and the size that is drawn at full strength."""
        sizes = attribution.map.abs()
        shown = painted(self.show, attribution.scores.abs(), segmentation).to(sizes.device)
        shown = shown * (sizes > 0)
        if is_flat(attribution.map) or not shown.any():
            return shown, None
        return shown, float(sizes[shown > 0].max()) if self.stretch else 1.0


def overlay(
    frames: Float[Tensor, "T 3 H W"], layer: Float[Tensor, "T 4 H W"]
) -> Float[Tensor, "T 3 H W"]:
    """Blend an RGBA layer over frames: ``(1 − α)·frame + α·colour``."""
    rgb, alpha = layer[:, :3], layer[:, 3:]
    return frames + alpha * (rgb - frames)


def is_flat(values: Float[Tensor, "T H W"]) -> bool:
    """Return whether a map is the same everywhere, and so says nothing about where or when."""
    low, high = values.aminmax()
    return bool(high - low <= max(SILENT, FLAT * float(values.abs().max())))


def span_of(values: Float[Tensor, " n"]) -> tuple[float, float]:
    """Return the lowest and the highest of some positive values; from 0 where they are equal."""
    low, high = (float(value) for value in values.aminmax())
    return (low, high) if high - low > FLAT * high else (0.0, high)


def place_in(values: Float[Tensor, "T H W"], low: float, high: float) -> Float[Tensor, "T H W"]:
    """Return where values lie between ``low`` (0) and ``high`` (1), clipped to the ends."""
    return ((values - low) / (high - low)).clamp(0, 1)


def look_up(
    place: Float[Tensor, "T H W"], table: Float[Tensor, "steps 3"]
) -> Float[Tensor, "T H W 3"]:
    """Return the colours at places in [0, 1] of a table."""
    return table.to(place.device)[(place * (STEPS - 1)).round().long()]


def rgba(rgb: Float[Tensor, "T H W 3"], alpha: Float[Tensor, "T H W"]) -> Float[Tensor, "T 4 H W"]:
    """Put colours and alpha together; where alpha is 0 so is the colour."""
    rgb = rgb * (alpha > 0)[..., None]
    return torch.cat([rgb, alpha[..., None]], dim=-1).movedim(-1, 1).contiguous()


def transparent(values: Float[Tensor, "T H W"]) -> Float[Tensor, "T 4 H W"]:
    """Return a layer that shows nothing."""
    T, H, W = values.shape
    return torch.zeros(T, 4, H, W, device=values.device)
