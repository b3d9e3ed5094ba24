"""The loop over epochs: learn, measure, save; killed at any time it goes on from the last epoch."""

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from vexplain.core import Progress, VexplainWarning
from vexplain.datasets import Dataset
from vexplain.training.clips import Batch, Clips, InOrder, Shuffled, loader, seeded
from vexplain.training.config import Config
from vexplain.training.folds import Fold
from vexplain.training.learning import (
    average,
    freeze,
    optimizer_for,
    rate_at,
    rest_unused,
    set_training,
)
from vexplain.training.measures import Epoch, Scores, epochs_of, scores_of
from vexplain.training.processes import alike, together
from vexplain.training.states import State
from vexplain.training.trainable import Trainable, Whole

UNREADABLE = 0.1
"""The largest share of a part's recordings that may be unreadable; one may be in any case."""
WATCH = 25
"""Steps between two looks whether the loss is still a number; each look waits for the device."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """One fold while it is trained.

    Attributes:
        config: How.
        dataset: On what.
        fold: Which parts of it.
        found: The network.
        accelerator: Devices and processes.
        device: Where this process computes.
        order: Says which clips are learnt from when.
        learning: The batches of an epoch to learn from.
        measuring: Those to measure with.
        model: The network as accelerate wraps it.
        optimizer: Likewise.
        averaged: The moving average of the weights, or None.
        unreadable: Names of the recordings that couldn't be read, and why.
        doubtful: Names of those whose truth couldn't be read.
    """

    config: Config
    dataset: Dataset
    fold: Fold
    found: Trainable
    accelerator: Any
    device: torch.device
    order: Shuffled
    learning: Iterable[Batch]
    measuring: Iterable[Batch]
    model: nn.Module
    optimizer: Any
    averaged: AveragedModel | None
    unreadable: dict[str, str] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    @property
    def whole(self) -> Whole:
        """The network, as this process has it."""
        return self.found.whole

    @property
    def result(self) -> Whole:
        """The network that is measured and saved."""
        averaged: Any = self.averaged
        found: Whole = averaged.module if averaged else self.whole
        return found

    @property
    def steps(self) -> int:
        """Steps in all epochs."""
        return self.config.epochs * len(self.order)

    def state(self, history: list[Epoch], digest: str, said: Mapping[str, Any], best: str) -> State:
        """Return everything that going on needs.

        Args:
            history: What every epoch came to.
            digest: Of the training.
            said: What the training is.
            best: The name of the best network yet.
        """
        scaler = self.accelerator.scaler
        return State(
            digest=digest,
            said=said,
            history=[asdict(epoch) for epoch in history],
            unreadable=self.unreadable,
            model=self.whole.state_dict(),
            optimizer=self.optimizer.state_dict(),
            averaged=self.averaged.state_dict() if self.averaged else {},
            scaler=scaler.state_dict() if scaler else {},
            best=best,
            processes=self.accelerator.num_processes,
        )

    def restore(self, state: State) -> list[Epoch]:
        """Go back to a state, and return its history."""
        self.whole.load_state_dict(state.model)
        self.optimizer.load_state_dict(state.optimizer)
        if self.averaged:
            self.averaged.load_state_dict(state.averaged)
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state.scaler)
        self.unreadable.update(state.unreadable)
        return [*epochs_of(state.history)]

    def learn(self, epoch: int, progress: Progress | None = None) -> float:
        """Go through the training clips once, and return the mean loss.

        Raises:
            ValueError: When the loss is no number any more, or too much can't be read.
        """
        self.order.epoch = epoch
        torch.manual_seed(seeded(self.config.seed, epoch, self.order.rank, 1).initial_seed())
        set_training(self.model, self.whole, self.found.head, self.config)
        total, steps = torch.zeros((), device=self.device), 0
        for number, batch in enumerate(self.learning):
            self.note(batch, self.fold.training)
            weight = self.weight(batch)
            if weight:
                total += self.step(epoch * len(self.order) + number, batch, weight)
                steps += 1
            if number % WATCH == 0 or number + 1 == len(self.order):
                check_loss(total, epoch, number, self.config)
            if progress:
                progress.advance(1)
        self.share()
        if not steps:
            raise ValueError(
                f"data: no recording of {self.dataset.name} to learn from can be read."
            )
        return float(self.accelerator.gather(total[None]).mean()) / steps

    def weight(self, batch: Batch) -> float:
        """Return how many clips of a batch could be read, over all processes."""
        if self.accelerator.num_processes == 1:
            return float(batch.weights.sum())
        own = batch.weights.sum(0, keepdim=True).to(self.device)
        return float(self.accelerator.gather(own).sum())

    def step(self, number: int, batch: Batch, weight: float) -> Tensor:
        """Learn from one batch, and return its loss.

        Args:
            number: From 0, over all epochs.
            batch: The clips of this process.
            weight: How many could be read, over all processes; above 0.
        """
        rate = rate_at(number, self.steps, self.config)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        lost = not bool(batch.weights.any())
        if lost:  # black clips must not change the norms' statistics, but the others wait
            self.whole.eval()
        loss = self.loss(batch, weight)
        self.accelerator.backward(loss)
        if lost:
            set_training(self.model, self.whole, self.found.head, self.config)
        if self.config.clip_norm:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad()
        if self.averaged:
            self.averaged.update_parameters(self.whole)
        return loss.detach()

    def loss(self, batch: Batch, weight: float) -> Tensor:
        """Return the cross-entropy of a batch, whose mean over the processes is that of all clips.

        Args:
            batch: The clips of this process.
            weight: How many could be read, over all processes.
        """
        losses = functional.cross_entropy(
            self.model(canonical(batch.clips, self.device)),
            batch.targets.to(self.device),
            reduction="none",
            label_smoothing=self.config.label_smoothing,
        )
        weights = batch.weights.to(self.device)
        processes: int = self.accelerator.num_processes
        return (losses * weights).sum() * processes / weight

    @torch.no_grad()
    def measure(self) -> Scores:
        """Return what the network says of the held-out clips, whole and in their order.

        It is asked in float32, whatever it learns in, as it will be when it is opened.
        """
        network = Whole(self.result.network, self.found.spec).eval()  # accelerate wrapped the other
        if self.accelerator.num_processes > 1:
            alike(network)
        parts: list[Tensor] = []
        for batch in self.measuring:
            self.note(batch, self.fold.held_out)
            logits = torch.zeros(batch.targets.shape, device=self.device)
            if bool(batch.weights.any()):
                logits = network(canonical(batch.clips, self.device)).float()
            which = torch.where(batch.weights > 0, batch.places, -1).to(logits)
            parts.append(torch.cat([which[:, None], logits], 1))
        rows = self.accelerator.gather(torch.cat(parts)).cpu()
        self.share()
        return scores_of(rows, self.dataset, self.fold)

    def note(self, batch: Batch, part: Sequence[int]) -> None:
        """Warn once of every recording that can't be read, or whose truth can't be.

        Raises:
            ValueError: When those that can't be read are too many of the part.
        """
        for place, reason in batch.doubts:
            name = self.dataset.recordings[place].name
            if name not in self.doubtful:
                self.doubtful.add(name)
                message = f"data: {name} is learnt from without its truth ({reason})"
                warnings.warn(message, VexplainWarning, stacklevel=2)
        for place, reason in batch.problems:
            name = self.dataset.recordings[place].name
            if name not in self.unreadable:
                self.unreadable[name] = reason
                warnings.warn(f"data: {name} is left out ({reason})", VexplainWarning, stacklevel=2)
        if batch.problems:
            self.judge(part)

    def share(self) -> None:
        """Learn what other processes couldn't read.

        Raises:
            ValueError: When it is too much of a part.
        """
        self.unreadable.update(together(self.unreadable))
        for part in (self.fold.training, self.fold.held_out):
            self.judge(part)

    def lost(self, part: Sequence[int]) -> list[str]:
        """Return the names of the recordings of a part that couldn't be read."""
        names = [self.dataset.recordings[place].name for place in part]
        return [name for name in names if name in self.unreadable]

    def judge(self, part: Sequence[int]) -> None:
        """Raise ``ValueError`` when too many recordings of a part can't be read."""
        lost = self.lost(part)
        if len(lost) > max(1, UNREADABLE * len(part)):
            raise ValueError(
                f"data: {len(lost)} of {len(part)} recordings of a part of {self.dataset.name} "
                f"can't be read, more than {UNREADABLE:.0%}; one is {lost[-1]} "
                f"({self.unreadable[lost[-1]]}). Repair the dataset, or take them out of it."
            )


