"""Evaluating: put explanations on the bench, ask everything in one go, and note the numbers."""

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from vexplain.core import Classifier, Explanation, Progress, VexplainWarning
from vexplain.core.checks import check_whole
from vexplain.engine.answers import told
from vexplain.evaluation.case import Asking, Bench, Case, Measure, Metric, whole_clip
from vexplain.evaluation.concentration import Entropy, Sparseness
from vexplain.evaluation.curves import mean_curve
from vexplain.evaluation.drops import AverageDrop, IncreaseInConfidence
from vexplain.evaluation.games import Deletion, Insertion, MinimalKeeps, SymmetricGain
from vexplain.evaluation.localisation import BestIoU, EnergyInside, IoU, PointingGame, TemporalIoU
from vexplain.evaluation.results import COLUMNS, Evaluation, Score
from vexplain.evaluation.subjects import (
    CENTRE,
    RANDOM,
    Subject,
    centre_prior,
    explained,
    given,
    random_map,
)

USUAL: tuple[Metric, ...] = (
    Deletion(),
    Insertion(),
    SymmetricGain(),
    MinimalKeeps(direction="deletion"),
    MinimalKeeps(direction="insertion"),
    AverageDrop(),
    IncreaseInConfidence(),
    Sparseness(),
    Entropy(),
)
"""What is measured unless asked otherwise: two curves, and what they and the map tell."""

WITH_TRUTH: tuple[Metric, ...] = (
    PointingGame(),
    PointingGame(by_frame=True),
    EnergyInside(),
    IoU(),
    BestIoU(),
    TemporalIoU(),
)
"""What is measured besides where a truth is given."""


