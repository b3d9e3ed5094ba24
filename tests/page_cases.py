"""Explanations for pages, made without a model, and what a page holds, read back from its file."""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import vexplain as vx
from vexplain.core import (
    Attribution,
    Coalitions,
    Explanation,
    Fit,
    Ledger,
    Method,
    Segmentation,
    Source,
    VideoClip,
    Visualization,
)
from vexplain.segmentation import LabelRegions, SlidingWindow, SoftGrid
from vexplain.segmentation.lattice import box_labels
from vexplain.video import digest
from vexplain.visualization import HeatMap


@dataclass(frozen=True)
class Part:
    """Stands for the steps that a page only names."""

    def __call__(self, *args: Any) -> Any:
        raise AssertionError("a page calls no other step")

    def soften(self, keep: Tensor) -> Tensor:
        raise AssertionError("a page removes nothing")


def boxes(T: int, H: int, W: int, cells: tuple[int, int, int]) -> LabelRegions:
    labels = box_labels((T, H, W), cells)
    return LabelRegions(labels, int(labels.max()) + 1)


def clip_of(T: int, H: int, W: int, seed: int = 0) -> VideoClip:
    """A clip in which frame i is one grey of level 20 + 3·i, modulo 200, with a little noise."""
    level = (20 + 3 * torch.arange(T) % 200) / 255
    noise = torch.rand(T, 3, H, W, generator=torch.Generator().manual_seed(seed)) / 64
    return vx.clip_from_array((level.view(-1, 1, 1, 1) + noise).clamp(0, 1), fps=10)


def scores_of(n: int, seed: int = 1) -> Tensor:
    return torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def ledger_of(n: int, names: tuple[str, ...]) -> Ledger:
    rows = Coalitions(
        torch.ones(1, n, dtype=torch.bool),
        torch.ones(1).double(),
        torch.zeros(1, 3),
        torch.zeros(1, dtype=torch.int64),
        torch.full((n + 1,), 1 / (n + 1)).double(),
    )
    full = torch.linspace(2, 1, len(names)).double().softmax(0)
    return Ledger(rows, full[None], full, full, "softmax", names, 1)


def made(
    clip: VideoClip,
    regions: Segmentation,
    scores: Tensor,
    *,
    look: Visualization | None = None,
    name: str = "3D LIME",
    names: tuple[str, ...] = ("Biking", "Diving"),
    target: int = 0,
    heat: Tensor | None = None,
    error: Tensor | None = None,
) -> Explanation:
    part: Any = Part()
    drawn = regions.paint(scores).float() if heat is None else heat
    method = Method(name, part, part, part, part, part, part, look or HeatMap())
    return Explanation(
        clip,
        Attribution(scores, drawn, error, Fit(r2=0.8)),
        regions,
        ledger_of(len(scores), names),
        target,
        method,
        0,
        {"segmentation": 0.5, "inference": 2.0},
        {"model": "made", "seed": 0},
    )


def hard_one() -> Explanation:
    """Six frames, 24 regions, all with different scores."""
    return made(clip_of(6, 24, 32), boxes(6, 24, 32, (2, 3, 4)), scores_of(24))


def soft(T: int = 6, H: int = 24, W: int = 32) -> Explanation:
    """RISE's cells, and a map that is not painted from them."""
    regions = SoftGrid(2, 3, 4)(clip_of(T, H, W))
    scores = scores_of(24)
    jitter = torch.tensor([[0.2, 0.7, 0.4]])
    shifted = regions._interpolate(scores[None], jitter.double())[0]
    return made(clip_of(T, H, W), regions, scores, heat=shifted.float(), name="3D RISE")


def windows() -> Explanation:
    regions = SlidingWindow(boxes=(2, 3, 4))(clip_of(6, 24, 32))
    return made(clip_of(6, 24, 32), regions, scores_of(regions.n_features), name="3D SOS")


KINDS = {"hard": hard_one, "soft": soft, "windows": windows}


def source_clip(
    folder: Path, n: int, size: tuple[int, int], box: tuple[float, ...], index: Sequence[int]
) -> VideoClip:
    """Write n pictures, number i of grey level 3·i, and return the frames ``index`` of them."""
    folder.mkdir()
    for i in range(n):
        Image.fromarray(np.full((*size, 3), 3 * i, np.uint8)).save(folder / f"{i:04}.png")
    top, left, bottom, right = box
    rows, columns = int(bottom - top), int(right - left)
    levels = 3 * torch.tensor(list(index)).view(-1, 1, 1, 1) / 255
    frames = levels.expand(-1, 3, rows, columns).contiguous()
    source = Source(str(folder), digest(folder), n, *size, tuple(index), (top, left, bottom, right))
    return VideoClip(frames, torch.tensor(list(index)).double() / 25, source)


@dataclass(frozen=True)
class Held:
    """What a page holds."""

    text: str

    @property
    def content(self) -> dict[str, Any]:
        found = re.search(r'id="content">(.*?)</script>', self.text, re.DOTALL)
        assert found
        content: dict[str, Any] = json.loads(found[1])
        return content

    def raw(self, blob: int) -> bytes:
        found = re.search(rf'id="blob-{blob}">(.*?)</script>', self.text, re.DOTALL)
        assert found
        return base64.b64decode(found[1])

    def array(self, reference: dict[str, Any]) -> np.ndarray:
        kind = np.dtype(f"<{reference['type']}")
        flat = np.frombuffer(zlib.decompress(self.raw(reference["blob"])), kind)
        values = flat.reshape(reference["shape"])
        if reference["filter"] == "none":
            return values
        axis = 0 if reference["filter"] == "time" else 1
        return np.add.accumulate(values, axis=axis, dtype=kind)