def fit_of(
    config: Config,
    dataset: Dataset,
    fold: Fold,
    found: Trainable,
    accelerator: Any,
    device: torch.device,
    cache: Path | None = None,
) -> Fit:
    """Return a fold before its first epoch.

    Args:
        config: How it is trained.
        dataset: On what.
        fold: Which parts of it.
        found: The network, which is moved to the device.
        accelerator: Devices and processes.
        device: Where this process computes.
        cache: Where decoded clips are kept, or None.

    Raises:
        ValueError: When a process would have no clip to learn from.
    """
    rank, processes = accelerator.process_index, accelerator.num_processes
    if len(fold.training) < processes:
        raise ValueError(
            f"data: fold {fold.number} has {len(fold.training)} recordings to learn from, fewer "
            f"than the {processes} processes. Start fewer processes."
        )
    clips = Clips(
        dataset=dataset,
        spec=found.clip,
        augmentation=config.augmentation,
        seed=config.seed,
        cache=cache,
    )
    order = Shuffled(
        index=fold.training,
        size=config.batch_size,
        seed=config.seed,
        epochs=config.epochs,
        removal=config.augmentation.removal,
        rank=rank,
        processes=processes,
    )
    measured = InOrder(
        index=fold.held_out, size=config.batch_size // processes, rank=rank, processes=processes
    )
    pinned = device.type == "cuda"
    freeze(found.whole, found.head, config)
    if processes > 1:
        rest_unused(found.whole, found.spec)
    averaged = average(found.whole.to(device), config.ema)
    model, optimizer = accelerator.prepare(found.whole, optimizer_for(found.whole, config))
    return Fit(
        config=config,
        dataset=dataset,
        fold=fold,
        found=found,
        accelerator=accelerator,
        device=device,
        order=order,
        learning=loader(clips, order, workers=config.workers, pinned=pinned),
        measuring=loader(clips, measured, workers=config.workers, pinned=pinned),
        model=model,
        optimizer=optimizer,
        averaged=averaged,
    )


