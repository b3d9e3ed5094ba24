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
    again = summarised(replace(explanation, method=method), [number])
    warn_of_doubts(again)
    return again[0]


def rivals(explanation: Explanation, n: int = 2) -> list[Explanation]:
    """Return the explanation for the n likeliest other classes, without the model.

    All are summarised in one pass over the rows; doubts about them are not warned of.
    """
    ranked = explanation.ledger.full.argsort(descending=True, stable=True).tolist()
    others = [number for number in ranked if number != explanation.target][:n]
    return summarised(explanation, others) if others else []


def summarised(explanation: Explanation, targets: Sequence[int]) -> list[Explanation]:
    """Return the explanation for every target, by the parts of its method."""
    method, segmentation = explanation.method, explanation.segmentation

    def keep(rows: Coalitions) -> Tensor:
        return method.removal.soften(segmentation.keep(rows.present, rows.jitter))

    clock = Clock(CPU, {**explanation.seconds, "summary": 0.0})
    found = attribute(method, explanation.ledger, segmentation, keep, targets, clock)
    return [
        replace(
            explanation,
            attribution=attribution,
            target=target,
            seconds=clock.seconds,
            manifest={**explanation.manifest, "method": repr(method)},
        )
        for target, attribution in zip(targets, found, strict=True)
    ]


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

    Listed rows are in both halves, the drawn ones with twice their weight; None where nothing was
    drawn. Source: Spearman-Brown, 2r / (1 + r) for a correlation r above 0 of two halves.
    """
    group = game.coalitions.group
    if len(group) == 0 or int(group.max()) < 1:
        return None
    halves = [summary(half_of(game, odd)).scores for odd in (0, 1)]
    a, b = (half - half.mean(1, keepdim=True) for half in halves)
    r: Tensor = (a * b).sum(1) / ((a**2).sum(1) * (b**2).sum(1)).sqrt()
    return torch.where(r > 0, 2 * r / (1 + r), r)


def half_of(game: Game, odd: int) -> Game:
    """Return the game of every second group and of all listed rows, without its keeps."""
    group = game.coalitions.group
    rows = (group < 0) | (group % 2 == odd)
    chosen = game.coalitions[rows]
    weight = torch.where(chosen.group < 0, chosen.weight, 2 * chosen.weight)
    half = replace(chosen, weight=weight)
    return replace(game, coalitions=half, values=game.values[rows], keep=None)


def warn_of_doubts(explanations: Sequence[Explanation]) -> None:
    """Warn, once each, of what makes explanations empty or weak, and say what to do."""
    doubts = {doubt: None for one in explanations for doubt in doubts_about(one)}
    for doubt in doubts:
        warnings.warn(doubt, VexplainWarning, stacklevel=4)


def doubts_about(explanation: Explanation) -> list[str]:
    """Return what makes an explanation empty or weak, and what to do about it."""
    ledger, found = explanation.ledger, explanation.attribution
    rows, d = ledger.coalitions, ledger.coalitions.n_features
    values = explanation.method.behavior(
        ledger.answers(torch.cat([ledger.scores, ledger.anchors().values])), explanation.target
    )
    still = bool(values.max() - values.min() <= 1e-12 * values.abs().max())
    drawn = bool((rows.group >= 0).any())
    listed = int((rows.group < 0).sum())
    independent = listed + int(rows.group.max()) + 1 if len(rows) else 0
    few = drawn and 2 * independent < 3 * d and d > 1
    effective = found.fit.effective_rows
    doubts = {
        f"the run stopped after {len(rows)} of {ledger.planned} samples; give the explanation as "
        "resume to go on.": len(rows) < ledger.planned,
        f"the model's answer for {explanation.target_name!r} never changed, so nothing can be told "
        "apart. Check that it depends on the clip, or watch another behavior (LogOdds) if the "
        "answer is saturated.": still,
        "the whole clip is one region, so its score can't say where or when. Ask for more "
        "regions.": d == 1,
        f"{len(rows)} samples ({independent} independent ones) are few for {d} regions, so the "
        f"scores are loose. Ask for {2 * d} independent samples or more (a pair counts once), or "
        "for fewer regions.": few,
        f"the samples count as only {effective or 0:.0f} for {d} regions by their weights. Widen "
        "the kernel.": drawn and effective is not None and effective < min(d, 0.2 * len(rows)),
        f"{explanation.method.summary!r} explains the answers worse than their mean does "
        f"(R² {found.fit.r2 or 0:.2f}): the scores mean little. Take more samples, fewer regions, "
        "or a summary that fits the samples.": not few
        and found.fit.r2 is not None
        and found.fit.r2 < 0,
        f"{explanation.method.summary!r} finds nothing in these samples, though the answer "
        "changes. Take a summary that fits the samples, or samples that fit the summary.": (
            not still and not bool(found.scores.any())
        ),
    }
    return [doubt for doubt, holds in doubts.items() if holds]
