"""What is absent as the mean of its neighbours, and noise over it: a sparse system, solved fast.

The system is solved by conjugate gradients, whose steps are proposed by a multigrid cycle (Tatebe,
1993): a few sweeps of local means, and for what is smooth the same on a grid half as fine. Wide
holes then need about ten rounds, where conjugate gradients alone need hundreds.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from math import prod

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor
from torch.nn.functional import avg_pool3d, interpolate

from vexplain.core import Segmentation, VexplainWarning, VideoClip
from vexplain.core.checks import check_number, check_whole
from vexplain.removal.fills import KeepFill, mean_color

TOLERANCE = 1e-4
"""A row is done when the next step would move none of its voxels farther, in units of [0, 1]."""

ROUNDS = 100
"""The most rounds of conjugate gradients; the widest holes tried took 13."""

SWEEPS = 2
"""Sweeps of local means before and after the coarser grid."""

STRIDE = 4 / 3
"""How far a sweep goes: its steps lie in (0, 1], and this one damps the upper half to a third."""

VALUES = 2**24
"""Voxels times channels solved at once; the solver holds about ten numbers for each."""


@dataclass(frozen=True)
class NoisyLinear:
    """Each absent voxel (keep below ½) the mean of its neighbours, with noise (ROAD; Rong, 2022).

    A smooth continuation of what surrounds the hole, without an edge that would tell the shape of
    what was removed; the noise hides that it is smooth. Neighbours are the 26 around a voxel in
    space and time, those with a common face weighing 4, edge 2 and corner 1; beyond the border of
    the clip there are none. Neighbours that are absent too are unknown themselves, so each keep
    gives one system of linear equations, solved here to within 0.001 of the range. In a clip of
    one frame the weights are those of ROAD in two dimensions: 1/6 beside, 1/12 across. A row with
    no voxel present gets the mean colour of the clip, and the noise.

    Unlike ROAD's own code, colours are held in [0, 1], and the noise is the same for every keep.

    Source: Rong et al., "A Consistent and Efficient Evaluation Strategy for Attribution Methods",
    ICML 2022, arXiv 2202.00449, section 4.2.

    Attributes:
        noise: Standard deviation of the noise, where 1 is the range of the clip.
        seed: Fixes the noise: one number per voxel and channel.

    Raises:
        ValueError: When ``noise`` is not a finite number from 0 or ``seed`` not a whole number
            from 0.
    """

    noise: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("noise", self.noise)
        if self.noise < 0:
            raise ValueError(
                f"noise: expected a standard deviation from 0, got {self.noise}. "
                "Use 0 for none, 0.01 for that of ROAD."
            )
        check_whole("seed", self.seed, least=0)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> KeepFill:
        """Return the function that imputes the frames where a keep is below ½."""
        # Drawn on the CPU, so that every device shows the same noise.
        drawn = torch.randn(clip.shape, generator=torch.Generator().manual_seed(self.seed))
        return partial(impute, clip.frames, self.noise * drawn.to(clip.frames.device))


def impute(
    frames: Float[Tensor, "T C H W"],
    noise: Float[Tensor, "T C H W"],
    keep: Float[Tensor, "n T H W"],
) -> Float[Tensor, "n T C H W"]:
    """Return the frames with neighbours' means and ``noise`` where ``keep`` is below ½."""
    absent = (keep < 0.5).unsqueeze(1)
    mean = mean_color(frames)
    # Differences from the mean colour: a row with nothing present is then solved by 0.
    values = (frames - mean).transpose(0, 1)
    parts = absent.chunk(1 + len(keep) * frames.numel() // VALUES)
    colors = torch.cat([neighbour_means(values, part) for part in parts]).transpose(1, 2)
    colors.add_(mean).add_(noise).clamp_(0, 1)
    return torch.where(absent.transpose(1, 2), colors, frames)


def neighbour_means(
    values: Float[Tensor, "C T H W"], absent: Bool[Tensor, "n 1 T H W"]
) -> Float[Tensor, "n C T H W"]:
    """Return what makes every absent voxel the weighted mean of its neighbours; 0 where present.

    Conjugate gradients from 0 for A·x = b: A is the sum of the weights of a voxel's neighbours on
    the diagonal and minus each weight beside it, for absent voxels; b the weighted sum of the
    present neighbours. Every row and channel takes its own steps and rests when it is done.

    Args:
        values: What the present voxels hold.
        absent: The voxels asked for.
    """
    inverses = list(inverse_diagonals(absent))
    diagonal = weights(absent)
    left = spread(values.where(~absent, 0)).mul_(absent)
    solution, direction = torch.zeros_like(left), torch.zeros_like(left)
    before = torch.ones_like(left[..., :1, :1, :1])
    for _ in range(ROUNDS):
        proposal = cycle(inverses, left)
        # Resting keeps what is left as it is, so that the proposal stays as small as it was.
        moving = proposal.abs().amax((2, 3, 4), keepdim=True) > TOLERANCE
        if not moving.any():
            break
        gain = inner(left, proposal)
        direction.mul_(gain / before).add_(proposal)
        pushed = (diagonal * direction).sub_(spread(direction)).mul_(absent)
        step = torch.where(moving, gain / inner(direction, pushed), 0)
        solution.addcmul_(step, direction)
        left.addcmul_(step, pushed, value=-1)
        before = gain.where(gain > 0, 1)
    else:
        warnings.warn(
            f"removal: NoisyLinear stopped after {ROUNDS} rounds, before every absent voxel was "
            "the mean of its neighbours. Use larger regions, or Inpaint.",
            VexplainWarning,
            stacklevel=2,
        )
    return solution


def cycle(
    inverses: list[Float[Tensor, "n 1 _ _ _"]], left: Float[Tensor, "n C T H W"]
) -> Float[Tensor, "n C T H W"]:
    """Return about the change that takes away what is ``left``: one symmetric multigrid V-cycle.

    Args:
        inverses: From ``inverse_diagonals``, this grid's and all coarser ones.
        left: b − A·x, what the equations are still wrong by.
    """
    inverse, *coarser = inverses
    change = STRIDE * inverse * left
    for _ in range(SWEEPS - 1):
        change.add_(sweep(change, inverse, left), alpha=STRIDE)
    if coarser:
        still = sweep(change, inverse, left).div_(inverse.clamp(min=1e-9))
        halves = halving(left)
        # Over twice the distance differences weigh four times as much; a cell holds their mean.
        rough = avg_pool3d(still, halves, ceil_mode=True, divisor_override=1)
        rough = cycle(coarser, rough.mul_(4 / prod(halves)))
        change.addcmul_(interpolate(rough, left.shape[2:]), (inverse > 0).to(left.dtype))
    for _ in range(SWEEPS):
        change.add_(sweep(change, inverse, left), alpha=STRIDE)
    return change


def sweep(
    change: Float[Tensor, "n C T H W"],
    inverse: Float[Tensor, "n 1 T H W"],
    left: Float[Tensor, "n C T H W"],
) -> Float[Tensor, "n C T H W"]:
    """Return how far ``change`` is from the local means that ``left`` asks for (Jacobi's step)."""
    return spread(change).add_(left).mul_(inverse).sub_(change)


def inverse_diagonals(absent: Bool[Tensor, "n 1 T H W"]) -> Iterator[Float[Tensor, "n 1 _ _ _"]]:
    """Yield 1 / diagonal of the system on finer to coarser grids, down to one cell; 0 = known.

    A coarse cell that is known in part is drawn towards its known part by a larger diagonal. The
    pull grows fourfold with each halving, as everything that does not come from differences does.
    """
    free = absent.float()
    yield free / weights(free)
    while max(free.shape[2:]) > 1:
        share = avg_pool3d(free, halving(free), ceil_mode=True)
        free = share / (4 - 3 * share)
        yield free / weights(free)


def halving(volume: Float[Tensor, "n c T H W"]) -> list[int]:
    """Return what each of the three axes is halved by: 2, or 1 where nothing is left to halve."""
    return [min(2, length) for length in volume.shape[2:]]


def weights(volume: Shaped[Tensor, "n c T H W"]) -> Float[Tensor, "1 1 T H W"]:
    """Return the sum of the weights around each voxel and of its own, which is 1."""
    return spread(torch.ones_like(volume[:1, :1], dtype=torch.float32))


def spread(volume: Float[Tensor, "n c T H W"]) -> Float[Tensor, "n c T H W"]:
    """Return the volume summed under [½, 1, ½] along time, rows and columns; 0 beyond its border.

    Without the 1 of the voxel itself that is 7 times ROAD's mean of 26 neighbours (3 times that of
    8 neighbours in one frame). With it the sum never turns a sign around, hence ``STRIDE``.
    """
    summed = volume.clone()
    for axis in (2, 3, 4):
        rest = volume.shape[axis] - 1
        source = summed.clone()
        summed.narrow(axis, 1, rest).add_(source.narrow(axis, 0, rest), alpha=0.5)
        summed.narrow(axis, 0, rest).add_(source.narrow(axis, 1, rest), alpha=0.5)
    return summed


def inner(one: Float[Tensor, "n C T H W"], other: Float[Tensor, "n C T H W"]) -> Tensor:
    """Return the inner product of every row and channel, (n, C, 1, 1, 1)."""
    return (one * other).sum((2, 3, 4), keepdim=True)
