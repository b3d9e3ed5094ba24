"""Deletion, insertion, minimal keeps and drops: closed forms on additive models, and odd inputs."""

from itertools import permutations
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import vexplain as vx
from judged import Additive, classifier, explained, white
from vexplain.core import Attribution
from vexplain.evaluation import (
    AverageDrop,
    ColumnWise,
    Curve,
    Deletion,
    Evaluation,
    FillReliability,
    FrameWise,
    IncreaseInConfidence,
    Insertion,
    Metric,
    MinimalKeeps,
    RegionWise,
    SymmetricGain,
    VoxelWise,
    block_ends,
    evaluate,
    nearest_ends,
)

WEIGHTS = torch.tensor([0.05, 0.2, 0.01, 0.1, 0.15, 0.03, 0.25, 0.07])
BASE = 0.1


def judged(model: Additive, *metrics: Any, **options: Any) -> Evaluation:
    options = {"references": False, **options}
    return evaluate(explained(model), classifier(model), metrics=metrics, **options)


def steps_down(weights: Tensor) -> Tensor:
    """The answers when regions go in the order of the weights given."""
    gone = torch.cat([torch.zeros(1), weights.cumsum(0)]).double()
    return BASE + float(weights.sum()) - gone


def area(values: Tensor) -> float:
    return float(torch.trapezoid(values, dx=1 / (len(values) - 1)))


@pytest.mark.parametrize("order", [VoxelWise(), RegionWise()])
@pytest.mark.parametrize("steps", [8, 50, 1000])
def test_the_areas_of_an_additive_model_are_known(order: Any, steps: int) -> None:
    found = judged(
        Additive(WEIGHTS), Deletion(order=order, steps=steps), Insertion(order=order, steps=steps)
    )
    ranked = WEIGHTS.sort(descending=True).values
    deletion, insertion = found.scores
    assert deletion.value == pytest.approx(area(steps_down(ranked)))
    assert insertion.value == pytest.approx(area(steps_down(ranked.flip(0)).flip(0)))
    assert (deletion.better, insertion.better) == ("lower", "higher")
    assert deletion.curve is not None
    torch.testing.assert_close(deletion.curve.shares, torch.linspace(0, 1, 9).double())
    torch.testing.assert_close(deletion.curve.values, steps_down(ranked), atol=1e-6, rtol=0)


def test_srg_is_least_relevant_first_less_most_relevant_first() -> None:
    found = judged(Additive(WEIGHTS), SymmetricGain(), Deletion(), Insertion())
    gain, deletion, insertion = (score.value for score in found)
    assert deletion is not None
    assert insertion is not None
    assert gain == pytest.approx(insertion - deletion)
    least_first = area(steps_down(WEIGHTS.sort().values))
    assert gain == pytest.approx(least_first - deletion)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 0.125, width=32), min_size=7, max_size=7), st.randoms())
def test_no_map_beats_the_true_weights_of_an_additive_model(weights: list[float], rng: Any) -> None:
    weights = [*weights, 0.0625]
    model = Additive(torch.tensor(weights))
    explanation = explained(model)
    shuffled = weights[:]
    rng.shuffle(shuffled)
    other = explanation.segmentation.paint(torch.tensor(shuffled))
    found = evaluate(
        explanation,
        classifier(model),
        metrics=[Deletion(), Insertion(), SymmetricGain()],
        references=False,
        maps={"other": other},
    )
    for score in found:
        gain = score.gain_over("other")
        assert gain is not None
        assert gain >= -1e-6


