from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch

from vexplain.core import ClipSpec
from vexplain.datasets import VideoRecording, open_dataset
from vexplain.datasets.synthetic import (
    ACTIONS,
    BACKWARDS,
    FAMILIES,
    Rendered,
    SyntheticRecording,
    render,
    writing,
)
from vexplain.datasets.synthetic.photographs import (
    HELD_OUT_BACKGROUNDS,
    TRAINING_BACKGROUNDS,
    digit_numbers,
)
from vexplain.datasets.synthetic.scene import Camera, Look, Motion, Scene, Shot, Sprite
from vexplain.datasets.synthetic.writing import write_set

EACH = len(ACTIONS)
SPEC = ClipSpec(frames=8, size=64)


def recordings(family: str, n: int = 3 * EACH, **options: int) -> list[SyntheticRecording]:
    found = open_dataset(f"synthetic:{family}", clips=n, **options).recordings
    return [one for one in found if isinstance(one, SyntheticRecording)]


def test_there_are_enough_classes_of_every_kind() -> None:
    assert len(ACTIONS) >= 12
    for needs in ("appearance", "motion", "order"):
        assert sum(action.needs == needs for action in ACTIONS) >= 4


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_bytes(family: str) -> None:
    for one, again in zip(recordings(family, 6), recordings(family, 6), strict=True):
        first, second = (render(r.scene, frames=4, size=48) for r in (one, again))
        assert first.frames.tobytes() == second.frames.tobytes()
        assert first.region.tobytes() == second.region.tobytes()
    other = recordings(family, 6, seed=1)[0]
    assert (render(other.scene, frames=4, size=48).frames != first.frames).any()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_larger_set_begins_with_the_smaller_one(family: str) -> None:
    small, large = recordings(family, 20), recordings(family, 40)
    assert [one.scene for one in small] == [one.scene for one in large[:20]]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_group_has_every_class_and_lies_in_one_split(family: str) -> None:
    whole = recordings(family, 60 * EACH)
    labels: dict[str, set[int]] = {}
    splits: dict[str, set[str]] = {}
    for one in whole:
        labels.setdefault(one.group, set()).add(one.label)
        splits.setdefault(one.group, set()).add(one.split)
    assert all(found == set(range(EACH)) for found in labels.values())
    assert all(len(found) == 1 for found in splits.values())
    assert sum(one.split == "test" for one in whole) == len(whole) // 5


@pytest.mark.parametrize("family", FAMILIES)
def test_the_test_shows_other_photographs_and_digits(family: str) -> None:
    shown: dict[str, set[str]] = {"train": set(), "test": set()}
    for one in recordings(family, 5 * EACH, sources=5):
        scene = one.scene
        shown[one.split] |= {shot.background.photograph for shot in scene.shots}
        if scene.actor.look.kind == "digit":
            shown[one.split].add(scene.actor.look.name)
    assert not shown["train"] & shown["test"]
    assert not set(TRAINING_BACKGROUNDS) & set(HELD_OUT_BACKGROUNDS)
    for digit in range(10):
        assert not set(digit_numbers(digit, held_out=True)) & set(
            digit_numbers(digit, held_out=False)
        )


@pytest.mark.parametrize("label", BACKWARDS)
def test_a_class_of_order_played_backwards_is_another_of_the_same_pictures(label: int) -> None:
    """The motion, that is: what else may come late or change its shot is no part of the class."""
    v = np.linspace(0, 1, 9)
    for seed in range(20):
        motion, other = (
            ACTIONS[k].program(np.random.default_rng(seed), 0.12) for k in (label, BACKWARDS[label])
        )
        assert np.ptp(motion.positions(v), 0) == pytest.approx(np.ptp(motion.positions(v[::-1]), 0))
        if motion.travel[0] > 0.3:
            assert other.travel == pytest.approx(tuple(-x for x in motion.travel))
        if motion.orbit:
            assert other.turns == pytest.approx(-motion.turns)
        if motion.radius[1] > 1.5 * motion.radius[0]:
            assert other.radius == pytest.approx(motion.radius[::-1])


