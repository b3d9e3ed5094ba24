"""Near-equal cuboids."""

from dataclasses import dataclass

from vexplain.core import VideoClip
from vexplain.core.checks import check_whole
from vexplain.segmentation.lattice import box_labels, check_fits
from vexplain.segmentation.regions import LabelRegions


@dataclass(frozen=True)
class Grid:
    """Cuts the clip into t × h × w cuboids, equal to within one voxel per axis.

    Attributes:
        t: Cells along time; 1 makes tubes that last the whole clip (the 2D grid of a picture).
        h: Cells along the rows.
        w: Cells along the columns.

    Raises:
        ValueError: On numbers below 1; when called, on more cells than voxels along an axis.
    """

    t: int = 4
    h: int = 7
    w: int = 7

    def __post_init__(self) -> None:
        for name in ("t", "h", "w"):
            check_whole(name, getattr(self, name))

    def __call__(self, clip: VideoClip) -> LabelRegions:
        """Return the t·h·w cuboids of ``clip``."""
        n_frames, _, height, width = clip.shape
        shape, cells = (n_frames, height, width), (self.t, self.h, self.w)
        for name, n, length in zip("thw", cells, shape, strict=True):
            check_fits(name, n, length)
        labels = box_labels(shape, cells).to(clip.frames.device)
        return LabelRegions(labels, self.t * self.h * self.w)
