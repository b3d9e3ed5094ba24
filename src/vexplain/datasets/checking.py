"""A look at every file of a dataset: what is there, what is broken, and what leaks."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from vexplain.core import Progress
from vexplain.datasets.recordings import Dataset, Problem, Recording, VideoRecording
from vexplain.video.clips import open_source
from vexplain.video.sources import FrameSource, Survey

_UNKNOWN_SIZE = 0xFFFFFFF0
"""From here on a size in a RIFF header is that of a writer who didn't know it."""
_MOST_WORKERS = 8
"""More only wait for each other: reading packets holds the interpreter's lock half of the time."""


@dataclass(frozen=True)
class Durations:
    """How long recordings are, in seconds."""

    shortest: float
    median: float
    longest: float
    total: float


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a dataset holds, and what is wrong with it.

    Attributes:
        name: The dataset's.
        recordings: How many there are.
        decoded: Whether every frame was decoded.
        classes: Recordings of each class; also of those without any.
        unlabelled: Recordings without a class.
        splits: Recordings of each split, in alphabetical order.
        groups: How many groups there are.
        ungrouped: Recordings without a group.
        leaks: Groups that are in more than one split, with those splits.
        problems: What is listed and missing, unreadable, cut short or damaged.
        unusable: Recordings of these that give no clip at all.
        durations: Of those that can be read; None where there is none.
        rates: Recordings of each rate, in frames per second.
        sizes: Recordings of each size, as ``width x height``.
    """

    name: str
    recordings: int
    decoded: bool
    classes: Mapping[str, int]
    unlabelled: int
    splits: Mapping[str, int]
    groups: int
    ungrouped: int
    leaks: Mapping[str, tuple[str, ...]]
    problems: tuple[Problem, ...]
    unusable: int
    durations: Durations | None
    rates: Mapping[str, int]
    sizes: Mapping[str, int]

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """The classes without recordings."""
        return tuple(name for name, count in self.classes.items() if not count)

    @property
    def usable(self) -> int:
        """How many recordings give a clip."""
        return self.recordings - self.unusable

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain data, for JSON."""
        return {**asdict(self), "usable": self.usable, "empty_classes": list(self.empty_classes)}


@dataclass(frozen=True)
class _Look:
    """What one file is like.

    Attributes:
        seconds: Its length; None when it gives no frame.
        rate: Frames per second.
        size: ``width x height``.
        reason: What is wrong with it, if anything.
    """

    seconds: float | None = None
    rate: str = ""
    size: str = ""
    reason: str = ""


def check_dataset(
    dataset: Dataset,
    *,
    decode: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Look at every file of a dataset.

    The packets of each file are read and its first frame is decoded, which finds files that are
    missing, of another kind, or cut short. Recordings that aren't files are counted only.

    Args:
        dataset: What to look at.
        decode: Decode every frame, which finds damage inside of files too and takes as long as
            reading the whole dataset.
        workers: Files looked at side by side; as many as there are processors by default.
        progress: Told how many files there are, and when one is done.

    Raises:
        ValueError: When ``workers`` is less than 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}.")
    videos = [one for one in dataset.recordings if isinstance(one, VideoRecording)]
    paths = list(dict.fromkeys(one.path for one in videos))
    looks = dict(zip(paths, _looks(paths, decode, workers, progress), strict=True))
    parts = {one.name: _part(one, looks[one.path]) for one in videos}
    return _report(dataset, parts, decode)


def _looks(
    paths: Sequence[Path], decode: bool, workers: int | None, progress: Progress | None
) -> Iterator[_Look]:
    pool = ThreadPoolExecutor(workers or min(os.cpu_count() or 1, _MOST_WORKERS))
    if progress:
        progress.start(len(paths))
    try:
        for look in pool.map(lambda path: _look(path, decode), paths):
            if progress:
                progress.advance(1)
            yield look
    finally:
        # After an interrupt nobody waits for the files that are left.
        pool.shutdown(cancel_futures=True)
        if progress:
            progress.stop()