def test_appearance_says_nothing_of_motion_and_motion_nothing_of_appearance() -> None:
    looks: dict[str, set[str]] = {}
    for one in recordings("still", 25 * EACH):
        look = one.scene.actor.look
        name = look.kind if look.kind != "photograph" else look.name
        looks.setdefault(ACTIONS[one.label].name, set()).add(name)
    moving = [looks[action.name] for action in ACTIONS if not action.shows]
    carried = {"ball", "digit", "face", "flower", "horse"}
    assert all({"ball", "digit"} <= found <= carried for found in moving)
    assert set().union(*moving) == carried
    assert looks["shows a cat"] == {"cat"}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_region_is_where_the_object_is(family: str) -> None:
    """Rendered without its object, a clip is the same outside of the region and its edge."""
    for one in recordings(family, EACH):
        scene = replace(one.scene, occluders=())
        gone = replace(scene.actor, motion=replace(scene.actor.motion, shown=(2.0, 3.0)))
        with_it, without = (
            render(s, frames=6, size=64) for s in (scene, replace(scene, actor=gone))
        )
        differs = (with_it.frames != without.frames).any(-1)
        clearly = np.abs(with_it.frames.astype(int) - without.frames).max(-1) > 60
        assert not without.region.any()
        assert with_it.region.any()
        # The soft edge is not the region's.
        wide = torch.nn.functional.max_pool2d(
            torch.from_numpy(with_it.region).float()[:, None], 5, 1, 2
        )
        outside = wide[:, 0].numpy() == 0
        assert not (differs & outside).any()
        assert with_it.region[clearly].mean() > 0.7


def test_a_still_camera_is_still_and_a_restless_one_is_not() -> None:
    def background_moves(one: SyntheticRecording) -> bool:
        return any(not shot.camera.fixed for shot in one.scene.shots)

    assert not any(background_moves(one) or len(one.scene.shots) > 1 for one in recordings("still"))
    assert all(background_moves(one) for one in recordings("restless"))
    plots = {dict(one.facts)["plot"] for one in recordings("restless", 100)}
    assert plots == {"plain", "cut", "late", "filler before", "filler after"}
    cameras = {dict(one.facts)["camera"] for one in recordings("still", 100)}
    assert cameras == {f"C{n:03}" for n in range(1, 9)}


def test_evidence_has_its_time_in_restless_clips() -> None:
    for one in recordings("restless", 20):
        seen = np.asarray(render(one.scene, frames=16, size=48).region.any((1, 2)))
        first, last = one.scene.actor.motion.shown
        inside = np.linspace(0, 1, 16)
        assert not seen[(inside < first) | (inside > last)].any()
        assert seen.any()


def test_the_object_stays_in_the_picture() -> None:
    kept = []
    for one in chain(recordings("still", EACH), recordings("restless", EACH)):
        region = render(one.scene, frames=8, size=64).region
        border = np.concatenate([region[:, 0], region[:, -1], region[..., 0], region[..., -1]])
        kept.append(not border.any())
    assert np.mean(kept) > 0.9


@pytest.mark.parametrize("family", FAMILIES)
def test_a_recording_is_read_as_the_spec_says(family: str) -> None:
    one = recordings(family)[5]
    clip = one.read(SPEC)
    assert clip.shape == (8, 3, 64, 64)
    truth = one.truth(clip)
    assert truth.shape == (8, 64, 64)
    assert truth.dtype == torch.bool
    wide = one.read(ClipSpec(frames=4, size=(48, 96)))
    assert wide.shape == (4, 3, 48, 96)
    assert one.truth(wide).shape == (4, 48, 96)
    assert one.read(ClipSpec(frames=1, size=None)).shape == (1, 3, 112, 112)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("synthetic:stil", "family: expected one of still, restless.*Did you mean still"),
        ("synthetic:still?clips=0", "clips: expected a whole number from 1, got 0"),
        ("synthetic:still?clip=5", "takes no option 'clip'.*Did you mean clips"),
        ("synthetic:still?clips", "expected options as name=value"),
        ("synthetik:still", "Did you mean synthetic"),
        ("nothing.yaml", "there is no file nothing.yaml"),
    ],
)
def test_a_wrong_name_says_what_is_wrong(name: str, says: str) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=says):
        open_dataset(name)


