"""Kinetics: lists of parts of YouTube videos, whose clips may lie in any folders."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from os import PathLike
from pathlib import Path

from vexplain.core import near_names
from vexplain.datasets.finding import (
    Tree,
    assembled,
    file_at,
    folder_at,
    stem_of,
    tree,
)
from vexplain.datasets.lists import Classes, Row, lines_of, rows_of
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

_COLUMNS = ("youtube_id", "time_start", "time_end")
_KNOWN = (*_COLUMNS, "label", "split")
_CLIP = re.compile(r"(.{11})_[0-9]{6}_[0-9]{6}")


def kinetics400(
    place: str | PathLike[str],
    *,
    videos: str | PathLike[str] | None = None,
    classes: str | PathLike[str] | None = None,
    split: str | None = None,
) -> Dataset:
    """List Kinetics-400, or 600 and 700 with their classes.

    Two kinds of lists are known. The official one (Kay et al. 2017, arXiv 1705.06950) is a csv
    with the columns ``label``, ``youtube_id``, ``time_start``, ``time_end`` and ``split``, and in
    the first release ``is_cc``; that of the test part has no ``label``. Its clips are files
    ``ID_START_END`` with six digits, as the usual downloads name them, in whichever folders and
    of whichever container; or whole videos ``ID``, of which the listed seconds are taken.
    MMAction2's list has lines ``PATH LABEL`` with the number of the class last, or, for folders of
    pictures, ``PATH FRAMES LABEL``.

    The group of a clip is the YouTube video that it was cut from, where its name says so.

    Args:
        place: The list.
        videos: The folder that holds the clips; the list's own by default.
        classes: A file with one name per line; Kinetics-400's by default.
        split: Take only this part of the official list.

    Raises:
        FileNotFoundError: When the list or the folder is missing.
        ValueError: When the list can't be understood, names an unknown class, or none of its
            clips is there.
    """
    file = file_at("data", place)
    root = folder_at("videos", file.parent if videos is None else videos)
    known = _classes(classes)
    official = _is_official(file)
    if not official and split is not None:
        raise ValueError(f"split: {file} says of no clip which part it is in. Leave split out.")
    inside = tree(root)
    sorter = _Sorter(inside, known, problems=list(inside.problems))
    if official:
        for row in _of_split(rows_of(file, needed=_COLUMNS), split, file):
            sorter.add(row)
    else:
        for where, line in lines_of(file):
            sorter.add_path(where, line)
    part = f", {split}" if split else ""
    return assembled(
        f"Kinetics-{len(known.names)}{part}",
        known.names,
        sorter.recordings,
        sorter.problems,
        sought=f"the clips that {file} lists, below {root}; say where they are with videos=FOLDER",
    )


def _classes(file: str | PathLike[str] | None) -> Classes:
    if file is not None:
        return Classes.read(file_at("classes", file))
    names = (files("vexplain") / "assets" / "kinetics400.txt").read_text(encoding="utf-8")
    return Classes.of(names.split("\n")[:400], "Kinetics-400")


def _is_official(file: Path) -> bool:
    lines = lines_of(file)
    if not lines:
        raise ValueError(f"data: expected a list of clips in {file}, got an empty file.")
    where, first = lines[0]
    if "youtube_id" in first:
        return True
    if not _is_number(first.split()[-1]):
        raise ValueError(
            f"data: expected the columns label,youtube_id,time_start,time_end,split or a path and "
            f"the number of a class in {where}, got {first[:80]!r}."
        )
    return False


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _of_split(rows: Sequence[Row], split: str | None, file: Path) -> list[Row]:
    chosen = [row for row in rows if split is None or row.cells.get("split") == str(split)]
    if rows and not chosen:
        splits = sorted({row.cells.get("split", "") for row in rows} - {""})
        raise ValueError(
            f"split: {file} has no split {split!r}; there are {', '.join(splits) or 'none'}."
            f"{near_names(str(split), splits)}"
        )
    return chosen


@dataclass(frozen=True, eq=False)
class _Sorter:
    """Sorts what is listed into what is there and what isn't."""

    tree: Tree
    classes: Classes
    recordings: list[VideoRecording] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seen: dict[str, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Look for the clip of a row of the official list."""
        cells = row.cells
        video, start, end = (cells["youtube_id"], row.number("time_start"), row.number("time_end"))
        if not video or start is None or end is None or end <= start:
            raise ValueError(
                f"data: expected a YouTube id and an end after the start in {row.where}, got "
                f"{video!r}, {cells['time_start']!r} and {cells['time_end']!r}."
            )
        name = f"{video}_{int(start):06d}_{int(end):06d}"
        label = self.classes.number(cells["label"], row.where) if cells.get("label") else None
        clip, whole = self.tree.by_stem.get(name), self.tree.by_stem.get(video)
        found = clip or whole
        if not self._is_new(name, row.where):
            return
        if not found:
            reason = f"there is no {name} and no {video} of any ending below {self.tree.root}"
            self.problems.append(Problem(name, reason))
            return
        if len(found) > 1:
            reason = f"{' and '.join(found)} have this name; the first is used"
            self.problems.append(Problem(name, reason))
        self.recordings.append(
            VideoRecording(
                name=name,
                path=self.tree.root / found[0],
                label=label,
                group=video,
                split=cells.get("split") or None,
                facts={key: text for key, text in cells.items() if key not in _KNOWN and text},
                start_seconds=None if clip else start,
                end_seconds=None if clip else end,
            )
        )

    def add_path(self, where: str, line: str) -> None:
        """Look for the clip of a line ``PATH LABEL``."""
        name, number = line.rsplit(None, 1) if len(line.split(None, 1)) > 1 else ("", line)
        if not name or not _is_number(number):
            raise ValueError(
                f"data: expected a path and the number of its class in {where}, got {line!r}."
            )
        label = self.classes.checked(int(number), where)
        path = self.tree.path(name)
        if path is None and (frames := self._frames(name)):
            name, path = frames
        if not self._is_new(name, where):
            return
        if path is None:
            self.problems.append(Problem(name, f"there is no such file in {self.tree.root}"))
        else:
            match = _CLIP.fullmatch(stem_of(name))
            group = match[1] if match else None
            self.recordings.append(VideoRecording(name=name, path=path, label=label, group=group))

    def _frames(self, name: str) -> tuple[str, Path] | None:
        """Return the folder of pictures that ``FOLDER FRAMES`` calls, if there is one."""
        folder, number = name.rsplit(None, 1) if len(name.split(None, 1)) > 1 else ("", "")
        path = self.tree.path(folder) if _is_number(number) else None
        return (folder, path) if path is not None and path.is_dir() else None

    def _is_new(self, name: str, where: str) -> bool:
        new = name not in self.seen
        first = self.seen.setdefault(name, where)
        if not new:
            reason = f"{where} lists it again after {first}; the first is used"
            self.problems.append(Problem(name, reason))
        return new
