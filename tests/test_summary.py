import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from games import Value, additive, brute_force_shapley, game_of, interacting
from vexplain.core import Coalitions, Sampler, SizeLaw, Summary
from vexplain.sampling import (
    AllButOne,
    Binomial,
    Exhaustive,
    MonteCarlo,
    OnlyOne,
    ShapleyKernel,
    Uniform,
)
from vexplain.summary import (
    CosineKernel,
    FlatKernel,
    InclusionEffect,
    LinearSurrogate,
    MeanWhenKept,
    RemovalEffect,
    ShapleyRegression,
    TreeSurrogate,
    ValueWhenRemoved,
    sum_zero_basis,
)

ALL: list[Summary] = [
    LinearSurrogate(),
    TreeSurrogate(),
    ShapleyRegression(),
    MeanWhenKept(),
    RemovalEffect(),
    InclusionEffect(),
    ValueWhenRemoved(),
]


def rows_of(sampler: Sampler, law: SizeLaw, d: int, seed: int = 0) -> Coalitions:
    return sampler(law(d), torch.Generator().manual_seed(seed))


def weights(d: int) -> torch.Tensor:
    return torch.randn(d, generator=torch.Generator().manual_seed(d), dtype=torch.float64)


@pytest.mark.parametrize("d", [2, 17, 100])
def test_loco_and_univariate_return_the_weights_of_an_additive_game(d: int) -> None:
    true = weights(d)
    removal = RemovalEffect()(game_of(additive(true), rows_of(Exhaustive(), AllButOne(), d)))
    inclusion = InclusionEffect()(game_of(additive(true), rows_of(Exhaustive(), OnlyOne(), d)))
    torch.testing.assert_close(removal.scores[0], true)
    torch.testing.assert_close(inclusion.scores[0], true)


@pytest.mark.parametrize("law", [ShapleyKernel(), Uniform(), Binomial(0.5)], ids=repr)
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("d", [2, 17, 100])
def test_kernel_shap_returns_the_weights_of_an_additive_game(
    law: SizeLaw, paired: bool, d: int
) -> None:
    true = weights(d)
    rows = rows_of(MonteCarlo(500, paired=paired), law, d)
    found = ShapleyRegression()(game_of(additive(true), rows))
    torch.testing.assert_close(found.scores[0], true, atol=1e-8, rtol=1e-8)
    assert found.r2 is not None
    assert float(found.r2[0]) == pytest.approx(1)


@pytest.mark.parametrize("d", range(1, 11))
def test_exhaustive_kernel_shap_is_brute_force_shapley(d: int) -> None:
    value = interacting(d, seed=d)
    found = ShapleyRegression()(game_of(value, rows_of(Exhaustive(), ShapleyKernel(), d)))
    torch.testing.assert_close(found.scores[0], brute_force_shapley(value, d))
    if found.standard_error is not None:
        assert float(found.standard_error.abs().max()) == 0


@pytest.mark.parametrize("law", [Uniform(), Binomial(0.3)], ids=repr)
def test_rows_of_another_law_give_shapley_values_too(law: SizeLaw) -> None:
    value = interacting(7)
    found = ShapleyRegression()(game_of(value, rows_of(Exhaustive(), law, 7)))
    torch.testing.assert_close(found.scores[0], brute_force_shapley(value, 7))


def numpy_value(value: Value, d: int) -> object:
    return lambda x: value(torch.from_numpy(np.asarray(x)).bool().reshape(-1, d)).numpy()


@pytest.mark.filterwarnings("ignore")
def test_exhaustive_kernel_shap_equals_shap_and_captum() -> None:
    import shap
    from captum.attr import KernelShap

    d, value = 8, interacting(8, seed=3)
    ours = ShapleyRegression()(game_of(value, rows_of(Exhaustive(), ShapleyKernel(), d))).scores[0]
    explainer = shap.KernelExplainer(numpy_value(value, d), np.zeros((1, d)), silent=True)
    theirs = explainer.shap_values(np.ones((1, d)), nsamples=2**d, l1_reg=False, silent=True)
    np.testing.assert_allclose(ours.numpy(), np.asarray(theirs).reshape(-1), atol=1e-7)
    torch.manual_seed(0)
    captums = KernelShap(lambda x: value(x.bool())).attribute(
        torch.ones(1, d), baselines=torch.zeros(1, d), n_samples=6000
    )
    np.testing.assert_allclose(ours.numpy(), captums.double().numpy().reshape(-1), atol=0.03)


