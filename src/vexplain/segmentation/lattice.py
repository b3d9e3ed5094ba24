"""Geometry that several segmentations share: equal cells along an axis, and products of axes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def check_fits(name: str, cells: int, length: int) -> None:
    """Raise ``ValueError`` when an axis of ``length`` voxels has more cells than voxels."""
    if cells > length:
        raise ValueError(
            f"{name}: expected at most {length} cells, one per voxel of that axis, got {cells}. "
            "Ask for fewer cells, or read the clip with more frames or a larger size."
        )


def axis_cells(length: int, cells: int) -> Int[Tensor, " length"]:
    """Return the cell ⌊i·cells/length⌋ of every voxel i of an axis: sizes differ by one at most."""
    return torch.arange(length) * cells // length


def box_labels(shape: tuple[int, int, int], cells: tuple[int, int, int]) -> Int[Tensor, "T H W"]:
    """Return the number of the cuboid that owns each voxel, in the order of the axes."""
    t, h, w = (axis_cells(length, n) for length, n in zip(shape, cells, strict=True))
    return (t[:, None, None] * cells[1] + h[:, None]) * cells[2] + w


def spread(
    values: Float[Tensor, "N t h w"],
    along_t: Float[Tensor, "#N T t"],
    along_h: Float[Tensor, "#N H h"],
    along_w: Float[Tensor, "#N W w"],
) -> Float[Tensor, "N T H W"]:
    """Return Σ along_t[T,t] · along_h[H,h] · along_w[W,w] · values[t,h,w], for every row.

    The time axis comes last: it is the shortest, so the one large product is the cheapest.
    """
    n, t = values.shape[:2]
    planes = along_h[:, None] @ values @ along_w[:, None].transpose(-1, -2)
    shape = (n, along_t.shape[1], along_h.shape[1], along_w.shape[1])
    return (along_t @ planes.reshape(n, t, -1)).reshape(shape)


def owners_of(
    along_t: Float[Tensor, "T t"], along_h: Float[Tensor, "H h"], along_w: Float[Tensor, "W w"]
) -> Int[Tensor, "T H W"]:
    """Return which product of cells weighs most in each voxel: of each axis the heaviest cell."""
    t, h, w = (along.argmax(1) for along in (along_t, along_h, along_w))
    numbers: Tensor = (t[:, None, None] * along_h.shape[1] + h[:, None]) * along_w.shape[1] + w
    return numbers
