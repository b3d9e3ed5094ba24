"""What a training came to: accuracy per fold and class, confusion, courses; kept as plain JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from jaxtyping import Int

from vexplain.core.checks import check_share, check_whole
from vexplain.core.files import write_atomically
from vexplain.training.measures import Epoch, epochs_of
from vexplain.training.writing import kept


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one fold came to.

    Attributes:
        fold: Its number, from 0.
        digest: Of the configuration and the dataset.
        said: The configuration, as far as it matters, and what was started from.
        history: What every epoch came to.
        recordings: Names of the held-out recordings, in their order in the dataset.
        labels: Their classes.
        predicted: The classes predicted after the last epoch.
        probability: The probabilities of those.
        training: How many recordings were learnt from; those that can't be read don't count.
        unreadable: Recordings that couldn't be read, and why.
        trained: What was trained.
        model: The name that opens the network of the last epoch, from the fold's folder.
        best_model: Likewise, of the epoch with the highest held-out accuracy.
        device: What computed it.
    """

    fold: int
    digest: str
    said: Mapping[str, Any]
    history: tuple[Epoch, ...]
    recordings: tuple[str, ...]
    labels: tuple[int, ...]
    predicted: tuple[int, ...]
    probability: tuple[float, ...]
    training: int
    unreadable: Mapping[str, str]
    trained: str
    model: str
    best_model: str
    device: str

    @property
    def accuracy(self) -> float:
        """Share of the held-out clips that the network of the last epoch gets right."""
        return self.history[-1].top1

    @property
    def best(self) -> Epoch:
        """The epoch with the highest held-out accuracy, the first of equals."""
        return max(self.history, key=lambda epoch: (epoch.top1, -epoch.epoch))

    @property
    def seconds(self) -> float:
        """Wall time of all epochs."""
        return sum(epoch.seconds for epoch in self.history)

    def confusion(self, n_classes: int) -> Int[np.ndarray, "K K"]:
        """Return how many clips of each class (row) were taken for each class (column)."""
        counts = np.zeros((n_classes, n_classes), np.int64)
        np.add.at(counts, (np.array(self.labels), np.array(self.predicted)), 1)
        return counts


def write_fold(result: FoldResult, file: Path) -> None:
    """Write a fold's result as JSON.

    Raises:
        OSError: When it can't be written.
    """
    with kept(file):
        write_atomically(file, json.dumps(asdict(result), indent=1).encode())


def read_fold(file: Path) -> FoldResult:
    """Read a fold's result.

    Raises:
        ValueError: When it isn't one.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        content["history"] = epochs_of(content["history"])
        fields: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in content.items()
        }
        found = FoldResult(**fields)
        check_fold(found)
        return found
    except (KeyError, TypeError, UnicodeDecodeError, ValueError) as error:
        raise ValueError(
            f"out: {file} is not the result of a fold ({error}). Say --fresh to begin anew."
        ) from error


def check_fold(result: FoldResult) -> None:
    """Check that what was read from a file is the result of a fold.

    Raises:
        ValueError: When a value is of another kind, or lists that belong together differ in length.
    """
    kinds: dict[Any, tuple[str, ...]] = {
        str: ("digest", "trained", "model", "best_model", "device"),
        Mapping: ("said", "unreadable"),
        tuple: ("recordings", "labels", "predicted", "probability"),
    }
    for kind, names in kinds.items():
        for name in names:
            if not isinstance(getattr(result, name), kind):
                raise ValueError(f"{name} is of another kind: {getattr(result, name)!r}")
    lengths = {name: len(getattr(result, name)) for name in kinds[tuple]}
    if len(set(lengths.values())) > 1 or not result.labels:
        raise ValueError(f"expected one value per held-out recording, got {lengths}")
    if not all(isinstance(text, str) for text in (*result.recordings, *result.unreadable.values())):
        raise ValueError("recordings or unreadable: something is no text")
    for name in ("labels", "predicted"):
        for number in getattr(result, name):
            check_whole(name, number, 0)
    for name in ("fold", "training"):
        check_whole(name, getattr(result, name), 0)
    for share in result.probability:
        check_share("probability", share)


@dataclass(frozen=True, kw_only=True)
class Results:
    """What a training came to, over the folds that are finished.

    Attributes:
        folds: One result per fold.
        n_folds: How many folds there are to be.
        class_names: One name per class.
        dataset: The dataset's name.
        folder: Where everything lies.
    """

    folds: tuple[FoldResult, ...]
    n_folds: int
    class_names: tuple[str, ...]
    dataset: str
    folder: Path

    @property
    def model(self) -> str:
        """What was trained."""
        return self.folds[0].trained

    @property
    def accuracies(self) -> list[float]:
        """The accuracy of each fold after the last epoch, which nothing chose."""
        return [fold.accuracy for fold in self.folds]

    @property
    def accuracy(self) -> float:
        """Their mean."""
        return mean(self.accuracies)

    @property
    def deviation(self) -> float | None:
        """Their standard deviation (with n − 1), or None for a single fold."""
        return stdev(self.accuracies) if len(self.folds) > 1 else None

    @property
    def confusion(self) -> Int[np.ndarray, "K K"]:
        """Clips of each class (row) that were taken for each class (column), in all folds."""
        total: Int[np.ndarray, "K K"] = np.sum(
            [fold.confusion(len(self.class_names)) for fold in self.folds], axis=0
        )
        return total

    @property
    def recalls(self) -> list[float | None]:
        """The share of each class that is recognised, over all folds; None = not measured."""
        counts = self.confusion
        return [float(row[k] / row.sum()) if row.sum() else None for k, row in enumerate(counts)]

    @property
    def seconds(self) -> float:
        """Wall time of all epochs of all folds."""
        return sum(fold.seconds for fold in self.folds)

    def __str__(self) -> str:
        """Return the accuracy in words."""
        spread = "" if self.deviation is None else f" ± {self.deviation:.2%}"
        folds = f"{len(self.folds)} of {self.n_folds} folds" if self.n_folds > 1 else "one split"
        return f"{self.accuracy:.2%}{spread} ({folds})"


def table(rows: Sequence[Sequence[Any]], header: Sequence[str]) -> str:
    """Return rows as a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    cells = ([str(value).replace("|", "\\|") for value in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
