"""Axes, plain or in small multiples, and how they look."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from vexplain.core.checks import check_kind, one_or_several, unlike
from vexplain.plots.rows import Row, grouped
from vexplain.visualization.faces import families_of
from vexplain.visualization.lettering import HEADING, SMALL, folded, font, width_of
from vexplain.visualization.sheet import GREY, INK, LINE, PAPER

if TYPE_CHECKING:
    import matplotlib.artist
    import matplotlib.axes
    import matplotlib.figure

COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#1b1b1f")
"""Okabe and Ito's colours, which colour-blind people can tell apart; yellow is too pale here."""
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DPI = 150
NAME = 1.3  # the room of a method's name beside an axis, in inches
ENTRY = 3.0  # the most room of a name in a legend, and that of what stands before it
SWATCH = 0.4
ROW = 0.15  # the height of another row in a legend, in inches
STEP = 0.27  # from one method to the next, in inches
MINUS = "\N{MINUS SIGN}"
NEW = "Leave them out to get a new figure"  # what errors advise
AVERAGE = "Leave it out to average over everything."
NOTE = "note"  # the mark of the notes above panels
LEADING = 9.0  # from line to line of small letters, in points
RISE = 15.0  # from a panel up to the foot of its title, in points

Panels: TypeAlias = np.ndarray
"""An array (rows, columns) of axes."""
By: TypeAlias = str | Sequence[str]
Handles: TypeAlias = "Mapping[str, matplotlib.artist.Artist]"
Draw: TypeAlias = "Callable[[matplotlib.axes.Axes, Sequence[Row]], Handles]"
Size: TypeAlias = tuple[float, float]


class Small(NamedTuple):
    """The size of one of many panels, in inches.

    Attributes:
        width: Its own, with its share of what stands beside.
        height: Its own, with title and labels.
        beside: What the names or labels to the left of all panels need.
    """

    width: float
    height: float
    beside: float = NAME + 0.15


def new_axes(size: Size) -> "matplotlib.axes.Axes":
    """Return axes alone in a new figure of that size, in inches."""
    return new_figure(size).add_subplot()


