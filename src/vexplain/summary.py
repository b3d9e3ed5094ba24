"""Step 6: turns the changes of the value into one score per feature; positive = supports.

All computations are in float64, for M targets at once over the same rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core import Coalitions, Game, SummaryScores
from vexplain.core.checks import check_number, check_positive, check_whole

WORST = 0.001
"""Directions of a Shapley regression with less than this share of the best one's weight are left
out; with rows drawn evenly that begins where there are hardly more of them than features."""

KEEP_BUDGET = 1 << 24
"""Voxels of keeps that are in memory at a time while maps are accumulated."""


@runtime_checkable
class LocalityKernel(Protocol):
    """How much a row counts by its distance from the whole clip."""

    def __call__(self, present: Bool[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """Return (N,) float64 weights."""


@dataclass(frozen=True)
class CosineKernel:
    """LIME's kernel for images: √exp(−d²/w²) with d = 1 − √(k/D), the cosine distance.

    Source: Ribeiro et al. 2016, equation 2, with the width of the public image implementation.
    """

    width: float = 0.25

    def __post_init__(self) -> None:
        check_positive("width", self.width)

    def __call__(self, present: Bool[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """Return (N,) weights, 1 for the whole clip."""
        distance = 1 - present.double().mean(1).sqrt()
        return (-(distance**2) / self.width**2).exp().sqrt()


@dataclass(frozen=True)
class FlatKernel:
    """Every row counts the same."""

    def __call__(self, present: Bool[Tensor, "N D"]) -> Float[Tensor, " N"]:
        """Return (N,) ones."""
        return torch.ones(len(present), dtype=torch.float64)


@dataclass(frozen=True)
class LinearSurrogate:
    """The weights of a ridge regression of the value on the present features (LIME).

    Minimises Σ wᵢ (vᵢ − b − xᵢ·φ)² + ridge |φ|², the intercept b not shrunk.

    Source: Ribeiro et al. 2016, equations 1 and 2; the linear model is the paper's Table 2.
    """

    kernel: LocalityKernel = field(default_factory=CosineKernel)
    ridge: float = 1.0

    def __post_init__(self) -> None:
        check_number("ridge", self.ridge)
        if self.ridge < 0:
            raise ValueError(f"ridge: expected a number from 0, got {self.ridge}.")

    def __call__(self, game: Game) -> SummaryScores:
        """Return the weights of the surrogate, with robust standard errors."""
        rows = game.coalitions
        weight = local_weight(rows, self.kernel)
        x, y = centred(rows.present.double(), weight), centred(game.values, weight)
        penalty = self.ridge * torch.eye(x.shape[1], dtype=x.dtype)
        inverse = torch.linalg.pinv(x.T @ (weight[:, None] * x) + penalty, hermitian=True)
        scores = inverse @ (x.T @ (weight[:, None] * y))
        unseen = left_out(x, weight, y - x @ scores, inverse, rows.group, intercept=True)
        return SummaryScores(
            scores.T,
            standard_error=robust_error(x, weight, unseen, inverse, rows.group),
            r2=explained(y, unseen, weight),
            effective_rows=effective(weight),
        )


@dataclass(frozen=True)
class TreeSurrogate:
    """A small decision tree, the other surrogate that the paper names for LIME (§2.2).

    A feature's score is the tree's mean answer with the feature present less that with it absent,
    over the rows; features that the tree does not ask about score 0.
    """

    kernel: LocalityKernel = field(default_factory=CosineKernel)
    max_depth: int = 5

    def __post_init__(self) -> None:
        check_whole("max_depth", self.max_depth)

    def __call__(self, game: Game) -> SummaryScores:
        """Return the effects of the features in one tree per target."""
        rows = game.coalitions
        weight = local_weight(rows, self.kernel)
        results = [self._one(rows.present, value, weight) for value in game.values.T]
        scores, fitted = (torch.stack(column) for column in zip(*results, strict=True))
        y = centred(game.values, weight)
        return SummaryScores(
            scores,
            r2=explained(y, game.values - fitted.T, weight),
            effective_rows=effective(weight),
        )

    def _one(self, present: Tensor, value: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        from sklearn.tree import DecisionTreeRegressor

        x = present.numpy().astype(np.float32)
        tree = DecisionTreeRegressor(max_depth=self.max_depth, random_state=0)
        tree.fit(x, value.numpy(), sample_weight=weight.numpy())
        scores = torch.zeros(present.shape[1], dtype=torch.float64)
        for feature in np.unique(tree.tree_.feature[tree.tree_.feature >= 0]):
            with_it, without_it = x.copy(), x.copy()
            with_it[:, feature], without_it[:, feature] = 1, 0
            effect = torch.from_numpy(tree.predict(with_it) - tree.predict(without_it))
            scores[feature] = (weight * effect).sum() / weight.sum()
        return scores, torch.from_numpy(tree.predict(x))


@dataclass(frozen=True)
class ShapleyRegression:
    """Shapley values by weighted least squares; exact when all coalitions are listed.

    Minimises Σ wᵢ (vᵢ − v(∅) − xᵢ·φ)² subject to Σ φ = v(full) − v(∅). The constraint is
    eliminated: φ = (v(full) − v(∅)) / D + Q z with orthonormal columns Q that sum to zero. Of
    directions that the rows determine a thousand times worse than the best one, z has no part: the
    features share equally there. Without this the fit explodes where rows are as few as features.
    Rows of another size law than the Shapley kernel's are weighted by the quotient of the laws.

    Source: Lundberg and Lee 2017, theorem 2; Covert and Lee 2021 for the constraint.
    """

    def __call__(self, game: Game) -> SummaryScores:
        """Return the Shapley values, with robust standard errors."""
        rows, d = game.coalitions, game.coalitions.n_features
        x = rows.present.double()
        total = (game.full - game.empty)[None]
        weight = rows.weight * to_shapley_kernel(rows)
        basis = sum_zero_basis(d)
        z_x = x @ basis
        y = game.values - game.empty - x.mean(1, keepdim=True) * total
        gram = z_x.T @ (weight[:, None] * z_x)
        inverse = torch.linalg.pinv(gram, hermitian=True, rtol=WORST)
        z = inverse @ (z_x.T @ (weight[:, None] * y))
        unseen = left_out(z_x, weight, y - z_x @ z, inverse, rows.group)
        return SummaryScores(
            (total / d + basis @ z).T,
            standard_error=robust_error(z_x, weight, unseen, inverse, rows.group, basis),
            r2=explained(centred(game.values, weight), unseen, weight),
            effective_rows=effective(weight),
        )


@dataclass(frozen=True)
class MeanWhenKept:
    """How much higher than its mean the value is where a voxel is kept (RISE).

    At voxel λ: Σ wᵢ (vᵢ − v̄) keepᵢ(λ) / Σ wᵢ keepᵢ(λ), over the keeps that were really applied,
    with their edges and shifts; a feature's score is the same with "present" for keep.

    Source: Petsiuk et al. 2018, equation 6, centred on the mean response v̄ and normalised by what
    was really kept rather than by its expectation.
    """

    def __call__(self, game: Game) -> SummaryScores:
        """Return scores with standard errors, and maps where the keeps are at hand."""
        rows = game.coalitions
        values = centred(game.values, rows.weight)
        kept = rows.weight[:, None] * rows.present.double()
        count = kept.sum(0).clamp(min=torch.finfo(torch.float64).tiny)
        scores = (values.T @ kept) / count
        pulls = (
            pull_when_kept(rows, kept / count, v, s) for v, s in zip(values.T, scores, strict=True)
        )
        return SummaryScores(
            scores,
            standard_error=torch.stack([spread_of_groups(pull, rows.group) for pull in pulls]),
            effective_rows=effective(rows.weight),
            maps=mean_maps(game, values) if game.keep else None,
        )


def pull_when_kept(
    rows: Coalitions, share: Float[Tensor, "N D"], value: Float[Tensor, " N"], score: Tensor
) -> Float[Tensor, "N D"]:
    """Return how much each row pulls at "mean when kept less mean" (its influence function)."""
    overall = rows.weight * value / rows.weight.sum()
    return share * (value[:, None] - score) - overall[:, None]


@dataclass(frozen=True)
class RemovalEffect:
    """What the value loses when a feature alone is absent: v(full) − v(all but d) (LV LOCO)."""

    def __call__(self, game: Game) -> SummaryScores:
        """Return the losses; features that no row leaves out alone score 0."""
        lone, mean = mean_by_lone_feature(~game.coalitions.present, game)
        return SummaryScores(((game.full - mean) * lone).T)


@dataclass(frozen=True)
class InclusionEffect:
    """What the value gains when a feature alone is present: v(only d) − v(∅) (LV Univariate)."""

    def __call__(self, game: Game) -> SummaryScores:
        """Return the gains; features that no row shows alone score 0."""
        lone, mean = mean_by_lone_feature(game.coalitions.present, game)
        return SummaryScores(((mean - game.empty) * lone).T)


@dataclass(frozen=True)
class ValueWhenRemoved:
    """The value with a feature absent, turned: the highest such value less the feature's own.

    The paper's form for sampled occlusion draws the bare value and calls its coldest places
    important (Table 2, notes 4 and 5). Turned, hot is important, and no score is negative.
    """

    def __call__(self, game: Game) -> SummaryScores:
        """Return the turned values; features that no row leaves out alone score 0."""
        lone, mean = mean_by_lone_feature(~game.coalitions.present, game)
        highest = mean.where(lone > 0, -torch.inf).amax(0)
        return SummaryScores(torch.where(lone > 0, highest - mean, 0.0).T)


def centred(values: Float[Tensor, "N X"], weight: Float[Tensor, " N"]) -> Float[Tensor, "N X"]:
    """Return the columns less their weighted means."""
    return values - (weight[:, None] * values).sum(0) / weight.sum()


def local_weight(rows: Coalitions, kernel: LocalityKernel) -> Float[Tensor, " N"]:
    """Return the rows' weights times the kernel's.

    Raises:
        ValueError: When no row counts at all.
    """
    weight = rows.weight * kernel(rows.present)
    if not bool((weight > 0).any()):
        raise ValueError(f"kernel: {kernel!r} gives no sample any weight. Use a wider kernel.")
    return weight


def effective(weight: Float[Tensor, " N"]) -> float | None:
    """Return the effective sample size (Σw)² / Σw² (Kish), None where nothing counts."""
    total = float((weight**2).sum())
    return float(weight.sum() ** 2) / total if total > 0 else None


def explained(
    centred_values: Float[Tensor, "N M"],
    residual: Float[Tensor, "N M"],
    weight: Float[Tensor, " N"],
) -> Float[Tensor, " M"]:
    """Return the weighted R² of each target; NaN where the values don't vary."""
    variation = (weight[:, None] * centred_values**2).sum(0)
    r2 = 1 - (weight[:, None] * residual**2).sum(0) / variation
    return r2.where(variation > 0, torch.nan)


