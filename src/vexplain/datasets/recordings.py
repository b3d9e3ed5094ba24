"""What a dataset is: recordings with a label and a group, none of them read before it is asked."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from jaxtyping import Bool
from torch import Tensor

from vexplain.core import ClipSpec, VideoClip, near_names
from vexplain.truth import Boxes, read_truth, truth_from_boxes
from vexplain.video import read_clip

FILES = ("path", "truth_file", "boxes_file")
TIMES = ("start_seconds", "end_seconds")
"""What recordings that are files have besides: what they are read from."""


@runtime_checkable
class Recording(Protocol):
    """Something that a clip can be read from, before it is read."""

    @property
    def name(self) -> str:
        """What tells it from all others of its dataset."""

    @property
    def label(self) -> int | None:
        """The number of its class, or None where that isn't known."""

    @property
    def group(self) -> str | None:
        """Whom or what it shows.

        Recordings of one group are alike beyond their class, so none of them may be learnt from
        where another one is a test.
        """

    @property
    def split(self) -> str | None:
        """The part of the dataset that its authors put it in, such as ``train``; or None."""

    @property
    def facts(self) -> Mapping[str, str]:
        """What else is known, such as the camera."""

    def read(self, spec: ClipSpec) -> VideoClip:
        """Return the frames that ``spec`` wants.

        Raises:
            FileNotFoundError: When the file is gone.
            ValueError: When it can't be read, or is too short.
        """

    def truth(self, clip: VideoClip) -> Bool[Tensor, "T H W"] | None:
        """Return which voxels of a clip of this recording hold the evidence, where that is known.

        Args:
            clip: What ``read`` returned.
        """


@dataclass(frozen=True, kw_only=True, eq=False)
class VideoRecording:
    """A video file, or a part of one.

    Attributes:
        name: As in ``Recording``; so are ``label``, ``group``, ``split`` and ``facts``.
        path: The file, or a folder of pictures.
        start_seconds: Where the part starts; None = at the first frame.
        end_seconds: Where it ends; None = after the last frame.
        find_boxes: Returns where the evidence is for a clip of this recording, by frames of the
            file and in its pixels, or None where the annotations don't have this video; None where
            there are none.
        truth_file: A file that says where the evidence is, as ``vexplain.truth.read_truth`` takes
            it; it goes before ``find_boxes``.
        boxes_file: What ``find_boxes`` reads them from, where that is a file.
    """

    name: str
    path: Path
    label: int | None = None
    group: str | None = None
    split: str | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float | None = None
    end_seconds: float | None = None
    find_boxes: Callable[[VideoClip], Boxes | None] | None = None
    truth_file: Path | None = None
    boxes_file: Path | None = None

    def read(self, spec: ClipSpec) -> VideoClip:
        """Return the frames that ``spec`` wants; raises as ``read_clip`` does."""
        return read_clip(
            self.path, spec, start_seconds=self.start_seconds, end_seconds=self.end_seconds
        )

    def truth(self, clip: VideoClip) -> Bool[Tensor, "T H W"] | None:
        """Return the voxels that hold the evidence, or None where nobody knows.

        Raises:
            FileNotFoundError: When the file that says it is gone.
            ValueError: When what says it can't be read, or belongs to another video.
        """
        if self.truth_file is not None:
            return read_truth(self.truth_file, clip)
        boxes = self.find_boxes(clip) if self.find_boxes else None
        return None if boxes is None else truth_from_boxes(boxes, clip)


