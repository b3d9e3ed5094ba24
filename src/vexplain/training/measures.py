"""What is measured after every epoch, on clips that nothing was learnt from."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from vexplain.core.checks import check_number, check_share
from vexplain.datasets import Dataset
from vexplain.training.folds import Fold


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """What an epoch came to.

    Attributes:
        epoch: From 1.
        loss: The mean over the clips that were learnt from, as they were changed.
        held_out_loss: The mean over the held-out clips.
        top1: Share of the held-out clips whose highest score is that of their class.
        top5: Share of them whose class is among the five highest.
        learning_rate: The last one.
        seconds: Wall time.
    """

    epoch: int
    loss: float
    held_out_loss: float
    top1: float
    top5: float
    learning_rate: float
    seconds: float


def epochs_of(rows: Any) -> tuple[Epoch, ...]:
    """Return the epochs of a history that was written down.

    Raises:
        TypeError: When it is no list of rows, or a row holds other things than an epoch.
        ValueError: When there is none, one is left out, or a number is none.
    """
    found = tuple(Epoch(**row) for row in rows)
    for number, epoch in enumerate(found, 1):
        for name, value in asdict(epoch).items():
            check_number(name, value)
        for share in ("top1", "top5"):
            check_share(share, getattr(epoch, share))
        if epoch.epoch != number:
            raise ValueError(f"epoch: expected {number}, got {epoch.epoch}.")
    if not found:
        raise ValueError("history: expected at least one epoch, got none.")
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Scores:
    """What the network says of the held-out clips.

    Attributes:
        index: (N,) places of the recordings in the dataset.
        logits: (N, K).
        labels: (N,).
    """

    index: Int[Tensor, " N"]
    logits: Float[Tensor, "N K"]
    labels: Int[Tensor, " N"]

    @property
    def loss(self) -> float:
        """The mean cross-entropy."""
        return float(functional.cross_entropy(self.logits, self.labels))

    def top(self, n: int) -> float:
        """Return the share of clips whose class is among the ``n`` highest."""
        best = self.logits.topk(min(n, self.logits.shape[1]), 1).indices
        return float((best == self.labels[:, None]).any(1).double().mean())


def scores_of(rows: Tensor, dataset: Dataset, fold: Fold) -> Scores:
    """Return scores (N, 1 + K), gathered from all processes, in the order of the dataset.

    Raises:
        ValueError: When no held-out recording could be read.
    """
    by_index = {int(row[0]): row[1:] for row in rows if row[0] >= 0}
    index = [i for i in fold.held_out if i in by_index]
    if not index:
        raise ValueError(f"data: no held-out recording of {dataset.name} can be read.")
    labels = [dataset.recordings[i].label or 0 for i in index]
    logits = torch.stack([by_index[i] for i in index])
    return Scores(index=torch.tensor(index), logits=logits, labels=torch.tensor(labels))
