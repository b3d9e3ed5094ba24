"""The sound of a source in what is drawn on it: a beep stays where it was."""

import warnings
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from test_rendering import clip_of, explain
from vexplain.core import VexplainWarning
from vexplain.rendering import render
from vexplain.video import source_frames, write_video

RATE = 48000
BEEP = 1.0  # seconds after the start of the file, for a tenth of a second
LENGTH = 2.0
FPS = 25


def beep(seconds: float = LENGTH, at: float = BEEP, channels: int = 2) -> np.ndarray:
    """Silence with a tone of a tenth of a second, (channels, samples) float32."""
    times = np.arange(int(seconds * RATE)) / RATE
    tone = 0.7 * np.sin(2 * np.pi * 1000 * times) * ((times >= at) & (times < at + 0.1))
    return np.tile(tone.astype(np.float32), (channels, 1))


def film(
    path: Path,
    codec: str,
    *,
    starts: float = 0.0,
    heard_from: float = 0.0,
    sound: np.ndarray | None = None,
    broken: bool = False,
) -> Path:
    """Write two seconds of grey whose first picture is late, with a beep; x264 makes B-frames."""
    heard = beep() if sound is None else sound
    with av.open(str(path), "w") as container:
        pictures: Any = container.add_stream("libx264", rate=FPS)
        pictures.height, pictures.width, pictures.pix_fmt = 48, 64, "yuv420p"
        layout = "mono" if len(heard) == 1 else "stereo"
        tone: Any = container.add_stream(codec, rate=RATE, layout=layout)
        for index in range(round((LENGTH - starts) * FPS)):
            grey = np.full((48, 64, 3), 90 + index, np.uint8)
            grey[10:20, index : index + 10] = 250
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = index + round(starts * FPS), Fraction(1, FPS)
            container.mux(pictures.encode(frame.reformat(format="yuv420p")))
        container.mux(pictures.encode(None))
        samples: Any = av.AudioFrame.from_ndarray(heard, format="fltp", layout=layout)
        samples.sample_rate, samples.time_base = RATE, Fraction(1, RATE)
        samples.pts = round(heard_from * RATE)
        for packet in [*tone.encode(samples), *tone.encode(None)]:
            container.mux(spoiled(packet) if broken else packet)
    return path


def spoiled(packet: Any) -> Any:
    """A packet of the same time whose content is nothing."""
    nothing: Any = av.Packet(bytes(packet.size))
    nothing.pts, nothing.dts, nothing.time_base = packet.pts, packet.dts, packet.time_base
    nothing.duration, nothing.stream = packet.duration, packet.stream
    return nothing


def listened(path: Path) -> tuple[str, np.ndarray]:
    """The codec of the sound, and how loud it is from the first picture on, at 48 kHz."""
    with av.open(str(path)) as container:
        first: Any = next(container.decode(video=0))
        start = float(first.pts * first.time_base)
    loud = np.zeros(20 * RATE)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        even = av.AudioResampler(format="fltp", layout="mono", rate=RATE)
        for frame in container.decode(stream):
            for part in even.resample(frame):
                time = float(part.pts * part.time_base)  # type: ignore[operator]
                place = round((time - start) * RATE)
                samples = part.to_ndarray()[0]
                keep = slice(max(-place, 0), None)
                loud[max(place, 0) : max(place, 0) + len(samples[keep])] = np.abs(samples[keep])
        return stream.codec_context.name, loud


def beep_of(path: Path) -> tuple[str, float, float]:
    """The codec, and when the tone begins and ends after the first picture."""
    codec, loud = listened(path)
    places = np.flatnonzero(loud > 0.2)
    return codec, float(places[0] / RATE), float(places[-1] / RATE)


def kinds(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.type for stream in container.streams]


def drawn(source: Path, target: Path, **options: Any) -> Path:
    n = sum(1 for _ in source_frames(source))
    clip = clip_of(source, (0.0, 0.0, 48.0, 64.0), (48, 64), (0, n - 1), (n, 48, 64))
    labels = np.zeros((2, 48, 64), np.int64)
    labels[:, 10:30, 10:30] = 1
    tensor = clip.frames.new_tensor(labels).long()
    return render(explain(clip, tensor, [0.0, 1.0]), target, **options)


@pytest.mark.parametrize("starts", [0.0, 0.4])
@pytest.mark.parametrize(
    ("source", "codec", "target", "expected"),
    [
        ("mp4", "aac", "mp4", "aac"),
        ("mp4", "aac", "webm", "opus"),
        ("mkv", "libopus", "webm", "opus"),
        ("mkv", "libopus", "mp4", "aac"),
        ("mp4", "libmp3lame", "mp4", "mp3float"),
        ("mkv", "pcm_s16le", "mp4", "aac"),
        ("mkv", "pcm_s16le", "webm", "opus"),
        ("ts", "aac", "mp4", "aac"),
        ("mkv", "ac3", "mp4", "aac"),
    ],
)
def test_a_beep_stays_where_it_was(
    source: str, codec: str, target: str, expected: str, starts: float, tmp_path: Path
) -> None:
    path = film(tmp_path / f"source.{source}", codec, starts=starts)
    _, begins, ends = beep_of(path)
    assert begins == pytest.approx(BEEP - starts, abs=0.03)
    out = drawn(path, tmp_path / f"out.{target}")
    found, begun, ended = beep_of(out)
    assert found == expected
    assert begun == pytest.approx(begins, abs=0.012)
    assert ended == pytest.approx(ends, abs=0.012)
    assert [frame.seconds for frame in source_frames(out)] == pytest.approx(
        [frame.seconds for frame in source_frames(path)], abs=2e-3
    )


