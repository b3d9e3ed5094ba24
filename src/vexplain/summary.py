"""Step 6: turns the changes of the value into one score per feature; positive = supports.

All computations are in float64, for M targets at once over the same rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from vexplain.core import Coalitions, Game, SummaryScores
from vexplain.core.checks import check_positive

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
        if not self.ridge >= 0:
            raise ValueError(f"ridge: expected a number from 0, got {self.ridge}.")

    def __call__(self, game: Game) -> SummaryScores:
        """Return the weights of the surrogate, with robust standard errors."""
        rows = game.coalitions
        weight = rows.weight * self.kernel(rows.present)
        x, y = centred(rows.present.double(), weight), centred(game.values, weight)
        penalty = self.ridge * torch.eye(x.shape[1], dtype=x.dtype)
        inverse = torch.linalg.pinv(x.T @ (weight[:, None] * x) + penalty, hermitian=True)
        scores = inverse @ (x.T @ (weight[:, None] * y))
        residual = y - x @ scores
        return SummaryScores(
            scores.T,
            standard_error=robust_error(x, weight, residual, inverse, rows),
            r2=explained(y, residual, weight),
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
        check_positive("max_depth", self.max_depth)

    def __call__(self, game: Game) -> SummaryScores:
        """Return the effects of the features in one tree per target."""
        rows = game.coalitions
        weight = rows.weight * self.kernel(rows.present)
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
    eliminated: φ = (v(full) − v(∅)) / D + Q z with orthonormal columns Q that sum to zero. Where
    the rows don't determine z, its smallest solution is taken: the nearest to an equal share.
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
        inverse = torch.linalg.pinv(z_x.T @ (weight[:, None] * z_x), hermitian=True)
        z = inverse @ (z_x.T @ (weight[:, None] * y))
        residual = y - z_x @ z
        error = robust_error(z_x, weight, residual, inverse, rows, basis)
        return SummaryScores(
            (total / d + basis @ z).T,
            standard_error=error,
            r2=explained(centred(game.values, weight), residual, weight),
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
        centred_values = centred(game.values, rows.weight)
        kept = rows.weight[:, None] * rows.present.double()
        count = kept.sum(0).clamp(min=torch.finfo(torch.float64).tiny)
        scores = (centred_values.T @ kept) / count
        spread = (centred_values[:, :, None] - scores) ** 2 * (kept**2)[:, None]
        return SummaryScores(
            scores,
            standard_error=spread.sum(0).sqrt() / count,
            effective_rows=effective(rows.weight),
            maps=mean_maps(game, centred_values) if game.keep else None,
        )


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


def effective(weight: Float[Tensor, " N"]) -> float:
    """Return the effective sample size (Σw)² / Σw² (Kish)."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def explained(
    centred_values: Float[Tensor, "N M"],
    residual: Float[Tensor, "N M"],
    weight: Float[Tensor, " N"],
) -> Float[Tensor, " M"]:
    """Return the weighted R² of each target; NaN where the values don't vary."""
    variation = (weight[:, None] * centred_values**2).sum(0)
    r2 = 1 - (weight[:, None] * residual**2).sum(0) / variation
    return r2.where(variation > 0, torch.nan)


def robust_error(
    x: Tensor,
    weight: Tensor,
    residual: Tensor,
    inverse: Tensor,
    rows: Coalitions,
    basis: Tensor | None = None,
) -> Tensor | None:
    """Return (M, D) standard errors of weighted least squares, or None with too few drawn groups.

    The sandwich estimator with one cluster per group of rows drawn together and the usual small
    sample factor; listed rows are certain and add nothing (Liang and Zeger 1986).
    """
    drawn = rows.group >= 0
    n_groups = int(rows.group.max()) + 1 if len(rows) else 0
    n_free = x.shape[1]
    if bool(drawn.any()) and n_groups <= n_free:
        return None
    back = inverse if basis is None else basis @ inverse
    errors = []
    for e in residual.T:
        moments = torch.zeros(n_groups, n_free, dtype=x.dtype)
        moments.index_add_(0, rows.group[drawn], ((weight * e)[:, None] * x)[drawn])
        spread = (moments @ back.T) ** 2
        errors.append((spread.sum(0) * n_groups / max(n_groups - n_free, 1)).sqrt())
    return torch.stack(errors)


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
    total: Tensor | None = None
    for rows, keep in keeps(game):
        part = weighted[rows].T.to(keep) @ keep.flatten(1)
        total = part.double() if total is None else total + part
    if total is None:
        raise ValueError("game: expected at least one row, got none.")
    kept = total[-1]
    maps = total[:-1] / kept.where(kept > 0, 1.0)
    return maps.reshape(len(maps), *keep.shape[1:]).cpu()


def keeps(game: Game) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of rows with their applied keeps (n, T, H, W), few at a time."""
    if game.keep is None:
        raise ValueError("game: expected a way to see the keeps, got none.")
    first = game.keep(game.coalitions[:1])
    step = max(1, KEEP_BUDGET // first.numel())
    for start in range(0, len(game.coalitions), step):
        rows = slice(start, start + step)
        yield rows, game.keep(game.coalitions[rows])
