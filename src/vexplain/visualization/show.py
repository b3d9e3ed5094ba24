"""Which regions are shown: all, the first few, or those that matter enough (paper, §3.5).

Every part takes the importance (D,) of the regions, at least 0 and in the units of the scores,
and answers which are chosen. A region of importance 0 is never shown, whatever a part answers.
Among regions of equal importance the one with the lower number comes first.
"""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Segmentation
from vexplain.core.checks import check_number, check_share, check_whole

EXAMPLE = "vexplain.visualization.TopShare(0.3)"  # what errors give as one
ROUNDING = 1e-9  # 0.07 · 100 is 7.000000000000001 in floating point, and means 7 regions


@runtime_checkable
class Show(Protocol):
    """Chooses the regions that are shown."""

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True for the regions to show."""


@dataclass(frozen=True)
class All:
    """Show every region that has any importance."""

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True everywhere."""
        return torch.ones_like(importance, dtype=torch.bool)


@dataclass(frozen=True)
class TopRegions:
    """Show the most important regions.

    Attributes:
        n: How many.

    Raises:
        ValueError: Unless ``n`` is a whole number from 1.
    """

    n: int

    def __post_init__(self) -> None:
        check_whole("n", self.n)

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True for the ``n`` most important regions."""
        return first(importance, self.n)


@dataclass(frozen=True)
class TopShare:
    """Show a share of the regions, the most important ones; the paper shows 0.3 (§4.5).

    Attributes:
        share: Share of all D regions, in [0, 1]; ⌈share·D⌉ regions are chosen.

    Raises:
        ValueError: Unless ``share`` lies in [0, 1].
    """

    share: float = 0.3

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True for the ⌈share·D⌉ most important regions."""
        return first(importance, math.ceil(self.share * len(importance) - ROUNDING))


@dataclass(frozen=True)
class Threshold:
    """Show the regions whose importance is above a value.

    Attributes:
        value: In units of the scores, at least 0.

    Raises:
        ValueError: Unless ``value`` is a number from 0.
    """

    value: float

    def __post_init__(self) -> None:
        check_number("value", self.value)
        if self.value < 0:
            raise ValueError(
                f"value: expected a number from 0 in units of the scores, got {self.value}."
            )

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True where the importance is above ``value``."""
        return importance > self.value


@dataclass(frozen=True)
class Accumulated:
    """Show the fewest regions, from the most important on, that hold a share of all importance.

    Attributes:
        share: Share of the summed importance, in [0, 1].

    Raises:
        ValueError: Unless ``share`` lies in [0, 1].
    """

    share: float

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, importance: Float[Tensor, " D"]) -> Bool[Tensor, " D"]:
        """Return True for the regions that reach the share together."""
        ranked = importance.double().sort(descending=True, stable=True).values
        held_before = ranked.cumsum(0) - ranked
        wanted = self.share * ranked.sum()
        return first(importance, int((held_before < wanted * (1 - ROUNDING)).sum()))


def first(importance: Float[Tensor, " D"], n: int) -> Bool[Tensor, " D"]:
    """Return True for the ``n`` regions of highest importance; equal ones in their order."""
    chosen = torch.zeros_like(importance, dtype=torch.bool)
    chosen[importance.argsort(descending=True, stable=True)[:n]] = True
    return chosen


def painted(
    show: Show, importance: Float[Tensor, " D"], segmentation: Segmentation
) -> Float[Tensor, "T H W"]:
    """Return the chosen regions over voxels, float32: 1 = shown, between 0 and 1 at soft edges."""
    chosen = show(importance) & (importance > 0)
    return segmentation.paint(chosen.to(importance.dtype)).float().clamp(0, 1)
