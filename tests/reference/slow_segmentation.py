"""Slow, obvious versions of the fast parts of step 1, one voxel or one cell at a time."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def home_of(place: Sequence[int], shape: Sequence[int], cells: Sequence[int]) -> tuple[int, ...]:
    return tuple(i * g // n for i, n, g in zip(place, shape, cells, strict=True))


def number_of(cell: Sequence[int], cells: Sequence[int]) -> int:
    return (cell[0] * cells[1] + cell[1]) * cells[2] + cell[2]


def slic_labels(
    features: Floats, shape: Sequence[int], cells: Sequence[int], iterations: int
) -> Ints:
    """Features (F, T, H, W); every voxel looks at the centres of the 27 cells around its own."""
    voxels = list(product(*(range(n) for n in shape)))
    labels = np.zeros(shape, dtype=np.int64)
    for voxel in voxels:
        labels[voxel] = number_of(home_of(voxel, shape, cells), cells)
    centres = {k: features[:, labels == k].mean(1) for k in range(int(np.prod(cells)))}
    for _ in range(iterations):
        for voxel in voxels:
            home = home_of(voxel, shape, cells)
            around = [
                number_of(cell, cells)
                for cell in product(*(range(h - 1, h + 2) for h in home))
                if all(0 <= c < g for c, g in zip(cell, cells, strict=True))
            ]
            t, y, x = voxel
            point = features[:, t, y, x]
            labels[voxel] = min(around, key=lambda k: ((point - centres[k]) ** 2).sum())
        for k in centres:
            if (labels == k).any():
                centres[k] = features[:, labels == k].mean(1)
    return labels


def soft_keep(
    present: Ints, shape: Sequence[int], cells: Sequence[int], shift: Sequence[float]
) -> Floats:
    """RISE: stretch the cells to (g + 1) strides, then cut a window ``shift`` strides in."""
    keep = np.zeros(shape)
    for voxel in product(*(range(n) for n in shape)):
        corners = []
        for i, length, g, s in zip(voxel, shape, cells, shift, strict=True):
            stride = length / g
            u = (i + 0.5 + s * stride) * g / ((g + 1) * stride)  # in cells, edges at 0..g
            low = int(np.floor(u - 0.5))
            part = u - 0.5 - low
            ends = ((low, 1 - part), (low + 1, part))
            corners.append([(min(max(k, 0), g - 1), w) for k, w in ends])
        for (a, wa), (b, wb), (c, wc) in product(*corners):
            keep[voxel] += wa * wb * wc * present[a, b, c]
    return keep


def window_boxes(
    shape: Sequence[int], boxes: Sequence[int], stride: float
) -> list[tuple[slice, ...]]:
    """All windows as slices, for axes that the strides cut into whole voxels."""
    axes = []
    for length, n in zip(shape, boxes, strict=True):
        size = length // n
        step = int(size * stride)
        axes.append([slice(start, start + size) for start in range(0, length - size + 1, step)])
    return list(product(*axes))
