"""Where the actors of UCF101-24 are: the corrected annotations, and the original ones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float

from vexplain.core import VideoClip
from vexplain.datasets.lists import text_of
from vexplain.datasets.plain_pickle import read_plain
from vexplain.truth import Boxes

VIPER = "{http://lamp.cfar.umd.edu/viper#}"
NUMBERS = "{http://lamp.cfar.umd.edu/viperdata#}"
KINDS = "a folder of .xgtf files, finalAnnots.mat or pyannot.pkl"
SIZE = (240, 320)
"""Rows and columns of the videos that were annotated."""


@dataclass(frozen=True)
class Tube:
    """One actor while acting.

    Attributes:
        first: The first frame, counted from 0.
        boxes: (n, 4) [x0, y0, x1, y1] of this frame and those after it.
    """

    first: int
    boxes: Float[np.ndarray, "n 4"]


@dataclass(frozen=True, eq=False)
class TubeFile:
    """Annotations that are read once, when a video's are asked for.

    Attributes:
        place: A ``.pkl`` or ``.mat`` file, or a folder.
    """

    place: Path

    def boxes(self, video: str, clip: VideoClip) -> Boxes | None:
        """Return the boxes of a video by frames, or None where it has no annotation.

        Annotations of frames that the file doesn't have are left out.

        Args:
            video: The name of its file without folder and ending.
            clip: Read from it.

        Raises:
            ValueError: When the annotations can't be read, or the file is of another size.
        """
        read = self._tubes.get(video)
        if read is None:
            return None
        n, height, width = self._grid(clip)
        if (height, width) != SIZE:
            raise ValueError(
                f"boxes: those of {self.place} are those of {SIZE[1]}x{SIZE[0]} videos, {video} is "
                f"{width}x{height}. Take the videos as they were published."
            )
        try:
            return by_frame(read(), n)
        except (AttributeError, LookupError, TypeError, ValueError, ArithmeticError) as error:
            raise ValueError(
                f"boxes: what {self.place} has of {video} can't be used ({error})."
            ) from error

    def file(self, video: str) -> Path:
        """Return the file that the boxes of a video are read from; the folder where none is."""
        return self._files.get(video, self.place)

    @staticmethod
    def _grid(clip: VideoClip) -> tuple[int, int, int]:
        if clip.source is None:
            n, _, height, width = clip.shape
            return n, height, width
        return clip.source.n_frames, clip.source.height, clip.source.width

    @cached_property
    def _tubes(self) -> Mapping[str, Callable[[], list[Tube]]]:
        if self.place.is_dir():
            return {stem: partial(from_viper, file) for stem, file in self._files.items()}
        return from_mat(self.place) if self.place.suffix == ".mat" else from_pickle(self.place)

    @cached_property
    def _files(self) -> Mapping[str, Path]:
        files = sorted(self.place.rglob("*.xgtf")) if self.place.is_dir() else []
        return {file.stem: file for file in files}


def by_frame(tubes: list[Tube], n: int) -> dict[int, list[list[float]]]:
    """Return the boxes of every one of the first n frames that has some with an area."""
    frames: dict[int, list[list[float]]] = {}
    for tube in tubes:
        for frame, box in enumerate(tube.boxes[: max(n - tube.first, 0)].tolist(), tube.first):
            if box[2] > box[0] and box[3] > box[1]:
                frames.setdefault(frame, []).append(box)
    return frames


def corners(boxes: Any) -> Float[np.ndarray, "n 4"]:
    """Return boxes x, y, width, height as [x0, y0, x1, y1].

    They come as bytes, in which x + width would start again at 256. The coordinates are taken as
    they are: the authors' evaluation subtracts nothing from them either.

    Raises:
        ValueError: When they are no array of four finite numbers each.
    """
    # Lists that hold lists could be longer than any memory.
    if not isinstance(boxes, np.ndarray) or boxes.dtype.kind not in "biuf":
        raise ValueError(f"expected numbers for boxes, got {type(boxes).__name__}")
    values = np.atleast_2d(boxes.astype(np.float64))
    if values.ndim != 2 or values.shape[1] != 4 or not np.isfinite(values).all():
        raise ValueError(f"expected boxes of four finite numbers, got the shape {boxes.shape}")
    return np.concatenate([values[:, :2], values[:, :2] + values[:, 2:]], axis=1)


def from_pickle(file: Path) -> Mapping[str, Callable[[], list[Tube]]]:
    """Read ``pyannot.pkl``, where ``sf`` counts from 0 and ``ef`` is the first frame without.

    Raises:
        ValueError: When it holds anything but plain data, or other data.
    """
    data = read_plain(file)
    try:
        # A later version of the file has lists of videos and classes beside the annotations.
        videos = data.get("db", data)
        return {
            name.rpartition("/")[2]: partial(tubes_in, about, "annotations", 0)
            for name, about in videos.items()
        }
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"boxes: expected {KINDS}, got {file} with other data ({error})."
        ) from error


def from_mat(file: Path) -> Mapping[str, Callable[[], list[Tube]]]:
    """Read ``finalAnnots.mat``, where ``sf`` counts from 1 and ``ef`` is the last frame.

    Raises:
        ValueError: When it is damaged, or holds other data.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(file, simplify_cells=True)
    except Exception as error:  # scipy has a dozen kinds for damaged files
        raise ValueError(f"boxes: expected {KINDS}, can't read {file} ({error}).") from error
    try:
        return {
            str(about["name"]).strip().rpartition("/")[2]: partial(tubes_in, about, "tubes", 1)
            for about in listed(content["annot"])
        }
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(
            f"boxes: expected {KINDS}, got {file} with other data ({error})."
        ) from error