def test_ties_give_the_mean_over_all_orders_of_the_tied() -> None:
    weights = torch.tensor([0.3, 0.1, 0.05, 0.2, 0.0, 0.0, 0.0, 0.0])
    tied = torch.tensor([1.0, 2.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    model = Additive(weights)
    explanation = explained(model)
    areas = [
        area(steps_down(torch.cat([weights[1:2], weights[list(order)], torch.zeros(4)])))
        for order in permutations((0, 2, 3))
    ]
    found = evaluate(
        explanation,
        classifier(model),
        metrics=[Deletion()],
        references=False,
        maps={"tied": explanation.segmentation.paint(tied)},
    )
    assert found.scores[0].beside["tied"].value == pytest.approx(sum(areas) / len(areas))


def test_a_constant_map_gets_the_mean_of_the_two_ends() -> None:
    model = Additive(WEIGHTS)
    flat = torch.full((4, 4, 4), 3.7)
    found = evaluate(
        explained(model),
        classifier(model),
        metrics=[Deletion(), Insertion(), SymmetricGain(), Deletion(order=FrameWise())],
        references=False,
        maps={"flat": flat, "zero": 0 * flat},
    )
    middle = BASE + float(WEIGHTS.sum()) / 2
    for name in ("flat", "zero"):
        values = [score.beside[name].value for score in found]
        assert values == pytest.approx([middle, middle, 0, middle])


def test_blocks_end_where_values_change() -> None:
    counts, lowest = block_ends(torch.tensor([0.3, 0.6, 0.3, -0.2, 0.6]))
    assert counts.tolist() == [2, 4]
    assert lowest.tolist() == torch.tensor([0.6, 0.3]).tolist()
    assert block_ends(torch.zeros(3))[0].tolist() == []
    shares = torch.tensor([0.1, 0.45, 0.9], dtype=torch.float64)
    assert nearest_ends(shares, 2).tolist() == [1]
    assert nearest_ends(shares, 100).tolist() == [0, 1, 2]
    # at a half, both ends of the clip are nearer than 0.95
    assert nearest_ends(torch.tensor([0.95], dtype=torch.float64), 4).tolist() == [0]
    assert nearest_ends(torch.tensor([0.95], dtype=torch.float64), 3).tolist() == [0]
    assert nearest_ends(torch.tensor([0.99], dtype=torch.float64), 2).tolist() == [0]
    assert nearest_ends(torch.zeros(0, dtype=torch.float64), 5).tolist() == []


def test_means_tie_though_they_are_added_up_in_another_order() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model, white(16, 4, 4))
    values = torch.rand(16, generator=torch.Generator().manual_seed(1))
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        heat = torch.stack([values[torch.randperm(16, generator=generator)] for _ in range(16)], 1)
        found = evaluate(
            explanation,
            classifier(model),
            metrics=[Deletion(order=ColumnWise())],
            references=False,
            maps={"same": heat.reshape(16, 4, 4)},
        )
        curve = found.scores[0].beside["same"].curve
        assert curve is not None
        assert len(curve.shares) == 2


def test_very_uneven_maps_keep_their_order() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    heat = explanation.attribution.map
    maps = {"steep": heat.double().pow(9).float()}
    found = evaluate(
        explanation, classifier(model), metrics=[Deletion()], references=False, maps=maps
    ).scores[0]
    assert found.beside["steep"].value == pytest.approx(found.value)


def test_frames_go_by_their_mean_and_only_time_is_asked_about() -> None:
    by_frame = torch.tensor([0.1, 0.4, 0.0, 0.2])
    model = Additive(by_frame, boxes=(4, 1, 1))
    found = judged(model, Deletion(order=FrameWise()), Deletion(order=ColumnWise()))
    frames, columns = found.scores
    ranked = by_frame.sort(descending=True).values
    assert frames.value == pytest.approx(area(steps_down(ranked)))
    assert frames.curve is not None
    assert len(frames.curve.shares) == 5
    # the map is the same in every place, so columns are all tied
    assert columns.value == pytest.approx(BASE + float(by_frame.sum()) / 2)


def test_columns_go_by_their_mean_over_time() -> None:
    by_place = torch.tensor([0.1, 0.4, 0.0, 0.2])
    model = Additive(by_place, boxes=(1, 2, 2))
    found = judged(model, Deletion(order=FrameWise()), Deletion(order=ColumnWise()))
    frames, columns = found.scores
    assert columns.value == pytest.approx(area(steps_down(by_place.sort(descending=True).values)))
    assert frames.value == pytest.approx(BASE + float(by_place.sum()) / 2)


@pytest.mark.parametrize("segmentation", [vx.segmentation.SoftGrid(2, 2, 2), "windows"])
def test_regions_that_overlap_go_as_the_segmentation_lets_them(segmentation: Any) -> None:
    if segmentation == "windows":
        segmentation = vx.segmentation.SlidingWindow(boxes=(2, 2, 2), stride=0.5)
    model = Additive(WEIGHTS)
    method = vx.methods.loco(segmentation=segmentation)
    explanation = vx.explain(
        white(8, 8, 8), classifier(model), method=method, target=0, progress=False
    )
    metrics: list[Metric] = [Deletion(order=RegionWise()), Insertion(order=RegionWise())]
    found = evaluate(explanation, classifier(model), metrics=metrics, references=False)
    keep = explanation.segmentation.keep
    d = explanation.segmentation.n_features
    scores = explanation.attribution.scores
    for score, inserting in zip(found, (False, True), strict=True):
        assert score.curve is not None
        for share, value in list(zip(score.curve.shares, score.curve.values, strict=True))[1:-1]:
            firsts = [
                scores >= low if inserting else scores < low for low in sorted(set(scores.tolist()))
            ]
            keeps = [keep(first[None], torch.full((1, 3), 0.5)) for first in firsts]
            shares = [float(k.mean()) if inserting else 1 - float(k.mean()) for k in keeps]
            nearest = min(range(len(keeps)), key=lambda i: abs(shares[i] - float(share)))
            assert shares[nearest] == pytest.approx(float(share), abs=1e-6)
            seen = model(keeps[nearest][:, :, None].expand(-1, -1, 3, -1, -1))
            assert float(seen) == pytest.approx(float(value), abs=1e-6)
    assert d >= 8


def test_minimal_keeps_of_an_additive_model_are_known() -> None:
    levels = (0.25, 0.5, 0.8, 1.0)
    found = judged(
        Additive(WEIGHTS),
        MinimalKeeps(direction="deletion", levels=levels),
        MinimalKeeps(direction="insertion", levels=levels),
        MinimalKeeps(direction="deletion", levels=(0.3,), relative=False),
    )
    total = float(WEIGHTS.sum())
    ranked = WEIGHTS.sort(descending=True).values.double()
    gone = torch.cat([torch.zeros(1), ranked.cumsum(0)]).double()

    def share(amount: float) -> float:
        i = int((gone < amount - 1e-9).sum())
        return (i - 1 + (amount - float(gone[i - 1])) / float(ranked[i - 1])) / 8

    wanted = [share(level * total) for level in levels]
    assert [score.value for score in found.scores[:4]] == pytest.approx(wanted, abs=1e-5)
    assert [score.value for score in found.scores[4:8]] == pytest.approx(wanted, abs=1e-5)
    assert found.scores[8].value == pytest.approx(share(0.3), abs=1e-5)
    assert {score.better for score in found} == {"lower"}
    assert found.scores[0].name == "minimal keep, deletion 25 %"
    assert found.scores[8].name == "minimal keep, deletion 0.3"


def test_a_level_that_is_never_reached_is_flagged() -> None:
    found = judged(
        Additive(WEIGHTS), MinimalKeeps(levels=(0.5, 2.0), relative=False), MinimalKeeps()
    )
    reached, beyond, *published = found.scores
    assert reached.value is not None
    assert beyond.value is None
    assert beyond.note == "unreachable: never down to -1.04"
    assert [score.name[-4:] for score in published] == ["80 %", "90 %", "95 %", "99 %"]


def test_a_clip_that_scores_no_higher_than_the_empty_one_has_no_relative_keeps() -> None:
    found = judged(Additive(-0.01 * WEIGHTS, base=0.5), MinimalKeeps(levels=(0.5,)))
    assert found.scores[0].value is None
    assert "no higher than the empty one" in found.scores[0].note


def test_drop_and_increase_of_an_additive_model_are_known() -> None:
    found = judged(Additive(WEIGHTS), AverageDrop(), IncreaseInConfidence())
    whole = BASE + float(WEIGHTS.sum())
    shown = BASE + float((WEIGHTS * WEIGHTS / WEIGHTS.max()).sum())
    drop, increase = found.scores
    assert drop.value == pytest.approx((whole - shown) / whole)
    assert increase.value == 0
    signed = torch.tensor([0.3, -0.2, 0.2, -0.1, 0, 0, 0, 0])
    drop, increase = judged(Additive(signed), AverageDrop(), IncreaseInConfidence()).scores
    assert drop.value == 0
    assert increase.value == 1


def test_a_map_without_a_positive_value_shows_nothing() -> None:
    model = Additive(WEIGHTS)
    maps = {"negative": -torch.ones(4, 4, 4)}
    found = judged(model, AverageDrop(), maps=maps)
    whole = BASE + float(WEIGHTS.sum())
    assert found.scores[0].beside["negative"].value == pytest.approx((whole - BASE) / whole)


def test_fifty_steps_of_both_curves_are_a_hundred_clips_in_full_batches() -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model, white(8, 8, 8))
    ramp = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(0))
    explanation = with_map(explanation, ramp)
    found = evaluate(
        explanation,
        classifier(model),
        metrics=[Deletion(), Insertion(), SymmetricGain(), MinimalKeeps(), Deletion()],
        references=False,
        batch_size=16,
    )
    assert found.n_asked == 100
    assert model.batches == [1] + [16] * 6 + [3]


