"""Steps 1 and 4, prepared once for a clip on the model's device."""

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import (
    Coalitions,
    Method,
    Segmentation,
    VideoClip,
)
from vexplain.engine.clock import Clock

Part = TypeVar("Part")


@dataclass(frozen=True)
class Scene:
    """A clip cut into regions, and how to perturb it: steps 1 and 4, prepared on the device."""

    clip: VideoClip
    segmentation: Segmentation
    soften: Callable[[Tensor], Tensor]
    remove: Callable[[Tensor], Tensor]

    def keep(self, rows: Coalitions) -> Float[Tensor, "n T H W"]:
        """Return the keeps really applied to ``rows``."""
        rows = rows.to(self.clip.frames.device)
        return self.soften(self.segmentation.keep(rows.present, rows.jitter))

    def perturbed(self, rows: Coalitions) -> Float[Tensor, "n T C H W"]:
        """Return the perturbed clips of ``rows``."""
        return self.remove(self.keep(rows))

    def empty(self) -> Float[Tensor, "1 T C H W"]:
        """Return the clip with every feature absent."""
        device = self.clip.frames.device
        absent = torch.zeros(1, self.segmentation.n_features, dtype=torch.bool, device=device)
        keep = self.segmentation.keep(absent, torch.zeros(1, 3, device=device))
        return self.remove(self.soften(keep))


def prepare(clip: VideoClip, device: torch.device, method: Method, clock: Clock) -> Scene:
    """Do steps 1 and the preparation of 4 on the model's device."""
    on_device = clip.to(device)
    with clock("segmentation"):
        segmentation = method.segmentation(on_device)
    with clock("removal"):
        return staged(on_device, segmentation, method)


def staged(clip: VideoClip, segmentation: Segmentation, method: Method) -> Scene:
    """Return the scene of a clip that is cut already; both on one device."""
    return Scene(clip, segmentation, method.removal.soften, method.removal(clip, segmentation))


def draw(n_features: int, method: Method, seed: int, clock: Clock) -> Coalitions:
    """Do steps 2 and 3."""
    with clock("sampling"):
        generator = torch.Generator().manual_seed(seed)
        return method.samples(method.sizes(n_features), generator)


def moved(part: Part, device: torch.device) -> Part:
    """Return a dataclass with its tensors on ``device``; anything else as it is."""
    if not is_dataclass(part) or isinstance(part, type):
        return part
    tensors = {f.name: getattr(part, f.name) for f in fields(part)}
    changed = {name: v.to(device) for name, v in tensors.items() if isinstance(v, Tensor)}
    return cast(Part, replace(cast(Any, part), **changed))
