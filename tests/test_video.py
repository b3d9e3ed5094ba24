"""Reading and writing video: real clips against OpenCV, and small files that the tests make."""

import hashlib
import inspect
import warnings
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from reference.video import all_frames, turn_by_matrix, uniform_crops
from vexplain.core import ClipSpec, VexplainWarning, VideoClip
from vexplain.video import (
    clip_from_array,
    digest,
    frame_rate,
    read_clip,
    sample_indices,
    source_frames,
    write_video,
)
from vexplain.video.clips import open_source
from vexplain.video.containers import VideoFile, turned
from vexplain.video.rates import near_fraction
from vexplain.video.sources import Decoded, read_picture

Array = np.ndarray[Any, np.dtype[Any]]
WHOLE = ClipSpec(frames=4, size=None)

CODECS = {
    "mp4": ("libx264", "yuv420p"),
    "mov": ("libx264", "yuv420p"),
    "mkv": ("ffv1", "bgr0"),
    "avi": ("mpeg4", "yuv420p"),
    "webm": ("libvpx-vp9", "yuv420p"),
    "gif": ("gif", "rgb8"),
}
FRAMES = {
    "apply_eye_makeup.avi": 164,
    "archery.avi": 131,
    "arm_wrestling.mp4": 280,
    "biking.avi": 201,
    "blowing_glass.mp4": 300,
    "boxing.mp4": 1684,
    "car-shadow.mp4": 40,
    "carving_ice.mp4": 200,
    "cleaning_pool.mp4": 300,
    "flipping_a_pancake.mkv": 310,
    "handstand.mp4": 76,
    "rowing.mp4": 977,
    "swing_baseball.mp4": 156,
}


def steps(n: int, height: int = 48, width: int = 64) -> list[Array]:
    """Grey frames whose level is 20 more than that of the frame before; 12 fit into 8 bits."""
    return [np.full((height, width, 3), 20 * i, np.uint8) for i in range(n)]


def noise(n: int, height: int, width: int, channels: int = 3) -> list[Array]:
    rng = np.random.default_rng(0)
    return list(rng.integers(0, 256, (n, height, width, channels), dtype=np.uint8))


def make_file(
    path: Path,
    frames: Sequence[Array],
    *,
    codec: str | None = None,
    pixels: str | None = None,
    rate: int = 25,
    milliseconds: Sequence[int] | None = None,
    rotation: int | None = None,
) -> Path:
    """Encode frames (RGB, or RGBA) with PyAV, at a constant rate or at given times."""
    own_codec, own_pixels = CODECS[path.suffix[1:]]
    layout = "rgba" if frames[0].shape[2] == 4 else "rgb24"
    clock = Fraction(1, rate) if milliseconds is None else Fraction(1, 1000)
    fast = {"movflags": "+faststart"} if path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", options=fast) as container:
        stream: Any = container.add_stream(codec or own_codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixels or own_pixels
        stream.codec_context.time_base = clock
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format=layout)
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts = index if milliseconds is None else milliseconds[index]
            frame.time_base = clock
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def levels(clip: VideoClip) -> list[float]:
    """The mean grey level of every frame."""
    return (clip.frames.mean(dim=(1, 2, 3)) * 255).tolist()


def pictures(clip: VideoClip) -> Array:
    """(T, H, W, 3) in grey levels, which must be whole."""
    grey = clip.frames * 255
    assert torch.equal(grey.round() / 255, clip.frames)
    return grey.round().permute(0, 2, 3, 1).numpy().astype(np.uint8)


def difference(a: Array, b: Array) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b.astype(int)).max())


# --- which frames -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "spec", "expected"),
    [
        (9, ClipSpec(frames=5), (0, 2, 4, 6, 8)),
        (4, ClipSpec(frames=3), (0, 2, 3)),  # 1.5 is rounded to the even 2
        (2, ClipSpec(frames=1), (0,)),
        (6, ClipSpec(frames=3, short="hold"), (0, 2, 5)),  # 2.5 to the even 2
        (8, ClipSpec(frames=4, sampling="centres"), (1, 3, 5, 7)),
        (5, ClipSpec(frames=2, sampling="centres"), (1, 3)),
        (7, ClipSpec(frames=1, sampling="centres"), (3,)),
        (201, ClipSpec(frames=3, sampling="every"), (0, 67, 134)),
        (7, ClipSpec(frames=4, sampling="every"), (0, 1, 2, 3)),
        (9, ClipSpec(frames=3, sampling="every", interval=2), (0, 2, 4)),
        (9, ClipSpec(frames=3, sampling="every", interval=2, start=4), (4, 6, 8)),
        (9, ClipSpec(frames=3, sampling="interval", interval=2), (2, 4, 6)),
        (10, ClipSpec(frames=3, sampling="interval", interval=2), (2, 4, 6)),
        (5, ClipSpec(frames=3, sampling="interval", interval=2), (0, 2, 4)),
        (9, ClipSpec(frames=3, sampling="interval", interval=3, start=1), (1, 4, 7)),
        (3, ClipSpec(frames=5, sampling="every", short="hold"), (0, 1, 2, 2, 2)),
        (3, ClipSpec(frames=5, sampling="every", short="loop"), (0, 1, 2, 0, 1)),
        (4, ClipSpec(frames=3, sampling="interval", interval=3, short="loop"), (0, 3, 2)),
        (4, ClipSpec(frames=3, sampling="interval", interval=3, short="hold"), (0, 3, 3)),
        (2, ClipSpec(frames=4, short="hold"), (0, 0, 1, 1)),
        (1, ClipSpec(frames=3, sampling="centres", short="loop"), (0, 0, 0)),
    ],
)
def test_indices_follow_the_formulas(n: int, spec: ClipSpec, expected: tuple[int, ...]) -> None:
    assert sample_indices(n, spec) == expected


@given(
    n=st.integers(1, 400),
    frames=st.integers(1, 64),
    interval=st.none() | st.integers(1, 20),
    start=st.none() | st.integers(0, 50),
    sampling=st.sampled_from(["uniform", "centres", "every"]),
    short=st.sampled_from(["hold", "loop"]),
)
def test_indices_lie_in_the_file(
    n: int, frames: int, interval: int | None, start: int | None, sampling: Any, short: Any
) -> None:
    if sampling != "every":
        interval = start = None
    spec = ClipSpec(frames=frames, sampling=sampling, interval=interval, start=start, short=short)
    indices = sample_indices(n, spec)
    assert len(indices) == frames
    assert all(0 <= i < n for i in indices)
    if short == "hold":
        assert list(indices) == sorted(indices)


