"""Decoding video files with PyAV."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.container import InputContainer
from av.sidedata.sidedata import SideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from vexplain.video.rates import near_fraction
from vexplain.video.sources import Decoded, Pixels, Survey, file_digest, over_black

_UNKNOWN_RATE = Fraction(25)
_SLACK_SECONDS = 0.1
"""The streams of sound files end this much apart (audio frames, times rounded)."""
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""FFmpeg's own decoders of these leave the alpha plane out."""
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What writers that can't go back leave in the header of a RIFF."""


@dataclass(frozen=True)
class VideoFile:
    """A video file of any container that FFmpeg reads: its first stream of moving pictures."""

    path: Path

    def survey(self) -> Survey:
        """Read the packets without decoding them, which takes a few per cent of the time.

        Raises:
            ValueError: When the file is not a video.
        """
        damage: Counter[str] = Counter()
        stamps: list[float | None] = []
        end = 0.0
        with opened(self.path) as (container, stream):
            # Matroska counts its duration from 0, mp4 from a late start: the smaller claim holds.
            said = ((container.duration or 0) + min(container.start_time or 0, 0)) / av.time_base
            rate = Fraction(stream.average_rate or stream.guessed_rate or _UNKNOWN_RATE)
            for packet in _packets(container, damage):
                clock = float(packet.time_base or 0)
                stamp = None if packet.pts is None else packet.pts * clock
                end = max(end, (stamp or 0) + (packet.duration or 0) * clock)
                if packet.stream_index == stream.index and not packet.is_discard:
                    stamps.append(stamp)
            whole = _is_whole(self.path, container.format.name)
        times = display_times(stamps, rate)
        complete = whole and not damage and said - end <= max(_SLACK_SECONDS, float(2 / rate))
        return Survey(times, measured_rate(times, rate), complete)

    def frames(self, damage: Counter[str]) -> Iterator[Decoded]:
        """Yield the frames as the decoder gives them.

        What can't be decoded is left out and counted in ``damage["packets"]``; a frame that the
        decoder patched up is kept, as players do, and counted in ``damage["frames"]``.

        Raises:
            ValueError: When the file is not a video.
        """
        with opened(self.path) as (container, stream):
            decoder, clock = _decoder(stream), float(stream.time_base or 0)
            size: tuple[int, int] | None = None
            convert = VideoReformatter().reformat  # one for all frames: it keeps its tables
            for packet in chain(_packets(container, damage, stream), [None]):
                for frame in _decode(decoder, packet, damage):
                    size = size or (frame.width, frame.height)
                    damage["frames"] += frame.is_corrupt
                    stamp = None if frame.pts is None else frame.pts * clock
                    yield Decoded(stamp, partial(_to_rgb, frame, size, convert))

    def digest(self) -> str:
        """Return the SHA-256 of the file."""
        return file_digest(self.path)


