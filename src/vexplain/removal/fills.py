"""What stands where something is absent: colours, means, blurs, inpainting, another clip."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol, runtime_checkable

import cv2
import torch
from jaxtyping import Float, Integer, Shaped, UInt8
from torch import Tensor
from torch.nn.functional import one_hot

from vexplain.core import Segmentation, VideoClip
from vexplain.core.checks import check_finite, check_positive, check_rank
from vexplain.core.gaussian import smooth

KeepFill = Callable[[Tensor], Tensor]
"""Turns keeps (n, T, H, W) into their fills (n, T, C, H, W): a fresh tensor, the caller's own."""

FOOTPRINT_VOXELS = 2**21
"""Voxels of footprints held at once while the regions' mean colours are gathered."""


@runtime_checkable
class Fill(Protocol):
    """Step 4a: what stands where something is absent."""

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Tensor | KeepFill:
        """Prepare the fill of ``clip`` once, on the device of its frames.

        Returns:
            A tensor broadcastable to (T, C, H, W), float32 in [0, 1], where the fill is the same
            for every keep; else a function from keeps to fills. The keeps that it is given carry
            their edges, but no transparency.
        """


@dataclass(frozen=True)
class Constant:
    """One colour: 0 = black (RISE), 0.5 = grey (occlusion sensitivity), or any RGB.

    Cheap and the same for every clip, but a colour patch is foreign to the clips that the model
    was trained on (paper, section 3.4), and black is a colour that a dark region already has.

    Attributes:
        color: A grey level, or (red, green, blue), in [0, 1].

    Raises:
        ValueError: On another number of values, or on one outside [0, 1].
    """

    color: float | tuple[float, float, float] = 0.0

    def __post_init__(self) -> None:
        known = all(isinstance(value, int | float) and 0 <= value <= 1 for value in self.rgb)
        if len(self.rgb) != 3 or not known:
            raise ValueError(
                f"color: expected a grey level, or three values (RGB), in [0, 1], "
                f"got {self.color!r}. Divide an 8-bit colour by 255."
            )

    @property
    def rgb(self) -> tuple[float, float, float]:
        """(red, green, blue)."""
        color = self.color
        return (color, color, color) if isinstance(color, int | float) else color

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "1 C 1 1"]:
        """Return the colour."""
        return clip.frames.new_tensor(self.rgb).view(1, 3, 1, 1)


@dataclass(frozen=True)
class RegionMean:
    """The mean colour of each region painted over it (LIME for images; paper, section 3.4).

    Keeps the colours of the clip and removes texture, shape and motion inside a region. Where
    regions overlap or fade, the colours painted are mixed as ``Segmentation.paint`` mixes scores.
    Outside of all regions, where feathered edges may reach, stands the mean colour of the clip.
    """

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C H W"]:
        """Return the painted means."""
        means = region_means(clip.frames, segmentation)
        union = segmentation.paint(torch.ones_like(means[0])).unsqueeze(1)
        painted = torch.stack([segmentation.paint(channel) for channel in means], dim=1)
        return (painted + (1 - union) * mean_color(clip.frames)).clamp(0, 1)


def region_means(
    frames: Float[Tensor, "T C H W"], segmentation: Segmentation
) -> Float[Tensor, "C D"]:
    """Return the mean (C, D) of every region, float32, weighted by how much of a voxel is its own.

    The frames may be anything over voxels: colours (C = 3), an attribution map (C = 1).
    """
    # Regions that are labels can be summed in one pass; any others only show their footprints.
    labels = getattr(segmentation, "labels", None)
    if isinstance(labels, Tensor):
        return label_means(frames, labels, segmentation.n_features)
    return footprint_means(frames, segmentation)


def label_means(
    frames: Float[Tensor, "T C H W"], labels: Integer[Tensor, "T H W"], n_features: int
) -> Float[Tensor, "C D"]:
    """Return the mean colour (C, D) of the voxels of every label 0..D−1."""
    labels = labels.to(frames.device)
    owned = labels >= 0
    owners = labels[owned].cpu()
    # float32 would lose a region of a million voxels to rounding, and not all devices have float64.
    volumes = frames.transpose(0, 1)[:, owned].cpu().double()
    sums = torch.stack([torch.bincount(owners, volume, n_features) for volume in volumes])
    sizes = torch.bincount(owners, minlength=n_features)
    return weighted_means(sums, sizes, frames)


def footprint_means(
    frames: Float[Tensor, "T C H W"], segmentation: Segmentation
) -> Float[Tensor, "C D"]:
    """Return the mean colour (C, D) under every footprint: what one feature alone takes away.

    The footprint of feature d is 1 − keep(all but d), at the middle of all shifts of a soft grid,
    which is where its scores are painted.
    """
    n_features = segmentation.n_features
    rows = max(1, FOOTPRINT_VOXELS // frames[:, 0].numel())
    colors = torch.cat([frames, torch.ones_like(frames[:, :1])], dim=1).flatten(2).transpose(1, 2)
    sums = []
    for start in range(0, n_features, rows):
        absent = torch.arange(start, min(start + rows, n_features), device=frames.device)
        present = one_hot(absent, n_features) == 0
        footprint = 1 - segmentation.keep(present, frames.new_full((len(absent), 3), 0.5))
        # Frame by frame, so that float32 adds up no more than one frame at a time.
        per_frame = footprint.flatten(2).transpose(0, 1) @ colors
        sums.append(per_frame.cpu().double().sum(0))
    total = torch.cat(sums).T
    return weighted_means(total[:-1], total[-1], frames)


def weighted_means(
    sums: Float[Tensor, "C D"], sizes: Shaped[Tensor, " D"], frames: Float[Tensor, "T C H W"]
) -> Float[Tensor, "C D"]:
    """Return sums / sizes (C, D), float32 beside ``frames``; regions without voxels get the clip's.

    Such regions are painted nowhere: their colour only must not be NaN.
    """
    means = (sums / sizes.clamp(min=1e-9)).to(torch.float32).to(frames.device)
    empty = (sizes <= 1e-9).to(frames.device)
    return torch.where(empty, mean_color(frames).view(-1, 1), means)


def mean_color(frames: Float[Tensor, "T C H W"]) -> Float[Tensor, "1 C 1 1"]:
    """Return the mean colour of a clip."""
    return frames.mean(dim=(-2, -1), keepdim=True).mean(dim=0, keepdim=True)


@dataclass(frozen=True)
class FrameMean:
    """The mean colour of each frame: brightness and cuts stay, content goes."""

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C 1 1"]:
        """Return one colour per frame."""
        return clip.frames.mean(dim=(-2, -1), keepdim=True)


@dataclass(frozen=True)
class ClipMean:
    """The mean colour of the whole clip: the least conspicuous single colour, still in time."""

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "1 C 1 1"]:
        """Return one colour."""
        return mean_color(clip.frames)


