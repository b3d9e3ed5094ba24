"""Explanations on video and paper: the right colour at the right pixel of the right frame."""

import time
import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import vexplain as vx
from vexplain.api import suitable_clip
from vexplain.core import (
    Attribution,
    Coalitions,
    Explanation,
    Fit,
    Ledger,
    Method,
    Source,
    VexplainWarning,
    VideoClip,
    Visualization,
)
from vexplain.models import load_model
from vexplain.rendering import Area, Timeline, contact_sheet, evenly, explained_row, render
from vexplain.rendering.placing import UNSEEN, Brush, Cover
from vexplain.rendering.sheets import subtitle_of
from vexplain.video import digest, source_frames, write_video
from vexplain.visualization import HeatMap, SignedMap
from vexplain.visualization.sheet import CAPTION, NOTE
from vexplain.visualization.typeset import face

HOT = HeatMap(alpha=0.6, colors="jet")
DARK_RED = np.array([127.5, 0, 0])  # the hottest colour of jet
GREY = 120


@dataclass(frozen=True, eq=False)
class Labels:
    """A partition by label."""

    labels: Tensor

    @property
    def n_features(self) -> int:
        return int(self.labels.max()) + 1

    def keep(self, present: Tensor, jitter: Tensor) -> Tensor:
        return present[:, self.labels].float()

    def paint(self, scores: Tensor) -> Tensor:
        return scores[self.labels]


@dataclass(frozen=True)
class Plain:
    """A visualization without a scale, of any shape."""

    shape: tuple[int, ...]

    def __call__(self, attribution: Attribution, segmentation: Any) -> Tensor:
        return torch.zeros(self.shape)


@dataclass(frozen=True)
class Part:
    """Stands for the steps that drawing never asks."""

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("drawing calls no other step")

    def soften(self, keep: Tensor) -> Tensor:
        raise AssertionError("drawing removes nothing")


def method(name: str, look: Visualization) -> Method:
    part: Any = Part()
    return Method(name, part, part, part, part, part, part, look)


def ledger(D: int, names: tuple[str, ...] | None) -> Ledger:
    rows = Coalitions(
        torch.ones(1, D, dtype=torch.bool),
        torch.ones(1).double(),
        torch.zeros(1, 3),
        torch.zeros(1, dtype=torch.int64),
        torch.full((D + 1,), 1 / (D + 1)).double(),
    )
    full = torch.tensor([0.9, 0.1]).double()
    return Ledger(rows, full[None], full, full, "softmax", names, 1)


def explain(
    clip: VideoClip,
    labels: Tensor,
    scores: Sequence[float],
    look: Visualization = HOT,
    name: str = "3D LIME",
    names: tuple[str, ...] | None = ("Biking", "Diving"),
) -> Explanation:
    regions, values = Labels(labels), torch.tensor(scores, dtype=torch.float64)
    attribution = Attribution(values, regions.paint(values).float(), None, Fit(r2=0.8))
    return Explanation(
        clip, attribution, regions, ledger(len(values), names), 0, method(name, look), 0, {}, {}
    )


def write_frames(folder: Path, n: int, height: int, width: int) -> Path:
    """Write frames that differ in nothing but a darker top-left pixel, losslessly."""
    folder.mkdir()
    for i in range(n):
        pixels = np.full((height, width, 3), GREY, np.uint8)
        pixels[0, 0] = i
        Image.fromarray(pixels).save(folder / f"{i:03}.png")
    return folder


def clip_of(
    path: Path,
    box: tuple[float, float, float, float],
    size: tuple[int, int],
    index: tuple[int, ...],
    source_size: tuple[int, int, int],
) -> VideoClip:
    frames = torch.full((len(index), 3, *size), GREY / 255)
    times = torch.arange(len(index), dtype=torch.float64)
    return VideoClip(frames, times, Source(str(path), digest(path), *source_size, index, box))


def test_what_lies_far_from_the_frames_seen_is_darkened(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 12, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (32, 32), (4, 6), (12, 32, 32))
    hot = block((2, 32, 32), slice(8, 24), slice(8, 24), slice(None))
    frames = decoded(render(explain(clip, hot, [0.0, 1.0]), tmp_path / "out.mp4"))
    for i, frame in enumerate(frames):
        near = 2 <= i <= 8
        assert frame[12:20, 12:20, 1].mean() == pytest.approx((0.4 if near else 0.6) * GREY, abs=8)
        assert frame[-3:, -3:].mean() == pytest.approx((1 if near else 0.6) * GREY, abs=8)


