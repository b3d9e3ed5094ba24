"""Asking the model, and checking what it answers."""

import warnings
from collections.abc import Sequence
from typing import SupportsIndex

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import (
    Classifier,
    Coalitions,
    Ledger,
    OutputKind,
    VexplainWarning,
)
from vexplain.core.checks import out_of_memory
from vexplain.engine.clock import Clock
from vexplain.engine.scene import Scene

CPU = torch.device("cpu")
Target = SupportsIndex | str

LOOSE = 0.02
"""How far probabilities may be off: half precision and 8-bit quantisation round that much."""


def first_answers(model: Classifier, scene: Scene, rows: Coalitions, clock: Clock) -> Ledger:
    """Ask for the two anchors, and open the ledger with them.

    Raises:
        ValueError: When the model's answers or its class names can't be right.
        MemoryError: When a single clip is too much.
    """
    try:
        with clock("inference"):
            full = ask(model, scene.clip.frames[None].clone())
        with clock("removal"):
            nothing = scene.empty()
        with clock("inference"):
            empty = ask(model, nothing, full.shape[1])
    except (MemoryError, RuntimeError) as error:
        halved(1, error)
        raise
    names = model.class_names
    if names is not None and len(names) != full.shape[1]:
        raise ValueError(
            f"class_names: expected one name per class, got {len(names)} names for a model that "
            f"answers with {full.shape[1]} scores."
        )
    kind = told(model.outputs, torch.cat([full, empty]))
    check_kind(kind, torch.cat([full, empty]))
    return Ledger(rows[:0], full[:0], full[0], empty[0], kind, names, len(rows))


def ask(model: Classifier, clips: Tensor, n_classes: int | None = None) -> Float[Tensor, "n K"]:
    """Return the model's scores of ``clips`` as float64 on the CPU, checked.

    Raises:
        ValueError: When the scores have the wrong shape, another number of classes than before,
            or are not finite.
    """
    with torch.inference_mode():
        scores = model(clips)
    if not isinstance(scores, Tensor):
        raise ValueError(f"model: expected a tensor of class scores, got {type(scores).__name__}.")
    if scores.ndim != 2 or len(scores) != len(clips) or scores.shape[1] == 0:
        raise ValueError(
            f"model: expected class scores (N, K) with N = {len(clips)}, got shape "
            f"{tuple(scores.shape)}. Wrap the model so that it returns one row per clip."
        )
    if n_classes is not None and scores.shape[1] != n_classes:
        raise ValueError(
            f"model: expected scores of {n_classes} classes as in the first answer, "
            f"got {scores.shape[1]}."
        )
    scores = scores.to(CPU, torch.float64, copy=True)
    if not bool(scores.isfinite().all()):
        raise ValueError(
            "model: expected finite class scores, got NaN or infinity. Check the model on this "
            "clip, its scale, mean and std in the ModelSpec, and its precision."
        )
    return scores


def told(kind: OutputKind, scores: Float[Tensor, "n K"]) -> OutputKind:
    """Return what the scores are, told from the first answers where the model doesn't say."""
    if kind != "auto":
        return kind
    if bool((scores >= 0).all()) and torch.allclose(
        scores.sum(1), torch.ones(len(scores), dtype=scores.dtype), atol=1e-3
    ):
        return "softmax"
    if bool(((scores >= 0) & (scores <= 1)).all()):
        warnings.warn(
            "outputs: the scores lie in [0, 1] but don't sum to 1; they are taken for sigmoid "
            "probabilities. Say outputs='logits' or 'sigmoid' in the ModelSpec.",
            VexplainWarning,
            stacklevel=2,
        )
        return "sigmoid"
    return "logits"


def check_kind(kind: OutputKind, scores: Float[Tensor, "n K"]) -> None:
    """Raise ``ValueError`` when scores can't be what the model, or its first answers, say."""
    if kind != "sigmoid" and scores.shape[1] == 1:
        raise ValueError(
            "outputs: a single class score has no softmax. Say outputs='sigmoid' in the ModelSpec "
            "and return a probability, or return the scores of two classes."
        )
    shares = bool(((scores >= -LOOSE) & (scores <= 1 + LOOSE)).all())
    whole = bool(((scores.sum(1) - 1).abs() <= LOOSE).all())
    if kind != "logits" and not (shares and (whole or kind == "sigmoid")):
        low, high = scores.aminmax()
        raise ValueError(
            f"outputs: the model's scores are taken for {kind} probabilities, but they lie in "
            f"[{low:.3g}, {high:.3g}] and sum to {scores.sum(1)[0]:.3g}. Say what they are with "
            "outputs='logits', 'softmax' or 'sigmoid' in the ModelSpec."
        )


def halved(batch_size: int, error: BaseException) -> int:
    """Return half the batch size if memory ran out; anything else is raised again.

    Raises:
        MemoryError: When a single clip is too much already.
    """
    if not (isinstance(error, torch.OutOfMemoryError) or out_of_memory(error)):
        raise error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if batch_size == 1:
        raise MemoryError(
            "batch_size: memory ran out with a single clip. Use a smaller clip or another device."
        ) from error
    return batch_size // 2


def chosen(targets: Sequence[Target] | None, known: Ledger) -> list[int]:
    """Return the numbers of the target classes; by default of the one predicted."""
    if targets is None:
        return [int(known.full.argmax())]
    if not targets:
        raise ValueError("targets: expected at least one class, got none.")
    return [known.answers().index(target) for target in targets]