@pytest.mark.parametrize(
    ("n", "spec", "needed"),
    [
        (9, ClipSpec(frames=10), 10),
        (9, ClipSpec(frames=10, sampling="centres"), 10),
        (9, ClipSpec(frames=3, sampling="every", interval=5), 11),
        (9, ClipSpec(frames=3, sampling="interval", interval=2, start=5), 10),
    ],
)
def test_short_files_name_the_remedy(n: int, spec: ClipSpec, needed: int) -> None:
    with pytest.raises(ValueError, match=rf"at least {needed} frames.*got {n}\..*--short hold"):
        sample_indices(n, spec)


def test_no_frames_is_an_error() -> None:
    with pytest.raises(ValueError, match="n_frames: expected at least one"):
        sample_indices(0, ClipSpec())


# --- containers -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", CODECS)
def test_every_container_gives_its_frames_in_order(suffix: str, tmp_path: Path) -> None:
    path = make_file(tmp_path / f"clip.{suffix}", steps(12))
    clip = read_clip(path, ClipSpec(frames=4, size=None, sampling="every", interval=3, start=1))
    tolerance = 40 if suffix == "gif" else 4  # rgb8 has 8 levels
    assert levels(clip) == pytest.approx([20, 80, 140, 200], abs=tolerance)
    assert clip.pts_seconds.tolist() == pytest.approx([0.04, 0.16, 0.28, 0.4])
    assert clip.source is not None
    assert clip.source.n_frames == 12
    assert clip.source.frame_index == (1, 4, 7, 10)
    assert (clip.source.height, clip.source.width) == (48, 64)
    assert clip.source.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert frame_rate(path) == 25


@pytest.mark.parametrize(("height", "width"), [(31, 45), (1, 1), (2, 77)])
def test_odd_sizes_come_out_exactly(height: int, width: int, tmp_path: Path) -> None:
    frames = noise(5, height, width)
    path = make_file(tmp_path / "odd.mkv", frames)
    clip = read_clip(path, ClipSpec(frames=5, size=None))
    assert difference(pictures(clip), np.stack(frames)) == 0
    assert clip.source is not None
    assert clip.source.box == (0, 0, height, width)


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "webm", "gif"])
def test_variable_frame_rate_keeps_the_files_times(suffix: str, tmp_path: Path) -> None:
    times = [0, 40, 240, 280, 1000, 1520, 1560, 2000]
    path = make_file(tmp_path / f"vfr.{suffix}", noise(8, 32, 48), milliseconds=times)
    clip = read_clip(path, ClipSpec(frames=8, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx([t / 1000 for t in times], abs=2e-3)
    assert float(frame_rate(path)) == pytest.approx(3.5, rel=0.15)


def test_a_part_of_the_file_counts_in_the_whole_file(tmp_path: Path) -> None:
    path = make_file(tmp_path / "part.mkv", steps(12), rate=10)
    clip = read_clip(path, WHOLE, start_seconds=0.1 + 0.2, end_seconds=0.7)
    assert clip.source is not None
    assert clip.source.frame_index == (3, 4, 5, 6)
    assert clip.source.n_frames == 12
    assert levels(clip) == pytest.approx([60, 80, 100, 120])
    assert clip.pts_seconds.tolist() == pytest.approx([0.3, 0.4, 0.5, 0.6])
    with pytest.raises(ValueError, match="start_seconds: expected a part that holds frames"):
        read_clip(path, WHOLE, start_seconds=5)
    with pytest.raises(ValueError, match=r"at least 4 frames.*got 2"):
        read_clip(path, WHOLE, start_seconds=1.0)
    with pytest.raises(ValueError, match="start_seconds: expected seconds from 0"):
        read_clip(path, WHOLE, start_seconds=-1)
    with pytest.raises(ValueError, match="end_seconds: expected more than"):
        read_clip(path, WHOLE, start_seconds=1, end_seconds=1)


def test_a_clip_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    path = make_file(tmp_path / "late.mkv", steps(4), milliseconds=[1500, 1600, 1700, 1900])
    assert read_clip(path, WHOLE).pts_seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.4])


def test_slow_clips_have_a_rate(tmp_path: Path) -> None:
    hours = [0, 3_600_000, 7_200_000, 10_800_000]
    path = make_file(tmp_path / "slow.mkv", steps(4), milliseconds=hours)
    assert frame_rate(path) == Fraction(1, 3600)
    assert read_clip(path, WHOLE).pts_seconds.tolist() == pytest.approx([0, 3600, 7200, 10800])
    held = read_clip(path, ClipSpec(frames=6, size=None, sampling="every", short="hold"))
    assert held.pts_seconds.tolist() == pytest.approx([3600 * i for i in range(6)])


@pytest.mark.parametrize("rate", [1e-9, 1 / 95443.7, 0.3, 1.0, 29.97, 1e6])
def test_rates_are_rounded_but_never_to_zero(rate: float) -> None:
    assert float(near_fraction(rate, 1001)) == pytest.approx(rate, rel=1e-3)


def transport_stream(path: Path, first: int, *, sound: bool) -> bytes:
    """The bytes of 20 frames of MPEG-TS, more than FFmpeg looks through at the start."""
    with av.open(str(path), "w", format="mpegts") as container:
        film: Any = container.add_stream("mpeg2video", rate=25, options={"qmin": "1", "qmax": "1"})
        film.width, film.height, film.pix_fmt, film.gop_size = 640, 480, "yuv420p", 1
        film.bit_rate = 100_000_000
        tone: Any = container.add_stream("mp2", rate=32000) if sound else None
        for index, picture in enumerate(noise(20, 480, 640), start=first):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(film.encode(frame.reformat(format="yuv420p")))
        container.mux(film.encode(None))
        if sound:
            heard: Any = av.AudioFrame.from_ndarray(np.zeros((1, 32000), np.int16), layout="mono")
            heard.sample_rate = 32000
            container.mux(tone.encode(heard))
            container.mux(tone.encode(None))
    return path.read_bytes()