def rate_of(path: Path) -> float:
    with av.open(str(path)) as container:
        return float(container.streams.video[0].average_rate or 0)


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def decoded(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def block(shape: tuple[int, int, int], rows: slice, cols: slice, times: slice) -> Tensor:
    labels = torch.zeros(shape, dtype=torch.int64)
    labels[times, rows, cols] = 1
    return labels


@pytest.fixture
def cropped(tmp_path: Path) -> Explanation:
    """A centre crop of 96 × 160 frames, halved in size; rows 8..16, columns 32..40 are hot."""
    folder = write_frames(tmp_path / "source", 12, 96, 160)
    clip = clip_of(folder, (0.0, 32.0, 96.0, 128.0), (48, 48), (0, 5, 11), (12, 96, 160))
    return explain(clip, block((3, 48, 48), slice(8, 16), slice(32, 40), slice(None)), [0.0, 1.0])


@pytest.mark.parametrize("name", ["out.mp4", "out.webm"])
def test_the_crop_lands_on_the_right_source_pixels(
    name: str, cropped: Explanation, tmp_path: Path
) -> None:
    frames = decoded(render(cropped, tmp_path / name))
    assert len(frames) == 12
    expected = np.full((96, 160, 3), 0.6 * GREY)
    expected[:, 32:128] = GREY
    expected[16:32, 96:112] = 0.4 * GREY + 0.6 * DARK_RED
    inner = np.ones((96, 160), bool)
    for edge in (15, 31):
        inner[edge - 1 : edge + 3, 94:114] = False
    inner[14:34, 94:98] = inner[14:34, 110:114] = False
    inner[:, 30:34] = inner[:, 126:130] = False
    inner[:8, :8] = False
    for frame in frames:
        assert np.abs(frame - expected)[inner].max() < 12


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_rate_length_and_size_are_the_source_s(
    suffix: str, cropped: Explanation, tmp_path: Path
) -> None:
    path = render(cropped, tmp_path / f"out.{suffix}")
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width) == (96, 160)
        assert (container.duration or 0) / av.time_base == pytest.approx(12 / 25, abs=2e-3)
    assert len(decoded(path)) == 12
    assert rate_of(path) == pytest.approx(25)
    assert rate_of(render(cropped, tmp_path / f"slow.{suffix}", fps=5)) == pytest.approx(5)


