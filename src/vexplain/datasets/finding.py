"""What lies below a folder: videos and folders of pictures, found in one run, none opened."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path

from vexplain.datasets.recordings import Dataset, Problem, Recording
from vexplain.video.sources import PICTURES, natural_key

_COMMON = (".avi", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv")
_RARE = (".3gp", ".flv", ".gif", ".m2ts", ".m4v", ".mts", ".ogv", ".ts")
VIDEOS = frozenset((*_COMMON, *_RARE))
"""Endings of the files that count as videos."""


@dataclass(frozen=True, eq=False)
class Tree:
    """The videos below a folder.

    Attributes:
        root: The folder.
        videos: Names of files, and of folders of pictures, relative to it and in natural order.
        folders: Names of all other folders, likewise.
        problems: Folders and links that weren't looked into, and why.
    """

    root: Path
    videos: tuple[str, ...]
    folders: tuple[str, ...]
    problems: tuple[Problem, ...] = ()

    @cached_property
    def by_stem(self) -> Mapping[str, Sequence[str]]:
        """The videos of each name, whatever their folder and ending."""
        found: dict[str, list[str]] = {}
        for video in self.videos:
            found.setdefault(stem_of(video), []).append(video)
        return found

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.videos)

    def path(self, name: str) -> Path | None:
        """Return the video that a list calls ``name``: relative to the root, or absolute."""
        relative = os.path.normpath(name).replace(os.sep, "/")
        place = self.root / name
        # The disk is asked only for what the run didn't see, such as a file above the root.
        return place if relative in self._known or _is_video(place) else None


def _is_video(place: Path) -> bool:
    """Return whether there is a file, or a folder that holds pictures."""
    try:
        if place.is_dir():
            return any(one.suffix.lower() in PICTURES for one in place.iterdir())
        return place.is_file()
    except (OSError, ValueError):  # a name that is too long, or none at all
        return False


def tree(root: Path, *, pictures: bool = True) -> Tree:
    """Look at everything below a folder once; what is hidden is left out, links are followed.

    A folder that links lead to twice counts once, the first time.

    Args:
        root: The folder.
        pictures: Whether a folder that holds pictures and no video counts as a video.
    """
    videos: list[str] = []
    folders: list[str] = []
    problems: list[Problem] = []
    for name, files, still in _walk(root, problems):
        videos += files
        if pictures and still and not files and name:
            videos.append(name)
        elif name:
            folders.append(name)
    videos.sort(key=by_parts)
    folders.sort(key=by_parts)
    return Tree(root, tuple(videos), tuple(folders), tuple(problems))


def _walk(root: Path, problems: list[Problem]) -> Iterator[tuple[str, list[str], bool]]:
    """Yield for every folder its name, its videos, and whether it holds pictures.

    Folders nearer to the root come first, and of those side by side links come last.
    """
    pending = deque([""])
    seen: dict[tuple[int, int], str] = {}
    while pending:
        name = pending.popleft()
        place = os.path.join(root, name)
        try:
            about = os.stat(place)
            first = seen.setdefault((about.st_dev, about.st_ino), name)
            if first != name:
                if not f"{name}/".startswith(f"{first}/" if first else ""):
                    problems.append(Problem(name, f"it is {root / first} once more; left out"))
                continue
            below, files, still = _look(place, f"{name}/" if name else "", problems)
        except OSError as error:
            problems.append(Problem(name or ".", f"it can't be read ({error.strerror})"))
            continue
        pending += below
        yield name, files, still


def _look(place: str, prefix: str, problems: list[Problem]) -> tuple[list[str], list[str], bool]:
    below: list[tuple[bool, str]] = []
    files: list[str] = []
    still = False
    with os.scandir(place) as entries:
        for entry in entries:
            suffix = os.path.splitext(entry.name)[1].lower()
            if entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # a link to itself
                name = prefix + entry.name
                problems.append(Problem(name, f"it can't be read ({error.strerror})"))
                continue
            if is_folder:
                below.append((entry.is_symlink(), prefix + entry.name))
            elif suffix in VIDEOS:
                files.append(prefix + entry.name)
            else:
                still = still or suffix in PICTURES
    return [name for _, name in sorted(below)], files, still


def by_parts(name: str) -> tuple[object, ...]:
    """Return a key that sorts names with folders, numbers by their value."""
    return tuple(natural_key(part) for part in name.split("/"))


def stem_of(name: str) -> str:
    """Return the last part of a name without the ending of a video."""
    last = name.rpartition("/")[2]
    stem, suffix = os.path.splitext(last)
    return stem if suffix.lower() in VIDEOS else last


def one_file(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Return, for each of the names that lead to one file, links followed, the first of them."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        found.setdefault(os.path.realpath(root / name), []).append(name)
    return {name: same[0] for same in found.values() if len(same) > 1 for name in same}


def folder_at(name: str, place: str | PathLike[str]) -> Path:
    """Return an option as a folder.

    Args:
        name: What the option is called.
        place: Its value.

    Raises:
        FileNotFoundError: When there is no such folder.
    """
    folder = _path(name, place)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing"
        raise FileNotFoundError(f"{name}: expected a folder at {folder}, there is {what}.")
    return folder


def file_at(name: str, place: str | PathLike[str]) -> Path:
    """Return an option as a file.

    Raises:
        FileNotFoundError: When there is no such file.
    """
    file = _path(name, place)
    if not file.is_file():
        what = "a folder" if file.exists() else "nothing"
        raise FileNotFoundError(f"{name}: expected a file at {file}, there is {what}.")
    return file


def _path(name: str, place: str | PathLike[str]) -> Path:
    text = str(place)  # an option such as videos=2020 arrives as a number
    if not text:
        raise ValueError(f"{name}: expected the name of a file or folder, got nothing.")
    return Path(text).expanduser()


def assembled(
    name: str,
    class_names: Sequence[str],
    recordings: Sequence[Recording],
    problems: Sequence[Problem],
    *,
    sought: str,
) -> Dataset:
    """Return the dataset, unless nothing is left of it.

    Args:
        name: What cards and manifests call it.
        class_names: One per class.
        recordings: What was found.
        problems: What wasn't.
        sought: What was looked for and where, for the error.

    Raises:
        ValueError: When there is no recording.
    """
    if not recordings:
        first = f" The first: {problems[0].name}: {problems[0].reason}" if problems else ""
        raise ValueError(
            f"data: expected {sought}, found none ({len(problems)} listed, none usable).{first}"
        )
    return Dataset(
        name=name,
        class_names=tuple(class_names),
        recordings=tuple(recordings),
        problems=tuple(problems),
    )
