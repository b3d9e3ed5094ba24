"""Fills that take what is absent from other moments of the same clip."""

import warnings
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from vexplain.core import Segmentation, VexplainWarning, VideoClip
from vexplain.core.checks import check_whole
from vexplain.removal.fills import KeepFill, mean_color


@dataclass(frozen=True)
class FreezeLast:
    """Each absent voxel holds what it showed when it was last present: motion and change go.

    A voxel counts as present where its keep is at least ½. One that was never present before takes
    the next present frame instead, one that is never present the mean colour of the clip.
    Made for regions that are short in time (``Grid``, ``PerFrame``): what is removed is *when*
    something moves, and each single frame stays natural. Regions that last for the whole clip leave
    nothing to freeze.
    """

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> KeepFill:
        """Return the function that freezes the frames of ``clip`` for a keep."""
        return partial(freeze, clip.frames)


@dataclass(frozen=True)
class Interpolate:
    """Each absent voxel fades from its last present frame to its next one, linearly by frame.

    A voxel counts as present where its keep is at least ½. At the ends of the clip it holds the
    nearest present frame; one that is never present takes the mean colour of the clip. Softer than
    ``FreezeLast``, without a jump when the voxel comes back, but it shows the future.
    """

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> KeepFill:
        """Return the function that interpolates the frames of ``clip`` for a keep."""
        return partial(interpolate, clip.frames)


@dataclass(frozen=True)
class ShuffleFrames:
    """The clip's own frames in another order, each one out of its place.

    Content and colours stay, order goes: asks whether the *order* inside a region matters, and
    makes visible seams where the camera or the object moves.

    Attributes:
        seed: Fixes the order: the same seed and number of frames give the same one.

    Raises:
        ValueError: When ``seed`` is not a whole number from 0.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        check_whole("seed", self.seed, least=0)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C H W"]:
        """Return the shuffled frames."""
        warn_one_frame("ShuffleFrames", clip)
        return clip.frames[one_cycle(clip.shape[0], self.seed)]


@dataclass(frozen=True)
class MedianBackground:
    """The median over time of every pixel: what stands still stays, what passes by goes.

    For a fixed camera and objects that cover each place less than half of the time: the fill is
    then the empty scene, in the domain of the model. A moving camera makes it a blur.
    """

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "1 C H W"]:
        """Return one picture; an even number of frames averages the two in the middle."""
        warn_one_frame("MedianBackground", clip)
        ordered = clip.frames.sort(dim=0).values
        n_frames = len(ordered)
        return torch.stack([ordered[(n_frames - 1) // 2], ordered[n_frames // 2]]).mean(
            dim=0, keepdim=True
        )


def freeze(
    frames: Float[Tensor, "T C H W"], keep: Float[Tensor, "n T H W"]
) -> Float[Tensor, "n T C H W"]:
    """Return each voxel from its last present frame, else its next one, else the clip's mean."""
    present = (keep >= 0.5).unsqueeze(2)
    return carry(frames, present, first_present(frames, present, mean_color(frames)))


def interpolate(
    frames: Float[Tensor, "T C H W"], keep: Float[Tensor, "n T H W"]
) -> Float[Tensor, "n T C H W"]:
    """Return each voxel between its nearest present frames, by its distance to both in frames."""
    present = (keep >= 0.5).unsqueeze(2)
    times = torch.arange(len(frames), device=frames.device, dtype=frames.dtype).view(-1, 1, 1, 1)
    before, after = nearest_present(frames, present, mean_color(frames))
    start, end = nearest_present(times, present, times[:1])
    # Where the nearest frames are one and the same, any share of the way gives that frame.
    return before.lerp_(after, (times - start) / (end - start).clamp(min=1))


def nearest_present(
    values: Float[Tensor, "T c #H #W"],
    present: Bool[Tensor, "n T 1 H W"],
    never: Float[Tensor, "1 c 1 1"],
) -> tuple[Float[Tensor, "n T c H W"], Float[Tensor, "n T c H W"]]:
    """Return each voxel's values at its last and next present frame; at the ends both are one."""
    before = carry(values, present, first_present(values, present, never))
    after = carry(values, present, before[:, -1], backwards=True)
    return before, after


def carry(
    values: Float[Tensor, "T c #H #W"],
    present: Bool[Tensor, "n T 1 H W"],
    start: Float[Tensor, "n c H W"],
    *,
    backwards: bool = False,
) -> Float[Tensor, "n T c H W"]:
    """Return for each voxel the value of the last present frame passed, ``start`` before any."""
    # A scan over T frames is ten times faster than cummax and gather along a strided axis.
    steps = range(len(values))
    n_rows, *shape = start.shape
    out = start.new_empty(n_rows, len(values), *shape)
    for time in reversed(steps) if backwards else steps:
        start = torch.where(present[:, time], values[time], start, out=out[:, time])
    return out


def first_present(
    values: Float[Tensor, "T c #H #W"],
    present: Bool[Tensor, "n T 1 H W"],
    never: Float[Tensor, "1 c 1 1"],
) -> Float[Tensor, "n c H W"]:
    """Return for each voxel the value of its first present frame, else ``never``."""
    for value, here in zip(reversed(values), reversed(present.unbind(dim=1)), strict=True):
        never = torch.where(here, value, never)
    return never


def one_cycle(n_frames: int, seed: int) -> Int64[Tensor, " T"]:
    """Return an order of the frames that is a single cycle: for T > 1 none keeps its place."""
    order = torch.randperm(n_frames, generator=torch.Generator().manual_seed(seed))
    return torch.empty_like(order).scatter_(0, order, order.roll(1))


def warn_one_frame(fill: str, clip: VideoClip) -> None:
    """Warn that other moments of a clip of one frame are that frame itself."""
    if clip.shape[0] == 1:
        warnings.warn(
            f"removal: {fill} changes nothing in a clip of one frame, so that every score will "
            "be 0. Use a fill in space, Blur for instance, or a clip of more frames.",
            VexplainWarning,
            stacklevel=3,
        )