@pytest.mark.parametrize("suffix", ["mp4", "webm", "gif"])
def test_the_source_s_own_times_are_kept(suffix: str, tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.24, 0.28, 1.0, 1.52, 1.56, 2.0]
    path = tmp_path / "source.mp4"
    frames = [np.full((32, 48, 3), GREY, np.uint8)] * 8
    write_video(path, frames, fps=3.5, seconds=times)
    clip = clip_of(path, (0.0, 0.0, 32.0, 48.0), (32, 48), (0, 7), (8, 32, 48))
    explanation = explain(clip, torch.zeros(2, 32, 48).long(), [1.0])
    own = [
        frame.seconds for frame in source_frames(render(explanation, tmp_path / f"own.{suffix}"))
    ]
    assert own == pytest.approx(times, abs=2e-3)
    even = render(explanation, tmp_path / f"even.{suffix}", fps=10)
    assert [frame.seconds for frame in source_frames(even)] == pytest.approx(
        [i / 10 for i in range(8)], abs=2e-3
    )


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
@pytest.mark.parametrize("fps", [None, 25])
def test_source_frames_are_not_piled_up(
    name: str, fps: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_frames(tmp_path / "source", 60, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (32, 32), (0, 59), (60, 32, 32))
    drawn: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []
    over = Cover.over

    def watched(cover: Cover, pixels: np.ndarray, back: np.ndarray | None) -> np.ndarray:
        frame = over(cover, pixels, back)
        drawn.append(weakref.ref(frame))
        alive.append(sum(reference() is not None for reference in drawn))
        return frame

    monkeypatch.setattr(Cover, "over", watched)
    render(explain(clip, torch.zeros(2, 32, 32).long(), [1.0]), tmp_path / name, fps=fps)
    assert len(alive) == 60
    assert max(alive) <= 5


def test_a_source_that_has_changed_is_not_drawn_over(tmp_path: Path) -> None:
    path = tmp_path / "source.mp4"
    write_video(path, [np.full((32, 48, 3), GREY, np.uint8)] * 4, fps=5)
    clip = clip_of(path, (0.0, 0.0, 32.0, 48.0), (32, 48), (0, 3), (4, 32, 48))
    explanation = explain(clip, torch.zeros(2, 32, 48).long(), [1.0])
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(ValueError, match=r"^path: expected another file than the source video"):
        render(explanation, path)
    assert path.read_bytes().endswith(b"more")


@pytest.mark.usefixtures("unchecked")
def test_words_are_no_flags(cropped: Explanation, tmp_path: Path) -> None:
    no: Any = "no"
    with pytest.raises(TypeError, match=r"^caption: expected True or False, got 'no'"):
        render(cropped, tmp_path / "out.mp4", caption=no)
    with pytest.raises(TypeError, match=r"^side_by_side: expected True or False, got 'no'"):
        render(cropped, tmp_path / "out.mp4", side_by_side=no)


def test_side_by_side_keeps_the_untouched_frame_on_the_left(
    cropped: Explanation, tmp_path: Path
) -> None:
    for frame in decoded(render(cropped, tmp_path / "out.mp4", side_by_side=True)):
        assert frame.shape == (96, 324, 3)
        assert np.abs(frame[:, 8:158].astype(int) - GREY).max() < 10
        assert frame[24, 164 + 104, 0] > frame[24, 164 + 104, 1] + 40


def test_gif(cropped: Explanation, tmp_path: Path) -> None:
    frames = decoded(render(cropped, tmp_path / "out.gif"))
    assert len(frames) == 12
    assert np.abs(frames[3][24, 104] - (0.4 * GREY + 0.6 * DARK_RED)).max() < 12


def test_a_letterboxed_clip_is_cut_at_the_frame(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 2, 32, 64)
    clip = clip_of(folder, (-16.0, 0.0, 48.0, 64.0), (64, 64), (0, 1), (2, 32, 64))
    hot = block((2, 64, 64), slice(10, 26), slice(8, 24), slice(None))
    for frame in decoded(render(explain(clip, hot, [0.0, 1.0]), tmp_path / "out.mp4")):
        assert frame.shape == (32, 64, 3)
        assert frame[2:8, 11:21, 0].min() > frame[2:8, 11:21, 1].max() + 40
        assert np.abs(frame[14:].astype(int) - GREY).max() < 12


def at(timeline: Timeline, frame: int) -> Tensor:
    low, high, share = timeline.around(frame)
    return timeline.layers[low].lerp(timeline.layers[high], share)


def test_layers_are_interpolated_in_time_and_held_at_the_ends() -> None:
    layer = torch.zeros(3, 4, 1, 1)
    layer[1, :, 0, 0] = torch.tensor([1.0, 0.5, 0.0, 0.8])
    timeline = Timeline.of((10, 20, 30), layer)
    assert at(timeline, 15)[:, 0, 0].tolist() == pytest.approx([0.4, 0.2, 0.0, 0.4])
    assert at(timeline, 18)[3].item() == pytest.approx(0.64)
    assert torch.equal(at(timeline, 0), at(timeline, 10))
    assert torch.equal(at(timeline, 99), at(timeline, 30))
    mixed = at(timeline, 25)
    assert (mixed[:3] / mixed[3:])[:, 0, 0].tolist() == pytest.approx([1, 0.5, 0])


def test_a_source_frame_that_the_model_saw_twice_gets_the_mean() -> None:
    layer = torch.zeros(5, 4, 1, 1)
    layer[:, 3, 0, 0] = torch.tensor([0.2, 0.4, 0.6, 0.8, 0.0])
    timeline = Timeline.of((0, 4, 0, 4, 4), layer)
    assert [round(at(timeline, i)[3].item(), 6) for i in (0, 2, 4)] == [0.4, 0.4, 0.4]


def test_time_shows_in_the_video(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 9, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (32, 32), (0, 4, 8), (9, 32, 32))
    hot = block((3, 32, 32), slice(8, 24), slice(8, 24), slice(1, 2))
    frames = decoded(render(explain(clip, hot, [0.0, 1.0]), tmp_path / "out.mp4"))
    greens = [float(frame[12:20, 12:20, 1].mean()) for frame in frames]
    expected = [GREY * (1 - 0.6 * (1 - abs(i - 4) / 4)) for i in range(9)]
    assert greens == pytest.approx(expected, abs=6)


def test_enlarging_is_what_opencv_does() -> None:
    layer = torch.rand(4, 6, 9, generator=torch.Generator().manual_seed(0))
    layer[3] = 1
    area = Area.of(Source("", "", 1, 24, 45, (0,), (0.0, 0.0, 24.0, 45.0)))
    drawn = area.cover(layer).over(np.zeros((24, 45, 3), np.uint8))
    reference = cv2.resize(layer[:3].permute(1, 2, 0).numpy(), (45, 24)) * 255
    assert np.abs(drawn - reference).max() <= 1


def test_lines_thinner_than_a_source_pixel_do_not_vanish() -> None:
    source = Source("", "", 1, 8, 8, (0,), (0.0, 0.0, 8.0, 8.0))
    for column in range(64):
        layer = torch.zeros(1, 4, 64, 64)
        layer[..., column] = torch.tensor([1.0, 0.0, 0.0, 1.0])[:, None]
        drawn = Brush(source, layer, HOT).drawn(0, np.full((8, 8, 3), 0, np.uint8))
        assert drawn[..., 0].sum(axis=1).astype(int) == pytest.approx(255 / 8, abs=12)
        assert drawn[..., 1].max() == 0


def test_a_crop_between_pixels_covers_them_in_part() -> None:
    area = Area.of(Source("", "", 1, 4, 4, (0,), (0.5, 1.25, 4.0, 9.0)))
    assert area.inside[:, 3, 0].tolist() == pytest.approx([0.5, 1, 1, 1])
    assert area.inside[3, :, 0].tolist() == pytest.approx([0, 0.75, 1, 1])
    drawn = area.cover(torch.zeros(4, 2, 2)).over(np.full((4, 4, 3), 100, np.uint8))
    assert drawn[:, :, 0].tolist()[0] == [60, 75, 80, 80]
    assert drawn[:, :, 0].tolist()[3] == [60, 90, 100, 100]


def test_blended_pixels_are_rounded_not_cut() -> None:
    area = Area.of(Source("", "", 1, 1, 2, (0,), (0.0, 0.0, 1.0, 1.0)))
    layer = torch.tensor([0.0, 0.0, 0.0, 0.3])[:, None, None]
    drawn = area.cover(layer).over(np.full((1, 2, 3), 98, np.uint8))
    assert drawn[0, :, 0].tolist() == [69, 59]  # 68.6 and 58.8


def array_clip(T: int, H: int, W: int) -> VideoClip:
    return VideoClip(torch.full((T, 3, H, W), GREY / 255), torch.arange(T).double() / 10)


def test_frames_in_memory_are_magnified_and_keep_their_rate(tmp_path: Path) -> None:
    labels = block((4, 24, 48), slice(0, 12), slice(0, 24), slice(None))
    path = render(explain(array_clip(4, 24, 48), labels, [0.0, 1.0]), tmp_path / "out.mp4")
    frames = decoded(path)
    assert (len(frames), frames[0].shape) == (4, (120, 240, 3))
    assert np.abs(frames[0][5:55, 5:115] - (0.4 * GREY + 0.6 * DARK_RED)).max() < 10
    assert np.abs(frames[0][65:, :].astype(int) - GREY).max() < 10
    assert rate_of(path) == pytest.approx(10)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 37, 51), (2, 201, 7), (3, 225, 301)])
