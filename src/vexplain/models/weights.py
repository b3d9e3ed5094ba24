"""Weights files: safetensors, or torch files of which nothing is executed."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from typing import Any
from zipfile import is_zipfile

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

WRAPPED = ("state_dict", "model_state_dict", "model_state", "model")
"""Under which keys checkpoints keep the weights, where there is more in the file."""


class Inert:
    """Stands in a checkpoint for whatever isn't a tensor or plain data, and does nothing."""

    def __init__(self, *arguments: Any) -> None:
        """Take what the file would make the object from, and forget it."""

    def __setstate__(self, state: Any) -> None:
        """Take what the file would fill the object with, and forget it."""


def load_weights(module: nn.Module, file: Path, *, allow_pickle: bool = False) -> None:
    """Load weights into a module.

    Args:
        module: The module.
        file: A safetensors file or a torch file.
        allow_pickle: Whether a torch file that holds more than weights may run its own code.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it can't be read, or its names or shapes are another network's.
    """
    state = state_in(file, allow_pickle=allow_pickle)
    if state.keys() != module.state_dict().keys():
        state = unwrapped(state)
    fit_weights(module, state, file)


def fit_weights(
    module: nn.Module, state: Mapping[str, Tensor], file: Path, *, assign: bool = False
) -> None:
    """Put weights into a module.

    Args:
        module: The module.
        state: Its whole state, by name.
        file: What an error calls the state.
        assign: Whether the module takes the tensors themselves and copies nothing.

    Raises:
        ValueError: When names or shapes are another network's.
    """
    try:
        module.load_state_dict(state, assign=assign)
    except RuntimeError as error:
        lines = [shorten(line, 200) for line in str(error).splitlines()[1:3]]
        raise ValueError(
            f"weights: {file} doesn't fit {type(module).__name__}: {' '.join(lines)}"
        ) from error


def state_in(file: Path, *, allow_pickle: bool = False, partly: bool = False) -> dict[str, Tensor]:
    """Return the named tensors in a weights file.

    A torch file may hold the tensors under ``state_dict``, with other things beside them.

    Args:
        file: A safetensors file or a torch file.
        allow_pickle: Whether a torch file that holds more than weights may run its own code.
        partly: Whether what is no tensor is left out; else it is an error.

    Raises:
        FileNotFoundError: When the file is missing.
        ValueError: When it can't be read.
    """
    if not file.is_file():
        raise FileNotFoundError(f"weights: there is no file {file}.")
    if file.suffix == ".safetensors":
        try:
            return load_file(file)
        except SafetensorError as error:
            raise ValueError(f"weights: {file} is not a whole safetensors file.") from error
    if allow_pickle:
        with suppress(ValueError):  # no code runs where none has to
            return _tensors(_inert_content(file), file, partly)
        return _tensors(_unpickled(file), file, partly)
    return _tensors(_inert_content(file), file, partly)


def unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state without the ``module.`` that parallel training puts before every name."""
    wrapped = all(key.startswith("module.") for key in state)
    return {key.removeprefix("module.") if wrapped else key: state[key] for key in state}


def _inert_content(file: Path) -> Any:
    """Return what is in a torch file, with an ``Inert`` for each thing that isn't known as safe.

    OpenMMLab's checkpoints hold numbers of NumPy and objects of mmengine beside the weights.
    """
    with file.open("rb") as opened:
        start = opened.read(2)
    if start == b"PK" and not is_zipfile(file):
        raise ValueError(f"weights: {file} is cut off; get it again.")
    if start[:1] not in (b"P", b"\x80"):
        raise ValueError(f"weights: {file} is no torch file, by its first bytes; get it again.")
    try:
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except UnpicklingError:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(file)
            with torch.serialization.safe_globals([(Inert, name) for name in names]):
                return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever its unpickler meets
        raise ValueError(
            f"weights: {file} can't be read as weights only; convert it to safetensors, or allow "
            "pickle if you trust whoever made it."
        ) from error


def _unpickled(file: Path) -> Any:
    """Return what is in a torch file, which runs the file's own code."""
    try:
        return torch.load(file, map_location="cpu", weights_only=False)
    except Exception as error:  # whatever that code raises
        raise ValueError(
            f"weights: {file} can't be unpickled ({type(error).__name__}: {error})."
        ) from error


def _tensors(content: Any, file: Path, partly: bool) -> dict[str, Tensor]:
    """Return the named tensors in what a torch file holds."""
    if isinstance(content, nn.Module):
        return content.state_dict()
    if isinstance(content, Mapping):
        inner = (content.get(key) for key in WRAPPED)
        content = next((one for one in inner if isinstance(one, Mapping)), content)
    if partly and isinstance(content, Mapping):
        content = {k: v for k, v in content.items() if isinstance(v, Tensor)}
    if not isinstance(content, Mapping) or not content:
        raise ValueError(
            f"weights: {file} holds no named tensors that can be read as weights only; save a "
            "state dictionary, or allow pickle if you trust whoever made the file."
        )
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise ValueError(
                f"weights: {file} can't be read as weights only: {name} is no tensor. Keep the "
                f"weights under {WRAPPED[0]!r}, or in a safetensors file."
            )
    return dict(content)
