"""Metrics on clips of one frame against Quantus (Hedström et al. 2023), which judges pictures.

It is left out where Quantus is absent. CI installs it with ``pip install --no-deps
quantus==0.6.0``: its dependencies would bring a second OpenCV, and of those that vexplain does not
need itself these tests use only pandas and tqdm.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from torch import Tensor, nn

import vexplain as vx
from vexplain.core import Coalitions, Explanation, Segmenter
from vexplain.evaluation import (
    Curve,
    Deletion,
    EnergyInside,
    Entropy,
    Infidelity,
    Insertion,
    Measure,
    Metric,
    PointingGame,
    RegionWise,
    SensitivityN,
    Sparseness,
    SymmetricGain,
    energy_inside,
    pointing_game,
    rank_correlation,
)
from vexplain.removal import NoisyLinear
from vexplain.sampling import Binomial, MonteCarlo
from vexplain.segmentation import FromLabels, Grid

quantus = pytest.importorskip(
    "quantus", reason="Quantus is not installed: pip install --no-deps quantus==0.6.0 pandas tqdm"
)

SIDE = 6
PIXELS = SIDE**2
TARGET = 1
SEEDS = range(3)
EACH_PIXEL = Grid(t=1, h=SIDE, w=SIDE)
PATCHES = Grid(t=1, h=3, w=3)
SILENT = {"disable_warnings": True}
TO_BLACK = {"perturb_baseline": 0.0, **SILENT}
"""Their "black" is the darkest value that is left in the picture, which need not be black."""


@pytest.fixture
def trapz(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back what numpy 2.4 took away and Quantus 0.6.0 still calls."""
    monkeypatch.setattr(np, "trapz", trapezoid, raising=False)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@cache
def network(channels: int = 3, side: int = SIDE) -> nn.Module:
    """No sum over pixels, so that every set of pixels has an answer of its own."""
    conv, head = nn.Conv2d(channels, 4, 3, padding=1), nn.Linear(4 * side**2, 2)
    rng = generator(7)
    with torch.no_grad():
        for parameter in (conv.weight, conv.bias, head.weight):
            assert parameter is not None
            parameter.copy_(torch.randn(parameter.shape, generator=rng) / 3)
        # The places weigh nothing on the whole, so that no class is certain.
        by_place = head.weight.view(8, side**2)
        by_place -= by_place.mean(1, keepdim=True)
        head.bias.zero_()
    return nn.Sequential(conv, nn.Tanh(), nn.Flatten(), head).eval()


def picture(seed: int, channels: int = 3, side: int = SIDE) -> Tensor:
    """One frame (1, channels, side, side); none of its pixels is black."""
    return 0.1 + 0.9 * torch.rand(1, channels, side, side, generator=generator(seed))


def random_map(seed: int, side: int = SIDE) -> Tensor:
    """A map (1, side, side) of both signs, without ties."""
    return torch.randn(1, side, side, generator=generator(seed + 100)).double()


def box() -> Tensor:
    inside = torch.zeros(1, SIDE, SIDE, dtype=torch.bool)
    inside[:, 1:4, 2:6] = True
    return inside


def network_and_spec(frame: Tensor) -> tuple[nn.Module, vx.ModelSpec]:
    channels, side = frame.shape[1], frame.shape[3]
    spec = vx.ModelSpec(layout="CHW", outputs="logits", channels="rgb" if channels == 3 else "grey")
    return network(channels, side), spec


def probability(frame: Tensor) -> float:
    with torch.no_grad():
        return float(network_and_spec(frame)[0](frame).softmax(1)[0, TARGET])


def explained(frame: Tensor, regions: Segmenter) -> Explanation:
    """LOCO, which removes to black and watches the probability."""
    net, spec = network_and_spec(frame)
    method = replace(vx.methods.loco(), segmentation=regions)
    clip = vx.clip_from_array(frame)
    return vx.explain(clip, net, method=method, target=TARGET, spec=spec, progress=False)