@pytest.mark.parametrize("scores", [[0.0, 1.0], [0.0, 0.0], [1.0, 1.0], [-1.0, -2.0], [-1.0]])
def test_nothing_odd_makes_it_fail(
    shape: tuple[int, int, int], scores: list[float], tmp_path: Path
) -> None:
    T, H, W = shape
    labels = (torch.arange(T * H * W) % len(scores)).reshape(shape)
    explanation = explain(array_clip(*shape), labels, scores[: int(labels.max()) + 1])
    frames = decoded(render(explanation, tmp_path / "out.mp4"))
    assert len(frames) == T
    assert frames[0].shape[0] >= H
    contact_sheet([explanation, explanation], tmp_path / "out.png", visualization=SignedMap())
    assert pixels(tmp_path / "out.png").shape[1] > 160


def test_times_that_stand_still_give_a_rate_all_the_same(tmp_path: Path) -> None:
    clip = replace(array_clip(3, 8, 8), pts_seconds=torch.zeros(3).double())
    assert (
        len(decoded(render(explain(clip, torch.zeros(3, 8, 8).long(), [1.0]), tmp_path / "a.mp4")))
        == 3
    )


@pytest.mark.parametrize("seen", [0, 1, 2])
def test_one_clip_frame_tells_of_itself_alone(seen: int, tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 3, 32, 32)
    clip = clip_of(folder, (0.0, 0.0, 32.0, 32.0), (16, 16), (seen,), (3, 32, 32))
    hot = block((1, 16, 16), slice(0, 8), slice(None), slice(None))
    frames = decoded(render(explain(clip, hot, [0.0, 1.0]), tmp_path / "out.mp4"))
    for index, frame in enumerate(frames):
        colour = 0.4 * GREY + 0.6 * DARK_RED if index == seen else UNSEEN * GREY
        assert np.abs(frame[4:12, 4:28] - colour).max() < 10


