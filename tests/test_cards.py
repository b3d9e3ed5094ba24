"""What notebooks show: small, whole, without scripts, and whatever the map is like."""

import base64
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import vexplain as vx
from vexplain.core import Attribution, Explanation, ModelSpec, Source, VideoClip
from vexplain.evaluation import Deletion, Evaluation, Insertion, Metric, Sparseness
from vexplain.evaluation.cards import curves_picture
from vexplain.rendering.cards import HEAD, facts_of, strip
from vexplain.segmentation import Grid
from vexplain.visualization import CurvePanel, HeatMap, Line, Outlines, SignedMap
from vexplain.visualization.sheet import GAP, NOTE
from vexplain.visualization.typeset import face

NAMES = ("walks <fast> & far", "[bold]sits[/]")
METHOD = vx.methods.loco(segmentation=Grid(t=2, h=3, w=3))


def model(clips: Tensor) -> Tensor:
    bright = clips[..., :8, :8].mean((1, 2, 3, 4))
    return torch.stack([4 * bright, 2 - 4 * bright], 1)


def explained(T: int = 9, H: int = 24, W: int = 24, **changes: Any) -> Explanation:
    frames = torch.rand(T, 3, H, W, generator=torch.Generator().manual_seed(0))
    clip = VideoClip(frames, torch.arange(T).double() / 4)
    spec = ModelSpec(class_names=NAMES, outputs="logits")
    method = replace(METHOD, segmentation=Grid(t=min(2, T), h=min(3, H), w=min(3, W)), **changes)
    return vx.explain(clip, model, method=method, target=0, spec=spec, progress=False)


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    return explained()


@pytest.fixture(scope="module")
def evaluation(explanation: Explanation) -> Evaluation:
    spec = ModelSpec(class_names=NAMES, outputs="logits")
    metrics: list[Metric] = [Deletion(), Insertion(), Sparseness()]
    return vx.evaluate(explanation, model, metrics=metrics, spec=spec, progress=False)


