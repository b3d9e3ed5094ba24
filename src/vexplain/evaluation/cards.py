"""Evaluations and comparisons as a notebook shows them: the printed table, and the curves."""

from collections.abc import Sequence
from html import escape
from io import BytesIO

from PIL import Image

from vexplain.evaluation.comparison import Comparison
from vexplain.evaluation.drawing import has_curve, panel_of
from vexplain.evaluation.results import ARROWS, Evaluation
from vexplain.rendering.bidi import isolated
from vexplain.rendering.html import block, html_picture, html_table
from vexplain.visualization import CurvePanel, draw_panel
from vexplain.visualization.curves import range_of
from vexplain.visualization.sheet import PAPER

LEGEND = f"{ARROWS['higher']} higher is better, {ARROWS['lower']} lower is better"
MOST = 4  # curves in a picture
WIDTH, HEIGHT = 2.3, 1.4  # of a panel, in inches; so is all below
LEFT, RIGHT, ABOVE, BELOW = 0.6, 0.2, 0.5, 0.45  # around it
ENTRY = 0.15  # the height of another curve's name below it
DPI = 90
COLORS = 64  # of the picture, so that it stays small


def evaluation_card(evaluation: Evaluation) -> str:
    """Return an evaluation as HTML: its table, and its curves as a picture."""
    shown = [score for score in evaluation if has_curve(score)]
    asked = f"{evaluation.n_asked:,} clips asked, {evaluation.seconds:.1f} seconds"
    more = f"; {len(shown) - MOST} more curves" if len(shown) > MOST else ""
    parts = [html_table(evaluation.__rich__()), note(f"{LEGEND}; {asked}{more}")]
    if shown:
        areas = ", ".join(f"{one.name} {one.value:.3f}" for one in shown[:MOST])
        picture = curves_picture([panel_of(score) for score in shown[:MOST]])
        alt = f"Curves of {isolated(evaluation.method)}: {areas}"
        parts.append(html_picture(picture, alt, kind="png"))
    return block(parts)


def comparison_card(comparison: Comparison) -> str:
    """Return a comparison as HTML: its table."""
    return block([html_table(comparison.__rich__()), note(LEGEND)])


def note(text: str) -> str:
    """Return a small line."""
    return f"<div><small>{escape(text)}</small></div>"


def curves_picture(panels: Sequence[CurvePanel]) -> Image.Image:
    """Return curves side by side, over one range where they watch the same."""
    from matplotlib.figure import Figure

    below = BELOW + ENTRY * max(len(panel.beside) for panel in panels)
    across, down = LEFT + WIDTH + RIGHT, ABOVE + HEIGHT + below
    figure = Figure(figsize=(len(panels) * across, down), dpi=DPI, facecolor=PAPER)
    figure.set_layout_engine("none")
    for place, panel in enumerate(panels):
        left = (place * across + LEFT) / (len(panels) * across)
        share = (WIDTH / (len(panels) * across), HEIGHT / down)
        axes = figure.add_axes((left, below / down, *share))
        same = [one for one in panels if one.y_label == panel.y_label]
        draw_panel(axes, panel, y_label=panel.y_label, y_range=range_of(same))
    stored = BytesIO()
    figure.savefig(stored, format="png")
    with Image.open(stored) as drawn:
        return drawn.convert("RGB").quantize(COLORS)