@pytest.mark.parametrize(
    ("change", "trouble"), [("gone", "can't be read"), ("other", "has changed")]
)
def test_without_its_source_the_clip_itself_is_drawn_on(
    cropped: Explanation, tmp_path: Path, change: str, trouble: str
) -> None:
    folder = tmp_path / "source"
    if change == "gone":
        folder.rename(tmp_path / "elsewhere")
    else:
        (folder / "011.png").unlink()
    with pytest.warns(VexplainWarning, match=trouble):
        path = render(cropped, tmp_path / "out.mp4")
    frames = decoded(path)
    assert (len(frames), frames[0].shape) == (3, (240, 240, 3))


def test_the_source_is_never_overwritten(tmp_path: Path) -> None:
    path = render(
        explain(array_clip(3, 32, 32), torch.zeros(3, 32, 32).long(), [1.0]), tmp_path / "a.mp4"
    )
    before = path.read_bytes()
    clip = clip_of(path, (0.0, 0.0, 224.0, 224.0), (8, 8), (0, 2), (3, 224, 224))
    with pytest.raises(ValueError, match="path: expected another file than the source"):
        render(explain(clip, torch.zeros(2, 8, 8).long(), [1.0]), path)
    assert path.read_bytes() == before


def test_wrong_arguments_are_named(cropped: Explanation, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"visualization: expected a layer of shape \(3, 4, 48, 48\)"
    ):
        render(cropped, tmp_path / "a.mp4", visualization=Plain((3, 4, 5, 5)))
    with pytest.raises(ValueError, match="fps: "):
        render(cropped, tmp_path / "a.mp4", fps=0)
    with pytest.raises(ValueError, match="path: "):
        render(cropped, tmp_path / "a.txt")
    with pytest.raises(ValueError, match=r"path: .*\.png"):
        contact_sheet(cropped, tmp_path / "a.txt")
    with pytest.raises(ValueError, match="explanations: expected at least one"):
        contact_sheet([], tmp_path / "a.png")
    with pytest.raises(ValueError, match="n_frames: "):
        contact_sheet(cropped, tmp_path / "a.png", n_frames=0)
    other = explain(array_clip(3, 8, 8), torch.zeros(3, 8, 8).long(), [1.0])
    with pytest.raises(ValueError, match="explanations: expected explanations of the same clip"):
        contact_sheet([cropped, other], tmp_path / "a.png")
    assert not list(tmp_path.glob("*a.*"))


def test_evenly_spread_frames_include_both_ends() -> None:
    assert evenly(16, 4) == [0, 5, 10, 15]
    assert evenly(3, 8) == [0, 1, 2]
    assert evenly(1, 8) == [0]
    assert evenly(16, 1) == [8]


def moments(T: int = 5) -> VideoClip:
    """A clip whose frames differ in brightness, so that tiles can be told apart."""
    levels = torch.linspace(0.1, 0.5, T)[:, None, None, None]
    return VideoClip(levels.expand(T, 3, 16, 16).contiguous(), torch.arange(T).double() / 2)


def tiles_of(
    page: np.ndarray, color: Sequence[float] | np.ndarray
) -> Iterator[tuple[int, int, int]]:
    """Yield top, left and area of the patches of a colour."""
    same = (np.abs(page.astype(float) - np.asarray(color)) <= 1).all(-1).astype(np.uint8)
    for left, top, _, _, area in cv2.connectedComponentsWithStats(same)[2][1:]:
        if area >= 1000:
            yield int(top), int(left), int(area)


