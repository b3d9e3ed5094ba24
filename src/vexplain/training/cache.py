"""Decoded clips kept in files, so that a video is decoded once and not in every epoch."""

from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from vexplain.core import ClipSpec, Source, VideoClip
from vexplain.core.files import atomic_path
from vexplain.datasets import Recording


def cached(recording: Recording, place: int, spec: ClipSpec, folder: Path) -> VideoClip:
    """Return the clip of a recording, rounded to 8 bits, from the cache where it is there.

    It is the same when it is read for the first time. A file takes T · 3 · H · W bytes. Where it
    can't be written, the clip is decoded again the next time.

    Args:
        recording: What is read.
        place: Its place in the dataset.
        spec: What the clip shall be.
        folder: The cache, which is made if need be and may be removed at any time.

    Raises:
        FileNotFoundError: When the recording is gone.
        ValueError: When it can't be read.
    """
    key = sha256(f"{recording.name} {spec}".encode()).hexdigest()[:16]
    file = folder / f"{place}-{key}.pt"
    if not file.is_file():
        clip = recording.read(spec)
        content: dict[str, Any] = {
            "frames": (clip.frames * 255).round().to(torch.uint8),
            "pts_seconds": clip.pts_seconds,
            "source": asdict(clip.source) if clip.source else None,
        }
        with suppress(OSError, RuntimeError):  # torch raises the latter on a full disk
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as part:
                torch.save(content, part)
    else:
        content = torch.load(file, weights_only=True)
    return VideoClip(
        content["frames"].float() / 255,
        content["pts_seconds"],
        Source(**content["source"]) if content["source"] else None,
    )
