"""The synthetic clips, the bundled network and the bundled clip."""

from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from vexplain.core import ClipSpec
from vexplain.datasets import (
    ACTIONS,
    HELD_OUT_PHOTOGRAPHS,
    TRAINING_PHOTOGRAPHS,
    Camera,
    LabelledClip,
    Motion,
    Scene,
    Sprite,
    draw_scene,
    render,
    synthetic_clip,
)
from vexplain.models import describe
from vexplain.models.demo import DemoNetwork, demo_network, load_demo_network
from vexplain.video import read_clip

ASSETS = Path(str(files("vexplain") / "assets"))
NAMES = tuple(ACTIONS)
WANTS = ClipSpec(frames=16, size=64, sampling="uniform", resize="crop")


@pytest.fixture(scope="module")
def network() -> DemoNetwork:
    return load_demo_network()


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Clips (N, T, 3, H, W), the ball's region (N, T, H, W), labels (N,)."""

    clips: Tensor
    region: Tensor
    labels: Tensor


@pytest.fixture(scope="module")
def held_out() -> HeldOut:
    made = [
        synthetic_clip((99, i), label=i % len(ACTIONS), photographs=HELD_OUT_PHOTOGRAPHS)
        for i in range(100)
    ]
    frames = torch.from_numpy(np.stack([clip.frames for clip in made]))
    region = torch.from_numpy(np.stack([clip.region for clip in made])).float()
    labels = torch.tensor([clip.label for clip in made])
    return HeldOut(frames.permute(0, 1, 4, 2, 3).float() / 255, region, labels)


def ball_at(motion: Motion) -> Scene:
    """A ball that moves as wished, alone, before a fixed camera."""
    scene = draw_scene(np.random.default_rng(0), label=0, moving_camera=False)
    return replace(scene, ball=replace(scene.ball, motion=motion), distractors=())


def centres(clip: LabelledClip) -> np.ndarray:
    """Mean (x, y) of the region per frame, in sides of the frame."""
    found = [np.argwhere(inside)[:, ::-1].mean(0) + 0.5 for inside in clip.region]
    return np.asarray(np.asarray(found) / clip.frames.shape[1])


# ---- clips -----------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    first, again, other = synthetic_clip((1, 2)), synthetic_clip((1, 2)), synthetic_clip((1, 3))
    assert first.frames.tobytes() == again.frames.tobytes()
    assert first.region.tobytes() == again.region.tobytes()
    assert first.frames.tobytes() != other.frames.tobytes()


def test_a_clip_has_the_size_that_was_asked_for() -> None:
    clip = synthetic_clip(0, frames=5, size=40)
    assert clip.frames.shape == (5, 40, 40, 3)
    assert clip.region.shape == (5, 40, 40)
    assert clip.frames.dtype == np.uint8


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_the_region_is_where_the_ball_changes_the_picture(label: int, moving: bool) -> None:
    scene = draw_scene(np.random.default_rng((3, label)), label=label, moving_camera=moving)
    away = replace(scene.ball, motion=Motion(centre=(9.0, 9.0)))
    whole, without = render(scene), render(replace(scene, ball=away))
    changed = (whole.frames != without.frames).any(-1)
    assert not without.region.any()
    assert whole.region.any(axis=(1, 2)).all()
    # All but a few pixels whose colours happen to agree, and the soft edge, two pixels wide.
    assert (changed & whole.region).sum() > 0.97 * whole.region.sum()
    widened = torch.nn.functional.max_pool2d(torch.from_numpy(whole.region).float(), 5, 1, 2)
    assert not changed[widened.numpy() == 0].any()


def test_the_region_of_a_ball_is_a_disc_of_its_radius_at_its_place() -> None:
    motion = Motion(centre=(0.5, 0.4), travel=(0.3, 0.0), radius=(0.1, 0.2))
    clip = render(ball_at(motion), frames=3, size=200)
    np.testing.assert_allclose(centres(clip), [[0.35, 0.4], [0.5, 0.4], [0.65, 0.4]], atol=2e-3)
    radii = np.sqrt(clip.region.sum((1, 2)) / np.pi) / 200
    np.testing.assert_allclose(radii, [0.1, np.sqrt(0.02), 0.2], rtol=0.02)


