"""In which order a clip is removed or inserted: by voxels, regions, frames or columns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Segmentation
from vexplain.evaluation.curves import block_ends, nearest_ends
from vexplain.evaluation.subjects import Subject

Direction = Literal["deletion", "insertion"]


MOST_CANDIDATES = 2
"""Of how many times as many ends of blocks as steps the shares are looked at, in a region order."""


AT_ONCE = 8
"""Keeps that are there at once while their shares are looked at."""


@dataclass(frozen=True, eq=False)
class Stops:
    """Where a curve is asked, between its two ends.

    Attributes:
        shares: (S,) float64, the share of voxels removed (deletion) or inserted, rising, in (0, 1).
        keep: Gives the keeps (n, T, H, W) of some of the stops.
    """

    shares: Float[Tensor, " S"]
    keep: Callable[[slice], Tensor]


@dataclass(frozen=True, eq=False)
class Ranked:
    """What an order is made of.

    Attributes:
        subject: The map and the scores of its regions, on the CPU.
        segmentation: The regions, on the device where keeps are wanted.
        device: That device.
        steps: At most how many steps.
        direction: ``deletion`` or ``insertion``.
    """

    subject: Subject
    segmentation: Segmentation
    device: torch.device
    steps: int
    direction: Direction


@runtime_checkable
class Order(Protocol):
    """The order in which a clip is removed or inserted: the highest value first."""

    def __call__(self, ranked: Ranked) -> Stops:
        """Return at most ``steps`` − 1 stops."""


@dataclass(frozen=True)
class VoxelWise:
    """Voxel by voxel, as the map says (Petsiuk et al. 2018, section 4.1, for pixels)."""

    def __call__(self, ranked: Ranked) -> Stops:
        """Return the stops."""
        return stops_by_value(ranked, ranked.subject.map)


@dataclass(frozen=True)
class FrameWise:
    """Frame by frame, by the mean of the map over each frame: asks about time only."""

    def __call__(self, ranked: Ranked) -> Stops:
        """Return the stops; at most one per frame."""
        return stops_by_value(ranked, ranked.subject.map.double().mean((1, 2), keepdim=True))


@dataclass(frozen=True)
class ColumnWise:
    """Place by place through all frames, by the mean of the map over time: asks about space only.

    A column is what stands at one row and one column of the picture in all frames.
    """

    def __call__(self, ranked: Ranked) -> Stops:
        """Return the stops."""
        return stops_by_value(ranked, ranked.subject.map.double().mean(0, keepdim=True))


@dataclass(frozen=True)
class RegionWise:
    """Region by region, by score, with the edges that the segmentation gives.

    The shares are those really removed or inserted; they are looked at for at most twice as many
    numbers of regions as there are steps. What belongs to no region goes last, and is there from
    the beginning of an insertion.
    """

    def __call__(self, ranked: Ranked) -> Stops:
        """Return the stops; at most one per region."""
        values = ranked.subject.scores.float()
        lowest = block_ends(values)[1]
        few = torch.linspace(0, len(lowest) - 1, min(len(lowest), MOST_CANDIDATES * ranked.steps))
        first = values >= lowest[few.round().long(), None]
        inserting = ranked.direction == "insertion"
        present = (first if inserting else ~first).to(ranked.device)
        kept = [keep_of(ranked.segmentation, some).mean((1, 2, 3)) for some in parts(present)]
        shares = torch.cat(kept).cpu().double() if kept else torch.zeros(0, dtype=torch.float64)
        shares = shares if inserting else 1 - shares
        inside = ((shares > 0) & (shares < 1)).nonzero()[:, 0]
        chosen = inside[nearest_ends(shares[inside], ranked.steps)]
        rows = present[chosen.to(ranked.device)]
        return Stops(shares[chosen], lambda some: keep_of(ranked.segmentation, rows[some]))


def parts(present: Bool[Tensor, "n D"]) -> tuple[Bool[Tensor, "_ D"], ...]:
    """Return some rows at a time, as the keeps of all would be large."""
    found: tuple[Tensor, ...] = torch.split(present, AT_ONCE)
    return found if len(present) else ()


def keep_of(segmentation: Segmentation, present: Bool[Tensor, "n D"]) -> Float[Tensor, "n T H W"]:
    """Return the keeps of coalitions; a soft grid lies at its middle shift, as it is painted."""
    middle = torch.full((len(present), 3), 0.5, device=present.device)
    return segmentation.keep(present, middle)


def stops_by_value(ranked: Ranked, values: Float[Tensor, "#T #H #W"]) -> Stops:
    """Return the stops of an order by values that hold for equally many voxels each."""
    values = values.float()
    counts, lowest = block_ends(values.flatten())
    shares = counts.double() / values.numel()
    chosen = nearest_ends(shares, ranked.steps)
    shape = ranked.subject.map.shape
    on_device, thresholds = values.to(ranked.device), lowest[chosen].to(ranked.device)

    def keep(rows: slice) -> Tensor:
        first = on_device >= thresholds[rows].view(-1, 1, 1, 1)
        stays = first if ranked.direction == "insertion" else ~first
        return stays.expand(-1, *shape).float()

    return Stops(shares[chosen], keep)
