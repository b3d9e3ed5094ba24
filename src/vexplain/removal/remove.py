"""The removal: edges, transparency and fill put together."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Remover, Segmentation, VideoClip
from vexplain.core.checks import check_share
from vexplain.removal.edges import Edges, Own
from vexplain.removal.fills import Constant, Fill, KeepFill


@dataclass(frozen=True)
class Remove:
    """Blends the clip with a fill: keep·frames + (1 − keep)·fill (paper, section 3.4).

    Attributes:
        fill: What stands where something is absent.
        edges: How a keep fades from present to absent.
        opacity: How much of an absent voxel goes; below 1 the clip shines through everywhere.

    Raises:
        ValueError: When ``opacity`` lies outside [0, 1].
    """

    fill: Fill = field(default_factory=Constant)
    edges: Edges = field(default_factory=Own)
    opacity: float = 1.0

    def __post_init__(self) -> None:
        check_share("opacity", self.opacity)

    def soften(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return the keep really applied: edges, then 1 − opacity·(1 − keep)."""
        keep = self.edges(keep)
        return keep if self.opacity == 1 else 1 - self.opacity * (1 - keep)

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Remover:
        """Prepare the fill once and return the function from applied keeps to perturbed clips."""
        frames = clip.frames.contiguous()
        fill = self.fill(clip, segmentation)
        if isinstance(fill, Tensor):
            return lambda keep: blend(frames, fill, keep)
        return lambda keep: blend_each(frames, fill, keep, self.opacity)


def blend(
    frames: Float[Tensor, "T C H W"],
    fill: Float[Tensor, "#T #C #H #W"],
    keep: Float[Tensor, "n T H W"],
) -> Float[Tensor, "n T C H W"]:
    """Return keep·frames + (1 − keep)·fill, exact where keep is 0 or 1, nothing else allocated."""
    return torch.lerp(fill, frames, keep.unsqueeze(2))


def blend_each(
    frames: Float[Tensor, "T C H W"], fill: KeepFill, keep: Float[Tensor, "n T H W"], opacity: float
) -> Float[Tensor, "n T C H W"]:
    """Return the blend with a fill that depends on the keep, in the fill's own memory."""
    # A fill asks which voxels are absent: transparency must not make them all look present.
    opaque = keep if opacity in (0, 1) else 1 - (1 - keep) / opacity
    return fill(opaque).lerp_(frames, keep.unsqueeze(2))
