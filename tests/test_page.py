"""The page in a real browser: what is on its canvases is what the arrays say."""

import base64
import io
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import vexplain as vx
from judged import Additive, classifier, explained, white
from page_cases import boxes, clip_of, made, scores_of, source_clip
from vexplain.core import Attribution, Explanation, Segmentation, VexplainWarning
from vexplain.evaluation import Deletion, Evaluation, Insertion, Metric
from vexplain.page import write_page
from vexplain.segmentation import LabelRegions, SlidingWindow, SoftGrid
from vexplain.segmentation.soft import SoftCells
from vexplain.visualization import (
    Accumulated,
    All,
    HeatMap,
    Highlight,
    Outlines,
    Show,
    SignedMap,
    TopShare,
    owners_of,
)

DESKTOP, PHONE = (1280, 800), (390, 844)


@dataclass
class Opened:
    """A page in the browser, and all that went wrong there."""

    page: Any
    troubles: list[str] = field(default_factory=list)
    began: int = 0

    def wait(self, script: str) -> None:
        """Wait until a script says yes; Playwright's own way needs a policy that allows eval."""
        for _ in range(300):
            if self.page.evaluate(script):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"{script} never came true")

    def __call__(self, script: str) -> Any:
        """Run a script and wait until all is drawn."""
        found = self.page.evaluate(script)
        self.page.evaluate("vexplain.settled()")
        return found

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("vexplain.state()")
        return found

    def pixels(self, canvas: str) -> np.ndarray:
        url = self.page.evaluate(f"document.getElementById('{canvas}').toDataURL()")
        file = io.BytesIO(base64.b64decode(url.split(",")[1]))
        return np.asarray(Image.open(file).convert("RGBA")).astype(int)

    def voxels(self, canvas: str = "overlay") -> np.ndarray:
        """The canvas at the middle of each voxel, (H, W, 4)."""
        size = self.state["voxel"]
        return self.pixels(canvas)[size // 2 :: size, size // 2 :: size]

    def shot(self) -> np.ndarray:
        """What a screenshot has where the picture is, as grey levels."""
        box = self.page.locator("#picture").bounding_box()
        inner = {key: math.ceil(box[key]) for key in ("x", "y")}
        inner |= {key: math.floor(box[key]) - 1 for key in ("width", "height")}
        file = io.BytesIO(self.page.screenshot(clip=inner))
        levels = np.asarray(Image.open(file).convert("L")).astype(int)
        for rows in (slice(0, 9), slice(-9, None)):  # the corners are round
            levels[rows, :9] = levels[rows, -9:] = 0
        return levels

    def text(self, place: str) -> str:
        return str(self.page.text_content(place))


Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on the path: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def open_page(
        explanations: Any, size: tuple[int, int] = DESKTOP, evaluations: Any = ()
    ) -> Opened:
        path = write_page(explanations, tmp_path / "page.html", evaluations=evaluations)
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        found = Opened(context.new_page())

        def refuse(route: Any) -> None:
            if not route.request.url.startswith(("file:", "blob:", "data:")):
                found.troubles.append(route.request.url)
                route.abort()
            else:
                route.continue_()

        found.page.route("**/*", refuse)
        found.page.on("console", lambda message: found.troubles.append(message.text))
        found.page.on("pageerror", lambda error: found.troubles.append(str(error)))
        found.page.on("dialog", lambda dialog: found.troubles.append("dialog"))
        found.page.goto(path.as_uri())
        found("vexplain.settled()")
        found.began = found.state["picture"]
        found("vexplain.seek(0)")
        return found

    yield open_page
    for context in contexts:
        for page in context.pages:
            page.screenshot(path=tmp_path / "last.png")
        context.close()


def hard_one() -> Explanation:
    """Six frames, 24 regions, all with different scores."""
    return made(clip_of(6, 24, 32), boxes(6, 24, 32, (2, 3, 4)), scores_of(24))


@pytest.fixture
def hard() -> Explanation:
    return hard_one()


def soft(T: int = 6, H: int = 24, W: int = 32) -> Explanation:
    """RISE's cells, and a map that is not painted from them."""
    regions = SoftGrid(2, 3, 4)(clip_of(T, H, W))
    scores = scores_of(24)
    jitter = torch.tensor([[0.2, 0.7, 0.4]])
    shifted = regions._interpolate(scores[None], jitter.double())[0]
    return made(clip_of(T, H, W), regions, scores, heat=shifted.float(), name="3D RISE")


def windows() -> Explanation:
    regions = SlidingWindow(boxes=(2, 3, 4))(clip_of(6, 24, 32))
    return made(clip_of(6, 24, 32), regions, scores_of(regions.n_features), name="3D SOS")


KINDS = {"hard": lambda: hard_one(), "soft": soft, "windows": windows}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_hottest_pixel_of_a_screenshot_is_where_the_map_is_largest(
    opened: Open, kind: str, size: tuple[int, int], tmp_path: Path
) -> None:
    explanation = KINDS[kind]()
    black = vx.clip_from_array(torch.zeros(6, 3, 24, 32))
    page = opened(replace(explanation, clip=black), size)
    page("vexplain.set({heat: 'gray', fade: 0, opacity: 1, show: 'all'})")
    look = HeatMap(show=All(), fade=0, alpha=1, colors="gray")
    layer = look(explanation.attribution, explanation.segmentation)
    heat = (layer[:, 0] * layer[:, 3]).numpy()  # over black
    t = int(heat.max((1, 2)).argmax())
    page(f"vexplain.seekFrame({t})")
    page.page.screenshot(path=tmp_path / "page.png")
    shot = page.shot()
    hottest = np.argwhere(shot == shot.max()).mean(0) + 0.5
    y, x = (hottest / shot.shape * (24, 32)).astype(int)
    assert heat[t, y, x] >= heat.max() - 0.03
    assert page.troubles == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_hottest_colour_of_all_frames_is_where_the_map_is_largest(
    opened: Open, kind: str
) -> None:
    explanation = KINDS[kind]()
    page = opened(explanation)
    page("vexplain.set({heat: 'gray', fade: 0, show: 'all'})")
    heat = explanation.attribution.map.numpy()
    drawn = []
    for t in range(len(heat)):
        page(f"vexplain.seekFrame({t})")
        voxels = page.voxels()
        drawn.append(np.where(voxels[..., 3] > 50, voxels[..., 0], 0))
    hottest = np.unravel_index(np.argmax(drawn), heat.shape)
    assert heat[hottest] >= heat.max() - 0.02 * np.ptp(heat)


LOOKS: list[HeatMap | SignedMap] = [
    HeatMap(show=TopShare(0.4), alpha=1.0, colors="jet"),
    HeatMap(per_frame=True, alpha=1.0),
    HeatMap(stretch=False, alpha=1.0, colors="Blues"),
    HeatMap(smooth=1.5, alpha=1.0),
    SignedMap(show=TopShare(0.3), alpha=1.0),
    SignedMap(smooth=4.0, alpha=1.0, colors=("red", "#00ff88")),
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_overlay_is_the_layer_that_python_draws(opened: Open, kind: str) -> None:
    explanation = KINDS[kind]()
    method = explanation.method
    rows = [
        replace(explanation, method=replace(method, name=f"{i}", visualization=look))
        for i, look in enumerate(LOOKS)
    ]
    page = opened(rows)
    for i, look in enumerate(LOOKS):
        layer = look(explanation.attribution, explanation.segmentation).numpy()
        page(f"vexplain.choose({i})")
        for t in (0, 4):
            page(f"vexplain.seekFrame({t})")
            drawn = page.voxels() / 255
            wanted = layer[t].transpose(1, 2, 0)
            colors = [one[..., :3] * one[..., 3:] for one in (drawn, wanted)]
            # three boxes are not quite a Gaussian, and a stored map may be off by 2 % of its range
            slack = 0.02 if look.smooth < 2 and kind != "soft" else 0.09
            assert np.abs(drawn[..., 3] - wanted[..., 3]).mean() < slack, look
            assert np.quantile(np.abs(colors[0] - colors[1]), 0.98) < 2 * slack, look


SHOWS: list[tuple[Show, str]] = [
    (All(), "{show: 'all'}"),
    (TopShare(0.2), "{show: 'share', share: 0.2}"),
    (Accumulated(0.3), "{show: 'accumulated', share: 0.3}"),
]


@pytest.mark.parametrize("kind", [*KINDS, "of another map"])
def test_the_scale_is_pythons_from_the_first_drawing_on(opened: Open, kind: str) -> None:
    explanation = hard_one() if kind not in KINDS else KINDS[kind]()
    if kind not in KINDS:
        waves = torch.cos(torch.arange(6 * 24 * 32) / 17).view(6, 24, 32)
        explanation = replace(explanation, attribution=replace(explanation.attribution, map=waves))
    page = opened(explanation)
    about = (explanation.attribution, explanation.segmentation)
    for show, changes in SHOWS:
        for look, draw in (("heat", HeatMap(show=show)), ("signed", SignedMap(show=show))):
            page.page.evaluate(f"vexplain.set({changes})")
            span = page.page.evaluate(f"vexplain.set({{look: '{look}'}}), vexplain.state().span")
            scale = draw.scale(*about)
            assert scale is not None
            assert span[1] == pytest.approx(scale.high, rel=1e-6)
            assert look == "signed" or span[0] == pytest.approx(scale.low, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scale_of_a_look_that_smooths_is_pythons_from_the_first_drawing_on(
    opened: Open, kind: str
) -> None:
    explanation = KINDS[kind]()
    draw = HeatMap(smooth=2.5, show=TopShare(0.3))
    other = replace(explanation, method=replace(explanation.method, visualization=draw))
    page = opened([explanation, other])
    span = page.page.evaluate("vexplain.choose(1).then(() => vexplain.state().span)")
    scale = draw.scale(explanation.attribution, explanation.segmentation)
    assert scale is not None
    assert span == pytest.approx([scale.low, scale.high], rel=1e-6)
    assert page("vexplain.set({smooth: 3})") is None
    looser = replace(draw, smooth=3).scale(explanation.attribution, explanation.segmentation)
    assert looser is not None
    assert page.state["span"][1] == pytest.approx(looser.high, rel=0.05)


def test_outlines_are_those_that_python_draws(opened: Open) -> None:
    look = Outlines(show=TopShare(0.3))
    regions = boxes(2, 200, 300, (1, 5, 6))
    explanation = made(clip_of(2, 200, 300), regions, scores_of(30), look=look)
    page = opened(explanation)
    wanted = look(explanation.attribution, regions).numpy()[0]
    dots = page.page.locator("#meaning .dot").evaluate_all(
        "all => all.map((dot) => dot.style.background)"
    )
    assert dots == ["rgb(31, 119, 255)", "rgb(255, 140, 0)"]
    assert page.state["voxel"] < 4  # as thin as a voxel; small clips get finer lines
    assert np.array_equal(page.voxels()[..., 3] > 128, wanted[3] > 0.5)


def test_outlines_of_small_clips_go_round_corners(opened: Open) -> None:
    labels = torch.zeros(1, 12, 12, dtype=torch.long)
    labels[:, 6:, 6:] = 1
    scores = torch.tensor([1.0, 0.0]).double()
    page = opened(made(clip_of(1, 12, 12), LabelRegions(labels, 2), scores, look=Outlines()))
    size = page.state["voxel"]
    assert size > 4
    corner = page.pixels("overlay")[6 * size - 1, 6 * size - 1]
    assert corner.tolist() == [31, 119, 255, 255]


def test_what_matters_less_is_grey(opened: Open) -> None:
    clip = vx.clip_from_array(torch.tensor([0.8, 0.2, 0.2]).view(1, 3, 1, 1).expand(4, 3, 24, 32))
    explanation = made(clip, boxes(4, 24, 32, (2, 3, 4)), scores_of(24), look=Highlight())
    page = opened(explanation)
    assert explanation.method.visualization == Highlight()
    stays = Highlight()(explanation.attribution, explanation.segmentation)[0, 3].numpy() == 0
    grey = 255 * 0.6 * (0.299 * 0.8 + 0.587 * 0.2 + 0.114 * 0.2)
    drawn = page.voxels()
    assert np.array_equal(drawn[..., 3] == 0, stays)
    assert np.abs(drawn[~stays][:, :3] - grey).max() <= 4


@pytest.mark.parametrize("shape", [(40, 60), (150, 220)], ids=str)
def test_a_blur_is_the_one_that_python_draws(opened: Open, shape: tuple[int, int]) -> None:
    H, W = shape
    waves = torch.cos(torch.arange(W) / 5) * torch.cos(torch.arange(H) / 7)[:, None]
    clip = vx.clip_from_array((0.5 + 0.45 * waves).expand(2, 3, H, W))
    scores = torch.tensor([1.0, -1.0]).double()
    page = opened(made(clip, boxes(2, H, W, (1, 1, 2)), scores, look=Highlight(back="blur")))
    wanted = Highlight(back="blur").backdrop(clip.frames)[0].permute(1, 2, 0).numpy()
    drawn = page.voxels()[:, W // 2 :]
    assert (drawn[..., 3] == 255).all()
    assert np.abs(drawn[..., :3] / 255 - wanted[:, W // 2 :]).max() < 0.03


@pytest.mark.parametrize("level", [0.3, -1.0])
def test_where_nothing_matters_nothing_is_made_pale(opened: Open, level: float) -> None:
    scores = level * torch.linspace(1, 2 if level < 0 else 1, 24).double()
    explanation = made(clip_of(4, 24, 32), boxes(4, 24, 32, (2, 3, 4)), scores, look=Highlight())
    assert not Highlight()(explanation.attribution, explanation.segmentation).any()
    page = opened(explanation)
    assert not page.pixels("overlay")[..., 3].any()
    assert page.page.locator("#nothing").is_visible()


def test_thirty_percent_leave_thirty_percent_of_the_regions(
    opened: Open, hard: Explanation
) -> None:
    page = opened(hard)
    page("vexplain.set({look: 'signed', show: 'share', share: 0.3})")
    owners = owners_of(hard.segmentation).numpy()
    shown: set[int] = set()
    for t in range(6):
        page(f"vexplain.seekFrame({t})")
        shown |= set(owners[t][page.voxels()[..., 3] > 0].tolist())
    n = math.ceil(0.3 * 24)
    wanted = TopShare(0.3)(hard.attribution.scores.abs()).nonzero()[:, 0].tolist()
    assert sorted(shown) == wanted
    assert len(shown) == n
    assert page.text("#counted") == f"{n} of 24 regions are shown."


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ("{show: 'threshold', threshold: 1.0}", lambda s: int((s.abs() > 1).sum())),
        ("{show: 'accumulated', share: 0.5}", lambda s: accumulated(s.abs(), 0.5)),
        ("{show: 'all'}", lambda s: len(s)),
        ("{show: 'all', look: 'heat'}", lambda s: int((s > 0).sum())),
    ],
)
def test_as_many_regions_are_shown_as_in_python(
    opened: Open, hard: Explanation, changes: str, count: Callable[[Tensor], int]
) -> None:
    page = opened(replace(hard, method=replace(hard.method, visualization=SignedMap(show=All()))))
    page(f"vexplain.set({changes})")
    assert page.state["shown"] == count(hard.attribution.scores)


def accumulated(importance: Tensor, share: float) -> int:
    return int(Accumulated(share)(importance).sum())


def test_the_page_begins_where_most_is_to_be_seen(opened: Open) -> None:
    regions = boxes(5, 8, 8, (5, 1, 1))
    page = opened(made(clip_of(5, 8, 8), regions, torch.tensor([0.1, 0, -0.2, 0.9, 0]).double()))
    assert page.began == 3


def test_frame_17_of_the_source_shows_frame_17(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 60, (48, 80), (0, 16, 48, 64), range(4, 56, 6))
    page = opened(made(clip, boxes(9, 48, 48, (3, 2, 2)), scores_of(12)))
    for _ in range(17):
        page.page.keyboard.press("ArrowRight")
    page("vexplain.settled()")
    assert page.state["number"] == 17
    assert "frame 17 of 0" in page.text("#clock")
    film = page.pixels("film")
    assert np.abs(film[:, 20:60, :3] - 3 * 17).max() <= 2
    assert np.abs(film[:, :14, :3] - 0.6 * 3 * 17).max() <= 3  # outside the crop: not seen
    page("vexplain.set({opacity: 0})")
    shot = page.shot()
    assert abs(int(shot[shot.shape[0] // 2, shot.shape[1] // 2]) - 3 * 17) <= 3
    page.page.keyboard.press("Shift+ArrowRight")
    page("vexplain.settled()")
    assert page.state["number"] == 22
    assert page.text("#clock").endswith("s frame 3")
    assert page.state["place"] == 3


def test_a_clip_of_one_frame_says_nothing_of_the_others(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 40, (48, 80), (0, 20, 48, 60), (30,))
    page = opened(made(clip, boxes(1, 48, 40, (1, 2, 2)), torch.ones(4).double().cumsum(0)))
    number = "vexplain.state().number"
    assert page(f"vexplain.seekFrame(0), {number}") == 30
    assert page.pixels("overlay")[..., 3].any()
    film = page.pixels("film")
    assert np.abs(film[:, 30:50, :3] - 3 * 30).max() <= 2
    assert np.abs(film[:, :14, :3] - 0.6 * 3 * 30).max() <= 3
    timeline = page.pixels("timeline")[..., :3]
    colored = (np.ptp(timeline, axis=2) > 60).any(0).nonzero()[0]
    assert 0.7 < colored.min() / timeline.shape[1] < colored.max() / timeline.shape[1] < 0.82
    for other in (29, 31):
        page(f"vexplain.seek({other})")
        assert not page.pixels("overlay")[..., 3].any()
        assert np.abs(page.pixels("film")[..., :3] - 0.6 * 3 * other).max() <= 3
        assert page.text("#clock").endswith("not seen by the model")
    page.page.mouse.click(*middle_of(page, "#film"))
    assert page.state["region"] is None
    page("vexplain.visit(3)")
    assert page.state["number"] == 30
    assert page.pixels("mark")[..., 3].any()
    assert page.troubles == []


def test_the_page_of_one_frame_begins_there(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 40, (48, 80), (0, 20, 48, 60), (30,))
    assert opened(made(clip, boxes(1, 48, 40, (1, 2, 2)), scores_of(4))).began == 30


def middle_of(page: Opened, place: str) -> tuple[float, float]:
    box = page.page.locator(place).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_first_frame_seen_is_where_the_page_goes_for_it(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 30, (32, 32), (0, 0, 32, 32), (10, 14, 18))
    page = opened(made(clip, boxes(3, 32, 32, (3, 1, 1)), scores_of(3)))
    for frame, number in enumerate((10, 14, 18)):
        page(f"vexplain.seekFrame({frame})")
        assert page.state["number"] == number


def test_frame_17_of_a_clip_without_a_source_shows_frame_17(opened: Open) -> None:
    clip = clip_of(30, 16, 16)
    page = opened(made(clip, boxes(30, 16, 16, (3, 2, 2)), scores_of(12)))
    page("vexplain.seekFrame(17)")
    wanted = (clip.frames[17] * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(page.pixels("film")[..., :3] - wanted).mean() < 2
    assert "frame 17 of 0" in page.text("#clock")


def test_between_two_frames_seen_the_layer_is_blended(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 21, (32, 32), (0, 0, 32, 32), (0, 10, 20))
    scores = torch.tensor([0.0, 0.0, 1.0]).double()
    look = SignedMap(alpha=1.0)
    page = opened(made(clip, boxes(3, 32, 32, (3, 1, 1)), scores, look=look))
    for number, alpha in ((10, 0), (15, 0.5), (18, 0.8), (20, 1)):
        page(f"vexplain.seek({number})")
        assert page.voxels()[16, 16, 3] == pytest.approx(255 * alpha, abs=2)


def test_keys_move_mark_and_switch(opened: Open, hard: Explanation) -> None:
    other = replace(hard, method=replace(hard.method, name="LV LOCO"))
    page = opened([hard, other, replace(hard, target=1)])
    press = page.page.keyboard.press
    for key, name, value in (
        ("End", "picture", 5), ("Home", "picture", 0), ("ArrowRight", "picture", 1),
        ("ArrowLeft", "picture", 0), ("m", "explanation", 1), ("m", "explanation", 0),
        ("t", "explanation", 2), ("Shift+T", "explanation", 0),
    ):  # fmt: skip
        press(key)
        page("vexplain.settled()")
        assert page.state[name] == value, key
    press("l")
    page("vexplain.settled()")
    assert page.state["setting"]["look"] == "signed"
    press("r")
    page("vexplain.settled()")
    strongest = int(hard.attribution.scores.abs().argmax())
    assert page.state["region"] == strongest
    assert f"Region {strongest} of 0" in page.text("#pointed")
    assert page.pixels("mark")[..., 3].any()
    press("Escape")
    assert page.state["region"] is None
    press("Space")
    assert page.state["playing"]
    page.wait("vexplain.state().picture > 0")
    press("k")
    assert not page.state["playing"]
    assert page.troubles == []


def test_the_region_under_the_pointer_is_told_with_its_error(
    opened: Open, hard: Explanation
) -> None:
    error = torch.full((24,), 0.25).double()
    error[23] = math.nan
    page = opened(replace(hard, attribution=replace(hard.attribution, standard_error=error)))
    box = page.page.locator("#film").bounding_box()
    page.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    score = float(hard.attribution.scores[6])
    told = page.text("#pointed").replace("\N{MINUS SIGN}", "-")
    assert "Region 6 of 0" in told
    assert f"{score:+.2f} ± 0.25" in told
    page("vexplain.visit(23)")
    page.page.mouse.move(0, 0)
    assert "Region 23" in page.text("#pointed")
    assert "±" not in page.text("#pointed")


def test_what_is_pointed_at_follows_the_frame_and_the_explanation(opened: Open) -> None:
    clip = clip_of(6, 24, 32)
    many = made(clip, boxes(6, 24, 32, (6, 3, 4)), scores_of(72))
    few = made(clip, boxes(6, 24, 32, (1, 1, 2)), scores_of(2), name="LV LOCO")
    page = opened([many, few])
    box = page.page.locator("#film").bounding_box()
    page.page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    assert "Region 6 of 0" in page.text("#pointed")
    page("vexplain.seekFrame(2)")
    assert "Region 30 of 0" in page.text("#pointed")
    page.page.keyboard.press("m")
    page("vexplain.settled()")
    assert "Region 1 of 0\N{EN DASH}1" in page.text("#pointed")
    page.page.keyboard.press("r")
    strongest = int(few.attribution.scores.abs().argmax())
    assert f"Region {strongest} of 0" in page.text("#pointed")
    assert page.troubles == []


def test_the_explanation_chosen_last_is_shown(opened: Open, hard: Explanation) -> None:
    page = opened([hard, soft(), windows()])
    page.page.reload()  # so that only the first is decoded
    page("vexplain.ready.then(() => Promise.all([vexplain.choose(1), vexplain.choose(0)]))")
    assert page.state["explanation"] == 0


def test_letters_are_keys_with_caps_lock_too(opened: Open, hard: Explanation) -> None:
    page = opened([hard, replace(hard, method=replace(hard.method, name="LV LOCO"))])
    page.page.evaluate(
        "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'M', bubbles: true}))"
    )
    page("vexplain.settled()")
    assert page.state["explanation"] == 1


def test_the_timeline_can_be_clicked(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    box = page.page.locator("#time").bounding_box()
    page.page.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + box["height"] / 2)
    page("vexplain.settled()")
    assert page.state["picture"] == 3


NASTY = "</script><img src=x onerror=alert(1)>\"'`${alert(2)}&lt;"


def test_names_are_harmless(opened: Open, hard: Explanation) -> None:
    method = replace(hard.method, name=NASTY)
    ledger = replace(hard.ledger, class_names=(NASTY, "<b>bold</b>"))
    manifest = {"model": NASTY, NASTY: NASTY}
    page = opened(replace(hard, method=method, ledger=ledger, manifest=manifest))
    assert page.troubles == []
    assert page.page.locator("img, b").count() == 0
    assert NASTY in page.text("h1")
    assert page.page.locator("#method option").first.text_content() == NASTY


TURNED = "\u2069\u202eSAILING \u05e9\u05dc\u05d5\u05dd"
"""A name that turns around what follows it, even behind the mark that an isolate begins with."""


def test_names_turn_nothing_around(opened: Open, hard: Explanation) -> None:
    ledger = replace(hard.ledger, class_names=(TURNED, "Diving"))
    method = replace(hard.method, name=TURNED)
    page = opened(replace(hard, ledger=ledger, method=method, manifest={"model": TURNED}))
    for place in ("#classes-lead", ".subtitle", "#moments-lead"):
        lefts = page.page.evaluate(
            f"""(() => {{
            const text = document.querySelector('{place}').firstChild;
            const at = (i) => {{
              const range = document.createRange();
              range.setStart(text, i); range.setEnd(text, i + 1);
              return range.getBoundingClientRect().left;
            }};
            return [at(0), ...[...Array(5).keys()].map((i) => at(text.length - 5 + i))];
            }})()"""
        )
        assert lefts[1:] == sorted(lefts[1:]) or place == ".subtitle", place
        assert lefts[0] <= min(lefts[1:])


def test_zero_is_written_as_zero(opened: Open) -> None:
    scores = torch.tensor([0, 1e-9, 0.5, 0.0]).double()
    page = opened(made(clip_of(2, 8, 8), boxes(2, 8, 8, (1, 2, 2)), scores), DESKTOP)
    assert page.text("#low") == "0"
    assert page.text("#high") == "0.500"
    told = page.page.locator("#regions td.number").all_text_contents()
    assert told == ["+0.500", "+1e\u22129", "0", "0"]
    classes = page.page.locator("#classes .number").all_text_contents()
    assert classes == ["0.731", "0.269"]


@dataclass(frozen=True)
class Fog:
    """A look of the user's own."""

    def __call__(self, attribution: Attribution, segmentation: Segmentation) -> Tensor:
        return torch.zeros(len(attribution.map), 4, *attribution.map.shape[1:])


@dataclass(frozen=True)
class Odd:
    """A choice of regions of the user's own."""

    def __call__(self, importance: Tensor) -> Tensor:
        return torch.arange(len(importance)) % 2 == 1


def test_what_stands_in_the_place_of_another_look_is_said(opened: Open, hard: Explanation) -> None:
    fog = replace(hard, method=replace(hard.method, visualization=Fog()))
    high = hard.attribution.scores.abs()
    positive = replace(fog, attribution=Attribution(high, hard.segmentation.paint(high).float()))
    odd = replace(hard, method=replace(hard.method, visualization=HeatMap(show=Odd())))
    page = opened([fog, positive, odd, hard])
    for look, said in (
        ("signed", "The look Fog is not available on the page: a signed map is shown."),
        ("heat", "The look Fog is not available on the page: a heat map is shown."),
        ("heat", "The choice Odd is not available on the page: all regions are shown."),
        ("heat", ""),
    ):
        assert page.state["setting"]["look"] == look
        assert page.text("#instead") == said
        assert page.page.locator("#instead").is_visible() == bool(said)
        page(f"vexplain.choose({page.state['explanation'] + 1}).catch(() => null)")
    assert page.troubles == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_page_fits_and_every_control_has_a_name(
    opened: Open, hard: Explanation, size: tuple[int, int], tmp_path: Path
) -> None:
    page = opened([hard, soft()], size)
    page.page.screenshot(path=tmp_path / "page.png", full_page=True)
    width = page.page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
    nameless = page.page.evaluate(
        """[...document.querySelectorAll('input, select, button, summary')].filter((one) =>
        !(one.labels?.length || one.getAttribute('aria-label') || one.textContent.trim()))
        .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    twice = page.page.evaluate(
        """[...document.querySelectorAll('[id]')].map(({id}) => id)
        .filter((id, i, all) => all.indexOf(id) !== i)"""
    )
    assert twice == []
    levels = page.page.evaluate("[...document.querySelectorAll('h1, h2')].map((h) => h.tagName)")
    assert levels[0] == "H1"
    assert set(levels[1:]) == {"H2"}
    assert page.page.get_attribute("html", "lang") == "en"
    if size == PHONE:
        small = page.page.evaluate(
            "[...document.querySelectorAll('#transport button, select')].filter((one) =>"
            "one.offsetHeight && one.offsetHeight < 44).length"
        )
        assert small == 0
    assert page.troubles == []


A4 = (703, 1032)  # the pixels of a sheet within its margins


def test_what_is_printed_is_the_page_made_for_paper(
    opened: Open, hard: Explanation, tmp_path: Path
) -> None:
    page = opened(hard)
    page.page.emulate_media(media="print")
    page.page.set_viewport_size({"width": A4[0], "height": A4[1]})
    page.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    for shown in ("#overlay", "#timeline", "#clock", "#method", "#counted", "#regions", "#classes"):
        assert page.page.locator(shown).is_visible(), shown
    for unneeded in ("#play", "#opacity", "#hide", "#keys", "#pointed", "footer"):
        assert not page.page.locator(unneeded).is_visible(), unneeded
    assert page.page.locator(".choices label:visible").all_text_contents() == ["heat"]
    picture, told = (page.page.locator(one).bounding_box() for one in ("#screen", "#controls"))
    assert told["x"] > picture["x"] + picture["width"]  # beside it, as on a desktop
    assert page.page.evaluate("document.documentElement.scrollWidth") <= A4[0]
    canvases = page.page.locator("#moments canvas")
    assert canvases.count() == 6
    drawn = page.page.evaluate(
        """[...document.querySelectorAll('#moments canvas')].every((one) =>
        one.getContext('2d').getImageData(0, 0, 9, 9).data.some((byte) => byte > 0))"""
    )
    assert drawn
    page.page.pdf(path=tmp_path / "page.pdf")
    assert page.page.locator("#steps").is_visible()


def test_after_printing_all_is_folded_as_before(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    folded = page.page.locator("#cost-title ~ details")
    for event, is_open in (("beforeprint", True), ("afterprint", False)):
        page.page.evaluate(f"window.dispatchEvent(new Event('{event}'))")
        assert folded.evaluate("one => one.open") == is_open


def test_a_screen_reader_is_not_told_every_frame(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    outputs = page.page.locator("output")
    assert outputs.count() == 6
    assert all(outputs.nth(i).get_attribute("aria-live") == "off" for i in range(6))
    page("vexplain.set({show: 'threshold', threshold: 0.25})")
    assert page.page.get_attribute("#threshold", "aria-valuetext") == "0.25 part"
    page("vexplain.seek(2)")
    page.wait("document.getElementById('said').textContent.includes('frame 2')")


WEIGHTS = torch.tensor([0.05, 0.3, 0.1, 0.02, 0.08, 0.2, 0.04, 0.06])


def judged() -> tuple[Explanation, Evaluation]:
    model = Additive(WEIGHTS)
    explanation = explained(model, white(4, 8, 8))
    metrics: list[Metric | str] = [Deletion(), Insertion()]
    return explanation, vx.evaluate(
        explanation, classifier(model), metrics=metrics, random_maps=1, progress=False
    )


def test_the_game_removes_what_the_curve_says(opened: Open) -> None:
    explanation, evaluation = judged()
    page = opened(explanation, evaluations=evaluation)
    curve = evaluation["deletion AUC"].curve
    assert curve is not None
    heat = explanation.attribution.map.numpy()
    for point, share in enumerate(curve.shares.tolist()):
        page(f"vexplain.game(0, {point})")
        gone = []
        for t in range(4):
            page(f"vexplain.seekFrame({t})")
            gone.append(page.voxels()[..., 3] == 255)
        assert np.mean(gone) == pytest.approx(share)
        if 0 < share < 1:
            assert heat[np.array(gone)].min() > heat[~np.array(gone)].max()
    assert "lower is better" in page.text("#game-said")
    assert page.page.locator("#curve .other").count() == 2
    page.page.keyboard.press("Escape")
    page("vexplain.settled()")
    assert page.page.locator("#game-stop").is_disabled()
    assert page.troubles == []


def test_another_choice_ends_a_game_that_plays(opened: Open) -> None:
    explanation, evaluation = judged()
    page = opened([explanation, replace(explanation, seed=1)], evaluations=[evaluation] * 2)
    page.page.click("#game-play")
    assert page.page.get_attribute("#game-said", "aria-live") == "off"
    assert "what is gone is black" in page.text("#meaning")
    assert not page.page.locator("#legend").is_visible()
    assert page("vexplain.choose(1).then(() => document.getElementById('game-play').textContent)")
    assert page.text("#game-play") == "Play the game"
    assert page.page.get_attribute("#game-said", "aria-live") == "polite"
    assert page.page.locator("#legend").is_visible()
    page.page.wait_for_timeout(300)
    assert page.page.locator("#game-stop").is_disabled()
    assert page.troubles == []


def test_the_moments_are_those_of_the_map_after_a_game(opened: Open) -> None:
    explanation, evaluation = judged()
    page = opened(explanation, evaluations=evaluation)
    look = "() => document.querySelector('#moments canvas').toDataURL()"
    page.page.wait_for_timeout(400)
    before = page.page.evaluate(look)
    page("vexplain.game(0, 4)")
    page.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.page.evaluate(look) != before
    page.page.click("#game-stop")
    page.page.wait_for_timeout(400)
    assert page.page.evaluate(look) == before


def test_an_insertion_shows_what_is_put_in(opened: Open) -> None:
    explanation, evaluation = judged()
    page = opened(explanation, evaluations=[evaluation])
    page("vexplain.game(1, 1)")
    kept = []
    for t in range(4):
        page(f"vexplain.seekFrame({t})")
        kept.append(page.voxels()[..., 3] == 0)
    curve = evaluation["insertion AUC"].curve
    assert curve is not None
    assert np.mean(kept) == pytest.approx(float(curve.shares[1]))


def test_without_an_evaluation_the_page_says_how_to_get_one(
    opened: Open, hard: Explanation
) -> None:
    page = opened(hard)
    assert "vexplain evaluate" in page.text("#game-lead")
    assert not page.page.locator("#game").is_visible()


CONSTANT, NEGATIVE = torch.full((24,), 0.3).double(), -scores_of(24).abs() - 0.1


@pytest.mark.parametrize("make", ["hard", "soft"])
def test_a_map_that_is_the_same_everywhere_shows_nothing_and_says_so(
    opened: Open, make: str
) -> None:
    clip = clip_of(4, 24, 32)
    regions = boxes(4, 24, 32, (2, 3, 4)) if make == "hard" else SoftCells((4, 24, 32), (2, 3, 4))
    page = opened(made(clip, regions, CONSTANT))
    assert not page.pixels("overlay")[..., 3].any()
    assert page.text("#nothing") == "Nothing to show: the map is the same everywhere."
    page("vexplain.set({look: 'signed'})")
    assert not page.pixels("overlay")[..., 3].any()
    assert page.troubles == []


def test_a_map_without_support_is_not_heat_but_opposes(opened: Open) -> None:
    page = opened(made(clip_of(4, 24, 32), boxes(4, 24, 32, (2, 3, 4)), NEGATIVE))
    assert not page.pixels("overlay")[..., 3].any()
    assert "nothing supports Biking" in page.text("#nothing")
    page("vexplain.set({look: 'signed'})")
    assert page.pixels("overlay")[..., 3].any()
    assert not page.page.locator("#nothing").is_visible()


@pytest.mark.parametrize(
    "shape", [(1, 24, 32), (3, 4, 600), (3, 300, 3), (1, 1, 1), (900, 8, 8)], ids=str
)
def test_clips_of_any_shape_are_drawn(opened: Open, shape: tuple[int, int, int]) -> None:
    T, H, W = shape
    regions = boxes(T, H, W, (min(T, 2), min(H, 2), min(W, 3)))
    page = opened(made(clip_of(*shape), regions, scores_of(regions.n_features)), PHONE)
    assert page.state["pictures"] == min(shape[0], 300)
    page("vexplain.set({look: 'signed'})")
    for t in (0, shape[0] - 1):
        page(f"vexplain.seekFrame({t})")
        assert page.state["place"] == t
    assert bool(page.pixels("overlay")[..., 3].any()) == (regions.n_features > 1)
    assert page.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page("vexplain.visit(0)")
    assert page.troubles == []


def test_a_lost_source_is_replaced_by_the_clip(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 12, (32, 32), (0, 0, 32, 32), (2, 6, 10))
    shutil.rmtree(tmp_path / "source")
    explanation = made(clip, boxes(3, 32, 32, (3, 2, 2)), scores_of(12))
    with pytest.warns(VexplainWarning, match="can't be read"):
        page = opened(explanation)
    assert page.state["pictures"] == 3
    page("vexplain.seek(1)")
    assert np.abs(page.pixels("film")[..., :3] - 18).max() <= 2
