"""The sound of a video file, kept where its pictures are drawn on and written anew."""

import warnings
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import inf
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.packet import Packet

from vexplain.core import VexplainWarning
from vexplain.video.containers import VideoFile

if TYPE_CHECKING:
    SoundPacket = Packet[AudioStream]
else:
    SoundPacket = Packet
Packets = Generator[SoundPacket, None, None]


@dataclass(frozen=True)
class Hold:
    """What a container holds of sound, such that browsers play it.

    Attributes:
        copied: Decoders of what is copied as it is.
        encoder: What all other sound is encoded with.
        rates: The rates that it is given, in Hz; the first one in place of others.
        lead: Seconds before the first picture that are kept but not played: decoders need a frame
            or two to swing in.
    """

    copied: frozenset[str]
    encoder: str
    rates: tuple[int, ...]
    lead: float


HOLDS = {
    "mp4": Hold(frozenset({"aac", "mp3", "mp3float"}), "aac", (48000, 44100, 32000), 0.05),
    "webm": Hold(frozenset({"opus", "libopus", "vorbis"}), "libopus", (48000,), 0.008),
}
"""By FFmpeg's name of the container."""
_FINER = 1000
"""How much finer than its file the times of sound are counted when they are shifted."""


class Sound:
    """Packets of sound that wait for the pictures beside which they are played."""

    def __init__(
        self, path: Path, container: OutputContainer, packets: Iterator[SoundPacket]
    ) -> None:
        self._path = path
        self._container = container
        self._packets = packets
        self._next = next(packets, None)

    @classmethod
    @contextmanager
    def added(
        cls, path: str | PathLike[str] | None, container: OutputContainer
    ) -> Iterator["Sound | None"]:
        """Add the sound of a video file to a film that has all its other streams.

        The first picture of the file is at 0; sound before it is cut. A file without sound adds
        nothing; sound that can't be read or decoded gives a ``VexplainWarning``.
        """
        if path is None:
            yield None
            return
        with closing(_unbroken(Path(path), container)) as packets:
            yield cls(Path(path), container, packets)

    def mux_until(self, seconds: float) -> None:
        """Write the packets up to a time."""
        while self._next is not None and _seconds(self._next) <= seconds:
            try:
                self._container.mux(self._next)
            except av.FFmpegError as error:
                _warn(self._path, error)
                self._packets = iter(())
            self._next = next(self._packets, None)


def _unbroken(path: Path, container: OutputContainer) -> Packets:
    """Yield the packets up to where they can't be read, which gives a warning."""
    try:
        yield from _packets(path, container)
    except (av.FFmpegError, OSError, ValueError, IndexError) as error:
        # IndexError: of PyAV, when a stream began that the start of the file did not announce.
        _warn(path, error)


def _warn(path: Path, error: Exception) -> None:
    warnings.warn(
        f"sound: that of {path} can't be kept ({error}), so the video is silent from there on.",
        VexplainWarning,
        stacklevel=2,
    )


def _packets(path: Path, container: OutputContainer) -> Packets:
    """Yield what a film shall hold of the sound of a file; its stream is added before the first.

    Raises:
        ValueError: When the file has sound that can't be decoded, or no pictures.
        av.FFmpegError: When it can't be read.
    """
    start = _first_picture(path)
    hold = HOLDS[container.format.name]
    with _opened(path) as (source, heard):
        if heard is None:
            return
        if not _can_be_heard(path):
            raise ValueError("none of it can be decoded")
        if heard.codec_context.name in hold.copied:
            yield from _copied(source, heard, container, start, hold.lead)
        else:
            yield from _encoded(_decoded(source, heard), container, start, hold)


def _first_picture(path: Path) -> float:
    """Return when the first picture is shown, in seconds of the container."""
    first = next(VideoFile(path).frames(Counter()), None)
    return 0.0 if first is None or first.seconds is None else first.seconds


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, AudioStream | None]]:
    with av.open(f"file:{path}", metadata_errors="replace") as source:
        heard = source.streams.best("audio")
        if heard is not None and heard.codec_context is None:
            raise ValueError("there is no decoder for it")
        yield source, heard if isinstance(heard, AudioStream) else None


def _can_be_heard(path: Path) -> bool:
    with _opened(path) as (source, heard):
        return heard is not None and next(_decoded(source, heard), None) is not None


def _copied(
    source: InputContainer,
    heard: AudioStream,
    container: OutputContainer,
    start: float,
    lead: float,
) -> Packets:
    """Yield the packets as they are, but for their times."""
    stream, last = None, -inf
    for packet in source.demux(heard):
        if not packet.size or packet.pts is None or packet.dts is None or packet.dts <= last:
            continue  # no container takes what has no time, or a step back
        last = packet.dts
        clock = packet.time_base / _FINER  # that of an AVI counts packets
        shift = round(start / clock)
        packet.pts, packet.dts = _FINER * packet.pts - shift, _FINER * packet.dts - shift
        packet.duration, packet.time_base = _FINER * (packet.duration or 0), clock
        if packet.pts * clock >= -lead:
            stream = stream or container.add_stream_from_template(heard)
            packet.stream = stream
            yield packet


def _encoded(
    frames: Iterator[AudioFrame], container: OutputContainer, start: float, hold: Hold
) -> Packets:
    """Yield sound encoded anew, from 0 on; silence fills its gaps."""
    first = next(frames)
    rate = first.sample_rate if first.sample_rate in hold.rates else hold.rates[0]
    layout = "mono" if len(first.layout.channels) == 1 else "stereo"
    stream = container.add_stream(hold.encoder, rate=rate, layout=layout)
    if not isinstance(stream, AudioStream):
        raise ValueError(f"{hold.encoder} encodes no sound")
    graph = _even_graph(first, rate, layout)
    for frame in chain([first], frames, [None]):
        if frame is not None and frame.pts is not None and frame.time_base is not None:
            frame.pts = round((frame.pts * frame.time_base - start) * first.sample_rate)
            frame.time_base = Fraction(1, first.sample_rate)
        graph.push(frame)
        for even in _pulled(graph):
            yield from stream.encode(even)
    yield from stream.encode(None)


def _even_graph(like: AudioFrame, rate: int, layout: str) -> Graph:
    """Return a graph that makes sound begin at 0 and go on without gaps, at one rate."""
    graph = Graph()
    source = graph.add_abuffer(
        sample_rate=like.sample_rate,
        format=like.format.name,
        layout=like.layout.name,
        time_base=Fraction(1, like.sample_rate),
    )
    even = graph.add("aresample", f"{rate}:async=1:first_pts=0")
    fit = graph.add("aformat", f"sample_rates={rate}:channel_layouts={layout}")
    sink = graph.add("abuffersink")
    source.link_to(even)
    even.link_to(fit)
    fit.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):  # wants more, or is done
            return
        if isinstance(frame, AudioFrame):
            yield frame


def _decoded(source: InputContainer, heard: AudioStream) -> Iterator[AudioFrame]:
    """Yield what can be decoded; the rest is left out, as players do."""
    for packet in source.demux(heard):
        try:
            yield from heard.codec_context.decode(packet)
        except av.FFmpegError:
            continue


def _seconds(packet: SoundPacket) -> float:
    return float((packet.dts or 0) * packet.time_base)
