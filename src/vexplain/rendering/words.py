"""What stands beside pictures: the target, how sure, and what the colours mean."""

import re

from vexplain.core import Explanation, Visualization
from vexplain.visualization import Scale, Scaled, Worded

NOTHING = "nothing to show"


def unit_of(explanation: Explanation) -> str:
    """Return what the scores are measured in: what the behavior of the method watches."""
    name = type(explanation.method.behavior).__name__
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def legend_of(explanation: Explanation, draw: Visualization, scale: Scale | None) -> str:
    """Return the line below the colour bar: the unit, and whether frames can be compared."""
    if isinstance(draw, Worded):
        return draw.words if shows(explanation, draw) else NOTHING
    if scale is None:
        return NOTHING if isinstance(draw, Scaled) else ""
    if scale.per_frame and scale.low < 0:
        return "share of each frame's largest score"
    if scale.per_frame:
        return "in each frame 0 = lowest score shown, 1 = highest"
    return f"score in {unit_of(explanation)}, one scale"


def meaning_of(explanation: Explanation, draw: Visualization, scale: Scale | None) -> list[str]:
    """Return what stands beside a colour bar where there is room: unit, and reach of the scale."""
    if scale is None or isinstance(draw, Worded):
        said = legend_of(explanation, draw, scale)
        return [said] if said else []
    if scale.per_frame:
        return [legend_of(explanation, draw, scale), "each frame has its own scale"]
    return [f"score in {unit_of(explanation)}", "one scale for the whole clip"]


def shows(explanation: Explanation, draw: Visualization) -> bool:
    """Return whether anything is drawn."""
    return bool(draw(explanation.attribution, explanation.segmentation)[:, 3].any())


def scale_of(explanation: Explanation, draw: Visualization) -> Scale | None:
    """Return what the colours mean; None where nothing is shown, or the look has no scale."""
    if not isinstance(draw, Scaled):
        return None
    return draw.scale(explanation.attribution, explanation.segmentation)


def target_note(explanation: Explanation) -> str:
    """Return the target and its probability on the whole clip."""
    return f"{explanation.target_name}, P = {probability(explanation):.3f}"


def probability(explanation: Explanation) -> float:
    """Return the probability that the model gives the target on the whole clip."""
    ledger = explanation.ledger
    scores = ledger.full.softmax(0) if ledger.kind == "logits" else ledger.full
    return float(scores[explanation.target])


def fit_notes(explanation: Explanation) -> list[str]:
    """Return how far a sampled explanation can be trusted, on one line, where it is known."""
    fit = explanation.attribution.fit
    known = [("R²", fit.r2), ("reliability", fit.reliability)]
    parts = [f"{name} {value:.2f}" for name, value in known if value is not None]
    return [", ".join(parts)] if parts else []
