"""A model that has forgotten what it learnt: the same one with its parameters' values shuffled."""

import copy
from dataclasses import replace
from math import ceil

import torch
from torch import nn

from vexplain.core import Classifier
from vexplain.core.checks import check_share
from vexplain.models.adapters import Model
from vexplain.models.running import Runner
from vexplain.models.views import MultiView


def randomised(model: Classifier, *, seed: int, share: float = 1.0) -> Classifier | None:
    """Return the model with the values of its last parameters shuffled, each tensor within itself.

    Args:
        model: A classifier; it stays as it is.
        seed: Draws the new order of the values.
        share: Share of the parameter tensors, from the output backwards, in their module's order.

    Returns:
        A copy, or None where the model is not a torch module, or has no parameters.
    """
    check_share("share", share)
    if isinstance(model, MultiView):
        view = randomised(model.model, seed=seed, share=share)
        return replace(model, model=view) if isinstance(view, Model) else None
    if not isinstance(model, Model) or not isinstance(model.function, Runner):
        return None
    runner = model.function
    module = copy.deepcopy(getattr(runner.module, "_orig_mod", runner.module))
    if not any(True for _ in module.parameters()):
        return None
    shuffle_parameters(module, seed, share)
    return replace(model, function=replace(runner, module=module), name=f"{model.name}, shuffled")


@torch.no_grad()
def shuffle_parameters(module: nn.Module, seed: int, share: float) -> None:
    """Shuffle the values of a module's last parameter tensors in place."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(module.parameters())
    for parameter in parameters[len(parameters) - ceil(share * len(parameters)) :]:
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