def new_figure(size: Size) -> "matplotlib.figure.Figure":
    """Return a figure that isn't known to pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DPI, layout="constrained", facecolor=PAPER)


def drawn(
    rows: Sequence[Row],
    draw: Draw,
    sizes: tuple[Size, Small],
    axes: "matplotlib.axes.Axes | Panels | None",
    by: By | None,
) -> "matplotlib.axes.Axes | Panels":
    """Draw all rows into one panel, or a panel per group; the sizes are those of new panels.

    Raises:
        TypeError: When several axes are given for one panel.
    """
    if by is not None:
        given = None if axes is None else np.asarray(axes, dtype=object)
        return in_many(rows, draw, sizes[1], given, by)
    return in_one(rows, draw, sizes[0], one_axes(axes, f"{NEW}; several are for by=."))


def one_axes(axes: object, advice: str = f"{NEW}.") -> "matplotlib.axes.Axes | None":
    """Return axes of matplotlib, or None, as they are.

    Raises:
        TypeError: On anything else.
    """
    from matplotlib.axes import Axes

    if axes is None or isinstance(axes, Axes):
        return axes
    raise unlike("axes", axes, "one axes of matplotlib", advice)


def in_one(
    rows: Sequence[Row], draw: Draw, size: Size, axes: "matplotlib.axes.Axes | None"
) -> "matplotlib.axes.Axes":
    """Draw all rows into one panel, new where none is given, and return it."""
    panel = new_axes(size) if axes is None else axes
    add_legend(panel, draw(panel, rows), outside=axes is None)
    return panel


def in_many(rows: Sequence[Row], draw: Draw, size: Small, axes: Panels | None, by: By) -> Panels:
    """Draw a panel per group of rows and return all (rows, columns).

    One column of the rows makes a row of panels; of two, the first goes down, the second across.
    """
    across, down = (*reversed(columns_of(by)), None)[:2]
    cells = {r: grouped(part, str(across)) for r, part in by_row(rows, down).items()}
    columns = list(grouped(rows, str(across)))
    panels = checked(axes, (len(cells), len(columns)), size)
    handles: dict[str, Any] = {}
    for line, (row_name, found) in zip(panels, cells.items(), strict=True):
        for panel, column_name in zip(line, columns, strict=True):
            if column_name in found:
                handles |= draw(panel, found[column_name])
            else:
                say(panel, "not measured")
            entitle(panel, [name for name in (row_name, column_name) if name])
            panel.label_outer()
    add_legend(panels.flat[0], handles, outside=axes is None)
    return panels


def columns_of(by: By) -> tuple[str, ...]:
    """Return the one or two columns to group by.

    Raises:
        TypeError: When they are no names.
        ValueError: When there are none, more, or twice the same.
    """
    names = one_or_several("by", by, str, "the name of a column, or two", AVERAGE)
    if not 1 <= len(names) <= 2 or len(set(names)) < len(names):
        raise ValueError(
            f"by: expected one column or two different ones, as in ('model', 'dataset'), got "
            f"{by!r}. {AVERAGE}"
        )
    return tuple(names)


def by_row(rows: Sequence[Row], column: str | None) -> dict[str, list[Row]]:
    """Return the rows by row of panels; all are one where there is no column for it."""
    return {"": list(rows)} if column is None else grouped(rows, column)


def checked(axes: Panels | None, shape: tuple[int, int], size: Small) -> Panels:
    """Return new panels of a shape, or those given in that shape.

    Raises:
        TypeError: When one given is something else.
        ValueError: When there are more or fewer given than needed.
    """
    from matplotlib.axes import Axes

    if axes is None:
        n_rows, n_columns = shape
        width = size.width * n_columns
        figure = new_figure((width, size.height * n_rows))
        # About what the layout will leave: titles and notes are folded before it is known.
        room = {"left": min(size.beside / width, 0.6), "right": 0.99, "wspace": 0.08}
        panels: Panels = figure.subplots(
            *shape, sharex=True, sharey=True, squeeze=False, gridspec_kw=room
        )
        return panels
    for place, one in enumerate(axes.flat):
        check_kind(f"axes[{place}]", one, Axes, "axes of matplotlib", f"{NEW}.")
    if axes.size != shape[0] * shape[1]:
        raise ValueError(
            f"axes: expected {shape[0]} by {shape[1]} axes, one per panel, got {axes.size}. {NEW}."
        )
    return axes.reshape(shape)


def dress(axes: "matplotlib.axes.Axes", *, x_label: str = "", y_label: str = "") -> None:
    """Give axes their paper, grid, spines and labels."""
    axes.set(facecolor=PAPER, axisbelow=True)
    axes.tick_params(length=0, pad=4, labelcolor=GREY, labelsize=SMALL)
    axes.grid(True, color="#ececf0", linewidth=0.7, linestyle="-")
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=LINE, linewidth=0.8)
    room = width_in_inches(axes)
    across = "\n".join(folded(line, SMALL, room) for line in x_label.split("\n"))
    axes.set_xlabel(across, color=INK, **font(SMALL, across))
    axes.set_ylabel(y_label, color=INK, **font(SMALL, y_label))


def name_rows(axes: "matplotlib.axes.Axes", names: Sequence[str]) -> None:
    """Name the places 0, 1, … of the y axis, from the top down."""
    texts = [folded(name, SMALL, NAME, 2) for name in names]
    axes.set_yticks(range(len(names)), texts, **font(SMALL, "".join(texts)))
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(False, axis="y")


def height_of(names: Sequence[str], each: float = STEP) -> float:
    """Return the height of a figure with so many rows, in inches."""
    return 0.85 + each * max(2, len(names))


def entitle(axes: "matplotlib.axes.Axes", names: Sequence[str]) -> None:
    """Write the names of a panel's row and column above its note; of long ones each on a line."""
    room = width_in_inches(axes)
    text = folded(", ".join(names), HEADING, room, 2, bold=True)
    if text.endswith("…") and len(names) > 1:
        text = "\n".join(folded(name, HEADING, room, bold=True) for name in names)
    notes = [note for note in axes.texts if note.get_gid() == NOTE]
    rise = RISE + LEADING * sum(lines_in(note.get_text()) - 1 for note in notes)
    axes.set_title(text, loc="left", pad=rise, color=INK, **font(HEADING, text, bold=True))