def test_a_dataset_can_be_described_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "data.yaml"
    file.write_text("data: synthetic:restless\nclips: 30\nseed: 4\n")
    found = open_dataset(file)
    assert len(found) == 30
    assert found.recordings[0].name == "restless-4-000000"
    assert len(open_dataset(file, clips=7)) == 7


def test_a_set_is_written_and_read_back(tmp_path: Path) -> None:
    made = open_dataset("synthetic:restless?clips=16")
    table = write_set(made, tmp_path, frames=16, size=64)
    back = open_dataset(f"table:{table}?classes={tmp_path / 'classes.txt'}")
    assert back.class_names == made.class_names
    for one, read in zip(made.recordings, back.recordings, strict=True):
        assert (one.label, one.group, one.split) == (read.label, read.group, read.split)
        clip = read.read(ClipSpec(frames=16, size=64))
        drawn = one.read(ClipSpec(frames=16, size=64))
        assert float((clip.frames - drawn.frames).abs().mean()) < 0.03  # what H.264 loses
        truth, known = read.truth(clip), one.truth(drawn)
        assert truth is not None
        assert known is not None
        assert bool((truth == known).all())
    content = {file: file.read_bytes() for file in tmp_path.rglob("*.mp4")}
    table.unlink()
    assert write_set(made, tmp_path, frames=16, size=64, workers=2) == table
    assert all(file.read_bytes() == before for file, before in content.items())


def test_a_folder_keeps_one_set(tmp_path: Path) -> None:
    made = open_dataset("synthetic:still?clips=2")
    write_set(made, tmp_path, frames=2, size=32)
    write_set(open_dataset("synthetic:still?clips=3"), tmp_path, frames=2, size=32)
    for said, frames, size in (("size 32, not 34", 2, 34), ("frames 2, not 3", 3, 32)):
        with pytest.raises(ValueError, match=f"folder: .* holds one with {said}"):
            write_set(made, tmp_path, frames=frames, size=size)
    for name, said in {
        "restless?clips=2": "family still, not restless",
        "still?seed=1&clips=2": "seed 0, not 1",
        "still?sources=5&clips=2": "sources 60, not 5",
        "still?distractors=0&clips=2": "distractors 3, not 0",
    }.items():
        with pytest.raises(ValueError, match=f"holds one with {said}"):
            write_set(open_dataset(f"synthetic:{name}"), tmp_path, frames=2, size=32)
    (tmp_path / "set.json").unlink()
    with pytest.raises(ValueError, match="holds one with family None, not still"):
        write_set(made, tmp_path, frames=2, size=32)


def test_only_synthetic_sets_of_even_size_are_written(tmp_path: Path) -> None:
    made = open_dataset("synthetic:still?clips=2")
    with pytest.raises(ValueError, match="size: expected an even number, as mp4 needs, got 33"):
        write_set(made, tmp_path / "set", size=33)
    other = VideoRecording(name="v", path=tmp_path / "v.mp4", label=0)
    for recordings in ([other], [*made.recordings, other]):
        with pytest.raises(ValueError, match="dataset: expected recordings of a synthetic set"):
            write_set(replace(made, recordings=recordings), tmp_path / "set")
    assert not (tmp_path / "set").exists()


def test_after_an_interrupt_the_rest_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted:
        def start(self, total: int) -> None:
            pass

        def advance(self, rows: int) -> None:
            raise KeyboardInterrupt

        def stop(self) -> None:
            pass

    monkeypatch.setattr(writing, "ProcessPoolExecutor", lambda n, **_: ThreadPoolExecutor(n))
    made = open_dataset("synthetic:still?clips=60")
    with pytest.raises(KeyboardInterrupt):
        write_set(made, tmp_path, frames=2, size=32, workers=2, progress=Interrupted())
    assert 1 <= len(list((tmp_path / "truths").iterdir())) < 20
    assert not (tmp_path / "clips.csv").exists()


