"""Maps against known places: closed forms, ties, and what scikit-learn and scikit-image compute."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label, regionprops
from sklearn.metrics import jaccard_score, precision_recall_curve
from torch import Tensor

from vexplain.evaluation.localisation import (
    best_threshold,
    energy_inside,
    iou_at_best_threshold,
    iou_at_threshold,
    pointing_game,
    pointing_game_by_frame,
    temporal_iou,
)

Number = Callable[[Tensor, Tensor], float]

ALL: list[Number] = [
    pointing_game,
    pointing_game_by_frame,
    energy_inside,
    iou_at_threshold,
    iou_at_best_threshold,
    temporal_iou,
]
NEED_POSITIVE: list[Number] = [energy_inside, iou_at_threshold, temporal_iou]
SEEDS = range(8)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_case(seed: int, values: int | None = None) -> tuple[Tensor, Tensor]:
    """A map, of few different values where ``values`` says so, and a truth in some frames."""
    rng = generator(seed)
    heat = torch.randn(6, 7, 9, generator=rng)
    if values is not None:
        heat = torch.randint(-2, values, (6, 7, 9), generator=rng).float()
    inside = torch.rand(6, 7, 9, generator=rng) < 0.3
    inside[seed % 3] = False
    return heat, inside


def planted(value: float = 1.0) -> tuple[Tensor, Tensor]:
    """A map that is ``value`` just where the truth lies."""
    inside = torch.zeros(4, 6, 6, dtype=torch.bool)
    inside[1:3, 2:4, 1:5] = True
    return inside * value, inside


@pytest.mark.parametrize("number", ALL)
def test_a_map_that_is_the_truth_gets_one(number: Number) -> None:
    heat, inside = planted()
    assert number(heat, inside) == 1.0


@pytest.mark.parametrize("number", ALL)
def test_a_map_that_is_elsewhere_gets_the_least(number: Number) -> None:
    heat, inside = planted()
    share = float(inside.double().mean())
    by_frame = float(inside[1].double().mean())  # frames with truth are constant
    wanted: dict[Number, float] = {pointing_game_by_frame: by_frame, iou_at_best_threshold: share}
    got = number(heat.roll(2, 0), inside)
    assert got == pytest.approx(wanted.get(number, 0.0), abs=1e-12)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize("value", [0.25, 3e38])
def test_a_constant_map_gets_the_share_of_the_truth(number: Number, value: float) -> None:
    _, inside = planted()
    share = float(inside.double().mean())
    by_frame = float(inside[1].double().mean())
    wanted: dict[Number, float] = {pointing_game_by_frame: by_frame, temporal_iou: 0.5}
    got = number(torch.full(inside.shape, value), inside)
    assert got == pytest.approx(wanted.get(number, share), abs=1e-12)


@pytest.mark.parametrize("number", ALL)
def test_an_empty_truth_gives_no_number(number: Number) -> None:
    heat, inside = planted()
    assert math.isnan(number(heat, torch.zeros_like(inside)))


@pytest.mark.parametrize("number", ALL)
def test_a_truth_of_everything(number: Number) -> None:
    heat, inside = random_case(3)
    everything = torch.ones_like(inside)
    cut = heat >= 0.5 * heat.max()
    means = heat.clamp(min=0).mean(dim=(1, 2))
    wanted: dict[Number, float] = {
        iou_at_threshold: float(cut.double().mean()),
        temporal_iou: float((means >= 0.5 * means.max()).double().mean()),
    }
    assert number(heat, everything) == pytest.approx(wanted.get(number, 1.0), abs=1e-12)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_map_without_a_positive_value(number: Number, value: float) -> None:
    _, inside = planted()
    got = number(torch.full(inside.shape, value), inside)
    assert math.isnan(got) == (number in NEED_POSITIVE)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_map_that_is_not_finite_is_refused(number: Number, bad: float) -> None:
    heat, inside = planted()
    heat[0, 0, 0] = bad
    for truth in (inside, torch.zeros_like(inside)):
        with pytest.raises(ValueError, match=r"^heat: expected finite numbers, got 1 NaN"):
            number(heat, truth)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(number: Number) -> None:
    heat, inside = planted()
    with pytest.raises(ValueError, match=r"^inside: expected a truth on the map's grid .*\(4, 6"):
        number(heat, inside[:, :, :5])
    with pytest.raises(ValueError, match=r"^inside: expected bool, True = inside, got torch.flo"):
        number(heat, inside.float())
    with pytest.raises(ValueError, match=r"^heat: expected a tensor with axes \(T, H, W\)"):
        number(heat[0], inside[0])
    with pytest.raises(ValueError, match=r"^heat: expected at least one voxel, got \(0, 6, 6\)"):
        number(heat[:0], inside[:0])


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01, math.nan, True])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    heat, inside = planted()
    for number in (iou_at_threshold, temporal_iou):
        with pytest.raises(ValueError, match=r"^share: expected"):
            number(heat, inside, share=share)


@pytest.mark.parametrize("number", ALL)
@pytest.mark.parametrize("seed", SEEDS)
def test_scale_layout_and_type_play_no_part(number: Number, seed: int) -> None:
    heat, inside = random_case(seed, values=5)
    wanted = number(heat, inside)
    assert 0 <= wanted <= 1
    assert number(heat * 2.0**20, inside) == wanted
    assert number(heat.double() * 2.0**-60, inside) == wanted
    assert number(heat.to(torch.float16), inside) == wanted
    assert number(heat.long(), inside) == wanted
    assert number(heat.clone().requires_grad_(), inside) == wanted
    turned = (heat.permute(0, 2, 1).contiguous(), inside.permute(0, 2, 1))
    assert number(*turned) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("number", ALL)
def test_a_clip_of_one_frame(number: Number) -> None:
    heat, inside = planted()
    assert number(heat[1:2], inside[1:2]) == 1.0


def test_ties_share_the_point() -> None:
    heat, inside = torch.zeros(2, 2, 2), torch.zeros(2, 2, 2, dtype=torch.bool)
    heat[0, 0, 0] = heat[1, 1, 1] = heat[1, 0, 0] = 3.0
    inside[1] = True
    assert pointing_game(heat, inside) == pytest.approx(2 / 3)
    assert pointing_game_by_frame(heat, inside) == 1.0
    assert pointing_game(heat, ~inside) == pytest.approx(1 / 3)


def test_a_frame_asks_where_and_not_when() -> None:
    heat, inside = planted()
    heat[0, 0, 0] = 9.0
    assert pointing_game(heat, inside) == 0.0
    assert pointing_game_by_frame(heat, inside) == 1.0
    heat[1, 0, 0] = 9.0
    assert pointing_game_by_frame(heat, inside) == 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_pointing_game_is_the_first_maximum_in_random_order(seed: int) -> None:
    heat, inside = random_case(seed, values=3)
    rng = np.random.default_rng(seed)
    hits = []
    for _ in range(4000):
        order = rng.permutation(heat.numel())
        hits.append(bool(inside.flatten()[order[heat.flatten().numpy()[order].argmax()]]))
    assert pointing_game(heat, inside) == pytest.approx(np.mean(hits), abs=0.04)


def test_energy_leaves_negative_values_out() -> None:
    heat, inside = planted()
    heat[0, 0, 0], heat[3, 0, 0], heat[1, 2, 1] = 4.0, -100.0, -100.0
    assert energy_inside(heat, inside) == pytest.approx(15 / 19)


def test_energy_is_the_weighted_mean_of_scikit_image() -> None:
    heat, inside = random_case(5)
    positive = heat.clamp(min=0).numpy()
    (region,) = regionprops(inside.numpy().astype(int), positive)  # type: ignore[no-untyped-call]
    wanted = region.intensity_mean * region.area / positive.sum()
    assert energy_inside(heat, inside) == pytest.approx(wanted, rel=1e-6)


def test_energy_of_the_largest_floats() -> None:
    _, inside = planted()
    heat = torch.full(inside.shape, torch.finfo(torch.float64).max, dtype=torch.float64)
    assert energy_inside(heat, inside) == pytest.approx(float(inside.double().mean()))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
def test_the_iou_is_the_jaccard_score_of_scikit_learn(seed: int, share: float) -> None:
    heat, inside = random_case(seed, values=5)
    cut = heat.numpy() >= share * float(heat.max())
    wanted = jaccard_score(inside.flatten().numpy(), cut.ravel())
    assert iou_at_threshold(heat, inside, share=share) == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("values", [None, 2, 5])
def test_the_best_threshold_is_the_best_of_all(seed: int, values: int | None) -> None:
    heat, inside = (part[:3, :4] for part in random_case(seed, values))
    truth = inside.flatten().numpy()
    scores = {float(t): jaccard_score(truth, heat.flatten().numpy() >= t) for t in np.unique(heat)}
    threshold, iou = best_threshold(heat, inside)
    assert iou == pytest.approx(max(scores.values()), abs=1e-12)
    assert iou == iou_at_best_threshold(heat, inside)
    assert scores[threshold] == pytest.approx(iou, abs=1e-12)
    assert threshold == max(t for t, score in scores.items() if score > iou - 1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_best_iou_follows_from_precision_and_recall(seed: int) -> None:
    heat, inside = random_case(seed)
    precision, recall, _ = precision_recall_curve(inside.flatten(), heat.flatten())
    reached = recall > 0
    wanted = (1 / (1 / precision[reached] + 1 / recall[reached] - 1)).max()
    assert iou_at_best_threshold(heat, inside) == pytest.approx(wanted, abs=1e-12)


@given(st.lists(st.tuples(st.integers(-2, 2), st.booleans()), min_size=1, max_size=12))
@settings(max_examples=200, deadline=None)
def test_the_best_iou_bounds_every_cut(voxels: list[tuple[int, bool]]) -> None:
    heat = torch.tensor([value for value, _ in voxels]).float().view(-1, 1, 1)
    inside = torch.tensor([place for _, place in voxels]).view(-1, 1, 1)
    best = iou_at_best_threshold(heat, inside)
    for share in (0.1, 0.5, 0.6, 1.0):
        assert not iou_at_threshold(heat, inside, share=share) > best
    assert not best < float(inside.double().mean())


def test_equal_values_come_in_together() -> None:
    heat = torch.tensor([2.0, 1.0, 1.0, 1.0, -0.0, 0.0]).view(1, 1, 6)
    inside = torch.tensor([False, True, False, False, False, False]).view(1, 1, 6)
    assert best_threshold(heat, inside) == (1.0, 0.25)
    inside = torch.tensor([True, False, False, False, False, True]).view(1, 1, 6)
    assert best_threshold(heat, inside) == (2.0, 0.5)


def test_of_equal_fits_the_highest_threshold_is_taken() -> None:
    heat = torch.tensor([3.0, 2.0, 1.0, 0.0]).view(1, 1, 4)
    inside = torch.tensor([True, False, False, True]).view(1, 1, 4)
    assert best_threshold(heat, inside) == (3.0, 0.5)


def test_no_threshold_fits_an_empty_truth() -> None:
    heat, inside = random_case(0)
    assert all(math.isnan(value) for value in best_threshold(heat, torch.zeros_like(inside)))


def test_frames_are_compared_by_their_mean_positive_part() -> None:
    heat, inside = torch.zeros(4, 2, 2), torch.zeros(4, 2, 2, dtype=torch.bool)
    heat[0], heat[1], heat[3, 0, 0] = 1.0, 0.5, 1.9  # means 1, 0.5, 0 and 0.475
    heat[0, 0, 0] = 1.0
    heat[2] = -50.0
    inside[1:3, 0, 0] = True
    assert temporal_iou(heat, inside) == pytest.approx(1 / 3)  # {0, 1} and {1, 2}
    assert temporal_iou(heat, inside, share=0.4) == pytest.approx(1 / 4)  # {0, 1, 3}
    assert temporal_iou(heat, inside, share=1.0) == 0.0


@pytest.mark.parametrize("seed", SEEDS)
def test_frames_against_scikit_learn(seed: int) -> None:
    heat, inside = random_case(seed)
    means = heat.double().clamp(min=0).mean(dim=(1, 2)).numpy()
    chosen, held = means >= 0.8 * means.max(), inside.numpy().any(axis=(1, 2))
    wanted = jaccard_score(held, chosen)
    assert temporal_iou(heat, inside, share=0.8) == pytest.approx(wanted, abs=1e-12)


def test_blobs_of_scikit_image_against_iou() -> None:
    """The largest blob of a thresholded map as the truth: the cut at its own level holds it."""
    heat = torch.rand(5, 12, 12, generator=generator(2))
    blobs = label(heat.numpy() >= 0.6 * float(heat.max()))  # type: ignore[no-untyped-call]
    regions = regionprops(blobs)  # type: ignore[no-untyped-call]
    largest = max(regions, key=lambda region: region.area)
    inside = torch.from_numpy(blobs == largest.label)
    wanted = largest.area / (blobs > 0).sum()
    assert iou_at_threshold(heat, inside, share=0.6) == pytest.approx(wanted, abs=1e-12)
