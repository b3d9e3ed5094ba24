"""Weights files: safetensors, or torch files of which nothing is executed."""

from pathlib import Path

import torch
from torch import Tensor, nn


def load_weights(module: nn.Module, file: Path) -> None:
    """Load weights into a module.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it can't be read, or its names or shapes are another network's.
    """
    if not file.is_file():
        raise FileNotFoundError(f"weights: there is no file {file}.")
    try:
        module.load_state_dict(state_in(file))
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise ValueError(
            f"weights: {file} doesn't fit {type(module).__name__}: {' '.join(lines)}"
        ) from error


def state_in(file: Path) -> dict[str, Tensor]:
    """Return the named tensors in a weights file."""
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except SafetensorError as error:
            raise ValueError(f"weights: {file} is not a whole safetensors file.") from error
    try:
        state: dict[str, Tensor] = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its unpickler meets
        raise ValueError(
            f"weights: {file} can't be read as weights only; convert it to safetensors."
        ) from error
    return state
