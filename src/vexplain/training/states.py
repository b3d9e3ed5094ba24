"""What an interrupted training goes on from: one file, which is whole or the one before."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch

from vexplain.core.files import atomic_path
from vexplain.training.writing import kept


@dataclass(frozen=True, kw_only=True, eq=False)
class State:
    """A training after a whole epoch.

    Attributes:
        digest: Of the configuration and the dataset.
        said: The configuration, as far as it matters, and what was started from.
        history: What every epoch came to.
        unreadable: Recordings that couldn't be read, and why.
        model: The weights.
        optimizer: The optimiser's state.
        averaged: The averaged weights, or nothing.
        scaler: The gradient scaler's state, or nothing.
        best: The name that opens the best network yet, from the fold's folder.
        processes: How many trained together.
    """

    digest: str
    said: Mapping[str, Any]
    history: list[dict[str, Any]]
    unreadable: Mapping[str, str]
    model: Mapping[str, Any]
    optimizer: Mapping[str, Any]
    averaged: Mapping[str, Any]
    scaler: Mapping[str, Any]
    best: str = ""
    processes: int = 1


def write_state(state: State, file: Path) -> None:
    """Write a state; a failure leaves the old file as it was.

    Raises:
        OSError: When it can't be written.
    """
    content = {f.name: getattr(state, f.name) for f in fields(State)}
    # Python's own file tells why it can't be written; torch's doesn't.
    with kept(file), atomic_path(file) as part, part.open("wb") as stream:
        torch.save(content, stream)


def read_state(file: Path, *, lazily: bool = False) -> State:
    """Read a state; nothing in it is executed.

    Args:
        file: Where it is.
        lazily: Whether tensors stay in the file until they are looked at.

    Raises:
        ValueError: When it isn't one.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=lazily)
        return State(**content)
    except Exception as error:  # torch.load raises whatever its unpickler meets
        raise ValueError(
            f"out: {file} is not the state of a training ({type(error).__name__}). Say --fresh to "
            "begin anew."
        ) from error
