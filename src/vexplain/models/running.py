"""Where a torch module runs and how precisely: device, autocast, int8, compile, channels last."""

import copy
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import torch
from torch import Tensor, nn

from vexplain.core.checks import check_choice
from vexplain.models.scores import class_scores, one_by_one

Precision = Literal["auto", "float32", "bfloat16", "float16", "int8"]
CPU = torch.device("cpu")


@dataclass(frozen=True, kw_only=True)
class Running:
    """How a torch module shall run.

    Attributes:
        device: ``auto`` takes the first of CUDA, MPS and CPU that is there; None leaves the
            module where it lies.
        precision: ``float32``; ``bfloat16`` or ``float16`` by autocast; ``int8`` for linear layers
            with weights and activations quantised at run time, on the CPU only; one clip at a
            time, as its range is that of the whole input. ``auto`` is
            float32: on a CPU without matrix units half precision is slower, and int8 changes the
            answers of some models more than an explanation bears.
        compiled: Whether ``torch.compile`` makes the module faster, after a first call of a minute.
        channels_last: Whether convolutions keep their channels last in memory, which changes
            their speed and, by rounding, their answers; None leaves them as they are.

    Raises:
        ValueError: On an unknown precision, or int8 on another device than the CPU.
    """

    device: torch.device | str | None = None
    precision: Precision = "auto"
    compiled: bool = False
    channels_last: bool | None = None

    def __post_init__(self) -> None:
        check_choice("precision", self.precision, get_args(Precision))
        if self.precision == "int8" and str(self.device or "cpu") not in ("cpu", "auto"):
            raise ValueError(
                f"precision: int8 runs on the CPU only, got device {str(self.device)!r}. Use "
                "bfloat16 or float16 there."
            )

    @property
    def words(self) -> str:
        """What differs from plain float32, for the model's name; empty where nothing does."""
        precision = "" if self.precision in ("auto", "float32") else self.precision
        return ", ".join(word for word in (precision, "compiled" if self.compiled else "") if word)


def as_device(name: torch.device | str) -> torch.device:
    """Return the device of that name; ``auto`` is the first of CUDA, MPS and CPU that is there.

    Raises:
        ValueError: When there is no such device here.
    """
    if name == "auto":
        has = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        return torch.device(next((kind for kind, there in has.items() if there), "cpu"))
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):
            raise RuntimeError(f"{name} computes nothing")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"device: expected auto, cpu, or cuda or mps where this torch has it, got {name!r}."
        ) from error
    return device


@dataclass(frozen=True, eq=False)
class Runner:
    """A module on its device, called as ``Running`` says; ``batched`` = its inputs are batches."""

    module: nn.Module
    device: torch.device
    running: Running
    batched: bool = True

    def __call__(self, inputs: Any) -> Any:
        """Return what the module answers.

        A compiled module never sees a batch of one: that would cost a second compilation.
        """
        rows = len(inputs) if self.batched and isinstance(inputs, Tensor) else 0
        if self.running.precision == "int8" and rows > 1:
            return one_by_one(lambda one: class_scores(self(one[None])), inputs)
        single = self.running.compiled and rows == 1
        with self._precision():
            answer = self.module(torch.cat([inputs, inputs]) if single else inputs)
        return class_scores(answer)[:1] if single else answer

    def _precision(self) -> AbstractContextManager[Any]:
        if self.running.precision in ("bfloat16", "float16"):
            return torch.autocast(self.device.type, getattr(torch, self.running.precision))
        return nullcontext()


def placed(module: nn.Module, running: Running, *, batched: bool = True) -> Runner:
    """Return the module in evaluation mode, on its device, as ``running`` says.

    The module itself is moved and put into evaluation mode; for int8 a copy is quantised.

    Raises:
        ValueError: When the module can't run that way.
    """
    module = module.eval()
    if running.device is not None:
        module = module.to(CPU if running.precision == "int8" else as_device(running.device))
    first = next(module.parameters(), None)
    device = CPU if first is None else first.device
    if running.precision == "int8":
        module = quantised(module, device)
    if running.channels_last:
        channels_last(module)
    if running.compiled:
        module = cast(nn.Module, torch.compile(module, dynamic=True))
    return Runner(module, device, running, batched)


def quantised(module: nn.Module, device: torch.device) -> nn.Module:
    """Return a copy whose linear layers compute in int8.

    Raises:
        ValueError: When the module lies elsewhere than on the CPU, or has no linear layer.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise ValueError("precision: a TorchScript archive runs as it was saved; leave int8 out.")
    if device != CPU:
        raise ValueError(f"precision: int8 runs on the CPU only, got a module on {device}.")
    if not any(isinstance(part, nn.Linear) for part in module.modules()):
        raise ValueError("precision: int8 is for linear layers, and this module has none.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated; its successor is another package
        changed: nn.Module = torch.ao.quantization.quantize_dynamic(  # type: ignore[no-untyped-call]
            copy.deepcopy(module), {nn.Linear}, dtype=torch.qint8
        )
    return changed


def channels_last(module: nn.Module) -> None:
    """Lay the weights of all convolutions out with the channels last; their outputs follow.

    Raises:
        ValueError: When there is none.
    """
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    found = [part for part in module.modules() if isinstance(part, nn.Conv2d | nn.Conv3d)]
    if not found:
        raise ValueError(
            "channels_last: this model has no convolutions that could keep their channels last; "
            "leave it out."
        )
    for part in found:
        weight = part.weight.data
        part.weight.data = weight.contiguous(memory_format=formats[weight.ndim])
