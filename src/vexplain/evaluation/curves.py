"""Curves of the answer against the share of the clip removed or inserted: pure functions.

A curve never splits a tie. It is asked only where a block of equal values ends, and is straight
between two such places: there it is the mean over all orders of the tied voxels, exactly so for an
additive model. A constant map thus gives the straight line from one end to the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vexplain.core.checks import check_finite

ROUNDING = 1e-9  # of the range of a curve
TIED = 2**20
"""Values that differ by less than the largest absolute value over this are equal: the means of
overlapping windows and other float32 sums tie only up to rounding."""


@dataclass(frozen=True, eq=False)
class Curve:
    """An answer against a share of the clip.

    Attributes:
        shares: (S,) float64, rising from 0 to 1.
        values: (S,) float64, what was watched there; straight lines between.
        watched: What the values are, in words.

    Raises:
        ValueError: On shares that don't rise, or numbers that aren't finite.
    """

    shares: Float[Tensor, " S"]
    values: Float[Tensor, " S"]
    watched: str = ""

    def __post_init__(self) -> None:
        if self.shares.ndim != 1 or self.shares.shape != self.values.shape:
            raise ValueError(
                f"values: expected one per share, got {tuple(self.values.shape)} values for "
                f"{tuple(self.shares.shape)} shares."
            )
        check_finite("shares", self.shares)
        check_finite("values", self.values)
        if bool((self.shares.diff() < 0).any()):
            raise ValueError("shares: expected rising shares, got some that fall.")

    @property
    def area(self) -> float:
        """The area under the curve, ∫ value d(share), by the trapezoidal rule."""
        return float(torch.trapezoid(self.values, self.shares))

    def at(self, shares: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the values at other shares, by straight lines."""
        high = torch.searchsorted(self.shares, shares).clamp(1, len(self.shares) - 1)
        start, stop = self.shares[high - 1], self.shares[high]
        way = (shares - start) / (stop - start).clamp(min=torch.finfo(torch.float64).tiny)
        return torch.lerp(self.values[high - 1], self.values[high], way.clamp(0, 1))

    def first_share(self, level: float, *, falling: bool) -> float:
        """Return the smallest share at which the curve is at or beyond ``level``, NaN if nowhere.

        Args:
            level: The value wanted.
            falling: Whether beyond is below (deletion) or above (insertion).
        """
        beyond = (level - self.values) if falling else (self.values - level)
        # Levels are computed from the ends: rounding must not make an end unreachable.
        slack = ROUNDING * float(self.values.max() - self.values.min())
        reached = (beyond >= -slack).nonzero()[:, 0]
        if len(reached) == 0:
            return float("nan")
        i = int(reached[0])
        if i == 0:
            return float(self.shares[0])
        way = beyond[i - 1] / (beyond[i - 1] - beyond[i])
        return float(torch.lerp(self.shares[i - 1], self.shares[i], way.clamp(0, 1)))


def mean_curve(curves: Sequence[Curve], steps: int = 100) -> Curve:
    """Return the mean of curves, at even shares."""
    shares = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    values = torch.stack([curve.at(shares) for curve in curves]).mean(0)
    return Curve(shares, values, curves[0].watched)


def with_ties(values: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Return values in whole numbers, so that what is equal but for rounding is equal.

    Raises:
        ValueError: On NaN or infinite values: they have no place in an order.
    """
    check_finite("map", values)
    largest = values.abs().max()
    if largest == 0:
        return torch.zeros_like(values)
    return (values / largest * TIED).round()


def block_ends(
    values: Float[Tensor, " n"], steps: int
) -> tuple[Int[Tensor, " S"], Float[Tensor, " S"]]:
    """Return where blocks of equal values end, the highest first: those nearest to even steps.

    Of the ends of all blocks those nearest to k·n / steps are taken, for k = 1 … steps − 1; neither
    end of the whole is among them, so there are at most ``steps`` − 1.

    Args:
        values: (n,) values whose equals are tied.
        steps: In how many steps the whole is to be gone through.

    Returns:
        How many of the values come first, rising; and the lowest of those.
    """
    ranked = values.sort(descending=True).values
    ends = (ranked[1:] != ranked[:-1]).nonzero()[:, 0] + 1
    if len(ends) == 0:
        return ends, ranked[:0]
    wanted = torch.arange(1, steps, dtype=torch.float64, device=ends.device) * len(ranked) / steps
    ends_or_whole = torch.cat([ends.new_zeros(1), ends, ends.new_tensor([len(ranked)])])
    after = torch.searchsorted(ends_or_whole, wanted).clamp(1, len(ends_or_whole) - 1)
    low, high = ends_or_whole[after - 1], ends_or_whole[after]
    nearest = torch.unique(torch.where(wanted - low < high - wanted, low, high))
    nearest = nearest[(nearest > 0) & (nearest < len(ranked))]
    return nearest, ranked[nearest - 1]
