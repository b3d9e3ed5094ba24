"""Overlapping boxes that slide over the clip, for sampled occlusion sensitivity."""

from dataclasses import dataclass
from math import ceil, floor

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core import VideoClip
from vexplain.core.checks import check_whole
from vexplain.segmentation.lattice import owners_of, spread


def window_edges(length: int, boxes: int, stride: float) -> list[tuple[int, int]]:
    """Return first and one-past-last voxel of the windows along an axis, without repetition.

    A window is length / boxes long and starts k·stride of that after the axis does, rounded to
    whole voxels (halves up); the last one ends where the axis ends, so every voxel is covered.

    Args:
        length: L, in voxels.
        boxes: How many windows would cover the axis side by side.
        stride: Share of a window between two starts, in (0, 1].
    """
    size = length / boxes
    last = ceil((boxes - 1) / stride - 1e-9)
    starts = [min(k * stride, boxes - 1) * size for k in range(last + 1)]
    edges = [(floor(start + 0.5), floor(start + size + 0.5)) for start in starts]
    # a window shorter than a voxel still gets one
    first = [min(low, length - 1) for low, _ in edges]
    return sorted({(low, max(high, low + 1)) for low, (_, high) in zip(first, edges, strict=True)})


def window_matrix(length: int, edges: list[tuple[int, int]]) -> Bool[Tensor, "L w"]:
    """Return which windows of an axis hold which voxels."""
    voxel = torch.arange(length)[:, None]
    low, high = torch.tensor(edges).unbind(1)
    return (voxel >= low) & (voxel < high)


@dataclass(frozen=True, eq=False)
class Windows:
    """Overlapping boxes: every product of a window in time, in the rows and in the columns.

    Attributes:
        along_t: (T, t) bool, which windows in time hold which frames.
        along_h: (H, h) bool, likewise for rows.
        along_w: (W, w) bool, likewise for columns.
    """

    along_t: Bool[Tensor, "T t"]
    along_h: Bool[Tensor, "H h"]
    along_w: Bool[Tensor, "W w"]

    @property
    def n_features(self) -> int:
        """D = t·h·w."""
        t, h, w = self._counts
        return t * h * w

    def keep(
        self, present: Bool[Tensor, "N D"], jitter: Float[Tensor, "N 3"]
    ) -> Float[Tensor, "N T H W"]:
        """Return 0 where an absent window lies over a voxel, else 1; no effect of ``jitter``."""
        return self._sum((~present).float()).lt_(0.5)

    def paint(self, scores: Float[Tensor, " D"]) -> Float[Tensor, "T H W"]:
        """Return for each voxel the mean score of the windows over it, or 0 where there is none."""
        total = self._sum(torch.stack([scores, torch.ones_like(scores)]))
        return total[0] / total[1].clamp(min=1)

    def owners(self) -> Int[Tensor, "T H W"]:
        """Return the first window over each voxel."""
        return owners_of(self.along_t.float(), self.along_h.float(), self.along_w.float())

    @property
    def _counts(self) -> tuple[int, int, int]:
        return self.along_t.shape[1], self.along_h.shape[1], self.along_w.shape[1]

    def _sum(self, values: Float[Tensor, "N D"]) -> Float[Tensor, "N T H W"]:
        axes = (self.along_t, self.along_h, self.along_w)
        matrices = [axis[None].to(values.device, values.dtype) for axis in axes]
        return spread(values.view(-1, *self._counts), *matrices)


@dataclass(frozen=True, kw_only=True)
class SlidingWindow:
    """Slides a box over the clip; the default gives the paper's 7·13·13 = 1,183 (Table 2).

    Attributes:
        boxes: How many boxes side by side would cover T, H and W: the box is an axis over that.
        stride: How far the box moves each time, as a share of its size, in (0, 1].

    Raises:
        ValueError: On numbers of boxes below 1 or another stride.
    """

    boxes: tuple[int, int, int] = (4, 7, 7)
    stride: float = 0.5

    def __post_init__(self) -> None:
        if len(self.boxes) != 3:
            raise ValueError(f"boxes: expected three numbers (t, h, w), got {self.boxes!r}.")
        for number in self.boxes:
            check_whole("boxes", number)
        if not 0 < self.stride <= 1:
            raise ValueError(
                f"stride: expected a share of the box in (0, 1], got {self.stride}. "
                "Above 1 some voxels would lie under no window."
            )

    def __call__(self, clip: VideoClip) -> Windows:
        """Return the windows over ``clip``; on short axes equal windows are dropped."""
        n_frames, _, height, width = clip.shape
        axes = zip((n_frames, height, width), self.boxes, strict=True)
        matrices = [window_matrix(n, window_edges(n, boxes, self.stride)) for n, boxes in axes]
        return Windows(*(matrix.to(clip.frames.device) for matrix in matrices))
