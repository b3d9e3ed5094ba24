"""One deletion or insertion curve with its AUC, as in the paper's appendix."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from torch import Tensor

from vexplain.core.checks import check_choice, check_kind, unlike
from vexplain.plots.panels import DPI, one_axes
from vexplain.visualization import CurvePanel, Line, draw_panel
from vexplain.visualization.curves import COLORS
from vexplain.visualization.sheet import PAPER

if TYPE_CHECKING:
    import matplotlib.axes

TITLES = {"deletion": "Deletion", "insertion": "Insertion"}
SHARES = {"deletion": "voxels removed", "insertion": "voxels inserted"}
WIDTH = 3.1  # of a new figure, in inches, and its margins: left, right, above, below
MARGINS = (0.55, 0.2, 0.5, 0.45)
PANEL = 1.7  # the height of the panel itself
ENTRY = 0.15  # the height of another curve's name below it


@runtime_checkable
class Drawable(Protocol):
    """A curve with its area: ``score.curve`` of an evaluation, or ``visualization.Line``."""

    @property
    def shares(self) -> Tensor:
        """(S,) shares of the voxels, in [0, 1], rising."""

    @property
    def values(self) -> Tensor:
        """(S,) what the model answered there."""

    @property
    def area(self) -> float:
        """The area under the curve."""


def curves(
    curve: Line | Drawable,
    *,
    kind: Literal["deletion", "insertion"] = "deletion",
    beside: Mapping[str, Line | Drawable] | None = None,
    title: str = "",
    y_label: str = "probability",
    axes: "matplotlib.axes.Axes | None" = None,
) -> "matplotlib.axes.Axes":
    """Draw a deletion or insertion curve over its area, with its AUC, and return the axes.

    Source: the paper's Figures A1 to A3. ``vexplain.evaluation.curve_figure`` draws whole rows of
    them, with the clip and the explanation.

    Args:
        curve: The curve: ``evaluation["deletion AUC"].curve``, for instance.
        kind: ``deletion`` (lower is better) or ``insertion`` (higher is better).
        beside: Other curves by name, drawn thin and named below with their areas.
        title: What is drawn; the kind where it is empty.
        y_label: What the values are.
        axes: Where to draw, best of their final size; a new figure where it is None.

    Raises:
        TypeError: When a curve has no shares, values or area, ``beside`` is no mapping, or
            ``axes`` are something else.
        ValueError: On another kind, or a curve without points.
    """
    check_choice("kind", kind, list(COLORS))
    named: Mapping[str, Line | Drawable] = {} if beside is None else beside
    check_kind("beside", named, Mapping, "a mapping", "Name every curve: {'random': curve}.")
    given = one_axes(axes)
    others = {name: line_of(f"beside[{name!r}]", one) for name, one in named.items()}
    panel = CurvePanel(
        line=line_of("curve", curve),
        beside=others,
        title=title or TITLES[kind],
        x_label=SHARES[kind],
        kind=kind,
    )
    return draw_panel(given or room_for(len(others)), panel, y_label=y_label)


def line_of(name: str, curve: object) -> Line:
    """Return a curve ready to be drawn.

    Raises:
        TypeError: When it has no shares, values or area.
    """
    if isinstance(curve, Line):
        return curve
    if not isinstance(curve, Drawable):
        advice = "Give that of a score, as in evaluation['deletion AUC'].curve."
        raise unlike(name, curve, "a curve with shares, values and area", advice)
    return Line(curve.shares, curve.values, curve.area)


def room_for(n_others: int) -> "matplotlib.axes.Axes":
    """Return axes of their final size in a new figure, with room below for other curves' names."""
    from matplotlib.figure import Figure

    left, right, above, below = MARGINS
    below += ENTRY * n_others
    height = above + PANEL + below
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor=PAPER)
    figure.set_layout_engine("none")
    share = ((WIDTH - left - right) / WIDTH, PANEL / height)
    return figure.add_axes((left / WIDTH, below / height, *share))
