"""ROAD's linear imputation the slow, obvious way: every equation written out, solved directly."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import torch
from scipy.sparse import lil_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

Offset = tuple[int, int, int]

FRAME_WEIGHTS: Mapping[Offset, float] = {
    (0, -1, -1): 1 / 12,
    (0, -1, 0): 1 / 6,
    (0, -1, 1): 1 / 12,
    (0, 0, -1): 1 / 6,
    (0, 0, 1): 1 / 6,
    (0, 1, -1): 1 / 12,
    (0, 1, 0): 1 / 6,
    (0, 1, 1): 1 / 12,
}
"""The paper's eight neighbours in a picture (appendix of arXiv 2202.00449, and its code)."""

CLIP_WEIGHTS: Mapping[Offset, float] = {
    (dt, dy, dx): {1: 4 / 56, 2: 2 / 56, 3: 1 / 56}[abs(dt) + abs(dy) + abs(dx)]
    for dt, dy, dx in product((-1, 0, 1), repeat=3)
    if (dt, dy, dx) != (0, 0, 0)
}
"""The 26 neighbours in a clip: face, edge and corner as 4 : 2 : 1, together 1."""


def imputed(frames: Tensor, keep: Tensor, weights: Mapping[Offset, float]) -> Tensor:
    """What NoisyLinear shows for one keep (T, H, W) without noise: (T, C, H, W)."""
    absent = [tuple(voxel) for voxel in (keep < 0.5).nonzero().tolist()]
    out = frames.double().clone()
    if len(absent) == keep.numel():
        return out.mean((0, 2, 3)).view(1, -1, 1, 1).expand_as(out).float()
    number = {voxel: index for index, voxel in enumerate(absent)}
    matrix = lil_matrix((len(absent), len(absent)))
    known = np.zeros((len(absent), frames.shape[1]))
    for (t, y, x), row in number.items():
        for (dt, dy, dx), weight in weights.items():
            there = (t + dt, y + dy, x + dx)
            if not all(0 <= place < size for place, size in zip(there, keep.shape, strict=True)):
                continue
            matrix[row, row] += weight
            if there in number:
                matrix[row, number[there]] -= weight
            else:
                known[row] += weight * out[there[0], :, there[1], there[2]].numpy()
    if absent:
        solved = torch.from_numpy(spsolve(matrix.tocsc(), known).reshape(known.shape))
        for (t, y, x), row in number.items():
            out[t, :, y, x] = solved[row]
    return out.float()
