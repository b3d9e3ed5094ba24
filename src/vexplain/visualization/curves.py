"""One panel of a figure of deletion and insertion curves (paper, Appendix A).

Plain values come in, and axes of matplotlib are drawn into, without pyplot.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vexplain.core.checks import check_choice, check_finite, check_number, check_rank
from vexplain.visualization.faces import families_of
from vexplain.visualization.lettering import HEADING, SMALL, folded, font, width_of
from vexplain.visualization.sheet import GREY, INK, LINE, PAPER

if TYPE_CHECKING:
    import matplotlib.axes
    import matplotlib.lines

COLORS = {"deletion": "#d55e00", "insertion": "#0072b2"}  # colour-blind people can tell them apart
DIRECTIONS = {"deletion": "lower is better", "insertion": "higher is better"}
DASHES = ((0, (4, 1.6)), (0, (1, 1.3)), (0, (6, 1.5, 1, 1.5)), (0, (9, 2)), (0, (2, 3)))
GREYS = ("#55555e", "#77777f", "#92929a")
ROUNDING = 1e-6  # how far float32 answers may leave [0, 1] and still be probabilities
RISE = 15.0  # from a panel up to the foot of its title, in points
TICKS = 0.22  # heights below a panel, in inches: of its ticks and of its label
LABEL = 0.15

Numbers = Float[np.ndarray, " S"] | Float[Tensor, " S"]
Picture = UInt8[np.ndarray, "h w 3"]


@dataclass(frozen=True, eq=False)
class Line:
    """One curve: straight lines between its points.

    Attributes:
        shares: (S,) shares of the voxels removed or inserted, in [0, 1], never falling.
        values: (S,) what the model answered at each of them.
        area: The area under the curve, as it was measured.

    Raises:
        ValueError: When the lengths differ or are 0, or a number isn't finite or out of range.
    """

    shares: Numbers
    values: Numbers
    area: float

    def __post_init__(self) -> None:
        check_number("area", self.area)
        for name, numbers in (("shares", self.shares), ("values", self.values)):
            check_rank(name, doubles(numbers), "S")
            check_finite(name, doubles(numbers))
        x, y = self.points
        if len(x) != len(y) or len(y) == 0:
            raise ValueError(
                f"shares: expected one share per value and at least one, "
                f"got {len(x)} shares and {len(y)} values."
            )
        if x.min() < -ROUNDING or x.max() > 1 + ROUNDING or (np.diff(x) < 0).any():
            raise ValueError(f"shares: expected shares in [0, 1] that never fall, got {x}.")

    @property
    def points(self) -> tuple[Float[np.ndarray, " S"], Float[np.ndarray, " _"]]:
        """The shares and the values as arrays of float64."""
        return doubles(self.shares).numpy(), doubles(self.values).numpy()


@dataclass(frozen=True, eq=False)
class CurvePanel:
    """One pair of axes: a curve, others to compare it with, single points.

    Attributes:
        line: The curve, over its filled area.
        beside: Other curves by name, drawn thin and named with their areas below the panel.
        title: What is drawn; the direction that is better stands below it.
        x_label: What the shares are shares of.
        kind: ``deletion`` (orange, lower is better) or ``insertion`` (blue, higher is better).
        marks: Points (share, value), such as minimal keeps.
        marks_name: What the marks are, for the legend.
        note: Written small below the title, after the direction.
        y_label: What the values are; panels of the same are drawn over one range.

    Raises:
        ValueError: On another kind, or marks that aren't finite numbers.
    """

    line: Line
    beside: Mapping[str, Line]
    title: str
    x_label: str
    kind: Literal["deletion", "insertion"]
    marks: Sequence[tuple[float, float]] = ()
    marks_name: str = ""
    note: str = ""
    y_label: str = ""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, list(COLORS))
        for mark in self.marks:
            for number in mark:
                check_number("marks", number)

    @property
    def lines(self) -> list[Line]:
        """All curves."""
        return [self.line, *self.beside.values()]

    @property
    def dots(self) -> Float[np.ndarray, "marks 2"]:
        """The marks as an array."""
        return np.asarray(self.marks, dtype=np.float64).reshape(-1, 2)


@dataclass(frozen=True, eq=False)
class CurveRow:
    """One explanation and its curves.

    Attributes:
        name: The method.
        note: Smaller, below the name: the class and its probability.
        frame: A frame of the clip.
        drawn: The same frame with the explanation over it.
        panels: One per column; None, or fewer than other rows have, says "not measured".

    Raises:
        ValueError: When a picture isn't of 8-bit pixels (rows, columns, 3).
    """

    name: str
    note: str
    frame: Picture
    drawn: Picture
    panels: Sequence[CurvePanel | None] = ()

    def __post_init__(self) -> None:
        for name, pixels in (("frame", self.frame), ("drawn", self.drawn)):
            shape = pixels.shape
            if len(shape) != 3 or shape[2] != 3 or 0 in shape or pixels.dtype != np.uint8:
                raise ValueError(
                    f"{name}: expected 8-bit pixels of shape (rows, columns, 3), "
                    f"got {pixels.dtype} of shape {tuple(shape)}."
                )


def draw_panel(
    axes: "matplotlib.axes.Axes",
    panel: CurvePanel,
    *,
    y_label: str = "",
    y_range: tuple[float, float] | None = None,
) -> "matplotlib.axes.Axes":
    """Draw one panel into axes, best when they have their final size, and return them.

    By default the y axis goes from 0 to 1 where all values are probabilities, else over a range
    that holds all values and 0.
    """
    set_up(axes, *(y_range or range_of([panel])))
    handles = draw_lines(axes, panel)
    label(axes, panel, y_label)
    write_area(axes, panel)
    draw_legend(axes, panel, handles)
    return axes


def range_of(panels: Iterable[CurvePanel]) -> tuple[float, float]:
    """Return 0 and 1 where all values are probabilities, else what holds all values and 0."""
    values = [np.zeros(1)]
    for panel in panels:
        values += [panel.dots[:, 1], *(line.points[1] for line in panel.lines)]
    low, high = (float(end(np.concatenate(values))) for end in (np.min, np.max))
    if low >= -ROUNDING and high <= 1 + ROUNDING:
        return 0.0, 1.0
    pad = 0.06 * (high - low)
    return low - pad * (low < 0), high + pad * (high > 0)


def ticks(low: float, high: float) -> dict[float, str]:
    """Return the marked values of a y axis and their texts."""
    from matplotlib.ticker import MaxNLocator

    places = MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    inside = [float(place) for place in places if low <= place <= high]
    return {place: f"{place:g}".replace("-", "\N{MINUS SIGN}") for place in inside}


def set_up(axes: "matplotlib.axes.Axes", low: float, high: float) -> None:
    """Give axes their ranges, ticks, grid and zero line."""
    places, shares = ticks(low, high), (0, 0.25, 0.5, 0.75, 1)
    axes.set(xlim=(0, 1), ylim=(low, high), facecolor=PAPER, axisbelow=True)
    axes.set_xticks(shares, [f"{share:.0%}" for share in shares], **font(SMALL))
    axes.set_yticks(list(places), list(places.values()), **font(SMALL))
    axes.tick_params(length=0, pad=4, labelcolor=GREY)
    axes.grid(True, color="#ececf0", linewidth=0.7, linestyle="-")
    for side, spine in axes.spines.items():
        spine.set(visible=side in ("left", "bottom"), color=LINE, linewidth=0.8)
    if low < 0:
        axes.axhline(0, color=GREY, linewidth=0.8, zorder=1.5)


def draw_lines(axes: "matplotlib.axes.Axes", panel: CurvePanel) -> "list[matplotlib.lines.Line2D]":
    """Draw all curves and the marks; return what the legend names."""
    x, y = panel.line.points
    color = COLORS[panel.kind]
    look: dict[str, Any] = {"marker": "o" if len(x) <= 12 else "", "markersize": 3.4}
    look |= {"linestyle": "-", "linewidth": 1.7, "zorder": 4, "clip_on": False}
    axes.fill_between(x, y, color=color, alpha=0.16, linewidth=0, zorder=1)
    axes.plot(x, y, color=color, **look)
    handles = []
    for line, dash, grey in zip(panel.beside.values(), cycle(DASHES), cycle(GREYS), strict=False):
        look = {"linestyle": dash, "linewidth": 1.1, "marker": "", "zorder": 2.5}
        handles += axes.plot(*line.points, color=grey, **look)
    if len(panel.dots):
        look = {"marker": "o", "markersize": 4.6, "mec": PAPER, "mew": 0.8, "linestyle": ""}
        dots = axes.plot(*panel.dots.T, color=INK, zorder=5, clip_on=False, **look)
        handles += dots if panel.marks_name else []
    return handles


def label(axes: "matplotlib.axes.Axes", panel: CurvePanel, y_label: str) -> None:
    """Write title, direction and the names of the axes, cut where they don't fit."""
    width, height = size_of(axes)
    if panel.title:
        title = folded(panel.title, HEADING, width, bold=True)
        axes.set_title(title, loc="left", pad=RISE, color=INK, **font(HEADING, title, bold=True))
        words = ", ".join(filter(None, (DIRECTIONS[panel.kind], panel.note)))
        below = folded(words, SMALL, width)
        look: dict[str, Any] = {"xycoords": "axes fraction", "textcoords": "offset points"}
        look |= {"color": GREY, **font(SMALL, below)}
        axes.annotate(below, (0, 1), xytext=(0, 5), **look)
    across, upward = folded(panel.x_label, SMALL, width), folded(y_label, SMALL, height)
    axes.set_xlabel(across, labelpad=2, color=INK, **font(SMALL, across))
    axes.set_ylabel(upward, labelpad=3, color=INK, **font(SMALL, upward))


