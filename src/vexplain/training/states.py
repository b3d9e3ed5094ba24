"""What an interrupted training goes on from: one file, which is whole or the one before."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import torch

from vexplain.core.checks import out_of_memory
from vexplain.core.files import atomic_path
from vexplain.training.measures import epochs_of
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
    with told_of(file):
        with ZipFile(file) as archive:
            damaged = archive.testzip()  # torch looks at no checksum
        if damaged:
            raise ValueError(f"{damaged} is damaged")
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=lazily)
        state = State(**content)
        check_state(state)
        return state


def check_state(state: State) -> None:
    """Check that what was read from a file is a state.

    Raises:
        TypeError: When a value is of another kind.
        ValueError: When the history is none.
    """
    kinds: dict[Any, tuple[str, ...]] = {
        str: ("digest", "best"),
        Mapping: ("said", "unreadable", "model", "optimizer", "averaged", "scaler"),
        list: ("history",),
        int: ("processes",),
    }
    for kind, names in kinds.items():
        for name in names:
            if not isinstance(getattr(state, name), kind):
                raise TypeError(f"{name} is of another kind")
    epochs_of(state.history)


@contextmanager
def told_of(file: Path) -> Iterator[None]:
    """Turn whatever going back to a state raises into a ``ValueError`` that says what to do.

    Raises:
        ValueError: When it isn't the state of this training; want of memory is told as it is.
    """
    try:
        yield
    except Exception as error:  # torch raises whatever its unpickler meets
        if out_of_memory(error):
            raise
        raise ValueError(
            f"out: {file} is not the state of a training ({type(error).__name__}). Say --fresh to "
            "begin anew."
        ) from error
