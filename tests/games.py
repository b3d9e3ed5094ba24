"""Cooperative games with known answers, and the slow obvious ways to solve them."""

from collections.abc import Callable
from itertools import combinations
from math import factorial

import torch
from torch import Tensor

from vexplain.core import Coalitions, Game

Value = Callable[[Tensor], Tensor]
"""Takes (N, D) bool rows and returns (N,) values."""


def game_of(value: Value, rows: Coalitions) -> Game:
    ends = torch.stack([torch.ones(rows.n_features), torch.zeros(rows.n_features)]).bool()
    full, empty = value(ends).double()
    return Game(rows, value(rows.present).double()[:, None], full[None], empty[None], None)


def additive(weights: Tensor, base: float = 0.3) -> Value:
    return lambda present: base + present.double() @ weights.double()


def interacting(d: int, seed: int = 0) -> Value:
    """A random game: every coalition has a value of its own."""
    table = torch.rand(2**d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    bits = 2 ** torch.arange(d)
    return lambda present: table[(present.long() * bits).sum(1)]


def brute_force_shapley(value: Value, d: int) -> Tensor:
    """Shapley's formula, coalition by coalition."""
    scores = torch.zeros(d, dtype=torch.float64)
    for i in range(d):
        others = [j for j in range(d) if j != i]
        for size in range(d):
            weight = factorial(size) * factorial(d - size - 1) / factorial(d)
            for chosen in combinations(others, size):
                without = torch.zeros(1, d, dtype=torch.bool)
                without[0, list(chosen)] = True
                with_i = without.clone()
                with_i[0, i] = True
                scores[i] += weight * float(value(with_i) - value(without))
    return scores
