"""How low and how high a map is in each region, so that a page knows every scale at once."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from vexplain.page.grounds import Ground


def extremes_of(heat: Float[Tensor, "T H W"], ground: Ground) -> Float32[np.ndarray, "D 3"]:
    """Return least and largest value above 0, and largest size, of a map where a region is shown.

    The extremes of these over the regions that a look shows are the ends of its scale. Where
    nothing is above 0 the first two are infinity and minus infinity.
    """
    if ground.owners is not None:
        found = over_owners(heat, ground.owners, ground.n_regions)
    else:
        found = over_axes(heat, ground.axes or ())
    found[0] *= -1
    return found.T.numpy().astype(np.float32)


def sides(heat: Float[Tensor, "T H W"]) -> Iterator[Float[Tensor, "3 H W"]]:
    """Yield of each frame what is above 0, that turned around and as it is, and the sizes."""
    for frame in heat:
        above = frame > 0
        parts = [(-frame).where(above, -torch.inf), frame.where(above, -torch.inf), frame.abs()]
        yield torch.stack(parts)


def over_axes(heat: Float[Tensor, "T H W"], axes: Sequence[Tensor]) -> Float[Tensor, "3 D"]:
    """Return the largest of ``sides`` where a region has weight along all three axes."""
    along_t, along_h, along_w = (reaches(axis) for axis in axes)
    planes = [largest(largest(frame, along_h, 1), along_w, 2) for frame in sides(heat)]
    return largest(torch.stack(planes, dim=1), along_t, 1).flatten(1)


def reaches(axis: Float[Tensor, "n g"]) -> list[slice]:
    """Return where along an axis each cell has weight, which is in one piece."""
    places = (weights.nonzero()[:, 0].tolist() for weights in axis.T)
    return [slice(at[0], at[-1] + 1) if at else slice(0) for at in places]


def largest(
    values: Float[Tensor, "..."], reach: Sequence[slice], axis: int
) -> Float[Tensor, "..."]:
    """Return the largest values that each cell reaches along an axis."""
    nothing = torch.full_like(values.select(axis, 0), -torch.inf)
    parts = [values[(slice(None),) * axis + (at,)] for at in reach]
    return torch.stack([one.amax(axis) if one.shape[axis] else nothing for one in parts], axis)


def over_owners(
    heat: Float[Tensor, "T H W"], owners: Int[Tensor, "T H W"], n: int
) -> Float[Tensor, "3 D"]:
    """Return the largest of ``sides`` over the voxels of each region."""
    found = torch.full((3, n), -torch.inf)
    for frame, labels in zip(sides(heat), owners, strict=True):
        where = labels.flatten().long().expand(3, -1)
        found.scatter_reduce_(1, where, frame.flatten(1), "amax")
    return found
