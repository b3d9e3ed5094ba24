"""The layer that answers: which one it is, and a fresh one for other classes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn

from vexplain.core import ClipSpec, ModelSpec


@dataclass(frozen=True)
class Head:
    """The layer that answers.

    Attributes:
        name: Its name in the network.
        layer: The layer.
    """

    name: str
    layer: nn.Linear | nn.Conv2d | nn.Conv3d

    @classmethod
    def of(cls, network: nn.Module, answer: Callable[[], object], n_classes: int) -> "Head":
        """Return the last linear layer, or convolution of single points, with so many outputs.

        Args:
            network: Whose.
            answer: Asks the network; the layer that is then used last is the one.
            n_classes: The number of its outputs.

        Raises:
            ValueError: When there is none.
        """
        used: list[Head] = []
        parts = dict(network.named_modules())
        known = [cls(name, part) for name, part in parts.items() if _answers(part, n_classes)]
        hooks = [
            head.layer.register_forward_hook(lambda *_, head=head: used.append(head))
            for head in known
        ]
        try:
            answer()
        finally:
            for hook in hooks:
                hook.remove()
        if not used:
            raise ValueError(
                f"model: expected a linear layer or a convolution with {n_classes} outputs at the "
                f"end of {type(network).__name__}, found none. Let the factory build the network "
                "for the data's classes."
            )
        return used[-1]


def _answers(part: nn.Module, n_classes: int) -> TypeGuard[nn.Linear | nn.Conv2d | nn.Conv3d]:
    if isinstance(part, nn.Conv2d | nn.Conv3d):
        return part.out_channels == n_classes and set(part.kernel_size) == {1}
    return isinstance(part, nn.Linear) and part.out_features == n_classes


def replaced(network: nn.Module, head: Head, n_classes: int) -> nn.Module:
    """Return the network, whose head is now a fresh one for so many classes."""
    layer, bias = head.layer, head.layer.bias is not None
    fresh: nn.Module
    if isinstance(layer, nn.Linear):
        fresh = nn.Linear(layer.in_features, n_classes, bias=bias)
    else:
        kind: Any = type(layer)
        fresh = kind(layer.in_channels, n_classes, layer.kernel_size, bias=bias)
    parent, _, name = head.name.rpartition(".")
    setattr(network.get_submodule(parent), name, fresh)
    return network


def answer_of(whole: nn.Module, spec: ModelSpec) -> Tensor:
    """Return the network's answer (1, K) to a grey clip.

    Raises:
        ValueError: When it fails on it, or answers in another shape.
    """
    clip = spec.clip or ClipSpec()
    height, width = clip.height_width or (224, 224)
    before = whole.training
    try:
        scores: Tensor = whole.eval()(torch.full((1, clip.frames, 3, height, width), 0.5))
    except (RuntimeError, AssertionError, IndexError, TypeError) as error:
        raise ValueError(
            f"model: it fails on a clip of {clip.frames} frames of {height}x{width} "
            f"({str(error).splitlines()[0]}). Check clip and layout."
        ) from error
    finally:
        whole.train(before)
    if scores.ndim != 2 or len(scores) != 1:
        raise ValueError(
            f"model: expected one row of class scores per clip, got shape {tuple(scores.shape)}."
        )
    return scores


def rows_of(whole: nn.Module, spec: ModelSpec, expected: int | None = None) -> int:
    """Return for how many classes the network answers.

    Raises:
        ValueError: When it is another number than expected.
    """
    with torch.no_grad():
        found = answer_of(whole, spec).shape[1]
    if expected is not None and found != expected:
        raise ValueError(f"model: expected scores of {expected} classes, got {found}.")
    return found
