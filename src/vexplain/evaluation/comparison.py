"""Evaluations summed up over clips: means with bootstrap intervals, beside those of other maps."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vexplain.core.bootstrap import CONFIDENCE, RESAMPLES, percentiles
from vexplain.core.checks import check_number, check_whole
from vexplain.evaluation.case import Better
from vexplain.evaluation.results import ARROWS, Evaluation, Score, data_frame, number, printed
from vexplain.rendering.bidi import isolated

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class Interval:
    """A mean over clips with its bootstrap confidence interval.

    Attributes:
        mean: The mean of the defined numbers, or None where there is none.
        n_clips: Over how many clips.
        low: The lower end, or None below two clips.
        high: The upper end, likewise.
    """

    mean: float | None
    n_clips: int
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.mean is None:
            return "\N{EN DASH}"
        if self.low is None or self.high is None:
            return number(self.mean)
        return f"{number(self.mean)} [{number(self.low)}, {number(self.high)}]"


@dataclass(frozen=True)
class Line:
    """One metric of one method over all clips.

    Attributes:
        model: The name of the model.
        method: The name of the method.
        metric: What is measured.
        better: Whether higher or lower is better.
        value: The mean over clips.
        n_undefined: Numbers that are not defined, which the mean leaves out.
        beside: The means of the other maps over their own defined clips.
        gains: How much better than the other maps, paired by clip; above 0 = better.
    """

    model: str
    method: str
    metric: str
    better: Better
    value: Interval
    n_undefined: int
    beside: Mapping[str, Interval]
    gains: Mapping[str, Interval]


@dataclass(frozen=True)
class Comparison:
    """Evaluations summed up over clips: one line per method and metric.

    Attributes:
        lines: The lines, metric by metric.
        confidence: The level of the intervals.
    """

    lines: tuple[Line, ...]
    confidence: float

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row per line: plain values, for a table of any kind."""
        return [
            {
                "metric": line.metric,
                "better": line.better,
                "model": line.model,
                "method": line.method,
                **spread("", line.value),
                "undefined": line.n_undefined,
                **{k: v for n, i in line.beside.items() for k, v in spread(f"{n} ", i).items()},
                **{
                    k: v
                    for n, i in line.gains.items()
                    for k, v in spread(f"gain over {n} ", i).items()
                },
            }
            for line in self.lines
        ]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame.

        Raises:
            ImportError: When pandas is not installed.
        """
        return data_frame(self.rows())

    def __rich__(self) -> Table:
        if max(line.value.n_clips + line.n_undefined for line in self.lines) == 1:
            return self._by_method()
        others = tuple(dict.fromkeys(name for line in self.lines for name in line.beside))
        title = f"Means over clips, with {100 * self.confidence:g} % intervals"
        table = Table(title=title, box=SIMPLE_HEAD)
        for name in ("metric", "method"):
            table.add_column(name, min_width=9, overflow="fold")
        for name in ("value", *others):
            table.add_column(escape(name), justify="right", min_width=6)
        for name in ("clips", "undef."):
            table.add_column(name, justify="right", no_wrap=True)
        for line in self.lines:
            table.add_row(
                f"{escape(line.metric)} {ARROWS[line.better]}",
                escape(self._who(line)),
                escape(str(line.value)),
                *(beside_of(line, name) for name in others),
                str(line.value.n_clips),
                str(line.n_undefined or ""),
            )
        return table

    def _by_method(self) -> Table:
        """Return the numbers of a single clip: a row per metric, a column per method."""
        table = Table("metric", title="One clip", box=SIMPLE_HEAD)
        who = list(dict.fromkeys(self._who(line) for line in self.lines))
        for name in who:
            table.add_column(escape(name), justify="right", min_width=6)
        cells = {(line.metric, self._who(line)): number(line.value.mean) for line in self.lines}
        better = {line.metric: line.better for line in self.lines}
        for metric, way in better.items():
            numbers = (cells.get((metric, name), "") for name in who)
            table.add_row(f"{escape(metric)} {ARROWS[way]}", *numbers)
        return table

    def _who(self, line: Line) -> str:
        """Return whose line it is: the method, and the model where there are several."""
        several = len({one.model for one in self.lines}) > 1
        method = isolated(line.method)
        return f"{method}, {isolated(line.model)}" if several else method

    def __str__(self) -> str:
        return printed(self)

    def _repr_html_(self) -> str:
        # The cards import this module, so they are looked up when a notebook asks for one.
        card: str = import_module("vexplain.evaluation.cards").comparison_card(self)
        return card


def compare(
    evaluations: Evaluation | Sequence[Evaluation],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Sum evaluations up: means over clips per model, method and metric, with bootstrap intervals.

    Clips are drawn with replacement, and the interval is that of the percentiles of their means
    (Efron 1979); of few clips it is not much more than their range. Several explanations of one
    clip by one method, of several targets for instance, are averaged first, so that a clip counts
    once. Numbers that are not defined are left out and counted. Methods of one name are one
    method: give variants names of their own.

    Args:
        evaluations: What ``evaluate`` returned, over any clips, models and methods.
        confidence: The level of the intervals.
        resamples: How many times the clips are drawn.
        seed: Draws them.

    Raises:
        ValueError: When there is nothing to sum up.
    """
    check_whole("resamples", resamples)
    check_whole("seed", seed, least=0)
    check_number("confidence", confidence)
    evaluations = [evaluations] if isinstance(evaluations, Evaluation) else list(evaluations)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence: expected a level between 0 and 1, got {confidence}.")
    if not evaluations:
        raise ValueError("evaluations: expected at least one, got none.")
    cells: dict[tuple[str, str, str], list[tuple[str, Score]]] = {}
    for one in evaluations:
        for score in one.scores:
            cell = cells.setdefault((score.name, one.model, one.method), [])
            cell.append((one.clip_digest, score))
    draw = Bootstrap(confidence, resamples, seed)
    lines = [line_of(*names, found, draw) for names, found in cells.items()]
    metrics = list(dict.fromkeys(line.metric for line in lines))
    return Comparison(tuple(sorted(lines, key=lambda one: metrics.index(one.metric))), confidence)


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: their level, how many times clips are drawn, and the seed."""

    confidence: float
    resamples: int
    seed: int

    def __call__(self, values: Mapping[str, Sequence[float | None]]) -> Interval:
        """Return mean and interval of the numbers of clips, each clip averaged first."""
        defined = [[v for v in clip if v is not None] for clip in values.values()]
        means = torch.tensor([sum(v) / len(v) for v in defined if v], dtype=torch.float64)
        n = len(means)
        if n < 2:
            return Interval(float(means[0]) if n else None, n)
        low, high = percentiles(
            means.numpy(), confidence=self.confidence, resamples=self.resamples, seed=self.seed
        )
        return Interval(float(means.mean()), n, low, high)


def line_of(
    metric: str, model: str, method: str, found: Sequence[tuple[str, Score]], draw: Bootstrap
) -> Line:
    """Return the line of one metric of one model and method."""
    others = dict.fromkeys(name for _, score in found for name in score.beside)
    return Line(
        model=model,
        method=method,
        metric=metric,
        better=found[0][1].better,
        value=draw(by_clip((clip, score.value) for clip, score in found)),
        n_undefined=sum(score.value is None for _, score in found),
        beside={
            name: draw(by_clip((c, s.beside[name].value) for c, s in found if name in s.beside))
            for name in others
        },
        gains={
            name: draw(by_clip((c, s.gain_over(name)) for c, s in found if name in s.beside))
            for name in others
        },
    )


def beside_of(line: Line, name: str) -> str:
    """Return another map's mean, with the number of its clips where it is another one."""
    found = line.beside.get(name)
    if found is None:
        return ""
    other = found.n_clips != line.value.n_clips and found.mean is not None
    return f"{number(found.mean)} (of {found.n_clips})" if other else number(found.mean)


def by_clip(found: Iterable[tuple[str, float | None]]) -> dict[str, list[float | None]]:
    """Return numbers by their clip."""
    clips: dict[str, list[float | None]] = {}
    for clip, value in found:
        clips.setdefault(clip, []).append(value)
    return clips


def spread(prefix: str, interval: Interval) -> dict[str, float | None]:
    """Return an interval as four columns."""
    return {
        f"{prefix}mean": interval.mean,
        f"{prefix}low": interval.low,
        f"{prefix}high": interval.high,
        f"{prefix}clips": interval.n_clips,
    }
