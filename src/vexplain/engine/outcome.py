"""Steps 5 and 6: from the ledger to scores, a map, and how far they can be trusted."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import (
    Attribution,
    Behavior,
    ClassScores,
    Coalitions,
    Explanation,
    Fit,
    Game,
    Ledger,
    Method,
    Segmentation,
    Summary,
    SummaryScores,
    VexplainWarning,
)
from vexplain.engine.answers import Target
from vexplain.engine.clock import Clock
from vexplain.engine.scene import moved

CPU = torch.device("cpu")


def summarise(
    explanation: Explanation,
    *,
    target: Target | None = None,
    behavior: Behavior | None = None,
    summary: Summary | None = None,
) -> Explanation:
    """Return the explanation for another target, behavior or summary, without the model.

    Raises:
        ValueError: When the target does not exist.
    """
    method = explanation.method
    method = replace(
        method, behavior=behavior or method.behavior, summary=summary or method.summary
    )
    scores = explanation.ledger.answers()
    number = explanation.target if target is None else scores.index(target)
    segmentation = explanation.segmentation

    def keep(rows: Coalitions) -> Tensor:
        return method.removal.soften(segmentation.keep(rows.present, rows.jitter))

    clock = Clock(CPU, {**explanation.seconds, "summary": 0.0})
    found = attribute(method, explanation.ledger, segmentation, keep, [number], clock)
    return replace(
        explanation,
        attribution=found[0],
        target=number,
        method=method,
        seconds=clock.seconds,
        manifest={**explanation.manifest, "method": repr(method)},
    )


def attribute(
    method: Method,
    ledger: Ledger,
    segmentation: Segmentation,
    keep: Callable[[Coalitions], Tensor],
    targets: Sequence[int],
    clock: Clock,
) -> list[Attribution]:
    """Do steps 5 and 6 for every target, all with the same coalitions."""
    with clock("summary"):
        values = watched(method.behavior, ledger.answers(), targets)
        anchors = watched(method.behavior, ledger.anchors(), targets)
        game = Game(ledger.coalitions, values, anchors[0], anchors[1], keep)
        found = method.summary(game)
        trust = reliability(game, method.summary)
        painted = moved(segmentation, CPU).paint
        maps = [painted(s) for s in found.scores] if found.maps is None else found.maps
        return [attribution(found, m, picture.float(), trust) for m, picture in enumerate(maps)]


def watched(
    behavior: Behavior, answers: ClassScores, targets: Sequence[int]
) -> Float[Tensor, "N M"]:
    """Do step 5 for every target."""
    return torch.stack([behavior(answers, target).double() for target in targets], 1)


def attribution(found: SummaryScores, m: int, picture: Tensor, trust: Tensor | None) -> Attribution:
    """Return the attribution of the m-th target."""
    error = None if found.standard_error is None else found.standard_error[m]
    fit = Fit(
        r2=None if found.r2 is None else finite(found.r2[m]),
        reliability=None if trust is None else finite(trust[m]),
        effective_rows=found.effective_rows,
    )
    return Attribution(found.scores[m], picture, error, fit)


def finite(value: Tensor) -> float | None:
    """Return the number, or None where it is NaN or infinite."""
    return float(value) if bool(value.isfinite()) else None


def reliability(game: Game, summary: Summary) -> Float[Tensor, " M"] | None:
    """Return the stepped-up correlation between scores from two halves of the drawn rows.

    Listed rows are in both halves; None where nothing was drawn. Source: Spearman-Brown,
    2r / (1 + r) for the correlation r of two halves.
    """
    group = game.coalitions.group
    if len(group) == 0 or int(group.max()) < 1:
        return None
    halves = [summary(part(game, (group < 0) | (group % 2 == odd))).scores for odd in (0, 1)]
    a, b = (half - half.mean(1, keepdim=True) for half in halves)
    r: Tensor = (a * b).sum(1) / ((a**2).sum(1) * (b**2).sum(1)).sqrt()
    return 2 * r / (1 + r)


def part(game: Game, rows: Tensor) -> Game:
    """Return the game of some rows, without its keeps."""
    return replace(game, coalitions=game.coalitions[rows], values=game.values[rows], keep=None)


def warn_of_doubts(explanation: Explanation) -> None:
    """Warn of what makes an explanation empty or weak, and say what to do."""
    ledger, rows = explanation.ledger, explanation.ledger.coalitions
    values = explanation.method.behavior(
        ClassScores(
            torch.cat([ledger.scores, ledger.anchors().values]), ledger.kind, ledger.class_names
        ),
        explanation.target,
    )
    doubts = {
        f"the run stopped after {len(rows)} of {ledger.planned} samples; give the explanation as "
        "resume to go on.": len(rows) < ledger.planned,
        "the model's answer never changed, so nothing can be told apart. Check that it depends on "
        "the clip, or watch another behavior (LogOdds) if the answer is saturated.": bool(
            values.max() - values.min() <= 1e-12 * values.abs().max()
        ),
        "the whole clip is one region, so its score can't say where or when. Ask for more "
        "regions.": rows.n_features == 1,
        f"{len(rows)} samples are fewer than the {rows.n_features} regions, so the scores are "
        "loose. Raise n_samples, or ask for fewer regions.": bool((rows.group >= 0).any())
        and len(rows) < rows.n_features,
    }
    for doubt, holds in doubts.items():
        if holds:
            warnings.warn(doubt, VexplainWarning, stacklevel=3)
