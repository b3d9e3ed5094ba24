"""RGBA layers over a clip: heat maps and positive/negative maps.

A layer (T, 4, H, W) is red, green, blue and alpha in [0, 1], not premultiplied. One scale holds
for the whole clip, so equal colours mean equal numbers in every frame, unless each frame is asked
to have its own.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Attribution, Segmentation
from vexplain.core.checks import check_flag, check_least, check_part, check_share
from vexplain.core.gaussian import smooth
from vexplain.visualization.colors import STEPS, color_pair, color_table, fading
from vexplain.visualization.show import EXAMPLE, All, Show, painted

SILENT = 1e-12  # below this a map is the rounding of float64 answers, not an effect
FLAT = 1e-6  # values that differ by less than this share of their size are float32's equals


@dataclass(frozen=True, eq=False)
class Scale:
    """What the colours of a layer mean.

    Attributes:
        low: The value of the first colour, in units of the scores.
        high: The value of the last one.
        colors: (steps, 3) RGB in [0, 1], from ``low`` to ``high``.
        per_frame: Whether each frame has a scale of its own. From −1 to 1 it is shares of the
            frame's largest value; from 0 to 1 it spans the frame's shown values, lowest to highest.
    """

    low: float
    high: float
    colors: Float[Tensor, "steps 3"]
    per_frame: bool = False


@runtime_checkable
class Backed(Protocol):
    """A visualization whose layer is made of the picture that it lies over, such as its grey.

    The alpha of its layer says how much of ``backdrop`` stands in the place of a pixel; the colours
    of the layer are what stands there where no picture is at hand.
    """

    def backdrop(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return what the frames are exchanged for, where the layer is opaque; at any size."""


