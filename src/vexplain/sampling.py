"""Steps 2 and 3: how many features are present, and which.

A size law gives the probability of every number of features present, 0..D. A sampler turns it into
rows: ``Exhaustive`` lists every coalition that the law allows, ``MonteCarlo`` draws them. Among
coalitions of one size all are equally likely.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import comb

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Coalitions, SizeLaw
from vexplain.core.checks import check_positive, check_share, check_whole

LISTABLE = 1 << 20
"""The most coalitions that are ever listed."""


@dataclass(frozen=True)
class AllButOne:
    """One feature is absent at a time: LOCO and occlusion sensitivity (paper §3.2)."""

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,): all weight on D − 1."""
        return normalised(torch.arange(n_features + 1) == n_features - 1)


@dataclass(frozen=True)
class OnlyOne:
    """One feature is present at a time: univariate predictors (paper §3.2)."""

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,): all weight on 1."""
        return normalised(torch.arange(n_features + 1) == 1)


@dataclass(frozen=True)
class Binomial:
    """Every feature is present with probability ``p``, on its own: LIME and RISE with p = ½."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_share("p", self.p)

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,): C(D, k) pᵏ (1 − p)ᴰ⁻ᵏ."""
        k = torch.arange(n_features + 1, dtype=torch.float64)
        ways = (k + 1).lgamma() + (n_features - k + 1).lgamma()
        p = torch.tensor(self.p, dtype=torch.float64)
        odds = torch.xlogy(k, p) + torch.xlogy(n_features - k, 1 - p)
        return normalised((odds - ways).softmax(0))


@dataclass(frozen=True)
class ShapleyKernel:
    """The weight of each size in Kernel SHAP: (D − 1) / (k (D − k)), for 0 < k < D.

    Source: Lundberg and Lee 2017, theorem 2, summed over the C(D, k) coalitions of a size.
    """

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,)."""
        return normalised(kernel_by_size(n_features))


@dataclass(frozen=True)
class Uniform:
    """Every size from 1 to D − 1 is equally likely: leverage-score sampling.

    Source: Musco and Witter 2025, "Provably accurate Shapley value estimation via leverage score
    sampling".
    """

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,)."""
        return normalised(kernel_by_size(n_features) > 0)


@dataclass(frozen=True)
class Mix:
    """A mixture of size laws: with probability ``weights[i]`` a row follows ``laws[i]``."""

    laws: tuple[SizeLaw, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.laws or len(self.laws) != len(self.weights):
            raise ValueError(
                f"weights: expected one weight per law ({len(self.laws)}), got {len(self.weights)}."
            )
        for weight in self.weights:
            check_positive("weights", weight)

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return the law (D + 1,): the weighted mean of the laws."""
        mixed = [w * law(n_features) for w, law in zip(self.weights, self.laws, strict=True)]
        return normalised(torch.stack(mixed).sum(0))


@dataclass(frozen=True)
class Exhaustive:
    """Lists every coalition that the law allows, each once, weighted by its probability."""

    def __call__(self, law: Float[Tensor, " sizes"], generator: torch.Generator) -> Coalitions:
        """Return the coalitions in the order of their sizes; nothing is drawn.

        Raises:
            ValueError: When the law allows more than 2²⁰ coalitions.
        """
        if support(law) > LISTABLE:
            raise ValueError(
                f"samples: expected at most {LISTABLE} coalitions to list, the law over "
                f"{len(law) - 1} features allows more. Use MonteCarlo, or fewer regions."
            )
        return listed([k for k in range(len(law)) if law[k] > 0], law)


