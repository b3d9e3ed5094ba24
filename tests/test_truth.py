"""Truths on the grid of a clip: closed forms, slow and independent references, real files."""

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.measure import regionprops
from skimage.transform import downscale_local_mean
from sklearn.metrics import jaccard_score
from torch import Tensor

from vexplain.core import ClipSpec, Source, VideoClip
from vexplain.truth import (
    read_truth,
    truth_from_boxes,
    truth_from_tracks,
    truth_from_volume,
)
from vexplain.video import read_clip

BoxOf = tuple[float, float, float, float]

PLACES = {
    "whole": (0.0, 0.0, 24.0, 32.0),
    "crop": (3.0, 5.0, 21.0, 26.0),
    "crop of an enlarged frame": (1.3, 4.7, 13.3, 19.45),
    "letterbox": (-4.0, 0.0, 28.0, 32.0),
    "beyond every side": (-3.3, -2.1, 30.7, 40.9),
    "within one pixel": (10.2, 10.1, 10.9, 10.8),
}


def clip_of(
    T: int = 3,
    size: tuple[int, int] = (6, 8),
    *,
    n: int = 10,
    source: tuple[int, int] = (24, 32),
    frames: tuple[int, ...] | None = None,
    box: BoxOf | None = None,
) -> VideoClip:
    """A black clip of ``size`` that lies at ``box`` in a source of n frames."""
    index = tuple(range(T)) if frames is None else frames
    place = Source("clip.avi", "0", n, *source, index, box or (0.0, 0.0, source[0], source[1]))
    return VideoClip(torch.zeros(T, 3, *size), torch.arange(T, dtype=torch.float64), place)


def own_clip(T: int, H: int, W: int) -> VideoClip:
    return VideoClip(torch.zeros(T, 3, H, W), torch.arange(T, dtype=torch.float64))


def supersampled(
    clip: VideoClip, frame: int, holds: Callable[[int, float, float], bool], times: int = 12
) -> NDArray[np.float64]:
    """The share of points of every clip pixel that lie inside, point by point."""
    assert clip.source is not None
    _, _, H, W = clip.shape
    top, left, bottom, right = clip.source.box
    share = np.zeros((H, W))
    for i in range(H * times):
        for j in range(W * times):
            y = top + (i + 0.5) / (H * times) * (bottom - top)
            x = left + (j + 0.5) / (W * times) * (right - left)
            if 0 <= y < clip.source.height and 0 <= x < clip.source.width:
                share[i // times, j // times] += holds(clip.source.frame_index[frame], y, x)
    return share / times**2


def agree(got: Tensor, share: NDArray[np.float64], doubt: float) -> bool:
    """Whether a truth is the shares cut at ½, but for those nearer to it than ``doubt``."""
    sure = np.abs(share - 0.5) > doubt
    assert sure.mean() > 0.5
    return bool((got.numpy() == (share >= 0.5))[sure].all())


def iou(one: Tensor, other: Tensor) -> float:
    return float(jaccard_score(one.flatten().numpy(), other.flatten().numpy()))


@pytest.mark.parametrize("box", PLACES.values(), ids=PLACES)
def test_boxes_against_points(box: BoxOf) -> None:
    clip = clip_of(2, (7, 6), frames=(4, 1), box=box)
    boxes: dict[int, list[list[float]]] = {
        4: [[10.5, 10.4, 20.0, 19.3], [18.2, 12.0, 25.0, 22.6], [2.0, 2.5, 7.7, 9.0]],
        1: [[-5.0, 3.3, 10.6, 40.0], [30.0, -9.0, 99.0, 6.1]],
    }

    def holds(frame: int, y: float, x: float) -> bool:
        return any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes[frame])

    got = truth_from_boxes(boxes, clip)
    for frame in range(2):
        assert agree(got[frame], supersampled(clip, frame, holds), doubt=0.12)


@pytest.mark.parametrize("box", PLACES.values(), ids=PLACES)
def test_a_volume_against_points(box: BoxOf) -> None:
    clip = clip_of(2, (7, 6), frames=(7, 0), box=box)
    noise = np.random.default_rng(1).random((10, 3, 4))
    volume = (noise > 0.5).repeat(8, axis=1).repeat(8, axis=2)

    def holds(frame: int, y: float, x: float) -> bool:
        return bool(volume[frame, int(y), int(x)])

    got = truth_from_volume(volume, clip)
    for frame in range(2):
        assert agree(got[frame], supersampled(clip, frame, holds), doubt=0.12)


