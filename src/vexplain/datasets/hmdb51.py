"""HMDB51: 51 actions in clips cut from films and from the web."""

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from vexplain.datasets.finding import assembled, by_parts, folder_at, stem_of, tree
from vexplain.datasets.lists import Classes, checked_fold, lines_of
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

SPLITS: Mapping[str, str | None] = {"0": None, "1": "train", "2": "test"}
"""What the numbers in the lists mean; 0 is in neither part."""

_TAIL = re.compile(r"_([a-z]+)_([a-z]+)_np([0-9]+)_([a-z]+)_([a-z]+)_[0-9]+$")
_FACT_NAMES = ("visible", "camera", "people", "view", "quality")


def hmdb51(
    place: str | PathLike[str],
    *,
    splits: str | PathLike[str] | None = None,
    fold: int | None = None,
) -> Dataset:
    """List HMDB51 (Kuehne et al. 2011, doi 10.1109/ICCV.2011.6126543).

    Videos lie in folders named by class and are called
    ``SOURCE_CLASS_VISIBLE_CAMERA_npPEOPLE_VIEW_QUALITY_NUMBER``. Clips of one source may show the
    same scene, so the group of a recording is its source; one whose name has another form is a
    problem, and a group of its own.

    Args:
        place: A folder above those of the classes.
        splits: The folder of the lists ``CLASS_test_split1.txt``.
        fold: Which of the three lists of each class says what is train and what is test.

    Raises:
        FileNotFoundError: When a folder is missing.
        ValueError: When a list can't be understood, or no video is left.
    """
    root = folder_at("data", place)
    folder = None if splits is None else folder_at("splits", splits)
    number = checked_fold(fold, folder, "splits")
    if folder and not number:
        raise ValueError("fold: expected 1, 2 or 3 with splits, got none.")
    listed = _listed(folder, number) if folder and number else {}
    inside = tree(root)
    problems = list(inside.problems)
    found: dict[tuple[str, str], str] = {}
    for video in inside.videos:
        name, key = Path(video).parent.name, (Path(video).parent.name, stem_of(video))
        if not name:
            problems.append(Problem(video, f"it lies in no folder of a class below {root}"))
        elif key in found:
            problems.append(Problem(video, f"{root / found[key]} has the same name and is used"))
        else:
            found[key] = video
    names = sorted({name for name, _ in [*found, *listed]}, key=by_parts)
    problems += _unknown(found)
    problems += [
        Problem(f"{name}/{stem}", f"fold {number} lists it, and it isn't below {root}")
        for name, stem in sorted(listed.keys() - found.keys(), key=_in_order)
    ]
    problems += [
        Problem(name, f"there is no list {name}{_ending(number)}, so its videos are in no split")
        for name in names
        if number and name not in {home for home, _ in listed}
    ]
    return assembled(
        f"HMDB51, fold {number}" if number else "HMDB51",
        names,
        _recordings(root, found, Classes.of(names or ["none"], str(root)), listed),
        problems,
        sought=f"videos in folders named by class, such as brush_hair/*.avi, below {root}",
    )


def _listed(folder: Path, fold: int) -> dict[tuple[str, str], str | None]:
    """Return the part that a fold's lists put each video of each class in."""
    ending = _ending(fold)
    listed: dict[tuple[str, str], str | None] = {}
    for file in sorted(folder.glob(f"*{ending}")):
        for where, line in lines_of(file):
            video, _, number = line.rpartition(" ")
            if not video or number not in SPLITS:
                raise ValueError(
                    f"splits: expected the name of a video and 0, 1 or 2 in {where}, got {line!r}."
                )
            key, part = (file.name.removesuffix(ending), stem_of(video.strip())), SPLITS[number]
            if listed.setdefault(key, part) != part:
                raise ValueError(
                    f"splits: {where} puts {key[1]} in {part or 'no part'}, and a line before it "
                    f"in {listed[key] or 'no part'}. Leave one of them out."
                )
    if not listed:
        raise ValueError(
            f"splits: expected lists such as brush_hair{ending} in {folder}, got none."
        )
    return listed


def _recordings(
    root: Path,
    found: Mapping[tuple[str, str], str],
    named: Classes,
    listed: Mapping[tuple[str, str], str | None],
) -> list[VideoRecording]:
    return [
        VideoRecording(
            name=f"{name}/{stem}",
            path=root / found[name, stem],
            label=named.numbers[name],
            group=source_of(stem, name) or f"{name}/{stem}",
            split=listed.get((name, stem)),
            facts=facts_of(stem),
        )
        for name, stem in sorted(found, key=_in_order)
    ]


def _unknown(found: Mapping[tuple[str, str], str]) -> list[Problem]:
    return [
        Problem(
            found[name, stem],
            f"its name doesn't say its source: expected SOURCE_{_folded(name)}_..._np1_fr_med_0. "
            "It is used, as a group of its own",
        )
        for name, stem in sorted(found, key=_in_order)
        if source_of(stem, name) is None
    ]


def source_of(stem: str, name: str) -> str | None:
    """Return the part of a file's name before its class and the facts, or None without such.

    Class and source may have the same words, and spaces may stand for underscores.
    """
    tail = _TAIL.search(stem)
    head, ending = stem[: tail.start()] if tail else "", f"_{_folded(name)}"
    return head[: -len(ending)] or None if _folded(head).endswith(ending) else None


def facts_of(stem: str) -> dict[str, str]:
    """Return what the end of a file's name says, in the abbreviations of the dataset."""
    match = _TAIL.search(stem)
    return dict(zip(_FACT_NAMES, match.groups(), strict=True)) if match else {}


def _folded(name: str) -> str:
    return name.replace(" ", "_")


def _ending(fold: int | None) -> str:
    return f"_test_split{fold}.txt"


def _in_order(key: tuple[str, str]) -> tuple[object, ...]:
    return by_parts("/".join(key))