@pytest.mark.parametrize("kernel", [CosineKernel(0.25), FlatKernel()], ids=repr)
@pytest.mark.parametrize("ridge", [0.0, 1.0, 30.0])
def test_lime_is_a_weighted_ridge_of_scikit_learn(
    kernel: CosineKernel | FlatKernel, ridge: float
) -> None:
    d = 12
    rows = rows_of(MonteCarlo(100, distinct=True), Binomial(0.3), d)
    game = game_of(interacting(d), rows)
    ours = LinearSurrogate(kernel=kernel, ridge=ridge)(game)
    weight = (rows.weight * kernel(rows.present)).numpy()
    x, y = rows.present.numpy().astype(float), game.values[:, 0].numpy()
    theirs = Ridge(alpha=ridge).fit(x, y, sample_weight=weight)
    np.testing.assert_allclose(ours.scores[0].numpy(), theirs.coef_, rtol=1e-6, atol=1e-9)
    assert ours.r2 is not None
    unseen = [
        y[i] - Ridge(alpha=ridge).fit(x[rest], y[rest], weight[rest]).predict(x[[i]])[0]
        for i in range(len(y))
        for rest in [np.arange(len(y)) != i]
    ]
    spread = (weight * (y - np.average(y, weights=weight)) ** 2).sum()
    expected = 1 - (weight * np.square(unseen)).sum() / spread
    assert float(ours.r2[0]) == pytest.approx(expected, abs=1e-6)


def test_limes_kernel_is_the_cosine_distance_kernel() -> None:
    present = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 0]]).bool()
    ones = np.ones(4)
    for row, weight in zip(present.numpy().astype(float), CosineKernel(0.25)(present), strict=True):
        cosine = row @ ones / (np.linalg.norm(row) * np.linalg.norm(ones))
        expected = np.sqrt(np.exp(-((1 - cosine) ** 2) / 0.25**2))
        assert float(weight) == pytest.approx(expected)


def test_the_tree_finds_the_features_that_matter_with_their_signs() -> None:
    def value(present: torch.Tensor) -> torch.Tensor:
        x = present.double()
        return 2 * x[:, 3] - x[:, 5] + 0.5 * x[:, 3] * x[:, 7]

    rows = rows_of(MonteCarlo(500), Binomial(0.5), 10)
    found = TreeSurrogate(kernel=FlatKernel())(game_of(value, rows))
    share = float(rows.present[:, 7].double().mean())
    assert float(found.scores[0, 3]) == pytest.approx(2 + 0.5 * share, abs=1e-6)
    assert float(found.scores[0, 5]) == pytest.approx(-1)
    assert found.scores[0, [0, 1, 2, 4, 6, 8, 9]].abs().max() == 0
    assert found.r2 is not None
    assert float(found.r2[0]) == pytest.approx(1)


def test_mean_when_kept_is_the_conditional_mean() -> None:
    rows = rows_of(MonteCarlo(300), Binomial(0.5), 9)
    game = game_of(interacting(9), rows)
    found = MeanWhenKept()(game).scores[0]
    for feature in range(9):
        kept = game.values[rows.present[:, feature], 0]
        assert float(found[feature]) == pytest.approx(float(kept.mean() - game.values.mean()))


def test_value_when_removed_orders_as_the_removal_effect_and_is_not_negative() -> None:
    game = game_of(additive(weights(20)), rows_of(Exhaustive(), AllButOne(), 20))
    turned, effect = ValueWhenRemoved()(game).scores[0], RemovalEffect()(game).scores[0]
    assert float(turned.min()) == 0
    torch.testing.assert_close(turned - turned.mean(), effect - effect.mean())


@pytest.mark.parametrize("summary", ALL, ids=repr)
@pytest.mark.parametrize("law", [AllButOne(), OnlyOne(), Binomial(0.5), ShapleyKernel()], ids=repr)
@pytest.mark.parametrize("d", [1, 2, 30])
def test_no_summary_gives_a_nan_on_any_rows(summary: Summary, law: SizeLaw, d: int) -> None:
    """Also on rows that another method would have drawn, fewer than the features."""
    rows = rows_of(MonteCarlo(7), law, d)
    for value in (additive(torch.zeros(d)), additive(weights(d))):
        found = summary(game_of(value, rows))
        assert found.scores.shape == (1, d)
        assert bool(found.scores.isfinite().all())