def left_out(
    x: Float[Tensor, "N P"],
    weight: Float[Tensor, " N"],
    residual: Float[Tensor, "N M"],
    inverse: Float[Tensor, "P P"],
    group: Int[Tensor, " N"],
    *,
    intercept: bool = False,
) -> Float[Tensor, "N M"]:
    """Return the residuals of weighted least squares with each row's own group left out of the fit.

    (1 − H)⁻¹ e for the block H of the group in the hat matrix, so nothing is fitted twice. Listed
    rows are always there to be fitted and keep their residuals.
    """
    root = weight.sqrt()[:, None]
    scaled, unseen = root * x, residual.clone()
    for members in groups_by_size(group):
        block = scaled[members]
        hat = block @ inverse @ block.mT
        if intercept:
            hat = hat + root[members] @ root[members].mT / weight.sum()
        free = torch.eye(members.shape[1], dtype=x.dtype) - hat
        alone = torch.linalg.pinv(free, hermitian=True, rtol=1e-9) @ (root * residual)[members]
        unseen[members] = alone / root[members].clamp(min=torch.finfo(x.dtype).tiny)
    return unseen


def groups_by_size(group: Int[Tensor, " N"]) -> list[Int[Tensor, "groups size"]]:
    """Return the rows of the drawn groups, as one table for each size of groups."""
    drawn = (group >= 0).nonzero()[:, 0]
    if len(drawn) == 0:
        return []
    size = torch.bincount(group[drawn])[group[drawn]]
    order = group[drawn].argsort(stable=True)
    drawn, size = drawn[order], size[order]
    return [drawn[size == n].reshape(-1, n) for n in range(1, int(size.max()) + 1)]


