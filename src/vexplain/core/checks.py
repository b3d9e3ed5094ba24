"""Small checks whose errors name the argument, what was expected and what came."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real
from types import UnionType
from typing import Any, TypeAlias

from torch import Tensor

Kind: TypeAlias = type | UnionType


class VexplainWarning(UserWarning):
    """Something is off with an explanation, and the message says what to do about it."""


def check_rank(name: str, value: Tensor, axes: str) -> None:
    """Raise ``ValueError`` unless ``value`` has one axis per word of ``axes`` (``"T C H W"``)."""
    if value.ndim != len(axes.split()):
        raise ValueError(
            f"{name}: expected a tensor with axes ({', '.join(axes.split())}), "
            f"got one of shape {tuple(value.shape)}."
        )


def check_finite(name: str, value: Tensor) -> None:
    """Raise ``ValueError`` when ``value`` holds a NaN or an infinity."""
    if not bool(value.isfinite().all()):
        bad = int((~value.isfinite()).sum())
        raise ValueError(f"{name}: expected finite numbers, got {bad} NaN or infinite ones.")


def check_number(name: str, value: object) -> None:
    """Raise ``ValueError`` unless ``value`` is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}.")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` is a number above zero."""
    check_number(name, value)
    if not value > 0:
        raise ValueError(f"{name}: expected a number above 0, got {value}.")


def check_least(name: str, value: float, least: float = 0) -> None:
    """Raise ``ValueError`` unless ``value`` is a number of at least ``least``."""
    check_number(name, value)
    if value < least:
        raise ValueError(f"{name}: expected a number from {least}, got {value}.")


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Raise ``ValueError`` unless ``value`` is a whole number, at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name}: expected a whole number from {least}, got {value!r}.")


def check_share(name: str, value: float) -> None:
    """Raise ``ValueError`` unless ``value`` lies in [0, 1]."""
    check_number(name, value)
    if not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a share in [0, 1], got {value}.")


def check_part(name: str, value: object, kind: type, example: str) -> None:
    """Raise ``TypeError`` unless ``value`` is a part of that kind: an object, not its class."""
    if isinstance(value, type) or not isinstance(value, kind):
        raise TypeError(f"{name}: expected a part such as {example}, got {value!r}.")


def check_kind(name: str, value: object, kind: Kind, wanted: str, then: str) -> None:
    """Raise ``TypeError`` unless ``value`` is of a kind.

    Args:
        name: The argument's name.
        value: What came.
        kind: A type, or several.
        wanted: The kind in words: ``an explanation``.
        then: A sentence that says what to do.
    """
    if not isinstance(value, kind):
        raise unlike(name, value, wanted, then)


def one_or_several(name: str, value: object, kind: Kind, wanted: str, then: str) -> list[Any]:
    """Return one value of a kind, or several, as a list.

    Args:
        name: The argument's name.
        value: What came.
        kind: A type, or several.
        wanted: The kind in words, one and several: ``an explanation or several``.
        then: A sentence that says what to do.

    Raises:
        TypeError: When it is of another kind, or one of several is.
    """
    if isinstance(value, kind):
        return [value]
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise unlike(name, value, wanted, then)
    listed = list(value)
    for place, one in enumerate(listed):
        check_kind(f"{name}[{place}]", one, kind, wanted, then)
    return listed


def unlike(name: str, value: object, wanted: str, then: str) -> TypeError:
    """Return the error that says what was wanted, what came and what to do."""
    return TypeError(f"{name}: expected {wanted}, got {brief(value)}. {then}")


def brief(value: object) -> str:
    """Return a value in an error: as it is written where that is short, else its type."""
    short = value is None or isinstance(value, str | Real | type)
    return repr(value) if short else type(value).__name__


def check_flag(name: str, value: object) -> None:
    """Raise ``TypeError`` unless ``value`` is True or False: a word such as "no" would be true."""
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}.")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise ``ValueError`` unless ``value`` is one of ``choices``."""
    if value not in choices:
        raise ValueError(
            f"{name}: expected one of {', '.join(choices)}, got {value!r}."
            f"{near_names(str(value), choices)}"
        )


def near_names(name: str, names: Sequence[str]) -> str:
    """Return `` Did you mean …?`` with the names nearest to ``name``, or an empty string."""
    lowered = {known.lower(): known for known in names}
    close = get_close_matches(name.lower(), lowered, n=3, cutoff=0.5)
    close += [low for low in lowered if name and name.lower() in low and low not in close][:3]
    return f" Did you mean {' or '.join(lowered[low] for low in close[:3])}?" if close else ""


def out_of_memory(error: BaseException) -> bool:
    """Return whether an error, of whichever library, says that memory ran out."""
    says = str(error).lower()
    return isinstance(error, MemoryError) or (
        ("memory" in says and ("allocate" in says or "out of" in says)) or "alloc_failed" in says
    )