def ours(
    metric: Metric,
    frame: Tensor,
    heat: Tensor,
    regions: Segmenter = EACH_PIXEL,
    truth: Tensor | None = None,
) -> Measure:
    """What we say of a map."""
    net, spec = network_and_spec(frame)
    (score,) = vx.evaluate(
        explained(frame, regions),
        net,
        metrics=[metric],
        truth=truth,
        references=False,
        maps={"heat": heat},
        spec=spec,
        progress=False,
    )
    return score.beside["heat"]


def our_curve(
    metric: Deletion | Insertion, frame: Tensor, heat: Tensor, regions: Segmenter = EACH_PIXEL
) -> Curve:
    curve = ours(metric, frame, heat, regions).curve
    assert curve is not None
    return curve


def theirs(metric: Any, frame: Tensor, heat: Tensor, truth: Tensor | None = None) -> Any:
    """What Quantus says of the map of one picture, or of several."""
    return metric(
        model=network_and_spec(frame)[0],
        x_batch=frame.numpy(),
        y_batch=np.full(len(frame), TARGET),
        a_batch=heat[:, None].numpy().copy(),
        s_batch=None if truth is None else truth[:, None].numpy(),
        softmax=True,
        device="cpu",
    )


def flipped(frame: Tensor, heat: Tensor, pixels: int = 1) -> NDArray[np.float64]:
    """The answers when ever more pixels are black; they leave out that to the whole picture."""
    metric = quantus.PixelFlipping(features_in_step=3 * pixels, **TO_BLACK)
    return np.array([probability(frame), *theirs(metric, frame, heat)[0]])


def close(a: Any, b: Any, tolerance: float = 5e-6) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=0, atol=tolerance)


@pytest.mark.parametrize("seed", SEEDS)
def test_sparseness_is_theirs(seed: int) -> None:
    # They add 1e-7 to every value.
    frame, heat = picture(seed), random_map(seed)
    found = theirs(quantus.Sparseness(**SILENT), frame, heat)[0]
    close(ours(Sparseness(), frame, heat).value, found)


@pytest.mark.parametrize("seed", SEEDS)
def test_entropy_is_their_complexity(seed: int) -> None:
    # They add 1e-12 to every share whose logarithm is taken.
    frame, heat = picture(seed), random_map(seed)
    found = theirs(quantus.Complexity(**SILENT), frame, heat)[0]
    close(ours(Entropy(), frame, heat).value, found)


def test_pointing_game_is_theirs() -> None:
    frames = torch.cat([picture(seed) for seed in range(8)])
    maps = torch.cat([random_map(seed) for seed in range(8)])
    found = theirs(quantus.PointingGame(**SILENT), frames, maps, box().expand(8, -1, -1))
    assert 0 < sum(found) < 8
    assert [pointing_game(heat[None], box()) for heat in maps] == [float(hit) for hit in found]
    assert ours(PointingGame(), frames[:1], maps[:1], truth=box()).value == float(found[0])


def test_of_tied_maxima_one_inside_is_a_whole_hit_for_them() -> None:
    heat = torch.zeros(1, SIDE, SIDE).double()
    heat[0, [0, 0, 5, 1], [0, 5, 0, 2]] = 1
    assert theirs(quantus.PointingGame(**SILENT), picture(0), heat, box())[0]
    assert pointing_game(heat, box()) == 1 / 4


@pytest.mark.parametrize("seed", SEEDS)
def test_energy_inside_is_their_relevance_mass_accuracy(seed: int) -> None:
    # In theirs negative values cancel positive ones, so it gets what is positive only.
    frame, heat = picture(seed), random_map(seed)
    metric = quantus.RelevanceMassAccuracy(**SILENT)
    found = theirs(metric, frame, heat.clamp(min=0), box())[0]
    close(ours(EnergyInside(), frame, heat, truth=box()).value, found)


