"""What a metric sees: a map, and a model that can be asked about perturbed clips, all at once."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import isnan
from typing import ClassVar, Literal, Protocol, TypeVar, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import (
    Behavior,
    Classifier,
    Explanation,
    Progress,
    Removal,
    Remover,
    Segmentation,
    VideoClip,
)
from vexplain.core.checks import check_whole
from vexplain.engine.clock import Clock
from vexplain.engine.scene import moved
from vexplain.engine.stream import stream, suitable_batch
from vexplain.evaluation.curves import Curve
from vexplain.evaluation.subjects import Subject
from vexplain.removal import Fill, Remove

Better = Literal["higher", "lower"]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Measure:
    """One number that a metric gives.

    Attributes:
        name: What is measured.
        value: The number, or None where it is not defined for this case.
        better: Whether a ``higher`` or a ``lower`` number speaks for the explanation.
        note: Why the number is not defined, or what to know about it.
        curve: The curve behind the number, where there is one.
        game: Which game the number is the area of, or ``other``.
        of_map: Whether another map could have another number.
        options: The options in the name, in words: those that are not the default.
    """

    name: str
    value: float | None
    better: Better
    note: str = ""
    curve: Curve | None = None
    game: Literal["deletion", "insertion", "other"] = "other"
    of_map: bool = True
    options: str = ""

    @property
    def title(self) -> str:
        """The name without the options."""
        return self.name.replace(f" ({self.options})", "") if self.options else self.name


@dataclass(frozen=True, eq=False)
class Ask:
    """Perturbed clips that the model is to be asked about.

    Attributes:
        key: What is asked: asks of one key are asked once.
        rows: N, the number of clips.
        keep: Gives the keeps (n, T, H, W) of some rows, as applied: with their edges; on any
            device.
        removal: What stands where something is absent.
    """

    key: Hashable
    rows: int
    keep: Callable[[slice], Tensor]
    removal: Removal


@dataclass(frozen=True, eq=False)
class Bench:
    """A model and the clip of an explanation, on the model's device, and all answers so far.

    Attributes:
        explanation: What is evaluated.
        model: The model that was explained.
        progress: Is told how many clips have been asked about, each time some are.
        batch_size: Clips per forward pass.
        clip: The clip, on the model's device.
        segmentation: The regions, on the model's device.
        clock: Seconds of removal and inference.
        answers: (N, K) float64 class scores by the key of what was asked.
        prepared: What was worked out once for several metrics, by its key.
        asked_anew: How many clips explanations made anew have asked about.
    """

    explanation: Explanation
    model: Classifier
    progress: Progress | None
    batch_size: int
    clip: VideoClip
    segmentation: Segmentation
    clock: Clock
    answers: dict[Hashable, Tensor] = field(default_factory=dict)
    prepared: dict[Hashable, object] = field(default_factory=dict)
    asked_anew: list[int] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        explanation: Explanation,
        model: Classifier,
        progress: Progress | None = None,
        batch_size: int | None = None,
    ) -> "Bench":
        """Put an explanation on the bench."""
        device = model.device
        if batch_size is not None:
            check_whole("batch_size", batch_size)
        return cls(
            explanation=explanation,
            model=model,
            progress=progress,
            batch_size=batch_size or suitable_batch(explanation.clip, model),
            clip=explanation.clip.to(device),
            segmentation=moved(explanation.segmentation, device),
            clock=Clock(device),
        )

    @property
    def n_asked(self) -> int:
        """Clips that the model was asked about."""
        return sum(self.asked_anew) + sum(map(len, self.answers.values()))

    def once(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what ``make`` makes, made once."""
        if key not in self.prepared:
            self.prepared[key] = make()
        return cast(Made, self.prepared[key])

    def remover(self, removal: Removal) -> Remover:
        """Return the function that perturbs the clip, prepared once."""
        key = ("remover", self.key_of(removal))
        return self.once(key, lambda: removal(self.clip, self.segmentation))

    def key_of(self, part: object) -> Hashable:
        """Return what tells a part from others: itself, or which one it is if it has no hash."""
        try:
            hash(part)
        except TypeError:
            self.prepared["part", id(part)] = part  # kept, so that no other can have its id
            return ("part", id(part))
        return part

    def ask(self, asks: Iterable[Ask]) -> None:
        """Ask about everything that was not asked before: in full batches, whatever it is for."""
        new = {ask.key: ask for ask in asks if ask.rows and ask.key not in self.answers}
        device = self.clip.frames.device
        ends = [*accumulate((ask.rows for ask in new.values()), initial=0)]

        def clips_of(batch: slice) -> Tensor:
            parts = [
                self.remover(ask.removal)(ask.keep(slice(low - start, high - start)).to(device))
                for ask, start in zip(new.values(), ends, strict=False)
                for low, high in [(max(batch.start, start), min(batch.stop, start + ask.rows))]
                if low < high
            ]
            return parts[0] if len(parts) == 1 else torch.cat(parts)

        if new:
            answers = self._stream(clips_of, ends[-1])
            rows = [ask.rows for ask in new.values()]
            self.answers.update(zip(new, torch.split(answers, rows), strict=True))

    def _stream(self, clips_of: Callable[[slice], Tensor], n: int) -> Float[Tensor, "n K"]:
        known = self.explanation.ledger
        batches = stream(
            self.model, clips_of, range(n), known, self.batch_size, self.progress, self.clock
        )
        return torch.cat([*batches])


