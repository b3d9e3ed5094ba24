"""Infidelity, sensitivity-n, sparseness and entropy: closed forms and independent libraries."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from captum.metrics import infidelity as captum_infidelity
from torch import Tensor

import vexplain as vx
from judged import SIGMOID, Additive, classifier, explained
from vexplain.evaluation import (
    Entropy,
    Infidelity,
    SensitivityN,
    Sparseness,
    correlation,
    entropy,
    evaluate,
    gini,
    infidelity,
)
from vexplain.removal import region_means

WEIGHTS = torch.tensor([0.05, 0.2, 0.01, 0.1, 0.15, 0.03, 0.25, 0.07])


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_scores_of_an_additive_model_predict_every_removal() -> None:
    model = Additive(WEIGHTS)
    found = evaluate(
        explained(model),
        classifier(model),
        metrics=[Infidelity(), Infidelity(scaled=False), SensitivityN(n_samples=10)],
    )
    for score in found.scores[:2]:
        assert score.value == pytest.approx(0, abs=1e-9)
        assert (score.beside["random map"].value or 0) > 1e-3
        assert score.better == "lower"
    assert found.scores[2].value == pytest.approx(1)
    assert found.scores[2].better == "higher"
    assert (score := found.scores[2]).curve is not None
    assert (score.beside["random map"].value or 0) < 0.9
    # the removals are the same for every map, so they are asked about once
    sizes = len({1, 2, 3, 5, 6})
    assert found.n_asked == 1 + 200 + 10 * sizes


def test_a_map_turned_around_is_infidel() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    maps = {"turned": -explanation.attribution.map}
    found = evaluate(
        explanation, classifier(model), metrics=[Infidelity()], references=False, maps=maps
    ).scores[0]
    assert (found.beside["turned"].value or 0) > 0.05


def test_only_scaled_infidelity_bears_scores_in_other_units() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    maps = {"larger": 40 * explanation.attribution.map}
    plain, scaled = evaluate(
        explanation,
        classifier(model),
        metrics=[Infidelity(scaled=False), Infidelity()],
        references=False,
        maps=maps,
    ).scores
    assert scaled.beside["larger"].value == pytest.approx(0, abs=1e-9)
    assert (plain.beside["larger"].value or 0) > 1


@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_captums(scaled: bool) -> None:
    d, n = 6, 40
    weights, scores = random(d, seed=1), random(d, seed=2)
    pairs = random(d, d, seed=3)

    def model(x: Tensor) -> Tensor:
        return x @ weights + ((x @ pairs) * x).sum(1)

    absent = random(n, d, seed=4) < 0.5
    x = torch.ones(1, d, dtype=torch.float64)

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        return absent.double(), inputs - absent.double()

    wanted = captum_infidelity(
        model, perturb, x, scores[None], n_perturb_samples=n, normalize=scaled
    )
    change = model(x) - model(x - absent.double())
    found = infidelity(absent.double() @ scores, change, scaled=scaled)
    assert found == pytest.approx(float(wanted))


def test_correlation_is_scipys() -> None:
    a, b = random(30), random(30, seed=1)
    wanted = scipy.stats.pearsonr(a.numpy(), b.numpy()).statistic
    assert correlation(a, b) == pytest.approx(wanted)
    assert np.isnan(correlation(a, torch.ones(30).double()))


def test_sensitivity_without_variation_is_not_defined() -> None:
    model = Additive(torch.full((8,), 0.1))
    score = evaluate(
        explained(model), classifier(model), metrics=[SensitivityN()], references=False
    ).scores[0]
    assert score.value is None
    assert "vary" in score.note
    with pytest.warns(Warning, match="one region"):
        one = explained(Additive(torch.tensor([0.5]), boxes=(1, 1, 1)))
    score = evaluate(
        one,
        classifier(Additive(torch.tensor([0.5]), boxes=(1, 1, 1))),
        metrics=[SensitivityN()],
        references=False,
    ).scores[0]
    assert score.value is None
    assert "one region" in score.note


def test_the_gini_index_is_the_mean_difference_over_twice_the_mean() -> None:
    values = random(40, seed=5) - 0.5
    sizes = values.abs()
    wanted = (sizes[:, None] - sizes).abs().mean() / (2 * sizes.mean())
    assert gini(values.reshape(4, 5, 2)) == pytest.approx(float(wanted))
    assert gini(torch.full((10,), -3.0)) == pytest.approx(0)
    assert gini(torch.eye(10)[0]) == pytest.approx(0.9)
    assert np.isnan(gini(torch.zeros(4)))


def test_entropy_is_scipys() -> None:
    values = random(40, seed=6) - 0.5
    wanted = scipy.stats.entropy(values.abs().numpy())
    assert entropy(values.reshape(4, 5, 2)) == pytest.approx(float(wanted))
    assert entropy(torch.full((10,), -3.0)) == pytest.approx(np.log(10))
    assert entropy(torch.eye(10)[0]) == 0
    assert np.isnan(entropy(torch.zeros(4)))


@pytest.mark.parametrize("function", [gini, entropy])
def test_maps_with_nan_are_refused(function: Callable[[Tensor], float]) -> None:
    with pytest.raises(ValueError, match="expected finite numbers, got 1 NaN"):
        function(torch.tensor([0.0, torch.nan]))


def test_numbers_that_vary_by_rounding_do_not_vary() -> None:
    noise = random(30) * 1e-10
    assert np.isnan(correlation(1e5 + noise, random(30, seed=1)))
    small = torch.tensor([1.0, 2.0, 4.0]).double()
    assert correlation(1e-13 * small, small) == pytest.approx(1)


def test_on_a_soft_grid_removals_lie_where_the_scores_are_painted() -> None:
    """A box in a corner must not be told from removals half a stride away from its cells."""
    from vexplain.models import Model

    def looks(clips: Tensor) -> Tensor:
        seen = clips[:, 2:6, :, 4:12, 4:12].double().mean((1, 2, 3, 4))
        return (0.1 + 0.8 * seen)[:, None]

    clip = vx.clip_from_array(torch.ones(8, 3, 28, 28), fps=4)
    model = Model(looks, SIGMOID)
    method = vx.methods.rise(n_samples=2000)
    explanation = vx.explain(clip, model, method=method, target=0, progress=False)
    maps = {"same": explanation.attribution.map}
    found = evaluate(explanation, model, metrics=[SensitivityN()], maps=maps).scores[0]
    assert (found.value or 0) > 0.9
    assert (found.beside["same"].value or 0) > 0.8
    prior = region_means(centre_bump(28)[:, None].expand(8, 1, 28, 28), explanation.segmentation)
    row = prior[0].reshape(4, 7, 7)[2, 3]
    torch.testing.assert_close(row, row.flip(0))


def centre_bump(side: int) -> Tensor:
    line = torch.exp(-(((torch.arange(side) - (side - 1) / 2) / 7) ** 2))
    return (line[:, None] * line)[None]


def test_a_map_of_zeros_is_neither_sparse_nor_simple() -> None:
    model = Additive(WEIGHTS)
    found = evaluate(
        explained(model),
        classifier(model),
        metrics=[Sparseness(), Entropy()],
        maps={"zero": torch.zeros(4, 4, 4)},
    )
    for score in found:
        assert score.value is not None
        assert score.beside["zero"].value is None
        assert score.beside["zero"].note == "the map is 0 everywhere"
        assert score.gain_over("zero") is None
    assert [score.better for score in found] == ["higher", "lower"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Infidelity(n_samples=0), "n_samples: expected a whole number"),
        (lambda: Infidelity(p=1.0), "p: expected a probability between 0 and 1"),
        (lambda: SensitivityN(shares=()), "shares: expected one number or several"),
        (lambda: SensitivityN(shares=(2.0,)), "shares: expected a share"),
        (lambda: SensitivityN(n_samples=1), "n_samples: expected a whole number from 2"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
