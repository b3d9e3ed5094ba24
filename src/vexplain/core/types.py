"""The values that flow from clip to explanation, in flow order, checked when they are built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from operator import index
from typing import Literal, SupportsIndex, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core.checks import check_choice, check_finite, check_rank, near_names

OutputKind = Literal["auto", "logits", "softmax", "sigmoid"]


@dataclass(frozen=True)
class Source:
    """Where a clip lies in the file that it was read from.

    Attributes:
        path: The file or folder.
        digest: SHA-256 of what was read, as hexadecimal digits.
        n_frames: Frames that the file decodes to.
        height: Rows of an upright source frame, in pixels.
        width: Columns of an upright source frame, in pixels.
        frame_index: For every clip frame, the number of the decoded source frame, from 0.
        box: Top, left, bottom, right of the clip's area in source pixels; a letterboxed clip
            reaches beyond the source.
    """

    path: str
    digest: str
    n_frames: int
    height: int
    width: int
    frame_index: tuple[int, ...]
    box: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class VideoClip:
    """The decoded, sampled input, before any model's normalisation.

    Attributes:
        frames: (T, C, H, W) float32, RGB (C = 3), in [0, 1]: 0 is black.
        pts_seconds: (T,) float64, the time of every frame in seconds.
        source: Where the frames come from, or None for frames made in memory.

    Raises:
        ValueError: On a wrong rank, range or number of times, or on a clip without voxels.
    """

    frames: Float[Tensor, "T C H W"]
    pts_seconds: Float[Tensor, " T"]
    source: Source | None = None

    def __post_init__(self) -> None:
        check_rank("frames", self.frames, "T C H W")
        if self.frames.numel() == 0:
            raise ValueError(f"frames: expected at least one voxel, got {self.shape}.")
        if self.frames.dtype != torch.float32:
            raise ValueError(
                f"frames: expected float32 in [0, 1], got {self.frames.dtype}. "
                "Divide 8-bit frames by 255, or use vexplain.clip_from_array."
            )
        if self.frames.shape[1] != 3:
            raise ValueError(f"frames: expected 3 channels (RGB) on axis 1, got {self.shape}.")
        check_finite("frames", self.frames)
        low, high = self.frames.aminmax()
        if low < 0 or high > 1:
            raise ValueError(f"frames: expected values in [0, 1], got [{low:.3g}, {high:.3g}].")
        if self.pts_seconds.shape != self.frames.shape[:1]:
            raise ValueError(
                f"pts_seconds: expected one time per frame ({self.frames.shape[0]}), "
                f"got shape {tuple(self.pts_seconds.shape)}."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, C, H, W) as a plain tuple."""
        return tuple(self.frames.shape)

    def to(self, device: torch.device) -> VideoClip:
        """Return the clip with its frames on ``device``."""
        return replace(self, frames=self.frames.to(device))


@dataclass(frozen=True, eq=False)
class Coalitions:
    """Which features are present in which sample: the rows of step 3.

    Attributes:
        present: (N, D) bool, True = the feature stays.
        weight: (N,) float64, how much a row counts so that the weighted rows follow the size law;
            the mean weight is 1.
        jitter: (N, 3) float32 in [0, 1), the random shift of a soft grid along T, H, W, in
            strides of the grid; zeros where the method has none.
        group: (N,) int64, rows drawn together (a pair) share a number from 0; -1 marks rows that
            were listed, not drawn. Halves for the reliability never split a group.
        law: (D + 1,) float64, the size law that the weighted rows follow.
    """

    present: Bool[Tensor, "N D"]
    weight: Float[Tensor, " N"]
    jitter: Float[Tensor, "N 3"]
    group: Int[Tensor, " N"]
    law: Float[Tensor, " sizes"]

    def __post_init__(self) -> None:
        check_rank("present", self.present, "N D")
        n = self.present.shape[0]
        for name, value, shape in (
            ("weight", self.weight, (n,)),
            ("jitter", self.jitter, (n, 3)),
            ("group", self.group, (n,)),
            ("law", self.law, (self.n_features + 1,)),
        ):
            if tuple(value.shape) != shape:
                raise ValueError(f"{name}: expected shape {shape}, got {tuple(value.shape)}.")
        check_finite("weight", self.weight)

    def __len__(self) -> int:
        return self.present.shape[0]

    @property
    def n_features(self) -> int:
        """D, the number of features."""
        return self.present.shape[1]

    def __getitem__(self, rows: slice | Tensor) -> Coalitions:
        """Return the coalitions of some rows."""
        return replace(
            self,
            present=self.present[rows],
            weight=self.weight[rows],
            jitter=self.jitter[rows],
            group=self.group[rows],
        )

    def to(self, device: torch.device) -> Coalitions:
        """Return the coalitions with what the engine needs of them on ``device``."""
        return replace(self, present=self.present.to(device), jitter=self.jitter.to(device))


@dataclass(frozen=True, eq=False)
class ClassScores:
    """What the model answered for some clips.

    Attributes:
        values: (N, K) float64, one score per class.
        kind: What the scores are: ``logits`` (of a softmax), ``softmax`` or ``sigmoid``
            probabilities.
        class_names: The K names, or None.
    """

    values: Float[Tensor, "N K"]
    kind: OutputKind
    class_names: tuple[str, ...] | None = None

    def index(self, target: SupportsIndex | str) -> int:
        """Return the number of the class that ``target`` names.

        Raises:
            ValueError: When there is no such class; near names are suggested.
            TypeError: When ``target`` is neither a whole number nor a name.
        """
        n_classes = self.values.shape[1]
        if not isinstance(target, str):
            number = as_number(target)
            if not 0 <= number < n_classes:
                raise ValueError(
                    f"target: expected a class number in 0..{n_classes - 1}, got {number}."
                )
            return number
        if target.isdecimal() and target not in (self.class_names or ()):
            return self.index(int(target))
        if self.class_names is None:
            raise ValueError(
                f"target: got the name {target!r}, but the model has no class names. "
                f"Give a number in 0..{n_classes - 1}, or class names in the ModelSpec."
            )
        lowered = [name.lower() for name in self.class_names]
        if target.lower() not in lowered:
            raise ValueError(
                f"target: no class is named {target!r}."
                f"{near_names(target, self.class_names) or some_of(self.class_names)}"
            )
        if target in self.class_names:
            return self.class_names.index(target)
        return lowered.index(target.lower())


