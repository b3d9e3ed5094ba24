"""Step 7: colours and alphas at known voxels, which regions are shown, maps that say nothing."""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from torch import Tensor

from vexplain.core import Attribution, Segmentation, VideoClip, Visualization
from vexplain.core.gaussian import smooth
from vexplain.segmentation import SlidingWindow, SoftGrid
from vexplain.visualization import (
    PALETTES,
    Accumulated,
    All,
    Backed,
    HeatMap,
    Highlight,
    Outlines,
    Row,
    Scale,
    Scaled,
    Sheet,
    Show,
    SignedMap,
    Threshold,
    TopRegions,
    TopShare,
    Worded,
    draw_sheet,
    emphasis,
    overlay,
    owners_of,
    rims_of,
)
from vexplain.visualization.layers import smoothed
from vexplain.visualization.sheet import CAPTION, MARGIN, NOTE, number
from vexplain.visualization.typeset import face

SHOWS: tuple[Show, ...] = (All(), TopRegions(2), TopShare(0.3), Threshold(0.1), Accumulated(0.5))
LOOKS: tuple[HeatMap | SignedMap, ...] = (HeatMap(), SignedMap(), SignedMap(colors="blue-orange"))


@dataclass(frozen=True, eq=False)
class Weighted:
    """Regions whose weights (D, T, H, W) sum to 1 at every voxel."""

    weights: Tensor

    @property
    def n_features(self) -> int:
        return len(self.weights)

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return torch.einsum("nd,dthw->nthw", present.float(), self.weights)

    def paint(self, scores: Tensor) -> Tensor:
        return torch.einsum("d,dthw->thw", scores, self.weights.to(scores))


def columns(D: int, T: int = 1, H: int = 2) -> Weighted:
    """Region d is column d of every frame."""
    return Weighted(torch.eye(D)[:, None, None, :].expand(D, T, H, D).contiguous())


def explained(
    scores: list[float], regions: Segmentation | None = None
) -> tuple[Attribution, Segmentation]:
    values = torch.tensor(scores, dtype=torch.float64)
    regions = regions or columns(len(scores))
    return Attribution(values, regions.paint(values).float()), regions


def hot(place: float) -> tuple[float, ...]:
    return tuple(colormaps["inferno"](place)[:3])


def seen(layer: Tensor) -> list[int]:
    """The columns that are not transparent in the first row of the first frame."""
    return torch.nonzero(layer[0, 3, 0]).flatten().tolist()


def test_heat_map_at_known_voxels() -> None:
    layer = HeatMap(alpha=0.5, fade=0.4)(*explained([0.1, -0.7, 0.3, 0.2]))
    assert layer.shape == (1, 4, 2, 4)
    assert layer.dtype == torch.float32
    for column, place in ((0, 0.0), (2, 1.0), (3, 0.5)):
        expected = (*hot(place), 0.5 * (1 - 0.4 * (1 - place)))
        assert layer[0, :, 1, column].tolist() == pytest.approx(expected, abs=0.02)
    assert layer[0, :, :, 1].eq(0).all()


def test_heat_map_without_fade_has_one_alpha() -> None:
    layer = HeatMap(alpha=0.4, fade=0)(*explained([0.1, 0.2, -0.1]))
    assert layer[0, 3, 0].tolist() == pytest.approx([0.4, 0.4, 0])


def test_signed_map_at_known_voxels() -> None:
    layer = SignedMap(alpha=0.5)(*explained([0.2, -0.4, 0.0]))
    supports, opposes = (to_rgb(color) for color in PALETTES["blue-orange"])
    assert layer[0, :, 0, 0].tolist() == pytest.approx((*supports, 0.25))
    assert layer[0, :, 0, 1].tolist() == pytest.approx((*opposes, 0.5))
    assert layer[0, :, 0, 2].tolist() == [0, 0, 0, 0]


def test_signed_map_turns_over_with_the_sign() -> None:
    scores = [0.3, -0.2, 0.1, -0.4]
    ahead = SignedMap(colors=("white", "black"))(*explained(scores))
    turned = SignedMap(colors=("black", "white"))(*explained([-score for score in scores]))
    assert torch.equal(ahead, turned)


def test_green_supports_and_red_opposes_on_request() -> None:
    layer = SignedMap(colors="green-red")(*explained([0.2, -0.4]))
    assert layer[0, :3, 0, 0].argmax() == 1
    assert layer[0, :3, 0, 1].argmax() == 0


