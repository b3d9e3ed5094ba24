"""Stability over seeds, inputs and budgets, and the check that a map depends on the model."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor, nn

import vexplain as vx
from judged import GRID, SIGMOID, Additive, classifier, explained, white
from vexplain.evaluation import (
    BudgetStability,
    InputStability,
    ModelRandomisation,
    SeedStability,
    evaluate,
    rank_correlation,
)
from vexplain.models import MultiView, as_classifier, load_model, parameters_of, randomised

WEIGHTS = torch.tensor([0.05, 0.2, 0.01, 0.1, 0.15, 0.03, 0.25, 0.07])
ALL = (SeedStability(), InputStability(), BudgetStability(), ModelRandomisation())


def sampled(model: Any, n_samples: int, clip: vx.VideoClip | None = None) -> vx.Explanation:
    method = vx.methods.lime(segmentation=GRID, n_samples=n_samples)
    return vx.explain(clip or white(), model, method=method, target=0, spec=SIGMOID, progress=False)


def test_rank_correlation_is_scipys_with_ties() -> None:
    a = torch.tensor([1.0, 2, 2, 5, -1, 0])
    b = torch.tensor([3.0, 3, 1, 4, 0, 0])
    wanted = scipy.stats.spearmanr(a.numpy(), b.numpy()).statistic
    assert rank_correlation(a, b) == pytest.approx(wanted)
    assert rank_correlation(a, a) == pytest.approx(1)
    assert rank_correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(rank_correlation(a, torch.ones(6)))


def test_rank_correlation_refuses_nan_and_other_shapes(unchecked: None) -> None:
    with pytest.raises(ValueError, match="expected finite numbers"):
        rank_correlation(torch.tensor([torch.nan, 1]), torch.zeros(2))
    with pytest.raises(ValueError, match="two of one shape"):
        rank_correlation(torch.zeros(3), torch.zeros(2))


class Hidden:
    """Shows a bumpy answer that few samples can't pin down."""

    def __init__(self) -> None:
        self.model = Additive(0.02 * WEIGHTS)
        self.calls = 0

    def __call__(self, clips: Tensor) -> Tensor:
        self.calls += len(clips)
        bumps = (1000 * clips.double().mean((2, 3, 4)) @ torch.arange(1.0, 5.0).double()).sin()
        return self.model(clips) + 0.1 * bumps[:, None]


@pytest.mark.filterwarnings("ignore::vexplain.core.checks.VexplainWarning")
def test_few_samples_are_less_stable_over_seeds_than_many() -> None:
    few, many = (
        evaluate(
            sampled(Hidden(), n), as_classifier(Hidden(), SIGMOID), metrics=[SeedStability()]
        ).scores[0]
        for n in (20, 2000)
    )
    assert few.value is not None
    assert many.value is not None
    assert few.value < many.value
    assert abs(few.beside["random map"].value or 0) < 0.5
    assert few.beside["centre prior"].value == pytest.approx(1)


def test_what_is_listed_is_the_same_from_every_seed_and_not_run_again() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    found = evaluate(explanation, classifier(model), metrics=[SeedStability(), BudgetStability()])
    assert found.scores[0].value == pytest.approx(1)
    assert found.scores[0].note == "nothing is drawn by this method"
    assert found.n_asked == 1
    for score in found.scores[1:]:
        assert score.value is None
        assert "lists its samples" in score.note


@pytest.mark.filterwarnings("ignore::vexplain.core.checks.VexplainWarning")
def test_budgets_of_a_stopped_run_are_shares_of_what_was_evaluated() -> None:
    hidden = Hidden()

    class Stop:
        def start(self, total: int) -> None:
            pass

        def advance(self, rows: int) -> None:
            raise KeyboardInterrupt

        def stop(self) -> None:
            pass

    method = vx.methods.lime(segmentation=GRID, n_samples=1000)
    with pytest.raises(vx.Interrupted) as caught:
        vx.explain(
            white(), hidden, method=method, target=0, spec=SIGMOID, progress=Stop(), batch_size=40
        )
    stopped = caught.value.explanations[0]
    found = evaluate(
        stopped,
        as_classifier(hidden, SIGMOID),
        metrics=[BudgetStability(shares=(0.5,)), SeedStability(seeds=1)],
        references=False,
    )
    assert found.n_asked == 1 + (20 + 2) + (40 + 2)


@pytest.mark.filterwarnings("ignore::vexplain.core.checks.VexplainWarning")
def test_budgets_are_shares_of_the_samples_and_run_once_for_all_maps() -> None:
    hidden = Hidden()
    explanation = sampled(hidden, 200)
    hidden.calls = 0
    found = evaluate(
        explanation, as_classifier(hidden, SIGMOID), metrics=[BudgetStability(shares=(0.1, 0.5))]
    )
    assert hidden.calls == found.n_asked == (20 + 2) + (100 + 2) + 1
    assert [score.name for score in found] == [
        "stability at 10 % of the samples",
        "stability at 50 % of the samples",
    ]
    assert all(score.value is not None for score in found)