def write_area(axes: "matplotlib.axes.Axes", panel: CurvePanel) -> None:
    """Write the curve's area where no curve passes."""
    text, look = area_text(panel.line), font(HEADING, bold=True)
    x, y = free_place(axes, panel, width_of(text, HEADING, bold=True), HEADING / 72)
    look |= {"ha": "center", "va": "center", "zorder": 6, "transform": axes.transAxes}
    axes.text(x, y, text, color=COLORS[panel.kind], **look)


def free_place(
    axes: "matplotlib.axes.Axes", panel: CurvePanel, width: float, height: float
) -> tuple[float, float]:
    """Return the centre, in shares of the axes, of a box (inches) with no curve within 0.05 inches.

    Of all such boxes it is the nearest to the right end, at the top for deletion and at the bottom
    for insertion; where there is none, it is the box that is furthest from the curves.
    """
    room, box = np.array(size_of(axes)), np.array([width, height]) / 2
    corner = room * [1, panel.kind == "deletion"]
    across, down = (np.linspace(b + 0.06, r - b - 0.06, 16) for b, r in zip(box, room, strict=True))
    centers = np.stack(np.meshgrid(across, down), axis=-1).reshape(-1, 2)
    centers = centers[np.hypot(*(centers - corner).T).argsort(kind="stable")]
    away = np.abs(traced(panel, axes.get_ylim()) * room - centers[:, None]) - box
    distance = np.hypot(*np.moveaxis(away.clip(min=0), -1, 0)).min(axis=1)
    x, y = centers[(distance >= min(0.05, distance.max())).argmax()] / room
    return float(x), float(y)