def test_the_paper_s_colours_on_request() -> None:
    layer = HeatMap(colors="jet", fade=0)(*explained([0.1, 0.4]))
    assert layer[0, :3, 0, 1].tolist() == pytest.approx([0.5, 0, 0])


def test_the_safe_palette_differs_in_blue_which_red_green_blindness_leaves() -> None:
    supports, opposes = (to_rgb(color) for color in PALETTES["blue-orange"])
    assert supports[2] - opposes[2] > 0.9


def test_equal_colours_mean_equal_numbers_in_all_frames() -> None:
    weights = torch.zeros(3, 2, 1, 2)
    weights[0, 0, 0, 0] = weights[1, 1, 0, 0] = 1
    weights[2, :, 0, 1] = 1
    layer = HeatMap()(*explained([0.4, 0.2, 0.1], Weighted(weights)))
    assert layer[0, :3, 0, 0].tolist() == pytest.approx(hot(1.0), abs=0.02)
    assert layer[1, :3, 0, 0].tolist() == pytest.approx(hot(1 / 3), abs=0.02)
    assert torch.equal(layer[0, :, 0, 1], layer[1, :, 0, 1])


def test_colours_follow_the_map_and_regions_follow_the_scores() -> None:
    regions = columns(3)
    voxels = torch.tensor([[[0.1, 0.9, 0.3], [0.2, -0.9, 0.5]]])
    layer = HeatMap(show=TopRegions(2))(
        Attribution(torch.tensor([3.0, 2.0, 1.0]).double(), voxels), regions
    )
    assert layer[0, 3].gt(0).tolist() == [[True, True, False], [True, False, False]]
    assert layer[0, :3, 0, 1].tolist() == pytest.approx(hot(1.0), abs=0.02)
    assert layer[0, :3, 1, 0].tolist() == pytest.approx(hot(0.125), abs=0.02)


def test_only_what_is_shown_sets_the_scale_of_a_signed_map() -> None:
    voxels = torch.tensor([[[0.1, -0.2, 0.8]]])
    scores = torch.tensor([2.0, -3.0, 1.0]).double()
    layer = SignedMap(show=TopRegions(2), alpha=0.5)(Attribution(scores, voxels), columns(3, H=1))
    assert layer[0, 3, 0].tolist() == pytest.approx([0.25, 0.5, 0])


def test_soft_regions_fade_towards_those_that_do_not_support() -> None:
    ramp = torch.linspace(0, 1, 5).reshape(1, 1, 5)
    regions = Weighted(torch.stack([ramp, 1 - ramp]))
    attribution = Attribution(torch.tensor([0.4, -0.1]).double(), torch.full((1, 1, 5), 0.1))
    attribution.map[..., -1] = 0.2
    layer = HeatMap(alpha=0.8, fade=0)(attribution, regions)
    assert layer[0, 3, 0].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


def test_soft_regions_are_shown_softly() -> None:
    ramp = torch.linspace(0, 1, 5).reshape(1, 1, 5)
    regions = Weighted(torch.stack([ramp, 1 - ramp]))
    attribution = Attribution(torch.tensor([0.4, 0.1]).double(), torch.full((1, 1, 5), 0.1))
    attribution.map[..., -1] = 0.2
    layer = HeatMap(show=TopRegions(1), alpha=0.8, fade=0)(attribution, regions)
    assert layer[0, 3, 0].tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])