def canonical(clips: Tensor, device: torch.device) -> Tensor:
    """Return clips on the device, as float32 in [0, 1]."""
    there = clips.to(device, non_blocking=True)
    return there.float() / 255 if there.dtype == torch.uint8 else there


def check_loss(total: Tensor, epoch: int, step: int, config: Config) -> None:
    """Raise ``ValueError`` when the loss is infinite or no number."""
    if not bool(total.isfinite()):
        raise ValueError(
            f"learning_rate: the loss is no finite number any more in epoch {epoch + 1}, at step "
            f"{step + 1} or shortly before. Lower the learning rate ({config.learning_rate:g}), or "
            "set clip_norm: 1, or train in float32."
        )


def check_scores(scores: Scores, epoch: int) -> None:
    """Raise ``ValueError`` when the loss of the held-out clips is infinite or no number."""
    if not isfinite(scores.loss):
        raise ValueError(
            f"model: its answers to held-out clips are no finite numbers any more after epoch "
            f"{epoch + 1}. Lower the learning rate, or set clip_norm: 1, or train in float32."
        )


@contextmanager
def shown(progress: Progress | None, total: int, done: int) -> Iterator[None]:
    """Show progress as long as this lasts."""
    if progress:
        progress.start(total)
        progress.advance(done)
    try:
        yield
    finally:
        if progress:
            progress.stop()


def fitted(
    fit: Fit,
    history: list[Epoch],
    told: Callable[[list[Epoch], bool], None],
    progress: Progress | None = None,
) -> tuple[list[Epoch], Scores]:
    """Train a fold to its end, and return what every epoch came to, and the last scores.

    Args:
        fit: The fold.
        history: The epochs that lie behind.
        told: Is told after every epoch what all came to, and whether the last is the best yet.
        progress: Is told of every step; None = nobody is.

    Raises:
        ValueError: When the loss is no number any more, or too much can't be read.
    """
    done, scores = list(history), None
    with shown(progress, fit.steps, len(done) * len(fit.order)):
        for number in range(len(done), fit.config.epochs):
            start = time.monotonic()
            loss = fit.learn(number, progress)
            scores = fit.measure()
            check_scores(scores, number)
            best = max((epoch.top1 for epoch in done), default=-1.0)
            epoch = Epoch(
                epoch=number + 1,
                loss=loss,
                held_out_loss=scores.loss,
                top1=scores.top(1),
                top5=scores.top(5),
                learning_rate=fit.optimizer.param_groups[0]["lr"],
                seconds=time.monotonic() - start,
            )
            done.append(epoch)
            told(done, epoch.top1 > best)
            fit.accelerator.wait_for_everyone()
    return done, scores or fit.measure()
