"""What metrics are called, and checks of their options."""

import re
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor

from vexplain.core.checks import check_number


def named(base: str, metric: Any) -> str:
    """Return the name of a metric with those of its options that aren't the default.

    Parts go by themselves, as in ``deletion AUC (RegionWise, steps=10)``.
    """
    changed = options_of(metric)
    return f"{base} ({changed})" if changed else base


def options_of(metric: Any) -> str:
    """Return the options of a metric that aren't the default, in words."""
    return ", ".join(changes_of(metric))


def changes_of(part: Any) -> list[str]:
    """Return the options of a dataclass that aren't the default, in words; arrays are left out."""
    changed = []
    for option in fields(part):
        value = getattr(part, option.name)
        if isinstance(value, Tensor | np.ndarray) or value == default_of(option):
            continue
        plain = isinstance(value, str | int | float | tuple | None)
        changed.append(f"{option.name}={value!r}" if plain else words_of(value))
    return changed


def words_of(part: Any) -> str:
    """Return a part in words: ``Blur(sigma=8)``, or the name of its kind alone."""
    changed = ", ".join(changes_of(part)) if is_dataclass(part) else ""
    return f"{type(part).__name__}({changed})" if changed else type(part).__name__


def default_of(option: "Field[Any]") -> Any:
    """Return the default of an option, or MISSING."""
    return option.default if option.default_factory is MISSING else option.default_factory()


def behavior_in_words(behavior: object) -> str:
    """Return the name of a behavior in words: "log odds" for ``LogOdds``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(behavior).__name__).lower()


def several(name: str, numbers: object) -> tuple[float, ...]:
    """Return one number or several as a tuple.

    Raises:
        ValueError: When there is none, or something else.
    """
    found = numbers if isinstance(numbers, tuple | list) else (numbers,)
    if not found:
        raise ValueError(f"{name}: expected one number or several, got none.")
    for number in found:
        check_number(name, number)
    return tuple(found)
