from math import comb

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from vexplain.core import Coalitions, SizeLaw
from vexplain.sampling import (
    AllButOne,
    Binomial,
    Exhaustive,
    Mix,
    MonteCarlo,
    OnlyOne,
    ShapleyKernel,
    Uniform,
)

LAWS: list[SizeLaw] = [
    AllButOne(),
    OnlyOne(),
    Binomial(0.5),
    Binomial(0.1),
    ShapleyKernel(),
    Uniform(),
    Mix((AllButOne(), Binomial(0.5)), (1.0, 3.0)),
]
SAMPLERS = [
    MonteCarlo(64),
    MonteCarlo(65, paired=True),
    MonteCarlo(64, distinct=True),
    MonteCarlo(64, paired=True, distinct=True, borders_first=True),
]


def drawn(sampler: MonteCarlo | Exhaustive, law: Tensor, seed: int = 0) -> Coalitions:
    return sampler(law, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("law", LAWS, ids=repr)
@pytest.mark.parametrize("d", [1, 2, 3, 10, 200])
def test_a_size_law_is_a_probability_law(law: SizeLaw, d: int) -> None:
    sizes = law(d)
    assert sizes.shape == (d + 1,)
    assert bool((sizes >= 0).all())
    assert float(sizes.sum()) == pytest.approx(1)


def test_laws_have_their_closed_forms() -> None:
    assert AllButOne()(4).tolist() == [0, 0, 0, 1, 0]
    assert OnlyOne()(4).tolist() == [0, 1, 0, 0, 0]
    assert Uniform()(4).tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 0])
    assert Binomial(0.25)(3).tolist() == pytest.approx([27 / 64, 27 / 64, 9 / 64, 1 / 64])
    assert Binomial(0.0)(3).tolist() == [1, 0, 0, 0]
    kernel = torch.tensor([0, 3 / (1 * 3), 3 / (2 * 2), 3 / (3 * 1), 0]).double()
    assert ShapleyKernel()(4).tolist() == pytest.approx((kernel / kernel.sum()).tolist())
    mixed = Mix((AllButOne(), OnlyOne()), (1.0, 3.0))(4)
    assert mixed.tolist() == pytest.approx([0, 0.75, 0, 0.25, 0])


@settings(deadline=None, max_examples=30)
@given(d=st.integers(1, 9), which=st.sampled_from(LAWS))
def test_exhaustive_lists_every_coalition_once_with_its_probability(d: int, which: SizeLaw) -> None:
    law = which(d)
    rows = drawn(Exhaustive(), law)
    assert len({tuple(row.tolist()) for row in rows.present}) == len(rows)
    assert len(rows) == sum(comb(d, k) for k in range(d + 1) if law[k] > 0)
    probability = rows.weight / len(rows)
    for k in range(d + 1):
        assert float(probability[rows.present.sum(1) == k].sum()) == pytest.approx(float(law[k]))
    assert bool((rows.group == -1).all())


def test_loco_rows_leave_out_one_feature_each_in_order() -> None:
    assert torch.equal(drawn(Exhaustive(), AllButOne()(5)).present, ~torch.eye(5).bool())
    assert torch.equal(drawn(Exhaustive(), OnlyOne()(5)).present, torch.eye(5).bool())


def test_too_many_coalitions_to_list_is_an_error() -> None:
    with pytest.raises(ValueError, match="samples: expected at most"):
        drawn(Exhaustive(), Binomial(0.5)(30))


@pytest.mark.parametrize("sampler", SAMPLERS, ids=repr)
@pytest.mark.parametrize("law", [Binomial(0.5), ShapleyKernel(), Uniform()], ids=repr)
@pytest.mark.parametrize("d", [1, 2, 9, 40])
def test_monte_carlo_contract(sampler: MonteCarlo, law: SizeLaw, d: int) -> None:
    sizes = law(d)
    rows = drawn(sampler, sizes)
    again = drawn(sampler, sizes)
    assert torch.equal(rows.present, again.present)
    assert torch.equal(rows.weight, again.weight)
    assert 0 < len(rows) <= sampler.n_samples
    assert float(rows.weight.mean()) == pytest.approx(1)
    assert bool((sizes[rows.present.sum(1)] > 0).all())
    if d == 40:
        assert len(rows) == sampler.n_samples
        assert not torch.equal(rows.present, drawn(sampler, sizes, seed=1).present)


