"""Curves of the answer against the share of the clip removed or inserted: pure functions.

A curve never splits a tie. It is asked only where a block of equal values ends, and is straight
between two such places: there it is the mean over all orders of the tied voxels, exactly so for an
additive model. A constant map thus gives the straight line from one end to the other. Values are
tied where they are equal as float32, the type of maps; means are taken in float64 before.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vexplain.core.checks import check_finite

ROUNDING = 1e-9
"""Of the range of a curve: by so little a level may be missed that is computed from its ends."""


@dataclass(frozen=True, eq=False)
class Curve:
    """An answer against a share of the clip.

    Attributes:
        shares: (S,) float64, rising; from 0 to 1 in the deletion and the insertion game.
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


def mean_curve(curves: Sequence[Curve], steps: int = 100) -> Curve | None:
    """Return the mean of curves: at their shares where these are the same, else at even shares.

    None where they are neither the same nor all from 0 to 1.
    """
    shares = curves[0].shares
    if not all(torch.equal(curve.shares, shares) for curve in curves):
        if any((float(c.shares[0]), float(c.shares[-1])) != (0, 1) for c in curves):
            return None
        shares = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    values = [c.values if c.shares is shares else c.at(shares) for c in curves]
    return Curve(shares, torch.stack(values).mean(0), curves[0].watched)


def nearest_ends(shares: Float[Tensor, " n"], steps: int) -> Int[Tensor, " S"]:
    """Return which of some rising shares in (0, 1) lie nearest to k / steps, k = 1 … steps − 1."""
    if len(shares) == 0 or steps < 2:
        return torch.zeros(0, dtype=torch.int64)
    wanted = torch.arange(1, steps, dtype=torch.float64) / steps
    after = torch.searchsorted(shares, wanted)
    low, high = (after - 1).clamp(min=0), after.clamp(max=len(shares) - 1)
    lower = (wanted - shares[low]).abs() < (shares[high] - wanted).abs()
    # Beyond the outermost end the whole clip, or nothing of it, may be nearer.
    nearest = torch.where(lower, low, high)
    inside = (shares[nearest] - wanted).abs() <= torch.minimum(wanted, 1 - wanted)
    found: Tensor = torch.unique(nearest[inside])
    return found


def block_ends(values: Float[Tensor, " n"]) -> tuple[Int[Tensor, " B"], Float[Tensor, " B"]]:
    """Return where the blocks of equal values end, the highest first; the end of all is left out.

    Returns:
        How many of the values come first, rising; and the lowest of those.

    Raises:
        ValueError: On NaN or infinite values: they have no place in an order.
    """
    check_finite("map", values)
    ranked = values.sort(descending=True).values
    last = (ranked[1:] != ranked[:-1]).nonzero()[:, 0]
    return last + 1, ranked[last]
