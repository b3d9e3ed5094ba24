"""What a page holds: exact labels, maps within 2 %, everything once, nothing it must not say."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

import vexplain as vx
from page_cases import Held, boxes, clip_of, made, scores_of, source_clip
from vexplain.core import Explanation, Segmentation
from vexplain.evaluation import Deletion, Evaluation, FrameWise, RegionWise
from vexplain.page import write_page
from vexplain.page.blobs import Blobs
from vexplain.page.extremes import extremes_of
from vexplain.page.films import MOST, chosen, rising, size_of
from vexplain.page.games import ends_of, rules_of
from vexplain.page.grounds import Ground
from vexplain.page.maps import coarsened, grid_of, is_painted
from vexplain.rendering.bidi import isolated
from vexplain.segmentation import SlidingWindow, SoftGrid
from vexplain.visualization import Accumulated, All, HeatMap, SignedMap, Threshold, TopRegions


@pytest.fixture
def hard() -> Explanation:
    return made(clip_of(6, 24, 32), boxes(6, 24, 32, (2, 3, 4)), scores_of(24))


def held(explanations: object, folder: Path, **options: object) -> Held:
    return Held(write_page(explanations, folder / "p.html", **options).read_text())  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i1", "i2"])
@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 4, 4), (3, 1, 1)])
def test_arrays_come_back_exactly(kind: str, shape: tuple[int, int, int]) -> None:
    info = np.iinfo(kind)
    values = np.random.default_rng(0).integers(info.min, info.max, shape, kind, endpoint=True)
    for array in (values, np.sort(values, axis=0), np.sort(values, axis=1)):
        blobs = Blobs()
        reference = blobs.array(array)
        page = "".join(f'<script id="blob-{i}">{t}</script>' for i, t in enumerate(blobs.texts))
        assert np.array_equal(Held(page).array(reference), array)


def test_labels_are_stored_exactly_and_once(hard: Explanation, tmp_path: Path) -> None:
    regions = replace(hard.segmentation, labels=hard.segmentation.labels.clone())  # type: ignore[type-var, attr-defined]
    other = replace(hard, segmentation=regions, method=replace(hard.method, name="LV LOCO"))
    page = held([hard, other], tmp_path)
    assert [one["ground"] for one in page.content["explanations"]] == [0, 0]
    assert len(page.content["grounds"]) == 1
    owners = page.array(page.content["grounds"][0]["owners"])
    assert np.array_equal(owners, hard.segmentation.owners().numpy())  # type: ignore[attr-defined]
    assert owners.dtype == np.uint8
    scores = page.array(page.content["explanations"][0]["scores"])
    assert np.array_equal(scores, hard.attribution.scores.numpy())


def test_many_regions_need_more_bytes(tmp_path: Path) -> None:
    explanation = made(clip_of(4, 24, 32), boxes(4, 24, 32, (2, 12, 16)), scores_of(384))
    page = held(explanation, tmp_path)
    assert page.array(page.content["grounds"][0]["owners"]).dtype == np.uint16


def smooth_map(T: int, H: int, W: int, low: float) -> torch.Tensor:
    """Waves from ``low`` to one more than that."""
    t, y, x = (torch.cos(torch.linspace(0, 5, n)) for n in (T, H, W))
    return low + 0.5 + 0.5 * t[:, None, None] * y[:, None] * x


@pytest.mark.parametrize("low", [-0.5, 0.2, -3.0])
def test_stored_maps_are_off_by_less_than_two_percent(low: float) -> None:
    heat = smooth_map(48, 192, 256, low)
    blobs = Blobs()
    grid = grid_of(heat, blobs)
    page = "".join(f'<script id="blob-{i}">{t}</script>' for i, t in enumerate(blobs.texts))
    steps = Held(page).array(grid["values"])
    coarse = torch.from_numpy(grid["origin"] + grid["unit"] * steps)
    back = interpolate(coarse[None, None], heat.shape, mode="trilinear", align_corners=True)[0, 0]
    assert float((back - heat).abs().max()) < 0.02 * float(heat.max() - heat.min())
    assert steps.size < heat.numel() / 60


def small_grounds() -> list[Ground]:
    shape = (5, 9, 12)
    clip = clip_of(*shape)
    kinds: list[Segmentation] = [SoftGrid(2, 3, 4)(clip), boxes(*shape, (2, 3, 3))]
    kinds.append(SlidingWindow(boxes=(2, 3, 4), stride=0.5)(clip))
    return [Ground.of(one, shape) for one in kinds]


@pytest.mark.parametrize("place", range(3))
def test_extremes_are_those_of_the_voxels_of_each_region(place: int) -> None:
    ground = small_grounds()[place]
    heat = torch.randn(5, 9, 12, generator=torch.Generator().manual_seed(3)) - 0.5
    found = extremes_of(heat, ground)
    assert found.shape == (ground.n_regions, 3)
    assert found.dtype == np.float32
    for region in range(ground.n_regions):
        if ground.axes is not None:
            cell = np.unravel_index(region, [axis.shape[1] for axis in ground.axes])
            along = [axis[:, at].numpy() for axis, at in zip(ground.axes, cell, strict=True)]
            there = np.einsum("t,h,w->thw", *along) > 0
        else:
            assert ground.owners is not None
            there = (ground.owners == region).numpy()
        values = heat.numpy()[there]
        above = values[values > 0]
        wanted = [above.min(initial=np.inf), above.max(initial=-np.inf), np.abs(values).max()]
        assert found[region].tolist() == pytest.approx(wanted, rel=1e-6)


def test_extremes_are_stored_where_scores_do_not_tell_them(tmp_path: Path) -> None:
    clip, regions = clip_of(6, 24, 32), boxes(6, 24, 32, (2, 3, 4))
    plain = made(clip, regions, scores_of(24))
    smooth = replace(plain, method=replace(plain.method, visualization=HeatMap(smooth=2.0)))
    other = made(clip, regions, scores_of(24), heat=smooth_map(6, 24, 32, -0.5))
    page = held([plain, smooth, other], tmp_path)
    stored = [one["map"]["extremes"] for one in page.content["explanations"]]
    assert [[sigma for sigma, _ in one] for one in stored] == [[], [2.0], [0.0]]
    assert page.array(stored[2][0][1])[:, 2].max() == pytest.approx(0.5, abs=0.05)


def test_a_map_with_edges_is_not_made_coarse() -> None:
    heat = torch.zeros(4, 20, 20)
    heat[1:, 3:9, 5:12] = 1
    assert coarsened(heat).shape == heat.shape


def test_maps_of_painted_scores_are_not_stored(tmp_path: Path) -> None:
    clip = clip_of(6, 24, 32)
    for segmenter in (SoftGrid(2, 3, 4), SlidingWindow(boxes=(2, 3, 4))):
        regions = segmenter(clip)
        explanation = made(clip, regions, scores_of(regions.n_features))
        ground = Ground.of(regions, (6, 24, 32))
        assert is_painted(explanation.attribution, ground)
        assert "grid" not in held(explanation, tmp_path).content["explanations"][0]["map"]
        other = replace(explanation.attribution, map=explanation.attribution.map.flip(2))
        assert not is_painted(other, ground)


def test_grounds_tell_where_and_when_regions_are() -> None:
    regions = boxes(4, 6, 8, (2, 2, 2))
    page_shape = (4, 6, 8)
    spots = Ground.of(regions, page_shape)
    blobs = Blobs()
    reference = spots.stored(blobs)["spots"]
    page = "".join(f'<script id="blob-{i}">{t}</script>' for i, t in enumerate(blobs.texts))
    found = Held(page).array(reference)
    assert found[0].tolist() == [0, 1, 0, 1, 1.5, 0.125]
    assert found[7].tolist() == [2, 3, 2, 4, 5.5, 0.125]


def test_six_methods_on_a_long_clip_stay_small(tmp_path: Path) -> None:
    T, H, W = 60, 64, 84
    regions = boxes(T, H, W, (5, 6, 7))
    clip = clip_of(T, H, W)
    rows = [made(clip, regions, scores_of(210, seed), name=f"{seed}") for seed in range(6)]
    page = held(rows, tmp_path)
    labels = page.content["grounds"][0]["owners"]["blob"]
    assert len(page.raw(labels)) < T * H * W / 100
    film = page.content["film"]["pictures"]
    assert len(film["ends"]) == T
    assert page.raw(film["blob"])[:2] == b"\xff\xd8"


def test_long_clips_are_thinned_to_what_is_said(tmp_path: Path) -> None:
    clip = clip_of(700, 4, 4)
    page = held(made(clip, boxes(700, 4, 4, (7, 1, 1)), scores_of(7)), tmp_path)
    film = page.content["film"]
    assert len(film["numbers"]) == MOST
    assert (film["numbers"][0], film["numbers"][-1]) == (0, 699)
    assert len(film["moments"]) == 700
    assert "300 of 700 pictures are shown" in page.content["subtitle"]
    assert len(page.content["explanations"][0]["map"]["positive"]) == 700


def test_the_film_reaches_a_step_beyond_what_was_seen(tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 40, (8, 8), (0, 0, 8, 8), (10, 14, 18))
    assert clip.source is not None
    assert chosen(clip.source) == tuple(range(6, 23))
    one = replace(clip.source, frame_index=(10,))
    assert chosen(one) == tuple(range(40))
    film = held(made(clip, boxes(3, 8, 8, (3, 1, 1)), scores_of(3)), tmp_path).content["film"]
    assert film["places"][4:13] == [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    assert film["moments"] == pytest.approx([0.4, 0.56, 0.72])


def test_a_clip_with_repeated_frames_shows_its_own(tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 4, (8, 8), (0, 0, 8, 8), (0, 1, 1))
    film = held(made(clip, boxes(3, 8, 8, (3, 1, 1)), scores_of(3)), tmp_path).content["film"]
    assert not film["ofSource"]
    assert len(film["numbers"]) == 3


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ([0.0, 0.1, 0.3], [0.0, 0.1, 0.3]),
        ([0.0, 0.0, 0.1, 0.1], [0.0, 0.05, 0.1, 0.15]),
        ([2.0, 2.0], [2.0, 2.5]),
        ([0.5, 0.1, 0.9], [0.1, 0.5, 0.9]),
        ([0.7], [0.7]),
    ],
)
def test_every_frame_has_a_time_of_its_own(times: list[float], wanted: list[float]) -> None:
    assert rising(np.array(times)) == pytest.approx(wanted)


def test_pictures_are_neither_huge_nor_mere_lines() -> None:
    assert size_of(256, 340) == (256, 340)
    assert size_of(1080, 1920) == (270, 480)
    assert size_of(100, 4000) == (48, 1920)
    assert size_of(1, 1) == (1, 1)


@pytest.mark.parametrize(
    ("look", "settings"),
    [
        (HeatMap(show=TopRegions(6)), {"look": "heat", "show": "share", "share": 0.25}),
        (SignedMap(show=Threshold(0.2)), {"look": "signed", "show": "threshold", "threshold": 0.2}),
        (SignedMap(show=Accumulated(0.6)), {"show": "accumulated", "share": 0.6}),
        (HeatMap(show=All(), smooth=2.0, alpha=0.5), {"smooth": 2.0, "opacity": 0.5}),
    ],
)
def test_a_page_starts_with_the_methods_own_look(
    hard: Explanation, tmp_path: Path, look: HeatMap, settings: dict[str, object]
) -> None:
    explanation = replace(hard, method=replace(hard.method, visualization=look))
    found = held(explanation, tmp_path).content["explanations"][0]["look"]
    assert found.items() >= settings.items()


def test_games_are_told_from_the_options() -> None:
    black = {"kind": "color", "color": [0, 0, 0], "words": "black"}
    assert rules_of("") == ("voxel", black)
    assert rules_of("RegionWise, steps=10, LogOdds") == ("region", black)
    assert rules_of("FrameWise, Constant(color=0.5)")[1]["color"] == [128, 128, 128]
    assert rules_of("Constant(color=(1, 0, 0.5))")[1]["color"] == [255, 0, 128]
    assert rules_of("Blur(sigma=5)")[1]["kind"] == "blur"
    assert rules_of("Inpaint")[1]["kind"] == "hatch"
    assert rules_of("MyOrder")[0] is None


def test_ends_lie_between_what_is_first_and_what_is_not() -> None:
    values = np.array([3, 1, 1, 5], np.float32)
    shares = np.array([0, 0.25, 0.5, 1])
    assert ends_of(values, None, shares) == [None, 4, 2, None]
    assert ends_of(np.array([3, 1, 5], np.float32), np.array([1, 2, 1]), shares) == [
        None, 4, 2, None,
    ]  # fmt: skip


def test_orders_that_a_page_cannot_follow_have_only_a_curve(
    hard: Explanation, tmp_path: Path
) -> None:
    from judged import Additive, classifier, explained, white

    model = Additive(torch.linspace(0.01, 0.1, 8))
    explanation = explained(model, white(4, 8, 8))
    metrics = [Deletion(order=RegionWise()), Deletion(order=FrameWise())]
    judged = vx.evaluate(
        explanation, classifier(model), metrics=metrics, random_maps=1, progress=False
    )
    page = held(explanation, tmp_path, evaluations=judged)
    games = page.content["explanations"][0]["evaluation"]["games"]
    assert [game["order"] for game in games] == ["voxel", "frame"]
    assert games[1]["frames"] == pytest.approx(explanation.attribution.map.mean((1, 2)).tolist())


def test_wrong_input_is_refused(hard: Explanation, tmp_path: Path, unchecked: None) -> None:
    path = tmp_path / "p.html"
    other = replace(hard, clip=clip_of(6, 24, 32, seed=5))
    with pytest.raises(ValueError, match="same clip"):
        write_page([hard, other], path)
    with pytest.raises(ValueError, match="at least one"):
        write_page([], path)
    with pytest.raises(ValueError, match=r"\.html"):
        write_page(hard, tmp_path / "p.pdf")
    with pytest.raises(TypeError, match=r"explanations\[0\]: expected an Explanation, got str"):
        write_page("a.vx", path)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"evaluations\[0\].*got int"):
        write_page(hard, path, evaluations=[3])  # type: ignore[list-item]
    judged = Evaluation("RISE", "c", "0", "Biking", "m", 0, (), 0, 0.0)
    with pytest.raises(ValueError, match="3D LIME"):
        write_page(hard, path, evaluations=judged)
    with pytest.raises(ValueError, match="one per explanation"):
        write_page([hard, hard], path, evaluations=[None])
    assert not path.exists()


def test_an_evaluation_of_another_clip_or_model_is_refused(tmp_path: Path) -> None:
    clip, regions = clip_of(6, 24, 32), boxes(6, 24, 32, (2, 3, 4))
    rows = [
        replace(made(clip, regions, scores_of(24)), manifest={"model": name, "clip_digest": "abc"})
        for name in ("first", "second")
    ]
    judged = [
        Evaluation("3D LIME", "c", digest, "Biking", name, 0, (), 0, 0.0)
        for digest, name in (("abc", "first"), ("abc", "second"), ("def", "first"))
    ]
    path = tmp_path / "p.html"
    write_page(rows, path, evaluations=judged[:2])
    write_page(rows[0], path, evaluations=replace(judged[0], model="the same, elsewhere"))
    with pytest.raises(ValueError, match=r"evaluations\[0\].*model first.*model second"):
        write_page(rows, path, evaluations=judged[1::-1])
    with pytest.raises(ValueError, match=r"clip abc.*clip def"):
        write_page(rows[0], path, evaluations=judged[2])


def test_the_page_asks_for_nothing_and_tells_no_folders(tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 8, (8, 8), (0, 0, 8, 8), (1, 3, 5))
    explanation = made(clip, boxes(3, 8, 8, (3, 1, 1)), scores_of(3))
    manifest = {"model": "m", "clip": str(tmp_path / "source")}
    text = held(replace(explanation, manifest=manifest), tmp_path).text
    assert str(tmp_path) not in text
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy
    assert "default-src 'none'" in policy[1]
    assert "unsafe" not in policy[1]
    assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in text


def test_names_that_turn_text_around_are_isolated() -> None:
    assert isolated("Riding a bike (2)") == "Riding a bike (2)"
    assert isolated("\u05e8\u05d5\u05db\u05d1") == "\u2068\u05e8\u05d5\u05db\u05d1\u2069"
    assert isolated("a\u202eb") == "\u2068a\u202eb\u2069"
    assert isolated("\u2069\u202eb") == "\u2068\u202eb\u2069"  # closes nothing of its own
    assert isolated("a\u2067b") == "\u2068a\u2067b\u2069\u2069"
