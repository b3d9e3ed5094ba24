"""Writing frames as mp4, webm and gif."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, count, zip_longest
from math import isfinite
from os import PathLike
from pathlib import Path

import av
import numpy as np
from jaxtyping import UInt8

from vexplain.core.files import atomic_path
from vexplain.video.films import KINDS, WORST, write_film
from vexplain.video.gifs import SLOWEST, write_gif
from vexplain.video.rates import near_fraction

_SLOWEST, _FASTEST = Fraction(1, 20000), 65535
"""Frames per second that FFmpeg's mp4 holds."""

_FINEST = Fraction(1, 90000)
"""Seconds in which the times of a gif are counted before it rounds them."""

LATE = 0.02
"""Seconds that a frame may be shown late, where frames come faster than the file can count."""

Picture = UInt8[np.ndarray, "H W 3"]


def write_video(
    path: str | PathLike[str],
    frames: Iterable[np.ndarray],
    *,
    fps: float | Fraction,
    seconds: Iterable[float] | None = None,
    crf: int = 18,
    sound: str | PathLike[str] | None = None,
) -> None:
    """Write frames as a video; the suffix says which: ``.mp4``, ``.webm`` or ``.gif``.

    An mp4 is H.264 and a webm VP9, both yuv420p: of odd size they get their last row or column
    twice, as yuv420p needs even ones. Frames are taken one at a time, so memory does not grow with
    their number. A webm counts in thousandths of a second. A gif has a palette for each frame,
    counts in hundredths, and leaves frames out where they come faster than 50 a second. A file that
    is there already is replaced only when everything was written.

    Args:
        path: The file to write.
        frames: (H, W, 3) 8-bit RGB, all of one size.
        fps: Frames per second, from 1/20000 (gif: 1/655) to 65535 (webm: 1000); the average where
            ``seconds`` are given.
        seconds: When each frame is shown, strictly increasing; evenly spaced by default.
        crf: Quality, from 0 (no loss but that of yuv420p) to 51 (worst); a gif has none.
        sound: A video file whose sound is kept, in sync with its pictures: its first picture is
            at the first of ``frames``, and what is heard before is cut. Sound that the container
            can't hold is encoded anew (AAC, Opus); sound that can't be decoded is left out with a
            ``VexplainWarning``. A gif has none.

    Raises:
        ValueError: On another suffix, no frames, frames of other sizes, or values out of range.
        TypeError: On frames that are not 8-bit arrays.
        OSError: When the file can't be written.
    """
    suffix = Path(path).suffix.lower()
    _check_values(path, suffix, fps, crf)
    rate = near_fraction(fps, _FASTEST)
    kind = KINDS.get(suffix)
    fastest = _FASTEST if kind is None else kind.fastest
    slowest = SLOWEST if kind is None else _SLOWEST
    if not slowest <= rate <= fastest:
        raise ValueError(
            f"fps: expected a number from {slowest} to {fastest} for a {suffix} file, got {fps}. "
            "Give another fps; an .mp4 holds the most."
        )
    first, pictures = _peek(_checked(frames))
    size = first.shape[:2]
    with atomic_path(path) as part:
        try:
            finest = _FINEST if kind is None else kind.clock
            clock = 1 / rate if seconds is None else finest
            timed = _timed(pictures, seconds, clock)
            if kind is None:
                write_gif(part, timed, size=size, rate=rate, clock=clock)
            else:
                write_film(
                    part, timed, kind=kind, size=size, rate=rate, clock=clock, crf=crf, sound=sound
                )
        except av.FFmpegError as error:
            raise OSError(f"path: can't write {path} ({error.strerror}).") from error


def _check_values(path: str | PathLike[str], suffix: str, fps: float | Fraction, crf: int) -> None:
    if suffix not in KINDS and suffix != ".gif":
        raise ValueError(
            f"path: expected a name that ends in .mp4, .webm or .gif, got {str(path)!r}."
        )
    if not 0 <= crf <= WORST:
        raise ValueError(f"crf: expected a number from 0 (best) to {WORST}, got {crf}.")
    if not 0 < fps < float("inf"):
        raise ValueError(f"fps: expected a number above 0, got {fps}.")


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
    frames: Iterator[Picture], seconds: Iterable[float] | None, clock: Fraction
) -> Iterator[tuple[Picture, int]]:
    """Yield frames with their times in ticks of ``clock`` since the first."""
    if seconds is None:
        yield from zip(frames, count(), strict=False)
        return
    start = before = None
    last = -1
    for index, (pixels, second) in enumerate(zip_longest(frames, seconds)):
        if pixels is None or second is None:
            raise ValueError(f"seconds: expected one per frame, got more or fewer after {index}.")
        start = second if start is None else start
        if not isfinite(second) or (before is not None and second <= before):
            raise ValueError(
                "seconds: expected finite times that increase from frame to frame, "
                f"got {second} for frame {index}."
            )
        tick = max(last + 1, round((second - start) / clock))
        if tick * clock - (second - start) > LATE:
            raise ValueError(
                f"seconds: expected frames {clock} s apart or more, as the file counts, but up to "
                f"frame {index} too many come faster. Write an .mp4, or give fps."
            )
        yield pixels, tick
        last, before = tick, second