def some_of(names: tuple[str, ...], most: int = 10) -> str:
    """Return a sentence with the first of the class names."""
    return f" There are {', '.join(names[:most])}{' …' if len(names) > most else ''}."


def as_number(target: SupportsIndex) -> int:
    """Return a class number given as any kind of whole number.

    Raises:
        TypeError: When it is none.
    """
    if isinstance(target, bool) or not isinstance(target, SupportsIndex):
        raise TypeError(f"target: expected the number or name of a class, got {target!r}.")
    return index(target)


@dataclass(frozen=True, eq=False)
class Ledger:
    """Everything that was asked of the model and what it answered.

    Attributes:
        coalitions: The N rows that were evaluated.
        scores: (N, K) float64, the answers, all classes.
        full: (K,) float64, the answer to the whole clip.
        empty: (K,) float64, the answer to the clip with every feature absent.
        kind: What the scores are.
        class_names: The K names, or None.
        planned: Rows that the method wanted; more than N after an interruption.
    """

    coalitions: Coalitions
    scores: Float[Tensor, "N K"]
    full: Float[Tensor, " K"]
    empty: Float[Tensor, " K"]
    kind: OutputKind
    class_names: tuple[str, ...] | None
    planned: int

    def __post_init__(self) -> None:
        check_rank("scores", self.scores, "N K")
        check_choice("kind", self.kind, [kind for kind in get_args(OutputKind) if kind != "auto"])
        if len(self.coalitions) != self.scores.shape[0]:
            raise ValueError(
                f"scores: expected one row per coalition ({len(self.coalitions)}), "
                f"got {self.scores.shape[0]}."
            )
        for name in ("scores", "full", "empty"):
            check_finite(name, getattr(self, name))

    def answers(self, rows: Float[Tensor, "R K"] | None = None) -> ClassScores:
        """Return the answers of all coalitions, or ``rows`` (R, K) in the same clothes."""
        return ClassScores(self.scores if rows is None else rows, self.kind, self.class_names)

    def anchors(self) -> ClassScores:
        """Return the answers to the full and to the empty clip, two rows."""
        return self.answers(torch.stack([self.full, self.empty]))


@dataclass(frozen=True, eq=False)
class Game:
    """What step 6 sees: the rows, the watched values, and how to see the keeps again.

    Attributes:
        coalitions: N rows.
        values: (N, M) float64, the behavior watched for each of M targets.
        full: (M,) the value of the whole clip.
        empty: (M,) the value of the clip with every feature absent.
        keep: Gives the keeps (n, T, H, W) really applied to some rows, edges included; None where
            only scores are wanted, no maps.
    """

    coalitions: Coalitions
    values: Float[Tensor, "N M"]
    full: Float[Tensor, " M"]
    empty: Float[Tensor, " M"]
    keep: Callable[[Coalitions], Tensor] | None


@dataclass(frozen=True, eq=False)
class SummaryScores:
    """What step 6 makes of a game.

    Attributes:
        scores: (M, D) float64, positive = the feature supports the target.
        standard_error: (M, D) or None where the summary knows none.
        r2: (M,) weighted share of the values' variance that the surrogate explains (NaN where the
            values don't vary), at drawn rows from a fit without their own group, or None.
        effective_rows: Effective sample size of the weighted rows, (Σw)² / Σw², or None.
        maps: (M, T, H, W) where the summary works on voxels, else None: the scores are painted.
    """

    scores: Float[Tensor, "M D"]
    standard_error: Float[Tensor, "M D"] | None = None
    r2: Float[Tensor, " M"] | None = None
    effective_rows: float | None = None
    maps: Float[Tensor, "M T H W"] | None = None


@dataclass(frozen=True)
class Fit:
    """How far a sampled explanation can be trusted; None where the number has no meaning.

    Attributes:
        r2: Share of the values' variance that the surrogate explains, on samples left out of the
            fit where they were drawn; below 0 it does worse than the mean.
        reliability: Correlation of the scores from two halves of the rows, stepped up to the full
            number of rows (Spearman-Brown).
        effective_rows: Effective sample size of the weighted rows.
    """

    r2: float | None = None
    reliability: float | None = None
    effective_rows: float | None = None


@dataclass(frozen=True, eq=False)
class Attribution:
    """One number per feature and its picture over voxels; positive = supports the target.

    Attributes:
        scores: (D,) float64.
        map: (T, H, W) float32.
        standard_error: (D,) float64 or None.
        fit: How far the numbers can be trusted.
    """

    scores: Float[Tensor, " D"]
    map: Float[Tensor, "T H W"]
    standard_error: Float[Tensor, " D"] | None = None
    fit: Fit = field(default_factory=Fit)

    def __post_init__(self) -> None:
        check_rank("scores", self.scores, "D")
        check_rank("map", self.map, "T H W")
        check_finite("scores", self.scores)
        check_finite("map", self.map)
