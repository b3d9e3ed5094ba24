"""From recordings to batches: read and changed in worker processes, the same whoever works."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from vexplain.core import ClipSpec
from vexplain.datasets import Dataset
from vexplain.training.augmentation import Augmentation, augmented, ramp
from vexplain.training.cache import read


class Draw(NamedTuple):
    """A recording to be read.

    Attributes:
        place: Its place in the dataset.
        epoch: From 0; -1 = as it is, for measuring.
        removal: The probability that parts of it are removed.
    """

    place: int
    epoch: int = -1
    removal: float = 0.0


class Sample(NamedTuple):
    """A recording that was read, or black and why it wasn't; and why its truth wasn't."""

    draw: Draw
    clip: Tensor
    target: Tensor
    problem: str = ""
    doubt: str = ""


class Batch(NamedTuple):
    """Clips that are asked about together.

    Attributes:
        clips: (N, T, 3, H, W), uint8 in training, float32 in [0, 1] for measuring.
        targets: (N, K) probabilities.
        weights: (N,) 1, or 0 in place of a recording that can't be read.
        places: (N,) in the dataset.
        problems: Places of the recordings that can't be read, and why.
        doubts: Places of those whose truth can't be read, and why.
    """

    clips: Tensor
    targets: Tensor
    weights: Tensor
    places: Tensor
    problems: list[tuple[int, str]]
    doubts: list[tuple[int, str]]


def seeded(*numbers: int) -> Generator:
    """Return a generator that these numbers alone decide."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)
    return Generator().manual_seed(int(state[0] >> 1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Clips(TorchDataset[Sample]):
    """The recordings of a dataset as samples.

    Attributes:
        dataset: The recordings.
        spec: What a clip shall be.
        augmentation: What is done to clips that are learnt from.
        seed: With the epoch and the recording's place it decides what is drawn.
        cache: Folder where decoded clips are kept; None = nowhere. Clips are rounded to 8 bits
            either way.
    """

    dataset: Dataset
    spec: ClipSpec
    augmentation: Augmentation
    seed: int
    cache: Path | None = None

    def __getitem__(self, draw: Draw) -> Sample:
        """Return one recording, changed where it is learnt from."""
        recording = self.dataset.recordings[draw.place]
        n_classes = len(self.dataset.class_names)
        target = torch.zeros(n_classes)
        target[recording.label or 0] = 1
        needed = draw.epoch >= 0 and draw.removal > 0
        try:
            found = read(recording, draw.place, self.spec, folder=self.cache, with_truth=needed)
        except (ValueError, OSError) as error:
            return Sample(draw, self.black(draw), target, f"{type(error).__name__}: {error}")
        if draw.epoch < 0:
            return Sample(draw, found.clip.frames, target)
        generator = seeded(self.seed, draw.epoch, draw.place)
        frames, sure = augmented(
            found.clip.frames, found.truth, self.augmentation, draw.removal, generator
        )
        target = sure * target + (1 - sure) / n_classes
        doubt = found.doubt if needed else ""
        return Sample(draw, (frames * 255).round().to(torch.uint8), target, doubt=doubt)

    def black(self, draw: Draw) -> Tensor:
        """Return what stands in place of a clip that can't be read."""
        height, width = self.spec.height_width or (224, 224)
        dtype = torch.float32 if draw.epoch < 0 else torch.uint8
        return torch.zeros(self.spec.frames, 3, height, width, dtype=dtype)


def together(samples: Sequence[Sample]) -> Batch:
    """Return samples as a batch; one that can't be read is another one with a weight of 0.

    Batches keep their size that way, and all processes their pace. Where none can be read, all
    are black.
    """
    stand_in = next((one.clip for one in samples if not one.problem), samples[0].clip)
    clips = [stand_in if sample.problem else sample.clip for sample in samples]
    return Batch(
        clips=torch.stack(clips),
        targets=torch.stack([sample.target for sample in samples]),
        weights=torch.tensor([float(not sample.problem) for sample in samples]),
        places=torch.tensor([sample.draw.place for sample in samples]),
        problems=[(sample.draw.place, sample.problem) for sample in samples if sample.problem],
        doubts=[(sample.draw.place, sample.doubt) for sample in samples if sample.doubt],
    )


@dataclass(kw_only=True, eq=False)
class Shuffled(Sampler[list[Draw]]):
    """Batches in an order that the seed and the epoch decide; a last one that isn't full is left.

    Attributes:
        index: Places of the recordings.
        size: Clips per batch, of all processes together.
        seed: Decides the order.
        epochs: How many there are.
        removal: The highest probability that parts are removed.
        rank: The number of this process.
        processes: How many there are.
        epoch: The present one, from 0.
    """

    index: Sequence[int]
    size: int
    seed: int
    epochs: int
    removal: float = 0.0
    rank: int = 0
    processes: int = 1
    epoch: int = 0

    def __len__(self) -> int:
        return max(len(self.index) // self.size, 1)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Go through this process's share of every batch."""
        order = torch.randperm(len(self.index), generator=seeded(self.seed, self.epoch)).tolist()
        size = min(self.size, len(order))
        size -= size % self.processes
        for batch in range(len(self)):
            done = (self.epoch + batch / len(self)) / self.epochs
            rows = order[batch * size : (batch + 1) * size][self.rank :: self.processes]
            removal = self.removal * ramp(done)
            yield [Draw(self.index[row], self.epoch, removal) for row in rows]


@dataclass(kw_only=True, eq=False)
class InOrder(Sampler[list[Draw]]):
    """Every recording once, in batches of equal numbers for every process.

    Attributes:
        index: Places of the recordings.
        size: Clips per batch and process.
        rank: The number of this process.
        processes: How many there are.
    """

    index: Sequence[int]
    size: int
    rank: int = 0
    processes: int = 1

    @property
    def own(self) -> Sequence[int]:
        """The share of this process; the first ones come again where it doesn't come out even."""
        lacking = -len(self.index) % self.processes
        return [*self.index, *(list(self.index) * lacking)[:lacking]][self.rank :: self.processes]

    def __len__(self) -> int:
        return -(-len(self.own) // self.size)

    def __iter__(self) -> Iterator[list[Draw]]:
        """Go through this process's share."""
        own = self.own
        for start in range(0, len(own), self.size):
            yield [Draw(place) for place in own[start : start + self.size]]


def loader(clips: Clips, batches: Sampler[list[Draw]], *, workers: int, pinned: bool) -> Any:
    """Return what reads batches ahead in worker processes, which stay from epoch to epoch."""
    return DataLoader(
        clips,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=together,
        pin_memory=pinned,
        persistent_workers=workers > 0,
        worker_init_fn=_started,
        generator=Generator(),  # else the loader would draw from the one that dropout draws from
    )


def _started(_number: int) -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
