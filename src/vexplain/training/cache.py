"""Clips and truths kept in files, so that a video is decoded once and not in every epoch."""

from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from vexplain.core import ClipSpec, Source, VideoClip
from vexplain.core.files import atomic_path
from vexplain.datasets import Recording
from vexplain.datasets.recordings import FILES, read_from


@dataclass(frozen=True, kw_only=True, eq=False)
class Read:
    """A recording that was read.

    Attributes:
        clip: Its clip, rounded to 8 bits.
        truth: Which voxels hold the evidence, or None.
        doubt: Why the truth can't be read, or nothing.
    """

    clip: VideoClip
    truth: Bool[Tensor, "T H W"] | None
    doubt: str = ""


def read(
    recording: Recording,
    place: int,
    spec: ClipSpec,
    *,
    folder: Path | None = None,
    with_truth: bool = True,
) -> Read:
    """Return a recording's clip and truth, from the cache where they are in it.

    The clip is rounded to 8 bits whether there is a cache or not. A file of the cache takes
    3 · T · H · W bytes, 4 with a truth. Where it can't be written, or read again, the clip is
    decoded.

    Args:
        recording: What is read.
        place: Its place in the dataset.
        spec: What the clip shall be.
        folder: The cache, which is made if need be and may be removed at any time; None = none.
        with_truth: Whether the truth is needed; a cache keeps it in any case.

    Raises:
        FileNotFoundError: When the recording is gone.
        ValueError: When it can't be read.
    """
    if folder is None:
        return _read(decoded(recording, spec, with_truth=with_truth))
    said = f"{recording.name} {spec}{stamp(recording)}".encode(errors="surrogateescape")
    file = folder / f"{place}-{sha256(said).hexdigest()[:16]}.pt"
    with suppress(Exception):  # not there, removed just now, or cut off: torch raises anything
        return _read(torch.load(file, weights_only=True))
    content = decoded(recording, spec, with_truth=True)
    with suppress(OSError, RuntimeError):  # torch raises the latter on a full disk
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_path(file) as part:
            torch.save(content, part)
    return _read(content)


def stamp(recording: Recording) -> str:
    """Return what a recording is read from, and size and time of change of its files, if any."""
    said = "".join(f" {one}" for one in read_from(recording))
    for file in (getattr(recording, name, None) for name in FILES):
        with suppress(OSError):
            found = Path(file).stat() if file is not None else None
            said += f" {found.st_size} {found.st_mtime_ns}" if found else ""
    return said


def decoded(recording: Recording, spec: ClipSpec, *, with_truth: bool) -> dict[str, Any]:
    """Return what the cache keeps of a recording; a truth that can't be read spoils no clip."""
    clip = recording.read(spec)
    truth, doubt = None, ""
    if with_truth:
        try:
            truth = recording.truth(clip)
        except (ValueError, OSError) as error:
            doubt = f"{type(error).__name__}: {error}"
    return {
        "frames": (clip.frames * 255).round().to(torch.uint8),
        "pts_seconds": clip.pts_seconds,
        "source": asdict(clip.source) if clip.source else None,
        "truth": truth,
        "doubt": doubt,
    }


def _read(content: dict[str, Any]) -> Read:
    source = Source(**content["source"]) if content["source"] else None
    clip = VideoClip(content["frames"].float() / 255, content["pts_seconds"], source)
    return Read(clip=clip, truth=content["truth"], doubt=content.get("doubt", ""))