def test_a_camera_that_pans_and_zooms_shifts_and_scales_what_is_seen() -> None:
    scene = replace(ball_at(Motion(centre=(0.6, 0.5))), camera=Camera(pan=(0.2, 0.0), zoom=0.2))
    clip = render(scene, frames=3, size=200)
    zoom = np.exp([-0.1, 0.0, 0.1])
    expected = 0.5 + (0.1 - np.array([-0.1, 0.0, 0.1])) * zoom
    np.testing.assert_allclose(centres(clip)[:, 0], expected, atol=2e-3)
    radii = np.sqrt(clip.region.sum((1, 2)) / np.pi) / 200
    np.testing.assert_allclose(radii, 0.12 * zoom, rtol=0.02)


def what_it_does(clip: LabelledClip) -> str:
    """Name the action from the region alone, by geometry."""
    way = centres(clip)
    areas = clip.region.sum((1, 2))
    if max(areas[0], areas[-1]) > 2 * min(areas[0], areas[-1]):
        return "grows" if areas[-1] > areas[0] else "shrinks"
    steps = np.diff(way, axis=0)
    turning = np.cross(np.c_[steps[:-1], np.zeros(14)], np.c_[steps[1:], np.zeros(14)])[:, 2]
    if np.linalg.norm(steps, axis=1).sum() > 2 * np.linalg.norm(way[-1] - way[0]):
        return "circles clockwise" if turning.sum() > 0 else "circles anticlockwise"
    x, y = way[-1] - way[0]
    if abs(x) > abs(y):
        return "moves right" if x > 0 else "moves left"
    return "moves down" if y > 0 else "moves up"


@pytest.mark.parametrize("label", range(len(ACTIONS)))
def test_the_label_can_be_read_off_the_region_under_any_camera(label: int) -> None:
    for moving in (False, True):
        for number in range(5):
            clip = synthetic_clip((5, label, number), size=96, label=label, moving_camera=moving)
            assert what_it_does(clip) == NAMES[label]


def test_labels_are_balanced_and_distractors_do_not_depend_on_them() -> None:
    n = 800
    scenes = [draw_scene(np.random.default_rng((7, i))) for i in range(n)]
    labels = np.bincount([scene.label for scene in scenes], minlength=len(ACTIONS))
    spread = np.sqrt(n / len(ACTIONS))
    assert (abs(labels - n / len(ACTIONS)) < 4 * spread).all()
    drawn = [(scene.label, sprite) for scene in scenes for sprite in scene.distractors]
    assert {len(scene.distractors) for scene in scenes} == {2, 3, 4}
    assert "ball" not in {sprite.shape for _, sprite in drawn}

    def way(label: int) -> float:
        x = [sprite.motion.travel[0] for k, sprite in drawn if k == label]
        return float(np.mean(x) / (np.std(x) / np.sqrt(len(x))))

    assert abs(way(NAMES.index("moves right"))) < 4
    assert abs(way(NAMES.index("moves left"))) < 4


def test_held_out_photographs_are_not_among_the_training_ones() -> None:
    assert not set(HELD_OUT_PHOTOGRAPHS) & set(TRAINING_PHOTOGRAPHS)


def test_bad_arguments_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="label: expected a number from 0 to 7, got 8"):
        draw_scene(rng, label=8)
    with pytest.raises(FileNotFoundError, match=r"no nothing\.png"):
        synthetic_clip(0, photographs=["nothing.png"])
    with pytest.raises(ValueError, match="at least 1 frame"):
        synthetic_clip(0, frames=0)
    with pytest.raises(ValueError, match="n_classes"):
        demo_network(1)


def test_a_sprite_that_leaves_the_frame_is_cut_off() -> None:
    clip = render(ball_at(Motion(centre=(1.0, 0.5), radius=(0.2, 0.2))), frames=1, size=100)
    assert clip.region.sum() == pytest.approx(np.pi * 20**2 / 2, rel=0.03)


