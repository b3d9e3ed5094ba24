"""Step 5: the number watched. Every behavior is higher when the answer is more for the target."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import ClassScores

TINY = 1e-7
"""Probabilities are kept this far from 0 and 1 before a logarithm: the resolution of float32."""


@dataclass(frozen=True)
class Probability:
    """The probability of the target, as in the paper's Table 2 ("prediction")."""

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return (N,) probabilities."""
        return probabilities(answers)[:, target]


@dataclass(frozen=True)
class Logit:
    """The target's score before the softmax or sigmoid.

    Softmax probabilities don't tell their logits; log p is returned for them, which is the logit
    less the log of the normaliser.
    """

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return (N,) logits."""
        value = answers.values[:, target]
        if answers.kind == "logits":
            return value
        if answers.kind == "sigmoid":
            return value.clamp(TINY, 1 - TINY).logit()
        return value.clamp(min=TINY).log()


@dataclass(frozen=True)
class LogOdds:
    """log p − log (1 − p): additive where evidence adds up, and never saturated."""

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return (N,) log-odds; 1 − p of a softmax is summed over the other classes."""
        if answers.kind == "sigmoid":
            return Logit()(answers, target)
        others = without(answers.values, target)
        if answers.kind == "logits":
            return answers.values[:, target] - others.logsumexp(1)
        return answers.values[:, target].clamp(min=TINY).log() - others.sum(1).clamp(min=TINY).log()


@dataclass(frozen=True)
class Margin:
    """Probability of the target less that of a rival: the best other class, or a named one.

    Attributes:
        against: The rival's number or name; None = in every answer the best of the other classes.
    """

    against: int | str | None = None

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return (N,) margins in [−1, 1].

        Raises:
            ValueError: When the rival is unknown or is the target itself.
        """
        p = probabilities(answers)
        if self.against is None:
            return p[:, target] - without(p, target).amax(1)
        rival = answers.index(self.against)
        if rival == target:
            raise ValueError(f"against: expected another class than the target, got {target} too.")
        return p[:, target] - p[:, rival]


@dataclass(frozen=True)
class Loss:
    """Minus the cross-entropy of the target, log p: the sign keeps "higher = for the target"."""

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return (N,) log-probabilities."""
        if answers.kind == "logits":
            return answers.values.log_softmax(1)[:, target]
        return answers.values[:, target].clamp(min=TINY).log()


def probabilities(answers: ClassScores) -> Float[Tensor, "N K"]:
    """Return the answers as probabilities (N, K)."""
    return answers.values.softmax(1) if answers.kind == "logits" else answers.values


def without(values: Float[Tensor, "N K"], target: int) -> Tensor:
    """Return the columns of the other classes (N, K − 1).

    Raises:
        ValueError: When there is no other class.
    """
    if values.shape[1] < 2:
        raise ValueError(
            "behavior: expected at least two classes to compare, got one. "
            "Use Probability, or say outputs='sigmoid' in the ModelSpec."
        )
    return torch.cat([values[:, :target], values[:, target + 1 :]], 1)