@pytest.mark.parametrize(
    ("D", "share"), [(10, 0.3), (7, 0.3), (197, 0.3), (100, 0.07), (5, 0), (5, 1)]
)
def test_top_share_shows_exactly_so_many_regions(D: int, share: float) -> None:
    scores = torch.rand(D, generator=torch.Generator().manual_seed(D)) + 0.01
    layer = HeatMap(show=TopShare(share))(*explained(scores.tolist()))
    wanted = -(-round(share * 1000) * D // 1000)
    assert sorted(seen(layer)) == sorted(scores.argsort(descending=True)[:wanted].tolist())
    assert layer[0, 3].gt(0).sum() == 2 * wanted


def test_heat_maps_rank_by_score_and_signed_maps_by_size() -> None:
    scores = [0.1, -0.9, 0.5, -0.3]
    assert seen(HeatMap(show=TopRegions(2))(*explained(scores))) == [0, 2]
    assert seen(SignedMap(show=TopRegions(2))(*explained(scores))) == [1, 2]


def test_equal_regions_are_taken_in_their_order() -> None:
    scores = [0.1, *[0.5] * 40, 0.0]
    assert seen(HeatMap(show=TopRegions(30))(*explained(scores))) == list(range(1, 31))


def test_a_threshold_is_in_units_of_the_scores() -> None:
    scores = [0.1, 0.2, -0.3, 0.4]
    assert seen(HeatMap(show=Threshold(0.2))(*explained(scores))) == [3]
    assert seen(SignedMap(show=Threshold(0.2))(*explained(scores))) == [2, 3]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_accumulated_chooses_the_fewest_regions_that_hold_the_share(share: float) -> None:
    for seed in range(10):
        importance = torch.rand(7, generator=torch.Generator().manual_seed(seed)).double()
        importance[seed % 7] = 0
        chosen = Accumulated(share)(importance)
        wanted = share * float(importance.sum()) - 1e-9
        fewest = min(
            size
            for size in range(8)
            for some in combinations(importance.tolist(), size)
            if sum(some) >= wanted
        )
        assert int(chosen.sum()) == fewest
        assert float(importance[chosen].sum()) >= wanted


def test_accumulated_is_not_fooled_by_rounding() -> None:
    assert int(Accumulated(4 / 17)(torch.full((17,), 0.3).double()).sum()) == 4
    assert int(Accumulated(3 / 17)(torch.full((17,), 0.3).double()).sum()) == 3


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "scores", [[0.0, 0.0, 0.0], [0.3, 0.3, 0.3], [1e-17, -1e-17, 2e-17], [0.0]], ids=str
)
def test_a_map_that_says_nothing_is_transparent(
    look: HeatMap | SignedMap, scores: list[float]
) -> None:
    assert look(*explained(scores)).eq(0).all()
    assert look.scale(*explained(scores)) is None


def test_nothing_positive_is_nothing_hot() -> None:
    assert HeatMap()(*explained([-0.1, -0.2, 0.0])).eq(0).all()
    assert SignedMap()(*explained([-0.1, -0.2, 0.0]))[0, 3, 0].gt(0).tolist() == [True, True, False]


def test_one_shown_region_is_drawn_at_full_strength() -> None:
    layer = HeatMap(show=TopRegions(1), alpha=0.5)(*explained([0.1, 0.2, -0.3]))
    assert layer[0, :, 0, 1].tolist() == pytest.approx((*hot(1.0), 0.5))
    scale = HeatMap(show=TopRegions(1)).scale(*explained([0.1, 0.2, -0.3]))
    assert scale is not None
    assert (scale.low, scale.high) == pytest.approx((0, 0.2))


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("show", SHOWS, ids=repr)
@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0, 1e6, 1e30])
def test_layers_are_finite_and_between_0_and_1(
    look: HeatMap | SignedMap, show: Show, size: float
) -> None:
    drawn: Visualization = type(look)(show=show)
    scores = torch.randn(9, generator=torch.Generator().manual_seed(0)) * size
    layer = drawn(*explained(scores.tolist()))
    assert bool(layer.isfinite().all())
    assert 0 <= layer.min() <= layer.max() <= 1


@pytest.mark.parametrize("look", LOOKS)
def test_stretching_takes_the_unit_away(look: HeatMap | SignedMap) -> None:
    scores = [0.25, -0.5, 0.125, 1.0]
    tiny = look(*explained([score / 1024 for score in scores]))
    assert torch.allclose(tiny, look(*explained(scores)))


def test_without_stretching_colours_are_scores() -> None:
    layer = HeatMap(stretch=False, alpha=1, fade=0)(*explained([0.25, 0.5, 3.0]))
    for column, place in enumerate((0.25, 0.5, 1.0)):
        assert layer[0, :3, 0, column].tolist() == pytest.approx(hot(place), abs=0.02)
    signed = SignedMap(stretch=False, alpha=1)(*explained([0.25, -0.5, 3.0]))
    assert signed[0, 3, 0].tolist() == [0.25, 0.5, 1.0]