def with_map(explanation: vx.Explanation, heat: Tensor) -> vx.Explanation:
    from dataclasses import replace

    return replace(explanation, attribution=Attribution(explanation.attribution.scores, heat))


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_the_batch_size_changes_nothing(batch_size: int) -> None:
    metrics = [Deletion(fill=vx.removal.Blur(1.0)), AverageDrop(), FillReliability()]
    one = judged(Additive(WEIGHTS), *metrics, references=True, batch_size=batch_size)
    other = judged(Additive(WEIGHTS), *metrics, references=True, batch_size=7)
    for a, b in zip(one, other, strict=True):
        assert a.value == pytest.approx(b.value)
        assert {k: m.value for k, m in a.beside.items()} == pytest.approx(
            {k: m.value for k, m in b.beside.items()}
        )


def test_random_maps_and_the_centre_prior_stand_beside() -> None:
    found = judged(Additive(WEIGHTS), Deletion(), references=True, random_maps=40)
    score = found.scores[0]
    assert list(score.beside) == ["random map", "centre prior"]
    middle = BASE + float(WEIGHTS.sum()) / 2
    assert score.beside["random map"].value == pytest.approx(middle, abs=0.02)
    assert score.gain_over("random map") == pytest.approx(
        (score.beside["random map"].value or 0) - (score.value or 0)
    )
    again = judged(Additive(WEIGHTS), Deletion(), references=True, random_maps=40)
    assert again.scores[0].beside["random map"].value == score.beside["random map"].value
    other = judged(Additive(WEIGHTS), Deletion(), references=True, random_maps=40, seed=1)
    assert other.scores[0].beside["random map"].value != score.beside["random map"].value


