"""Writing frames as H.264 in mp4, and as gif."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, count, zip_longest
from math import isfinite
from os import PathLike
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

from vexplain.core.files import atomic_path
from vexplain.video.rates import near_fraction

_SLOWEST, _FASTEST = Fraction(1, 20000), 65535
"""Frames per second that FFmpeg's mp4 holds."""
_MP4_CLOCK = Fraction(1, 90000)
_GIF_CLOCK = Fraction(1, 100)
_GIF_TICKS = 2
"""Browsers slow a gif down whose frames last less than this many hundredths of a second."""
_BT709, _SMPTE170M, _LIMITED = 1, 6, 1
"""Code points of ITU-T H.273; SMPTE 170M (ITU-R 601) is what readers take where they know none."""

Picture = UInt8[np.ndarray, "H W 3"]


def write_video(
    path: str | PathLike[str],
    frames: Iterable[np.ndarray],
    *,
    fps: float | Fraction,
    seconds: Iterable[float] | None = None,
    crf: int = 18,
) -> None:
    """Write frames as a video; the suffix says which: ``.mp4`` (H.264, yuv420p) or ``.gif``.

    Frames are taken one at a time, so memory does not grow with their number. An mp4 of odd size
    gets its last row or column twice, as yuv420p needs even ones. A gif has a palette for each
    frame, counts in hundredths of a second, is evenly spaced, and leaves frames out above 50 a
    second. A file that is there already is replaced only when everything was written.

    Args:
        path: The file to write.
        frames: (H, W, 3) 8-bit RGB, all of one size.
        fps: Frames per second, from 1/20000 to 65535; the average where ``seconds`` are given.
        seconds: When each frame of an mp4 is shown, strictly increasing; evenly spaced by default.
            A gif ignores them.
        crf: Quality of an mp4, from 0 (no loss but that of yuv420p) to 51 (worst); a gif has none.

    Raises:
        ValueError: On another suffix, no frames, frames of other sizes, or values out of range.
        TypeError: On frames that are not 8-bit arrays.
        OSError: When the file can't be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (".mp4", ".gif"):
        raise ValueError(f"path: expected a name that ends in .mp4 or .gif, got {str(path)!r}.")
    if not 0 <= crf <= 51:
        raise ValueError(f"crf: expected a number from 0 (best) to 51, got {crf}.")
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps: expected a number above 0, got {fps}.")
    rate = near_fraction(fps, 65535)
    if not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(f"fps: expected a number from {_SLOWEST} to {_FASTEST}, got {fps}.")
    first, pictures = _peek(_checked(frames))
    with atomic_path(path) as part:
        try:
            if suffix == ".mp4":
                clock = 1 / rate if seconds is None else _MP4_CLOCK
                _write_mp4(part, _timed(pictures, seconds), first.shape[:2], rate, clock, crf)
            else:
                _write_gif(part, pictures, first.shape[:2], rate)
        except av.FFmpegError as error:
            raise OSError(f"path: can't write {path} ({error.strerror}).") from error


def _checked(frames: Iterable[np.ndarray]) -> Iterator[Picture]:
    shape: tuple[int, ...] | None = None
    for frame in frames:
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8:
            kind = getattr(frame, "dtype", type(frame).__name__)
            raise TypeError(f"frames: expected uint8 numpy arrays (H, W, 3), got {kind}.")
        shape = shape or frame.shape
        if frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0 or frame.shape != shape:
            raise ValueError(
                f"frames: expected arrays (H, W, 3), all of one size, got {frame.shape} "
                f"(the first is {shape})."
            )
        yield np.ascontiguousarray(frame)


def _peek(frames: Iterator[Picture]) -> tuple[Picture, Iterator[Picture]]:
    first = next(frames, None)
    if first is None:
        raise ValueError("frames: expected at least one frame, got none.")
    return first, chain([first], frames)


def _timed(
    frames: Iterator[Picture], seconds: Iterable[float] | None
) -> Iterator[tuple[Picture, int]]:
    """Yield frames with their times in ticks since the first: its number, or 1/90000 s."""
    if seconds is None:
        yield from zip(frames, count(), strict=False)
        return
    start, last = None, -1
    for index, (pixels, second) in enumerate(zip_longest(frames, seconds)):
        if pixels is None or second is None:
            raise ValueError(f"seconds: expected one per frame, got more or fewer after {index}.")
        start = second if start is None else start
        tick = round((second - start) / _MP4_CLOCK) if isfinite(second) else last
        if tick <= last:
            raise ValueError(
                "seconds: expected times that increase from frame to frame, "
                f"got {second} for frame {index}."
            )
        yield pixels, tick
        last = tick


def _write_mp4(
    path: Path,
    frames: Iterator[tuple[Picture, int]],
    size: tuple[int, ...],
    rate: Fraction,
    clock: Fraction,
    crf: int,
) -> None:
    height, width = size
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": str(crf)})
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.time_base = clock
        codec.colorspace, codec.color_range = _SMPTE170M, _LIMITED
        codec.color_primaries = codec.color_trc = _BT709
        for pixels, tick in frames:
            even = np.pad(pixels, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
            frame = VideoFrame.from_ndarray(even, format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU601")
            frame.pts, frame.time_base = tick, clock
            _mux(container, stream, frame)
        _mux(container, stream, None)


def _write_gif(
    path: Path, frames: Iterator[Picture], size: tuple[int, ...], rate: Fraction
) -> None:
    graph = _palette_graph(*size)
    with av.open(str(path), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=_GIF_CLOCK.denominator)
        stream.height, stream.width = size
        stream.pix_fmt = "pal8"
        due = 0
        for index, pixels in enumerate(frames):
            tick = round(index / rate / _GIF_CLOCK)
            if tick < due:
                continue
            due = tick + _GIF_TICKS
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, _GIF_CLOCK
            graph.push(frame)
            _drain(graph, container, stream)
        graph.push(None)
        _drain(graph, container, stream)
        _mux(container, stream, None)


def _palette_graph(height: int, width: int) -> Graph:
    """Return a graph that gives every frame its own palette of 256 colours.

    One palette for the whole film would have to hold all frames back; it is measured no better.
    The ordered dither stands still, so that what doesn't move doesn't flicker.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=_GIF_CLOCK
    )
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4:diff_mode=rectangle")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def _drain(graph: Graph, container: OutputContainer, stream: VideoStream) -> None:
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):  # wants more, or is done
            return
        if isinstance(frame, VideoFrame):
            frame.time_base = _GIF_CLOCK
            _mux(container, stream, frame)


def _mux(container: OutputContainer, stream: VideoStream, frame: VideoFrame | None) -> None:
    for packet in stream.encode(frame):
        container.mux(packet)