def test_the_scale_says_what_the_colours_mean() -> None:
    given = explained([0.1, -0.6, 0.3, 0.2])
    heat = HeatMap(show=TopRegions(2)).scale(*given)
    assert heat is not None
    assert (heat.low, heat.high) == pytest.approx((0.2, 0.3))
    assert heat.colors[-1].tolist() == pytest.approx(hot(1.0))
    signed = SignedMap().scale(*given)
    assert signed is not None
    assert (signed.low, signed.high) == pytest.approx((-0.6, 0.6))
    assert signed.colors[0].tolist() == pytest.approx(to_rgb(PALETTES["blue-orange"][1]))
    assert signed.colors[-1].tolist() == pytest.approx(to_rgb(PALETTES["blue-orange"][0]))
    assert signed.colors[128].min() > 0.98
    assert isinstance(HeatMap(), Scaled)


def two_frames() -> tuple[Attribution, Segmentation]:
    """Scores 0.4 and 0.1 in the first frame, 0.02 and -0.01 in the second."""
    labels = torch.arange(4).view(2, 1, 2)
    return explained([0.4, 0.1, 0.02, -0.01], Weighted(torch.eye(4)[:, labels]))


def test_each_frame_can_have_a_scale_of_its_own() -> None:
    given = two_frames()
    heat = HeatMap(per_frame=True, fade=0)
    assert heat(*given)[0, :3, 0, 0].tolist() == pytest.approx(hot(1.0))
    assert heat(*given)[1, :3, 0, 0].tolist() == pytest.approx(hot(1.0))
    scale = heat.scale(*given)
    assert scale is not None
    assert (scale.low, scale.high, scale.per_frame) == (0, 1, True)
    signed = SignedMap(per_frame=True, alpha=1)
    assert signed(*given)[1, 3, 0].tolist() == pytest.approx([1, 0.5])
    bounds = signed.scale(*given)
    assert bounds is not None
    assert (bounds.low, bounds.high, bounds.per_frame) == (-1, 1, True)


def test_a_frame_without_anything_hot_stays_empty_beside_others() -> None:
    layer = HeatMap(per_frame=True, show=TopRegions(2))(*two_frames())
    assert bool(layer.isfinite().all())
    assert layer[1].eq(0).all()


def test_smoothing_spreads_within_the_frame_and_keeps_the_sum() -> None:
    voxels = torch.zeros(2, 9, 9)
    voxels[0, 4, 4] = 1
    given = Attribution(torch.ones(1).double(), voxels), Weighted(torch.ones(1, 2, 9, 9))
    layer = HeatMap(smooth=1, fade=1, alpha=1)(*given)
    scale = HeatMap(smooth=1).scale(*given)
    assert scale is not None
    assert scale.high == pytest.approx(1 / (2 * math.pi), rel=0.02)
    assert layer[0, 3, 4, 4] == 1
    assert 0.3 < layer[0, 3, 4, 5] < 0.7
    assert layer[1].eq(0).all()


def test_outlines_run_inside_the_regions_shown() -> None:
    labels = torch.zeros(1, 6, 9, dtype=torch.int64)
    labels[0, 1:5, 1:5] = 1
    labels[0, 1:5, 5:8] = 2
    given = explained([0.0, 0.5, -0.2], Weighted(torch.eye(3)[:, labels]))
    layer = Outlines(show=TopRegions(2))(*given)
    supports, opposes = (to_rgb(color) for color in PALETTES["blue-orange"])
    line = layer[0, 3]
    assert line[1, 1:8].eq(1).all()
    assert line[2:4, 2:4].eq(0).all()
    assert line[labels[0] == 0].eq(0).all()
    assert layer[0, :3, 2, 4].tolist() == pytest.approx(supports)
    assert layer[0, :3, 2, 5].tolist() == pytest.approx(opposes)
    assert Outlines(show=TopRegions(1))(*given)[0, 3, :, 5:].eq(0).all()


@pytest.mark.parametrize("soft", [False, True])
def test_owners_are_found_with_or_without_the_segmentation_s_help(soft: bool) -> None:
    clip = VideoClip(torch.rand(5, 3, 12, 16), torch.arange(5).double())
    regions = (SoftGrid(t=2, h=3, w=4) if soft else SlidingWindow(boxes=(2, 3, 2)))(clip)
    weights = torch.stack(
        [regions.paint(one) for one in torch.eye(regions.n_features, dtype=torch.float64)]
    )
    assert torch.equal(owners_of(Weighted(weights)), weights.argmax(0))
    chosen = owners_of(regions)
    best = weights.amax(0)
    assert torch.allclose(weights.gather(0, chosen[None])[0], best)


