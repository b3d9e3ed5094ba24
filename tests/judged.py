"""Explanations of models whose answer is a sum over regions, so that every curve is known."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

import vexplain as vx
from vexplain.core import Explanation
from vexplain.models import Model
from vexplain.segmentation import Grid

SIGMOID = vx.ModelSpec(outputs="sigmoid")
GRID = Grid(t=2, h=2, w=2)


@dataclass
class Additive:
    """p = base + Σ weight of a region × its mean brightness, over equal boxes of the clip."""

    weights: Tensor
    boxes: tuple[int, int, int] = (2, 2, 2)
    base: float = 0.1
    batches: list[int] = field(default_factory=list)

    def __call__(self, clips: Tensor) -> Tensor:
        self.batches.append(len(clips))
        t, h, w = self.boxes
        grey = clips.double().mean(2)
        n, T, H, W = grey.shape
        cells = grey.reshape(n, t, T // t, h, H // h, w, W // w).mean((2, 4, 6)).flatten(1)
        return (self.base + cells @ self.weights.double())[:, None]


def white(T: int = 4, H: int = 4, W: int = 4) -> vx.VideoClip:
    return vx.clip_from_array(torch.ones(T, 3, H, W), fps=4)


def explained(model: Additive, clip: vx.VideoClip | None = None, name: str = "loco") -> Explanation:
    """LOCO over the model's own regions: its scores are the weights themselves."""
    t, h, w = model.boxes
    method = replace(vx.methods.loco(), segmentation=Grid(t=t, h=h, w=w), name=name)
    found = vx.explain(
        clip or white(), model, method=method, target=0, spec=SIGMOID, progress=False
    )
    model.batches.clear()
    return found


def classifier(model: Additive) -> Model:
    return Model(model, SIGMOID)