class Page(HTMLParser):
    """Reads HTML: its tags in order, its texts, and the pictures inside it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert all(not name.startswith("on") for name, _ in attrs)
        if tag == "img":
            self.images.append(dict(attrs))
        else:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def image_of(found: dict[str, str | None]) -> Image.Image:
    head, _, content = str(found["src"]).partition(",")
    assert re.fullmatch(r"data:image/(jpeg|png);base64", head)
    with Image.open(BytesIO(base64.b64decode(content))) as image:
        return image.convert("RGB")


def html_of(shown: Any) -> str:
    html: str = shown._repr_html_()
    bare = re.sub(r"base64,[\w+/=]*", "", html)
    assert "script" not in bare
    assert "://" not in bare
    return html


def test_an_explanation_says_what_it_is_and_shows_frames(explanation: Explanation) -> None:
    html = html_of(explanation)
    assert len(html) < 300_000
    page = Page(html)
    facts = facts_of(explanation)
    assert list(facts) == ["method", "target", "model", "clip", "samples", "fit", "seconds"]
    for name, said in facts.items():
        assert name in page.texts
        assert said in page.texts
    assert facts["method"] == "LV LOCO"
    assert facts["target"].startswith(f"{NAMES[0]}, P = 0.")
    assert facts["samples"] == "18, over 18 regions"
    assert "<fast>" not in html
    (found,) = page.images
    assert "6 frames from 0.00 s to 2.00 s, on which LV LOCO marks" in str(found["alt"])
    assert NAMES[0] in str(found["alt"])
    image = image_of(found)
    assert (str(image.width), str(image.height)) == (found["width"], found["height"])
    assert 900 < image.width <= 960


def test_the_strip_shows_the_colours_of_the_map(explanation: Explanation) -> None:
    grey = replace(explanation.clip, frames=torch.full_like(explanation.clip.frames, 0.5))
    labels: Any = explanation.segmentation
    scores = torch.zeros(18, dtype=torch.float64)
    scores[0], scores[2] = 1.0, -1.0  # top left supports, top right opposes, in the first half
    attribution = Attribution(scores, labels.paint(scores).float())
    odd = replace(explanation, clip=grey, attribution=attribution)
    (found,) = Page(html_of(odd)).images
    pixels = np.asarray(image_of(found)).astype(int)
    blue, orange = pixels[40, 20], pixels[40, 135]
    assert blue[2] > blue[0] + 60
    assert orange[0] > orange[2] + 60
    later = pixels[40, -135]
    assert abs(later - 128).max() < 12


@dataclass(frozen=True)
class Wrong:
    """A visualization that draws something else than a layer."""

    def __call__(self, attribution: Attribution, segmentation: Any) -> Tensor:
        return torch.zeros(1, 4, 2, 2)


@dataclass(frozen=True)
class Broken:
    """A visualization with a mistake in it."""

    def __call__(self, attribution: Attribution, segmentation: Any) -> Tensor:
        raise ZeroDivisionError("<b>by zero</b>")


LOOKS = [HeatMap(), SignedMap(), SignedMap(per_frame=True), Outlines()]


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("level", [0.0, 1.0, -1.0, 1e-300, 1e30])
def test_no_map_makes_it_raise(explanation: Explanation, look: Any, level: float) -> None:
    odd = torch.full((9, 24, 24), level)
    attribution = replace(explanation.attribution, map=odd)
    for values in (odd, odd.where(torch.arange(24) < 9, 0.5)):
        method = replace(explanation.method, visualization=look)
        shown = replace(
            explanation, method=method, attribution=replace(attribution, map=values), seconds={}
        )
        page = Page(html_of(shown))
        assert "LV LOCO" in page.texts


@pytest.mark.parametrize(
    ("look", "words"), [(Wrong(), "expected a layer of shape"), (Broken(), "<b>by zero</b>")]
)
def test_a_broken_visualization_is_said(explanation: Explanation, look: Any, words: str) -> None:
    method = replace(explanation.method, visualization=look)
    page = Page(html_of(replace(explanation, method=method)))
    assert words in " ".join(page.texts)
    assert not page.images


@pytest.mark.filterwarnings("ignore:the whole clip is one region")
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 300), (40, 300, 8), (3, 240, 426)])
def test_clips_of_any_shape_stay_small(shape: tuple[int, int, int]) -> None:
    html = html_of(explained(*shape, visualization=HeatMap()))
    assert len(html) < 300_000
    (found,) = Page(html).images
    assert image_of(found).width <= 960


def test_an_interrupted_explanation_says_so(explanation: Explanation) -> None:
    ledger = replace(explanation.ledger, planned=5000)
    facts = facts_of(replace(explanation, ledger=ledger, manifest={}))
    assert facts["samples"] == "18 of 5,000, over 18 regions"
    assert facts["model"] == "\N{EN DASH}"


def test_an_evaluation_is_its_table_with_its_curves(evaluation: Evaluation) -> None:
    html = html_of(evaluation)
    assert len(html) < 100_000
    page = Page(html)
    assert page.tags.count("tr") == 4
    for words in ("deletion AUC ↓", "insertion AUC ↑", "random map", "centre prior"):
        assert words in page.texts
    assert "note" not in page.texts  # there is none
    assert f"{evaluation['deletion AUC'].value:.3f}" in page.texts
    assert f"LV LOCO, {NAMES[0]} ({evaluation.clip})" in page.texts
    assert "↑ higher is better, ↓ lower is better" in " ".join(page.texts)
    (found,) = page.images
    assert "deletion AUC" in str(found["alt"])
    image = image_of(found)
    assert image.width > 500


def test_without_curves_there_is_no_picture(evaluation: Evaluation) -> None:
    bare = replace(evaluation, scores=evaluation.scores[2:])
    page = Page(html_of(bare))
    assert not page.images
    assert page.tags.count("tr") == 2
    Page(html_of(replace(evaluation, scores=())))


def test_many_curves_stay_small(evaluation: Evaluation) -> None:
    many = replace(evaluation, scores=evaluation.scores[:2] * 6)
    html = html_of(many)
    assert len(html) < 100_000
    assert "8 more curves" in html


def test_curves_lie_where_the_numbers_say() -> None:
    falling = Line(np.array([0.0, 1.0]), np.array([1.0, 0.0]), 0.5)
    panel = CurvePanel(falling, {}, "deletion AUC", "voxels removed", "deletion", y_label="p")
    pixels = np.asarray(curves_picture([panel]).convert("RGB")).astype(int)
    orange = (pixels[..., 0] > 180) & (pixels[..., 1] < 130) & (pixels[..., 2] < 60)
    rows, columns = np.nonzero(orange)
    left, right = rows[columns < columns.min() + 8], rows[columns > columns.max() - 8]
    assert left.mean() < right.mean() - 80


def test_a_comparison_is_its_table(evaluation: Evaluation) -> None:
    other = replace(evaluation, method="<i>other</i>")
    html = html_of(vx.compare([evaluation, other]))
    page = Page(html)
    assert page.tags.count("tr") == 4
    for words in ("One clip", "LV LOCO", "<i>other</i>", "sparseness ↑"):
        assert words in page.texts
    several = vx.compare([evaluation, replace(evaluation, clip_digest="another")])
    assert "Means over clips, with 95 % intervals" in Page(html_of(several)).texts


def test_markup_in_names_is_shown_as_it_is(explanation: Explanation) -> None:
    page = Page(html_of(replace(explanation, target=1)))
    assert any(text.startswith("[bold]sits[/], P") for text in page.texts)


def test_names_with_colons_are_no_pictograms(explanation: Explanation) -> None:
    ledger = replace(explanation.ledger, class_names=("a :smile: b", "c"))
    page = Page(html_of(replace(explanation, ledger=ledger)))
    assert any(text.startswith("a :smile: b, P") for text in page.texts)


def test_names_of_files_that_are_no_text_are_spelled_out(explanation: Explanation) -> None:
    source = Source("/videos/odd\udcff.mp4", "0", 9, 24, 24, tuple(range(9)), (0, 0, 24, 24))
    odd = replace(explanation, clip=replace(explanation.clip, source=source))
    assert b"odd" in html_of(odd).encode()


def test_times_and_legend_are_whole_above_and_below_thin_frames() -> None:
    legend = "score in probability, one scale for the whole clip"
    narrow, wide = (
        np.asarray(strip([np.zeros((60, width, 3), np.uint8)] * 2, ["10.25 s"] * 2, None, legend))
        for width in (3, 400)
    )
    across = round(face(NOTE).getlength("10.25 s"))
    column = across + GAP
    first, second = (narrow[:HEAD, at : at + across] for at in (0, column))
    assert np.array_equal(first, second)  # neither is cut off
    assert (first < 200).any()
    below = narrow[HEAD + 60 :]
    assert np.array_equal(below, wide[HEAD + 60 :, : below.shape[1]])
    assert not (wide[HEAD + 60 :, below.shape[1] :] < 200).any()


def test_one_frame_is_no_frames() -> None:
    assert facts_of(explained(1))["clip"] == "1 frame of 24\N{MULTIPLICATION SIGN}24 pixels"
