"""The one loop: where the seven steps of a method meet a clip and a model.

Coalitions are stored, clips exist one batch at a time, on the model's device, under inference mode.
The answers of all classes go into the ledger, from which another target, behavior or summary costs
no forward pass.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch

from vexplain.core import (
    Classifier,
    Coalitions,
    Explanation,
    Ledger,
    Method,
    Progress,
    VideoClip,
)
from vexplain.core.checks import check_whole
from vexplain.engine.answers import Target, chosen, first_answers
from vexplain.engine.clock import Clock
from vexplain.engine.outcome import attribute, warn_of_doubts
from vexplain.engine.provenance import provenance
from vexplain.engine.scene import Scene, draw, moved, prepare
from vexplain.engine.stream import stream, suitable_batch

CPU = torch.device("cpu")


class Interrupted(KeyboardInterrupt):
    """The run was stopped; ``explanations`` rests on the rows that were evaluated until then."""

    def __init__(self, explanations: Sequence[Explanation]) -> None:
        super().__init__(progress_of(explanations))
        self.explanations = tuple(explanations)


class ServerLostError(ConnectionError):
    """A model, on a server usually, can't be reached any more.

    ``explanations`` rests on the rows evaluated until then.
    """

    def __init__(self, explanations: Sequence[Explanation], reason: OSError) -> None:
        super().__init__(f"{progress_of(explanations)}: {reason}")
        self.explanations = tuple(explanations)


def progress_of(explanations: Sequence[Explanation]) -> str:
    """Return how far a run came, in words."""
    ledger = explanations[0].ledger
    return f"stopped after {len(ledger.coalitions)} of {ledger.planned} samples"


def explain(
    clip: VideoClip,
    model: Classifier,
    *,
    method: Method,
    targets: Sequence[Target] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    progress: Progress | None = None,
    resume: Explanation | None = None,
) -> list[Explanation]:
    """Explain what ``model`` saw in ``clip``, once per target, all from the same answers.

    Args:
        clip: The clip, as the model wants it sampled and sized.
        model: The classifier.
        method: The seven choices.
        targets: Numbers or names of classes; None explains the class predicted for the clip.
        seed: Seed of step 3. The same seed gives the same result.
        batch_size: Clips per forward pass; by default as many as fit a fixed budget of memory.
            Halved when memory runs out.
        progress: Is told how many rows are done.
        resume: What an interrupted run over the same clip, model, method and seed kept.

    Raises:
        ValueError: On an unknown target, a model that answers with something other than finite
            scores of a fixed number of classes, or a run to resume that was another.
        Interrupted: On Ctrl-C, with what was evaluated until then.
        ServerLostError: When a model on a server can't be reached any more, likewise.
    """
    if batch_size is not None:
        check_whole("batch_size", batch_size)
    check_whole("seed", seed, least=0)
    clock = Clock(model.device, dict(resume.seconds) if resume else {})
    scene = prepare(clip, model.device, method, clock)
    coalitions = draw(scene.segmentation.n_features, method, seed, clock)
    known = first_answers(model, scene, coalitions, clock)
    if resume:
        check_resumable(resume, known, clip, method, seed)
        known = resume.ledger
    numbers = chosen(targets, known)
    size = batch_size or suitable_batch(clip, model)
    ledger, stopped = play(model, scene, coalitions, known, size, progress, clock)
    found = attribute(method, ledger, scene.segmentation, scene.keep, numbers, clock)
    segmentation = moved(scene.segmentation, CPU)
    manifest = provenance(clip, model, method, seed)
    explanations = [
        Explanation(
            clip=clip,
            attribution=attribution,
            segmentation=segmentation,
            ledger=ledger,
            target=number,
            method=method,
            seed=seed,
            seconds=clock.seconds,
            manifest=manifest,
        )
        for number, attribution in zip(numbers, found, strict=True)
    ]
    if isinstance(stopped, OSError):
        raise ServerLostError(explanations, stopped) from stopped
    if stopped:
        raise Interrupted(explanations)
    warn_of_doubts(explanations)
    return explanations


def check_resumable(
    resume: Explanation, known: Ledger, clip: VideoClip, method: Method, seed: int
) -> None:
    """Raise ``ValueError`` unless the interrupted run asked the same questions of the same model.

    The model is known by its answers to the whole and the empty clip. Steps 5 to 7 may differ:
    they are done with the answers afterwards.
    """
    then, before = resume.ledger, resume.method
    asked = (method.segmentation, method.sizes, method.samples, method.removal)
    same = {
        "clip": torch.equal(resume.clip.frames, clip.frames),
        "method": repr(asked)
        == repr((before.segmentation, before.sizes, before.samples, before.removal)),
        "seed": resume.seed == seed,
        "model": (then.kind, then.class_names) == (known.kind, known.class_names)
        and all(
            torch.allclose(old, new, rtol=1e-3, atol=1e-3)
            for old, new in ((then.full, known.full), (then.empty, known.empty))
        ),
    }
    other = [name for name, holds in same.items() if not holds]
    if other:
        raise ValueError(
            f"resume: the interrupted run had another {' and '.join(other)}. Give the same "
            "arguments as then, or start afresh."
        )


def play(
    model: Classifier,
    scene: Scene,
    coalitions: Coalitions,
    known: Ledger,
    batch_size: int,
    progress: Progress | None,
    clock: Clock,
) -> tuple[Ledger, BaseException | None]:
    """Ask the model about every coalition not yet in the ledger; and say what stopped it, if so."""
    answers = [known.scores]
    rows = range(len(known.scores), len(coalitions))
    stopped: BaseException | None = None
    try:
        answers.extend(
            stream(
                model,
                lambda batch: scene.perturbed(coalitions[batch]),
                rows,
                known,
                batch_size,
                progress,
                clock,
            )
        )
    except (KeyboardInterrupt, OSError) as error:
        if not any(map(len, answers)):
            raise
        stopped = error
    scores = torch.cat(answers)
    return replace(known, coalitions=coalitions[: len(scores)], scores=scores), stopped