@pytest.mark.parametrize("size", [(11, 13), (20, 31), (24, 32), (23, 9)])
def test_a_stretched_volume_is_the_area_mean_of_opencv(size: tuple[int, int]) -> None:
    volume = np.random.default_rng(2).random((10, 24, 32)) > 0.5
    got = truth_from_volume(volume, clip_of(3, size, frames=(2, 9, 4)))
    for frame, number in enumerate((2, 9, 4)):
        picture = volume[number].astype(np.float64)
        share = cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA)
        assert agree(got[frame], share, doubt=1e-3)


def test_blocks_are_the_local_mean_of_scikit_image_with_exact_halves() -> None:
    volume = np.random.default_rng(3).random((3, 24, 32)) > 0.5
    share = downscale_local_mean(volume.astype(float), (1, 4, 4))  # type: ignore[no-untyped-call]
    assert (share == 0.5).sum() > 10
    got = truth_from_volume(volume, clip_of(3, (6, 8), n=3))
    assert np.array_equal(got.numpy(), share >= 0.5)


@pytest.mark.parametrize("box", PLACES.values(), ids=PLACES)
def test_whole_boxes_are_the_volume_that_they_fill(box: BoxOf) -> None:
    rng = np.random.default_rng(4)
    clip = clip_of(4, (9, 11), frames=(0, 3, 3, 8), box=box)
    volume = np.zeros((10, 24, 32), dtype=np.uint8)
    boxes: list[list[list[int]]] = []
    for frame in range(10):
        corners = rng.integers((0, 0), (30, 22), (frame % 4, 2))
        sides = rng.integers(1, 15, (frame % 4, 2))
        boxes.append(np.hstack([corners, corners + sides]).tolist())
        for x0, y0, x1, y1 in boxes[-1]:
            volume[frame, y0:y1, x0:x1] = 1
    assert torch.equal(truth_from_boxes(boxes, clip), truth_from_volume(volume, clip))