def robust_error(
    x: Float[Tensor, "N P"],
    weight: Float[Tensor, " N"],
    unseen: Float[Tensor, "N M"],
    inverse: Float[Tensor, "P P"],
    group: Int[Tensor, " N"],
    basis: Float[Tensor, "D P"] | None = None,
) -> Float[Tensor, "M D"] | None:
    """Return standard errors of weighted least squares, None below 3 groups per 2 unknowns.

    The sandwich estimator with residuals of fits without the group (CR3, the jackknife): rows
    drawn together are one cluster, and listed rows are certain and add nothing.
    """
    drawn = group >= 0
    n_groups = int(group.max()) + 1 if len(group) else 0
    if bool(drawn.any()) and 2 * n_groups < 3 * x.shape[1]:
        return None
    pulls = x @ (inverse if basis is None else basis @ inverse).T
    return torch.stack([spread_of_groups((weight * e)[:, None] * pulls, group) for e in unseen.T])


def spread_of_groups(pulls: Float[Tensor, "N D"], group: Int[Tensor, " N"]) -> Float[Tensor, " D"]:
    """Return the root of the summed squares of what each drawn group pulls."""
    drawn = group >= 0
    n_groups = int(group.max()) + 1 if bool(drawn.any()) else 0
    sums = torch.zeros(n_groups, pulls.shape[1], dtype=pulls.dtype)
    return sums.index_add_(0, group[drawn], pulls[drawn]).square().sum(0).sqrt()


