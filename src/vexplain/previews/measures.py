"""How large regions are, and how long they last."""

from dataclasses import dataclass
from math import prod

import torch
from jaxtyping import Int
from torch import Tensor

from vexplain.core import Segmentation
from vexplain.segmentation import LabelRegions


@dataclass(frozen=True, eq=False)
class Extent:
    """How far regions reach.

    Attributes:
        voxels: (D,) how many voxels go when a region alone is absent; a voxel that fades counts
            for the part of it that goes.
        lasting: (D,) in how many frames that takes anything away.
        shape: (T, H, W) of the clip.
        fades: Whether a region alone leaves a part of some voxel.
    """

    voxels: Int[Tensor, " D"]
    lasting: Int[Tensor, " D"]
    shape: tuple[int, int, int]
    fades: bool = False

    @property
    def overlaps(self) -> bool:
        """Whether some voxels go with more than one region."""
        rounded = len(self.voxels) if self.fades else 0
        return int(self.voxels.sum()) > prod(self.shape) + rounded

    @property
    def smallest_median_largest(self) -> tuple[int, int, int]:
        """The size of the smallest, the median and the largest region, in voxels."""
        ranked = self.voxels.sort().values
        return int(ranked[0]), int(ranked[(len(ranked) - 1) // 2]), int(ranked[-1])

    @property
    def whole_clip(self) -> float:
        """The share of the regions that reach through all frames, and so can't say when."""
        return float((self.lasting == self.shape[0]).double().mean())


def extent_of(segmentation: Segmentation) -> Extent:
    """Return how far the regions reach; of a soft lattice at the middle of its shifts."""
    if isinstance(segmentation, LabelRegions):
        return extent_of_labels(segmentation.labels.cpu(), segmentation.n_features)
    n = segmentation.n_features
    middle = torch.full((1, 3), 0.5)
    voxels, lasting = torch.zeros(n, dtype=torch.int64), torch.zeros(n, dtype=torch.int64)
    fades, shape = False, (0, 0, 0)
    for region in range(n):
        present = torch.ones(1, n, dtype=torch.bool)
        present[0, region] = False
        gone = 1 - segmentation.keep(present, middle)[0].cpu()
        shape = (gone.shape[0], gone.shape[1], gone.shape[2])
        fades = fades or bool(((gone > 0) & (gone < 1)).any())
        voxels[region] = gone.sum(dtype=torch.float64).round().long()
        lasting[region] = (gone.amax((1, 2)) > 0).sum()
    return Extent(voxels, lasting, shape, fades)


def extent_of_labels(labels: Int[Tensor, "T H W"], n_features: int) -> Extent:
    """Return how far the regions of a partition reach, without a pass per region."""
    n_frames, height, width = labels.shape
    frame = torch.arange(n_frames)[:, None, None]
    seen = torch.bincount((frame * n_features + labels).flatten(), minlength=n_frames * n_features)
    by_frame = seen.view(n_frames, n_features)
    return Extent(by_frame.sum(0), (by_frame > 0).sum(0), (n_frames, height, width))
