"""Step 1: segmenters cut a clip into regions; a segmentation knows what its regions keep."""

from vexplain.segmentation.flow import Flow
from vexplain.segmentation.frames import (
    CompactWatershed,
    Felzenszwalb,
    FrameSegmenter,
    Grid2D,
    PerFrame,
    Quickshift,
    Slic2D,
)
from vexplain.segmentation.grid import Grid
from vexplain.segmentation.regions import FromLabels, LabelRegions, relabel
from vexplain.segmentation.slic import Slic
from vexplain.segmentation.soft import SoftCells, SoftGrid
from vexplain.segmentation.windows import SlidingWindow, Windows

__all__ = [
    "CompactWatershed",
    "Felzenszwalb",
    "Flow",
    "FrameSegmenter",
    "FromLabels",
    "Grid",
    "Grid2D",
    "LabelRegions",
    "PerFrame",
    "Quickshift",
    "Slic",
    "Slic2D",
    "SlidingWindow",
    "SoftCells",
    "SoftGrid",
    "Windows",
    "relabel",
]