def evaluate(
    explanation: Explanation,
    model: Classifier,
    *,
    metrics: Sequence[Metric] | None = None,
    truth: Bool[Tensor, "T H W"] | None = None,
    references: bool = True,
    random_maps: int = 3,
    maps: Mapping[str, Tensor | np.ndarray] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure how good an explanation is, and beside it other maps of the same clip.

    Args:
        explanation: What is evaluated.
        model: The model that was explained.
        metrics: What is measured; by default ``USUAL``, and ``WITH_TRUTH`` where there is one.
        truth: (T, H, W) bool, True where the evidence is known to be.
        references: Whether random maps and a centre prior are measured too. Each costs about as
            many clips as the map of the explanation.
        random_maps: Over how many random maps the numbers of "a random map" are averaged: one alone
            may be far from what random maps do.
        maps: Other maps (T, H, W) to be measured too, by name, such as a gradient method's.
        seed: Draws the random maps.
        batch_size: Clips per forward pass; by default as many as fit a fixed budget of memory.
        progress: Is told how many clips have been asked about.

    Raises:
        ValueError: When a map or the truth has another shape than the clip, a map is not finite, or
            the model has another number of classes than the explained one.
    """
    start = time.perf_counter()
    check_whole("seed", seed, least=0)
    usual = USUAL + (WITH_TRUTH if truth is not None else ())
    chosen = usual if metrics is None else tuple(metrics)
    if not chosen:
        raise ValueError("metrics: expected at least one, got none.")
    bench = Bench.of(explanation, model, progress, batch_size)
    others = [*beside(explanation, seed, random_maps)] if references else []
    check_names(maps or {})
    others += [given(name, values, explanation) for name, values in (maps or {}).items()]
    cases = [on_bench(bench, subject, truth) for subject in (explained(explanation), *others)]
    check_same_model(bench)
    asking = [metric for metric in chosen if isinstance(metric, Asking)]
    bench.ask(ask for metric in asking for case in cases for ask in metric.asks(case))
    measured = [[one for metric in chosen for one in measures_of(metric, case)] for case in cases]
    kinds = [case.subject.kind for case in cases]
    scores = numbered([score_of(kinds, numbers) for numbers in zip(*measured, strict=True)])
    return Evaluation(
        method=explanation.method.name,
        clip=clip_name(explanation),
        clip_digest=digest_of(explanation),
        target=explanation.target_name,
        model=model.name,
        seed=explanation.seed,
        scores=scores,
        n_asked=bench.n_asked,
        seconds=time.perf_counter() - start,
    )


def measures_of(metric: Metric, case: Case) -> list[Measure]:
    """Return what a metric says of a case; what is not a finite number is not defined.

    Raises:
        TypeError: When it returns something else than measures.
    """
    found = metric(case)
    if not isinstance(found, Sequence) or not all(isinstance(one, Measure) for one in found):
        raise TypeError(f"metrics: expected a list of Measure from {metric!r}, got {found!r}.")
    return [
        one
        if one.value is None or isfinite(one.value)
        else replace(one, value=None, note=one.note or f"the metric gives {one.value}")
        for one in found
    ]


def beside(explanation: Explanation, seed: int, random_maps: int) -> Sequence[Subject]:
    """Return the maps that know nothing of the model: some random ones and a centre prior."""
    check_whole("random_maps", random_maps)
    T, _, H, W = explanation.clip.shape
    regions = explanation.segmentation
    drawn = [random_map(regions, seed + draw) for draw in range(random_maps)]
    return [*drawn, centre_prior(regions, (T, H, W))]


def score_of(kinds: Sequence[str], measures: Sequence[Measure]) -> Score:
    """Return the explanation's own number, the first, and beside it those of the other kinds."""
    own, *rest = measures
    if not own.of_map:
        return Score(own)
    others: dict[str, list[Measure]] = {}
    for kind, measure in zip(kinds[1:], rest, strict=True):
        others.setdefault(kind, []).append(measure)
    return Score(own, {kind: averaged(found) for kind, found in others.items()})


def averaged(measures: Sequence[Measure]) -> Measure:
    """Return the mean of measures of one kind; not defined ones are left out, and counted."""
    known = [one for one in measures if one.value is not None]
    if len(measures) == 1 or not known:
        return measures[0]
    left = len(measures) - len(known)
    curves = [one.curve for one in known if one.curve is not None]
    return replace(
        known[0],
        value=sum(one.value or 0.0 for one in known) / len(known),
        note=f"mean of {len(known)}, {left} not defined" if left else "",
        curve=mean_curve(curves) if curves else None,
    )


def numbered(scores: Sequence[Score]) -> tuple[Score, ...]:
    """Return the scores with a number behind the name of those whose name is there already."""
    found: list[Score] = []
    for score in scores:
        before = sum(score.name == other.name for other in scores[: len(found)])
        name = f"{score.name} [{before + 1}]" if before else score.name
        found.append(replace(score, measure=replace(score.measure, name=name)))
    return tuple(found)


def check_names(maps: Iterable[str]) -> None:
    """Raise ``ValueError`` when a map is named as something else in the tables."""
    for name in maps:
        if name in (RANDOM, CENTRE, *COLUMNS):
            raise ValueError(f"maps: {name!r} already means something in the tables; rename it.")


def on_bench(bench: Bench, subject: Subject, truth: Tensor | None) -> Case:
    """Return the case of a map.

    Raises:
        ValueError: When the truth has another shape than the clip.
    """
    T, _, H, W = bench.clip.shape
    if truth is not None and (tuple(truth.shape) != (T, H, W) or truth.dtype != torch.bool):
        raise ValueError(
            f"truth: expected bool of the clip's shape (T, H, W) = {(T, H, W)}, got {truth.dtype} "
            f"of {tuple(truth.shape)}. Make it with vexplain.evaluation.truth_from_boxes, "
            "truth_from_volume or read_truth."
        )
    return Case(bench, subject, truth)


def check_same_model(bench: Bench) -> None:
    """Ask about the whole clip, and compare with what the explained model answered.

    A model that answers otherwise is warned of.

    Raises:
        ValueError: When its scores are something else, logits in place of probabilities say.
    """
    ask, ledger = whole_clip(bench), bench.explanation.ledger
    bench.ask([ask])
    now = bench.answers[ask.key]
    kind = told(bench.model.outputs, now)
    if kind != ledger.kind:
        raise ValueError(
            f"model: expected scores that are {ledger.kind}, as the explained model's were, got "
            f"{kind}. Give the model as it was explained, and say outputs={ledger.kind!r} in its "
            "ModelSpec."
        )
    if not torch.allclose(now[0], ledger.full, rtol=1e-3, atol=1e-3):
        apart = float((now[0] - ledger.full).abs().max())
        warnings.warn(
            f"the model answers otherwise to this clip than the one that was explained (scores up "
            f"to {apart:.3g} apart), so the numbers are about another model than the map. "
            "Give the one that was explained.",
            VexplainWarning,
            stacklevel=4,
        )


def clip_name(explanation: Explanation) -> str:
    """Return the name of the clip's file, or the first digits of the digest of its frames."""
    source = explanation.clip.source
    return Path(source.path).name if source else digest_of(explanation)[:8]


def digest_of(explanation: Explanation) -> str:
    """Return the digest of the clip's frames, by which clips are told apart."""
    return str(explanation.manifest["clip_digest"])
