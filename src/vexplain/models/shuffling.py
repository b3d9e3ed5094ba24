"""A model that has forgotten what it learnt: the same one with its parameters' values shuffled."""

import copy
from dataclasses import replace
from typing import cast

import torch
from torch import nn

from vexplain.core import Classifier
from vexplain.core.checks import check_share
from vexplain.models.adapters import Model
from vexplain.models.running import Runner
from vexplain.models.views import MultiView


def parameters_of(model: Classifier) -> list[nn.Parameter]:
    """Return the parameters of a model, in their module's order; none where it is no module."""
    if isinstance(model, MultiView):
        return parameters_of(model.model)
    if isinstance(model, Model) and isinstance(model.function, Runner):
        return list(model.function.module.parameters())
    return []


def randomised(model: Classifier, *, seed: int, share: float = 1.0) -> Classifier:
    """Return a copy of a model with the values of its last parameters shuffled, tensor by tensor.

    The order of the values of a tensor is the same for every share that includes it.

    Args:
        model: A classifier around a torch module; it stays as it is.
        seed: Draws the new order of the values.
        share: Share of the parameter tensors, from the output backwards, in their module's order.

    Raises:
        ValueError: When the model shows no parameters.
    """
    check_share("share", share)
    if isinstance(model, MultiView):
        view = randomised(model.model, seed=seed, share=share)
        return replace(model, model=cast(Model, view))
    if not parameters_of(model):
        raise ValueError(f"model: expected a torch module with parameters, got {model.name}.")
    shown = cast(Model, model)
    runner = cast(Runner, shown.function)
    module = copy.deepcopy(getattr(runner.module, "_orig_mod", runner.module))
    shuffle_parameters(module, seed, share)
    return replace(shown, function=replace(runner, module=module), name=f"{model.name}, shuffled")


@torch.no_grad()
def shuffle_parameters(module: nn.Module, seed: int, share: float) -> None:
    """Shuffle the values of a module's last parameter tensors in place."""
    generator = torch.Generator().manual_seed(seed)
    parameters = list(module.parameters())
    for parameter in reversed(parameters[len(parameters) - round(share * len(parameters)) :]):
        order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
