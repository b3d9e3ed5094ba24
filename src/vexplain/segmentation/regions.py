"""Regions that share no voxel: every voxel has one label."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core import VideoClip


def relabel(labels: Int[Tensor, "T H W"]) -> Int[Tensor, "T H W"]:
    """Return the labels numbered 0..D−1 without gaps, in their old order."""
    numbered: Tensor = torch.unique(labels, return_inverse=True)[1]
    return numbered


@dataclass(frozen=True, eq=False)
class LabelRegions:
    """A partition of the clip: feature d is the voxels that are labelled d.

    Attributes:
        labels: (T, H, W) int64, the feature that owns each voxel.
        n_features: D.

    Raises:
        ValueError: Unless the labels are 0..D−1 and each of them owns a voxel.
    """

    labels: Int[Tensor, "T H W"]
    n_features: int

    def __post_init__(self) -> None:
        low, high = (int(end) for end in self.labels.aminmax())
        if low < 0 or high >= self.n_features:
            raise ValueError(
                f"labels: expected numbers in 0..{self.n_features - 1}, got {low}..{high}. "
                "Number them with vexplain.segmentation.relabel."
            )
        owned = torch.bincount(self.labels.flatten(), minlength=self.n_features)
        if not bool(owned.all()):
            raise ValueError(
                f"labels: expected every label in 0..{self.n_features - 1} to own a voxel, "
                f"{int((owned == 0).sum())} own none. "
                "Number them with vexplain.segmentation.relabel."
            )

    def keep(
        self, present: Bool[Tensor, "N D"], jitter: Float[Tensor, "N 3"]
    ) -> Float[Tensor, "N T H W"]:
        """Return 1 where the owner of a voxel is present, else 0; ``jitter`` has no effect."""
        owner = self.labels.to(present.device).flatten().expand(len(present), -1)
        return present.float().gather(1, owner).view(-1, *self.labels.shape)

    def paint(self, scores: Float[Tensor, " D"]) -> Float[Tensor, "T H W"]:
        """Return for each voxel the score of its owner."""
        return scores[self.labels.to(scores.device)]

    def owners(self) -> Int[Tensor, "T H W"]:
        """Return the labels."""
        return self.labels


def from_volume(labels: Int[Tensor, "T H W"], clip: VideoClip) -> LabelRegions:
    """Return the regions of a label volume with gaps, on the device of the clip's frames."""
    numbered = relabel(labels.to(clip.frames.device))
    return LabelRegions(numbered, int(numbered.max()) + 1)


@dataclass(frozen=True, eq=False)
class FromLabels:
    """Regions that the caller brings: tracked objects, for instance.

    Attributes:
        labels: (T, H, W) whole numbers from 0, as a tensor or a numpy array; gaps are closed.

    Raises:
        TypeError: When the labels are not whole numbers.
        ValueError: On a wrong rank or a negative label; when called, on a clip of another size.
    """

    labels: Tensor | np.ndarray

    def __post_init__(self) -> None:
        volume = whole_numbers(self.labels)
        if volume.ndim != 3 or volume.numel() == 0:
            raise ValueError(
                f"labels: expected one label per voxel, axes (T, H, W), got shape "
                f"{tuple(volume.shape)}."
            )
        if bool((volume < 0).any()):
            raise ValueError(
                f"labels: expected numbers from 0, got {int(volume.min())}. "
                "Give the voxels without an owner a label of their own."
            )
        object.__setattr__(self, "labels", volume)

    def __call__(self, clip: VideoClip) -> LabelRegions:
        """Return the regions, after a check that they fit the clip."""
        n_frames, _, height, width = clip.shape
        if tuple(self.labels.shape) != (n_frames, height, width):
            raise ValueError(
                f"labels: expected shape {(n_frames, height, width)}, that of the clip, got "
                f"{tuple(self.labels.shape)}. Sample and resize the labels as the clip was."
            )
        return from_volume(torch.as_tensor(self.labels), clip)


def whole_numbers(labels: Tensor | np.ndarray) -> Tensor:
    """Return the labels as an int64 tensor of their own.

    Raises:
        TypeError: When they are not whole numbers.
    """
    if isinstance(labels, np.ndarray) and labels.dtype.kind in "iub":
        return torch.from_numpy(labels.astype(np.int64))
    if isinstance(labels, Tensor) and not (labels.is_floating_point() or labels.is_complex()):
        return labels.detach().to(torch.int64, copy=True)
    kind = getattr(labels, "dtype", type(labels).__name__)
    raise TypeError(f"labels: expected a tensor or numpy array of whole numbers, got {kind}.")