@dataclass(frozen=True)
class Blur:
    """Each frame blurred by a Gaussian (Fong and Vedaldi, 2017): detail goes, motion stays.

    Close to natural clips, but large or coarse objects stay recognisable unless ``sigma`` is about
    the size of the object. Frames are mirrored beyond their border, so their mean colour stays.

    Attributes:
        sigma: Standard deviation in pixels.

    Raises:
        ValueError: When ``sigma`` is not a finite number above 0.
    """

    sigma: float = 10.0

    def __post_init__(self) -> None:
        check_positive("sigma", self.sigma)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C H W"]:
        """Return the blurred frames."""
        return smooth(smooth(clip.frames, -1, self.sigma), -2, self.sigma).clamp(0, 1)


@dataclass(frozen=True)
class Blur3D:
    """The clip blurred over space and time: as ``Blur``, and motion smears out too.

    The clip is mirrored beyond its borders in space and in time.

    Attributes:
        sigma_space: Standard deviation in pixels.
        sigma_time: Standard deviation in frames.

    Raises:
        ValueError: When a deviation is not a finite number above 0.
    """

    sigma_space: float = 10.0
    sigma_time: float = 2.0

    def __post_init__(self) -> None:
        check_positive("sigma_space", self.sigma_space)
        check_positive("sigma_time", self.sigma_time)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C H W"]:
        """Return the blurred clip."""
        in_time = smooth(clip.frames, 0, self.sigma_time)
        return smooth(smooth(in_time, -1, self.sigma_space), -2, self.sigma_space).clamp(0, 1)


@dataclass(frozen=True)
class Inpaint:
    """What is absent (keep below ½) painted in from what surrounds it in its frame (Telea, 2004).

    The most natural fill for small regions; long smears where much of a frame is absent. Each row
    is inpainted by itself: tens of milliseconds per frame, so for few rows. A frame that is wholly
    absent has nothing around it and gets the mean colour of the clip. Painted colours are 8-bit.

    Attributes:
        radius: Pixels around a point that have a say in its colour.

    Raises:
        ValueError: When ``radius`` is not a finite number above 0.
    """

    radius: float = 3.0

    def __post_init__(self) -> None:
        check_positive("radius", self.radius)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> KeepFill:
        """Return the function that inpaints the frames where a keep is below ½."""
        images = (clip.frames * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
        return partial(inpaint, clip.frames, images.contiguous().cpu(), self.radius)


def inpaint(
    frames: Float[Tensor, "T C H W"],
    images: UInt8[Tensor, "T H W C"],
    radius: float,
    keep: Float[Tensor, "n T H W"],
) -> Float[Tensor, "n T C H W"]:
    """Return the frames inpainted where ``keep`` is below ½; ``images`` are (T, H, W, C) uint8."""
    absent = keep < 0.5
    fill = torch.where(absent.unsqueeze(2), mean_color(frames), frames)
    some = absent.any(-1).any(-1) & ~absent.all(-1).all(-1)
    for row, time in some.nonzero().tolist():
        hole = absent[row, time]
        hole_8bit = hole.to(torch.uint8).cpu().numpy()
        painted = cv2.inpaint(images[time].numpy(), hole_8bit, radius, cv2.INPAINT_TELEA)
        colors = torch.from_numpy(painted).permute(2, 0, 1).to(frames) / 255
        fill[row, time] = torch.where(hole, colors, frames[time])
    return fill


@dataclass(frozen=True, eq=False)
class OtherClip:
    """The frames of another clip: a real scene without the action, or the same scene when empty.

    In the domain of the model by itself, though seams between two scenes are not; the answer then
    depends on the clip chosen.

    Attributes:
        frames: (T, C, H, W) float32 in [0, 1], as large as the clip explained.

    Raises:
        ValueError: On frames of another kind, or, when used, of another size.
    """

    frames: Float[Tensor, "T C H W"]

    def __post_init__(self) -> None:
        check_rank("frames", self.frames, "T C H W")
        check_finite("frames", self.frames)
        if self.frames.numel() and not 0 <= self.frames.min() <= self.frames.max() <= 1:
            raise ValueError("frames: expected values in [0, 1]. Divide 8-bit frames by 255.")

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Float[Tensor, "T C H W"]:
        """Return the frames of the other clip."""
        if tuple(self.frames.shape) != clip.shape:
            raise ValueError(
                f"frames: expected a fill of the clip's shape (T, C, H, W) = {clip.shape}, got "
                f"{tuple(self.frames.shape)}. Read the other clip with the same ClipSpec (frames="
                f"{clip.shape[0]}, size={clip.shape[2:]})."
            )
        return self.frames.to(clip.frames)