def test_energy_inside_is_their_attribution_localisation_of_the_positive_part() -> None:
    # Of fewer than three pictures it divides by 0 on the way to a warning.
    frames = torch.cat([picture(seed) for seed in range(3)])
    maps = torch.cat([random_map(seed) for seed in range(3)])
    metric = quantus.AttributionLocalisation(positive_attributions=True, abs=False, **SILENT)
    found = theirs(metric, frames, maps, box().expand(3, -1, -1))
    close([energy_inside(heat[None], box()) for heat in maps], found)


@pytest.mark.parametrize("seed", SEEDS)
def test_deletion_is_their_pixel_flipping(seed: int) -> None:
    frame, heat = picture(seed), random_map(seed)
    curve = our_curve(Deletion(steps=PIXELS), frame, heat)
    close(curve.shares, np.arange(PIXELS + 1) / PIXELS)
    close(curve.values, flipped(frame, heat))


def test_deletion_in_fewer_steps_is_their_pixel_flipping_of_several_pixels() -> None:
    frame, heat = picture(1), random_map(1)
    curve = our_curve(Deletion(steps=PIXELS // 4), frame, heat)
    close(curve.values, flipped(frame, heat, pixels=4))


def test_deletion_area_is_theirs(trapz: None) -> None:
    # Theirs counts pixels, not shares, and begins where the first pixel is gone.
    frame, heat = picture(2), random_map(2)
    metric = quantus.PixelFlipping(features_in_step=3, return_auc_per_sample=True, **TO_BLACK)
    found = ours(Deletion(steps=PIXELS), frame, heat)
    assert found.value is not None
    assert found.curve is not None
    first = float(found.curve.values[:2].mean())
    close(found.value, (theirs(metric, frame, heat)[0] + first) / PIXELS)


def test_deletion_passes_tied_pixels_in_one_step() -> None:
    # They take tied pixels in the order of memory: the same where all of them are gone.
    frame, heat = picture(3), random_map(3).round()
    curve = our_curve(Deletion(steps=PIXELS), frame, heat)
    counts = (curve.shares * PIXELS).round().long()
    assert len(counts) == len(np.unique(heat)) + 1
    close(curve.values, flipped(frame, heat)[counts])


@pytest.mark.parametrize("seed", SEEDS)
def test_insertion_is_their_pixel_flipping_with_the_least_relevant_first_backwards(
    seed: int,
) -> None:
    frame, heat = picture(seed), random_map(seed)
    curve = our_curve(Insertion(steps=PIXELS), frame, heat)
    close(curve.values, flipped(frame, -heat)[::-1])


def test_symmetric_gain_is_the_area_between_their_two_orders() -> None:
    frame, heat = picture(2), random_map(2)
    between = flipped(frame, -heat) - flipped(frame, heat)
    found = ours(SymmetricGain(steps=PIXELS), frame, heat)
    close(found.value, trapezoid(between, dx=1 / PIXELS))


@pytest.mark.parametrize("seed", SEEDS)
def test_region_wise_deletion_is_their_selectivity(seed: int) -> None:
    # They order patches by sums, and we regions by means: the same for patches of one size.
    frame, heat = picture(seed), random_map(seed)
    found = theirs(quantus.Selectivity(patch_size=2, **TO_BLACK), frame, heat)[0]
    curve = our_curve(Deletion(order=RegionWise(), steps=9), frame, heat, PATCHES)
    close(curve.shares, np.arange(10) / 9)
    close(curve.values, [probability(frame), *found])


def test_scores_of_regions_are_judged_as_they_judge_the_map() -> None:
    frame = picture(3)
    net, spec = network_and_spec(frame)
    explanation = explained(frame, PATCHES)
    metrics = [Deletion(order=RegionWise(), steps=9)]
    (score,) = vx.evaluate(
        explanation, net, metrics=metrics, references=False, spec=spec, progress=False
    )
    metric = quantus.Selectivity(patch_size=2, **TO_BLACK)
    found = theirs(metric, frame, explanation.attribution.map)[0]
    assert score.curve is not None
    close(score.curve.values, [probability(frame), *found])


@pytest.mark.parametrize("seed", SEEDS)
def test_region_wise_curves_are_their_region_perturbation(seed: int) -> None:
    # Theirs is what is lost of the answer.
    frame, heat = picture(seed), random_map(seed)
    options = {"patch_size": 2, "regions_evaluation": 9, **TO_BLACK}
    for order, game, step in (("morf", Deletion, 1), ("lerf", Insertion, -1)):
        lost = theirs(quantus.RegionPerturbation(order=order, **options), frame, heat)[0]
        curve = our_curve(game(order=RegionWise(), steps=9), frame, heat, PATCHES)
        close(probability(frame) - curve.values.numpy()[::step], [0, *lost])


def test_regions_of_unequal_size_go_in_the_order_of_their_irof(trapz: None) -> None:
    # Theirs is an area over v / v(whole), where regions count alike and the whole is left out.
    frame, heat = picture(4, channels=1, side=20), random_map(4, side=20)
    metric = quantus.IROF(segmentation_method="slic", **TO_BLACK)
    found = theirs(metric, frame, heat)[0]
    image = frame[0].movedim(0, -1).double().numpy()
    labels = torch.from_numpy(quantus.get_superpixel_segments(image, "slic"))
    sizes = labels.flatten().bincount().tolist()
    n = len(sizes)
    assert len(set(sizes)) > 1
    metric = Deletion(order=RegionWise(), steps=20 * 20)
    curve = our_curve(metric, frame, heat, FromLabels(labels[None]))
    assert len(curve.values) == n + 1
    # Back in answers, as the sum of a hundred ratios would show the rounding of float32.
    area = trapezoid(curve.values[1:], dx=1 / n)
    close(area, probability(frame) * (n - found) / n)


def drawn(n: int, law: Tensor) -> Coalitions:
    """The coalitions that our metrics draw."""
    return MonteCarlo(n)(law, generator(0))


@pytest.mark.parametrize("size", [1, 5, 11])
def test_sensitivity_of_one_size_is_their_faithfulness_correlation(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Their SensitivityN is another number: the most relevant pixels go first, and what is lost so
    # far is correlated, over pictures, with the relevance of the last step alone.
    frame, heat, n = picture(5), random_map(5), 40
    law = torch.zeros(PIXELS + 1, dtype=torch.float64)
    law[PIXELS - size] = 1
    channels = PIXELS * torch.arange(3)[:, None]
    sets: Iterator[Tensor] = (
        (channels + absent.nonzero()[:, 0]).flatten() for absent in ~drawn(n, law).present
    )
    monkeypatch.setattr(np.random, "choice", lambda *_, **__: next(sets).numpy())
    metric = quantus.FaithfulnessCorrelation(nr_runs=n, subset_size=3 * size, **TO_BLACK)
    found = theirs(metric, frame, heat)[0]
    assert next(sets, None) is None
    close(ours(SensitivityN(shares=(size / PIXELS,), n_samples=n), frame, heat).value, found)


def their_infidelity(frame: Tensor, scores: Tensor) -> float:
    """Theirs of what pixels contribute, under the 27 removals that ours draws.

    Their own removals grow patch by patch. They multiply an attribution with how much darker each
    value of a pixel got; our scores stand for a pixel's contribution as it is.
    """
    rows = drawn(27, Binomial(0.5)(PIXELS)).present
    left: Iterator[Tensor] = (frame * kept.view(SIDE, SIDE) for kept in rows)
    metric = quantus.Infidelity(
        perturb_func=lambda **_: next(left).flatten(1).numpy(),
        perturb_patch_sizes=[2],
        n_perturb_samples=3,
        **SILENT,
    )
    found = theirs(metric, frame, scores / frame.sum(1).double())[0]
    assert next(left, None) is None
    return float(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_infidelity_is_theirs_under_the_same_removals(seed: int) -> None:
    frame, scores = picture(seed), random_map(seed) / 10
    metric = Infidelity(n_samples=27, scaled=False)
    close(ours(metric, frame, scores).value, their_infidelity(frame, scores))


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_scaled_infidelity_is_the_lowest_of_theirs_at_any_scale_from_0(
    seed: int, sign: int
) -> None:
    frame, scores = picture(seed), sign * random_map(seed) / 10
    scales = [-1, 1, 2]
    parabola = Polynomial.fit(scales, [their_infidelity(frame, s * scores) for s in scales], 2)
    lowest = parabola(max(parabola.deriv().roots()[0], 0))
    close(ours(Infidelity(n_samples=27), frame, scores).value, lowest)


@pytest.mark.parametrize("tied", [False, True])
def test_rank_correlation_is_theirs(tied: bool) -> None:
    a, b = torch.randn(2, 50, generator=generator(0))
    if tied:
        a, b = a.round(), b.round()
    close(rank_correlation(a, a + b), quantus.correlation_spearman(a.numpy(), (a + b).numpy()))


def imputed(frame: Tensor, absent: Tensor) -> Tensor:
    """A frame with their noisy linear imputation, without noise, where ``absent`` (1, H, W)."""
    indices = absent.flatten().nonzero()[:, 0].numpy()
    filled = quantus.noisy_linear_imputation(frame[0].double().numpy(), indices, noise=0)
    return torch.from_numpy(filled)[None].float()


@pytest.mark.parametrize("share", [0.03, 0.3, 0.7, 0.97])
@pytest.mark.parametrize("shape", [(12, 12), (7, 10)])
def test_noisy_linear_is_their_imputation(shape: tuple[int, int], share: float) -> None:
    frame = torch.rand(1, 3, *shape, generator=generator(1))
    absent = torch.rand(1, *shape, generator=generator(2)) < share
    absent[0, :3, :4] = True  # a hole in the corner
    clip = vx.clip_from_array(frame)
    fill = NoisyLinear(noise=0)(clip, EACH_PIXEL(clip))
    # Ours is solved step by step, to within 0.001.
    close(fill((~absent).float()[None])[0], imputed(frame, absent), 1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_deletion_with_noisy_linear_asks_about_their_imputed_pictures(seed: int) -> None:
    frame, heat = picture(seed), random_map(seed)
    curve = our_curve(Deletion(fill=NoisyLinear(noise=0), steps=PIXELS), frame, heat)
    highest_first = heat.flatten().sort(descending=True).values
    found = [probability(imputed(frame, heat >= lowest)) for lowest in highest_first[:-1]]
    close(curve.values[1:-1], found, 1e-3)


def test_deletion_with_noisy_linear_keeps_the_class_as_their_road_does() -> None:
    # Theirs counts pictures that are still of their class, at some shares; it takes grey pictures
    # only, as it numbers the values of all channels, and no picture that is gone altogether.
    shares, side, seeds = [10, 25, 50, 75, 90], 8, range(8, 14)
    frames = [picture(seed, channels=1, side=side) for seed in seeds]
    maps = [random_map(seed, side=side) for seed in seeds]
    found = theirs(
        quantus.ROAD(percentages=shares, noise=0, **SILENT), torch.cat(frames), torch.cat(maps)
    )
    metric = Deletion(fill=NoisyLinear(noise=0), steps=side**2)
    regions = Grid(t=1, h=2, w=2)
    curves = [our_curve(metric, *case, regions) for case in zip(frames, maps, strict=True)]
    counts = [side**2 * share // 100 for share in shares]
    values = torch.stack([curve.values[counts] for curve in curves])
    assert ((values - 0.5).abs() > 0.005).all()  # so that rounding changes no class
    close((values > 0.5).double().mean(0), [found[share] for share in shares])