def test_noise_that_nobody_sees_changes_nothing_for_a_smooth_model() -> None:
    model = Additive(0.05 + 0.001 * torch.arange(8))
    grey = vx.clip_from_array(torch.full((8, 3, 8, 8), 0.5), fps=4)
    small, large = evaluate(
        explained(model, grey),
        classifier(model),
        metrics=[InputStability(noise=0.001), InputStability(noise=0.9)],
        references=False,
    )
    assert small.value == pytest.approx(1)
    assert large.value is not None
    assert large.value < 1
    assert large.name == "stability over inputs (noise=0.9)"


class Planted(nn.Module):
    """Looks at one region of eight, and has learnt which."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 1)
        with torch.no_grad():
            self.head.weight.copy_(WEIGHTS[None] * 8)
            self.head.bias.fill_(-1.0)

    def forward(self, clips: Tensor) -> Tensor:
        n, T, _, H, W = clips.shape
        cells = clips.mean(2).reshape(n, 2, T // 2, 2, H // 2, 2, W // 2).mean((2, 4, 6))
        return torch.cat([self.head(cells.flatten(1)), torch.zeros(n, 1)], 1)


def planted_explanation() -> vx.Explanation:
    method = vx.methods.loco(segmentation=GRID)
    return vx.explain(white(), Planted(), method=method, target=0, progress=False)


def test_a_map_that_follows_the_model_changes_when_the_model_forgets() -> None:
    network = Planted()
    before = network.head.weight.clone()
    found = evaluate(
        planted_explanation(),
        as_classifier(network),
        metrics=[ModelRandomisation(stages=2), ModelRandomisation(seed=1)],
    )
    staged, other = found.scores
    assert torch.equal(network.head.weight, before)
    assert staged.better == "lower"
    assert staged.value is not None
    assert other.value is not None
    assert min(staged.value, other.value) < 0.6
    # maps that don't look at the model stay as they are
    assert staged.beside["random map"].value == pytest.approx(1)
    assert staged.beside["centre prior"].value == pytest.approx(1)
    assert staged.curve is not None
    assert staged.curve.shares.tolist() == [0.5, 1.0]
    # with the bias alone shuffled, a single number, nothing has changed
    assert float(staged.curve.values[0]) == pytest.approx(1)


def test_functions_have_no_parameters_to_shuffle() -> None:
    model = Additive(WEIGHTS)
    score = evaluate(
        explained(model), classifier(model), metrics=[ModelRandomisation()], references=False
    ).scores[0]
    assert score.value is None
    assert "no parameters" in score.note
    assert parameters_of(as_classifier(nn.Identity())) == []
    with pytest.raises(ValueError, match="model: expected a torch module with parameters"):
        randomised(as_classifier(nn.Identity()), seed=0)


def test_shuffled_tensors_keep_their_values_and_views_their_model() -> None:
    model = load_model("demo")
    shuffled: Any = randomised(model, seed=3)
    again: Any = randomised(model, seed=3)
    part: Any = randomised(model, seed=3, share=0.2)
    old = dict(model.function.module.named_parameters())  # type: ignore[attr-defined]
    new = dict(shuffled.function.module.named_parameters())
    assert shuffled.name == f"{model.name}, shuffled"
    for name, values in old.items():
        assert torch.equal(values.flatten().sort().values, new[name].flatten().sort().values)
    assert not torch.equal(old["head.weight"], new["head.weight"])
    for name, values in again.function.module.named_parameters():
        assert torch.equal(values, new[name])
    nested: Any = randomised(model, seed=3, share=0.5)
    for name, values in nested.function.module.named_parameters():
        assert torch.equal(values, old[name]) or torch.equal(
            values, dict(again.function.module.named_parameters())[name]
        )
    first = next(iter(old))
    assert torch.equal(old[first], dict(part.function.module.named_parameters())[first])
    views: Any = randomised(MultiView(model=model, clips=2), seed=3)  # type: ignore[arg-type]
    assert isinstance(views, MultiView)
    assert views.name == f"{model.name}, shuffled 2x1"


def test_all_of_them_on_the_demos_network_with_few_samples() -> None:
    from importlib.resources import as_file, files

    model = load_model("demo")
    method = vx.methods.rise(n_samples=30)
    file = files("vexplain") / "assets" / "demo.mp4"
    with as_file(file) as clip, pytest.warns(vx.VexplainWarning, match="few for"):
        explanation = vx.explain(clip, model, method=method, progress=False)
    found = evaluate(explanation, model, metrics=ALL, random_maps=1)
    values = {score.name: score.value for score in found}
    assert all(v is not None and -1 <= v <= 1 for v in values.values()), values
    assert (values["stability over inputs"] or 0) > (values["stability over seeds"] or 0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SeedStability(seeds=0), "seeds: expected a whole number"),
        (lambda: InputStability(noise=0), "noise: expected a number above 0"),
        (lambda: InputStability(draws=0), "draws: expected a whole number"),
        (lambda: BudgetStability(shares=()), "shares: expected one number or several"),
        (lambda: BudgetStability(shares=(0.0,)), "shares: expected a number above 0"),
        (lambda: ModelRandomisation(stages=0), "stages: expected a whole number"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
