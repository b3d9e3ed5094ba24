"""How long explaining takes, step by step (paper, Figures 9 and 10)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from vexplain.core import Explanation
from vexplain.core.explanation import explanations_in
from vexplain.plots.panels import (
    COLORS,
    NAME,
    By,
    Handles,
    Panels,
    Small,
    annotate,
    columns_of,
    drawn,
    dress,
    height_of,
    name_rows,
)
from vexplain.plots.rows import Row, Rows, counted, grouped, number_in, tidy
from vexplain.visualization.lettering import SMALL, font
from vexplain.visualization.sheet import GREY

if TYPE_CHECKING:
    import matplotlib.axes

STEPS = {
    "segmentation": COLORS[0],
    "sampling": COLORS[3],
    "removal": COLORS[5],
    "inference": COLORS[4],
    "summary": COLORS[2],
}
OTHERS = (COLORS[6], GREY, "#b5b5bd")
WIDTH = 2.9  # of a panel without its names, in inches

Timed = Explanation | Sequence[Explanation] | Rows


def seconds_rows(
    explanations: Explanation | Sequence[Explanation], *, dataset: str = ""
) -> list[dict[str, Any]]:
    """Return one row per explanation and step: method, model, dataset, clip, step, seconds.

    Targets explained together share their seconds, and are one.

    Args:
        explanations: What was explained.
        dataset: Written into every row.

    Raises:
        TypeError: When one is no explanation.
    """
    runs = {id(one.ledger): one for one in explanations_in("explanations", explanations)}
    return [
        {
            "method": one.method.name,
            "model": str(one.manifest.get("model", "")),
            "dataset": dataset,
            "clip": str(one.manifest.get("clip_digest", "")),
            "step": step,
            "seconds": seconds,
        }
        for one in runs.values()
        for step, seconds in one.seconds.items()
    ]


@overload
def seconds_per_step(
    timed: Timed, *, by: None = None, axes: "matplotlib.axes.Axes | None" = None
) -> "matplotlib.axes.Axes": ...


@overload
def seconds_per_step(timed: Timed, *, by: By, axes: Panels | None = None) -> Panels: ...


def seconds_per_step(
    timed: Timed, *, by: By | None = None, axes: "matplotlib.axes.Axes | Panels | None" = None
) -> "matplotlib.axes.Axes | Panels":
    """Draw stacked bars of the seconds that each step takes, averaged per method.

    Source: the paper's Figure 9, and with ``by=("model", "dataset")`` its Figure 10.

    Args:
        timed: Explanations, or rows with the columns method, step and seconds: one row per
            explanation and step, as ``seconds_rows`` gives them. An explanation without a row for a
            step spent no time on it.
        by: A column, or two, such as ``("model", "dataset")``: a panel per group, the first going
            down, the second across.
        axes: Where to draw: one axes, or with ``by`` an array of them; a new figure where None.

    Returns:
        The axes; with ``by`` an array (rows, columns) of them.

    Raises:
        TypeError: When an argument is of another kind.
        ValueError: When there is nothing to draw, or a column is missing, or seconds are no
            numbers from 0.
    """
    rows = checked_rows(timed, () if by is None else columns_of(by))
    methods, steps = list(grouped(rows, "method")), ordered(list(grouped(rows, "step")))

    def draw(panel: "matplotlib.axes.Axes", found: Sequence[Row]) -> Handles:
        return draw_stacks(panel, found, methods, steps)

    sizes = (NAME + 1.4 * WIDTH, height_of(methods)), Small(WIDTH, height_of(methods))
    return drawn(rows, draw, sizes, axes, by)


def checked_rows(timed: Timed, columns: Sequence[str]) -> list[Row]:
    """Return the rows of what was timed, after a check of their numbers.

    Raises:
        TypeError: When they are neither explanations nor rows.
        ValueError: When seconds are missing or below 0.
    """
    given: Any = [timed] if isinstance(timed, Explanation) else timed
    if isinstance(given, Sequence) and any(isinstance(one, Explanation) for one in given):
        given = seconds_rows(explanations_in("timed", given))
    advice = "Give explanations, or what seconds_rows() returns for them."
    rows = tidy(given, ("method", "step", "seconds", *columns), name="timed", advice=advice)
    for row in rows:
        seconds = number_in(row, "seconds")
        if seconds is None or seconds < 0:
            raise ValueError(
                f"seconds: expected numbers from 0, got {row['seconds']!r} for "
                f"{row['method']}, {row['step']}. Leave the row out if it was not measured."
            )
    return rows


def ordered(steps: Sequence[str]) -> dict[str, str]:
    """Return the steps with their colours: those of the engine in their order, then others."""
    others = [step for step in steps if step not in STEPS]
    known = {step: color for step, color in STEPS.items() if step in steps}
    return known | {step: OTHERS[i % len(OTHERS)] for i, step in enumerate(others)}


def draw_stacks(
    axes: "matplotlib.axes.Axes",
    rows: Sequence[Row],
    methods: Sequence[str],
    steps: dict[str, str],
) -> Handles:
    """Draw a bar per method, in a piece per step, with the total at its end."""
    dress(axes, x_label="seconds per explanation (lower is better)")
    name_rows(axes, methods)
    found = {m: averages(part) for m, part in grouped(rows, "method").items()}
    ends = dict.fromkeys(found, 0.0)
    handles: dict[str, Any] = {}
    for step, color in steps.items():
        pieces = [found[m].get(step, 0.0) for m in found]
        places = [methods.index(m) for m in found]
        look: dict[str, Any] = {"height": 0.62, "color": color, "linewidth": 0.4}
        bars = axes.barh(places, pieces, left=list(ends.values()), edgecolor="white", **look)
        handles[step] = bars.patches[0]
        ends = {m: ends[m] + piece for m, piece in zip(found, pieces, strict=True)}
    write_totals(axes, {methods.index(m): end for m, end in ends.items()})
    counts = sorted({runs_of(part) for part in grouped(rows, "method").values()})
    annotate(axes, f"{counted(counts, 'explanation')} per method")
    return handles


def averages(rows: Sequence[Row]) -> dict[str, float]:
    """Return the mean seconds of every step of one method."""
    n = runs_of(rows)
    parts = grouped(rows, "step")
    return {step: sum(number_in(r, "seconds") or 0.0 for r in p) / n for step, p in parts.items()}


def runs_of(rows: Sequence[Row]) -> int:
    """Return how many explanations the rows of a method are about: the most rows of any step."""
    return max(len(part) for part in grouped(rows, "step").values())


def write_totals(axes: "matplotlib.axes.Axes", ends: dict[int, float]) -> None:
    """Write the totals beyond the ends of the bars, and make room for them."""
    low, high = axes.get_xlim()
    axes.set_xlim(0, max(high if low == 0 else 0, 1.18 * max(ends.values()), 1e-9))
    look: dict[str, Any] = {"xytext": (3, 0), "textcoords": "offset points", "va": "center"}
    for place, end in ends.items():
        axes.annotate(f"{short(end)} s", (end, place), color=GREY, **look, **font(SMALL))


def short(seconds: float) -> str:
    """Return seconds with about three digits."""
    if seconds >= 10:
        return f"{seconds:,.1f}"
    return f"{seconds:.2f}" if seconds >= 0.1 else f"{seconds:.2g}"
