"""Regions inside a page: which voxels they own, or the weights along the axes that blend them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from vexplain.core import Segmentation
from vexplain.page.blobs import Blobs
from vexplain.segmentation.regions import LabelRegions
from vexplain.segmentation.soft import SoftCells, hat_weights
from vexplain.segmentation.windows import Windows
from vexplain.visualization import owners_of

Axes = tuple[Float[Tensor, "T t"], Float[Tensor, "H h"], Float[Tensor, "W w"]]


@dataclass(frozen=True, eq=False)
class Ground:
    """What a page needs to know of a segmentation.

    Attributes:
        shape: (T, H, W) of the clip.
        n_regions: D.
        owners: The region of every voxel, or None where axes say it.
        axes: For regions that are products of weights along the axes those weights, each row
            summing to 1: scores are painted as their weighted mean. Else None.
        hard: Whether a voxel has the score of its owner, and no mixture.
    """

    shape: tuple[int, int, int]
    n_regions: int
    owners: Int[Tensor, "T H W"] | None
    axes: Axes | None
    hard: bool

    @classmethod
    def of(cls, segmentation: Segmentation, shape: tuple[int, int, int]) -> "Ground":
        """Look at a segmentation."""
        D = segmentation.n_features
        axes = axes_of(segmentation)
        if axes is not None:
            return cls(shape, D, None, axes, hard=False)
        if isinstance(segmentation, LabelRegions):
            return cls(shape, D, segmentation.labels.cpu(), None, hard=True)
        labels = hard_labels(segmentation)
        if labels is not None:
            return cls(shape, D, labels, None, hard=True)
        return cls(shape, D, owners_of(segmentation), None, hard=False)

    def same(self, other: "Ground") -> bool:
        """Return whether another ground has the very same regions."""
        if (self.n_regions, self.hard) != (other.n_regions, other.hard):
            return False
        pairs = list(zip(self.arrays(), other.arrays(), strict=True))
        return all(a is b or (a.shape == b.shape and torch.equal(a, b)) for a, b in pairs)

    def arrays(self) -> list[Tensor]:
        """Return what the regions are made of, as many for regions of one kind."""
        empty = torch.zeros(0)
        return [empty if self.owners is None else self.owners, *(self.axes or [empty] * 3)]

    def painted(self, scores: Float[Tensor, " D"], frame: int) -> Float[Tensor, "H W"] | None:
        """Return a frame of the painted scores, or None where the page can't paint them."""
        if self.axes is not None:
            along_t, along_h, along_w = (axis.to(scores.dtype) for axis in self.axes)
            counts = [axis.shape[1] for axis in self.axes]
            plane = torch.einsum("t,thw->hw", along_t[frame], scores.view(counts))
            return along_h @ plane @ along_w.T
        return scores[self.owners[frame]] if self.hard and self.owners is not None else None

    def stored(self, blobs: Blobs) -> dict[str, Any]:
        """Return the regions for the page, and where and when each of them is."""
        known: dict[str, Any] = {"regions": self.n_regions, "hard": self.hard}
        if self.axes is not None:
            known["axes"] = [blobs.array(axis.float().numpy()) for axis in self.axes]
            spots = spots_of_axes(self.axes)
        if self.owners is not None:
            known["owners"] = blobs.array(compact(self.owners, self.n_regions))
            spots = spots_of_owners(self.owners, self.n_regions)
        return {**known, "spots": blobs.array(spots.astype(np.float32))}


def axes_of(segmentation: Segmentation) -> Axes | None:
    """Return the weights along the axes that a segmentation is a product of, or None."""
    if isinstance(segmentation, Windows):
        axes = (segmentation.along_t, segmentation.along_h, segmentation.along_w)
        counted = [axis.cpu().float() for axis in axes]
        t, h, w = (axis / axis.sum(1, keepdim=True).clamp(min=1) for axis in counted)
        return t, h, w
    if isinstance(segmentation, SoftCells):
        middle = torch.tensor([0.5])
        sizes = zip(segmentation.shape, segmentation.cells, strict=True)
        t, h, w = (hat_weights(length, cells, middle)[0] for length, cells in sizes)
        return t, h, w
    return None


def hard_labels(segmentation: Segmentation) -> Int[Tensor, "T H W"] | None:
    """Return the owners of a segmentation that paints nothing but whole scores, or None.

    A mixture of different regions can't paint both the number of a region and its square.
    """
    numbers = torch.arange(segmentation.n_features, dtype=torch.float64)
    painted = segmentation.paint(numbers).cpu()
    labels = painted.round().long()
    whole = torch.equal(labels.double(), painted)
    squared = segmentation.paint(numbers**2).cpu()
    return labels if whole and torch.equal(painted**2, squared) else None


def compact(owners: Int[Tensor, "T H W"], n: int) -> np.ndarray:
    """Return owners in the smallest type that holds n numbers."""
    kind = np.uint8 if n <= 1 << 8 else np.uint16 if n <= 1 << 16 else np.uint32
    found: np.ndarray = owners.numpy().astype(kind)
    return found


def spots_of_owners(owners: Int[Tensor, "T H W"], n: int) -> np.ndarray:
    """Return (D, 6): first, last and fullest frame, centre row and column, share of all voxels.

    A region that owns no voxel has NaN everywhere but in its share.
    """
    T, H, W = owners.shape
    rows = np.repeat(np.arange(H), W)
    columns = np.tile(np.arange(W), H)
    total, most, y, x = (np.zeros(n) for _ in range(4))
    first, last, fullest = (np.full(n, np.nan) for _ in range(3))
    for t in range(T):
        labels = owners[t].flatten().numpy()
        counts = np.bincount(labels, minlength=n)
        here = counts > 0
        first[here & np.isnan(first)] = t
        last[here] = t
        fullest[counts > most] = t
        most = np.maximum(most, counts)
        total += counts
        y += np.bincount(labels, rows, n)
        x += np.bincount(labels, columns, n)
    with np.errstate(invalid="ignore"):
        return np.stack([first, last, fullest, y / total, x / total, total / owners.numel()], 1)


def spots_of_axes(axes: Axes) -> np.ndarray:
    """Return (D, 6), as ``spots_of_owners`` does, for products of axes; shares sum to 1."""
    t, h, w = (axis.double().numpy() for axis in axes)
    felt = t > 0.5 * t.max(0, initial=1e-9)
    first = felt.argmax(0)
    last = len(t) - 1 - felt[::-1].argmax(0)
    centre = [(axis * np.arange(len(axis))[:, None]).sum(0) / axis.sum(0) for axis in (t, h, w)]
    share = [axis.sum(0) / len(axis) for axis in (t, h, w)]
    grid = np.meshgrid(*(np.arange(axis.shape[1]) for axis in (t, h, w)), indexing="ij")
    at, ah, aw = (numbers.flatten() for numbers in grid)
    columns = [first[at], last[at], centre[0].round()[at], centre[1][ah], centre[2][aw]]
    return np.stack([*columns, share[0][at] * share[1][ah] * share[2][aw]], 1)