@dataclass(frozen=True)
class MonteCarlo:
    """Draws coalitions from the size law.

    Attributes:
        n_samples: N, the number of rows, which is the number of answers asked of the model.
        paired: Draw a coalition together with its complement. Needs a symmetric law.
        distinct: No coalition twice: what was drawn again counts in the weight instead. Where the
            law allows no more than ``n_samples`` coalitions they are all listed.
        borders_first: List the smallest and largest coalitions, size by size, as long as the draws
            expected there would pay for all of them, and draw the rest (the original Kernel SHAP).
        jitter: Draw a random shift for a soft grid with every row (RISE).
    """

    n_samples: int = 1000
    paired: bool = False
    distinct: bool = False
    borders_first: bool = False
    jitter: bool = False

    def __post_init__(self) -> None:
        check_whole("n_samples", self.n_samples)
        if self.jitter and (self.distinct or self.borders_first):
            raise ValueError(
                "jitter: rows with a random shift are never the same coalition; expected "
                "distinct=False and borders_first=False, got True."
            )

    def __call__(self, law: Float[Tensor, " sizes"], generator: torch.Generator) -> Coalitions:
        """Return the coalitions; their weights follow the law and have mean 1.

        Raises:
            ValueError: When ``paired`` meets a law that treats k and D − k differently.
        """
        if self.paired and not torch.allclose(law, law.flip(0)):
            raise ValueError(
                "paired: a complement follows the law only if sizes k and D - k are equally "
                "likely. Use paired=False with this law."
            )
        if (self.distinct or self.borders_first) and support(law) <= min(self.n_samples, LISTABLE):
            return Exhaustive()(law, generator)
        sizes = border_sizes(law, self.n_samples) if self.borders_first else []
        rest = law.clone()
        rest[sizes] = 0
        border = listed(sizes, law)
        drawn = self._draw(law, rest, self.n_samples - len(border), generator)
        if self.jitter:
            drawn = replace(drawn, jitter=torch.rand(len(drawn), 3, generator=generator))
        return joined(border, drawn, float(law[sizes].sum()))

    def _draw(self, law: Tensor, rest: Tensor, n: int, generator: torch.Generator) -> Coalitions:
        per_draw = 2 if self.paired else 1
        units = -(-n // per_draw)
        rows, counts = (
            draw_distinct(rest, units, generator, up_to_complement=self.paired)
            if self.distinct
            else draw_rows(rest, units, generator)
        )
        rows = torch.stack([rows, ~rows], 1).flatten(0, 1) if self.paired else rows
        group = torch.arange(len(counts)).repeat_interleave(per_draw)
        weight = counts.repeat_interleave(per_draw)
        jitter = torch.zeros(len(rows), 3)
        return Coalitions(rows, weight, jitter, group, law)[:n]


def normalised(weights: Tensor) -> Float[Tensor, " sizes"]:
    """Return (D + 1,) weights as float64 probabilities."""
    return weights.double() / weights.double().sum()


def kernel_by_size(n_features: int) -> Float[Tensor, " sizes"]:
    """Return (D + 1,) the Shapley kernel summed over the coalitions of each size, not normalised.

    A single feature has no proper coalition; both sizes get the weight 1 then.
    """
    if n_features == 1:
        return torch.ones(2, dtype=torch.float64)
    k = torch.arange(n_features + 1, dtype=torch.float64)
    inner = (k > 0) & (k < n_features)
    return torch.where(inner, (n_features - 1) / (k * (n_features - k)).clamp(min=1), 0.0)


def support(law: Tensor) -> int:
    """Return how many coalitions the law allows."""
    return sum(comb(len(law) - 1, k) for k in range(len(law)) if law[k] > 0)


def rows_of_size(n_features: int, size: int) -> Bool[Tensor, "rows D"]:
    """Return the (C(D, k), D) coalitions of one size, those of absent features in lexical order."""
    few = min(size, n_features - size)
    count = comb(n_features, few)
    chosen = np.array(list(combinations(range(n_features), few)), dtype=np.int64)
    rows = torch.zeros(count, n_features, dtype=torch.bool)
    rows.scatter_(1, torch.from_numpy(chosen.reshape(count, few)), True)
    return rows if few == size else ~rows


def listed(sizes: Sequence[int], law: Tensor) -> Coalitions:
    """Return all coalitions of some sizes, each with its probability as weight (not scaled)."""
    n_features = len(law) - 1
    blocks = [rows_of_size(n_features, k) for k in sizes]
    present = torch.cat(blocks) if blocks else torch.zeros(0, n_features, dtype=torch.bool)
    shares = [law[k].expand(len(b)) / len(b) for k, b in zip(sizes, blocks, strict=True)]
    weight = torch.cat(shares) if shares else torch.zeros(0, dtype=torch.float64)
    n = len(present)
    mean = weight.mean() if n else 1.0
    return Coalitions(present, weight / mean, torch.zeros(n, 3), torch.full((n,), -1), law)


def border_sizes(law: Tensor, budget: int) -> list[int]:
    """Return the sizes worth listing, from 1 and D − 1 inwards (Lundberg's Kernel SHAP).

    A pair of sizes is listed when the draws that would fall on it are at least its coalitions.
    """
    n_features, left, mass, sizes = len(law) - 1, float(budget), float(law.sum()), []
    for k in range(n_features // 2 + 1):
        pair = sorted({k, n_features - k})
        share, count = float(law[pair].sum()), sum(comb(n_features, size) for size in pair)
        if share == 0:
            continue
        if left * share < count * mass * (1 - 1e-9):
            break
        sizes += pair
        left, mass = left - count, mass - share
    return sizes


def draw_rows(
    law: Tensor, n: int, generator: torch.Generator
) -> tuple[Bool[Tensor, "n D"], Float[Tensor, " n"]]:
    """Return n coalitions drawn with replacement, and how often each counts (once)."""
    n_features = len(law) - 1
    sizes = torch.multinomial(law, n, replacement=True, generator=generator)
    order = torch.rand(n, n_features, generator=generator).argsort(1)
    ranks = torch.empty_like(order).scatter_(1, order, torch.arange(n_features).expand_as(order))
    return ranks < sizes[:, None], torch.ones(n, dtype=torch.float64)


def draw_distinct(
    law: Tensor, n: int, generator: torch.Generator, *, up_to_complement: bool, rounds: int = 16
) -> tuple[Bool[Tensor, "n D"], Float[Tensor, " n"]]:
    """Return up to n different coalitions and how often each was drawn until the n-th was found.

    A coalition and its complement may count as the same. After ``rounds`` × n draws the
    search gives up on the very unlikely coalitions.
    """
    drawn = draw_rows(law, n, generator)[0]
    for _ in range(rounds):
        first, inverse = first_appearances(drawn, up_to_complement=up_to_complement)
        if len(first) >= n:
            break
        drawn = torch.cat([drawn, draw_rows(law, n, generator)[0]])
    last = len(drawn) if len(first) <= n else int(first[n])
    counts = torch.bincount(inverse[:last], minlength=len(first))[:n]
    return drawn[first[:n]], counts.double()


def first_appearances(
    rows: Bool[Tensor, "n D"], *, up_to_complement: bool
) -> tuple[Tensor, Tensor]:
    """Return where each different row appears first, in that order, and each row's place there."""
    same = rows ^ ~rows[:, :1] if up_to_complement else rows
    packed = np.packbits(same.numpy(), axis=1)
    _, first, inverse = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return torch.from_numpy(first[order]), torch.from_numpy(place[inverse.reshape(-1)])


def joined(border: Coalitions, drawn: Coalitions, border_share: float) -> Coalitions:
    """Return listed and drawn rows as one, the listed ones weighing their share of the law."""
    drawn_weight = drawn.weight * ((1 - border_share) / drawn.weight.sum())
    border_weight = border.weight * (border_share / max(len(border), 1))
    weight = torch.cat([border_weight, drawn_weight])
    return Coalitions(
        torch.cat([border.present, drawn.present]),
        weight / weight.mean(),
        torch.cat([border.jitter, drawn.jitter]),
        torch.cat([border.group, drawn.group]),
        drawn.law,
    )