@dataclass(frozen=True)
class Renumbered:
    """A recording of a dataset that has only some of the classes of its own.

    Attributes:
        recording: The recording.
        label: The number of its class among those that are left.
    """

    recording: Recording
    label: int | None

    @property
    def name(self) -> str:
        """What the recording is called."""
        return self.recording.name

    @property
    def group(self) -> str | None:
        """What the recording has in common with others."""
        return self.recording.group

    @property
    def split(self) -> str | None:
        """The part that the recording is in."""
        return self.recording.split

    @property
    def facts(self) -> Mapping[str, str]:
        """What else is known of the recording."""
        return self.recording.facts

    def read(self, spec: ClipSpec) -> VideoClip:
        """Return the frames of the recording that ``spec`` wants."""
        return self.recording.read(spec)

    def truth(self, clip: VideoClip) -> Bool[Tensor, "T H W"] | None:
        """Return the voxels of the recording that hold the evidence."""
        return self.recording.truth(clip)


def read_from(recording: Recording) -> list[str]:
    """Return the files, and the seconds of them, that a recording is read from, if it has any."""
    if isinstance(recording, Renumbered):
        return read_from(recording.recording)
    known = {name: getattr(recording, name, None) for name in (*FILES, *TIMES)}
    return [f"{name} {value}" for name, value in known.items() if value is not None]


@dataclass(frozen=True)
class Problem:
    """Something that a dataset lists and that can't be used.

    Attributes:
        name: What the list calls it.
        reason: Why, in a sentence.
    """

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """Recordings and the names of their classes.

    Attributes:
        name: What cards and manifests call it.
        class_names: One name per class, by its number.
        recordings: In an order that the same files always give.
        problems: What is listed but can't be used; never fatal while anything is left.

    Raises:
        ValueError: When a label is no class, or two recordings have one name.
    """

    name: str
    class_names: tuple[str, ...]
    recordings: Sequence[Recording]
    problems: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        names = Counter(recording.name for recording in self.recordings)
        twice = next((name for name, count in names.items() if count > 1), None)
        if twice is not None:
            raise ValueError(f"recordings: {self.name} lists {twice} {names[twice]} times.")
        for one in self.recordings:
            if one.label is not None and not 0 <= one.label < len(self.class_names):
                raise ValueError(
                    f"label: {one.name} of {self.name} has class {one.label}, but there are "
                    f"{len(self.class_names)} classes, counted from 0. Check the list of classes."
                )

    def __len__(self) -> int:
        return len(self.recordings)

    @property
    def splits(self) -> tuple[str, ...]:
        """The parts that its authors put recordings in, in alphabetical order."""
        return tuple(sorted({one.split for one in self.recordings if one.split is not None}))

    @property
    def rows(self) -> list[list[str | int | None]]:
        """Each recording in plain words: another dataset has others."""
        return [
            [one.name, one.label, one.group, one.split, *read_from(one)] for one in self.recordings
        ]

    def part(self, split: str) -> "Dataset":
        """Return the recordings of one split.

        Raises:
            ValueError: When there is no such split.
        """
        if split not in self.splits:
            known = ", ".join(self.splits) or "none"
            raise ValueError(
                f"split: {self.name} has no split {split!r}; there are {known}."
                f"{near_names(split, self.splits)}"
            )
        chosen = [one for one in self.recordings if one.split == split]
        return replace(self, name=f"{self.name}, {split}", recordings=chosen, problems=())

    def of_classes(self, names: Sequence[str]) -> "Dataset":
        """Return the recordings of some classes, which are numbered in the order given.

        Raises:
            ValueError: When there is no such class, or it is named twice.
        """
        for name in names:
            if name not in self.class_names:
                raise ValueError(
                    f"classes: {self.name} has no class {name!r}."
                    f"{near_names(name, self.class_names)}"
                )
        if len({*names}) != len(names) or not names:
            raise ValueError(f"classes: expected one or more, each once, got {list(names)}.")
        number = {self.class_names.index(name): place for place, name in enumerate(names)}
        chosen = [
            Renumbered(one, number[one.label]) for one in self.recordings if one.label in number
        ]
        name = f"{self.name}, {len(names)} of {len(self.class_names)} classes"
        return replace(self, name=name, class_names=tuple(names), recordings=chosen)
