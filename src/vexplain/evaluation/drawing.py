"""The curves of evaluations as a figure, as in the paper's appendix (Figures A1 to A3)."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from vexplain.core import Explanation
from vexplain.core.files import atomic_path
from vexplain.evaluation.case import Measure
from vexplain.evaluation.results import Evaluation, Score
from vexplain.rendering import check_png, drawn_over, layer_of, picture, target_note
from vexplain.visualization import CurvePanel, CurveRow, Line, draw_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE_OF = {"deletion": "voxels removed", "insertion": "voxels inserted"}


def curve_figure(
    explanations: Explanation | Sequence[Explanation],
    evaluations: Evaluation | Sequence[Evaluation],
) -> "Figure":
    """Return a figure with a row per explanation: the clip, the explanation, its curves.

    Args:
        explanations: What was evaluated.
        evaluations: What ``evaluate`` returned for each of them.

    Raises:
        ValueError: When their numbers differ, or no evaluation has a curve.
    """
    if isinstance(explanations, Explanation):
        explanations = [explanations]
    if isinstance(evaluations, Evaluation):
        evaluations = [evaluations]
    if len(explanations) != len(evaluations):
        raise ValueError(
            f"evaluations: expected one per explanation ({len(explanations)}), got "
            f"{len(evaluations)}."
        )
    pairs = list(zip(explanations, evaluations, strict=True))
    names = list(dict.fromkeys(s.name for one in evaluations for s in one if has_curve(s)))
    if not names:
        raise ValueError("evaluations: expected a deletion or insertion curve in them, got none.")
    return draw_curves([row_of(*pair, names) for pair in pairs])


def save_curves(
    explanations: Explanation | Sequence[Explanation],
    evaluations: Evaluation | Sequence[Evaluation],
    path: str | PathLike[str],
) -> Path:
    """Write ``curve_figure`` as a ``.png`` file.

    Raises:
        ValueError: When there is nothing to draw, or ``path`` has another suffix.
        OSError: When the file can't be written.
    """
    check_png(path)
    figure = curve_figure(explanations, evaluations)
    with atomic_path(path) as part:
        figure.savefig(part)
    return Path(path)


def has_curve(score: Score) -> bool:
    """Return whether a score is the area of a deletion or insertion curve."""
    return score.curve is not None and score.measure.game in SHARE_OF


def row_of(explanation: Explanation, evaluation: Evaluation, names: Sequence[str]) -> CurveRow:
    """Return the row of one explanation, with its curves in the order of their names.

    The clip shows its middle frame, the explanation the frame that it marks most.
    """
    frames, layer = explanation.clip.frames.cpu(), layer_of(explanation, None)
    marked = int(layer[:, 3].mean((1, 2)).argmax())
    draw = explanation.method.visualization
    drawn = drawn_over(frames[marked : marked + 1], layer[marked : marked + 1], draw)
    panels = {score.name: panel_of(score) for score in evaluation if has_curve(score)}
    middle = len(frames) // 2
    seen, shown = (float(explanation.clip.pts_seconds[i]) for i in (middle, marked))
    return CurveRow(
        name=evaluation.method,
        note=f"{target_note(explanation)}; {evaluation.clip} at {seen:.2f} s, explanation at "
        f"{shown:.2f} s",
        frame=picture(frames[middle]),
        drawn=picture(drawn[0]),
        panels=[panels.get(name) for name in names],
    )


def panel_of(score: Score) -> CurvePanel:
    """Return the panel of a curve, with those of the other maps beside it."""
    game = score.measure.game
    if game == "other":
        raise ValueError(f"score: expected a deletion or insertion curve, got {score.name!r}.")
    others = {name: m for name, m in score.beside.items() if m.curve is not None}
    return CurvePanel(
        line=line_of(score.measure),
        beside={name: line_of(measure) for name, measure in others.items()},
        title=score.measure.title,
        note=score.measure.options,
        y_label=score.curve.watched if score.curve else "",
        x_label=SHARE_OF[game],
        kind=game,
    )


def line_of(measure: Measure) -> Line:
    """Return the curve of a measure, ready to be drawn."""
    if measure.curve is None or measure.value is None:
        raise ValueError(f"measure: expected one with a curve, got {measure.name!r}.")
    return Line(measure.curve.shares, measure.curve.values, measure.value)