def test_a_stream_that_begins_in_mid_file(tmp_path: Path) -> None:
    mute = transport_stream(tmp_path / "mute.ts", 0, sound=False)
    sound = transport_stream(tmp_path / "sound.ts", 20, sound=True)
    path = tmp_path / "both.ts"
    path.write_bytes(mute + sound)
    with av.open(str(path)) as container, pytest.raises(IndexError):
        list(container.demux())  # the trap is there
    clip = read_clip(path, ClipSpec(frames=4, size=32))
    assert clip.source is not None
    assert clip.source.n_frames == 40


@pytest.mark.parametrize("short", ["hold", "loop"])
def test_a_file_with_one_frame(short: Any, tmp_path: Path) -> None:
    path = make_file(tmp_path / "one.mp4", [np.full((32, 32, 3), 90, np.uint8)])
    assert levels(read_clip(path, ClipSpec(frames=1))) == pytest.approx([90], abs=2)
    held = read_clip(path, ClipSpec(frames=3, sampling="every", short=short))
    assert levels(held) == pytest.approx([90] * 3, abs=2)
    assert held.pts_seconds.tolist() == pytest.approx([0, 0.04, 0.08])


def test_repeated_frames_get_increasing_times(tmp_path: Path) -> None:
    path = make_file(tmp_path / "short.mkv", steps(3), rate=10)
    clip = read_clip(path, ClipSpec(frames=5, size=None, sampling="every", short="loop"))
    assert levels(clip) == pytest.approx([0, 20, 40, 0, 20])
    assert clip.pts_seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(("degrees", "turns"), [(90, 1), (180, 2), (270, 3)])
def test_rotated_files_come_out_upright(degrees: int, turns: int, tmp_path: Path) -> None:
    frames = noise(4, 6, 10)
    frames = [np.kron(frame, np.ones((8, 8, 1), np.uint8)) for frame in frames]
    path = make_file(tmp_path / "turned.mp4", frames, rotation=degrees)
    clip = read_clip(path, WHOLE)
    assert difference(pictures(clip), np.stack(all_frames(path))) == 0  # OpenCV turns them too
    plain = read_clip(make_file(tmp_path / "plain.mp4", frames), WHOLE)
    assert difference(pictures(clip), np.rot90(pictures(plain), turns, axes=(1, 2))) == 0
    assert clip.source is not None
    assert (clip.source.height, clip.source.width) == clip.shape[2:]


@pytest.mark.parametrize("quarter", [False, True])
@pytest.mark.parametrize("first", [-1, 1])
@pytest.mark.parametrize("second", [-1, 1])
def test_all_eight_orientations(quarter: bool, first: int, second: int) -> None:
    a, b, c, d = (0, first, second, 0) if quarter else (first, 0, 0, second)
    matrix = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], np.int32)
    frame = noise(1, 3, 5)[0]
    assert difference(turned(frame, matrix), turn_by_matrix(frame, a, b, c, d)) == 0


# --- grey and alpha ---------------------------------------------------------------------------


def over_black(rgba: Array) -> Array:
    """Exact rounding of colour times alpha."""
    product = rgba[..., :3].astype(float) * rgba[..., 3:] / 255
    return np.floor(product + 0.5).astype(np.uint8)


def test_grey_files(tmp_path: Path) -> None:
    path = make_file(tmp_path / "grey.mkv", steps(4), pixels="gray")
    assert difference(pictures(read_clip(path, WHOLE)), np.stack(steps(4))) <= 1


def test_alpha_lies_over_black(tmp_path: Path) -> None:
    frames = noise(4, 20, 30, channels=4)
    path = make_file(tmp_path / "alpha.mov", frames, codec="qtrle", pixels="argb")
    assert difference(pictures(read_clip(path, WHOLE)), over_black(np.stack(frames))) == 0


def test_alpha_of_vp9_lies_over_black(tmp_path: Path) -> None:
    rgba = np.full((32, 64, 4), 200, np.uint8)
    rgba[:, 32:, 3] = 0
    path = make_file(tmp_path / "alpha.webm", [rgba] * 4, pixels="yuva420p")
    clip = pictures(read_clip(path, WHOLE))
    assert difference(clip[:, :, :24], np.full((4, 32, 24, 3), 157, np.uint8)) <= 6
    assert clip[:, :, 40:].max() <= 6


def test_transparent_parts_of_a_gif_are_black(tmp_path: Path) -> None:
    frame = Image.new("P", (16, 16), 1)
    frame.putpalette([255, 255, 255, 0, 200, 0])
    frame.paste(0, (0, 0, 8, 16))
    frame.save(tmp_path / "clear.gif", transparency=0)
    clip = pictures(read_clip(tmp_path / "clear.gif", ClipSpec(frames=1, size=None)))
    assert clip[0, :, :8].max() == 0
    assert clip[0, 0, 12].tolist() == [0, 200, 0]


# --- folders ----------------------------------------------------------------------------------


def save_pictures(folder: Path, frames: Sequence[Array], names: Sequence[str]) -> Path:
    folder.mkdir()
    for frame, name in zip(frames, names, strict=True):
        Image.fromarray(frame).save(folder / name)
    return folder


def test_folders_are_in_natural_order(tmp_path: Path) -> None:
    names = ["f10.png", "f9.png", "F11.bmp", "f2.png"]
    frames = noise(4, 9, 11)
    folder = save_pictures(tmp_path / "frames", frames, names)
    (folder / "notes.txt").write_text("no picture")
    (folder / "._f1.png").write_text("no picture either")
    clip = read_clip(folder, WHOLE)
    assert difference(pictures(clip), np.stack([frames[i] for i in (3, 1, 0, 2)])) == 0
    assert clip.pts_seconds.tolist() == pytest.approx([0, 0.04, 0.08, 0.12])
    assert frame_rate(folder) == 25
    assert clip.source is not None
    digest = clip.source.digest
    (folder / "f10.png").rename(folder / "f1.png")
    renamed = read_clip(folder, WHOLE).source
    assert renamed is not None
    assert renamed.digest != digest


