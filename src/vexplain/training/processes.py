"""Devices, precision and several processes, by accelerate; and what goes wrong with them."""

import os
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn

from vexplain.core.checks import out_of_memory
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


def together(own: Mapping[str, str]) -> dict[str, str]:
    """Return what all processes know, by name."""
    from accelerate.utils import gather_object

    return {name: text for known in gather_object([dict(own)]) for name, text in known.items()}


def seed_all(seed: int) -> None:
    """Seed the generators that a factory of the user's may draw from."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)


@contextmanager
def deterministic() -> Iterator[None]:
    """Keep cuDNN from choosing algorithms whose sums come out otherwise every time."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV to one thread, here and in the processes that read clips.

    These are forks, and would wait for ever for threads that OpenCV had before.
    """
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


@contextmanager
def told_plainly(config: Config) -> Iterator[None]:
    """Say what to do when memory runs out, or the system ends a process that reads clips.

    Raises:
        MemoryError: In place of these errors.
    """
    try:
        yield
    except (RuntimeError, ValueError, MemoryError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        if "DataLoader worker (pid" in str(error):
            raise MemoryError(
                f"workers: a process that reads clips was ended ({reason}), most likely for want "
                f"of memory. Ask for fewer workers than {config.workers}, or for workers: 0; the "
                "same command goes on from the last whole epoch."
            ) from error
        if not isinstance(error, ValueError) and out_of_memory(error):
            raise MemoryError(
                f"batch_size: memory ran out ({reason}). Ask for smaller batches than "
                f"{config.batch_size}, smaller clips, or precision: bfloat16."
            ) from error
        raise


def alike(network: nn.Module) -> None:
    """Give every process the running statistics of the first."""
    from accelerate.utils import broadcast

    for buffer in network.buffers():
        broadcast(buffer)


def is_first_process() -> bool:
    """Return whether this is the process that writes, of those that train together."""
    return int(os.environ.get("RANK", "0")) == 0