def traced(panel: CurvePanel, y_range: tuple[float, float]) -> Float[np.ndarray, "n 2"]:
    """Return many points along all curves, and the marks, in shares of the axes."""
    pieces = [panel.dots]
    for line in panel.lines:
        places = np.arange(len(line.values))
        steps = np.linspace(0, places[-1], 1000)
        pieces.append(np.stack([np.interp(steps, places, axis) for axis in line.points], axis=1))
    low, high = y_range
    return (np.concatenate(pieces) - [0, low]) / [1, high - low]


def draw_legend(
    axes: "matplotlib.axes.Axes", panel: CurvePanel, handles: "list[matplotlib.lines.Line2D]"
) -> None:
    """Name the other curves, with their areas, and the marks, below the panel."""
    from matplotlib.transforms import ScaledTranslation

    if not handles:
        return
    down = TICKS + LABEL * bool(panel.x_label)
    offset = ScaledTranslation(0, -down, axes.figure.dpi_scale_trans)
    look: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, 0), "frameon": False}
    look |= {"borderaxespad": 0, "borderpad": 0, "handlelength": 2.4, "labelspacing": 0.35}
    families = families_of("".join((*panel.beside, panel.marks_name)))
    look |= {"prop": {"family": families, "size": SMALL}, "labelcolor": INK}
    blank = ["-"] * len(handles)  # labels that start with _ would be left out with a warning
    legend = axes.legend(handles, blank, bbox_transform=axes.transAxes + offset, **look)
    room = size_of(axes)[0] - 0.35
    areas = [f"  {area_text(line)}" for line in panel.lines[1:]]
    pairs = [*zip(panel.beside, areas, strict=True), (panel.marks_name, "")]
    for text, (name, area) in zip(legend.get_texts(), pairs, strict=False):
        entry = folded(name, SMALL, room - width_of(area, SMALL)) + area
        text.set(text=entry, parse_math=False, usetex=False)


def doubles(numbers: Numbers) -> Tensor:
    """Return a copy in float64 on the CPU; torch can't read arrays that run backwards."""
    if isinstance(numbers, Tensor):
        return numbers.detach().double().cpu()
    return torch.from_numpy(np.array(numbers, dtype=np.float64))


def size_of(axes: "matplotlib.axes.Axes") -> tuple[float, float]:
    """Return width and height of axes in inches."""
    box = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    return float(box.width), float(box.height)


def area_text(line: Line) -> str:
    """Return what is written about an area."""
    number = f"{line.area:.3f}" if abs(line.area) < 1000 else f"{line.area:.4g}"
    return f"AUC {number}".replace("-", "\N{MINUS SIGN}")