def test_what_passes_in_front_hides_the_object() -> None:
    hidden = 0
    for one in recordings("restless", 20):
        free = render(replace(one.scene, occluders=()), frames=8, size=48).region
        seen = render(one.scene, frames=8, size=48).region
        assert not (seen & ~free).any()
        hidden += int(free.sum() - seen.sum())
        assert bool(one.scene.occluders) == (dict(one.facts)["occluded"] == "yes")
    assert hidden > 0


# ---- geometry --------------------------------------------------------------------------------


def ball(motion: Motion, camera: Camera | None = None) -> Scene:
    """A ball that moves as wished, alone."""
    scene = recordings("still", 1)[0].scene
    shot = Shot(start=0, background=scene.shots[0].background, camera=camera or Camera())
    look = Look(kind="ball", colours=((1.0, 0.0, 0.0),))
    return replace(scene, actor=Sprite(look=look, motion=motion), shots=(shot,))


def centres(made: Rendered) -> np.ndarray:
    """Mean (x, y) of the region per frame, in sides of the frame."""
    found = [np.argwhere(inside)[:, ::-1].mean(0) + 0.5 for inside in made.region]
    return np.asarray(np.asarray(found) / made.frames.shape[1])


def test_the_region_of_a_ball_is_a_disc_of_its_radius_at_its_place() -> None:
    motion = Motion(centre=(0.5, 0.4), travel=(0.3, 0.0), radius=(0.1, 0.2))
    made = render(ball(motion), frames=3, size=200)
    np.testing.assert_allclose(centres(made), [[0.35, 0.4], [0.5, 0.4], [0.65, 0.4]], atol=2e-3)
    radii = np.sqrt(made.region.sum((1, 2)) / np.pi) / 200
    np.testing.assert_allclose(radii, [0.1, np.sqrt(0.02), 0.2], rtol=0.02)


def test_a_camera_that_pans_zooms_and_turns_shows_what_it_should() -> None:
    camera = Camera(pan=(0.2, 0.0), zoom=0.2)
    made = render(ball(Motion(centre=(0.6, 0.5)), camera), frames=3, size=200)
    zoom = np.exp([-0.1, 0.0, 0.1])
    expected = 0.5 + (0.1 - np.array([-0.1, 0.0, 0.1])) * zoom
    np.testing.assert_allclose(centres(made)[:, 0], expected, atol=2e-3)
    radii = np.sqrt(made.region.sum((1, 2)) / np.pi) / 200
    np.testing.assert_allclose(radii, 0.12 * zoom, rtol=0.02)
    turned = Camera(angle=np.pi / 2, scale=0.5, squeeze=0.8)
    made = render(ball(Motion(centre=(0.9, 0.5)), turned), frames=1, size=200)
    np.testing.assert_allclose(centres(made), [[0.5, 0.5 + 0.4 * 0.5 * 0.8]], atol=2e-3)
    assert made.region.sum() / 200**2 == pytest.approx(np.pi * 0.06**2 * 0.8, rel=0.03)


def test_an_object_that_leaves_the_frame_is_cut_off() -> None:
    made = render(ball(Motion(centre=(1.0, 0.5), radius=(0.2, 0.2))), frames=1, size=100)
    assert made.region.sum() == pytest.approx(np.pi * 20**2 / 2, rel=0.03)
    gone = render(ball(Motion(centre=(3.0, -2.0))), frames=2, size=100)
    assert not gone.region.any()


def test_distractors_are_drawn_behind_the_object() -> None:
    scene = ball(Motion(radius=(0.2, 0.2)))
    square = Sprite(
        look=Look(kind="polygon", name="square dots", colours=((0, 0, 0), (0, 0, 0))),
        motion=Motion(radius=(0.1, 0.1)),
    )
    shot = replace(scene.shots[0], distractors=(square,))
    alone, before = (render(s) for s in (scene, replace(scene, shots=(shot,))))
    np.testing.assert_array_equal(alone.frames, before.frames)