@pytest.mark.parametrize("sampler", [MonteCarlo(20_000), MonteCarlo(20_000, paired=True)])
@pytest.mark.parametrize("law", [Binomial(0.5), ShapleyKernel()], ids=repr)
def test_weighted_rows_follow_the_law(sampler: MonteCarlo, law: SizeLaw) -> None:
    sizes = law(12)
    rows = drawn(sampler, sizes)
    found = torch.bincount(rows.present.sum(1), rows.weight, minlength=13) / rows.weight.sum()
    assert (found - sizes).abs().max() < 0.01
    assert (rows.present.double().mean(0) - 0.5).abs().max() < 0.02


def test_drawn_again_counts_in_the_weight() -> None:
    law = ShapleyKernel()(8)
    rows = drawn(MonteCarlo(200, distinct=True), law)
    assert len({tuple(row.tolist()) for row in rows.present}) == len(rows) == 200
    found = torch.bincount(rows.present.sum(1), rows.weight, minlength=9) / rows.weight.sum()
    assert (found - law).abs().max() < 0.05
    assert float(rows.weight.std()) > 0.1


def test_few_coalitions_are_listed_instead_of_drawn() -> None:
    law = ShapleyKernel()(6)
    rows = drawn(MonteCarlo(62, distinct=True), law)
    assert torch.equal(rows.present, drawn(Exhaustive(), law).present)


def test_pairs_are_complements_of_one_group() -> None:
    rows = drawn(MonteCarlo(100, paired=True), ShapleyKernel()(20))
    assert torch.equal(rows.present[0::2], ~rows.present[1::2])
    assert torch.equal(rows.group[0::2], rows.group[1::2])
    assert len(set(rows.group.tolist())) == 50


def test_borders_are_listed_as_in_the_original_kernel_shap() -> None:
    """With D = 12 and 500 rows shap lists sizes 1, 11, 2 and 10 (156 rows) and draws the rest."""
    law = ShapleyKernel()(12)
    rows = drawn(MonteCarlo(500, paired=True, distinct=True, borders_first=True), law)
    border = rows[rows.group == -1]
    assert sorted(set(border.present.sum(1).tolist())) == [1, 2, 10, 11]
    assert len(border) == 2 * (12 + 66)
    assert not set(rows[rows.group >= 0].present.sum(1).tolist()) & {1, 2, 10, 11}
    found = torch.bincount(rows.present.sum(1), rows.weight, minlength=13) / rows.weight.sum()
    assert found[[1, 2, 10, 11]].tolist() == pytest.approx(law[[1, 2, 10, 11]].tolist())


def test_jitter_is_drawn_only_on_request() -> None:
    law = Binomial(0.5)(10)
    jitter = drawn(MonteCarlo(50, jitter=True), law).jitter
    assert bool(((jitter >= 0) & (jitter < 1)).all())
    assert float(jitter.std()) > 0.2
    assert not drawn(MonteCarlo(50), law).jitter.any()


def test_options_that_contradict_each_other_are_errors() -> None:
    with pytest.raises(ValueError, match="paired: a complement"):
        drawn(MonteCarlo(10, paired=True), Binomial(0.3)(5))
    with pytest.raises(ValueError, match="jitter"):
        MonteCarlo(10, jitter=True, distinct=True)
    with pytest.raises(ValueError, match="n_samples: expected a whole number from 1, got 0"):
        MonteCarlo(0)
    with pytest.raises(ValueError, match="weights: expected one weight per law"):
        Mix((AllButOne(),), (1.0, 2.0))
    with pytest.raises(ValueError, match="p: expected a share"):
        Binomial(1.5)