def annotate(axes: "matplotlib.axes.Axes", note: str, *, rise: float = 4.0) -> None:
    """Write a note, small and grey, so many points above a panel."""
    text = folded(note, SMALL, width_in_inches(axes), 2)
    look: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
    look |= {"gid": NOTE, "color": GREY, **font(SMALL, text)}
    axes.annotate(text, (0, 1), xytext=(0, rise), **look)


def width_in_inches(axes: "matplotlib.axes.Axes") -> float:
    """Return how wide axes are."""
    box = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    return float(box.width)


def say(axes: "matplotlib.axes.Axes", text: str) -> None:
    """Write in the middle of a panel that has nothing else to show."""
    look: dict[str, Any] = {"ha": "center", "va": "center", "color": GREY, **font(SMALL)}
    axes.set_facecolor("#f7f7f9")
    axes.grid(False)
    axes.tick_params(length=0, labelcolor=GREY, labelsize=SMALL)
    axes.spines[:].set_visible(False)
    axes.text(0.5, 0.5, text, transform=axes.transAxes, **look)


def add_legend(axes: "matplotlib.axes.Axes", handles: Handles, *, outside: bool) -> None:
    """Name the handles: above all panels of a figure made here, which grows, or above the axes."""
    if not handles:
        return
    look: dict[str, Any] = {"frameon": False, "labelcolor": INK, "handlelength": 1.6}
    figure: Any = axes.figure
    names = [folded(name, SMALL, ENTRY) for name in handles]
    families = families_of("".join(names))
    look |= {"prop": {"family": families, "size": SMALL}, "columnspacing": 1.4}
    if outside:
        width, height = map(float, figure.get_size_inches())
        columns = fitting(names, width)
        figure.set_size_inches(width, height + ROW * (-(-len(names) // columns) - 1))
        owner, look = figure, look | {"loc": "outside upper left", "ncols": columns}
    else:
        columns = fitting(names, width_in_inches(axes))
        owner, look = axes, look | above(axes) | {"loc": "lower left", "ncols": columns}
    blank = ["-"] * len(handles)  # labels that start with _ would be left out with a warning
    legend = owner.legend(list(handles.values()), blank, **look)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=name, parse_math=False, usetex=False)


def above(axes: "matplotlib.axes.Axes") -> dict[str, Any]:
    """Return where a legend stands above the note and the title of axes."""
    from matplotlib.transforms import ScaledTranslation

    notes = [note for note in axes.texts if note.get_gid() == NOTE]
    tops = [note.get_position()[1] + LEADING * lines_in(note.get_text()) for note in notes]
    title = axes.get_title("left")
    rise = max(tops, default=0) + (RISE + LEADING * lines_in(title)) * bool(title)
    shift = ScaledTranslation(0, rise / 72, axes.figure.dpi_scale_trans)
    place = {"bbox_to_anchor": (0, 1), "bbox_transform": axes.transAxes + shift}
    return place | {"borderaxespad": 0.2}


def lines_in(text: str) -> int:
    """Return on how many lines a text stands."""
    return text.count("\n") + 1


def fitting(names: Sequence[str], room: float) -> int:
    """Return in how many columns a legend's names fit into so many inches."""
    widths = [width_of(name, SMALL) + SWATCH for name in names]

    def width(n: int) -> float:
        return float(sum(part.max() for part in np.array_split(widths, n)))

    return next((n for n in range(len(names), 1, -1) if width(n) <= room), 1)
