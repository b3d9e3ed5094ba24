"""Which way of running a model is the fastest that still gives the same explanation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, isnan, sqrt
from typing import Any
from warnings import catch_warnings, simplefilter

from vexplain import engine
from vexplain.core import Classifier, Explanation, Method, VexplainWarning, VideoClip
from vexplain.engine.stream import suitable_batch
from vexplain.evaluation import rank_correlation
from vexplain.methods import loco
from vexplain.models import Running
from vexplain.models.running import as_device
from vexplain.segmentation import Grid

AGREEMENT = 0.99
"""Rank correlation with float32 that an explanation must keep."""

ROUNDS = 2
"""How often each way is timed, in turns; the fastest time counts."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One way of running a model, timed.

    Attributes:
        running: How the model ran.
        batch_size: Clips per forward pass.
        seconds: Seconds of inference per clip, the fastest of the rounds.
        agreement: Spearman's rank correlation of the regions' scores with those of float32.
    """

    running: Running
    batch_size: int
    seconds: float
    agreement: float

    @property
    def options(self) -> str:
        """The options of the shell that run the model this way."""
        running = self.running
        words = [f"--precision {running.precision}", f"--batch-size {self.batch_size}"]
        words += ["--channels-last" if running.channels_last else "--channels-first"]
        words += [f"--device {running.device}"] if running.device not in (None, "auto") else []
        words += ["--compile"] if running.compiled else []
        return " ".join(words)


def ways(running: Running, *, compiled: bool) -> Iterator[Running]:
    """Yield the ways to try on a device, plain float32 first."""
    plain = replace(running, precision="float32", channels_last=False, compiled=False)
    last = replace(plain, channels_last=True)
    on_cpu = str(as_device(running.device or "cpu")) == "cpu"
    yield from (plain, last)
    for way in (plain, last):
        yield from (replace(way, precision=half) for half in ("bfloat16", "float16"))
    if on_cpu:
        yield replace(plain, precision="int8")
    if compiled:
        yield from (replace(plain, compiled=True), replace(last, compiled=True))


def sizes(model: Classifier, clip: VideoClip) -> tuple[int, ...]:
    """Return the batch sizes to try, the first of which is for comparing the ways.

    On a CPU small ones; elsewhere what fits the usual budget of memory, and parts of it.
    """
    if model.device.type == "cpu":
        return (4, 1, 2, 8)
    usual = suitable_batch(clip, model)
    return tuple(dict.fromkeys(max(1, usual // part) for part in (1, 2, 4, 16)))


def asking(clip: VideoClip, at_least: int) -> Method:
    """Return LOCO over a grid that asks so often, or as often as the clip has pixels."""
    frames, _, height, width = clip.shape
    side = max(3, ceil(sqrt(at_least / min(4, frames))))
    return replace(
        loco(), segmentation=Grid(t=min(4, frames), h=min(side, height), w=min(side, width))
    )


def tuned(
    clip: VideoClip,
    load: Callable[[Running], Classifier],
    runnings: Sequence[Running],
    *,
    method: Method,
    batch_sizes: Sequence[int],
    tell: Callable[[str], Any] = lambda _: None,
) -> list[Trial]:
    """Time the ways of running a model, then the batch sizes of the best of them.

    All trials explain the same clip by the same method and seed, so their scores differ by the
    model's answers alone. Ways that can't run here are told and left out.

    Args:
        clip: The clip to explain.
        load: Loads the model so that it runs in a given way.
        runnings: The ways; the first is what the others are compared with.
        method: The method; it should ask some dozens of times.
        batch_sizes: Clips per forward pass; the first is for comparing the ways.
        tell: Is told in a sentence what is tried, and what can't be.

    Returns:
        The trials, in the order they were made; ``best`` picks one.

    Raises:
        ValueError: When the first way can't run.
    """
    first, others = runnings[0], runnings[1:]
    models = {first: load(first)}
    plain = explained(clip, models[first], method, batch_sizes[0])
    for running in others:
        try:
            models[running] = load(running)
            explained(clip, models[running], method, batch_sizes[0], plain.target)
        except (ValueError, RuntimeError) as error:
            models.pop(running, None)
            tell(f"left out {words_of(running)}: {str(error).splitlines()[0]}")
    trials = timed(plain, [(r, batch_sizes[0]) for r in models], models, tell)
    fastest = best(trials).running
    return trials + timed(plain, [(fastest, b) for b in batch_sizes[1:]], models, tell)


def words_of(running: Running) -> str:
    """Return a way of running in words."""
    last = "channels last" if running.channels_last else ""
    return ", ".join(word for word in (running.words or "float32", last) if word)


def best(trials: Sequence[Trial]) -> Trial:
    """Return the fastest trial whose explanation is that of float32.

    Raises:
        ValueError: When there is none, as with a model that answers differently each time.
    """
    same = [trial for trial in trials if trial.agreement >= AGREEMENT]
    if not same:
        raise ValueError(
            "model: the explanation is another one each time, even in float32, so nothing can be "
            "recommended. Does the model draw random numbers, or is its answer always the same?"
        )
    return min(same, key=lambda one: one.seconds)


def timed(
    plain: Explanation,
    choices: Sequence[tuple[Running, int]],
    models: Mapping[Running, Classifier],
    tell: Callable[[str], Any],
) -> list[Trial]:
    """Return a trial for each choice of running and batch size, timed in turns."""
    trials: dict[tuple[Running, int], Trial] = {}
    for turn, (running, batch_size) in product(range(ROUNDS), choices):
        tell(f"round {turn + 1} of {ROUNDS}: {words_of(running)}, batches of {batch_size}")
        found = explained(plain.clip, models[running], plain.method, batch_size, plain.target)
        seconds = found.seconds["inference"] / (len(found.ledger.coalitions) + 2)
        before = trials.get((running, batch_size))
        trials[running, batch_size] = Trial(
            running=running,
            batch_size=batch_size,
            seconds=min(seconds, before.seconds) if before else seconds,
            agreement=agreement(plain, found),
        )
    return list(trials.values())


def explained(
    clip: VideoClip, model: Classifier, method: Method, batch_size: int, target: int | None = None
) -> Explanation:
    """Return the explanation of a class, by default of the one predicted, without warnings."""
    targets = None if target is None else [target]
    with catch_warnings():
        simplefilter("ignore", VexplainWarning)
        return engine.explain(clip, model, method=method, targets=targets, batch_size=batch_size)[0]


def agreement(one: Explanation, other: Explanation) -> float:
    """Return Spearman's rank correlation of the regions' scores; 1 where both are constant."""
    scores = [explanation.attribution.scores for explanation in (one, other)]
    found = rank_correlation(*scores)
    still = all(bool((values == values[0]).all()) for values in scores)
    return float(still) if isnan(found) else found
