"""How weights are learnt: which of them, at which rate, and their moving average."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from vexplain.core import ModelSpec
from vexplain.training.config import Config
from vexplain.training.heads import answer_of
from vexplain.training.trainable import Whole

MOMENTUM = 0.9


def rate_at(step: int, steps: int, config: Config) -> float:
    """Return the learning rate of a step: a linear rise, then SGDR's cosine (arXiv 1608.03983)."""
    rise = round(config.warm_up * steps)
    if step < rise:
        return config.learning_rate * (step + 1) / (rise + 1)
    if config.schedule == "constant":
        return config.learning_rate
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / (steps - rise)))


def optimizer_for(whole: nn.Module, config: Config) -> torch.optim.Optimizer:
    """Return the optimiser; biases and norms don't decay.

    Raises:
        ValueError: When all weights are frozen.
    """
    open_to = [p for p in whole.parameters() if p.requires_grad]
    if not open_to:
        raise ValueError(
            "model: all its weights are frozen (requires_grad is False), so nothing can be learnt."
        )
    groups = [
        {"params": [p for p in open_to if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in open_to if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, config.learning_rate, momentum=MOMENTUM, nesterov=True)
    return torch.optim.AdamW(groups, config.learning_rate)


def average(whole: nn.Module, decay: float | None) -> AveragedModel | None:
    """Return the moving average of a network, which forgets its start faster at first."""
    if decay is None:
        return None
    most = decay

    def mix(old: Any, new: Any, n: Tensor | int) -> None:
        if old[0].is_floating_point():
            torch._foreach_lerp_(old, new, 1 - min(most, (1 + int(n)) / (10 + int(n))))
        else:  # a batch norm's count
            torch._foreach_copy_(old, new)

    return AveragedModel(whole, multi_avg_fn=mix, use_buffers=True)


def freeze(whole: Whole, head: str, config: Config) -> None:
    """Keep everything but the head from learning, where that is asked for."""
    if config.freeze == "backbone":
        whole.requires_grad_(False)
        whole.network.get_submodule(head).requires_grad_()


def rest_unused(whole: Whole, spec: ModelSpec) -> None:
    """Keep weights that no answer depends on from learning: several processes would wait for them.

    Raises:
        ValueError: When the network fails on a clip.
    """
    torch.autograd.backward(answer_of(whole, spec).sum())
    for weight in whole.parameters():
        weight.requires_grad_(weight.grad is not None)
        weight.grad = None


def set_training(model: nn.Module, whole: Whole, head: str, config: Config) -> None:
    """Put the network into training mode; what is frozen keeps its norms' statistics too."""
    model.train()
    if config.freeze == "backbone":
        whole.eval()
        whole.network.get_submodule(head).train()