def test_other_behaviors_and_fills_are_watched() -> None:
    behavior, fill = vx.behavior.LogOdds(), vx.removal.Constant(1.0)
    same, logs = judged(Additive(WEIGHTS), Deletion(fill=fill), Deletion(behavior=behavior))
    assert same.value == pytest.approx(BASE + float(WEIGHTS.sum()))
    assert logs.curve is not None
    assert logs.curve.watched == "log odds"
    p = torch.tensor([BASE + float(WEIGHTS.sum()), BASE], dtype=torch.float64)
    torch.testing.assert_close(logs.curve.values[[0, -1]], p.logit(), atol=1e-5, rtol=0)
    assert same.name == "deletion AUC (Constant(color=1.0))"
    assert logs.name == "deletion AUC (LogOdds)"


def test_the_reliability_of_a_fill_is_of_the_fill_alone() -> None:
    fill = vx.removal.Constant(1.0)
    harmless, black = judged(
        Additive(WEIGHTS), FillReliability(fill=fill), FillReliability(orders=40), references=True
    )
    assert harmless.value == pytest.approx(1)
    whole = BASE + float(WEIGHTS.sum())
    assert black.value == pytest.approx((BASE + float(WEIGHTS.sum()) / 2) / whole, abs=0.03)
    assert black.beside == {}


