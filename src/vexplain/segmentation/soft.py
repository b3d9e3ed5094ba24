"""RISE's cells, which fade into each other (Petsiuk et al. 2018, section 3.2), in three axes."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core import VideoClip
from vexplain.core.checks import check_whole
from vexplain.segmentation.lattice import owners_of, spread


def hat_weights(length: int, cells: int, shift: Float[Tensor, " N"]) -> Float[Tensor, "N L g"]:
    """Return how much each cell of an axis weighs in each voxel; a voxel's weights sum to 1.

    The axis of ``length`` L voxels has strides of L / g. Its g cells are stretched over g + 1
    strides, and the clip is the window of length L that starts ``shift`` strides in. Between the
    centres of two cells the weights change linearly; beyond the outermost centres they stay.

    Args:
        length: L, in voxels.
        cells: g.
        shift: (N,) the start of the window in strides, in [0, 1].
    """
    stride = length / cells
    cell = (cells + 1) / cells * stride
    voxel = torch.arange(length, device=shift.device) + 0.5
    place = (voxel + shift[:, None] * stride) / cell - 0.5
    number = torch.arange(cells, device=shift.device)
    return (1 - (place.clamp(0, cells - 1)[..., None] - number).abs()).clamp_(min=0)


@dataclass(frozen=True, eq=False)
class SoftCells:
    """A lattice of cells that fade into each other by trilinear interpolation.

    Attributes:
        shape: (T, H, W) of the clip.
        cells: (t, h, w), the number of cells along each axis.
        shifted: Whether the lattice moves with the jitter of a row; else it stays at half a
            stride, the middle of all shifts, which is also where scores are painted.
    """

    shape: tuple[int, int, int]
    cells: tuple[int, int, int]
    shifted: bool = True

    @property
    def n_features(self) -> int:
        """D = t·h·w."""
        return self.cells[0] * self.cells[1] * self.cells[2]

    def keep(
        self, present: Bool[Tensor, "N D"], jitter: Float[Tensor, "N 3"]
    ) -> Float[Tensor, "N T H W"]:
        """Return the interpolated presence, shifted by ``jitter`` (in strides along T, H, W)."""
        shift = jitter.to(present.device) if self.shifted else middle(present.device)
        return self._interpolate(present.float(), shift.float()).clamp_(0, 1)

    def paint(self, scores: Float[Tensor, " D"]) -> Float[Tensor, "T H W"]:
        """Return the interpolated scores of the lattice at its middle shift."""
        shift = middle(scores.device).to(scores.dtype)
        return self._interpolate(scores[None], shift)[0]

    def owners(self) -> Int[Tensor, "T H W"]:
        """Return the cell that weighs most in each voxel where scores are painted."""
        return owners_of(*(weights[0] for weights in self._weights(middle(torch.device("cpu")))))

    def _interpolate(
        self, values: Float[Tensor, "N D"], shift: Float[Tensor, "#N 3"]
    ) -> Float[Tensor, "N T H W"]:
        return spread(values.view(-1, *self.cells), *self._weights(shift))

    def _weights(self, shift: Float[Tensor, "#N 3"]) -> list[Float[Tensor, "#N L g"]]:
        axes = zip(self.shape, self.cells, shift.unbind(1), strict=True)
        return [hat_weights(length, cells, along) for length, cells, along in axes]


def middle(device: torch.device) -> Float[Tensor, "1 3"]:
    """Return the shift of half a stride along each axis."""
    return torch.full((1, 3), 0.5, device=device)


@dataclass(frozen=True)
class SoftGrid:
    """RISE's lattice of t × h × w cells; the default is the paper's 4·7² = 196 (Table 2).

    An axis with fewer voxels than cells gets one cell per voxel.

    Attributes:
        t: Cells along time.
        h: Cells along the rows.
        w: Cells along the columns.
        shifted: Whether every row moves the lattice at random by up to one stride, as RISE does.

    Raises:
        ValueError: On numbers below 1.
    """

    t: int = 4
    h: int = 7
    w: int = 7
    shifted: bool = True

    def __post_init__(self) -> None:
        for name in ("t", "h", "w"):
            check_whole(name, getattr(self, name))

    def __call__(self, clip: VideoClip) -> SoftCells:
        """Return the soft cells of ``clip``."""
        n_frames, _, height, width = clip.shape
        cells = (min(self.t, n_frames), min(self.h, height), min(self.w, width))
        return SoftCells((n_frames, height, width), cells, self.shifted)
