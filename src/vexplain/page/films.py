"""The pictures that a page plays: of the source where its file is there, else of the clip."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from jaxtyping import Float64, UInt8
from PIL import Image

from vexplain.core import Source, VideoClip
from vexplain.rendering.films import readable
from vexplain.rendering.pictures import picture
from vexplain.rendering.sheets import evenly
from vexplain.video import source_frames

MOST = 300  # pictures
LONG, SHORT, LONGEST = 480, 160, 1920  # pixels: long side, least short side, most of a wide one
BUDGET = 6_000_000  # bytes of all pictures
QUALITIES = (82, 70, 55, 40)
STILL = 1.0  # seconds: how long a clip lasts whose frames all have the same time
FINE = 95  # quality of pictures that are magnified


@dataclass(frozen=True, eq=False)
class Film:
    """What is played, in the order of time.

    Attributes:
        pictures: Each as a JPEG file.
        numbers: Which frame of the source, or of the clip, each picture is, from 0.
        seconds: The time of each picture.
        places: Where each picture lies among the frames of the clip: 2.5 is halfway between its
            frames 2 and 3.
        moments: The time of every frame of the clip.
        size: Rows and columns of a picture.
        box: Top, left, bottom, right of the clip's area, as shares of the picture.
        of_source: Whether these are frames of the source.
        n_frames: Frames of the source, or of the clip.
    """

    pictures: tuple[bytes, ...]
    numbers: tuple[int, ...]
    seconds: tuple[float, ...]
    places: tuple[float, ...]
    moments: tuple[float, ...]
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    of_source: bool
    n_frames: int

    @property
    def thinned(self) -> str:
        """What to say where not all frames between the first and the last are shown, or nothing."""
        shown, there = len(self.numbers), self.numbers[-1] - self.numbers[0] + 1
        return "" if shown == there else f"{shown} of {there} pictures are shown"


def film_of(clip: VideoClip) -> Film:
    """Return the film of a clip.

    The clip's own frames are taken where the source is gone, and where the model was given frames
    of it twice or out of order, as no time of the source could then say which is meant.
    """
    index = clip.source.frame_index if clip.source else ()
    source = readable(clip.source) if bool((np.diff(index) > 0).all()) else None
    return film_of_clip(clip) if source is None else film_of_source(source)


def film_of_clip(clip: VideoClip) -> Film:
    """Return a film of the clip's own frames."""
    T, _, H, W = clip.shape
    size = size_of(H, W)
    numbers = evenly(T, MOST)
    shown = (picture(clip.frames[i]) for i in numbers)
    seconds = rising(clip.pts_seconds.double().numpy())
    return Film(
        pictures=tuple(packed(shown, size, len(numbers))),
        numbers=tuple(numbers),
        seconds=tuple(seconds[i] for i in numbers),
        places=tuple(float(i) for i in numbers),
        moments=tuple(seconds),
        size=size,
        box=(0.0, 0.0, 1.0, 1.0),
        of_source=False,
        n_frames=T,
    )


def rising(seconds: Float64[np.ndarray, " n"]) -> list[float]:
    """Return times at which each frame can be played: frames of the same time share it.

    Where times fall, frames are spread evenly over them.
    """
    if bool((np.diff(seconds) < 0).any()):
        return [float(at) for at in np.linspace(seconds.min(), seconds.max(), len(seconds))]
    times, counts = np.unique(seconds, return_counts=True)
    steps = np.diff(times)
    last = float(steps.mean()) if len(steps) else STILL
    pairs = zip(times, counts, [*steps, last], strict=True)
    return [float(at + step * i / n) for at, n, step in pairs for i in range(n)]


def film_of_source(source: Source) -> Film:
    """Return a film of the source over the span that the model saw."""
    size = size_of(source.height, source.width)
    numbers = chosen(source)
    seconds: list[float] = []
    pictures = tuple(packed(wanted(source, numbers, seconds), size, len(numbers)))
    seen = source.frame_index
    top, left, bottom, right = source.box
    rows, columns = source.height, source.width
    return Film(
        pictures=pictures,
        numbers=numbers,
        seconds=tuple(seconds),
        places=tuple(np.interp(numbers, seen, range(len(seen))).tolist()),
        moments=tuple(np.interp(seen, numbers, seconds).tolist()),
        size=size,
        box=(top / rows, left / columns, bottom / rows, right / columns),
        of_source=True,
        n_frames=source.n_frames,
    )


def chosen(source: Source) -> tuple[int, ...]:
    """Return the source frames to show: those that the model saw, and others evenly between.

    They reach one step beyond the first and the last frame seen, as a drawn video does; all of the
    source where the model saw one frame.
    """
    seen = source.frame_index
    step = int(np.diff(seen).max()) if len(seen) > 1 else source.n_frames
    span = range(max(0, seen[0] - step), min(source.n_frames, seen[-1] + step + 1))
    kept = {seen[i] for i in evenly(len(seen), MOST)}
    others = [number for number in span if number not in kept]
    room = min(MOST - len(kept), len(others))
    kept |= {others[i] for i in evenly(len(others), room)} if room else set()
    return tuple(sorted(kept))


def wanted(
    source: Source, numbers: tuple[int, ...], seconds: list[float]
) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """Yield the frames of these numbers; their times are put into ``seconds``."""
    left = set(numbers)
    for frame in source_frames(source.path):
        if frame.index in left:
            seconds.append(frame.seconds)
            yield frame.pixels
        if frame.index >= numbers[-1]:
            return


def size_of(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the pictures: never magnified, and never a mere line."""
    long, short = max(height, width), min(height, width)
    factor = min(1.0, max(LONG / long, SHORT / short), LONGEST / long)
    return max(1, round(height * factor)), max(1, round(width * factor))


def packed(
    pictures: Iterator[UInt8[np.ndarray, "h w 3"]], size: tuple[int, int], n: int
) -> Iterator[bytes]:
    """Yield pictures as JPEG files of ``size``, n of which stay within the budget if they can."""
    for pixels in pictures:
        image = Image.fromarray(pixels)
        if image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BOX)
        if max(size) < LONG / 2:
            yield jpeg(image, FINE)
            continue
        files = (jpeg(image, quality) for quality in QUALITIES)
        smallest = b""
        for smallest in files:
            if len(smallest) <= BUDGET / n:
                break
        yield smallest


def jpeg(image: Image.Image, quality: int) -> bytes:
    """Return a picture as a JPEG file; without coarser colours where the quality is high."""
    file = BytesIO()
    coarse = 0 if quality >= FINE else 2
    image.save(file, "JPEG", quality=quality, subsampling=coarse, optimize=True)
    return file.getvalue()
