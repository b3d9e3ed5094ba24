"""The curves of evaluations as a figure, as in the paper's appendix (Figures A1 to A3)."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from vexplain.core import Explanation
from vexplain.core.files import atomic_path
from vexplain.evaluation.case import Measure
from vexplain.evaluation.results import Evaluation, Score
from vexplain.rendering import check_png, layer_of, picture, target_note
from vexplain.visualization import CurvePanel, CurveRow, Line, draw_curves, overlay

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHARE_OF = {"deletion": "voxels removed", "insertion": "voxels inserted"}


def curve_figure(
    explanations: Sequence[Explanation], evaluations: Sequence[Evaluation]
) -> "Figure":
    """Return a figure with a row per explanation: the clip, the explanation, its curves.

    Args:
        explanations: What was evaluated.
        evaluations: What ``evaluate`` returned for each of them.

    Raises:
        ValueError: When their numbers differ, or no evaluation has a curve.
    """
    if len(explanations) != len(evaluations):
        raise ValueError(
            f"evaluations: expected one per explanation ({len(explanations)}), got "
            f"{len(evaluations)}."
        )
    names = list(dict.fromkeys(s.name for one in evaluations for s in one if has_curve(s)))
    if not names:
        raise ValueError("evaluations: expected a deletion or insertion curve in them, got none.")
    rows = [row_of(e, one, names) for e, one in zip(explanations, evaluations, strict=True)]
    watched = dict.fromkeys(s.curve.watched for one in evaluations for s in one if s.curve)
    return draw_curves(rows, y_label=" / ".join(filter(None, watched)))


def save_curves(
    explanations: Sequence[Explanation],
    evaluations: Sequence[Evaluation],
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
    drawn = overlay(frames[marked : marked + 1], layer[marked : marked + 1])
    panels = {score.name: panel_of(score) for score in evaluation if has_curve(score)}
    seconds = float(explanation.clip.pts_seconds[marked])
    return CurveRow(
        name=explanation.method.name,
        note=f"{target_note(explanation)}; explanation at {seconds:.2f} s",
        frame=picture(frames[len(frames) // 2]),
        drawn=picture(drawn[0]),
        panels=[panels.get(name) for name in names],
    )


def panel_of(score: Score) -> CurvePanel:
    """Return the panel of a curve, with those of the other maps beside it."""
    game = score.measure.game
    if game == "other":
        raise ValueError(f"score: expected a deletion or insertion curve, got {score.name!r}.")
    others = {name: m for name, m in score.beside.items() if m.curve is not None}
    title, _, options = score.name.partition(" (")
    return CurvePanel(
        line=line_of(score.measure),
        beside={name: line_of(measure) for name, measure in others.items()},
        title=title,
        note=options.removesuffix(")"),
        x_label=SHARE_OF[game],
        kind=game,
    )


def line_of(measure: Measure) -> Line:
    """Return the curve of a measure, ready to be drawn."""
    if measure.curve is None or measure.value is None:
        raise ValueError(f"measure: expected one with a curve, got {measure.name!r}.")
    return Line(measure.curve.shares, measure.curve.values, measure.value)