def test_a_clip_of_one_frame_and_of_one_region() -> None:
    model = Additive(torch.tensor([0.5]), boxes=(1, 1, 1))
    with pytest.warns(vx.VexplainWarning, match="one region"):
        explanation = explained(model, white(1, 2, 2))
    for metrics in (
        None,
        [Deletion(order=order()) for order in (RegionWise, FrameWise, ColumnWise)],
    ):
        found = evaluate(explanation, classifier(model), metrics=metrics)
        assert found.scores[0].value == pytest.approx(BASE + 0.25)
        assert "nan" not in str(found)


def test_maps_that_are_not_finite_or_of_another_shape_are_refused(unchecked: None) -> None:
    model = Additive(WEIGHTS)
    explanation = explained(model)
    heat = torch.zeros(4, 4, 4)
    heat[0, 0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"maps\['mine'\]: expected finite numbers, got 1 NaN"):
        evaluate(explanation, classifier(model), maps={"mine": heat})
    with pytest.raises(ValueError, match=r"maps\['mine'\]: expected the clip's shape"):
        evaluate(explanation, classifier(model), maps={"mine": torch.zeros(4, 4, 5)})
    with pytest.raises(ValueError, match="'random map' already means something"):
        evaluate(explanation, classifier(model), maps={"random map": torch.zeros(4, 4, 4)})
    with pytest.raises(ValueError, match="map: expected finite numbers"):
        Attribution(torch.zeros(1), heat)
    with pytest.raises(ValueError, match="map: expected finite numbers"):
        block_ends(heat.flatten())


def test_another_model_than_the_explained_one_is_noticed() -> None:
    explanation = explained(Additive(WEIGHTS))
    with pytest.warns(vx.VexplainWarning, match="answers otherwise to this clip"):
        evaluate(explanation, classifier(Additive(WEIGHTS / 2)), metrics=[Deletion()])

    def two(clips: Tensor) -> Tensor:
        return torch.full((len(clips), 2), 0.5)

    with pytest.raises(ValueError, match="expected scores of 1 classes"):
        vx.evaluate(explanation, two, spec=vx.ModelSpec(outputs="sigmoid"), progress=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Deletion(steps=0), "steps: expected a whole number from 1"),
        (lambda: Insertion(steps=0), "steps: expected a whole number from 1"),
        (lambda: SymmetricGain(steps=0), "steps: expected a whole number from 1"),
        (lambda: MinimalKeeps(levels=()), "levels: expected one number or several"),
        (lambda: MinimalKeeps(levels=(0.0,)), "levels: expected a number above 0"),
        (lambda: MinimalKeeps(levels=(1.5,)), "levels: expected a share"),
        (lambda: MinimalKeeps(direction=cast(Any, "up")), "direction: expected one of deletion"),
        (lambda: FillReliability(orders=0), "orders: expected a whole number"),
        (
            lambda: Curve(torch.tensor([0.0, 1.0]).double(), torch.zeros(3).double()),
            "one per share",
        ),
        (lambda: Curve(torch.tensor([1.0, 0.0]).double(), torch.zeros(2).double()), "rising"),
    ],
)
def test_options_that_make_no_sense_are_refused(make: Any, message: str, unchecked: None) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_curve_is_straight_between_its_points() -> None:
    curve = Curve(torch.tensor([0, 0.5, 1]).double(), torch.tensor([1, 0.2, 0.4]).double())
    torch.testing.assert_close(
        curve.at(torch.tensor([0, 0.25, 0.5, 0.75, 1]).double()),
        torch.tensor([1, 0.6, 0.2, 0.3, 0.4]).double(),
    )
    assert curve.area == pytest.approx(0.5 * 0.6 + 0.5 * 0.3)
    assert curve.first_share(0.6, falling=True) == pytest.approx(0.25)
    assert curve.first_share(1.5, falling=True) == 0
    assert curve.first_share(0.1, falling=True) != curve.first_share(0.1, falling=True)  # NaN
    assert curve.first_share(0.9, falling=False) == 0
