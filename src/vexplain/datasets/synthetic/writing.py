"""Writing a synthetic set as files: videos, label volumes, and a table that lists them."""

import csv
import io
import json
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from vexplain.core import Progress
from vexplain.core.checks import check_whole
from vexplain.core.files import write_atomically
from vexplain.datasets.recordings import Dataset
from vexplain.datasets.synthetic.actions import ACTIONS
from vexplain.datasets.synthetic.recordings import SECONDS, SyntheticRecording
from vexplain.datasets.synthetic.rendering import render
from vexplain.video import write_video

TABLE, CLASSES, SET = "clips.csv", "classes.txt", "set.json"


def write_set(
    dataset: Dataset,
    folder: Path,
    *,
    frames: int = 32,
    size: int = 112,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Write every clip of a synthetic set, its truth, and the table that lists them.

    What is there already from a run that was stopped is kept, if it was of the same set and size.
    ``open_dataset`` reads the set back as ``table:FOLDER/clips.csv?classes=FOLDER/classes.txt``.

    Args:
        dataset: What ``synthetic`` returned.
        folder: Gets ``set.json``, which says what is being written; ``clips/NAME.mp4``;
            ``truths/NAME.npz``, each a ``region`` (T, H, W) that is true where the object is seen;
            ``classes.txt``; and at the end ``clips.csv``.
        frames: T of the videos, which last two seconds.
        size: H and W, in pixels; even, as mp4 needs.
        workers: Processes that render and write.
        progress: Is told of every clip.

    Returns:
        The table.

    Raises:
        OSError: When something can't be written.
        ValueError: On numbers that are none, another dataset, or a folder that holds another set.
    """
    for name, value in {"frames": frames, "workers": workers}.items():
        check_whole(name, value)
    check_size(size)
    recordings = _synthetic(dataset)
    _claim(folder, recordings[0], frames, size)
    for part in ("clips", "truths"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    work = partial(_written, folder=folder, frames=frames, size=size)
    if progress:
        progress.start(len(recordings))
    rows = []
    try:
        with closing(_each(work, recordings, workers)) as each:
            for row in each:
                rows.append(row)
                if progress:
                    progress.advance(1)
    finally:
        if progress:
            progress.stop()
    names = "".join(f"{action.name}\n" for action in ACTIONS)
    write_atomically(folder / CLASSES, names.encode())
    write_atomically(folder / TABLE, _as_csv(rows).encode())
    return folder / TABLE


def check_size(size: int) -> None:
    """Raise ``ValueError`` unless videos can be of this size."""
    check_whole("size", size, 8)
    if size % 2:
        raise ValueError(
            f"size: expected an even number, as mp4 needs, got {size}. Take {size + 1}."
        )


def _synthetic(dataset: Dataset) -> list[SyntheticRecording]:
    found = [one for one in dataset.recordings if isinstance(one, SyntheticRecording)]
    if not found or len(found) < len(dataset):
        raise ValueError(
            f"dataset: expected recordings of a synthetic set, got {dataset.name}. "
            "Open one as synthetic:still or synthetic:restless."
        )
    return found


def _claim(folder: Path, one: SyntheticRecording, frames: int, size: int) -> None:
    """Write down which set a folder gets.

    Raises:
        ValueError: When it holds another one.
    """
    wanted = {
        "family": one.family,
        "seed": one.seed,
        "sources": one.sources,
        "distractors": one.distractors,
        "frames": frames,
        "size": size,
        "vexplain": version("vexplain"),
    }
    said = _said(folder)
    other = [
        f"{key} {said.get(key)}, not {wanted[key]}"
        for key in wanted
        if said.get(key) != wanted[key]
    ]
    if said and other:
        raise ValueError(
            f"folder: expected an empty folder or the same set, {folder} holds one with "
            f"{'; '.join(other)}. Give another folder."
        )
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / SET, (json.dumps(wanted, indent=2) + "\n").encode())


def _said(folder: Path) -> dict[str, Any]:
    """Return what a folder says of the set in it; nothing where there is none."""
    file = folder / SET
    if not file.is_file():
        return {"set": None} if any((folder / "truths").glob("*.npz")) else {}
    try:
        content = json.loads(file.read_bytes())
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {"set": None}


def _each(
    work: "partial[dict[str, str]]", recordings: list[SyntheticRecording], workers: int
) -> Generator[dict[str, str], None, None]:
    if workers == 1:
        yield from map(work, recordings)
        return
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    )
    try:
        yield from pool.map(work, recordings, chunksize=8)
    finally:
        # After an interrupt nobody waits for the clips that are left.
        pool.shutdown(cancel_futures=True)


def _written(
    recording: SyntheticRecording, *, folder: Path, frames: int, size: int
) -> dict[str, str]:
    """Write one clip and its truth, and return its row of the table."""
    path, truth = Path("clips", f"{recording.name}.mp4"), Path("truths", f"{recording.name}.npz")
    made = render(recording.scene, frames=frames, size=size)
    if not (folder / truth).is_file():
        write_video(folder / path, made.frames, fps=frames / SECONDS)
        content = io.BytesIO()
        np.savez_compressed(content, region=made.region)
        write_atomically(folder / truth, content.getvalue())
    seen = np.flatnonzero(made.region.any((1, 2))) * SECONDS / frames
    return {
        "path": str(path),
        "label": ACTIONS[recording.label].name,
        "group": recording.group,
        "split": recording.split,
        "truth": str(truth),
        "seen_from": f"{seen[0]:.3f}" if len(seen) else "",
        "seen_to": f"{seen[-1] + SECONDS / frames:.3f}" if len(seen) else "",
        **recording.facts,
    }


def _as_csv(rows: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
