"""AUC and minimal keeps by method, network and dataset (paper, Figures 11 to 13)."""

import re
from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np

from vexplain.core.checks import check_choice
from vexplain.plots.panels import (
    COLORS,
    MARKERS,
    MINUS,
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
from vexplain.plots.rows import Mean, Row, Rows, grouped, in_words, mean_over_clips, tidy
from vexplain.visualization.curves import COLORS as GAMES
from vexplain.visualization.curves import DIRECTIONS
from vexplain.visualization.lettering import SMALL, font
from vexplain.visualization.sheet import GREY, INK, PAPER

if TYPE_CHECKING:
    import matplotlib.axes

Game = Literal["deletion", "insertion"]
AREA = re.compile(r"(?P<game>deletion|insertion) AUC(?P<options> \(.*\))?")
KEEP = re.compile(
    r"minimal keep, (?P<game>deletion|insertion) (?P<level>[\d.e+-]+)(?P<percent> %)?"
    r"(?P<options> \(.*\))?"
)
BAR = 0.36  # the height of a bar, in places
WIDTH = 2.9  # of a panel without its names, in inches
KEEPS = Small(2.7, 2.3, beside=0.65)


class Level(NamedTuple):
    """A level of confidence: its number, and whether it is a share of v(whole) − v(empty)."""

    number: float
    relative: bool


@overload
def areas(
    rows: Rows, *, by: None = None, axes: "matplotlib.axes.Axes | None" = None
) -> "matplotlib.axes.Axes": ...


@overload
def areas(rows: Rows, *, by: By, axes: Panels | None = None) -> Panels: ...


def areas(
    rows: Rows, *, by: By | None = None, axes: "matplotlib.axes.Axes | Panels | None" = None
) -> "matplotlib.axes.Axes | Panels":
    """Draw the deletion and the insertion AUC of every method: means over clips.

    Source: the paper's Figure 11. The thin lines are 95 % bootstrap intervals over clips, those of
    ``vexplain.compare``, where there are several clips.

    Args:
        rows: What ``rows()`` of evaluations returns, joined to one list; other metrics are left
            out. For ``by="dataset"`` add that column: ``row | {"dataset": "UCF101"}``.
        by: A column, or two, such as ``("model", "dataset")``: a panel per group, the first going
            down, the second across.
        axes: Where to draw: one axes, or with ``by`` an array of them; a new figure where None.

    Returns:
        The axes; with ``by`` an array (rows, columns) of them.

    Raises:
        TypeError: When an argument is of another kind.
        ValueError: When there is no AUC in the rows, or there are several kinds of one, or a column
            is missing.
    """
    columns = () if by is None else columns_of(by)
    found = [row for row in tidy(rows, ("method", "metric", "value", *columns)) if area_of(row)]
    if not found:
        raise ValueError(
            "rows: expected some with the metric 'deletion AUC' or 'insertion AUC', got none. "
            "Evaluate with vexplain.evaluation.Deletion() and Insertion()."
        )
    games = {game: one_kind(game, part) for game, part in by_game(found).items()}
    methods = list(grouped(found, "method"))

    def draw(panel: "matplotlib.axes.Axes", some: Sequence[Row]) -> Handles:
        return draw_areas(panel, some, methods, games)

    height = height_of(methods, 0.34)
    return drawn(found, draw, ((NAME + 1.4 * WIDTH, height), Small(WIDTH, height)), axes, by)


def area_of(row: Row) -> str:
    """Return the game whose AUC a row has, or nothing."""
    match = AREA.fullmatch(str(row["metric"]))
    return match["game"] if match else ""


def by_game(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Return the rows of AUC of each game, deletion first."""
    parts = {game: [row for row in rows if area_of(row) == game] for game in GAMES}
    return {game: part for game, part in parts.items() if part}


def one_kind(game: str, rows: Sequence[Row]) -> str:
    """Return the one name that a metric has in all rows.

    Raises:
        ValueError: When it has several, with different options.
    """
    names = list(grouped(rows, "metric"))
    if len(names) > 1:
        raise ValueError(
            f"rows: expected one kind of {game} AUC, got {', '.join(names)}. Keep the rows of one: "
            f"[row for row in rows if row['metric'] == {names[0]!r}]."
        )
    return names[0]


def draw_areas(
    axes: "matplotlib.axes.Axes",
    rows: Sequence[Row],
    methods: Sequence[str],
    games: dict[str, str],
) -> Handles:
    """Draw a pair of bars per method."""
    dress(axes, x_label="area under the curve")
    name_rows(axes, methods)
    handles: dict[str, Any] = {}
    means: list[Mean] = []
    for offset, (game, part) in zip((-0.5, 0.5), by_game(rows).items(), strict=False):
        found = {m: mean_over_clips(some) for m, some in grouped(part, "method").items()}
        places = [methods.index(m) + offset * BAR for m in found]
        bars = draw_bars(axes, places, list(found.values()), GAMES[game])
        handles |= {f"{games[game]}, {DIRECTIONS[game]}": bars} if bars else {}
        means += found.values()
    axes.axvline(0, color=GREY, linewidth=0.8, zorder=2)
    annotate(axes, in_words(means))
    return handles


def draw_bars(
    axes: "matplotlib.axes.Axes", places: Sequence[float], means: Sequence[Mean], color: str
) -> Any:
    """Draw bars with their intervals and numbers; a dash says that there is no number."""
    known = [(place, mean) for place, mean in zip(places, means, strict=True)]
    values = [nan if mean.value is None else mean.value for _, mean in known]
    bars = axes.barh(places, values, height=BAR, color=color, linewidth=0)
    for (place, mean), value in zip(known, values, strict=True):
        below, above = mean.reach
        if below or above:
            look: dict[str, Any] = {"color": INK, "linewidth": 0.9, "zorder": 3}
            axes.plot([value - below, value + above], [place, place], **look)
        write_number(axes, place, mean)
    return bars.patches[0]


def write_number(axes: "matplotlib.axes.Axes", place: float, mean: Mean) -> None:
    """Write a mean beyond the end of its bar and interval."""
    left = mean.value is not None and mean.value < 0
    end = (mean.value or 0.0) + (-mean.reach[0] if left else mean.reach[1])
    text = "not defined" if mean.value is None else f"{mean.value:.3f}".replace("-", MINUS)
    look: dict[str, Any] = {"xytext": (-3 if left else 3, 0), "textcoords": "offset points"}
    look |= {"ha": "right" if left else "left", "va": "center", "color": GREY}
    axes.annotate(text, (end, place), **look, **font(SMALL - 1))
    axes.update_datalim([(1.12 * end, place)])
    axes.autoscale_view(scaley=False)


@overload
def minimal_keeps(
    rows: Rows,
    *,
    game: Game = "deletion",
    by: None = None,
    axes: "matplotlib.axes.Axes | None" = None,
) -> "matplotlib.axes.Axes": ...


@overload
def minimal_keeps(
    rows: Rows, *, game: Game = "deletion", by: By, axes: Panels | None = None
) -> Panels: ...


def minimal_keeps(
    rows: Rows,
    *,
    game: Game = "deletion",
    by: By | None = None,
    axes: "matplotlib.axes.Axes | Panels | None" = None,
) -> "matplotlib.axes.Axes | Panels":
    """Draw the share of voxels in the minimal keep against the level of confidence, per method.

    Source: the paper's Figure 13, and with ``by=("model", "dataset")`` its Figure 12. The bands are
    95 % bootstrap intervals over clips where there are several. A level that a clip's curve never
    reaches has no share: means leave it out, and a hollow mark says so.

    Args:
        rows: What ``rows()`` of evaluations returns, joined to one list; other metrics are left
            out. For ``by="dataset"`` add that column: ``row | {"dataset": "UCF101"}``.
        game: ``deletion`` (what must go) or ``insertion`` (what must come back).
        by: A column, or two, such as ``("model", "dataset")``: a panel per group, the first going
            down, the second across.
        axes: Where to draw: one axes, or with ``by`` an array of them; a new figure where None.

    Returns:
        The axes; with ``by`` an array (rows, columns) of them.

    Raises:
        ValueError: On another game, or when there is no minimal keep in the rows, or several kinds,
            or a column is missing.
    """
    check_choice("game", game, list(GAMES))
    columns = () if by is None else columns_of(by)
    tidied = tidy(rows, ("method", "metric", "value", *columns))
    found = [row for row in tidied if keep_of(row, game)]
    relative = kind_of_keep(game, found)
    methods = list(grouped(found, "method"))

    def draw(panel: "matplotlib.axes.Axes", some: Sequence[Row]) -> Handles:
        return draw_keeps(panel, some, methods, game, relative)

    return drawn(found, draw, ((1.6 * KEEPS.width, 1.3 * KEEPS.height), KEEPS), axes, by)


def keep_of(row: Row, game: str) -> "re.Match[str] | None":
    """Return what the metric's name says where it is a minimal keep of that game."""
    match = KEEP.fullmatch(str(row["metric"]))
    return match if match and match["game"] == game else None


def level_of(row: Row) -> Level:
    """Return the level of a row that has a minimal keep."""
    match = KEEP.fullmatch(str(row["metric"]))
    if match is None:
        raise ValueError(f"metric: expected a minimal keep, got {row['metric']!r}.")
    relative = match["percent"] is not None
    return Level(float(match["level"]) / (100 if relative else 1), relative)


def kind_of_keep(game: str, rows: Sequence[Row]) -> bool:
    """Return whether the levels of all rows are relative.

    Raises:
        ValueError: When there is no row, or their options differ.
    """
    if not rows:
        raise ValueError(
            f"rows: expected some with the metric 'minimal keep, {game} …', got none. Evaluate "
            f"with vexplain.evaluation.MinimalKeeps(direction={game!r})."
        )
    kinds = {
        (m["percent"], m["options"]): m[0] for row in rows if (m := keep_of(row, game)) is not None
    }
    if len(kinds) > 1:
        raise ValueError(
            f"rows: expected one kind of minimal keep, got {', '.join(kinds.values())}. Keep the "
            "rows of one, with the same options and all levels relative or none."
        )
    return level_of(rows[0]).relative


def draw_keeps(
    axes: "matplotlib.axes.Axes",
    rows: Sequence[Row],
    methods: Sequence[str],
    game: str,
    relative: bool,
) -> Handles:
    """Draw a line per method."""
    from matplotlib.ticker import PercentFormatter

    gone = {"deletion": "confidence taken away", "insertion": "confidence brought back"}[game]
    unit = f"share of v(whole) {MINUS} v(empty)" if relative else "in units of v"
    verb = {"deletion": "removed", "insertion": "inserted"}[game]
    dress(axes, x_label=f"{gone},\n{unit}", y_label=f"voxels {verb} (lower is better)")
    handles: dict[str, Any] = {}
    means: list[Mean] = []
    for method, part in grouped(rows, "method").items():
        levels = {level.number: mean for level, mean in by_level(part).items()}
        handles[method] = draw_line(axes, levels, methods.index(method))
        means += levels.values()
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    if relative:
        axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=None))
    axes.locator_params(axis="x", nbins=5)
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.05))
    hollow = " (hollow)" if any(mean.undefined for mean in means) else ""
    annotate(axes, in_words(means).replace("undefined left out", f"unreached left out{hollow}"))
    return handles