def what_it_does(made: Rendered) -> str:
    """Name the action from the region alone, by geometry, where that tells."""
    way, areas = centres(made), made.region.sum((1, 2))
    size = np.sqrt(areas / areas.mean())
    if (
        max(size[0], size[-1]) > 1.6 * min(size[0], size[-1])
        and abs(np.diff(np.sign(np.diff(size))))[2:-2].sum() < 4
    ):
        return "grows" if size[-1] > size[0] else "shrinks"
    if np.ptp(size) > 0.4:
        return "pulses"
    spread = np.ptp(way, axis=0)
    steps = np.diff(way, axis=0)
    length = np.linalg.norm(steps, axis=1).sum()
    if spread.max() < 0.16:
        return "stays"
    turning = float((steps[:-1, 0] * steps[1:, 1] - steps[:-1, 1] * steps[1:, 0]).sum())
    if spread.min() > 0.5 * spread.max():
        return "circles clockwise" if turning > 0 else "circles anticlockwise"
    if length > 1.5 * np.linalg.norm(way[-1] - way[0]):
        return "swings sideways" if spread[0] > spread[1] else "swings up and down"
    return "moves right" if way[-1, 0] > way[0, 0] else "moves left"


@pytest.mark.parametrize("label", range(4, EACH))
def test_the_label_can_be_read_off_the_region_before_any_fixed_camera(label: int) -> None:
    chosen = [one for one in recordings("still", 8 * EACH) if one.label == label]
    wanted = "stays" if ACTIONS[label].name == "spins" else ACTIONS[label].name
    said = [what_it_does(render(one.scene, frames=24, size=64)) for one in chosen]
    assert said.count(wanted) >= len(said) - 1, said


@pytest.mark.parametrize("most", [0, 1, 5])
def test_a_set_has_as_many_distractors_as_it_is_asked_for(most: int) -> None:
    usual = recordings("restless", 40)
    asked = recordings("restless", 40, distractors=most)
    numbers = {len(shot.distractors) for one in asked for shot in one.scene.shots}
    assert numbers == (set(range(1, most + 1)) or {0})
    assert not {one.name for one in usual} & {one.name for one in asked}
    assert [one.label for one in usual] == [one.label for one in asked]


def test_distractors_do_not_depend_on_the_label() -> None:
    ways: dict[int, list[float]] = {}
    for one in recordings("still", 100 * EACH):
        for sprite in one.scene.shots[0].distractors:
            assert sprite.look.kind == "polygon"
            ways.setdefault(one.label, []).append(sprite.motion.travel[0])
    for label in (8, 9):
        x = np.asarray(ways[label])
        assert abs(x.mean()) < 4 * x.std() / np.sqrt(len(x))


def test_bad_sizes_are_named() -> None:
    with pytest.raises(ValueError, match="at least 1 frame"):
        render(ball(Motion()), frames=0)


def test_some_of_the_classes_keep_their_clips_and_get_new_numbers() -> None:
    whole = open_dataset("synthetic:still?clips=60")
    some = whole.of_classes(["grows", "shows a cat"])
    assert some.class_names == ("grows", "shows a cat")
    assert [one.name for one in some.recordings] == [
        one.name for one in whole.recordings if one.label in (12, 2)
    ]
    old = {one.name: one for one in whole.recordings}
    for one in some.recordings:
        assert whole.class_names[old[one.name].label or 0] == some.class_names[one.label or 0]
        assert (one.group, one.split, one.facts) == (
            old[one.name].group,
            old[one.name].split,
            old[one.name].facts,
        )
    spec = ClipSpec(frames=2, size=16)
    first = some.recordings[0]
    assert torch.equal(first.read(spec).frames, old[first.name].read(spec).frames)


def test_classes_that_are_not_there_are_named() -> None:
    whole = open_dataset("synthetic:still?clips=14")
    with pytest.raises(ValueError, match=r"no class 'grow'\. Did you mean grows"):
        whole.of_classes(["grow"])
    with pytest.raises(ValueError, match="each once"):
        whole.of_classes(["grows", "grows"])
