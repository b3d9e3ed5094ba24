"""SLIC over space, time and colour (Achanta et al. 2012), with seeds spread along time as well."""

from dataclasses import dataclass
from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor

from vexplain.core import VideoClip
from vexplain.core.checks import check_positive, check_whole
from vexplain.segmentation.connect import connect
from vexplain.segmentation.lattice import axis_cells, box_labels
from vexplain.segmentation.regions import LabelRegions, from_volume

GRAIN = 1024  # features are whole multiples of 1/GRAIN: their float64 sums are exact in any order
CHUNK = 1 << 21  # distances computed at a time: as many as stay in the processor's cache
ENOUGH = 8  # pixels along a side of a cell from which every second one tells its centre
DURATION = 4 / 7  # by default a clip lasts this share of its side: the ratio of RISE's 4 × 7 × 7


@dataclass(frozen=True, kw_only=True)
class Slic:
    """Clusters voxels that are near in colour, space and time, from a lattice of seeds.

    The distance is d² = d_lab² + (compactness / S)² · (d_x² + d_y² + time_spacing² · d_t²), with
    CIE Lab colours, S the spacing of the seeds in pixels within a frame, and frames for d_t
    (equation 3 of the source). A voxel is compared with the seeds of its own cell of the lattice
    and of the 26 around it. Where a cell is at least 8 pixels wide and high, the centres move on
    every second row and column only; every voxel is compared with them in the end. Regions are
    made connected last, so some seeds may vanish.

    Source: Achanta et al., SLIC Superpixels Compared to State-of-the-Art Superpixel Methods,
    PAMI 2012.

    Attributes:
        n_regions: About how many regions; the lattice comes as near as whole numbers allow.
        compactness: Weight of nearness against colour, in Lab units; large makes cuboids.
        time_spacing: How many pixels one frame counts for: small makes tubes, large makes
            slices. None makes the clip 4/7 of √(H·W) long, so that 200 regions of a square clip
            have seeds in 4 layers of 7 × 7, as RISE's grid has.
        iterations: How often the centres move.

    Raises:
        ValueError: On numbers that are not positive; when called, on more regions than voxels.
    """

    n_regions: int = 200
    compactness: float = 10.0
    time_spacing: float | None = None
    iterations: int = 10

    def __post_init__(self) -> None:
        check_whole("n_regions", self.n_regions)
        check_whole("iterations", self.iterations)
        check_positive("compactness", self.compactness)
        if self.time_spacing is not None:
            check_positive("time_spacing", self.time_spacing)

    def __call__(self, clip: VideoClip) -> LabelRegions:
        """Return the regions of ``clip``."""
        n_frames, _, height, width = clip.shape
        spacing = self.time_spacing or DURATION * sqrt(height * width) / n_frames
        labels = slic_labels(
            clip.frames, self.n_regions, self.compactness, spacing, self.iterations
        )
        return from_volume(labels, clip)


def slic_labels(
    frames: Float[Tensor, "T 3 H W"],
    n_regions: int,
    compactness: float,
    time_spacing: float,
    iterations: int,
) -> Int[Tensor, "T H W"]:
    """Return connected clusters of voxels on the CPU, numbered with gaps; see ``Slic``.

    Raises:
        ValueError: On more regions than voxels.
    """
    n_frames, _, height, width = frames.shape
    shape = (n_frames, height, width)
    if n_regions > n_frames * height * width:
        raise ValueError(
            f"n_regions: expected at most one per voxel, got {n_regions} regions for {shape} "
            "voxels. Ask for fewer, or read the clip at a larger size."
        )
    cells = seed_lattice(shape, n_regions, time_spacing)
    features = voxel_features(frames, cells, compactness, time_spacing)
    labels = cluster(features, shape, cells, iterations, thin=thinning(shape, cells)).view(shape)
    return torch.from_numpy(connect(labels.cpu().numpy(), time_spacing=time_spacing))