def listed(value: Any) -> list[Any]:
    """Return what MATLAB had in a row; scipy takes one alone out of it."""
    return [value] if isinstance(value, dict) else list(value)


def tubes_in(about: Any, key: str, counted_from: int) -> list[Tube]:
    """Return the tubes of a video; raises on other data."""
    return [
        checked(int(tube["sf"]) - counted_from, int(tube["ef"]), corners(tube["boxes"]))
        for tube in listed(about[key])
    ]


def checked(first: int, stop: int, boxes: Float[np.ndarray, "n 4"]) -> Tube:
    """Return a tube.

    Raises:
        ValueError: When it has another number of boxes than of frames.
    """
    if first < 0 or len(boxes) != stop - first:
        raise ValueError(
            f"expected a box for each of the frames {first} to {stop - 1}, got {len(boxes)}; "
            "get the corrected annotations"
        )
    return Tube(first, boxes)


def from_viper(file: Path) -> list[Tube]:
    """Read an original annotation of THUMOS 2013, made with the ViPER tool.

    Frames count from 1, coordinates from 0. A person has one attribute per class, true while
    the person does it; where no person does anything, all count.

    Raises:
        ValueError: When it is no such file, or declares types or entities.
    """
    text = text_of(file)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise ValueError(f"boxes: {file} declares types or entities, which no annotation does.")
    try:
        root = ElementTree.fromstring(text)
        people = [one for one in acting_first(root) if one.get("name") == "PERSON"]
        spans = [actions(person) for person in people]
        everyone = not any(spans)
        return [
            tube
            for person, acting in zip(people, spans, strict=True)
            for tube in tubes_of(person, None if everyone else acting)
        ]
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise ValueError(f"boxes: expected a ViPER annotation in {file} ({error}).") from error


def acting_first(root: ElementTree.Element) -> list[ElementTree.Element]:
    """Return the objects of the first source that has some; later ones are of another video."""
    sources = root.iter(f"{VIPER}sourcefile")
    return next((found for one in sources if (found := one.findall(f"{VIPER}object"))), [])


def actions(person: ElementTree.Element) -> list[range]:
    """Return the frames, from 0, in which a person does something."""
    whole = person.get("framespan")
    return [
        span
        for value in person.iter(f"{NUMBERS}bvalue")
        if str(value.get("value")).lower() in ("true", "1")
        for span in spans_of(value.get("framespan") or whole)
    ]


def spans_of(text: str | None) -> list[range]:
    """Return the frames, from 0, of ``first:last`` pairs that count from 1."""
    pairs = [part.split(":") for part in (text or "").split()]
    return [range(int(first) - 1, int(last)) for first, last in pairs]


def tubes_of(person: ElementTree.Element, acting: list[range] | None) -> list[Tube]:
    """Return where a person is while acting, a tube per frame."""
    tubes = []
    for box in person.iter(f"{NUMBERS}bbox"):
        x, y, width, height = (float(str(box.get(key))) for key in ("x", "y", "width", "height"))
        inside = width > 0 and height > 0
        for frame in (frame for span in spans_of(box.get("framespan")) for frame in span):
            if inside and (acting is None or any(frame in span for span in acting)):
                tubes.append(Tube(frame, corners(np.array([x, y, width, height]))))
    return tubes