class Shared(Weighted):
    """Gives a part of its own weights away."""

    def paint(self, scores: Tensor) -> Tensor:
        return self.weights[int(scores.argmax())]


def test_finding_owners_leaves_what_a_segmentation_paints() -> None:
    weights = torch.rand(3, 2, 4, 4, dtype=torch.float64)
    before = weights.clone()
    assert torch.equal(owners_of(Shared(weights)), before.argmax(0))
    assert torch.equal(weights, before)


def test_rims_are_one_voxel_wide_or_on_either_side() -> None:
    owners = torch.zeros(1, 2, 4, dtype=torch.int64)
    owners[:, :, 2:] = 1
    assert rims_of(owners)[0, 0].tolist() == [False, True, False, False]
    assert rims_of(owners, inner=True)[0, 0].tolist() == [False, True, True, False]


@pytest.mark.parametrize("back", ["grey", "dark", "blur"])
def test_highlight_leaves_what_matters_and_changes_the_rest(back: Any) -> None:
    frames = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    labels = (torch.arange(40) // 10).expand(1, 40, 40)
    look = Highlight(show=TopRegions(1), back=back)
    layer = look(*explained([0.1, 0.4, -0.5, 0.0], Weighted(torch.eye(4)[:, labels])))
    assert layer[0, 3, 0, ::10].tolist() == [1, 0, 1, 1]
    drawn = overlay(frames, layer, look.backdrop(frames))
    assert torch.equal(drawn[..., 10:20], frames[..., 10:20])
    assert float((drawn - frames)[..., :10].abs().mean()) > 0.05
    assert isinstance(look, Backed)
    assert isinstance(look, Worded)


def test_grey_is_what_television_makes_of_colours() -> None:
    red = torch.zeros(1, 3, 1, 1)
    red[:, 0] = 1
    assert Highlight().backdrop(red).flatten().tolist() == pytest.approx([0.6 * 0.299] * 3)


@pytest.mark.parametrize("look", [Outlines(), Highlight()])
@pytest.mark.parametrize("scores", [[0.0, 0.0], [0.3, 0.3], [1e-15, 0.0]])
def test_maps_that_say_nothing_are_neither_outlined_nor_highlighted(
    look: Visualization, scores: list[float]
) -> None:
    assert look(*explained(scores)).eq(0).all()


def test_nothing_positive_leaves_nothing_to_highlight() -> None:
    assert Highlight()(*explained([-0.1, -0.2])).eq(0).all()


def test_overlay_is_alpha_blending() -> None:
    frames = torch.full((2, 3, 1, 3), 0.2)
    layer = torch.zeros(2, 4, 1, 3)
    layer[:, 0] = 1
    layer[:, 3, :, 1], layer[:, 3, :, 2] = 0.25, 1
    drawn = overlay(frames, layer)
    assert torch.equal(drawn[..., 0], frames[..., 0])
    assert drawn[0, :, 0, 1].tolist() == pytest.approx([0.4, 0.15, 0.15])
    assert drawn[0, :, 0, 2].tolist() == pytest.approx([1, 0, 0])


def test_parts_say_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"colors: .*'jett'.* Did you mean jet"):
        HeatMap(colors="jett")
    with pytest.raises(ValueError, match="colors: expected one of blue-orange, green-red"):
        SignedMap(colors="green-blue")
    with pytest.raises(ValueError, match="colors: expected"):
        SignedMap(colors=("green", "no colour"))
    with pytest.raises(ValueError, match=r"alpha: .* got 1\.5"):
        HeatMap(alpha=1.5)
    with pytest.raises(ValueError, match="fade: "):
        HeatMap(fade=-1)
    with pytest.raises(ValueError, match=r"smooth: expected a number from 0, got -1"):
        SignedMap(smooth=-1)
    with pytest.raises(ValueError, match="n: "):
        TopRegions(0)
    with pytest.raises(ValueError, match="share: "):
        TopShare(30)
    with pytest.raises(ValueError, match="share: "):
        Accumulated(-0.1)
    for value in (-1, math.nan, math.inf):
        with pytest.raises(ValueError, match="value: "):
            Threshold(value)


