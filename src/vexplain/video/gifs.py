"""Writing frames as gif, every frame with its own palette."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
import numpy as np
from av.container import OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from jaxtyping import UInt8

CLOCK = Fraction(1, 100)
TICKS = 2
"""Browsers slow a gif down whose frames last less than this many hundredths of a second."""
SLOWEST = Fraction(1, 655)
"""Frames per second of which one still lasts no more hundredths than 16 bits hold."""

Timed: TypeAlias = tuple[UInt8[np.ndarray, "H W 3"], int]
"""A frame, and when it is shown."""


def write_gif(
    path: Path,
    frames: Iterator[Timed],
    *,
    size: tuple[int, ...],
    rate: Fraction,
    clock: Fraction,
) -> None:
    """Write frames of ``size`` (rows, columns) with their times in ticks of ``clock``.

    The last one is shown for 1 / ``rate`` seconds.

    Raises:
        av.FFmpegError: When the file can't be written.
    """
    graph = palette_graph(*size)
    options = {"final_delay": str(max(TICKS, round(1 / rate / CLOCK)))}
    with av.open(str(path), "w", format="gif", options=options) as container:
        stream = container.add_stream("gif", rate=CLOCK.denominator)
        stream.height, stream.width = size
        stream.pix_fmt = "pal8"
        for pixels, tick in spaced(frames, clock, 1 / rate):
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = tick, CLOCK
            graph.push(frame)
            drain(graph, container, stream)
        graph.push(None)
        drain(graph, container, stream)
        container.mux(stream.encode(None))


def spaced(frames: Iterator[Timed], clock: Fraction, last: Fraction) -> Iterator[Timed]:
    """Yield frames with their times in ticks of the gif, ``TICKS`` or more apart.

    A frame that comes too early after the one before waits, unless the next one has come by then,
    or the film is over, ``last`` seconds after its last frame.
    """
    held, due = next(frames, None), 0
    while held is not None:
        after = next(frames, None)
        tick = round(held[1] * clock / CLOCK)
        end = held[1] * clock + last if after is None else after[1] * clock
        over = round(end / CLOCK)
        if tick >= due or over > due:
            tick = max(tick, due)
            due = tick + TICKS
            yield held[0], tick
        held = after


def palette_graph(height: int, width: int) -> Graph:
    """Return a graph that gives every frame its own palette of 256 colours.

    One palette for the whole film would have to hold all frames back; it is measured no better.
    The ordered dither stands still, so that what doesn't move doesn't flicker. ``diff_mode`` stays
    out: of what doesn't move it would keep numbers of colours that the new palette has no more.
    """
    graph = Graph()
    source = graph.add_buffer(
        width=width, height=height, format=av.VideoFormat("rgb24"), time_base=CLOCK
    )
    split = graph.add("split")
    palette = graph.add("palettegen", "stats_mode=single:reserve_transparent=0")
    use = graph.add("paletteuse", "new=1:dither=bayer:bayer_scale=4")
    sink = graph.add("buffersink")
    source.link_to(split)
    split.link_to(use, 0, 0)
    split.link_to(palette, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    return graph


def drain(graph: Graph, container: OutputContainer, stream: VideoStream) -> None:
    """Write the frames that a graph has ready."""
    while True:
        try:
            frame = graph.pull()
        except (av.BlockingIOError, av.EOFError):  # wants more, or is done
            return
        if isinstance(frame, VideoFrame):
            frame.time_base = CLOCK
            container.mux(stream.encode(frame))