@given(
    st.lists(st.tuples(*[st.integers(-6, 30)] * 2, *[st.integers(1, 20)] * 2), max_size=5),
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
@settings(max_examples=100, deadline=None)
def test_the_union_counts_every_place_once(
    sides: list[tuple[int, ...]], size: tuple[int, int]
) -> None:
    """Boxes of half pixels are a volume of twice the resolution."""
    fine = np.zeros((1, 48, 64), dtype=bool)
    for x, y, w, h in sides:
        fine[0, max(y, 0) : max(y + h, 0), max(x, 0) : max(x + w, 0)] = True
    boxes = [[x / 2, y / 2, (x + w) / 2, (y + h) / 2] for x, y, w, h in sides]
    got = truth_from_boxes([boxes], clip_of(1, size, n=1))
    wanted = truth_from_volume(fine, clip_of(1, size, n=1, source=(48, 64)))
    assert torch.equal(got, wanted)


def test_half_of_a_pixel_is_inside_and_less_is_not() -> None:
    clip = own_clip(1, 3, 4)
    for x0, inside in ((1.5, True), (1.5 + 1e-6, False), (1.0, True)):
        got = truth_from_boxes([[x0, 1.0, 3.0, 2.0]], clip)
        assert got.nonzero().tolist() == ([[0, 1, 1]] if inside else []) + [[0, 1, 2]]
    assert truth_from_boxes([[1.0, 1.0, 1.7, 1.7]], clip).sum() == 0  # 0.49 of a pixel
    assert truth_from_boxes([[1.0, 1.0, 1.71, 1.71]], clip).sum() == 1


def test_two_quarters_make_a_half_but_the_same_quarter_twice_does_not() -> None:
    clip = own_clip(1, 1, 1)
    left, right = [0.0, 0.0, 0.25, 1.0], [0.75, 0.0, 1.0, 1.0]
    assert truth_from_boxes([[left, right]], clip).item()
    assert not truth_from_boxes([[left, left]], clip).item()
    assert not truth_from_boxes([[left, [0.1, 0.0, 0.4, 1.0]]], clip).item()


def test_a_crop_of_an_odd_scale_keeps_exact_halves() -> None:
    """A source of 256 columns in 224: the edges between clip pixels are no round numbers."""
    clip = clip_of(1, (224, 224), n=1, source=(256, 256))
    edge = (100 + 0.5) * 256 / 224
    got = truth_from_boxes([[0.0, 0.0, edge, 256.0]], clip)
    assert got[0].sum(1).tolist() == [101] * 224


def test_frames_are_sampled_and_may_repeat() -> None:
    clip = clip_of(5, frames=(9, 2, 2, 0, 9))
    boxes: list[list[float] | None] = [None] * 10
    boxes[2], boxes[9] = [0.0, 0.0, 32.0, 24.0], [0.0, 0.0, 16.0, 24.0]
    got = truth_from_boxes(boxes, clip)
    assert got.flatten(1).double().mean(1).tolist() == [0.5, 1, 1, 0, 0.5]
    volume = np.zeros((10, 24, 32))
    volume[2], volume[9, :, :16] = 1.5, -2.0
    assert torch.equal(truth_from_volume(volume, clip), got)


def test_black_bars_are_never_inside() -> None:
    clip = clip_of(1, (8, 8), n=1, box=(-4.0, 0.0, 28.0, 32.0))
    everywhere = [-100.0, -100.0, 100.0, 100.0]
    got = truth_from_boxes([everywhere], clip)
    assert got[0].all(1).tolist() == [False] + [True] * 6 + [False]
    assert torch.equal(truth_from_volume(np.ones((1, 24, 32)), clip), got)


def test_boxes_outside_of_the_frame_or_the_crop_leave_nothing() -> None:
    clip = clip_of(1, n=1, box=(0.0, 0.0, 12.0, 16.0))
    for box in ([40.0, 0.0, 50.0, 9.0], [-9.0, -9.0, -1.0, -1.0], [20.0, 15.0, 30.0, 20.0]):
        assert not truth_from_boxes([box], clip).any()


@pytest.mark.parametrize(
    "entry",
    [
        (8, 4, 16, 12),
        [[8.0, 4.0, 16.0, 12.0]],
        np.array([8, 4, 16, 12]),
        np.array([[8.0, 4.0, 16.0, 12.0], [9.0, 5.0, 10.0, 6.0]], dtype=np.float32),
        [np.array([8, 4, 12, 12]), (12, 4, 16, 12)],
    ],
)
def test_an_entry_is_one_box_or_several(entry: Any) -> None:
    clip = clip_of(1, n=2)
    got = truth_from_boxes([entry, None], clip)
    assert got.nonzero().tolist() == [[0, i, j] for i in (1, 2) for j in (2, 3)]
    assert torch.equal(truth_from_boxes({0: entry}, clip), got)


def test_frames_without_boxes() -> None:
    clip = clip_of(3, n=3)
    nothing: list[Any] = [[None, [], ()], {}, {1: None}, [np.zeros((0, 4))] * 3]
    for boxes in nothing:
        assert not truth_from_boxes(boxes, clip).any()


def test_boxes_of_an_array_are_one_per_frame() -> None:
    boxes = np.array([[0, 0, 8, 6], [4, 3, 8, 6]])
    got = truth_from_boxes(boxes, own_clip(2, 6, 8))
    assert got.flatten(1).sum(1).tolist() == [48, 12]


def test_a_clip_without_source_has_its_own_frames() -> None:
    got = truth_from_boxes([None, [1, 2, 4, 5]], own_clip(2, 6, 8))
    assert got.shape == (2, 6, 8)
    assert got[1].nonzero().tolist() == [[i, j] for i in (2, 3, 4) for j in (1, 2, 3)]
    with pytest.raises(ValueError, match=r"^boxes: .* per frame of the clip \(2\), got 3"):
        truth_from_boxes([None] * 3, own_clip(2, 6, 8))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ([None], r"^boxes: expected one entry per frame of the source \(2\), got 1\. Give None"),
        ([1.0, 2.0, 3.0, 4.0], r"^boxes: expected one entry per frame of the source \(2\), got 4"),
        (
            "ab",
            r"^boxes: expected one entry per frame .*, or a mapping from frame numbers, got str",
        ),
        (None, r"^boxes: .* got NoneType"),
        (7, r"^boxes: .* got int"),
        ([None, [1, 2, 3]], r"^boxes\[1\]: expected None, a box \[x0, y0, x1, y1\] or a list of"),
        ([None, [[1, 2, 3, 4], [1, 2, 3]]], r"^boxes\[1\]: expected None, a box"),
        ([None, [[]]], r"^boxes\[1\]: expected None, a box"),
        ([None, [[[1, 2, 3, 4]]]], r"^boxes\[1\]: expected None, a box"),
        ([None, "1234"], r"^boxes\[1\]: expected None, a box .* got '1234'"),
        ([None, ["1", "2", "3", "4"]], r"^boxes\[1\]: expected None, a box"),
        ([None, [True, True, False, True]], r"^boxes\[1\]: expected None, a box"),
        ([None, [None, 1, 2, 3]], r"^boxes\[1\]: expected None, a box"),
        ([None, {"x": 1}], r"^boxes\[1\]: expected None, a box"),
        ([None, [3, 1, 3, 4]], r"^boxes\[1\]: .* x1 > x0 and y1 > y0, got \[3, 1, 3, 4\]\. Give"),
        ([None, [1, 5, 3, 4]], r"^boxes\[1\]: .* x1 > x0"),
        ([None, [1, 1, math.nan, 4]], r"^boxes\[1\]: .* finite numbers"),
        ([None, [1, 1, math.inf, 4]], r"^boxes\[1\]: .* finite numbers"),
        ({2: [0, 0, 1, 1]}, r"^boxes: expected frame numbers in 0\.\.1, counted from 0, got 2"),
        ({-1: [0, 0, 1, 1]}, r"^boxes: expected frame numbers in 0\.\.1"),
        ({"0": [0, 0, 1, 1]}, r"^boxes: expected frame numbers in 0\.\.1, .* got '0'"),
        ({True: [0, 0, 1, 1]}, r"^boxes: expected frame numbers in 0\.\.1, .* got True"),
    ],
)
def test_what_is_no_box_is_refused(boxes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        truth_from_boxes(boxes, clip_of(1, n=2))


def test_tracks_are_united() -> None:
    clip = clip_of(2, n=2)
    tracks: dict[str, Any] = {
        "ball": [[0, 0, 8, 8], None],
        "bat": {1: [[8, 8, 16, 16]]},
        "player": [[4, 4, 12, 12], [0, 0, 32, 24]],
    }
    each = {name: truth_from_boxes(boxes, clip) for name, boxes in tracks.items()}
    every = each["ball"] | each["bat"] | each["player"]
    assert truth_from_tracks(tracks, clip).sum() >= every.sum() > 0
    assert torch.equal(truth_from_tracks(tracks, clip, only="bat"), each["bat"])
    both = truth_from_tracks(tracks, clip, only=["ball", "bat"])
    assert torch.equal(both, each["ball"] | each["bat"])


@pytest.mark.usefixtures("unchecked")
def test_unknown_tracks_are_refused() -> None:
    clip = clip_of(1, n=1)
    tracks: dict[str, Any] = {"ball": [None], "player 1": [None]}
    with pytest.raises(ValueError, match=r"^only: no track is named 'Ball'\. Did you mean ball\?"):
        truth_from_tracks(tracks, clip, only="Ball")
    with pytest.raises(ValueError, match=r"^only: no track is named 'x'\. There are ball, player"):
        truth_from_tracks(tracks, clip, only=["ball", "x"])
    with pytest.raises(ValueError, match=r"^only: expected the name of at least one track"):
        truth_from_tracks(tracks, clip, only=[])
    with pytest.raises(ValueError, match=r"^tracks: expected boxes for at least one name, got {}"):
        truth_from_tracks({}, clip)
    with pytest.raises(ValueError, match=r"^tracks\['ball'\]\[0\]: expected None, a box"):
        truth_from_tracks({"ball": [[1, 2]]}, clip)
    with pytest.raises(ValueError, match=r"^tracks\['ball'\]: expected one entry per frame"):
        truth_from_tracks({"ball": []}, clip)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64, ">i4", ">f8"])
