"""Tidy rows: one mapping per number. They are checked, put in groups, and averaged over clips."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from numbers import Real
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from vexplain.core import near_names
from vexplain.core.bootstrap import CONFIDENCE, percentiles
from vexplain.core.checks import check_kind, unlike

JUDGED = "Give what rows() of evaluations returns, joined to one list."


@runtime_checkable
class Frame(Protocol):
    """A data frame, as pandas has it."""

    def to_dict(self, orient: Literal["records"]) -> list[dict[str, Any]]:
        """Return one dictionary per row."""


Row: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Row] | Frame


@dataclass(frozen=True)
class Mean:
    """A mean over clips with its 95 % bootstrap interval.

    Attributes:
        value: The mean of the defined numbers, or None where there is none.
        n: Over how many clips.
        undefined: How many numbers are not defined, and left out.
        low: The lower end of the interval, or None below two clips.
        high: The upper end, likewise.
    """

    value: float | None
    n: int
    undefined: int = 0
    low: float | None = None
    high: float | None = None

    @property
    def reach(self) -> tuple[float, float]:
        """How far the interval goes below and above the mean; 0 where there is none."""
        if self.value is None or self.low is None or self.high is None:
            return 0.0, 0.0
        # the ends of a bootstrap of equal numbers can miss their mean by a rounding error
        return max(0.0, self.value - self.low), max(0.0, self.high - self.value)


def tidy(
    rows: Rows, columns: Iterable[str], *, name: str = "rows", advice: str = JUDGED
) -> list[Row]:
    """Return rows as a list, after a check that they have these columns.

    Args:
        rows: The rows, or a data frame.
        columns: What every one must have.
        name: What the rows are called in an error.
        advice: A sentence that says where they come from.

    Raises:
        TypeError: When they aren't mappings.
        ValueError: When there is none, or one lacks a column.
    """
    if isinstance(rows, str | Mapping) or not isinstance(rows, Frame | Iterable):
        raise unlike(name, rows, "a list of dictionaries, or a data frame", advice)
    listed: list[Row] = [*rows.to_dict("records")] if isinstance(rows, Frame) else list(rows)
    if not listed:
        raise ValueError(f"{name}: expected at least one, got none. {advice}")
    for place, row in enumerate(listed):
        check_kind(f"{name}[{place}]", row, Mapping, "a dictionary", advice)
        for column in columns:
            if column not in row:
                names = [str(one) for one in row]
                raise ValueError(
                    f"{name}: expected a column {column!r}, got {', '.join(names)} in row {place}."
                    f"{near_names(column, names)} Add it to every row: row | {{{column!r}: …}}."
                )
    return listed


def number_in(row: Row, column: str) -> float | None:
    """Return the number in a column; None where it is empty (None or NaN).

    Raises:
        ValueError: When it is anything else than a finite number.
    """
    value = row[column]
    if value is None or (isinstance(value, float | np.floating) and isnan(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not isfinite(value):
        raise ValueError(f"{column}: expected finite numbers, or None, got {value!r}.")
    return float(value)


def grouped(rows: Iterable[Row], column: str) -> dict[str, list[Row]]:
    """Return rows by what a column says, in the order in which it comes first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[column]), []).append(row)
    return found


def mean_over_clips(rows: Iterable[Row], column: str = "value") -> Mean:
    """Return the mean over clips, with the percentiles of a bootstrap over clips (Efron 1979).

    Several numbers of one clip, of several models for instance, are averaged first, so that a clip
    counts once, as in ``vexplain.compare``.
    """
    clips: dict[str, list[float]] = {}
    undefined = 0
    for row in rows:
        value = number_in(row, column)
        undefined += value is None
        if value is not None:
            clips.setdefault(clip_of(row), []).append(value)
    means = np.array([sum(values) / len(values) for values in clips.values()])
    n = len(means)
    if n < 2:
        return Mean(float(means[0]) if n else None, n, undefined)
    return Mean(float(means.mean()), n, undefined, *percentiles(means))


def clip_of(row: Row) -> str:
    """Return what tells the row's clip from others.

    Raises:
        ValueError: When the row has neither ``clip_digest`` nor ``clip``.
    """
    for column in ("clip_digest", "clip"):
        if column in row:
            return str(row[column])
    raise ValueError(
        f"rows: expected a column 'clip_digest' or 'clip', got {', '.join(map(str, row))}. "
        "Means are taken over clips: say which one each row is about."
    )


def in_words(means: Iterable[Mean]) -> str:
    """Return over how many clips means were taken, and what was left out."""
    known = list(means)
    counts = sorted({mean.n for mean in known if mean.n})
    undefined = sum(mean.undefined for mean in known)
    parts = [counted(counts, "clip")] if counts else ["no number"]
    if any(mean.low is not None for mean in known):
        parts.append(f"{100 * CONFIDENCE:g} % intervals")
    if undefined:
        parts.append(f"{undefined} undefined left out")
    return ", ".join(parts)


def counted(counts: Sequence[int], noun: str) -> str:
    """Return sorted counts in words: ``1 clip``, ``3 to 5 clips``."""
    low, high = counts[0], counts[-1]
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return f"{number} {noun}{'s' * (high != 1)}"
