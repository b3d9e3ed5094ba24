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

_FACTS = re.compile(r"_([a-z]+)_([a-z]+)_np([0-9]+)_([a-z]+)_([a-z]+)_[0-9]+")
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
    same scene, so the group of a recording is its source.

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
    problems: list[Problem] = []
    found: dict[tuple[str, str], str] = {}
    for video in tree(root).videos:
        name, key = Path(video).parent.name, (Path(video).parent.name, stem_of(video))
        if not name:
            problems.append(Problem(video, f"it lies in no folder of a class below {root}"))
        elif key in found:
            problems.append(Problem(video, f"{root / found[key]} has the same name and is used"))
        else:
            found[key] = video
    names = sorted({name for name, _ in [*found, *listed]}, key=by_parts)
    for name, stem in sorted(listed.keys() - found.keys(), key=lambda key: by_parts("/".join(key))):
        problems.append(
            Problem(f"{name}/{stem}", f"fold {number} lists it, and it isn't below {root}")
        )
    return assembled(
        f"HMDB51, fold {number}" if number else "HMDB51",
        names,
        _recordings(root, found, Classes.of(names or ["none"], str(root)), listed),
        problems,
        sought=f"videos in folders named by class, such as brush_hair/*.avi, below {root}",
    )


def _listed(folder: Path, fold: int) -> dict[tuple[str, str], str | None]:
    """Return the part that a fold's lists put each video of each class in."""
    ending = f"_test_split{fold}.txt"
    listed: dict[tuple[str, str], str | None] = {}
    for file in sorted(folder.glob(f"*{ending}")):
        for where, line in lines_of(file):
            video, _, number = line.rpartition(" ")
            if not video or number not in SPLITS:
                raise ValueError(
                    f"splits: expected the name of a video and 0, 1 or 2 in {where}, got {line!r}."
                )
            listed[file.name.removesuffix(ending), stem_of(video.strip())] = SPLITS[number]
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
            group=source_of(stem, name),
            split=listed.get((name, stem)),
            facts=facts_of(stem, name),
        )
        for name, stem in sorted(found, key=lambda key: by_parts("/".join(key)))
    ]


def source_of(stem: str, name: str) -> str:
    """Return the part of a file's name before its class, which may be in the source's name too."""
    return stem.rpartition(f"_{name}_")[0] or stem


def facts_of(stem: str, name: str) -> dict[str, str]:
    """Return what the end of a file's name says, in the abbreviations of the dataset."""
    match = _FACTS.fullmatch("_" + stem.rpartition(f"_{name}_")[2])
    return dict(zip(_FACT_NAMES, match.groups(), strict=True)) if match else {}
