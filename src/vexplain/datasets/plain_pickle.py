"""Pickles of plain data and arrays, read so that nothing in them is executed.

A pickle calls whatever it names. Here the few names that arrays need lead to the
stand-ins below, so that even numpy never meets a state that a stranger wrote; every other name
ends the reading.
"""

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLAIN = re.compile(r"[biuf][1248]|[SU][1-9][0-9]{0,3}")
_MOST_AXES, _MOST_ROWS = 32, 1 << 48
"""Beyond any array; within them the product of a shape is worked out at once."""


class PlainType:
    """Stands for a type of numbers or text; what else numpy can hold is refused."""

    def __init__(self, code: str, _align: object = False, _copy: object = False) -> None:
        if not isinstance(code, str) or not _PLAIN.fullmatch(code):
            raise pickle.UnpicklingError(f"it holds arrays of {code!r}, which are no plain data")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the order of bytes; all else is in the code."""
        if state[1] == ">":
            self.dtype = self.dtype.newbyteorder(">")

    def read(self, raw: str | bytes | bytearray) -> NDArray[Any]:
        """Return the numbers in some bytes, which Python 2 calls text.

        Raises:
            pickle.UnpicklingError: When they are no bytes; of a number Python would make as many.
        """
        if not isinstance(raw, str | bytes | bytearray):
            raise pickle.UnpicklingError(f"it holds an array of {type(raw).__name__}, not of bytes")
        content = raw.encode("latin-1") if isinstance(raw, str) else bytes(raw)
        return np.frombuffer(content, self.dtype)


class PlainArray:
    """Stands for an array until its content is known."""

    values: NDArray[Any]

    def __init__(self, *_: object) -> None:
        self.values = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the shape, the type, the order of axes and the numbers."""
        shape, numbers, columns_first, raw = state[-4:]
        self.values = shaped(numbers.read(raw), shape, "F" if columns_first else "C")


class BufferArray(PlainArray):
    """Stands for an array that numpy wrote with protocol 5."""

    def __init__(
        self, raw: bytes | bytearray, numbers: PlainType, shape: tuple[int, ...], order: str
    ) -> None:
        self.values = shaped(numbers.read(raw), shape, order)


class PlainScalar(PlainArray):
    """Stands for a single number or text of numpy's."""

    def __init__(self, numbers: PlainType, raw: str | bytes) -> None:
        self.values = shaped(numbers.read(raw), (), "C")


def shaped(numbers: Any, shape: tuple[int, ...], order: str) -> NDArray[Any]:
    """Return numbers in a shape.

    Raises:
        pickle.UnpicklingError: When they don't fill it.
    """
    if (
        not isinstance(shape, tuple)
        or len(shape) > _MOST_AXES
        or not all(type(n) is int and 0 <= n < _MOST_ROWS for n in shape)
        or prod(shape) != numbers.size
        or order not in ("C", "F")
    ):
        raise pickle.UnpicklingError(f"{numbers.size} numbers don't fill the shape of their array")
    array: NDArray[Any] = numbers.reshape(shape, order=order)
    return array


class Call:
    """Stands for a function; what a pickle tries to set on it ends the reading."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        """Return what the function does."""
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it changes a function")


def encoded(text: str, encoding: str) -> bytes:
    """Return the bytes that Python 3 writes as text for readers in Python 2."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"it holds text in {encoding!r}")
    return text.encode("latin-1")


def no_bytes() -> bytes:
    """Return what Python 3 writes for no bytes at all, for readers in Python 2."""
    return b""


KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): PlainArray,
    ("numpy", "dtype"): PlainType,
    **{
        (f"numpy.{core}.{module}", name): stand_in
        for core in ("core", "_core")
        for module, name, stand_in in (
            ("multiarray", "_reconstruct", PlainArray),
            ("multiarray", "scalar", PlainScalar),
            ("numeric", "_frombuffer", BufferArray),
        )
    },
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): Call(encoded),
    ("__builtin__", "bytes"): Call(no_bytes),
    ("builtins", "bytes"): Call(no_bytes),
}
"""What a pickle of plain data names, and what stands for it here."""


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it wants to run {module}.{name}")
        return KNOWN[module, name]


def read_plain(file: Path) -> Any:
    """Return what a pickle holds: containers, text, numbers and arrays of these.

    Bytes of Python 2 are read as Latin-1.

    Raises:
        ValueError: When it holds anything else, or is damaged.
    """
    try:
        return plain(_Reader(BytesIO(file.read_bytes()), encoding="latin-1").load())
    except Exception as error:  # a damaged pickle ends in any kind of error
        raise ValueError(
            f"data: expected a pickle of numbers, text and containers in {file}; it was not read: "
            f"{error}. Nothing in it was executed."
        ) from error


def plain(value: Any, done: dict[int, Any] | None = None) -> Any:
    """Return containers whose stand-ins are replaced by what they stand for.

    Args:
        value: What was read.
        done: What became of each object by its id: what is held twice stays one object, since a
            short pickle can hold a list of a list of a list, each twice.
    """
    done = {} if done is None else done
    if id(value) not in done:
        done[id(value)] = _plain(value, done)
    return done[id(value)]


def _plain(value: Any, done: dict[int, Any]) -> Any:
    if isinstance(value, dict):
        return {plain(key, done): plain(each, done) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(each, done) for each in value)
    if isinstance(value, PlainArray):
        return value.values.item() if isinstance(value, PlainScalar) else value.values
    return value