def by_level(rows: Sequence[Row]) -> dict[Level, Mean]:
    """Return the means over clips of every level, from the lowest up."""
    levels: dict[Level, list[Row]] = {}
    for row in rows:
        levels.setdefault(level_of(row), []).append(row)
    return {level: mean_over_clips(levels[level]) for level in sorted(levels)}


def draw_line(axes: "matplotlib.axes.Axes", levels: dict[float, Mean], place: int) -> Any:
    """Draw the means of a method over their levels, with a band for the intervals."""
    x = np.array(list(levels))
    y = np.array([nan if mean.value is None else mean.value for mean in levels.values()])
    below, above = np.array([mean.reach for mean in levels.values()]).T
    turn, color = place // len(COLORS), COLORS[place % len(COLORS)]
    marker = MARKERS[(place + turn) % len(MARKERS)]  # no pair of both comes again soon
    axes.fill_between(x, y - below, y + above, color=color, alpha=0.1, linewidth=0)
    look: dict[str, Any] = {"color": color, "markersize": 4}
    handle = axes.plot(x, y, marker=marker, linewidth=1.4, **look)[0]
    partly = np.array([mean.undefined > 0 for mean in levels.values()])
    look |= {"marker": marker, "markerfacecolor": PAPER, "linestyle": "", "zorder": 3}
    axes.plot(x[partly], y[partly], **look)
    return handle