def seed_lattice(
    shape: tuple[int, int, int], n_regions: int, time_spacing: float
) -> tuple[int, int, int]:
    """Return how many seeds to put along T, H and W, about equally far from each other."""
    n_frames, height, width = shape
    duration = n_frames * time_spacing
    apart = (duration * height * width / n_regions) ** (1 / 3)
    t = min(max(round(duration / apart), 1), n_frames)
    h = min(max(round(height / sqrt(height * width * t / n_regions)), 1), height)
    w = min(max(round(n_regions / (t * h)), 1), width)
    return t, h, w


def lab_colours(frames: Float[Tensor, "T 3 H W"]) -> Float[Tensor, "3 T H W"]:
    """Return CIE 1976 L*a*b* of sRGB in [0, 1], for the white point D65."""
    linear = torch.where(
        frames <= 0.04045, frames / 12.92, ((frames + 0.055) / 1.055).clamp(min=0) ** 2.4
    )
    to_xyz = torch.tensor(
        [
            [0.412453, 0.357580, 0.180423],
            [0.212671, 0.715160, 0.072169],
            [0.019334, 0.119193, 0.950227],
        ],
        device=frames.device,
    )
    relative = to_xyz / torch.tensor([[0.95047], [1.0], [1.08883]], device=frames.device)
    xyz = torch.tensordot(relative, linear, dims=([1], [1]))
    x, y, z = torch.where(xyz > 0.008856, xyz.clamp(min=0) ** (1 / 3), 7.787 * xyz + 16 / 116)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def voxel_features(
    frames: Float[Tensor, "T 3 H W"],
    cells: tuple[int, int, int],
    compactness: float,
    time_spacing: float,
) -> Float[Tensor, "6 voxels"]:
    """Return L, a, b and the scaled place t, y, x of every voxel, float64: distances are plain."""
    n_frames, _, height, width = frames.shape
    weight = compactness / sqrt(height * width / (cells[1] * cells[2]))
    axes = [torch.arange(n, dtype=torch.float64) for n in (n_frames, height, width)]
    scaled = (axes[0] * weight * time_spacing, axes[1] * weight, axes[2] * weight)
    place = torch.stack(torch.meshgrid(*scaled, indexing="ij")).to(frames.device)
    features = torch.cat([lab_colours(frames).double(), place]).flatten(1)
    return (features * GRAIN).round() / GRAIN


