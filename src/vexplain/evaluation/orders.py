"""In which order a clip is removed or inserted: by voxels, regions, frames or columns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Segmentation
from vexplain.evaluation.curves import block_ends, with_ties
from vexplain.evaluation.subjects import Subject

Direction = Literal["deletion", "insertion"]


@dataclass(frozen=True, eq=False)
class Stops:
    """Where a curve is asked, between its two ends.

    Attributes:
        shares: (S,) float64, the share of voxels removed (deletion) or inserted, rising, in (0, 1).
        keep: Gives the keeps (n, T, H, W) of some of the stops.
    """

    shares: Float[Tensor, " S"]
    keep: Callable[[slice], Tensor]


@runtime_checkable
class Order(Protocol):
    """The order in which a clip is removed or inserted: the highest value first."""

    def __call__(
        self, subject: Subject, segmentation: Segmentation, steps: int, direction: Direction
    ) -> Stops:
        """Return at most ``steps`` − 1 stops, on the device of the subject's map."""


@dataclass(frozen=True)
class VoxelWise:
    """Voxel by voxel, as the map says (Petsiuk et al. 2018, section 4.1, for pixels)."""

    def __call__(
        self, subject: Subject, segmentation: Segmentation, steps: int, direction: Direction
    ) -> Stops:
        """Return the stops."""
        return stops_by_value(subject.map, subject.map.shape, steps, direction)


@dataclass(frozen=True)
class FrameWise:
    """Frame by frame, by the mean of the map over each frame: asks about time only."""

    def __call__(
        self, subject: Subject, segmentation: Segmentation, steps: int, direction: Direction
    ) -> Stops:
        """Return the stops; at most one per frame."""
        by_frame = subject.map.mean((1, 2), keepdim=True)
        return stops_by_value(by_frame, subject.map.shape, steps, direction)


@dataclass(frozen=True)
class ColumnWise:
    """Place by place through all frames, by the mean of the map over time: asks about space only.

    A column is what stands at one row and one column of the picture in all frames.
    """

    def __call__(
        self, subject: Subject, segmentation: Segmentation, steps: int, direction: Direction
    ) -> Stops:
        """Return the stops."""
        by_place = subject.map.mean(0, keepdim=True)
        return stops_by_value(by_place, subject.map.shape, steps, direction)


@dataclass(frozen=True)
class RegionWise:
    """Region by region, by score, with the edges that the segmentation gives.

    The steps are even in the number of regions; the shares are those really removed or inserted.
    What belongs to no region goes last, and is there from the beginning of an insertion.
    """

    def __call__(
        self, subject: Subject, segmentation: Segmentation, steps: int, direction: Direction
    ) -> Stops:
        """Return the stops; at most one per region."""
        values = with_ties(subject.scores)
        lowest = block_ends(values, steps)[1]
        first = values >= lowest[:, None]
        present = (first if direction == "insertion" else ~first).to(subject.map.device)
        shares = [kept(segmentation, present[i : i + 1]).double().mean() for i in range(len(first))]
        share = torch.tensor(shares, dtype=torch.float64)
        return Stops(
            share if direction == "insertion" else 1 - share,
            lambda rows: kept(segmentation, present[rows]),
        )


def kept(segmentation: Segmentation, present: Bool[Tensor, "n D"]) -> Float[Tensor, "n T H W"]:
    """Return the keeps of coalitions; a soft grid lies at its middle shift, as it is painted."""
    middle = torch.full((len(present), 3), 0.5, device=present.device)
    return segmentation.keep(present, middle)


def stops_by_value(
    values: Float[Tensor, "#T #H #W"], shape: tuple[int, ...], steps: int, direction: Direction
) -> Stops:
    """Return the stops of an order by values that hold for equally many voxels each."""
    values = with_ties(values)
    counts, lowest = block_ends(values.flatten(), steps)

    def keep(rows: slice) -> Tensor:
        first = values >= lowest[rows].view(-1, 1, 1, 1)
        stays = first if direction == "insertion" else ~first
        return stays.expand(-1, *shape).float()

    return Stops(counts.cpu().double() / values.numel(), keep)