@contextmanager
def opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Yield the open container and its first stream of moving pictures.

    Raises:
        ValueError: When the file is empty, not a video, or has no such stream.
    """
    if path.stat().st_size == 0:
        raise ValueError(f"path: expected a video, got the empty file {path}.")
    try:
        # The prefix keeps FFmpeg from reading a protocol into the file's name; titles in other
        # encodings than UTF-8 must not stop the reading.
        container = av.open(f"file:{path}", metadata_errors="replace")
    except av.FFmpegError as error:
        raise ValueError(
            f"path: expected a video, got {path}, which can't be read as one "
            f"({error.strerror}). It may be of another kind, or cut short before its index."
        ) from error
    with container:
        yield container, _pictures_stream(container, path)


def _pictures_stream(container: InputContainer, path: Path) -> VideoStream:
    if container.format.name == "tty":  # FFmpeg draws text files as if they were films
        raise ValueError(f"path: expected a video, got the text file {path}.")
    covers = av.stream.Disposition.attached_pic
    for stream in container.streams.video:
        if not stream.disposition & covers and stream.codec_context is not None:
            stream.thread_type = "AUTO"
            return stream
    kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "none"
    raise ValueError(
        f"path: expected a video, got {path} without a stream of pictures that can be decoded "
        f"(streams: {kinds})."
    )


def _is_whole(path: Path, kind: str) -> bool:
    """Return whether the file ends where its own headers say, for kinds that FFmpeg bends."""
    with path.open("rb") as file:
        if kind == "gif":
            file.seek(-1, os.SEEK_END)
            return file.read(1) in b";\0"
        return kind != "avi" or _riff_is_whole(file)


def _riff_is_whole(file: BinaryIO) -> bool:
    """Return whether an AVI file is as long as its headers say; files over 1 GB have several.

    FFmpeg shortens the duration of a file that was cut by as much as is missing.
    """
    length, start = file.seek(0, os.SEEK_END), 0
    while start + 8 <= length:
        file.seek(start)
        name, size = file.read(4), int.from_bytes(file.read(4), "little")
        if name != b"RIFF" or size in _UNKNOWN_SIZES:
            return True
        if start + 8 + size > length + 1:  # the byte that makes it even may be left out
            return False
        start += 8 + size + size % 2
    return True


def _packets(
    container: InputContainer, damage: Counter[str], *streams: VideoStream
) -> Iterator[av.Packet]:  # type: ignore[type-arg]
    """Yield the packets that hold something; an unreadable rest of the file ends them."""
    try:
        for packet in container.demux(*streams):
            # An empty packet would tell the decoder that the file ends here.
            if packet.size:
                yield packet
    except av.FFmpegError:
        damage["packets"] += 1
    except IndexError:
        # Of PyAV after the last packet, when a stream began that the start did not announce.
        return


def _decoder(stream: VideoStream) -> VideoCodecContext:
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if stream.metadata.get("alpha_mode") == "1" and name in av.codecs_available:
        decoder = VideoCodecContext.create(name, "r")
        if isinstance(decoder, VideoCodecContext):
            return decoder
    return stream.codec_context


def _decode(
    decoder: VideoCodecContext,
    packet: av.Packet | None,  # type: ignore[type-arg]
    damage: Counter[str],
) -> list[VideoFrame]:
    try:
        return decoder.decode(packet)
    except av.FFmpegError:
        damage["packets"] += 1
        return []


def _to_rgb(frame: VideoFrame, size: tuple[int, int], convert: Callable[..., VideoFrame]) -> Pixels:
    """Convert to upright 8-bit RGB; a stream that changes its size keeps that of its start."""
    alpha = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    layout = "rgba" if alpha else "rgb24"
    pixels = convert(frame, format=layout, width=size[0], height=size[1]).to_ndarray()
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if isinstance(matrix, SideData):
        pixels = turned(pixels, np.frombuffer(bytes(matrix), np.int32))
    return np.ascontiguousarray(over_black(pixels) if alpha else pixels)


def turned(pixels: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Turn and mirror a frame as the container's display matrix says, to the nearest right angle.

    The matrix (a, b, u, c, d, v, x, y, w) maps a column x and a row y to a·x + c·y and b·x + d·y
    (ISO/IEC 14496-12, track header box).
    """
    a, b, c, d = (int(matrix[i]) for i in (0, 1, 3, 4))
    quarter = abs(b) > abs(a)
    upright = pixels.swapaxes(0, 1) if quarter else pixels
    mirrored, upside_down = (c < 0, b < 0) if quarter else (a < 0, d < 0)
    return upright[:: -1 if upside_down else 1, :: -1 if mirrored else 1]


def display_times(stamps: Sequence[float | None], rate: Fraction) -> tuple[float, ...]:
    """Return packet times as the frames will be shown; their count over ``rate`` where unusable."""
    known = sorted(stamp for stamp in stamps if stamp is not None)
    return frame_times(known if len(known) == len(stamps) else stamps, rate)


def frame_times(stamps: Sequence[float | None], rate: Fraction) -> tuple[float, ...]:
    """Return seconds since the first frame, strictly increasing.

    They are the file's own times where these increase strictly over the whole file, else the
    number of the frame over ``rate``: XviD's stamps go back and forth.
    """
    known = [stamp for stamp in stamps if stamp is not None]
    increasing = all(a < b for a, b in pairwise(known))
    if len(known) == len(stamps) and increasing:
        return tuple(stamp - known[0] for stamp in known)
    return tuple(float(i / rate) for i in range(len(stamps)))


def measured_rate(times: Sequence[float], said: Fraction) -> Fraction:
    """Return the container's rate, or the measured one where they differ by more than 1 %."""
    if len(times) < 2:
        return said
    rate = (len(times) - 1) / (times[-1] - times[0])
    return said if abs(rate / said - 1) <= 0.01 else near_fraction(rate, 1001)