@runtime_checkable
class Worded(Protocol):
    """A visualization that says in words what it shows, as it has no scale."""

    @property
    def words(self) -> str:
        """What is to be seen, in one short line."""


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
        per_frame: Whether each frame is stretched by itself: it shows where, and hides when.
        smooth: Standard deviation in pixels of the clip of a Gaussian that the map is smoothed
            with in each frame; 0 leaves it as it is.
        alpha: How much the hottest colour covers the clip, in [0, 1].
        fade: Share of that alpha that the coldest colour lacks, in [0, 1]; 0 covers all that is
            shown alike. By default weak relevance lets the clip through (alpha compositing that
            shows the magnitude, paper §3.5), which also softens where heat ends.
        colors: A matplotlib colour map; the default is perceptually even, ``jet`` is the paper's.

    Raises:
        TypeError: When ``show`` chooses no regions, or a flag is neither True nor False.
        ValueError: On an alpha or a fade outside [0, 1], a negative ``smooth``, or an unknown
            colour map.
    """

    show: Show = field(default_factory=All)
    stretch: bool = True
    per_frame: bool = False
    smooth: float = 0.0
    alpha: float = 0.6
    fade: float = 0.7
    colors: str = "inferno"

    def __post_init__(self) -> None:
        check_part("show", self.show, Show, EXAMPLE)
        check_flag("stretch", self.stretch)
        check_flag("per_frame", self.per_frame)
        check_share("alpha", self.alpha)
        check_share("fade", self.fade)
        check_least("smooth", self.smooth)
        color_table(self.colors)

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the device of the map."""
        values, shown = self._shown(attribution, segmentation)
        if not shown.any():
            return transparent(values)
        place = place_in(values, *self._ends(values, shown))
        strength = 1 - self.fade * (1 - place)
        return rgba(look_up(place, color_table(self.colors)), self.alpha * shown * strength)

    def scale(self, attribution: Attribution, segmentation: Segmentation) -> Scale | None:
        """Return what the colours mean, or None where nothing is shown."""
        values, shown = self._shown(attribution, segmentation)
        if not shown.any():
            return None
        if self.per_frame and self.stretch:
            return Scale(0.0, 1.0, color_table(self.colors), per_frame=True)
        low, high = self._ends(values, shown)
        return Scale(float(low), float(high), color_table(self.colors))

    def _shown(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> tuple[Float[Tensor, "T H W"], Float[Tensor, "T H W"]]:
        """Return the map as it is drawn, and how much of each voxel is shown."""
        values = smoothed(attribution.map, self.smooth)
        if is_flat(attribution.map):
            return values, torch.zeros_like(values)
        shown = painted(self.show, attribution.scores.clamp(min=0), segmentation).to(values.device)
        return values, shown * (values > 0)

    def _ends(
        self, values: Float[Tensor, "T H W"], shown: Float[Tensor, "T H W"]
    ) -> tuple[Float[Tensor, "t 1 1"], Float[Tensor, "t 1 1"]]:
        """Return the values of the first and last colour, of each frame or of all."""
        if self.stretch:
            return span_of(values, shown > 0, self.per_frame)
        return torch.zeros(1, 1, 1).to(values), torch.ones(1, 1, 1).to(values)


@dataclass(frozen=True, kw_only=True)
class SignedMap:
    """Positive and negative relevance in two colours (paper, Table 2).

    The sign of the attribution map chooses the colour, its size the alpha, so weak regions fade
    into the clip; regions are shown by the size of their score. A map that is the same everywhere
    gives a wholly transparent layer.

    Attributes:
        show: The regions shown.
        stretch: Whether the largest shown size is fully opaque (histogram stretching that keeps 0
            at 0, paper §3.5); else a size of 1 in units of the scores is.
        per_frame: Whether each frame is stretched by itself: it shows where, and hides when.
        smooth: Standard deviation in pixels of the clip of a Gaussian that the map is smoothed
            with in each frame; 0 leaves it as it is.
        alpha: How much the strongest voxel covers the clip, in [0, 1].
        colors: ``blue-orange`` (colour-blind people can tell them apart), ``green-red`` (LIME's),
            or two matplotlib colours (supports, opposes).

    Raises:
        TypeError: When ``show`` chooses no regions, or a flag is neither True nor False.
        ValueError: On an alpha outside [0, 1], a negative ``smooth`` or unknown colours.
    """

    show: Show = field(default_factory=All)
    stretch: bool = True
    per_frame: bool = False
    smooth: float = 0.0
    alpha: float = 0.6
    colors: str | tuple[str, str] = "blue-orange"

    def __post_init__(self) -> None:
        check_part("show", self.show, Show, EXAMPLE)
        check_flag("stretch", self.stretch)
        check_flag("per_frame", self.per_frame)
        check_share("alpha", self.alpha)
        check_least("smooth", self.smooth)
        color_pair(self.colors)

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the device of the map."""
        values, shown = self._shown(attribution, segmentation)
        if not shown.any():
            return transparent(values)
        strength = (values.abs() / self._bound(values, shown)).clamp(max=1)
        positive, negative = color_pair(self.colors).to(values.device)
        rgb = torch.where((values > 0)[..., None], positive, negative)
        return rgba(rgb, self.alpha * shown * strength)

    def scale(self, attribution: Attribution, segmentation: Segmentation) -> Scale | None:
        """Return what the colours mean, or None where nothing is shown."""
        values, shown = self._shown(attribution, segmentation)
        if not shown.any():
            return None
        colors = fading(*color_pair(self.colors))
        if self.per_frame and self.stretch:
            return Scale(-1.0, 1.0, colors, per_frame=True)
        bound = float(self._bound(values, shown))
        return Scale(-bound, bound, colors)

    def _shown(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> tuple[Float[Tensor, "T H W"], Float[Tensor, "T H W"]]:
        """Return the map as it is drawn, and how much of each voxel is shown."""
        values = smoothed(attribution.map, self.smooth)
        if is_flat(attribution.map):
            return values, torch.zeros_like(values)
        shown = painted(self.show, attribution.scores.abs(), segmentation).to(values.device)
        return values, shown * (values != 0)

    def _bound(
        self, values: Float[Tensor, "T H W"], shown: Float[Tensor, "T H W"]
    ) -> Float[Tensor, "t 1 1"]:
        """Return the size that is drawn at full strength, in each frame or in all."""
        if not self.stretch:
            return torch.ones(1, 1, 1).to(values)
        return span_of(values.abs(), shown > 0, self.per_frame)[1]


def overlay(
    frames: Float[Tensor, "T 3 H W"],
    layer: Float[Tensor, "T 4 H W"],
    backdrop: Float[Tensor, "T 3 H W"] | None = None,
) -> Float[Tensor, "T 3 H W"]:
    """Blend an RGBA layer over frames: ``(1 − α)·frame + α·colour``.

    With a ``backdrop`` its pixels take the place of the colours.
    """
    rgb, alpha = layer[:, :3] if backdrop is None else backdrop, layer[:, 3:]
    return frames + alpha * (rgb - frames)


def is_flat(values: Float[Tensor, "T H W"]) -> bool:
    """Return whether a map is the same everywhere, and so says nothing about where or when."""
    low, high = values.aminmax()
    return bool(high - low <= max(SILENT, FLAT * float(values.abs().max())))


def smoothed(values: Float[Tensor, "T H W"], sigma: float) -> Float[Tensor, "T H W"]:
    """Return a map smoothed in each frame; ``sigma`` in pixels of the clip."""
    return smooth(smooth(values, 1, sigma), 2, sigma)


def span_of(
    values: Float[Tensor, "T H W"], shown: Bool[Tensor, "T H W"], per_frame: bool
) -> tuple[Float[Tensor, "t 1 1"], Float[Tensor, "t 1 1"]]:
    """Return the lowest and the highest shown value of each frame, or of all (t = 1).

    All are above 0. From 0 where they are equal; 0 and 1 where none is shown.
    """
    rows = (len(values) if per_frame else 1, -1)
    low = values.where(shown, torch.inf).reshape(rows).amin(1)[:, None, None]
    high = values.where(shown, -torch.inf).reshape(rows).amax(1)[:, None, None]
    some = high > -torch.inf
    low = low.where(some & (high - low > FLAT * high), 0.0)
    return low, high.where(some, 1.0)


def place_in(
    values: Float[Tensor, "T H W"], low: Float[Tensor, "t 1 1"], high: Float[Tensor, "t 1 1"]
) -> Float[Tensor, "T H W"]:
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