def test_distractors_are_drawn_behind_the_ball() -> None:
    scene = ball_at(Motion(radius=(0.2, 0.2)))
    square = Sprite("square", "checks", ((0, 0, 0), (0, 0, 0)), (0.0, 0.0, 0.0), Motion())
    alone, before = render(scene), render(replace(scene, distractors=(square,)))
    np.testing.assert_array_equal(alone.frames, before.frames)


# ---- the network -----------------------------------------------------------------------------


def test_the_bundled_network_names_at_least_95_of_100_held_out_clips(
    network: DemoNetwork, held_out: HeldOut
) -> None:
    with torch.inference_mode():
        answers = network(held_out.clips).argmax(-1)
    assert (answers == held_out.labels).sum() >= 95


def test_the_answer_rests_on_the_ball(network: DemoNetwork, held_out: HeldOut) -> None:
    clips, labels = held_out.clips[:40], held_out.labels[:40, None]
    ball = torch.nn.functional.max_pool2d(held_out.region[:40], 5, 1, 2)[:, :, None]
    elsewhere = ball.roll((32, 32), (-2, -1)) * (1 - ball)

    def score(keep: Tensor) -> float:
        with torch.inference_mode():
            return float(network(clips * keep).softmax(-1).gather(1, labels).mean())

    assert score(torch.ones(1)) > 0.9
    assert score(1 - ball) < 0.3
    assert score(1 - elsewhere) > 0.8


def test_a_black_clip_has_a_nearly_uniform_answer(network: DemoNetwork) -> None:
    with torch.inference_mode():
        scores = network(torch.zeros(1, 16, 3, 64, 64)).softmax(-1)
    assert scores.max() < 0.3


def test_an_answer_does_not_depend_on_the_batch(network: DemoNetwork, held_out: HeldOut) -> None:
    inputs = held_out.clips[:4]
    with torch.inference_mode():
        together = network(inputs)
        alone = torch.cat([network(clip[None]) for clip in inputs])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


def test_the_weights_are_small_and_fit_the_facts(network: DemoNetwork) -> None:
    assert (ASSETS / "demo.safetensors").stat().st_size <= 2_000_000
    facts = describe(ASSETS / "demo.yaml")
    assert facts.completed().class_names == NAMES
    assert network.head.out_features == len(NAMES)
    assert facts.completed().clip == WANTS


# ---- the bundled clip ------------------------------------------------------------------------


def test_the_bundled_clip_is_small_and_named_rightly_with_confidence(network: DemoNetwork) -> None:
    assert (ASSETS / "demo.mp4").stat().st_size <= 300_000
    card = (ASSETS / "demo.md").read_text(encoding="utf-8")
    clip = read_clip(ASSETS / "demo.mp4", WANTS)
    with torch.inference_mode():
        scores = network(clip.frames[None]).softmax(-1)[0]
    assert scores.max() > 0.9
    assert f'Class "{NAMES[int(scores.argmax())]}"' in card


def test_the_bundled_truth_lies_on_the_clips_ball(network: DemoNetwork) -> None:
    truth = np.load(ASSETS / "demo_truth.npz")
    source = read_clip(
        ASSETS / "demo.mp4", ClipSpec(frames=len(truth["region"]), size=None, sampling="uniform")
    )
    assert truth["region"].shape == (len(source.frames), *source.frames.shape[-2:])
    for inside, (left, top, right, bottom) in zip(truth["region"], truth["boxes"], strict=True):
        assert inside[top:bottom, left:right].sum() == inside.sum() > 0
        assert inside[top:bottom, left].any()
        assert inside[top, left:right].any()
    clip = read_clip(ASSETS / "demo.mp4", WANTS)
    assert clip.source is not None
    region = torch.from_numpy(truth["region"][list(clip.source.frame_index)]).float()
    small = torch.nn.functional.adaptive_max_pool2d(region, clip.frames.shape[-2:])
    hidden = clip.frames * (1 - torch.nn.functional.max_pool2d(small[:, None], 3, 1, 1))
    with torch.inference_mode():
        seen, unseen = network(torch.stack([clip.frames, hidden])).softmax(-1)
    assert unseen[seen.argmax()] < 0.5