def test_another_back_is_named(unchecked: None) -> None:
    with pytest.raises(ValueError, match=r"back: .*'gray'"):
        Highlight(back="gray")  # type: ignore[arg-type]


def test_the_repr_is_the_provenance() -> None:
    assert repr(HeatMap(show=TopShare(0.3))) == (
        "HeatMap(show=TopShare(share=0.3), stretch=True, per_frame=False, smooth=0.0, alpha=0.6, "
        "fade=0.7, colors='inferno')"
    )


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (0.04161, 0.04161, "0.0416"),
        (6.6e-8, 0.04161, "0"),
        (-0.5, 0.5, "\N{MINUS SIGN}0.5"),
        (1234.5, 2000.0, "1230"),
        (-54321.0, 90000.0, "\N{MINUS SIGN}54300"),
        (0.0, 3.2e-5, "0"),
        (2.345e-6, 3.2e-5, "2.3e\N{MINUS SIGN}06"),
        (0.0, 0.05, "0"),
        (-1e-9, 0.2, "0"),
    ],
)
def test_numbers_are_as_fine_as_their_scale(value: float, span: float, text: str) -> None:
    assert number(value, span) == text


def test_long_names_take_two_lines_and_longer_ones_are_cut() -> None:
    tile = np.full((200, 40, 3), (250, 0, 0), np.uint8)

    def lines(name: str) -> int:
        page = np.asarray(draw_sheet(Sheet("", "", ["0 s"], [Row([tile], name)])))
        ink = np.less(page[:, : CAPTION + MARGIN - 8], 128).all(-1)
        assert not np.less(page[:, CAPTION + MARGIN - 15 : CAPTION + MARGIN - 2], 200).any()
        rows = ink.any(axis=1).astype(int)
        return int((np.diff(rows) == 1).sum())

    assert lines("HHH") == 1
    assert lines("HH HHHHHHHH HHHHHHHHHHH HHH") == 2
    assert lines("H" * 99) == 2


def test_labels_above_narrow_tiles_stand_apart() -> None:
    tiles = [np.full((300, 12, 3), (250, 0, 0), np.uint8)] * 6
    moments = [f"{10 * i}.00 s" for i in range(1, 7)]
    page = np.asarray(draw_sheet(Sheet("t", "s", moments, [Row(tiles, "a")])))
    red = np.equal(page, (250, 0, 0)).all(-1)
    assert red.sum() == 6 * 300 * 12
    lefts = np.flatnonzero(np.diff(red.any(0).astype(int), prepend=0) == 1)
    widest = max(face(13).getlength(moment) for moment in moments)
    assert (np.diff(lefts) >= widest + 4).all()
    labels = page[red.any(1).argmax() - 20 : red.any(1).argmax() - 2]
    dark = np.less(labels, 200).all(-1).any(0)
    dark = dark[: page.shape[1] - 20]
    assert not dark[:260].any()  # the first label doesn't run into the captions
    for left in lefts[1:]:
        assert not dark[left + 6 - round(np.diff(lefts)[0] / 2)]


def test_sheet_holds_every_tile_once_and_a_colour_bar() -> None:
    red, green = (np.full((40, 60, 3), color, np.uint8) for color in ((250, 0, 0), (0, 250, 0)))
    blue = np.full((40, 60, 3), (0, 0, 250), np.uint8)
    bar = torch.tensor([[1.0, 0.0, 1.0], [1.0, 0.0, 1.0]])
    long = "a very long name of a method that nobody can read in such a narrow column"
    rows = [Row([red, green], long), Row([green, blue], "b", ["note"], Scale(-1, 1, bar), "legend")]
    page = np.asarray(draw_sheet(Sheet("title", "subtitle", ["0 s", "1 s"], rows)))
    for tile, times in ((red, 1), (green, 2), (blue, 1)):
        same = np.equal(page, tile[0, 0]).all(-1)
        assert same.sum() == times * 40 * 60
    assert np.equal(page, (255, 0, 255)).all(-1).sum() == 180 * 10
    left_of_tiles = np.equal(page, (250, 0, 0)).all(-1).any(0).argmax()
    ink = np.less(page[:, :left_of_tiles], 128).all(-1).any(0)
    assert ink.any()
    assert not ink[left_of_tiles - 10 :].any()