def test_a_volume_may_have_any_type(dtype: Any) -> None:
    volume = (np.random.default_rng(5).random((10, 24, 32)) > 0.5).astype(dtype)
    clip = clip_of(3, (24, 32))
    assert np.array_equal(truth_from_volume(volume, clip).numpy(), volume[:3] != 0)


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.bfloat16, torch.float32])
def test_a_volume_may_be_a_tensor(dtype: torch.dtype) -> None:
    volume = (torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0)) > 0.5).to(dtype)
    assert torch.equal(truth_from_volume(volume, own_clip(3, 6, 8)), volume != 0)


def test_labels_choose_what_is_inside() -> None:
    labels = torch.arange(48).view(1, 6, 8) % 4
    clip = own_clip(1, 6, 8)
    assert torch.equal(truth_from_volume(labels, clip), labels != 0)
    assert torch.equal(truth_from_volume(labels, clip, labels=2), labels == 2)
    assert torch.equal(
        truth_from_volume(labels, clip, labels={0, 3}), (labels == 0) | (labels == 3)
    )
    assert torch.equal(truth_from_volume(labels / 2, clip, labels=(0.5, 7)), labels == 1)
    assert not truth_from_volume(labels, clip, labels=[99]).any()
    assert torch.equal(truth_from_volume(labels == 1, clip, labels=[1]), labels == 1)


