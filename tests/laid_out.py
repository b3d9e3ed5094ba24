"""Real clips and empty files, laid out as datasets are."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from vexplain.datasets import Dataset, VideoRecording

Put: TypeAlias = Callable[[str, str], Path]
"""Links a real clip to a name below the temporary folder."""


def linker(assets: Path, root: Path) -> Put:
    def link(clip: str, name: str) -> Path:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(assets / "clips" / clip)
        return place

    return link


def touch(root: Path, *names: str) -> Path:
    for name in names:
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    return root


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def names(dataset: Dataset) -> list[str]:
    return [one.name for one in dataset.recordings]


def videos(dataset: Dataset) -> list[VideoRecording]:
    return [one for one in dataset.recordings if isinstance(one, VideoRecording)]
