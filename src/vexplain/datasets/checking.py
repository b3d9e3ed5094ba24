"""A look at every file of a dataset: what is there, what is broken, and what leaks."""

import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from vexplain.core import ClipSpec, Progress
from vexplain.core.files import printable
from vexplain.datasets.recordings import Dataset, Problem, Recording, VideoRecording
from vexplain.video.clips import open_source
from vexplain.video.sources import FrameSource, Survey

_ONE_FRAME = ClipSpec(frames=1, size=None)
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
        unsplit: Recordings in no split, where there are splits.
        groups: How many groups there are.
        ungrouped: Recordings without a group.
        leaks: Groups that are in more than one split, with those splits.
        shared_files: Files, links followed, that are in more than one split, with those splits.
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
    unsplit: int
    groups: int
    ungrouped: int
    leaks: Mapping[str, tuple[str, ...]]
    shared_files: Mapping[str, tuple[str, ...]]
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
        times: When each frame is shown, in seconds.
    """

    seconds: float | None = None
    rate: float = 0.0
    size: str = ""
    reason: str = ""
    times: tuple[float, ...] = ()


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
            reading the whole dataset. Where a recording says where its evidence is, that is read
            too, for frames as large as they are.
        workers: Files looked at side by side; as many as there are processors by default.
        progress: Told how many files there are, and when one is done.

    Raises:
        ValueError: When ``workers`` is less than 1.
    """
    if workers is not None and workers < 1:
        raise ValueError(f"workers: expected at least 1, got {workers}.")
    videos = [one for one in dataset.recordings if isinstance(one, VideoRecording)]
    of_file: dict[Path, list[VideoRecording]] = {}
    for one in videos:
        of_file.setdefault(one.path, []).append(one)
    found: dict[str, _Look] = {}
    for looks in _looks(list(of_file.values()), decode, workers, progress):
        found.update(looks)
    return _report(dataset, {one.name: found[one.name] for one in videos}, decode)


def _looks(
    files: Sequence[Sequence[VideoRecording]],
    decode: bool,
    workers: int | None,
    progress: Progress | None,
) -> Iterator[dict[str, _Look]]:
    """Yield for each file the looks of the recordings in it, by name."""
    pool = ThreadPoolExecutor(workers or min(os.cpu_count() or 1, _MOST_WORKERS))
    if progress:
        progress.start(len(files))
    try:
        for looks in pool.map(lambda parts: _looks_of(parts, decode), files):
            if progress:
                progress.advance(1)
            yield looks
    finally:
        # After an interrupt nobody waits for the files that are left.
        pool.shutdown(cancel_futures=True)
        if progress:
            progress.stop()


def _looks_of(parts: Sequence[VideoRecording], decode: bool) -> dict[str, _Look]:
    whole = _look(parts[0].path, decode)
    looks = {one.name: _part(one, whole) for one in parts}
    if decode:
        looks |= {one.name: _with_truth(one, looks[one.name]) for one in parts}
    return looks


def _look(path: Path, decode: bool) -> _Look:
    try:
        source = open_source(path)
        return _seen(source, source.survey(), decode)
    except Exception as error:  # whatever is in one file, the others are looked at
        return _Look(reason=str(error).removeprefix("path: ") or repr(error))


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
    reason = _reason(not survey.complete, n, damage)
    return _Look(end + 1 / rate, rate, f"{width}x{height}", reason, survey.times)


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
    if whole.times and not _holds_frame(whole.times, start, end):
        return _Look(reason=f"no frame of the file is shown from {start:g} s to {stop:g} s")
    late = end is not None and end > whole.seconds + 1 / whole.rate
    reason = f"it ends at {end:g} s, and the file at {whole.seconds:.1f} s" if late else ""
    return _Look(stop - start, whole.rate, whole.size, whole.reason or reason)


def _holds_frame(times: Sequence[float], start: float, end: float | None) -> bool:
    """Return whether a frame is shown in a part, with the tolerance of ``read_clip``."""
    first = bisect_left(times, start - 1e-6)
    return first < len(times) and (end is None or times[first] < end - 1e-6)


def _with_truth(one: VideoRecording, look: _Look) -> _Look:
    """Return the look of a recording whose truth was read, which may be the wrong one."""
    if look.seconds is None or look.reason or not (one.truth_file or one.find_boxes):
        return look
    try:
        one.truth(one.read(_ONE_FRAME))
    except Exception as error:  # whatever is in one file, the others are looked at
        return replace(look, reason=str(error) or repr(error))
    return look


def _report(dataset: Dataset, parts: Mapping[str, _Look], decoded: bool) -> Report:
    recordings = dataset.recordings
    labels = Counter(one.label for one in recordings)
    splits = Counter(one.split for one in recordings if one.split is not None)
    readable = [look for look in parts.values() if look.seconds is not None]
    broken = [Problem(name, look.reason) for name, look in parts.items() if look.reason]
    groups = [(one.group, one.split) for one in recordings]
    return Report(
        name=printable(dataset.name),
        recordings=len(recordings),
        decoded=decoded,
        classes={printable(name): labels[n] for n, name in enumerate(dataset.class_names)},
        unlabelled=labels[None],
        splits={printable(name): splits[name] for name in sorted(splits)},
        unsplit=len(recordings) - splits.total() if splits else 0,
        groups=len({one.group for one in recordings} - {None}),
        ungrouped=sum(one.group is None for one in recordings),
        leaks=_in_several(groups),
        shared_files=_in_several(_places(recordings) if len(splits) > 1 else ()),
        problems=tuple(
            Problem(printable(one.name), printable(one.reason))
            for one in (*dataset.problems, *broken)
        ),
        unusable=len(parts) - len(readable),
        durations=_durations([look.seconds for look in readable if look.seconds is not None]),
        rates=dict(Counter(f"{look.rate:.4g}" for look in readable).most_common()),
        sizes=dict(Counter(look.size for look in readable).most_common()),
    )


def _durations(seconds: Sequence[float]) -> Durations | None:
    if not seconds:
        return None
    return Durations(min(seconds), median(seconds), max(seconds), sum(seconds))


def _places(recordings: Sequence[Recording]) -> Iterator[tuple[str, str | None]]:
    """Yield the file of each recording, links followed, and its split."""
    for one in recordings:
        if isinstance(one, VideoRecording):
            yield os.path.realpath(one.path), one.split


def _in_several(
    homes: Iterable[tuple[str | None, str | None]],
) -> dict[str, tuple[str, ...]]:
    """Return what is in more than one split."""
    splits: dict[str, set[str]] = {}
    for name, split in homes:
        if name is not None and split is not None:
            splits.setdefault(name, set()).add(split)
    return {
        printable(name): tuple(printable(split) for split in sorted(splits[name]))
        for name in sorted(splits)
        if len(splits[name]) > 1
    }
