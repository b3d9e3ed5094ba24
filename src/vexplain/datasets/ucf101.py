"""UCF101: 101 actions in clips cut from YouTube, and UCF101-24 with the actors' boxes."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path

from vexplain.core import VideoClip
from vexplain.datasets.finding import assembled, by_parts, file_at, folder_at, stem_of, tree
from vexplain.datasets.lists import Classes, checked_fold, lines_of
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording
from vexplain.datasets.ucf101_boxes import KINDS, TubeFile
from vexplain.truth import Boxes

_NAME = re.compile(r"v_([A-Za-z0-9]+)_g([0-9]+)_c([0-9]+)")


def ucf101(
    place: str | PathLike[str],
    *,
    lists: str | PathLike[str] | None = None,
    fold: int | None = None,
    boxes: str | PathLike[str] | None = None,
) -> Dataset:
    """List UCF101 (Soomro et al. 2012, arXiv 1212.0402), or UCF50, whose files have such names.

    Files are named ``v_ApplyEyeMakeup_g01_c01``: the class, the group and the clip. A group holds
    clips of one class that share a background or an actor, often parts of one YouTube video.
    Groups are numbered anew in each class, so the group of a recording is ``ApplyEyeMakeup g01``.

    Classes are those of ``classInd.txt``, else those of the files in alphabetical order without
    regard to capitals, which is its order.

    Args:
        place: A folder above the videos, in folders by class or not.
        lists: The folder of ``classInd.txt``, ``trainlist01.txt`` and ``testlist01.txt``.
        fold: Which of the three pairs of lists says what is train and what is test.
        boxes: Where the actors are: the corrected annotations of UCF101-24 (Singh et al. 2017,
            arXiv 1611.08563) as ``pyannot.pkl`` or ``finalAnnots.mat``, or the folder of THUMOS'
            ``.xgtf`` files. Read when first asked for; they are those of videos of 320x240.

    Raises:
        FileNotFoundError: When a file or folder is missing.
        ValueError: When a list can't be understood, or no video is left.
    """
    root = folder_at("data", place)
    folder = None if lists is None else folder_at("lists", lists)
    number = checked_fold(fold, folder, "lists")
    annotations = None if boxes is None else TubeFile(_annotations(boxes))
    inside = tree(root)
    problems = list(inside.problems)
    found = _found(inside.videos, root, problems)
    named = _class_list(folder) if folder else _classes_of(found)
    by_lower = {name.lower(): name for name in named.names}
    splits = _splits(folder, number, named) if folder and number else {}
    recordings = []
    for stem in sorted(found, key=by_parts):
        spoken, group, _ = _parts(stem)
        # Some names differ from their class in capitals: v_HandStandPushups_g01_c01.
        name = by_lower.get(spoken.lower(), spoken)
        recordings.append(
            VideoRecording(
                name=stem,
                path=root / found[stem],
                label=named.number(name, stem),
                group=f"{name} g{group}",
                split=splits.get(stem),
                find_boxes=_finder(annotations, stem),
                boxes_file=annotations.file(stem) if annotations else None,
            )
        )
    for stem in sorted(splits.keys() - found.keys(), key=by_parts):
        problems.append(Problem(stem, f"fold {number} lists it, and it isn't below {root}"))
    return assembled(
        f"UCF101, fold {number}" if number else "UCF101",
        named.names,
        recordings,
        problems,
        sought=f"videos such as v_ApplyEyeMakeup_g01_c01.avi below {root}",
    )


def _annotations(boxes: str | PathLike[str]) -> Path:
    if Path(str(boxes)).expanduser().is_dir():
        return folder_at("boxes", boxes)
    file = file_at("boxes", boxes)
    if file.suffix not in (".mat", ".pkl"):
        raise ValueError(f"boxes: expected {KINDS}, got {file}.")
    return file


def _found(videos: tuple[str, ...], root: Path, problems: list[Problem]) -> dict[str, str]:
    found: dict[str, str] = {}
    for video in videos:
        stem = stem_of(video)
        if not _NAME.fullmatch(stem):
            problems.append(Problem(video, "its name isn't one of UCF101's, v_CLASS_g01_c01"))
        elif stem in found:
            problems.append(Problem(video, f"{root / found[stem]} has the same name and is used"))
        else:
            found[stem] = video
    return found


def _parts(stem: str) -> tuple[str, str, str]:
    match = _NAME.fullmatch(stem)
    name, group, clip = match.groups() if match else (stem, "", "")
    return name, group, clip


def _class_list(folder: Path) -> Classes:
    file = file_at("lists", folder / "classInd.txt")
    names: dict[int, str] = {}
    for where, line in lines_of(file):
        number, _, name = line.partition(" ")
        if not number.isdecimal() or not name:
            raise ValueError(f"lists: expected a number and a class in {where}, got {line!r}.")
        names[int(number)] = name.strip()
    if sorted(names) != list(range(1, len(names) + 1)):
        raise ValueError(f"lists: expected classes numbered from 1 on in {file}.")
    return Classes.of([names[number] for number in sorted(names)], str(file))


def _classes_of(found: Mapping[str, str]) -> Classes:
    names: dict[str, str] = {}
    for stem, video in found.items():
        name, *_ = _parts(stem)
        folder = Path(video).parent.name
        names.setdefault(name.lower(), folder if folder.lower() == name.lower() else name)
    return Classes.of([names[name] for name in sorted(names)] or ["none"], "the names of the files")


def _splits(folder: Path, fold: int, named: Classes) -> dict[str, str]:
    """Return which part the lists of a fold put each video in."""
    numbers = {name.lower(): str(number + 1) for name, number in named.numbers.items()}
    splits: dict[str, str] = {}
    for split in ("train", "test"):
        file = file_at("lists", folder / f"{split}list{fold:02d}.txt")
        lines = lines_of(file)
        if not lines:
            raise ValueError(f"lists: expected the names of videos in {file}, got an empty file.")
        for where, line in lines:
            stem = _listed(line, where, numbers)
            if splits.setdefault(stem, split) != split:
                raise ValueError(f"lists: {where} has {stem}, which is listed for training too.")
    return splits


def _listed(line: str, where: str, numbers: Mapping[str, str]) -> str:
    """Return the video of a line of a list, whose class's number must be that of the classes."""
    video, *number = line.split()
    stem = stem_of(video)
    if not _NAME.fullmatch(stem):
        raise ValueError(f"lists: expected CLASS/v_CLASS_g01_c01.avi in {where}, got {line!r}.")
    expected = numbers.get(_parts(stem)[0].lower())
    if number and expected and number != [expected]:
        raise ValueError(
            f"lists: {where} has class {' '.join(number)} for {stem}, which is number {expected} "
            "of classInd.txt. Take lists that belong together."
        )
    return stem


def _finder(annotations: TubeFile | None, stem: str) -> Callable[[VideoClip], Boxes | None] | None:
    return partial(annotations.boxes, stem) if annotations else None
