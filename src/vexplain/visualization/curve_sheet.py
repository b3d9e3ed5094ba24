"""Deletion and insertion curves beside the frames they belong to (paper, Appendix A).

Plain values come in, a matplotlib figure goes out, without pyplot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vexplain.visualization.curves import (
    LABEL,
    RISE,
    TICKS,
    CurvePanel,
    CurveRow,
    Picture,
    draw_panel,
    range_of,
    ticks,
)
from vexplain.visualization.lettering import HEADING, SMALL, folded, font, readable, width_of
from vexplain.visualization.sheet import GREY, INK, PAPER

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.figure

TITLE = 12.0  # sizes of letters, in points
NAME = 9.5
LEADING = 1.3 / 72  # from line to line, per point of the letters; this and all below in inches
MARGIN = 0.22  # around the page
GAP = 0.14  # from column to column
BETWEEN = 0.2  # from row to row
CAPTION = 1.45  # the widest column of names
WIDTH = 2.45  # of a panel
HEAD = 0.4  # above a panel that has a title

Box = tuple[float, float, float, float]  # left, top, width, height, from the page's top left


def draw_curves(
    rows: Sequence[CurveRow], *, title: str = "", y_label: str = "probability"
) -> "matplotlib.figure.Figure":
    """Return a figure with a row per explanation: name, frame, explanation, its panels.

    Panels of one ``y_label`` have one y range; that given here is for panels that have none. A
    title is written where it differs from the one above, a label of the x axis where it differs
    from the one below.

    Raises:
        ValueError: When there is no row.
    """
    from matplotlib.figure import Figure

    if not rows:
        raise ValueError("rows: expected at least one row, got none.")
    grid = thinned(rows, y_label)
    ranges = ranges_of(grid)
    *lefts, width = columns(rows, len(grid[0]), ranges)
    heading = folded(title, TITLE, width - 2 * MARGIN, 2, bold=True)
    bands = [Band.of(row, panels) for row, panels in zip(rows, grid, strict=True)]
    bands[0] = bands[0]._replace(head=HEAD)  # the names of the columns
    top = MARGIN + (TITLE * LEADING * len(heading.split("\n")) + 0.06) * bool(heading)
    height = top + sum(map(sum, bands)) + BETWEEN * (len(rows) - 1) + MARGIN
    figure = Figure(figsize=(width, height), dpi=150, facecolor=PAPER)
    figure.set_layout_engine("none")  # the layout is made here, whatever the settings say
    write(figure, MARGIN, MARGIN, heading, TITLE, INK, bold=True)
    for name, left in (("Clip", lefts[1]), ("Explanation", lefts[2])):
        write(figure, left, top + HEAD - RISE / 72, name, HEADING, INK, bold=True, va="baseline")
    for row, panels, band in zip(rows, grid, bands, strict=True):
        draw_pictures(figure, row, lefts, top + band.head)
        for panel, before, left in zip(panels, [None, *panels], lefts[3:], strict=False):
            box = (left, top + band.head, WIDTH, band.body)
            draw_cell(figure, box, panel, before, ranges)
        top += sum(band) + BETWEEN
    return figure


class Band(NamedTuple):
    """The heights of a row: above its panels, of them, and below them."""

    head: float
    body: float
    foot: float

    @classmethod
    def of(cls, row: CurveRow, panels: Sequence[CurvePanel | None]) -> "Band":
        """Return the heights that all panels of a row need."""
        there = [panel for panel in panels if panel]
        body = max(1.3, picture_size(row.frame)[1], picture_size(row.drawn)[1])
        foot = max((foot_of(panel) for panel in there), default=0.0)
        return cls(HEAD * any(panel.title for panel in there), body, foot)


def foot_of(panel: CurvePanel) -> float:
    """Return the height of what stands below a panel: ticks, label and legend."""
    entries = len(panel.beside) + bool(panel.marks and panel.marks_name)
    return TICKS + LABEL * bool(panel.x_label) + 0.145 * entries


def ranges_of(grid: Sequence[Sequence[CurvePanel | None]]) -> dict[str, tuple[float, float]]:
    """Return the y range of the panels of each label."""
    panels = [panel for row in grid for panel in row if panel]
    labels = dict.fromkeys(panel.y_label for panel in panels)
    found = {name: range_of(p for p in panels if p.y_label == name) for name in labels}
    return found or {"": range_of([])}


def thinned(rows: Sequence[CurveRow], y_label: str) -> list[list[CurvePanel | None]]:
    """Return the panels, rows of one length, without the titles and labels that repeat."""
    n = max(1, *(len(row.panels) for row in rows))
    none: list[CurvePanel | None] = [None] * n
    labelled = [
        [panel and replace(panel, y_label=panel.y_label or y_label) for panel in row.panels]
        for row in rows
    ]
    grid = [[*row, *none][:n] for row in labelled]
    around = zip(grid, [none, *grid[:-1]], [*grid[1:], none], strict=True)
    return [[thin(*three) for three in zip(*triple, strict=True)] for triple in around]


def thin(
    panel: CurvePanel | None, above: CurvePanel | None, below: CurvePanel | None
) -> CurvePanel | None:
    """Return a panel without the title of the one above and the x label of the one below."""
    if panel is None:
        return None
    again = above is not None and heading_of(above) == heading_of(panel)
    later = below is not None and below.x_label == panel.x_label
    title, x_label = "" if again else panel.title, "" if later else panel.x_label
    return replace(panel, title=title, x_label=x_label)


def heading_of(panel: CurvePanel) -> tuple[str, str, str]:
    """Return what is written above a panel."""
    return panel.title, panel.note, panel.kind


def columns(
    rows: Sequence[CurveRow], n: int, ranges: Mapping[str, tuple[float, float]]
) -> list[float]:
    """Return where names, frames, explanations and panels start, and the figure's width."""
    texts = [width_of(readable(row.name), NAME, bold=True) for row in rows]
    texts += [width_of(readable(row.note), SMALL) for row in rows]
    least = width_of("Explanation", HEADING, bold=True)
    frames = max(least, *(picture_size(row.frame)[0] for row in rows))
    drawn = max(least, *(picture_size(row.drawn)[0] for row in rows))
    caption = min(CAPTION, max(texts))
    marks = [mark for y_range in ranges.values() for mark in ticks(*y_range).values()]
    axis = 0.1 + max(width_of(mark, SMALL) for mark in marks) + 0.2 * (len(ranges) > 1)
    gaps = [caption + GAP * bool(caption), frames + GAP, drawn + GAP + 0.2 + axis]
    gaps += [WIDTH + 0.26 + axis] * (n - 1) + [WIDTH + MARGIN + 0.1]
    return list(np.cumsum([MARGIN, *gaps]).tolist())


