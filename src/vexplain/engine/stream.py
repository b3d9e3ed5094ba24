"""Asking a model about any number of perturbed clips, of which only one batch exists at a time."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Classifier, Ledger, Progress, VideoClip
from vexplain.engine.answers import ask, check_kind, halved
from vexplain.engine.clock import Clock
from vexplain.engine.memory import release

BATCH_BYTES = {"cpu": 12 << 20, "cuda": 1 << 30, "mps": 1 << 28}
"""Bytes of perturbed clips per batch when neither the caller nor the model says how many.

A fixed budget, not a timed trial: so two runs take the same batches and give the same bits. On two
cores of a CPU large networks like batches of one (of 8 frames of 224 pixels squared, TANet takes
5 % longer per clip with two clips, 14 % with six), small ones larger ones (one of 0.3 million
weights on 16 frames of 64 pixels squared took 13 % less with 42 than with 10).
"""


def suitable_batch(clip: VideoClip, model: Classifier) -> int:
    """Return how many clips fit the budget of the model, or else its device: from 1 to 128."""
    usual = BATCH_BYTES.get(model.device.type, BATCH_BYTES["cpu"])
    budget = getattr(model, "batch_bytes", None) or usual
    return min(128, max(1, budget // (clip.frames.numel() * clip.frames.element_size())))


def stream(
    model: Classifier,
    clips_of: Callable[[slice], Tensor],
    rows: range,
    known: Ledger,
    batch_size: int,
    progress: Progress | None,
    clock: Clock,
) -> Iterator[Float[Tensor, "n K"]]:
    """Yield the model's answers to ``rows`` in order, batch by batch.

    Args:
        model: The classifier.
        clips_of: Makes the perturbed clips (n, T, C, H, W) of some rows, on the model's device.
        rows: The numbers of the rows to ask about.
        known: What the answers must be like: their number of classes, and what the scores are.
        batch_size: Clips per forward pass; halved when memory runs out.
        progress: Is told how many rows are done.
        clock: Counts the seconds of ``removal`` and ``inference``.

    Raises:
        ValueError: When the model answers with something else than before.
        MemoryError: When a single clip is too much.
    """
    if progress:
        progress.start(len(rows))
    try:
        done = rows.start
        while done < rows.stop:
            batch = slice(done, min(done + batch_size, rows.stop))
            try:
                scores = answered(model, clips_of, batch, known, clock)
            except (MemoryError, RuntimeError) as error:
                batch_size = halved(batch_size, error)
                continue
            yield scores
            done = batch.stop
            release()
            if progress:
                progress.advance(len(scores))
    finally:
        if progress:
            progress.stop()


def answered(
    model: Classifier,
    clips_of: Callable[[slice], Tensor],
    batch: slice,
    known: Ledger,
    clock: Clock,
) -> Float[Tensor, "n K"]:
    """Return the answers to one batch of rows."""
    with torch.inference_mode(), clock("removal"):
        clips = clips_of(batch)
    with clock("inference"):
        scores = ask(model, clips, len(known.full))
    check_kind(known.kind, scores)
    return scores
