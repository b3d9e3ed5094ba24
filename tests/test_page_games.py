"""The page's deletion and insertion games in a real browser."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import vexplain as vx
from browsers import Open
from judged import Additive, classifier, explained, white
from vexplain.core import Explanation
from vexplain.evaluation import Deletion, Evaluation, Insertion, Metric

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


@pytest.mark.parametrize("change", ["set({look: 'signed'})", "set({opacity: 0.3})"])
def test_a_change_of_what_is_drawn_ends_the_game_that_would_hide_it(
    opened: Open, change: str
) -> None:
    explanation, evaluation = judged()
    page = opened(explanation, evaluations=evaluation)
    page("vexplain.game(0, 4)")
    page(f"vexplain.{change}")
    assert page.page.locator("#game-stop").is_disabled()
    assert page.page.locator("#legend").is_visible()


def test_the_picture_beside_the_curve_is_that_of_the_player(opened: Open) -> None:
    explanation, evaluation = judged()
    page = opened(explanation, evaluations=evaluation)
    page("vexplain.game(0, 3)")
    height, width = page.pixels("film").shape[:2]
    size = page.pixels("overlay").shape[0] // height
    for frame in (0, 3):
        page(f"vexplain.seekFrame({frame})")
        over = page.pixels("overlay")[size // 2 :: size, size // 2 :: size]
        wanted = np.where(over[..., 3:] == 255, over[..., :3], page.pixels("film")[..., :3])
        assert np.array_equal(page.pixels("game-film")[..., :3], wanted)
    page.page.click("#game-stop")
    assert np.array_equal(page.pixels("game-film"), page.pixels("film"))
    curve, picture = (page.page.locator(one).bounding_box() for one in ("#curve", "#game-film"))
    assert picture["x"] >= curve["x"] + curve["width"]
    assert abs(picture["y"] - curve["y"]) < curve["height"]
    assert (width, height) == (8, 8)