def test_sheet_has_a_row_per_explanation_and_a_column_per_moment(tmp_path: Path) -> None:
    clip = moments()
    labels = block((5, 16, 16), slice(0, 8), slice(None), slice(None))
    rows = [
        explain(clip, labels, [0.0, 1.0], name="A"),
        explain(clip, labels, [1.0, 0.0], name="B"),
    ]
    contact_sheet(rows, tmp_path / "sheet.png", n_frames=3)
    page = pixels(tmp_path / "sheet.png")
    lefts: list[int] = []
    for level in (0.1, 0.3, 0.5):
        plain, cold, hot = sorted(tiles_of(page, [255 * level] * 3))
        assert [area for *_, area in (plain, cold, hot)] == [160 * 160, 160 * 80, 160 * 80]
        burnt = sorted(tiles_of(page, 0.4 * 255 * level + 0.6 * DARK_RED))
        assert [area for *_, area in burnt] == [160 * 80, 160 * 80]
        assert burnt[0][0] == cold[0] - 80  # A is hot above and cold below, B the other way round
        assert burnt[1][0] == hot[0] + 80
        lefts.append(plain[1])
        assert {left for _, left, _ in (cold, hot, *burnt)} == {plain[1]}
    assert lefts == sorted(lefts)
    assert not list(tiles_of(page, [255 * 0.2] * 3))


def test_sheet_tiles_have_the_proportions_of_the_source(tmp_path: Path) -> None:
    folder = write_frames(tmp_path / "source", 2, 90, 160)
    clip = clip_of(folder, (0.0, 0.0, 90.0, 160.0), (64, 64), (0, 1), (2, 90, 160))
    cold = explain(clip, torch.zeros(2, 64, 64).long(), [0.0], look=Plain((2, 4, 64, 64)))
    contact_sheet(cold, tmp_path / "sheet.png")
    page = pixels(tmp_path / "sheet.png")
    assert {area for *_, area in tiles_of(page, [GREY] * 3)} == {160 * 284}


def test_a_sheet_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    path.write_bytes(b"old")
    clip = moments()
    broken = explain(clip, torch.zeros(5, 16, 16).long(), [1.0], look=Plain((1, 4, 2, 2)))
    with pytest.raises(ValueError, match="visualization: "):
        contact_sheet(broken, path)
    assert path.read_bytes() == b"old"
    with pytest.raises(FileNotFoundError, match="path: the folder"):
        contact_sheet(broken, tmp_path / "nowhere" / "sheet.png", visualization=HOT)


@pytest.mark.parametrize(("H", "W"), [(200, 8), (8, 200), (1, 400), (400, 1)])
def test_narrow_clips_get_a_sheet_whose_labels_stand_apart(H: int, W: int, tmp_path: Path) -> None:
    clip = array_clip(8, H, W)
    contact_sheet(explain(clip, torch.zeros(8, H, W).long(), [1.0]), tmp_path / "sheet.png")
    page = pixels(tmp_path / "sheet.png")
    assert page.shape[0] < 1000
    assert 600 < page.shape[1] < 3000


def test_the_legend_is_written_in_full(cropped: Explanation) -> None:
    row = explained_row(cropped, None, [0], (160, 160))
    assert row.legend == "score in part, one scale"
    assert face(NOTE).getlength(row.legend) <= CAPTION - 16


def test_names_of_all_kinds_fit_on_the_sheet(tmp_path: Path) -> None:
    clip = moments(2)
    labels = block((2, 16, 16), slice(0, 8), slice(None), slice(None))
    long = explain(clip, labels, [0.0, 1.0], name="M" * 300, names=("é" * 300, "b"))
    contact_sheet(long, tmp_path / "long.png")
    short = explain(clip, labels, [0.0, 1.0], names=None)
    contact_sheet(short, tmp_path / "short.png")
    assert pixels(tmp_path / "long.png").shape == pixels(tmp_path / "short.png").shape