@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_what_is_heard_before_the_first_picture_is_cut(target: str, tmp_path: Path) -> None:
    path = film(tmp_path / "source.mkv", "libopus", starts=1.04)
    _, loud = listened(drawn(path, tmp_path / f"out.{target}"))
    assert np.flatnonzero(loud > 0.2)[-1] / RATE == pytest.approx(0.06, abs=0.03)
    assert loud[int(0.12 * RATE) :].max() < 0.1


def test_copied_sound_is_not_changed(tmp_path: Path) -> None:
    def packets(path: Path) -> list[bytes]:
        with av.open(str(path)) as container:
            return [bytes(one) for one in container.demux(audio=0) if one.size]

    path = film(tmp_path / "source.mp4", "aac")
    assert packets(drawn(path, tmp_path / "out.mp4")) == packets(path)


@pytest.mark.parametrize("target", ["mp4", "webm"])
@pytest.mark.parametrize(
    ("source", "codec"),
    [("mp4", "aac"), ("mkv", "aac"), ("mkv", "pcm_s16le"), ("mkv", "libopus")],
)
def test_sound_that_starts_late_stays_late(
    source: str, codec: str, target: str, tmp_path: Path
) -> None:
    sound = beep(0.5, at=0.2)
    path = film(tmp_path / f"source.{source}", codec, heard_from=1.2, sound=sound)
    with av.open(str(path)) as container:
        first: Any = next(one for one in container.demux(audio=0) if one.size)
        assert float(first.pts * first.time_base) == pytest.approx(1.2, abs=0.03)
    _, begins, ends = beep_of(drawn(path, tmp_path / f"out.{target}"))
    assert begins == pytest.approx(1.4, abs=0.01)
    assert ends == pytest.approx(1.5, abs=0.01)


@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_mono_and_many_channels(target: str, tmp_path: Path) -> None:
    mono = film(tmp_path / "mono.mkv", "pcm_s16le", sound=beep(channels=1))
    with av.open(str(drawn(mono, tmp_path / f"out.{target}"))) as container:
        assert len(container.streams.audio[0].layout.channels) == 1


@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_sound_and_pictures_lie_beside_each_other(target: str, tmp_path: Path) -> None:
    path = film(tmp_path / "source.mp4", "aac")
    with av.open(str(drawn(path, tmp_path / f"out.{target}"))) as container:
        order = [(p.pos, p.stream_index) for p in container.demux() if p.size]
    streams = [index for _, index in sorted(order, key=lambda one: one[0] or 0)]
    changes = int(np.abs(np.diff(streams)).sum())
    assert changes > 1  # not all of one before all of the other


@pytest.mark.parametrize("target", ["mp4", "webm"])
def test_sound_that_cannot_be_decoded_is_left_out(target: str, tmp_path: Path) -> None:
    path = film(tmp_path / "source.mkv", "ac3", broken=True)
    with pytest.warns(VexplainWarning, match=r"sound: that of .*source\.mkv can't be kept"):
        out = drawn(path, tmp_path / f"out.{target}")
    assert kinds(out) == ["video"]
    assert sum(1 for _ in source_frames(out)) == 50


@pytest.mark.parametrize("options", [{"fps": 10.0}, {}])
def test_without_the_own_times_there_is_no_sound(options: dict[str, Any], tmp_path: Path) -> None:
    path = film(tmp_path / "source.mp4", "aac")
    out = drawn(path, tmp_path / ("out.mp4" if options else "out.gif"), **options)
    assert kinds(out) == ["video"]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_a_file_without_sound_and_none_at_all(suffix: str, tmp_path: Path) -> None:
    frames: Sequence[np.ndarray] = [np.full((32, 32, 3), 90, np.uint8)] * 5
    write_video(tmp_path / "mute.mp4", frames, fps=25)
    out = tmp_path / f"out{suffix}"
    write_video(out, frames, fps=25, sound=tmp_path / "mute.mp4")
    assert kinds(out) == ["video"]
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.warns(VexplainWarning, match="sound: "):
        write_video(out, frames, fps=25, sound=tmp_path / "text.mp4")
    with pytest.warns(VexplainWarning, match="sound: "):
        write_video(out, frames, fps=25, sound=tmp_path / "nowhere.mp4")
    assert kinds(out) == ["video"]


@pytest.mark.parametrize("name", ["apply_eye_makeup.avi", "carving_ice.mp4"])
@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_real_clips_keep_their_sound(name: str, suffix: str, assets: Path, tmp_path: Path) -> None:
    path = assets / "clips" / name
    frames = [frame.pixels[::4, ::4].copy() for frame in source_frames(path)]
    seconds = [frame.seconds for frame in source_frames(path)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = tmp_path / f"out{suffix}"
        write_video(out, frames, fps=25, seconds=seconds, sound=path)
    before, after = (envelope(listened(one)[1]) for one in (path, out))
    agreement = [np.corrcoef(before[20:250], after[20 + lag : 250 + lag])[0, 1] for lag in range(5)]
    agreement += [np.corrcoef(before[20:250], after[20 - n : 250 - n])[0, 1] for n in range(1, 5)]
    assert int(np.argmax(agreement)) == 0
    assert agreement[0] > 0.95


def envelope(loud: np.ndarray) -> np.ndarray:
    """The loudest sample of every hundredth of a second."""
    return np.asarray(loud.reshape(-1, 480).max(axis=1))