def to_shapley_kernel(rows: Coalitions) -> Float[Tensor, " N"]:
    """Return the quotient of the Shapley kernel and the rows' own size law, 0 off the kernel."""
    d = rows.n_features
    k = torch.arange(d + 1, dtype=torch.float64)
    kernel = torch.where((k > 0) & (k < d), 1 / (k * (d - k)).clamp(min=1), 0.0)
    quotient = torch.where(rows.law > 0, kernel / rows.law.clamp(min=1e-300), 0.0)
    quotient = quotient[rows.present.sum(1)]
    return quotient / quotient.mean() if bool(quotient.any()) else quotient


def sum_zero_basis(d: int) -> Float[Tensor, "d free"]:
    """Return (d, d − 1) orthonormal columns that sum to zero (Helmert's)."""
    column = torch.arange(1, d, dtype=torch.float64)
    row = torch.arange(d, dtype=torch.float64)[:, None]
    helmert = (row < column).double() - column * (row == column).double()
    return helmert / (column * (column + 1)).sqrt()


def mean_by_lone_feature(
    alone: Bool[Tensor, "N D"], game: Game
) -> tuple[Float[Tensor, "D 1"], Float[Tensor, "D M"]]:
    """Return which features some row singles out, and the mean value over such rows."""
    single = alone & (alone.sum(1, keepdim=True) == 1)
    weight = single.double() * game.coalitions.weight[:, None]
    count = weight.sum(0)[:, None]
    mean = (weight.T @ game.values) / count.where(count > 0, 1.0)
    return (count > 0).double(), mean


def mean_maps(game: Game, centred_values: Tensor) -> Float[Tensor, "M T H W"]:
    """Return the weighted mean of the centred values at every voxel, over the applied keeps."""
    weighted = game.coalitions.weight[:, None] * torch.cat(
        [centred_values, torch.ones_like(centred_values[:, :1])], 1
    )
    size = weighted.abs().amax(0).clamp(min=torch.finfo(torch.float64).tiny)
    total: Tensor | None = None
    for rows, keep in keeps(game):
        part = (weighted[rows] / size).T.to(keep) @ keep.flatten(1)
        total = part.double() if total is None else total + part
    if total is None:
        raise ValueError("game: expected at least one row, got none.")
    total = total.cpu() * size[:, None]
    kept = total[-1]
    maps = total[:-1] / kept.where(kept > 0, 1.0)
    return maps.reshape(len(maps), *keep.shape[1:])


def keeps(game: Game) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of rows with their applied keeps (n, T, H, W), few at a time."""
    if game.keep is None:
        raise ValueError("game: expected a way to see the keeps, got none.")
    first = game.keep(game.coalitions[:1])
    step = max(1, KEEP_BUDGET // first.numel())
    for start in range(0, len(game.coalitions), step):
        rows = slice(start, start + step)
        yield rows, game.keep(game.coalitions[rows])
