"""Deletion and insertion curves inside a page, and where the page finds what is gone at a point."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from vexplain import behavior, removal
from vexplain.core import Explanation
from vexplain.evaluation import Curve, Evaluation, Score
from vexplain.evaluation.drawing import SHARE_OF
from vexplain.page.grounds import Ground
from vexplain.page.maps import is_painted
from vexplain.removal import Constant

ORDERS = {"VoxelWise": "voxel", "RegionWise": "region", "FrameWise": "frame"}
"""The orders that a page can follow."""

BLURS = ("Blur", "Blur3D")


def check_evaluations(
    explanations: Sequence[Explanation], evaluations: Sequence[Evaluation | None]
) -> None:
    """Raise ``ValueError`` unless there is one evaluation per explanation, of the same, or none."""
    if not evaluations:
        return
    if len(evaluations) != len(explanations):
        raise ValueError(
            f"evaluations: expected one per explanation ({len(explanations)}), got "
            f"{len(evaluations)}. Put None where there is none."
        )
    models = {model_of(explanation) for explanation in explanations}
    for i, (explanation, evaluation) in enumerate(zip(explanations, evaluations, strict=True)):
        wanted = about(explanation)
        if evaluation is None:
            continue
        digest = evaluation.clip_digest if wanted[3] else ""
        model = evaluation.model if evaluation.model in models else wanted[2]
        got = (evaluation.method, evaluation.target, model, digest)
        if got != wanted:
            raise ValueError(
                f"evaluations[{i}]: expected that of {in_words(wanted)}, got one of "
                f"{in_words(got)}. Give them in the order of the explanations."
            )


def about(explanation: Explanation) -> tuple[str, str, str, str]:
    """Return the method, target, model and clip digest; the last two may not be known."""
    digest = str(explanation.manifest.get("clip_digest", ""))
    return (explanation.method.name, explanation.target_name, model_of(explanation), digest)


def model_of(explanation: Explanation) -> str:
    """Return the name of the model, or nothing."""
    return str(explanation.manifest.get("model", ""))


def in_words(what: tuple[str, str, str, str]) -> str:
    """Return what ``about`` returns, in words."""
    method, target, model, digest = what
    clip = f", clip {digest[:8]}" if digest else ""
    return f"{method} for {target!r} (model {model or 'not told'}{clip})"


def evaluation_of(
    evaluation: Evaluation, explanation: Explanation, ground: Ground
) -> dict[str, Any]:
    """Return the numbers of an evaluation and its games; plain JSON values."""
    return {
        "others": list(evaluation.others),
        "scores": [
            [
                score.name,
                score.better,
                score.value,
                {name: measure.value for name, measure in score.beside.items()},
                score.notes,
            ]
            for score in evaluation
        ],
        "games": [
            game_of(score, score.curve, explanation, ground)
            for score in evaluation
            if score.curve is not None and score.measure.game in SHARE_OF
        ],
    }


def game_of(score: Score, curve: Curve, explanation: Explanation, ground: Ground) -> dict[str, Any]:
    """Return a curve with those beside it, and how to follow it."""
    order, fill = rules_of(score.measure.options)
    others = [(name, measure.curve) for name, measure in score.beside.items()]
    return {
        "name": score.name,
        "game": score.measure.game,
        "better": score.better,
        "watched": curve.watched,
        **points_of(curve),
        "beside": [{"name": name, **points_of(one)} for name, one in others if one is not None],
        "fill": fill,
        **steps_along(curve, order, explanation, ground),
    }


def points_of(curve: Curve) -> dict[str, Any]:
    """Return the points of a curve and the area below it."""
    return {
        "shares": curve.shares.tolist(),
        "values": curve.values.tolist(),
        "area": curve.area,
    }


def rules_of(options: str) -> tuple[str | None, dict[str, Any]]:
    """Return the order of a game, None where a page can't follow it, and what fills the gaps.

    A measure tells its options in words: the kinds of its parts that are not the default.
    """
    kinds = re.findall(r"(?:^|, )([A-Z]\w*)(\([^)]*\))?", options)
    order, fill = "voxel", {"kind": "color", "color": [0, 0, 0], "words": "black"}
    for kind, given in kinds:
        if kind in ORDERS:
            order = ORDERS[kind]
        elif kind in removal.__all__:
            fill = fill_of(kind, given)
        elif kind not in dir(behavior):
            return None, fill
    return order, fill


def fill_of(kind: str, given: str) -> dict[str, Any]:
    """Return how a page fills gaps: a colour as it is, a blur nearly, any other not at all."""
    if kind in BLURS:
        return {"kind": "blur", "words": "a blur, drawn here nearly as it was"}
    if kind == "Constant":
        numbers = [float(number) for number in re.findall(r"\d*\.?\d+", given)]
        if len(numbers) in (1, 3):
            rgb = Constant(
                (numbers[0], numbers[-2], numbers[-1]) if numbers[1:] else numbers[0]
            ).rgb
            return {"kind": "color", "color": [round(255 * c) for c in rgb], "words": "one colour"}
    return {"kind": "hatch", "words": f"{kind}, drawn here as a grey veil"}


def steps_along(
    curve: Curve, order: str | None, explanation: Explanation, ground: Ground
) -> dict[str, Any]:
    """Return the order and, for each point of a curve, the value above which voxels come first.

    The values are halfway between the last that is among the first and the next, so that rounding
    changes nothing. The order is None where a page can't tell which voxels come first.
    """
    heat = explanation.attribution.map.cpu().numpy()
    painted = is_painted(explanation.attribution, ground)
    if order == "frame":
        values = heat.mean((1, 2), dtype=np.float64).astype(np.float32)
        ends = ends_of(values, np.ones(len(values)), curve.shares.numpy())
        return {"order": order, "ends": ends, "frames": values.tolist()}
    if ground.hard and ground.owners is not None and painted:
        counts = np.zeros(ground.n_regions)
        for labels in ground.owners:
            counts += np.bincount(labels.flatten().numpy(), minlength=ground.n_regions)
        scores = explanation.attribution.scores.cpu().float().numpy()
        return {"order": order and "voxel", "ends": ends_of(scores, counts, curve.shares.numpy())}
    if order != "voxel":
        return {"order": None, "ends": []}
    return {"order": order, "ends": ends_of(heat.ravel(), None, curve.shares.numpy())}


def ends_of(
    values: np.ndarray, counts: np.ndarray | None, shares: np.ndarray
) -> list[float | None]:
    """Return for each share the value above which that share of the voxels lies.

    Args:
        values: One number per voxel, or per group of voxels.
        counts: How many voxels each group has; None = one.
        shares: Rising, from 0 to 1. None stands for a value above all (0) and below all (1).
    """
    if counts is None:
        ranked = np.sort(values)[::-1]
        held = np.arange(1, len(ranked) + 1) / len(ranked)
    else:
        order = np.argsort(-values, kind="stable")
        ranked = values[order]
        held = counts[order].cumsum() / counts.sum()
    ends: list[float | None] = []
    for share in shares:
        last = int(np.abs(held - share).argmin())
        if share <= 0 or last + 1 >= len(ranked):
            ends.append(None)
        else:
            ends.append(float((np.float64(ranked[last]) + np.float64(ranked[last + 1])) / 2))
    return ends