def test_pictures_of_all_kinds(tmp_path: Path) -> None:
    rgba = noise(1, 8, 12, channels=4)[0]
    grey = rgba[..., 0]
    folder = save_pictures(
        tmp_path / "kinds", [rgba, rgba[..., 2:], grey], ["0.png", "1.png", "2.png"]
    )
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "3.png")
    palette = Image.fromarray(grey).convert("P")
    palette.save(folder / "4.png", transparency=int(grey[0, 0]))
    upright = Image.fromarray(np.rot90(rgba[..., :3]).copy())
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn a quarter clockwise to see it upright"
    upright.save(folder / "5.png", exif=exif)
    clip = pictures(read_clip(folder, ClipSpec(frames=6, size=None)))
    rgb_of = np.repeat(grey[..., None], 3, axis=2)
    assert difference(clip[0], over_black(rgba)) == 0
    assert difference(clip[1], over_black(rgba[..., [2, 2, 2, 3]])) == 0
    assert difference(clip[2], rgb_of) == 0
    assert difference(clip[3], rgb_of) == 0
    assert difference(clip[4], np.where(rgb_of == grey[0, 0], 0, rgb_of)) == 0
    assert difference(clip[5], rgba[..., :3]) == 0


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_pictures_of_32_bits_are_refused(kind: type, tmp_path: Path) -> None:
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray(np.ones((8, 9), kind)).save(folder / "1.tif")
    with pytest.raises(ValueError, match=r"8 or 16 bits per value, got 32 .*1\.tif; convert"):
        read_clip(folder, ClipSpec(frames=1))


def test_pictures_of_16_bits(tmp_path: Path) -> None:
    grey = noise(1, 8, 12)[0][..., 0]
    folder = tmp_path / "deep"
    folder.mkdir()
    Image.fromarray(grey.astype(np.uint16) * 257).save(folder / "1.tif")
    clip = pictures(read_clip(folder, ClipSpec(frames=1, size=None)))
    assert difference(clip[0], np.repeat(grey[..., None], 3, axis=2)) == 0


def test_folders_named_like_pictures_are_no_pictures(tmp_path: Path) -> None:
    folder = save_pictures(tmp_path / "frames", noise(2, 8, 9), ["2.png", "3.png"])
    before = digest(folder)
    (folder / "1.png").mkdir()
    clip = read_clip(folder, ClipSpec(frames=2))
    assert clip.source is not None
    assert (clip.source.n_frames, clip.source.digest) == (2, before)


def test_folder_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"path: expected pictures .* got none"):
        read_clip(tmp_path / "empty")
    mixed = save_pictures(
        tmp_path / "mixed", [*noise(1, 8, 9), *noise(1, 9, 8)], ["1.png", "2.png"]
    )
    with pytest.raises(ValueError, match=r"pictures of one size .*9x8 first and 8x9 in 2\.png"):
        read_clip(mixed, ClipSpec(frames=2))
    (mixed / "1.png").write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"the picture .*1\.png can't be read"):
        read_clip(mixed, ClipSpec(frames=2))


# --- size -------------------------------------------------------------------------------------

SHAPES = [((60, 90), (33, 47)), ((60, 90), (128, 150)), ((61, 61), (20, 90)), ((9, 7), (224, 224))]