@pytest.mark.parametrize("size", [(40, 60), (300, 200), (16, 500)])
def test_a_blur_on_a_small_copy_is_the_blur(size: tuple[int, int]) -> None:
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    frames = torch.nn.functional.interpolate(coarse, size, mode="nearest")
    sigma = 0.05 * min(size)
    exact = smooth(smooth(frames, 2, sigma), 3, sigma)
    assert float((Highlight(back="blur").backdrop(frames) - exact).abs().max()) < 0.02


def test_blurring_a_large_frame_smooths_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    def counted(volume: Tensor, axis: int, sigma: float) -> Tensor:
        sizes.append(volume.shape[axis])
        return smooth(volume, axis, sigma)

    monkeypatch.setattr(emphasis, "smooth", counted)
    assert Highlight(back="blur").backdrop(torch.rand(1, 3, 1080, 1920)).shape[2:] == (1080, 1920)
    assert max(sizes) < 200


@pytest.mark.parametrize("colors", [["red", "blue"], 3, None])
@pytest.mark.usefixtures("unchecked")
def test_colours_of_another_kind_are_named(colors: Any) -> None:
    for look in (HeatMap, SignedMap, Outlines):
        with pytest.raises(ValueError, match="colors: expected"):
            look(colors=colors)


@pytest.mark.parametrize("part", [TopRegions, Threshold])
@pytest.mark.parametrize("value", ["2", None, float("nan"), -1])
@pytest.mark.usefixtures("unchecked")
def test_numbers_of_another_kind_are_named(part: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^(n|value): expected"):
        part(value)
    with pytest.raises(ValueError, match="n: expected a whole number"):
        TopRegions(2.5)  # type: ignore[arg-type]


def test_sheets_take_names_of_several_lines_and_scales_of_nothing() -> None:
    tile = np.zeros((40, 40, 3), np.uint8)
    row = Row([tile], "two\nlines", ["a\nnote"], Scale(0.0, 0.0, torch.zeros(256, 3)), "a\nb")
    assert draw_sheet(Sheet("a\ntitle", "b\nc", ["0 s"], [row])).size[0] > 0


def test_notes_and_legends_of_sheets_take_two_lines_and_the_room_for_them() -> None:
    tile = np.full((20, 60, 3), 200, np.uint8)
    long = "catching or throwing baseball, P = 0.912"

    def written(notes: list[str], legend: str) -> tuple[int, int]:
        rows = [Row([tile], "a", notes, None, legend)] * 2
        page = np.asarray(draw_sheet(Sheet("", "", ["0 s"], rows)).convert("L"))
        ink = np.asarray(page[:, MARGIN : CAPTION + MARGIN - 16] < 160).max(axis=1)
        return len(page), int((ink[1:] & ~ink[:-1]).sum())

    short, long_note, long_legend = (
        written(notes, legend) for notes, legend in ((["b"], "c"), ([long], "c"), (["b"], long))
    )
    assert short[1] == 6
    assert long_note[1] == long_legend[1] == 8  # nothing is cut, and no line lies on another
    assert long_note[0] == long_legend[0] == short[0] + 2 * (NOTE + 5)


@pytest.mark.parametrize("look", [HeatMap, SignedMap])
@pytest.mark.parametrize("flag", ["per_frame", "stretch"])
@pytest.mark.parametrize("value", ["no", 0, None])
@pytest.mark.usefixtures("unchecked")
def test_what_is_neither_true_nor_false_is_no_flag(look: Any, flag: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"^{flag}: expected True or False, got {value!r}"):
        look(**{flag: value})


def test_a_smoothing_wider_than_any_picture_is_the_mean() -> None:
    values = torch.rand(2, 6, 5, generator=torch.Generator().manual_seed(0))
    means = values.mean((1, 2), keepdim=True).expand_as(values)
    for sigma in (13.0, 1e12):
        assert torch.allclose(smoothed(values, sigma), means, atol=1e-3)


@pytest.mark.parametrize("look", [HeatMap, SignedMap, Outlines, Highlight])
@pytest.mark.parametrize("show", [None, 0.3, "top-share", TopShare])
@pytest.mark.usefixtures("unchecked")
def test_what_chooses_no_regions_is_named_at_once(look: Any, show: Any) -> None:
    with pytest.raises(TypeError, match=r"^show: expected a part such as .*TopShare\(0\.3\), got"):
        look(show=show)
