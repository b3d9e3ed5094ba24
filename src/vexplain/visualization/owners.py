"""Which region holds most of each voxel: for outlines, for counting, for pointing at."""

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from vexplain.core import Owned, Segmentation


def owners_of(segmentation: Segmentation) -> Int[Tensor, "T H W"]:
    """Return for each voxel the region that weighs most where scores are painted, on the CPU.

    A segmentation that isn't ``Owned`` is asked region by region, so that only the heaviest so far
    is held.
    """
    if isinstance(segmentation, Owned):
        return segmentation.owners().cpu()
    one = torch.zeros(segmentation.n_features, dtype=torch.float64)
    one[0] = 1
    most = segmentation.paint(one).clone()
    owners = torch.zeros(most.shape, dtype=torch.int64)
    for region in range(1, len(one)):
        one.zero_()[region] = 1
        weight = segmentation.paint(one)
        more = weight > most
        owners[more], most[more] = region, weight[more]
    return owners


def rims_of(owners: Int[Tensor, "T H W"], *, inner: bool = False) -> Bool[Tensor, "T H W"]:
    """Return the voxels at the border of two owners in a frame.

    One voxel wide, on the left or upper side of the border; ``inner``: one voxel on either side, so
    that every region has its own line.
    """
    rims = torch.zeros(owners.shape, dtype=torch.bool)
    below, beside = owners.diff(dim=1) != 0, owners.diff(dim=2) != 0
    rims[:, :-1] |= below
    rims[:, :, :-1] |= beside
    if inner:
        rims[:, 1:] |= below
        rims[:, :, 1:] |= beside
    return rims
