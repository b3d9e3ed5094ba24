"""Devices, precision and several processes, all by accelerate."""

import os
from typing import Any

import torch
from torch import nn

from vexplain.models.running import as_device
from vexplain.training.config import Config


def accelerator_for(config: Config, device: str) -> Any:
    """Return accelerate's own view of devices, processes and precision.

    Raises:
        ImportError: When accelerate is missing.
        ValueError: When there is no such device, it can't compute that precisely, or batches can't
            be shared out.
    """
    try:
        from accelerate import Accelerator
        from accelerate.state import AcceleratorState
    except ImportError as error:
        raise ImportError(
            "training needs accelerate; install it with: pip install 'vexplain[train]'"
        ) from error
    chosen = as_device(device)
    if config.precision == "float16" and chosen.type != "cuda":
        raise ValueError(
            f"precision: float16 is trained on CUDA devices only, got {chosen}. Use bfloat16 or "
            "float32."
        )
    # A process may train more than once, with another precision or elsewhere.
    AcceleratorState._reset_state(not torch.distributed.is_initialized())
    words = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}
    found = Accelerator(
        mixed_precision=words[config.precision],
        cpu=chosen.type == "cpu",
        device_placement=False,
    )
    if config.batch_size % found.num_processes:
        raise ValueError(
            f"batch_size: expected a multiple of the {found.num_processes} processes, got "
            f"{config.batch_size}."
        )
    return found


def alike(network: nn.Module) -> None:
    """Give every process the running statistics of the first."""
    from accelerate.utils import broadcast

    for buffer in network.buffers():
        broadcast(buffer)


def is_first_process() -> bool:
    """Return whether this is the process that writes, of those that train together."""
    return int(os.environ.get("RANK", "0")) == 0
