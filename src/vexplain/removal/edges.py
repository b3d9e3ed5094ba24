"""How a keep fades from present to absent."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from vexplain.core.checks import check_positive
from vexplain.core.gaussian import smooth


@runtime_checkable
class Edges(Protocol):
    """Reshapes keeps; all present stays exactly 1, none present stays exactly 0."""

    def __call__(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return the keeps with other edges, in [0, 1]; each row depends on itself alone."""


@dataclass(frozen=True)
class Own:
    """The edges that the segmentation gives: hard for labels, fading for a soft grid (RISE)."""

    def __call__(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return ``keep`` itself."""
        return keep


@dataclass(frozen=True)
class Hard:
    """Each voxel either stays or goes: whatever keeps at least half of itself stays whole."""

    def __call__(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return 1 where ``keep`` is at least ½, 0 elsewhere."""
        return (keep >= 0.5).to(keep.dtype)


@dataclass(frozen=True)
class Feathered:
    """Keeps blurred by a Gaussian, so that a removal draws no sharp edges (paper, section 3.4).

    The keep is mirrored beyond the border of the clip: what is absent at the border fades only
    inwards.

    Attributes:
        sigma: Standard deviation along rows and columns, in pixels.
        sigma_time: Standard deviation along time, in frames; 0 = each frame by itself.

    Raises:
        ValueError: When a deviation is not a finite number, ``sigma`` not above 0 or
            ``sigma_time`` below 0.
    """

    sigma: float
    sigma_time: float = 0.0

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)
        if self.sigma_time != 0:
            check_positive("sigma_time", self.sigma_time)

    def __call__(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return ``keep`` blurred."""
        absent = smooth(smooth(1 - keep, -1, self.sigma), -2, self.sigma)
        absent = smooth(absent, -3, self.sigma_time)
        # Sums of weights miss 1 by rounding; what is absent all around must be absent exactly.
        return 1 - absent.masked_fill(absent > 1 - 1e-5, 1.0)
