"""Gaussian smoothing along one axis, as a matrix product."""

import torch
from jaxtyping import Float
from torch import Tensor


def smoothing_matrix(length: int, sigma: float) -> Float[Tensor, "L L"]:
    """Return (L, L) float64: row i holds the weights that make place i of a smoothed line.

    The kernel is cut at 4 sigma and sums to 1. Beyond its ends the line is mirrored, the end itself
    repeated (c b a | a b c | c b a), which leaves the mean of the line as it is.

    Args:
        length: L, the places on the line.
        sigma: Standard deviation in places.
    """
    if sigma > 1000 * length:  # the line is its mean by then, and the kernel only costs
        return torch.full((length, length), 1 / length, dtype=torch.float64)
    radius = int(4 * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    # A mirrored line repeats after 2·L places: any kernel, however wide, folds into one period.
    period = 2 * length
    folded = torch.zeros(period, dtype=torch.float64)
    folded.index_add_(0, offsets.long() % period, weights / weights.sum())
    places = (torch.arange(length).unsqueeze(1) + torch.arange(period)) % period
    mirrored = torch.minimum(places, period - 1 - places)
    matrix = torch.zeros(length, length, dtype=torch.float64)
    return matrix.scatter_add_(1, mirrored, folded.expand(length, period))


def smooth(volume: Float[Tensor, "..."], axis: int, sigma: float) -> Float[Tensor, "..."]:
    """Return ``volume`` smoothed along ``axis``; ``sigma`` in voxels, 0 = as it is."""
    if sigma == 0:
        return volume
    matrix = smoothing_matrix(volume.shape[axis], sigma).to(volume)
    return (volume.transpose(axis, -1) @ matrix.T).transpose(axis, -1)