@pytest.mark.parametrize(("source", "size"), SHAPES)
def test_resizing_without_antialias_is_opencvs(
    source: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    frames = noise(2, *source)
    folder = save_pictures(tmp_path / "frames", frames, ["1.png", "2.png"])
    spec = ClipSpec(frames=2, size=size, resize="stretch", antialias=False)
    expected = [cv2.resize(f, size[::-1], interpolation=cv2.INTER_LINEAR) for f in frames]
    assert difference(pictures(read_clip(folder, spec)), np.stack(expected)) <= 1


@pytest.mark.parametrize(("source", "size"), SHAPES)
def test_resizing_with_antialias_is_pillows(
    source: tuple[int, int], size: tuple[int, int], tmp_path: Path
) -> None:
    frames = noise(2, *source)
    folder = save_pictures(tmp_path / "frames", frames, ["1.png", "2.png"])
    spec = ClipSpec(frames=2, size=size, resize="stretch")
    bilinear = Image.Resampling.BILINEAR
    expected = [np.asarray(Image.fromarray(f).resize(size[::-1], bilinear)) for f in frames]
    assert difference(pictures(read_clip(folder, spec)), np.stack(expected)) <= 1


@pytest.mark.parametrize(
    ("source", "spec", "size", "box"),
    [
        ((60, 90), ClipSpec(size=30), (30, 30), (0, 14, 60, 74)),
        ((90, 60), ClipSpec(size=30, short_side=40), (30, 30), (22.5, 7.5, 67.5, 52.5)),
        ((60, 90), ClipSpec(size=(20, 30)), (20, 30), (10, 15, 50, 75)),
        ((60, 90), ClipSpec(size=None, short_side=20), (20, 30), (0, 0, 60, 90)),
        ((60, 90), ClipSpec(size=None, resize="letterbox"), (60, 90), (0, 0, 60, 90)),
        ((60, 90), ClipSpec(size=(10, 77), resize="stretch"), (10, 77), (0, 0, 60, 90)),
        ((60, 90), ClipSpec(size=30, resize="letterbox"), (30, 30), (-15, 0, 75, 90)),
        ((90, 60), ClipSpec(size=30, resize="letterbox"), (30, 30), (0, -15, 90, 75)),
    ],
)
def test_the_box_says_where_the_clip_lies(
    source: tuple[int, int],
    spec: ClipSpec,
    size: tuple[int, int],
    box: tuple[float, float, float, float],
    tmp_path: Path,
) -> None:
    rows, columns = np.mgrid[: source[0], : source[1]]
    ramp = np.stack([rows * 2, columns * 2, 100 + 0 * rows], axis=2).astype(np.uint8)
    folder = save_pictures(tmp_path / "frames", [ramp] * 16, [f"{i}.png" for i in range(16)])
    clip = read_clip(folder, spec)
    assert clip.shape == (16, 3, *size)
    assert clip.source is not None
    got = np.array(clip.source.box)
    # Where nothing can be centred the window may lie up to a scaled pixel up or left.
    assert np.abs(got - np.array(box)).max() <= max(box[2] - box[0], box[3] - box[1]) / min(size)
    # The ramp itself says which source pixel a clip pixel shows.
    inside = pictures(clip)[0].astype(float)
    shown = inside[size[0] // 2, size[1] // 2, :2] / 2 + 0.5
    centre = [got[0] + (size[0] // 2 + 0.5) * (got[2] - got[0]) / size[0]]
    centre += [got[1] + (size[1] // 2 + 0.5) * (got[3] - got[1]) / size[1]]
    assert shown == pytest.approx(centre, abs=0.6)


def test_letterboxes_are_padded_with_black(tmp_path: Path) -> None:
    white = [np.full((20, 40, 3), 255, np.uint8)] * 2
    folder = save_pictures(tmp_path / "frames", white, ["1.png", "2.png"])
    clip = pictures(read_clip(folder, ClipSpec(frames=2, size=40, resize="letterbox")))
    assert clip[:, :10].max() == clip[:, 30:].max() == 0
    assert clip[:, 10:30].min() == 255


# --- real clips -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FRAMES)
def test_real_clips_have_their_frames(name: str, assets: Path) -> None:
    clip = read_clip(assets / "clips" / name, ClipSpec(frames=2, size=32))
    assert clip.source is not None
    assert clip.source.n_frames == FRAMES[name]
    assert clip.source.frame_index == (0, FRAMES[name] - 1)


@pytest.mark.parametrize("name", ["biking.avi", "apply_eye_makeup.avi", "carving_ice.mp4"])
def test_real_clips_match_opencv_and_pillow(name: str, assets: Path) -> None:
    path = assets / "clips" / name
    clip = read_clip(path, ClipSpec(frames=16, size=112))
    assert difference(pictures(clip), uniform_crops(path, 16, 112)) <= 1


@pytest.mark.parametrize("name", ["apply_eye_makeup.avi", "handstand.mp4"])
def test_source_frames_are_opencvs_in_decode_order(name: str, assets: Path) -> None:
    path = assets / "clips" / name
    expected = all_frames(path)
    count = 0
    for count, frame in enumerate(source_frames(path), start=1):
        assert frame.index == count - 1
        assert frame.seconds == pytest.approx(frame.index / float(frame_rate(path)), abs=1e-3)
        assert difference(frame.pixels, expected[frame.index]) == 0
    assert count == len(expected) == FRAMES[name]


def test_times_are_looked_for_once_for_every_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = []
    whole = VideoFile.frames

    def counted(self: VideoFile, damage: Counter[str]) -> Iterator[Decoded]:
        runs.append(self.path)
        return whole(self, damage)

    monkeypatch.setattr(VideoFile, "frames", counted)
    path = tmp_path / "clip.mp4"
    for fps, n_runs in ((25, 3), (10, 2)):
        write_video(path, smooth(4, 16, 16), fps=fps)
        runs.clear()
        for _ in range(n_runs - 1):
            times = [frame.seconds for frame in source_frames(path)]
            assert times == pytest.approx([i / fps for i in range(4)])
        assert len(runs) == n_runs


def test_xvid_times_are_counted(assets: Path) -> None:
    path = assets / "clips" / "apply_eye_makeup.avi"
    with av.open(str(path)) as container:
        stamps = [frame.pts or 0 for frame in container.decode(video=0)]
    assert stamps != sorted(stamps)  # the trap is there
    clip = read_clip(path, ClipSpec(frames=164, size=16))
    assert clip.pts_seconds.tolist() == pytest.approx([i / 25 for i in range(164)])


# --- damage and other errors ------------------------------------------------------------------


def quiet_noise(n: int) -> list[Array]:
    """Frames that are too rich to be packed into a few bytes."""
    return [np.kron(frame, np.ones((2, 2, 1), np.uint8)) for frame in noise(n, 24, 32)]


@pytest.mark.parametrize("suffix", CODECS)
def test_truncated_files_give_what_there_is(suffix: str, tmp_path: Path) -> None:
    whole = make_file(tmp_path / f"whole.{suffix}", quiet_noise(30))
    data = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(data[: len(data) * 6 // 10])
    with pytest.warns(VexplainWarning, match=r"damaged or cut short: \d+ frames were decoded"):
        clip = read_clip(cut, ClipSpec(frames=8, size=None, sampling="centres"))
    assert clip.source is not None
    n = clip.source.n_frames
    assert 8 <= n < 25
    assert clip.source.frame_index == sample_indices(n, ClipSpec(frames=8, sampling="centres"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VexplainWarning)
        frames = [frame.pixels for frame in source_frames(cut)]
    assert len(frames) == n
    expected = np.stack([frames[i] for i in clip.source.frame_index])
    assert difference(pictures(clip), expected) == 0


def cut_file(whole: Path, length: int, place: Path) -> Path:
    place.write_bytes(whole.read_bytes()[:length])
    return place


def test_an_avi_that_lacks_its_last_frame_is_known_as_cut(assets: Path, tmp_path: Path) -> None:
    whole = assets / "clips" / "archery.avi"
    assert VideoFile(whole).survey().complete
    cut = cut_file(whole, whole.stat().st_size * 99 // 100, tmp_path / "cut.avi")
    assert not VideoFile(cut).survey().complete
    with pytest.warns(VexplainWarning, match="damaged or cut short"):
        read_clip(cut, WHOLE)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_an_avi_whose_writer_knew_no_size_is_whole(size: int, assets: Path, tmp_path: Path) -> None:
    data = bytearray((assets / "clips" / "archery.avi").read_bytes())
    data[4:8] = size.to_bytes(4, "little")
    (tmp_path / "a.avi").write_bytes(data)
    assert VideoFile(tmp_path / "a.avi").survey().complete


def test_every_part_of_a_long_avi_must_be_there(assets: Path, tmp_path: Path) -> None:
    """Files over 1 GB go on in further RIFFs (OpenDML)."""
    whole = (assets / "clips" / "archery.avi").read_bytes()
    more = b"RIFF" + (5).to_bytes(4, "little") + b"AVIX\0"
    place = tmp_path / "a.avi"
    for ending, complete in {
        more + b"\0": True,
        more: True,
        more[:-1]: True,
        more[:-3]: False,
    }.items():
        place.write_bytes(whole + ending)
        assert VideoFile(place).survey().complete == complete, ending
    place.write_bytes(whole + b"junk of another kind")
    assert VideoFile(place).survey().complete


def test_a_picture_that_would_fill_the_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_pictures(tmp_path / "f", noise(2, 8, 8), ["1.png", "2.png"])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(
        ValueError, match=r"the picture .*1\.png can't be read .*decompression bomb"
    ):
        read_clip(tmp_path / "f", WHOLE)
    with pytest.raises(ValueError, match="decompression bomb"):
        read_picture(tmp_path / "f" / "1.png")


def test_frames_that_cannot_be_decoded_are_left_out(tmp_path: Path) -> None:
    path = make_file(tmp_path / "bad.mp4", quiet_noise(30))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(0).bytes(4000)
    path.write_bytes(data)
    with pytest.warns(VexplainWarning, match=r"[1-9]\d* packets could not be"):
        clip = read_clip(path, WHOLE)
    assert clip.source is not None
    assert 4 <= clip.source.n_frames < 30
    assert bool((clip.pts_seconds.diff() > 0).all())


def test_a_file_cut_before_its_first_frame(tmp_path: Path) -> None:
    data = make_file(tmp_path / "whole.mp4", quiet_noise(6)).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    with pytest.raises(ValueError, match=r"^path: .*cut short"):
        read_clip(tmp_path / "cut.mp4", WHOLE)


@pytest.mark.parametrize("name", ["text.mp4", "text.txt", "empty.mp4", "song.wav"])
def test_what_is_no_video_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    if name == "song.wav":
        with av.open(str(path), "w") as container:
            sound: Any = container.add_stream("pcm_s16le", rate=8000)
            sound.layout = "mono"
            frame: Any = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
            frame.sample_rate = 8000
            container.mux(sound.encode(frame))
    else:
        path.write_text("" if name == "empty.mp4" else "no film\n" * 200)
    for read in (read_clip, frame_rate, lambda place: next(source_frames(place))):
        with pytest.raises(ValueError, match=r"^path: expected a video, got"):
            read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for read in (read_clip, frame_rate, source_frames):
        with pytest.raises(FileNotFoundError, match=r"path: there is no file or folder .*nope"):
            read(tmp_path / "nope.mp4")


@pytest.mark.parametrize("path", [5, None, b"clip.mp4"])
def test_a_path_is_a_name(path: Any) -> None:
    unchecked = inspect.unwrap(open_source)  # as it is without the type checker of the tests
    with pytest.raises(TypeError, match=r"^path: expected the name of a file or folder, got"):
        unchecked(path)


def test_an_empty_path_is_not_the_current_folder() -> None:
    for read in (read_clip, frame_rate, source_frames, digest):
        with pytest.raises(ValueError, match=r"^path: expected the name of a file or folder"):
            read("")


def test_names_that_look_like_protocols(tmp_path: Path) -> None:
    path = make_file(tmp_path / "plain.mkv", steps(4))
    strange = path.rename(tmp_path / "concat:a é.mkv")
    assert read_clip(strange, WHOLE).shape == (4, 3, 48, 64)


# --- arrays -----------------------------------------------------------------------------------


def test_arrays_of_every_layout_give_one_clip() -> None:
    frames = np.stack(noise(4, 5, 6)).transpose(0, 3, 1, 2)
    plain = clip_from_array(frames, fps=10)
    assert plain.shape == (4, 3, 5, 6)
    assert torch.equal((plain.frames * 255).round(), torch.from_numpy(frames).float())
    assert plain.pts_seconds.tolist() == pytest.approx([0, 0.1, 0.2, 0.3])
    for layout in ("THWC", "CTHW", "WHCT"):
        moved = frames.transpose(["TCHW".index(axis) for axis in layout])
        assert torch.equal(clip_from_array(moved, layout=layout).frames, plain.frames)
        tensor = torch.tensor(np.ascontiguousarray(moved))
        assert torch.equal(clip_from_array(tensor, layout=layout).frames, plain.frames)


def test_grey_and_floating_arrays() -> None:
    grey = np.linspace(0, 1, 2 * 3 * 4).reshape(2, 1, 3, 4)
    clip = clip_from_array(grey)
    assert clip.shape == (2, 3, 3, 4)
    assert torch.equal(clip.frames[:, 0], clip.frames[:, 2])
    assert clip.frames[:, 1].numpy() == pytest.approx(grey[:, 0], abs=1e-7)


@pytest.mark.parametrize("kind", [">f4", ">f8", "<f2", np.longdouble])
def test_floats_of_every_byte_order_and_width(kind: Any) -> None:
    levels = np.linspace(0, 1, 2 * 3 * 4 * 5).reshape(2, 3, 4, 5).astype(kind)
    clip = clip_from_array(levels)
    assert clip.frames.numpy() == pytest.approx(levels.astype(np.float32))


@pytest.mark.parametrize(
    ("frames", "layout", "error", "message"),
    [
        ([[1, 2]], "TCHW", TypeError, "frames: expected a numpy array or a tensor, .* got list"),
        (np.zeros((2, 3, 4, 4), ">u2"), "TCHW", TypeError, "frames: .* got >u2"),
        (np.full((2, 3, 4, 4), "a"), "TCHW", TypeError, "frames: .* got <U1"),
        (np.zeros((2, 3, 4, 4), np.uint8), 5, ValueError, "layout: expected a permutation"),
        (np.zeros((2, 3, 4, 4), np.uint8), None, ValueError, "layout: expected a permutation"),
    ],
)
def test_what_is_no_array(frames: Any, layout: Any, error: type[Exception], message: str) -> None:
    unchecked = inspect.unwrap(clip_from_array)
    with pytest.raises(error, match=f"^{message}"):
        unchecked(frames, layout=layout)


def test_arrays_are_copied() -> None:
    frames = torch.zeros(2, 3, 4, 4)
    clip = clip_from_array(frames)
    frames += 1
    assert float(clip.frames.max()) == 0


@pytest.mark.parametrize(
    ("frames", "layout", "error", "message"),
    [
        (np.zeros((2, 3, 4), np.uint8), "TCHW", ValueError, "frames: expected four axes"),
        (np.zeros((2, 3, 4, 4), np.int64), "TCHW", TypeError, "frames: expected .* uint8"),
        (np.zeros((2, 4, 4, 3), np.uint8), "TCHW", ValueError, "frames: expected 3 channels"),
        (np.zeros((2, 3, 4, 4), np.uint8), "NCHW", ValueError, "layout: expected a permutation"),
        (np.full((2, 3, 4, 4), 255.0), "TCHW", ValueError, r"frames: expected values in \[0, 1\]"),
    ],
)
def test_wrong_arrays_are_refused(
    frames: Array, layout: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        clip_from_array(frames, layout=layout)


# --- writing ----------------------------------------------------------------------------------


def smooth(n: int, height: int, width: int) -> list[Array]:
    """Soft colours that move, as films have them."""
    rows, columns = np.mgrid[:height, :width]
    return [
        np.stack(
            [
                128 + 100 * np.sin((columns + 2 * i) / 15),
                128 + 100 * np.cos(rows / 20),
                np.full((height, width), 60 + 5 * i),
            ],
            axis=2,
        ).astype(np.uint8)
        for i in range(n)
    ]


@pytest.mark.parametrize("fps", [25, 29.97, Fraction(30000, 1001), 60])
def test_mp4_plays_everywhere_and_reads_back(fps: float | Fraction, tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    frames = smooth(12, 48, 64)
    write_video(path, iter(frames), fps=fps)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    clip = read_clip(path, ClipSpec(frames=12, size=None))
    assert np.abs(pictures(clip).astype(float) - np.stack(frames)).mean() < 2.5
    assert float(frame_rate(path)) == pytest.approx(float(fps), rel=1e-3)
    assert clip.pts_seconds.tolist() == pytest.approx([i / float(fps) for i in range(12)], abs=1e-3)
    assert np.abs(np.stack(all_frames(path)).astype(float) - np.stack(frames)).mean() < 2.5


@pytest.mark.parametrize("fps", [25, 29.97, 60])
def test_webm_is_vp9_and_reads_back(fps: float, tmp_path: Path) -> None:
    path = tmp_path / "out.webm"
    frames = smooth(12, 48, 64)
    write_video(path, iter(frames), fps=fps)
    with av.open(str(path)) as container:
        assert "webm" in container.format.name
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("vp9", "yuv420p")
        assert context.colorspace == 6  # ITU-R 601, as it was converted
    clip = read_clip(path, ClipSpec(frames=12, size=None))
    assert np.abs(pictures(clip).astype(float) - np.stack(frames)).mean() < 3
    assert float(frame_rate(path)) == pytest.approx(fps, rel=1e-2)
    assert clip.pts_seconds.tolist() == pytest.approx([i / fps for i in range(12)], abs=1.1e-3)


def test_webm_counts_in_thousandths(tmp_path: Path) -> None:
    times = [1.0, 1.04, 1.24, 1.2801, 2.0, 2.52, 2.56, 3600.5]
    write_video(tmp_path / "out.webm", iter(smooth(8, 32, 48)), fps=3.5, seconds=iter(times))
    clip = read_clip(tmp_path / "out.webm", ClipSpec(frames=8, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx([t - 1 for t in times], abs=6e-4)
    assert np.abs(pictures(clip).astype(float) - np.stack(smooth(8, 32, 48))).mean() < 3
    with pytest.raises(ValueError, match=r"fps: .* to 1000 for a \.webm file, got 2000"):
        write_video(tmp_path / "out.webm", steps(3), fps=2000)


def test_frames_too_fast_for_webm_come_a_little_late(tmp_path: Path) -> None:
    times = [0, 0.04, 0.0403, 0.0406, 0.08]
    write_video(tmp_path / "out.webm", steps(5), fps=25, seconds=times)
    clip = read_clip(tmp_path / "out.webm", ClipSpec(frames=5, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx([0, 0.04, 0.041, 0.042, 0.08], abs=1e-6)
    with pytest.raises(ValueError, match=r"seconds: .* 1/1000 s apart or more.* Write an \.mp4"):
        write_video(tmp_path / "fast.webm", smooth(60, 8, 8), fps=900, seconds=np.arange(60) / 3000)
    assert not (tmp_path / "fast.webm").exists()


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_crf_is_a_quality(suffix: str, tmp_path: Path) -> None:
    frames = quiet_noise(5)
    fine, rough = tmp_path / f"fine.{suffix}", tmp_path / f"rough.{suffix}"
    write_video(fine, frames, fps=25, crf=10)
    write_video(rough, frames, fps=25, crf=45)
    assert fine.stat().st_size > 3 * rough.stat().st_size


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
def test_odd_sizes_are_padded_with_their_edge(suffix: str, tmp_path: Path) -> None:
    frames = smooth(6, 33, 47)
    path = tmp_path / f"odd.{suffix}"
    write_video(path, frames, fps=25)
    clip = pictures(read_clip(path, ClipSpec(frames=6, size=None)))
    padded = np.pad(np.stack(frames), ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge")
    assert clip.shape == padded.shape == (6, 34, 48, 3)
    assert np.abs(clip.astype(float) - padded).mean() < 2.5


def test_mp4_keeps_the_times_given(tmp_path: Path) -> None:
    times = [1.0, 1.04, 1.24, 1.2801, 2.0, 2.52, 2.56, 3600.5]
    write_video(tmp_path / "out.mp4", iter(smooth(8, 32, 48)), fps=3.5, seconds=iter(times))
    clip = read_clip(tmp_path / "out.mp4", ClipSpec(frames=8, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx([t - 1 for t in times], abs=1e-5)
    assert np.abs(pictures(clip).astype(float) - np.stack(smooth(8, 32, 48))).mean() < 2.5


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        ([0, 0.1], "one per frame"),
        ([0, 0.1, 0.2, 0.3], "one per frame"),
        ([0, 0.2, 0.1], "increase from frame to frame, got 0.1 for frame 2"),
        ([0, 0.2, 0.2], "increase from frame to frame, got 0.2 for frame 2"),
        ([0, float("nan"), 1], "increase from frame to frame, got nan for frame 1"),
        ([float("nan"), 0.5, 1], "increase from frame to frame, got nan for frame 0"),
    ],
)
def test_times_of_frames_are_checked(seconds: list[float], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^seconds: expected .*{message}"):
        write_video(tmp_path / "out.mp4", steps(3), fps=25, seconds=seconds)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
def test_slow_films_are_written_and_slower_ones_refused(name: str, tmp_path: Path) -> None:
    write_video(tmp_path / name, steps(3), fps=1 / 600)
    clip = read_clip(tmp_path / name, ClipSpec(frames=3, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx([0, 600, 1200])
    for fps in (1e-7, 1e12):
        with pytest.raises(ValueError, match=r"fps: expected a number from 1/(20000|655) to "):
            write_video(tmp_path / name, steps(3), fps=fps)


def test_gif_keeps_colours_and_speed(tmp_path: Path) -> None:
    frames = smooth(10, 33, 47)
    write_video(tmp_path / "out.gif", iter(frames), fps=12.5)
    clip = read_clip(tmp_path / "out.gif", ClipSpec(frames=10, size=None))
    assert np.abs(pictures(clip).astype(float) - np.stack(frames)).mean() < 3
    assert clip.pts_seconds.tolist() == pytest.approx([0.08 * i for i in range(10)])
    with Image.open(tmp_path / "out.gif") as image:
        assert image.info["loop"] == 0  # for ever
    assert lasting(tmp_path / "out.gif") == [80] * 10


def lasting(path: Path) -> list[int]:
    """Return for how many thousandths of a second every frame of a gif is shown."""
    with Image.open(path) as image:
        return [int(frame.info["duration"]) for frame in ImageSequence.Iterator(image)]


def test_a_gif_keeps_the_times_given(tmp_path: Path) -> None:
    path = tmp_path / "out.gif"
    write_video(path, steps(6), fps=2, seconds=iter([5.0, 5.1, 5.104, 5.9, 6.9, 6.907]))
    assert lasting(path) == [100, 20, 780, 1000, 20, 500]  # what comes too early waits
    write_video(path, steps(4), fps=2, seconds=[0, 0.01, 0.02, 1])
    assert levels(read_clip(path, ClipSpec(frames=3, size=None))) == pytest.approx(
        [0, 40, 60], abs=2
    )  # but not where the next one has come by then


def test_a_gif_of_one_frame_lasts_as_long_as_its_rate_says(tmp_path: Path) -> None:
    write_video(tmp_path / "out.gif", steps(1), fps=2)
    with av.open(str(tmp_path / "out.gif")) as container:
        assert next(packet.duration for packet in container.demux(video=0)) == 50


@pytest.mark.parametrize("suffix", ["mp4", "webm"])
@pytest.mark.parametrize("end", [[5, 5.04], [2.7, 9], [2.61, 2.62]])
def test_films_are_as_long_as_their_frames_are_shown(
    suffix: str, end: list[float], tmp_path: Path
) -> None:
    path = tmp_path / f"out.{suffix}"
    times = [0, 0.1, 0.15, 0.5, 0.9, 1, 1.01, 2, 2.5, 2.6, *end]
    write_video(path, smooth(12, 48, 64), fps=4, seconds=times)
    with av.open(str(path)) as container:
        assert (container.duration or 0) / av.time_base == pytest.approx(end[1] + 0.25, abs=2e-3)
    clip = read_clip(path, ClipSpec(frames=12, size=None))
    assert clip.pts_seconds.tolist() == pytest.approx(times, abs=2e-3)


def test_a_fast_gif_leaves_frames_out_but_keeps_its_speed(tmp_path: Path) -> None:
    write_video(tmp_path / "fast.gif", steps(12), fps=100)
    clip = read_clip(tmp_path / "fast.gif", ClipSpec(frames=6, size=None))
    assert clip.source is not None
    assert clip.source.n_frames == 6
    assert clip.pts_seconds.tolist() == pytest.approx([0.02 * i for i in range(6)])
    assert levels(clip) == pytest.approx([0, 40, 80, 120, 160, 200], abs=2)


@pytest.mark.parametrize("name", ["out.mp4", "out.webm", "out.gif"])
def test_frames_are_taken_one_at_a_time(name: str, tmp_path: Path) -> None:
    given_out: list[weakref.ref[Array]] = []
    alive = []

    def watched() -> Iterator[Array]:
        for _ in range(80):
            frame = np.full((16, 16, 3), 9, np.uint8)
            given_out.append(weakref.ref(frame))
            alive.append(sum(reference() is not None for reference in given_out))
            yield frame

    write_video(tmp_path / name, watched(), fps=25)
    assert len(alive) == 80
    assert max(alive) <= 4


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    def failing() -> Iterator[Array]:
        yield from steps(3)
        raise RuntimeError("stopped")

    for name in ("out.mp4", "out.webm", "out.gif"):
        (tmp_path / name).write_text("old")
        with pytest.raises(RuntimeError, match="stopped"):
            write_video(tmp_path / name, failing(), fps=25)
        assert (tmp_path / name).read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["out.gif", "out.mp4", "out.webm"]


@pytest.mark.parametrize(
    ("name", "frames", "error", "message"),
    [
        ("out.xyz", steps(2), ValueError, r"path: expected a name that ends in \.mp4, \.webm or"),
        ("out", steps(2), ValueError, r"ends in \.mp4, \.webm or \.gif"),
        ("out.mp4", [], ValueError, "frames: expected at least one frame"),
        ("out.mp4", [*steps(1), *steps(1, 10, 10)], ValueError, "frames: .* all of one size"),
        ("out.gif", [np.zeros((4, 4), np.uint8)], ValueError, r"frames: expected arrays \(H, W, 3"),
        ("out.mp4", [np.zeros((4, 4, 3))], TypeError, "frames: expected uint8 numpy arrays"),
        ("none/out.mp4", steps(2), FileNotFoundError, "path: the folder .* does not exist"),
    ],
)
def test_what_cannot_be_written(
    name: str, frames: list[Array], error: type[Exception], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        write_video(tmp_path / name, frames, fps=25)
    assert list(tmp_path.iterdir()) == []


def test_rates_and_qualities_are_checked(tmp_path: Path) -> None:
    for fps in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="fps: expected a number above 0"):
            write_video(tmp_path / "out.mp4", steps(2), fps=fps)
    with pytest.raises(ValueError, match="crf: expected a number from 0"):
        write_video(tmp_path / "out.mp4", steps(2), fps=25, crf=60)
