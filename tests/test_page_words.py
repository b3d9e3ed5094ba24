"""The page's words in a real browser: names of any kind, what is said, paper, screen readers."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from browsers import DESKTOP, PHONE, Open
from page_cases import boxes, clip_of, made, soft
from vexplain.core import Attribution, Explanation, Segmentation
from vexplain.page.looks import MIXED
from vexplain.visualization import HeatMap

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


@pytest.mark.parametrize("size", [DESKTOP, PHONE, A4], ids=["desktop", "phone", "paper"])
def test_long_names_stay_on_the_page(
    opened: Open, hard: Explanation, size: tuple[int, int]
) -> None:
    name = "Riding" + "x" * 194
    ledger = replace(hard.ledger, class_names=(name, "a person " * 22))
    method = replace(hard.method, name=name)
    manifest = {"model": name, name: name}
    page = opened(replace(hard, ledger=ledger, method=method, manifest=manifest), size)
    page.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    if size == A4:
        page.page.emulate_media(media="print")
    assert page.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    section = page.page.locator("section[aria-labelledby='classes-title']").bounding_box()
    table = page.page.locator("#classes").bounding_box()
    assert table["x"] + table["width"] <= section["x"] + section["width"] + 1


def test_of_several_models_the_one_on_the_screen_is_named(opened: Open, hard: Explanation) -> None:
    names = [f"onnx:network_{i}.onnx" for i in range(2)]
    page = opened([replace(hard, manifest={"model": name}) for name in names])
    for i, name in enumerate(names):
        page(f"vexplain.choose({i})")
        for place in ("#moments-lead", "#classes-lead"):
            page.wait(f"document.querySelector('{place}').textContent.includes('{name}')")
        assert name in (page.page.get_attribute("#film", "aria-label") or "")
    method, target = (page.page.locator(one).bounding_box() for one in ("#method", "#target"))
    assert method["width"] == target["width"] > 300
    assert target["y"] > method["y"]


@dataclass(frozen=True)
class Slope:
    """Two regions of the user's own: one fades into the other from left to right."""

    n_features: int = 2

    def keep(
        self, present: Bool[Tensor, "N D"], jitter: Float[Tensor, "N 3"]
    ) -> Float[Tensor, "N T H W"]:
        return torch.stack([self.paint(row.float()) for row in present])

    def paint(self, scores: Float[Tensor, " D"]) -> Float[Tensor, "T H W"]:
        share = torch.linspace(0, 1, 32, dtype=scores.dtype)
        return scores[0].lerp(scores[1], share).repeat(4, 24, 1)


def test_of_regions_that_overlap_it_is_said_what_is_shown(opened: Open) -> None:
    own = made(clip_of(4, 24, 32), Slope(), torch.tensor([1.0, -1.0]).double())
    for explanation, said in ((own, MIXED), (soft(4), "")):
        assert opened(explanation).text("#instead") == said


def test_every_table_and_region_has_a_name_of_its_own(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    page.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    tree = page.page.locator("body").aria_snapshot()
    assert "- table:" not in tree
    regions = re.findall(r"- region (\"[^\"]+\")", tree)
    assert len(regions) == len(set(regions)) >= 7


def test_fingers_are_told_to_tap(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    assert "press R" in page.text("#pointed")
    context = page.page.context.browser.new_context(is_mobile=True, has_touch=True)
    phone = context.new_page()
    phone.goto(page.page.url)
    phone.evaluate("vexplain.settled()")
    assert phone.text_content("#pointed") == "Tap the picture to see a region\u2019s score."
    context.close()


def test_one_sample_is_no_samples(opened: Open, hard: Explanation) -> None:
    assert opened(hard).text("#cost-lead") == "2.5 seconds for 1 sample."


def test_a_map_that_is_hidden_is_hidden_at_every_moment(opened: Open, hard: Explanation) -> None:
    page = opened(hard)
    look = "document.querySelector('#moments canvas').toDataURL()"
    page.page.wait_for_timeout(400)
    before = page.page.evaluate(look)
    page.page.click("#hide")
    page.page.wait_for_timeout(400)
    assert page.page.evaluate(look) != before
    assert not page.pixels("overlay")[..., 3].any()
    page.page.keyboard.press("h")
    page.page.wait_for_timeout(400)
    assert page.page.evaluate(look) == before
