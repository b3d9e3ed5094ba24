"""Regions of a frame that move with the picture, by dense optical flow."""

from dataclasses import dataclass, field, replace
from math import ceil

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import distance_transform_edt

from vexplain.core import VideoClip
from vexplain.core.checks import check_share, check_whole
from vexplain.segmentation.connect import connect
from vexplain.segmentation.frames import (
    Frame,
    FrameLabels,
    FrameSegmenter,
    Slic2D,
    numbered,
    rgb_frames,
)
from vexplain.segmentation.regions import LabelRegions, from_volume

Grey = UInt8[np.ndarray, "H W"]
Truth = Bool[np.ndarray, "H W"]
Place = Float[np.ndarray, "2 H W"]

SIDE = 8  # pixels: one patch of the flow
ROOM = 32  # pixels: OpenCV's DIS crashes on pictures whose pyramid has no level for a patch
SLACK = 0.02  # of the short side: what the flows there and back may differ by on a good trace
SLIVER = 1 / 30  # of the short side: new content that is thinner gets no region of its own
SPECK = 1 / 500  # of the frame: loose bits of a region that are smaller join what they touch
MISFIT = 0.15  # of the range of grey: a pixel that changes more than this is not the same surface


@dataclass(frozen=True, eq=False)
class Track:
    """Where the pixels of a frame come from, to fractions of a pixel, so that slow motion adds up.

    Attributes:
        seeded: The labels of the frames in which regions began.
        origin: (H, W) which of those frames each pixel comes from.
        place: (2, H, W) row and column there, in pixels.
        borrowed: (H, W) whether the pixel is new and only continues what lies beside it.
        n_labels: Labels given so far.
    """

    seeded: tuple[FrameLabels, ...]
    origin: FrameLabels
    place: Place
    borrowed: Truth
    n_labels: int

    @property
    def labels(self) -> FrameLabels:
        """(H, W) the label of every pixel, without specks."""
        y, x = inside(self.place)
        labels = np.stack(self.seeded)[self.origin, y, x]
        tidy: FrameLabels = connect(labels[None], smallest=ceil(labels.size * SPECK))[0]
        return tidy


@dataclass(frozen=True, kw_only=True)
class Flow:
    """Segments the first frame and carries its regions along the optical flow.

    A pixel has no trace in the frame before when its flow starts outside that frame, when the
    flows there and back disagree, or when the grey value changes by more than 15 %. Where such
    new content has gathered, it gets fresh regions; a frame that is mostly new is a cut.
    The flow is OpenCV's DIS (Kroeger et al. 2016); disagreement is equation 5 of Sundaram et al.,
    Dense Point Trajectories, ECCV 2010, with 2 % of the short side for the constant.

    Attributes:
        first: Segments the first frame, and later whatever is new.
        refresh: Segment afresh every so many frames; None: only at cuts.
        new_content: Least size of a region that begins after the first frame, as a share
            of the frame.
        cut_threshold: Share of a frame without a trace above which it is a cut; 1 sees none.

    Raises:
        ValueError: On numbers out of range; when called, on frames smaller than 8 × 8 pixels.
    """

    first: FrameSegmenter = field(default_factory=Slic2D)
    refresh: int | None = None
    new_content: float = 0.01
    cut_threshold: float = 0.5

    def __post_init__(self) -> None:
        if self.refresh is not None:
            check_whole("refresh", self.refresh)
        check_share("new_content", self.new_content)
        check_share("cut_threshold", self.cut_threshold)

    def __call__(self, clip: VideoClip) -> LabelRegions:
        """Return the regions of ``clip``."""
        if min(clip.shape[2:]) < SIDE:
            raise ValueError(
                f"clip: expected frames of at least {SIDE} x {SIDE} pixels for optical flow, got "
                f"{clip.shape[2]} x {clip.shape[3]}. Use PerFrame or Grid for such frames."
            )
        frames = rgb_frames(clip)
        greys = [grey(frame) for frame in frames]
        track = begin(numbered(self.first(frames[0])))
        volume = [track.labels]
        for number in range(1, len(frames)):
            source, traced = trace(greys[number - 1], greys[number])
            due = self.refresh is not None and number % self.refresh == 0
            if due or 1 - traced.mean() > self.cut_threshold:
                track = begin(numbered(self.first(frames[number])) + track.n_labels)
            else:
                track = self._add_new(frames[number], carry(track, source, traced))
            volume.append(track.labels)
        return from_volume(torch.from_numpy(np.stack(volume)), clip)

    def _add_new(self, frame: Frame, track: Track) -> Track:
        """Return the track with fresh regions where enough new content has gathered."""
        gathered = opened(track.borrowed)
        least = max(self.new_content * gathered.size, 1)
        if gathered.sum() < least:
            return track
        fresh = numbered(self.first(frame))
        large = np.bincount(fresh[gathered], minlength=int(fresh.max()) + 1) >= least
        return seed(track, fresh, gathered & large[fresh])


