"""What made an explanation."""

import hashlib
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from vexplain.core import (
    Classifier,
    Method,
    VideoClip,
)


def provenance(clip: VideoClip, model: Classifier, method: Method, seed: int) -> Mapping[str, Any]:
    """Return what made an explanation, as plain JSON values."""
    frames = clip.frames.detach().cpu().contiguous()
    return {
        "vexplain": version("vexplain"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": model.name,
        "device": str(model.device),
        "method": repr(method),
        "seed": seed,
        "clip": clip.source.path if clip.source else None,
        "file_digest": clip.source.digest if clip.source else None,
        "clip_digest": hashlib.sha256(frames.numpy().tobytes()).hexdigest(),
        "clip_shape": list(clip.shape),
    }
