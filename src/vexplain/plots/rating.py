"""The scores that people gave (paper, Figures 14 and 15)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from vexplain.core.checks import check_number
from vexplain.plots.panels import (
    COLORS,
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
from vexplain.plots.rows import (
    Mean,
    Row,
    Rows,
    counted,
    grouped,
    in_words,
    mean_over_clips,
    number_in,
    tidy,
)
from vexplain.visualization.lettering import SMALL, font
from vexplain.visualization.sheet import GREY, LINE, PAPER

if TYPE_CHECKING:
    import matplotlib.axes

WIDTH = 2.9  # of a panel without its names, in inches
SCALE = (1.0, 5.0)
SCORED = "Give one per rater and explanation: {'rater': 'ann', 'method': 'RISE', 'score': 4}."

Scale = tuple[float, float]


@overload
def ratings(
    rows: Rows,
    *,
    scale: Scale = SCALE,
    by: None = None,
    axes: "matplotlib.axes.Axes | None" = None,
) -> "matplotlib.axes.Axes": ...


@overload
def ratings(rows: Rows, *, scale: Scale = SCALE, by: By, axes: Panels | None = None) -> Panels: ...


def ratings(
    rows: Rows,
    *,
    scale: Scale = SCALE,
    by: By | None = None,
    axes: "matplotlib.axes.Axes | Panels | None" = None,
) -> "matplotlib.axes.Axes | Panels":
    """Draw the mean score of every method, and small beside it that of every rater.

    Source: the paper's Figure 14, and with ``by=("model", "dataset")`` its Figure 15. A mean is a
    mark on the whole scale, not a bar: the scale of an opinion has no 0. Where the rows say which
    clip was scored, clips count alike, and 95 % bootstrap intervals over clips are drawn.

    Args:
        rows: One per rater and explanation, with the columns rater, method and score; better with
            clip too. A score of None was not given, and is left out.
        scale: The lowest and the highest score that raters could give: (-2, 2) in the paper.
        by: A column, or two, such as ``("model", "dataset")``: a panel per group, the first going
            down, the second across.
        axes: Where to draw: one axes, or with ``by`` an array of them; a new figure where None.

    Returns:
        The axes; with ``by`` an array (rows, columns) of them.

    Raises:
        TypeError: When an argument is of another kind.
        ValueError: When there is no row, a column is missing, or a score is off the scale.
    """
    columns = () if by is None else columns_of(by)
    found = tidy(rows, ("rater", "method", "score", *columns), advice=SCORED)
    check_scores(found, scale)
    methods = list(grouped(found, "method"))

    def draw(panel: "matplotlib.axes.Axes", some: Sequence[Row]) -> Handles:
        return draw_scores(panel, some, methods, scale)

    height = height_of(methods)
    sizes = (NAME + 1.3 * WIDTH, height), Small(WIDTH, height)
    return drawn(found, draw, sizes, axes, by)


def check_scores(rows: Sequence[Row], scale: Scale) -> None:
    """Raise ``ValueError`` on a scale that doesn't rise, or a score off the scale."""
    if not isinstance(scale, Sequence) or len(scale) != 2:
        raise ValueError(f"scale: expected (lowest, highest), got {scale!r}.")
    low, high = scale
    for end in scale:
        check_number("scale", end)
    if not low < high:
        raise ValueError(f"scale: expected (lowest, highest), got {scale}.")
    for row in rows:
        score = number_in(row, "score")
        if score is not None and not low <= score <= high:
            raise ValueError(
                f"score: expected scores from {low:g} to {high:g}, got {score:g} by "
                f"{row['rater']}. Give the scale that the raters had: scale=(-2, 2), for instance."
            )


def draw_scores(
    axes: "matplotlib.axes.Axes", rows: Sequence[Row], methods: Sequence[str], scale: Scale
) -> Handles:
    """Draw a mark per method on the scale, with its interval, and the raters' own means."""
    from matplotlib.ticker import MaxNLocator

    low, high = scale
    dress(axes, x_label=f"mean score, {low:g} to {high:g} (higher is better)".replace("-", MINUS))
    name_rows(axes, methods)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    room = 0.03 * (high - low)
    axes.set_xlim(low - room, high + room)
    raters = grouped(rows, "rater")
    handles: dict[str, Any] = {}
    means: list[Mean] = []
    for method, part in grouped(rows, "method").items():
        place, mean = methods.index(method), mean_score(part)
        own = [mean_score(some).value for some in grouped(part, "rater").values()]
        handles |= draw_mark(axes, place, mean, [value for value in own if value is not None])
        means.append(mean)
    annotate(axes, f"{counted([len(raters)], 'rater')}, {note_of(means, rows)}")
    return handles


def draw_mark(
    axes: "matplotlib.axes.Axes", place: int, mean: Mean, own: Sequence[float]
) -> Handles:
    """Draw one method's mean, interval and raters."""
    axes.axhline(place, color=LINE, linewidth=0.7, zorder=1)
    if mean.value is None:
        look: dict[str, Any] = {"ha": "center", "va": "center", "color": GREY}
        middle = sum(axes.get_xlim()) / 2
        axes.text(middle, place, "not scored", backgroundcolor=PAPER, **look, **font(SMALL))
        return {}
    below, above = mean.reach
    look = {"linestyle": "", "marker": "o", "zorder": 2}
    small = axes.plot(own, [place] * len(own), mec=GREY, mfc=PAPER, markersize=3.6, **look)[0]
    if below or above:
        ends = [mean.value - below, mean.value + above]
        axes.plot(ends, [place, place], color=COLORS[0], linewidth=1.8, zorder=3)
    look |= {"color": COLORS[0], "marker": "D", "markersize": 5.5, "mec": PAPER, "zorder": 4}
    return {"mean": axes.plot([mean.value], [place], **look)[0], "each rater's mean": small}


def mean_score(rows: Sequence[Row]) -> Mean:
    """Return the mean over clips where the rows name them, else over all scores."""
    if all("clip" in row or "clip_digest" in row for row in rows):
        return mean_over_clips(rows, "score")
    scores = [number_in(row, "score") for row in rows]
    given = [score for score in scores if score is not None]
    n = len(given)
    return Mean(sum(given) / n if n else None, n, len(scores) - n)


def note_of(means: Sequence[Mean], rows: Sequence[Row]) -> str:
    """Return over what the means were taken."""
    words = in_words(means).replace("undefined", "not given,")
    return (
        words if "clip" in rows[0] or "clip_digest" in rows[0] else words.replace("clip", "score")
    )
