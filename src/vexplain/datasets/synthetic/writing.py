"""Writing a synthetic set as files: videos, label volumes, and a table that lists them."""

import csv
import io
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

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

TABLE, CLASSES = "clips.csv", "classes.txt"


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

    What is there already from a run that was stopped is kept. ``open_dataset`` reads the set back
    as ``table:FOLDER/clips.csv?classes=FOLDER/classes.txt``.

    Args:
        dataset: What ``synthetic`` returned.
        folder: Gets ``clips/NAME.mp4``; ``truths/NAME.npz``, each a ``region`` (T, H, W) that is
            true where the object is seen; ``classes.txt``; and at the end ``clips.csv``.
        frames: T of the videos, which last two seconds.
        size: H and W, in pixels.
        workers: Processes that render and write.
        progress: Is told of every clip.

    Returns:
        The table.

    Raises:
        OSError: When something can't be written.
        ValueError: On numbers that are none.
    """
    for name, value in {"frames": frames, "workers": workers}.items():
        check_whole(name, value)
    check_whole("size", size, 8)
    for part in ("clips", "truths"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    recordings = [one for one in dataset.recordings if isinstance(one, SyntheticRecording)]
    work = partial(_written, folder=folder, frames=frames, size=size)
    if progress:
        progress.start(len(recordings))
    rows = []
    try:
        for row in _each(work, recordings, workers):
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


def _each(
    work: "partial[dict[str, str]]", recordings: list[SyntheticRecording], workers: int
) -> Iterable[dict[str, str]]:
    if workers == 1:
        yield from map(work, recordings)
        return
    with ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(work, recordings, chunksize=8)


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
