"""Clips and truths kept in files, so that a video is decoded once and not in every epoch."""

from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from vexplain.core import ClipSpec, Source, VideoClip
from vexplain.core.files import atomic_path
from vexplain.datasets import Recording


def cached(
    recording: Recording, place: int, spec: ClipSpec, folder: Path
) -> tuple[VideoClip, Bool[Tensor, "T H W"] | None]:
    """Return the clip of a recording, rounded to 8 bits, and its truth, from the cache if there.

    They are the same when they are read for the first time. A file takes 3 · T · H · W bytes, 4
    with a truth. Where it can't be written, the clip is decoded again the next time.

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
            "truth": recording.truth(clip),
        }
        with suppress(OSError, RuntimeError):  # torch raises the latter on a full disk
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_path(file) as part:
                torch.save(content, part)
    else:
        content = torch.load(file, weights_only=True)
    clip = VideoClip(
        content["frames"].float() / 255,
        content["pts_seconds"],
        Source(**content["source"]) if content["source"] else None,
    )
    return clip, content["truth"]