def test_labels_are_chosen_before_areas_are_averaged() -> None:
    volume = np.zeros((1, 2, 2), dtype=np.uint8)
    volume[0, 0] = (1, 2)
    clip = clip_of(1, (1, 1), n=1, source=(2, 2))
    assert truth_from_volume(volume, clip).item()
    assert truth_from_volume(volume, clip, labels=(1, 2)).item()
    assert not truth_from_volume(volume, clip, labels=2).item()


def test_a_volume_on_the_clips_own_grid_is_taken_as_it_is() -> None:
    volume = np.random.default_rng(6).random((3, 6, 8)) > 0.5
    got = truth_from_volume(volume, clip_of(3, (6, 8), frames=(9, 0, 5), box=(2.0, 2.0, 9.0, 9.0)))
    assert np.array_equal(got.numpy(), volume)


def test_a_shape_that_both_grids_have_means_the_source() -> None:
    volume = np.random.default_rng(7).random((3, 6, 8)) > 0.5
    same = clip_of(3, (6, 8), n=3, source=(6, 8))
    assert np.array_equal(truth_from_volume(volume, same).numpy(), volume)
    turned = clip_of(3, (6, 8), n=3, source=(6, 8), frames=(2, 0, 0))
    assert np.array_equal(truth_from_volume(volume, turned).numpy(), volume[[2, 0, 0]])
    window = clip_of(3, (6, 8), n=3, source=(6, 8), box=(0.0, 0.0, 3.0, 4.0))
    wanted = volume[:, :3, :4].repeat(2, axis=1).repeat(2, axis=2)
    assert np.array_equal(truth_from_volume(volume, window).numpy(), wanted)
    own = truth_from_volume(volume, replace(window, source=None))
    assert np.array_equal(own.numpy(), volume)


@pytest.mark.usefixtures("unchecked")
def test_a_volume_that_does_not_fit_is_refused() -> None:
    clip = clip_of(3)
    with pytest.raises(
        ValueError,
        match=r"^volume: expected the shape of its source's \(frames, rows, columns\) = "
        r"\(10, 24, 32\), or the clip's own \(T, H, W\) = \(3, 6, 8\), got \(10, 32, 24\)\. Give",
    ):
        truth_from_volume(np.zeros((10, 32, 24)), clip)
    with pytest.raises(ValueError, match=r"^volume: expected the shape of the clip's own .*\(3, 6"):
        truth_from_volume(np.zeros((10, 24, 32)), own_clip(3, 6, 8))
    for bad in (np.zeros((3, 8)), np.zeros((3, 6, 8), complex), np.full((3, 6, 8), "a"), [[[1]]]):
        with pytest.raises(ValueError, match=r"^volume: expected numbers on the axes \(frames"):
            truth_from_volume(bad, clip)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^volume: expected finite numbers"):
        truth_from_volume(np.full((3, 6, 8), np.nan), clip)
    with pytest.raises(ValueError, match=r"^labels: expected at least one label"):
        truth_from_volume(np.zeros((3, 6, 8)), clip, labels=())
    for one in ("car", math.nan, True):
        with pytest.raises(ValueError, match=r"^labels: expected a finite number"):
            truth_from_volume(np.zeros((3, 6, 8)), clip, labels=[one])  # type: ignore[list-item]


@pytest.mark.parametrize("frames", [(0, 1), (0, 1, 10), (-1, 0, 1), ()])
def test_a_source_that_does_not_fit_its_clip_is_refused(frames: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^clip: expected a source whose frame_index has 3 num"):
        truth_from_boxes({}, clip_of(3, frames=frames))


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data))
    return path