@dataclass(frozen=True, eq=False)
class Case:
    """A map on the bench: what a metric is given.

    Attributes:
        bench: The model, the clip and the answers so far.
        subject: The map that is evaluated, on the CPU.
        truth: (T, H, W) bool, where the evidence is known to be; or None.
    """

    bench: Bench
    subject: Subject
    truth: Bool[Tensor, "T H W"] | None = None

    @property
    def explanation(self) -> Explanation:
        """The explanation on the bench, whichever map this case is about."""
        return self.bench.explanation

    def values(self, ask: Ask, behavior: Behavior) -> Float[Tensor, " N"]:
        """Return the behavior watched for the target in the answers to an ask."""
        self.bench.ask([ask])
        ledger = self.explanation.ledger
        rows = self.bench.answers[ask.key] if ask.rows else ledger.scores[:0]
        return behavior(ledger.answers(rows), self.explanation.target).double()

    def of(self, subject: Subject) -> "Case":
        """Return the case of another map on the same bench."""
        return replace(self, subject=subject)


@runtime_checkable
class Metric(Protocol):
    """Says how good an explanation is: a frozen dataclass of its options.

    Attributes:
        better: Whether a ``higher`` or a ``lower`` number speaks for the explanation.
    """

    better: ClassVar[Better]

    def __call__(self, case: Case) -> Sequence[Measure]:
        """Return the numbers; one that is not defined for the case is None, with a note."""


@runtime_checkable
class Asking(Protocol):
    """A metric that can say beforehand what it will ask the model."""

    def asks(self, case: Case) -> Sequence[Ask]:
        """Return what the model will be asked about, so that all of it is asked in one go."""


def whole_clip(bench: Bench) -> Ask:
    """Return the ask for the clip itself."""
    shape = bench.clip.frames[:, 0].shape
    ones = bench.clip.frames.new_ones(1, *shape)
    return Ask("whole", 1, lambda rows: ones[rows], Remove())


def empty_clip(bench: Bench, fill: Fill) -> Ask:
    """Return the ask for the clip of which nothing is left."""
    shape = bench.clip.frames[:, 0].shape
    zeros = bench.clip.frames.new_zeros(1, *shape)
    key = ("empty", bench.key_of(fill))
    return Ask(key, 1, lambda rows: zeros[rows], Remove(fill=fill))


def defined(name: str, value: float, better: Better, otherwise: str) -> Measure:
    """Return a measure; where the number is NaN it is None, and ``otherwise`` says why."""
    return Measure(name, None, better, otherwise) if isnan(value) else Measure(name, value, better)