def test_a_real_video_keeps_its_201_frames(assets: Path, tmp_path: Path) -> None:
    path = assets / "clips" / "biking.avi"
    box = (0.0, 0.0, 256.0, 256.0)
    clip = clip_of(path, box, (64, 64), (0, 66, 133, 200), (201, 256, 256))
    labels = block((4, 64, 64), slice(16, 32), slice(16, 32), slice(None))
    frames = decoded(render(explain(clip, labels, [0.0, 1.0]), tmp_path / "out.mp4"))
    originals = decoded(path)
    assert len(frames) == len(originals) == 201
    for i in (0, 100, 200):
        expected = originals[i].astype(float)
        expected[68:124, 68:124] = 0.4 * expected[68:124, 68:124] + 0.6 * DARK_RED
        error = np.abs(frames[i] - expected)
        assert error[68:124, 68:124].mean() < 5
        assert error[140:].mean() < 5


@pytest.mark.slow
def test_rendering_costs_a_tenth_of_explaining(tmp_path: Path) -> None:
    model = load_model("demo")
    with as_file(files("vexplain") / "assets" / "demo.mp4") as path:
        clip = suitable_clip(path, model)
        start = time.process_time()
        explanation = vx.explain(clip, model, method="lime", seed=0)
        between = time.process_time()
        render(explanation, tmp_path / "out.mp4")
        end = time.process_time()
    assert end - between < 0.1 * (between - start)


@dataclass(frozen=True)
class Layers:
    """A user's visualization, which answers what it is told to."""

    layer: Any

    def __call__(self, attribution: Any, segmentation: Any) -> Any:
        return self.layer


@dataclass(frozen=True)
class Cropped(Layers):
    """One whose backdrop has another size."""

    def backdrop(self, frames: Tensor) -> Tensor:
        return frames[:, :, :3]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_layers_of_any_kind_of_number_are_drawn(
    dtype: torch.dtype, cropped: Explanation, tmp_path: Path
) -> None:
    explanation = cropped
    T, _, H, W = explanation.clip.shape
    layer = torch.ones(T, 4, H, W, dtype=dtype, requires_grad=True)
    assert decoded(render(explanation, tmp_path / "o.mp4", visualization=Layers(layer)))


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_visualization_is_named(cropped: Explanation, tmp_path: Path) -> None:
    explanation = cropped
    T, _, H, W = explanation.clip.shape
    array = Layers(np.zeros((T, 4, H, W)))
    wrong: list[Any] = ["heat", HeatMap, array, Layers(None)]
    for look in wrong:
        with pytest.raises(TypeError, match="visualization: expected"):
            render(explanation, tmp_path / "o.mp4", visualization=look)
    look = Cropped(torch.ones(T, 4, H, W))
    with pytest.raises(ValueError, match="expected a backdrop of shape"):
        render(explanation, tmp_path / "o.mp4", visualization=look)
    with pytest.raises(ValueError, match="expected a backdrop of shape"):
        contact_sheet(explanation, tmp_path / "o.png", visualization=look)
    assert not list(tmp_path.glob("o.*"))


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_explanation_is_named(cropped: Explanation, tmp_path: Path) -> None:
    wrong: Any
    for wrong, got in (("a.vx", "'a.vx'"), (None, "None"), ({"a": cropped}, "dict")):
        message = rf"^explanations: expected an explanation or several, got {got}\. Give what vexp"
        with pytest.raises(TypeError, match=message):
            contact_sheet(wrong, tmp_path / "a.png")
    wrong = [cropped, [cropped]]
    with pytest.raises(
        TypeError, match=r"^explanations\[1\]: expected .* got list\. Give what vexp"
    ):
        contact_sheet(wrong, tmp_path / "a.png")
    assert not list(tmp_path.glob("*a.*"))


@pytest.mark.usefixtures("unchecked")
def test_a_sheet_of_half_a_moment_is_named(cropped: Explanation, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="n_frames: expected a whole number"):
        contact_sheet(cropped, tmp_path / "o.png", n_frames=2.5)  # type: ignore[arg-type]


def test_a_sheet_counts_frames_that_are_shown_again_once() -> None:
    source = Source("a.mp4", "", 3, 8, 8, (0, 1, 2, 2, 2), (0.0, 0.0, 8.0, 8.0))
    told = subtitle_of(replace(array_clip(5, 8, 8), source=source))
    assert told.startswith("a.mp4 · 3 of 3 frames, shown as 5 · the model was given")
    single = Source("a.mp4", "", 1, 8, 8, (0,), (0.0, 0.0, 8.0, 8.0))
    told = subtitle_of(replace(array_clip(1, 8, 8), source=single))
    assert told.startswith("a.mp4 · 1 of 1 frame · the model was given")
    assert subtitle_of(array_clip(1, 8, 8)).startswith("1 frame of ")