def test_boxes_and_tracks_are_read(tmp_path: Path) -> None:
    clip = clip_of(2, n=2)
    boxes = [[0, 0, 16, 12], None]
    wanted = truth_from_boxes(boxes, clip)
    size = {"frames": 2, "width": 32, "height": 24, "format": "x0,y0,x1,y1"}
    for name, data in (
        ("plain.json", {"boxes": boxes}),
        ("sized.JSON", {**size, "boxes": boxes}),
        ("numbered.json", {"boxes": {"0": [boxes[0]]}}),
        ("tracks.json", {**size, "tracks": {"a": boxes, "b": {"1": []}}}),
    ):
        assert torch.equal(read_truth(write(tmp_path / name, data), clip), wanted)
        assert torch.equal(read_truth(str(tmp_path / name), clip), wanted)


def test_volumes_are_read(tmp_path: Path) -> None:
    volume = np.random.default_rng(8).integers(0, 3, (10, 24, 32))
    clip = clip_of()
    np.save(tmp_path / "a.npy", volume)
    np.savez_compressed(tmp_path / "a.npz", anything=volume)
    for name in ("a.npy", "a.npz"):
        assert torch.equal(read_truth(tmp_path / name, clip), truth_from_volume(volume, clip))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"boxes": [None]}, r"boxes: expected one entry per frame of the source \(2\), got 1"),
        ({"boxes": {"x": None}}, r"boxes: expected frame numbers in 0\.\.1, .* got 'x'"),
        ({"boxes": [None, [1, 2]]}, r"boxes\[1\]: expected None, a box"),
        ({"boxes": [None, [0, 0, math.nan, 1]]}, r"boxes\[1\]: .* finite numbers"),
        ({"tracks": {"a": [None]}}, r"tracks\['a'\]: expected one entry per frame"),
        ({"tracks": [None, None]}, r"tracks: expected .* got list"),
        ({"tracks": {}}, r"tracks: expected boxes for at least one name"),
        (
            {"boxes": [], "tracks": {}},
            r'JSON: expected {"boxes": \[\.\.\.\]} or .* the keys \[\'bo',
        ),
        ({"Boxes": []}, r"JSON: expected .*, got the keys \['Boxes'\]"),
        ([None, None], r"JSON: expected .*, got list"),
        ({"frames": 3, "boxes": []}, r"frames: expected 2 as in the source, got 3\. Give the"),
        ({"width": 24, "boxes": []}, r"width: expected 32 as in the source, got 24"),
        ({"height": 32, "boxes": []}, r"height: expected 24 as in the source, got 32"),
    ],
)
def test_a_json_file_that_does_not_fit_is_refused(
    tmp_path: Path, data: object, message: str
) -> None:
    path = write(tmp_path / "x.json", data)
    with pytest.raises(ValueError, match=rf"^truth: .*x\.json can't be used\. {message}"):
        read_truth(path, clip_of(1, n=2))


