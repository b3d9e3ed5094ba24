"""Arrays inside a page: filtered, deflated, in base64, and each of them once."""

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SAMPLED = 6
"""Frames on which the filters are tried."""

LEVEL = 6  # of the deflation


@dataclass
class Blobs:
    """Collects arrays and files; what has the same content is stored once.

    Attributes:
        texts: What was collected, in base64.
    """

    texts: list[str] = field(default_factory=list)
    _known: dict[str, int] = field(default_factory=dict)

    def array(self, values: np.ndarray) -> dict[str, Any]:
        """Store an array of 1- to 8-byte numbers; return where it lies, its type and shape.

        Whole numbers of three axes are stored as differences along the axis where that is smaller.
        """
        values = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<")))
        kind = f"{values.dtype.kind}{values.dtype.itemsize}"
        how = best_filter(values)
        blob = self._store(zlib.compress(filtered(values, how).tobytes(), LEVEL))
        return {"blob": blob, "type": kind, "shape": list(values.shape), "filter": how}

    def files(self, files: Sequence[bytes]) -> dict[str, Any]:
        """Store files as they are, one after the other; return where each ends."""
        ends = np.cumsum([len(file) for file in files]).tolist()
        return {"blob": self._store(b"".join(files)), "ends": ends}

    def _store(self, content: bytes) -> int:
        key = hashlib.sha256(content).hexdigest()
        if key not in self._known:
            self._known[key] = len(self.texts)
            self.texts.append(base64.b64encode(content).decode())
        return self._known[key]


def best_filter(values: np.ndarray) -> str:
    """Return which differences deflate best: ``time``, ``rows`` or ``none``."""
    if values.ndim != 3 or values.dtype.kind not in "ui":
        return "none"
    sample = values[:SAMPLED]
    filters = ["none", "rows", "time"] if len(sample) > 1 else ["none", "rows"]
    sizes = {how: len(zlib.compress(filtered(sample, how).tobytes(), LEVEL)) for how in filters}
    return min(sizes, key=lambda how: sizes[how])


def filtered(values: np.ndarray, how: str) -> np.ndarray:
    """Return the differences between frames or rows, modulo the size of the type; or the values."""
    if how == "none":
        return values
    axis = 0 if how == "time" else 1
    first = values.take([0], axis=axis)
    return np.concatenate([first, np.diff(values, axis=axis)], axis=axis)