def thinning(shape: tuple[int, int, int], cells: tuple[int, int, int]) -> int:
    """Return 2 where a cell has pixels enough to find its centre from every second, else 1."""
    return 2 if min(shape[1] // cells[1], shape[2] // cells[2]) >= ENOUGH else 1


def cluster(
    features: Float[Tensor, "6 voxels"],
    shape: tuple[int, int, int],
    cells: tuple[int, int, int],
    iterations: int,
    *,
    thin: int = 1,
) -> Int[Tensor, " voxels"]:
    """Return the number of the nearest centre of every voxel, after the centres have moved.

    With ``thin`` 2 the centres move on every second row and column, a quarter of the voxels; all
    voxels are compared with them in the end.
    """
    part = features.view(6, *shape)[:, :, thin // 2 :: thin, thin // 2 :: thin]
    coarse = (part.shape[1], part.shape[2], part.shape[3])
    centres = settled(part.flatten(1), coarse, cells, iterations - 1)
    return Cells.of(features, shape, cells).nearest(centres)


def settled(
    features: Float[Tensor, "6 voxels"],
    shape: tuple[int, int, int],
    cells: tuple[int, int, int],
    moves: int,
) -> Float[Tensor, "6 cells"]:
    """Return the centres after they have moved to the means of their voxels, ``moves`` times."""
    grid = Cells.of(features, shape, cells)
    centres = grid.origin
    for _ in range(moves):
        centres = mean_features(features, grid.nearest(centres), centres)
    return centres


@dataclass(frozen=True, eq=False)
class Cells:
    """The voxels of a clip, cell by cell of the lattice, and which cells lie around each.

    Attributes:
        homes: The voxels of every cell.
        around: The 27 cells around every cell, −1 beyond the border.
        origin: The mean features of every cell.
        blocks: The features of every cell's voxels, less the cell's origin.
    """

    homes: Int[Tensor, "cells members"]
    around: Int[Tensor, "cells 27"]
    origin: Float[Tensor, "6 cells"]
    blocks: Float[Tensor, "cells members 6"]

    @classmethod
    def of(
        cls,
        features: Float[Tensor, "6 voxels"],
        shape: tuple[int, int, int],
        cells: tuple[int, int, int],
    ) -> "Cells":
        """Cut the voxels of a clip into the cells of the lattice."""
        device = features.device
        homes = cell_members(shape, cells).to(device)
        nowhere = torch.zeros(6, len(homes), dtype=torch.float64, device=device)
        origin = mean_features(features, box_labels(shape, cells).flatten().to(device), nowhere)
        blocks = (features[:, homes] - origin[..., None]).float().permute(1, 2, 0).contiguous()
        return cls(homes, neighbours(cells).to(device), origin, blocks)

    def nearest(self, centres: Float[Tensor, "6 cells"]) -> Int[Tensor, " voxels"]:
        """Return the number of the nearest centre of every voxel."""
        n_voxels = int(self.homes.max()) + 1
        labels = torch.empty(n_voxels, dtype=torch.int64, device=self.homes.device)
        labels[self.homes] = nearest(self.blocks, self.origin, centres, self.around)
        return labels


def cell_members(
    shape: tuple[int, int, int], cells: tuple[int, int, int]
) -> Int[Tensor, "cells members"]:
    """Return the voxels of every cell; smaller cells name their last voxels twice."""
    tables = []
    for length, n in zip(shape, cells, strict=True):
        size = torch.bincount(axis_cells(length, n))
        step = torch.arange(int(size.max())).minimum(size[:, None] - 1)
        tables.append((size.cumsum(0) - size)[:, None] + step)
    t, h, w = tables
    rows = t[:, None, None, :, None, None] * shape[1] + h[:, None, None, :, None]
    voxels = rows * shape[2] + w[:, None, None, :]
    return voxels.flatten(3).flatten(0, 2)


def neighbours(cells: tuple[int, int, int]) -> Int[Tensor, "cells 27"]:
    """Return the 3 × 3 × 3 cells around every cell, −1 beyond the border."""
    number = torch.full([n + 2 for n in cells], -1)
    number[1:-1, 1:-1, 1:-1] = torch.arange(cells[0] * cells[1] * cells[2]).view(cells)
    return number.unfold(0, 3, 1).unfold(1, 3, 1).unfold(2, 3, 1).flatten(3).flatten(0, 2)


def mean_features(
    features: Float[Tensor, "6 voxels"],
    labels: Int[Tensor, " voxels"],
    before: Float[Tensor, "6 cells"],
) -> Float[Tensor, "6 cells"]:
    """Return the mean features of every label; a label without voxels stays where it was."""
    n_cells = before.shape[1]
    count = torch.bincount(labels, minlength=n_cells)
    sums = torch.stack([torch.bincount(labels, row, n_cells) for row in features])
    return torch.where(count > 0, sums / count.clamp(min=1), before)


def nearest(
    blocks: Float[Tensor, "cells members 6"],
    origin: Float[Tensor, "6 cells"],
    centres: Float[Tensor, "6 cells"],
    around: Int[Tensor, "cells 27"],
) -> Int[Tensor, "cells members"]:
    """Return the nearest of the 27 centres around every voxel's cell, ties to the lowest number.

    |f − c|² is |f|² − 2 f·c + |c|², of which |f|² is the same for all centres. Both f and c are
    taken from the cell's ``origin``: single precision then suffices.
    """
    near = (centres[:, around] - origin[..., None]).float().permute(1, 2, 0)
    square = near.square().sum(-1).masked_fill(around < 0, torch.inf)[:, None]
    step = max(CHUNK // (blocks.shape[1] * 27), 1)
    choice = []
    for begin in range(0, len(blocks), step):
        part = slice(begin, begin + step)
        distance = torch.baddbmm(square[part], blocks[part], near[part].mT, alpha=-2)
        choice.append(distance.min(2).indices)
    return around.gather(1, torch.cat(choice))