def test_targets_are_summarised_together_as_they_are_alone() -> None:
    rows = rows_of(MonteCarlo(200), ShapleyKernel(), 10)
    a, b = (game_of(interacting(10, seed), rows) for seed in (1, 2))
    both = type(a)(
        rows,
        torch.cat([a.values, b.values], 1),
        torch.cat([a.full, b.full]),
        torch.cat([a.empty, b.empty]),
        None,
    )
    for summary in ALL:
        together = summary(both).scores
        torch.testing.assert_close(together[0], summary(a).scores[0])
        torch.testing.assert_close(together[1], summary(b).scores[0])


@pytest.mark.parametrize(
    ("summary", "law", "sampler"),
    [
        (ShapleyRegression(), ShapleyKernel(), MonteCarlo(150)),
        (ShapleyRegression(), ShapleyKernel(), MonteCarlo(150, paired=True)),
        (ShapleyRegression(), ShapleyKernel(), MonteCarlo(36, paired=True)),
        (
            ShapleyRegression(),
            ShapleyKernel(),
            MonteCarlo(120, paired=True, distinct=True, borders_first=True),
        ),
        (LinearSurrogate(ridge=0.0), Binomial(0.5), MonteCarlo(60)),
        (MeanWhenKept(), Binomial(0.5), MonteCarlo(100)),
        (MeanWhenKept(), Binomial(0.9), MonteCarlo(100)),
        (MeanWhenKept(), Binomial(0.5), MonteCarlo(100, paired=True)),
    ],
    ids=repr,
)
def test_standard_errors_match_the_spread_over_seeds(
    summary: Summary, law: SizeLaw, sampler: MonteCarlo
) -> None:
    value, d = interacting(8), 8
    found = [summary(game_of(value, rows_of(sampler, law, d, seed))) for seed in range(300)]
    spread = torch.stack([f.scores[0] for f in found]).std(0)
    errors = [f.standard_error[0] for f in found if f.standard_error is not None]
    assert len(errors) == 300
    ratio = torch.stack(errors).square().mean(0).sqrt() / spread
    assert bool(((ratio > 0.8) & (ratio < 1.6)).all()), ratio


@pytest.mark.parametrize("n", [56, 60, 66])
def test_kernel_shap_does_not_explode_where_pairs_are_as_few_as_features(n: int) -> None:
    d = 30
    true = weights(d)
    noise = torch.Generator().manual_seed(n)

    def value(present: torch.Tensor) -> torch.Tensor:
        shaken = torch.randn(len(present), generator=noise, dtype=torch.float64)
        return additive(true)(present) + 0.1 * shaken

    pairs = MonteCarlo(n, paired=True)
    found = [
        ShapleyRegression()(game_of(value, rows_of(pairs, ShapleyKernel(), d, seed)))
        for seed in range(20)
    ]
    assert all(f.standard_error is None for f in found)
    assert max(float(f.scores.abs().max()) for f in found) < 3 * float(true.abs().max())


def test_overfitting_does_not_look_like_a_good_fit() -> None:
    noise = torch.Generator().manual_seed(0)
    rows = rows_of(MonteCarlo(60), Binomial(0.5), 40)
    found = LinearSurrogate(ridge=0.0)(
        game_of(lambda p: torch.randn(len(p), generator=noise).double(), rows)
    )
    assert found.r2 is not None
    assert float(found.r2[0]) < 0


def test_the_error_of_rise_falls_as_one_over_the_root_of_n() -> None:
    value, d = interacting(8), 8
    true = MeanWhenKept()(game_of(value, rows_of(Exhaustive(), Binomial(0.5), d))).scores[0]

    def rms(n: int) -> float:
        errors = [
            MeanWhenKept()(game_of(value, rows_of(MonteCarlo(n), Binomial(0.5), d, seed))).scores[0]
            - true
            for seed in range(60)
        ]
        return float(torch.stack(errors).square().mean().sqrt())

    slope = np.polyfit(np.log([100, 400, 1600]), np.log([rms(100), rms(400), rms(1600)]), 1)[0]
    assert slope == pytest.approx(-0.5, abs=0.07)


def test_the_basis_is_orthonormal_and_sums_to_zero() -> None:
    basis = sum_zero_basis(7)
    torch.testing.assert_close(basis.T @ basis, torch.eye(6, dtype=torch.float64))
    assert basis.sum(0).abs().max() < 1e-12
