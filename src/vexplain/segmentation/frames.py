"""Segmentations of a single frame, and the segmenter that applies one to every frame."""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from skimage.color import rgb2gray
from skimage.filters import sobel
from skimage.segmentation import felzenszwalb, quickshift, watershed

from vexplain.core import VideoClip
from vexplain.core.checks import check_positive, check_share, check_whole
from vexplain.segmentation.lattice import axis_cells, check_fits
from vexplain.segmentation.regions import LabelRegions, from_volume
from vexplain.segmentation.slic import seed_lattice, slic_labels

Frame = Float[np.ndarray, "H W 3"]
FrameLabels = Int[np.ndarray, "H W"]


@runtime_checkable
class FrameSegmenter(Protocol):
    """Finds the regions of one frame."""

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return whole numbers from 0, gaps allowed, for an RGB frame in [0, 1]."""


@dataclass(frozen=True)
class Grid2D:
    """Cuts a frame into h × w rectangles, equal to within one pixel per axis.

    Attributes:
        h: Cells along the rows.
        w: Cells along the columns.

    Raises:
        ValueError: On numbers below 1; when called, on more cells than pixels along an axis.
    """

    h: int = 7
    w: int = 7

    def __post_init__(self) -> None:
        check_whole("h", self.h)
        check_whole("w", self.w)

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return the rectangles."""
        height, width = frame.shape[:2]
        check_fits("h", self.h, height)
        check_fits("w", self.w, width)
        labels = axis_cells(height, self.h)[:, None] * self.w + axis_cells(width, self.w)
        return labels.numpy()


@dataclass(frozen=True, kw_only=True)
class Slic2D:
    """SLIC on one frame: clusters of pixels near in colour and place, as ``Slic`` finds them.

    Attributes:
        n_regions: About how many regions.
        compactness: Weight of nearness against colour, in Lab units.
        iterations: How often the centres move.

    Raises:
        ValueError: On a number that is not positive; when called, on more regions than pixels.
    """

    n_regions: int = 50
    compactness: float = 10.0
    iterations: int = 10

    def __post_init__(self) -> None:
        check_whole("n_regions", self.n_regions)
        check_positive("compactness", self.compactness)
        check_whole("iterations", self.iterations)

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return the connected clusters."""
        frames = torch.from_numpy(frame).permute(2, 0, 1)[None].float()
        labels = slic_labels(frames, self.n_regions, self.compactness, 1.0, self.iterations)
        return labels[0].numpy()


@dataclass(frozen=True, kw_only=True)
class Felzenszwalb:
    """Graph-based regions (Felzenszwalb and Huttenlocher 2004), as scikit-image computes them.

    Attributes:
        scale: Preference for large regions; the number of regions follows from the contrast.
        sigma: Width of a Gaussian blur beforehand, in pixels.
        smallest: Fewest pixels of a region.

    Raises:
        ValueError: On a number out of range.
    """

    scale: float = 100.0
    sigma: float = 0.8
    smallest: int = 200

    def __post_init__(self) -> None:
        check_positive("scale", self.scale)
        check_not_negative("sigma", self.sigma)
        check_whole("smallest", self.smallest)

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return the trees of the graph."""
        labels: FrameLabels = felzenszwalb(
            frame, scale=self.scale, sigma=self.sigma, min_size=self.smallest
        )
        return labels


@dataclass(frozen=True, kw_only=True)
class Quickshift:
    """Modes of colour and place (Vedaldi and Soatto 2008), as scikit-image computes them.

    It takes about a second per frame of 224 × 224 pixels; the others take some hundredths.

    Attributes:
        kernel_size: Width of the density estimate, in pixels; large gives fewer regions.
        max_distance: Farthest that a pixel is linked, in pixels; large gives fewer regions.
        ratio: Weight of colour against nearness, in [0, 1].
        sigma: Width of a Gaussian blur beforehand, in pixels.

    Raises:
        ValueError: On a number out of range.
    """

    kernel_size: float = 5.0
    max_distance: float = 20.0
    ratio: float = 0.5
    sigma: float = 0.0

    def __post_init__(self) -> None:
        check_positive("kernel_size", self.kernel_size)
        check_positive("max_distance", self.max_distance)
        check_share("ratio", self.ratio)
        check_not_negative("sigma", self.sigma)

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return the basins of the modes; ties are broken the same way every time."""
        labels: FrameLabels = quickshift(  # type: ignore[no-untyped-call]
            frame,
            kernel_size=self.kernel_size,
            max_dist=self.max_distance,
            ratio=self.ratio,
            sigma=self.sigma,
            rng=0,
        )
        return labels


@dataclass(frozen=True, kw_only=True)
class CompactWatershed:
    """Watershed of the contours with a pull to the seeds (Neubert and Protzel 2014).

    Attributes:
        n_regions: About how many regions: the seeds form a lattice.
        compactness: Weight of nearness to the seed against the contours (Sobel of the grey
            frame in [0, 1]); 0 follows the contours alone.

    Raises:
        ValueError: On a number out of range.
    """

    n_regions: int = 50
    compactness: float = 0.001

    def __post_init__(self) -> None:
        check_whole("n_regions", self.n_regions)
        check_not_negative("compactness", self.compactness)

    def __call__(self, frame: Frame) -> FrameLabels:
        """Return the basins."""
        contours = sobel(rgb2gray(frame))  # type: ignore[no-untyped-call]
        labels: FrameLabels = watershed(  # type: ignore[no-untyped-call]
            contours, seed_pixels(contours.shape, self.n_regions), compactness=self.compactness
        )
        return labels


def seed_pixels(shape: tuple[int, ...], n_regions: int) -> FrameLabels:
    """Return numbers from 1 at the centres of an even lattice of cells, 0 elsewhere."""
    height, width = shape
    _, h, w = seed_lattice((1, height, width), min(n_regions, height * width), 1.0)
    rows, columns = (
        (2 * np.arange(n) + 1) * size // (2 * n) for n, size in ((h, height), (w, width))
    )
    seeds = np.zeros(shape, dtype=np.int64)
    seeds[rows[:, None], columns] = np.arange(1, h * w + 1).reshape(h, w)
    return seeds


def check_not_negative(name: str, value: float) -> None:
    """Raise ``ValueError`` when ``value`` is below zero."""
    if not value >= 0:
        raise ValueError(f"{name}: expected a number from 0, got {value}.")


def rgb_frames(clip: VideoClip) -> Float[np.ndarray, "T H W 3"]:
    """Return the frames of a clip as a numpy array with the colours last."""
    return np.ascontiguousarray(clip.frames.permute(0, 2, 3, 1).cpu().numpy())


@dataclass(frozen=True)
class PerFrame:
    """Applies a segmenter of single frames to every frame; no region lasts beyond its frame.

    Attributes:
        segmenter: What cuts each frame.
    """

    segmenter: FrameSegmenter = field(default_factory=Slic2D)

    def __call__(self, clip: VideoClip) -> LabelRegions:
        """Return the regions of all frames, numbered in the order of the frames."""
        volume, used = [], 0
        for frame in rgb_frames(clip):
            labels = numbered(self.segmenter(frame)) + used
            used = int(labels.max()) + 1
            volume.append(labels)
        return from_volume(torch.from_numpy(np.stack(volume)), clip)


def numbered(labels: FrameLabels) -> FrameLabels:
    """Return the labels of a frame as 0, 1, … without gaps, int64."""
    order: FrameLabels = np.unique(labels, return_inverse=True)[1]
    return order.reshape(labels.shape).astype(np.int64)