def begin(labels: FrameLabels) -> Track:
    """Return the track of a frame whose regions all begin there."""
    return Track(
        seeded=(labels,),
        origin=np.zeros_like(labels),
        place=own_place(labels.shape),
        borrowed=np.zeros(labels.shape, dtype=bool),
        n_labels=int(labels.max()) + 1,
    )


def carry(track: Track, source: Place, traced: Truth) -> Track:
    """Return the track one frame on; pixels without a trace continue the nearest that has one.

    Args:
        track: The frame before.
        source: Row and column in the frame before that each pixel comes from.
        traced: Whether that can be believed.
    """
    y, x = inside(source)
    place = track.place[:, y, x] + (source - np.stack([y, x]))
    believed = traced if traced.any() else ~traced
    y_near, x_near = distance_transform_edt(~believed, return_distances=False, return_indices=True)
    step = own_place(traced.shape) - np.stack([y_near, x_near])
    return replace(
        track,
        origin=track.origin[y, x][y_near, x_near],
        place=place[:, y_near, x_near] + step,
        borrowed=track.borrowed[y, x][y_near, x_near] | ~traced,
    )


def seed(track: Track, fresh: FrameLabels, new: Truth) -> Track:
    """Return the track with the regions ``fresh`` begun where ``new`` says."""
    labels = np.where(new, fresh + track.n_labels, track.labels)
    return Track(
        seeded=(*track.seeded, labels),
        origin=np.where(new, len(track.seeded), track.origin),
        place=np.where(new, own_place(new.shape), track.place),
        borrowed=track.borrowed & ~new,
        n_labels=track.n_labels + int(fresh.max()) + 1,
    )


def trace(before: Grey, now: Grey) -> tuple[Place, Truth]:
    """Return where each pixel of ``now`` was in the frame ``before``, and whether to believe it."""
    back, forth = flow_between(now, before), flow_between(before, now)
    source = own_place(now.shape) + back
    y, x = (axis.astype(np.float32) for axis in source)
    there = np.stack([cv2.remap(axis, x, y, cv2.INTER_LINEAR) for axis in forth])
    disagreement = ((back + there) ** 2).sum(0)
    allowed = 0.01 * ((back**2).sum(0) + (there**2).sum(0)) + (SLACK * min(now.shape)) ** 2
    change = np.abs(cv2.remap(before, x, y, cv2.INTER_LINEAR).astype(np.float64) - now)
    height, width = now.shape
    within = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
    return source, within & (disagreement <= allowed) & (change <= MISFIT * 255)


def flow_between(one: Grey, other: Grey) -> Place:
    """Return how far each pixel of ``one`` has moved in ``other``, as rows and columns."""
    estimate = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = estimate.calc(roomy(one), roomy(other), None)  # type: ignore[call-overload]
    height, width = one.shape
    return np.ascontiguousarray(flow[:height, :width, ::-1].transpose(2, 0, 1))


def roomy(picture: Grey) -> UInt8[np.ndarray, "rows columns"]:
    """Return a picture whose last row and column are repeated up to ``ROOM`` pixels a side."""
    missing = [(0, max(ROOM - side, 0)) for side in picture.shape]
    return np.pad(picture, missing, mode="edge")


def grey(frame: Frame) -> Grey:
    """Return the 8-bit luma of a frame in [0, 1]."""
    return cv2.cvtColor((frame * 255).round().astype(np.uint8), cv2.COLOR_RGB2GRAY)


def own_place(shape: tuple[int, ...]) -> Place:
    """Return the row and the column of every pixel of a frame."""
    return np.indices(shape, dtype=np.float64)


def inside(place: Place) -> Int[np.ndarray, "2 H W"]:
    """Return the nearest pixel of the frame, as rows and columns."""
    height, width = place.shape[1:]
    limits = np.array([height - 1, width - 1])[:, None, None]
    nearest: Int[np.ndarray, "2 H W"] = np.clip(np.rint(place), 0, limits).astype(np.int64)
    return nearest


def opened(area: Truth) -> Truth:
    """Return ``area`` without what is thinner than a thirtieth of the frame."""
    side = max(round(min(area.shape) * SLIVER), 1)
    kernel = np.ones((side, side), dtype=np.uint8)
    return cv2.morphologyEx(area.astype(np.uint8), cv2.MORPH_OPEN, kernel).astype(bool)
