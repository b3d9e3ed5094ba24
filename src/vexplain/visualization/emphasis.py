"""Explanations without heat: outlines of regions, and all else made pale."""

from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from vexplain.core import Attribution, Segmentation
from vexplain.core.checks import check_choice, check_part, check_share
from vexplain.core.gaussian import smooth
from vexplain.visualization.colors import color_pair
from vexplain.visualization.layers import is_flat, rgba, transparent
from vexplain.visualization.owners import owners_of, rims_of
from vexplain.visualization.show import EXAMPLE, Show, TopShare, painted

Back = Literal["grey", "dark", "blur"]

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue (ITU-R BT.601)
DARK = 0.25  # brightness that is left of what is darkened
PALE = 0.6  # brightness that is left of what is made grey
BLUR = 0.05  # standard deviation as a share of the picture's short side
FINE = 4  # pixels of standard deviation that tell a blur as well as more do, and cost less


@dataclass(frozen=True, kw_only=True)
class Outlines:
    """Lines around the regions shown, in two colours: what supports and what opposes the target.

    A region is where it weighs most; its line is its outermost voxels in every frame. A map that is
    the same everywhere gives a wholly transparent layer.

    Attributes:
        show: The regions shown, by the size of their score.
        alpha: How much a line covers the clip, in [0, 1].
        colors: As those of ``SignedMap``.

    Raises:
        TypeError: When ``show`` chooses no regions.
        ValueError: On an alpha outside [0, 1] or unknown colours.
    """

    show: Show = field(default_factory=TopShare)
    alpha: float = 1.0
    colors: str | tuple[str, str] = "blue-orange"

    def __post_init__(self) -> None:
        check_part("show", self.show, Show, EXAMPLE)
        check_share("alpha", self.alpha)
        color_pair(self.colors)

    @property
    def words(self) -> str:
        """What is to be seen."""
        colors = self.colors.split("-") if isinstance(self.colors, str) else self.colors
        return "{} supports, {} opposes".format(*colors)

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the CPU."""
        if is_flat(attribution.map):
            return transparent(attribution.map.cpu())
        scores = attribution.scores.cpu()
        shown = self.show(scores.abs()) & (scores != 0)
        regions = owners_of(segmentation)
        regions = torch.where(shown[regions], regions, -1)
        rims = rims_of(regions, inner=True) & (regions >= 0)
        positive, negative = color_pair(self.colors)
        supports = scores[regions.clamp(min=0)] > 0
        return rgba(torch.where(supports[..., None], positive, negative), self.alpha * rims.float())


@dataclass(frozen=True, kw_only=True)
class Highlight:
    """What the prediction rests on stays as it is; all else is made grey, dark or blurred.

    A map that is the same everywhere, or has nothing positive, leaves the clip as it is: nothing
    can be called unimportant then.

    Attributes:
        show: The regions that stay, of those with a score above 0.
        back: ``grey``, ``dark`` or ``blur``.
        strength: How much of that is mixed in, in [0, 1].

    Raises:
        TypeError: When ``show`` chooses no regions.
        ValueError: On another ``back`` or a strength outside [0, 1].
    """

    show: Show = field(default_factory=TopShare)
    back: Back = "grey"
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_part("show", self.show, Show, EXAMPLE)
        check_choice("back", self.back, get_args(Back))
        check_share("strength", self.strength)

    @property
    def words(self) -> str:
        """What is to be seen."""
        faded = {"grey": "grey", "dark": "dark", "blur": "blurred"}[self.back]
        return f"{faded}: what matters less"

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return the layer, on the device of the map: its alpha says what is exchanged."""
        values = attribution.map
        scores = attribution.scores.clamp(min=0)
        if is_flat(values) or not scores.any():
            return transparent(values)
        stays = painted(self.show, scores, segmentation).to(values.device)
        tone = 0.0 if self.back == "dark" else 0.5
        return rgba(torch.full((*values.shape, 3), tone).to(values), self.strength * (1 - stays))

    def backdrop(self, frames: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return the frames grey, dark or blurred."""
        if self.back == "dark":
            return DARK * frames
        if self.back == "blur":
            return blurred(frames, BLUR * min(frames.shape[2:]))
        luma = torch.tensor(LUMA).to(frames)[:, None, None]
        return PALE * (frames * luma).sum(1, keepdim=True).expand_as(frames)


def blurred(frames: Float[Tensor, "n 3 h w"], sigma: float) -> Float[Tensor, "n 3 h w"]:
    """Return frames smoothed by ``sigma`` pixels, where that is much on a small copy of them."""
    size = [max(1, round(side * FINE / max(sigma, FINE))) for side in frames.shape[2:]]
    blurry = interpolate(frames, size, mode="area") if sigma > FINE else frames
    for axis, side in zip((2, 3), frames.shape[2:], strict=True):
        blurry = smooth(blurry, axis, sigma * blurry.shape[axis] / side)
    if sigma <= FINE:
        return blurry
    return interpolate(blurry, frames.shape[2:], mode="bilinear", align_corners=False)
