"""Encoding frames as films: H.264 in mp4 and VP9 in webm, with the sound of another file."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import av
import numpy as np
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, VideoReformatter
from av.video.stream import VideoStream
from jaxtyping import UInt8

from vexplain.video.sound import Sound

if TYPE_CHECKING:
    PicturePacket = Packet[VideoStream]
else:
    PicturePacket = Packet

WORST = 51
"""The worst quality of x264, on whose scale that of all kinds is given."""
_BT709, _SMPTE170M, _LIMITED = 1, 6, 1
"""Code points of ITU-T H.273; SMPTE 170M (ITU-R 601) is what readers take where they know none."""


@dataclass(frozen=True)
class Kind:
    """A kind of film: how it is encoded, and what its container can hold.

    Attributes:
        name: FFmpeg's name of the container.
        codec: FFmpeg's name of the encoder.
        clock: Seconds in which the container counts.
        fastest: The most frames per second.
        worst: The worst quality on the encoder's own scale from 0.
        speed: Options of the encoder: a film is drawn more often than it is kept.
        layout: Options of the container.
    """

    name: str
    codec: Literal["libx264", "libvpx-vp9"]
    clock: Fraction
    fastest: int
    worst: int
    speed: Mapping[str, str]
    layout: Mapping[str, str]


KINDS = {
    ".mp4": Kind(
        name="mp4",
        codec="libx264",
        clock=Fraction(1, 90000),
        fastest=65535,
        worst=WORST,
        speed={"preset": "veryfast"},
        layout={"movflags": "+faststart"},
    ),
    ".webm": Kind(
        name="webm",
        codec="libvpx-vp9",
        clock=Fraction(1, 1000),
        fastest=1000,
        worst=63,
        speed={"deadline": "realtime", "cpu-used": "5", "row-mt": "1"},
        layout={},
    ),
}
"""By the suffix of the file."""


def write_film(
    path: Path,
    frames: Iterator[tuple[UInt8[np.ndarray, "H W 3"], int]],
    *,
    kind: Kind,
    size: tuple[int, ...],
    rate: Fraction,
    clock: Fraction,
    crf: int,
    sound: str | PathLike[str] | None,
) -> None:
    """Write frames with their times in ticks of ``clock``, and the sound of the file ``sound``.

    Raises:
        av.FFmpegError: When the file can't be written.
    """
    rows, columns = (side % 2 for side in size[:2])  # missing to even
    with av.open(str(path), "w", format=kind.name, options=dict(kind.layout)) as container:
        stream = _add_pictures(container, kind, rate, crf)
        stream.height, stream.width = size[0] + rows, size[1] + columns
        stream.codec_context.time_base = clock
        with Sound.added(sound, container) as heard:
            for packet in _to_the_end(_encoded(stream, frames, (rows, columns), clock)):
                if heard is not None:
                    heard.mux_until(float((packet.dts or 0) * packet.time_base))
                container.mux(packet)
            if heard is not None:
                heard.mux_until(inf)


def _add_pictures(container: OutputContainer, kind: Kind, rate: Fraction, crf: int) -> VideoStream:
    quality = {"crf": str(round(crf * kind.worst / WORST))}
    stream = container.add_stream(kind.codec, rate=rate, options={**quality, **kind.speed})
    stream.pix_fmt = "yuv420p"
    codec = stream.codec_context
    codec.bit_rate = 0  # VP9 would keep to it
    codec.colorspace, codec.color_range = _SMPTE170M, _LIMITED
    codec.color_primaries = codec.color_trc = _BT709
    return stream


def _encoded(
    stream: VideoStream,
    frames: Iterator[tuple[UInt8[np.ndarray, "H W 3"], int]],
    missing: tuple[int, int],
    clock: Fraction,
) -> Iterator[PicturePacket]:
    """Yield the packets of frames that get so many rows and columns at their end."""
    convert = VideoReformatter().reformat  # one for all: it keeps its tables
    rows, columns = missing
    for pixels, tick in frames:
        even = np.pad(pixels, ((0, rows), (0, columns), (0, 0)), mode="edge")
        frame = VideoFrame.from_ndarray(even, format="rgb24")
        frame = convert(frame, format="yuv420p", dst_colorspace=Colorspace.ITU601)
        frame.pts, frame.time_base = tick, clock
        yield from stream.encode(frame)
    yield from stream.encode(None)


def _to_the_end(packets: Iterator[PicturePacket]) -> Iterator[PicturePacket]:
    """Yield packets, of which the last one is decoded so late that the film ends with its pictures.

    Players take from an mp4's times of decoding how long it is. Where frames are out of order and
    far apart at the end, these would end seconds before the last frame is shown.
    """
    held, lead, end = None, 0, 0
    for packet in packets:
        if held is None:
            lead = (packet.pts or 0) - (packet.dts or 0)
        else:
            yield held
        held = packet
        end = max(end, (packet.pts or 0) + (packet.duration or 0))
    if held is not None:
        shown = end - (held.pts or 0)
        if (held.dts or 0) + (held.duration or 0) < end - lead:
            held.dts, held.duration = max(held.dts or 0, end - lead - shown), shown
        yield held
