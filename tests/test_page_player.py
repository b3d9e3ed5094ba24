"""The page's player in a real browser: time, keys, the pointer and the timeline."""

import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from browsers import Open, Opened
from page_cases import boxes, clip_of, made, scores_of, soft, source_clip, windows
from vexplain.core import Explanation, VexplainWarning
from vexplain.visualization import SignedMap


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


def test_a_lost_source_is_replaced_by_the_clip(opened: Open, tmp_path: Path) -> None:
    clip = source_clip(tmp_path / "source", 12, (32, 32), (0, 0, 32, 32), (2, 6, 10))
    shutil.rmtree(tmp_path / "source")
    explanation = made(clip, boxes(3, 32, 32, (3, 2, 2)), scores_of(12))
    with pytest.warns(VexplainWarning, match="can't be read"):
        page = opened(explanation)
    assert page.state["pictures"] == 3
    page("vexplain.seek(1)")
    assert np.abs(page.pixels("film")[..., :3] - 18).max() <= 2


def test_a_region_that_is_visited_is_told_after_its_picture(opened: Open) -> None:
    regions = boxes(60, 16, 16, (6, 1, 1))
    page = opened(made(clip_of(60, 16, 16), regions, scores_of(6)))
    page("vexplain.visit(5)")  # in a picture that has yet to be decoded
    page.page.wait_for_timeout(500)
    assert page.text("#said").startswith("Region 5 of 0")


def test_a_single_picture_has_no_mark_on_its_timeline(opened: Open) -> None:
    page = opened(made(clip_of(1, 24, 32), boxes(1, 24, 32, (1, 2, 2)), scores_of(4)))
    slider = page.page.locator("#time")
    assert slider.is_disabled()
    assert slider.evaluate("one => getComputedStyle(one).opacity") == "0"
    assert page.troubles == []