def picture_size(pixels: Picture) -> tuple[float, float]:
    """Return width and height of a frame in inches: all alike in area, at most 2.4 by 1.9."""
    ratio = pixels.shape[1] / pixels.shape[0]
    height = min(1.45 / ratio**0.5, 2.4 / ratio, 1.9)
    return height * ratio, height


def place(figure: "matplotlib.figure.Figure", box: Box) -> "matplotlib.axes.Axes":
    """Return new axes in a box."""
    width, height = figure.get_size_inches()
    left, top, across, down = box
    return figure.add_axes((left / width, 1 - (top + down) / height, across / width, down / height))


def draw_pictures(
    figure: "matplotlib.figure.Figure", row: CurveRow, lefts: Sequence[float], top: float
) -> None:
    """Write a row's name and note; draw its two pictures."""
    name = folded(row.name, NAME, CAPTION, 3, bold=True)
    write(figure, lefts[0], top, name, NAME, INK, bold=True)
    below = top + NAME * LEADING * len(name.split("\n")) + 0.04
    write(figure, lefts[0], below, folded(row.note, SMALL, CAPTION, 4), SMALL, GREY)
    for pixels, left in ((row.frame, lefts[1]), (row.drawn, lefts[2])):
        width, height = picture_size(pixels)
        axes = place(figure, (left, top, width, height))
        axes.imshow(pixels, aspect="auto")
        axes.set_axis_off()


def draw_cell(
    figure: "matplotlib.figure.Figure",
    box: Box,
    panel: CurvePanel | None,
    before: CurvePanel | None,
    ranges: Mapping[str, tuple[float, float]],
) -> None:
    """Draw a panel, with a y label if the one before has another; or say that there is none."""
    axes = place(figure, box)
    if panel:
        again = before is not None and before.y_label == panel.y_label
        y_label = "" if again else panel.y_label
        draw_panel(axes, panel, y_label=y_label, y_range=ranges[panel.y_label])
        return
    axes.set(xticks=[], yticks=[], facecolor="#f7f7f9")
    axes.spines[:].set_visible(False)
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": GREY, **font(SMALL)}
    axes.text(0.5, 0.5, "not measured", transform=axes.transAxes, **look)


def write(
    figure: "matplotlib.figure.Figure",
    left: float,
    top: float,
    text: str,
    size: float,
    color: str,
    *,
    bold: bool = False,
    va: str = "top",
) -> None:
    """Write text into a figure, inches from its top left."""
    width, height = figure.get_size_inches()
    look: dict[str, Any] = {"va": va, "color": color, **font(size, text, bold=bold)}
    if text:
        figure.text(left / width, 1 - top / height, text, **look)