@pytest.mark.parametrize("raw", [b"", b"{", b'{"boxes": [', b"\xff\xfe\xfa", b"[" * 200_000])
def test_damaged_json_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.json").write_bytes(raw)
    with pytest.raises(ValueError, match=r"^truth: .*x\.json can't be used\. JSON: expected \{"):
        read_truth(tmp_path / "x.json", clip_of())


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
def test_damaged_arrays_are_refused(tmp_path: Path, name: str) -> None:
    volume = np.random.default_rng(9).integers(0, 3, (10, 24, 32))
    path = tmp_path / name
    with path.open("wb") as file:
        if name == "x.npy":
            np.save(file, volume)
        else:
            np.savez_compressed(file, volume)
    whole = path.read_bytes()
    read_truth(path, clip_of())
    cut = [whole[:length] for length in (0, 1, 5, 50, 90, len(whole) // 2, len(whole) - 1)]
    middle = len(whole) // 2
    garbled = [b"no array at all", whole[:20] + b"\xa5" * 20 + whole[40:]]
    if name == "x.npz":  # plain numbers have no check sum
        garbled.append(whole[:middle] + bytes(9) + whole[middle + 9 :])
    for raw in cut + garbled:
        path.write_bytes(raw)
        with pytest.raises(ValueError, match=r"^truth: .* can't be used\. volume: expected num"):
            read_truth(path, clip_of())


def test_array_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    clip = clip_of()
    np.savez(tmp_path / "two.npz", box=np.zeros(3), mask=np.zeros(3))
    with pytest.raises(ValueError, match=r"^truth: .* expected one array, got 2 \(box, mask\)\. S"):
        read_truth(tmp_path / "two.npz", clip)
    np.savez(tmp_path / "none.npz")
    with pytest.raises(ValueError, match=r"^truth: .* expected one array, got 0"):
        read_truth(tmp_path / "none.npz", clip)
    np.save(tmp_path / "other.npy", np.zeros((3, 4, 5)))
    with pytest.raises(
        ValueError, match=r"^truth: .* expected the shape of its source's .*3, 4, 5"
    ):
        read_truth(tmp_path / "other.npy", clip)
    np.save(tmp_path / "pickled.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"^truth: .* can't read this \(.*allow_pickle=False"):
        read_truth(tmp_path / "pickled.npy", clip)


def test_missing_and_unknown_files_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "x.json", tmp_path):
        with pytest.raises(FileNotFoundError, match=r"^truth: .* there is no /"):
            read_truth(path, clip_of())
    (tmp_path / "x.csv").touch()
    with pytest.raises(ValueError, match=r"^truth: expected a file that ends in .json, .npy, .npz"):
        read_truth(tmp_path / "x.csv", clip_of())


SPECS = {
    "stretched": ClipSpec(frames=20, sampling="every", size=128, resize="stretch"),
    "cropped": ClipSpec(frames=20, sampling="every", size=112),
    "cut out": ClipSpec(frames=16, sampling="uniform", size=112, short_side=128),
    "letterboxed": ClipSpec(frames=8, sampling="centres", size=(100, 160), resize="letterbox"),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_two_files_of_biking_agree(assets: Path, spec: ClipSpec) -> None:
    clips = assets / "clips"
    clip = read_clip(clips / "biking.avi", spec)
    boxes = read_truth(clips / "biking_boxes.json", clip)
    volume = read_truth(clips / "biking.npz", clip)
    assert boxes.shape == volume.shape == (clip.shape[0], *clip.shape[2:])
    assert boxes.flatten(1).any(1).all()
    assert iou(boxes, volume) > 0.97
    assert torch.equal(boxes, volume)  # the boxes are the very edges of the volume


def test_biking_keeps_its_area_when_stretched(assets: Path) -> None:
    clips = assets / "clips"
    clip = read_clip(clips / "biking.avi", SPECS["stretched"])
    assert clip.source is not None
    truth = read_truth(clips / "biking.npz", clip).double().mean(dim=(1, 2)).numpy()
    with np.load(clips / "biking.npz") as arrays:
        wanted = arrays["box"][list(clip.source.frame_index)].mean(axis=(1, 2))
    assert np.abs(truth - wanted).max() < 0.01
    assert abs(truth.mean() - 0.091) < 0.01


@pytest.mark.parametrize(
    "spec",
    [
        ClipSpec(frames=16, size=(120, 214), resize="stretch"),
        ClipSpec(frames=16, size=160, resize="letterbox"),
        ClipSpec(frames=16, size=112),
        ClipSpec(frames=5, size=None),
    ],
    ids=["stretched", "letterboxed", "cropped", "whole"],
)
def test_the_car_lies_in_its_boxes(assets: Path, spec: ClipSpec) -> None:
    clips = assets / "clips"
    clip = read_clip(clips / "car-shadow.mp4", spec)
    boxes = read_truth(clips / "car-shadow_boxes.json", clip)
    mask = read_truth(clips / "car-shadow_mask.npz", clip)
    assert not (mask & ~boxes).any()
    assert 0.4 < mask.sum() / boxes.sum() < 0.95
    if spec.resize == "stretch" or spec.size is None:
        assert abs(float(mask.double().mean()) - 0.061) < 0.02


def test_the_car_is_bounded_by_its_boxes(assets: Path) -> None:
    clips = assets / "clips"
    spec = ClipSpec(frames=8, sampling="interval", interval=2, start=20, size=None)
    clip = read_clip(clips / "car-shadow.mp4", spec)
    boxes = read_truth(clips / "car-shadow_boxes.json", clip)
    mask = read_truth(clips / "car-shadow_mask.npz", clip)
    for inside, box in zip(mask.numpy(), boxes.numpy(), strict=True):
        (car,) = regionprops(inside.astype(int))  # type: ignore[no-untyped-call]
        (rectangle,) = regionprops(box.astype(int))  # type: ignore[no-untyped-call]
        assert car.bbox == rectangle.bbox
        assert rectangle.extent == 1