def _look(path: Path, decode: bool) -> _Look:
    try:
        source = open_source(path)
        return _seen(source, source.survey(), decode)
    except (OSError, ValueError) as error:
        return _Look(reason=str(error).removeprefix("path: "))


def _seen(source: FrameSource, survey: Survey, decode: bool) -> _Look:
    damage: Counter[str] = Counter()
    frames = source.frames(damage)
    first = next(frames, None)
    if first is None:
        return _Look(reason="no frame can be decoded; the file is damaged or cut short")
    height, width, _ = first.to_rgb().shape
    n = 1 + sum(1 for _ in frames) if decode else len(survey.times)
    rate = float(survey.rate)
    end = survey.times[-1] if survey.times else 0.0
    short = not survey.complete or ends_early(source.path)
    reason = _reason(short, n, damage)
    return _Look(end + 1 / rate, f"{rate:.4g}", f"{width}x{height}", reason)


def ends_early(path: Path) -> bool:
    """Return whether an AVI file is smaller than its header says.

    FFmpeg shortens the duration of such a file by as much as is missing, so that it seems whole.
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(8)
        size = file.seek(0, os.SEEK_END)
    said = int.from_bytes(start[4:], "little")
    return start[:4] == b"RIFF" and size < said + 8 < _UNKNOWN_SIZE


def _reason(short: bool, n: int, damage: Mapping[str, int]) -> str:
    lost, patched = damage.get("packets", 0), damage.get("frames", 0)
    if short:
        return f"it is cut short or damaged: {n} frames are here, and it says that there is more"
    if lost or patched:
        return f"it is damaged: of {n} frames {patched} have errors, {lost} packets are lost"
    return ""


def _part(one: VideoRecording, whole: _Look) -> _Look:
    """Return the look of a recording, which may be a part of its file."""
    if whole.seconds is None:
        return whole
    start, end = one.start_seconds or 0.0, one.end_seconds
    if start >= whole.seconds:
        return _Look(reason=f"it starts at {start:g} s, and the file ends at {whole.seconds:.1f} s")
    stop = whole.seconds if end is None else min(end, whole.seconds)
    return _Look(stop - start, whole.rate, whole.size, whole.reason)


def _report(dataset: Dataset, parts: Mapping[str, _Look], decoded: bool) -> Report:
    recordings = dataset.recordings
    labels = Counter(one.label for one in recordings)
    splits = Counter(one.split for one in recordings if one.split is not None)
    readable = [look for look in parts.values() if look.seconds is not None]
    broken = [Problem(name, look.reason) for name, look in parts.items() if look.reason]
    return Report(
        name=dataset.name,
        recordings=len(recordings),
        decoded=decoded,
        classes={name: labels[number] for number, name in enumerate(dataset.class_names)},
        unlabelled=labels[None],
        splits={name: splits[name] for name in sorted(splits)},
        groups=len({one.group for one in recordings} - {None}),
        ungrouped=sum(one.group is None for one in recordings),
        leaks=_leaks(recordings),
        problems=(*dataset.problems, *broken),
        unusable=len(parts) - len(readable),
        durations=_durations([look.seconds for look in readable if look.seconds is not None]),
        rates=dict(Counter(look.rate for look in readable).most_common()),
        sizes=dict(Counter(look.size for look in readable).most_common()),
    )


def _durations(seconds: Sequence[float]) -> Durations | None:
    if not seconds:
        return None
    return Durations(min(seconds), median(seconds), max(seconds), sum(seconds))


def _leaks(recordings: Sequence[Recording]) -> dict[str, tuple[str, ...]]:
    """Return the groups that are in more than one split."""
    homes: dict[str, set[str]] = {}
    for one in recordings:
        if one.group is not None and one.split is not None:
            homes.setdefault(one.group, set()).add(one.split)
    return {group: tuple(sorted(homes[group])) for group in sorted(homes) if len(homes[group]) > 1}
