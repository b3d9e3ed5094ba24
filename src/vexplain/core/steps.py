"""What each of the seven steps is, as protocols, and the method that holds one part per step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from vexplain.core.types import (
    Attribution,
    ClassScores,
    Coalitions,
    Game,
    OutputKind,
    SummaryScores,
    VideoClip,
)


@runtime_checkable
class Segmentation(Protocol):
    """Regions of a clip, known only by what their presence keeps and how their scores look.

    Laws: ``keep`` of all features is 1 everywhere; ``keep`` of none is 0 on the union of the
    regions; ``paint`` of ones is 1 on that union.
    """

    @property
    def n_features(self) -> int:
        """D, the number of regions."""

    def keep(
        self, present: Bool[Tensor, "N D"], jitter: Float[Tensor, "N 3"]
    ) -> Float[Tensor, "N T H W"]:
        """Return how much of each voxel stays, in [0, 1], float32, on the device of ``present``."""

    def paint(self, scores: Float[Tensor, " D"]) -> Float[Tensor, "T H W"]:
        """Return the scores laid out over voxels, in the dtype and on the device of ``scores``."""


@runtime_checkable
class Owned(Protocol):
    """A segmentation that knows at once which region holds most of each voxel."""

    def owners(self) -> Int[Tensor, "T H W"]:
        """Return the number of that region, int64; among equal ones the first."""


@runtime_checkable
class Segmenter(Protocol):
    """Step 1: finds the regions of a clip."""

    def __call__(self, clip: VideoClip) -> Segmentation:
        """Return the segmentation of ``clip``, on the device of its frames."""


@runtime_checkable
class SizeLaw(Protocol):
    """Step 2: a probability law over the number of features present."""

    def __call__(self, n_features: int) -> Float[Tensor, " sizes"]:
        """Return (D + 1,) float64 probabilities of 0..D features present, summing to 1."""


@runtime_checkable
class Sampler(Protocol):
    """Step 3: turns a size law into rows. The only step that draws random numbers."""

    def __call__(self, law: Float[Tensor, " sizes"], generator: torch.Generator) -> Coalitions:
        """Return the coalitions, on the CPU."""


Remover = Callable[[Tensor], Tensor]
"""Turns applied keeps (n, T, H, W) into perturbed clips (n, T, C, H, W)."""


@runtime_checkable
class Removal(Protocol):
    """Step 4: what stands where something is absent, and how a keep fades."""

    def soften(self, keep: Float[Tensor, "N T H W"]) -> Float[Tensor, "N T H W"]:
        """Return the keep that is really applied: edges and transparency included."""

    def __call__(self, clip: VideoClip, segmentation: Segmentation) -> Remover:
        """Prepare the fill once and return the function that perturbs the clip."""


@runtime_checkable
class Behavior(Protocol):
    """Step 5: the number watched."""

    def __call__(self, answers: ClassScores, target: int) -> Float[Tensor, " N"]:
        """Return one float64 value per answer; higher = more in favour of the target."""


@runtime_checkable
class Summary(Protocol):
    """Step 6: turns the changes of the value into one score per feature."""

    def __call__(self, game: Game) -> SummaryScores:
        """Return the scores of the M targets; positive = supports the target."""


@runtime_checkable
class Visualization(Protocol):
    """Step 7: how an attribution is shown."""

    def __call__(
        self, attribution: Attribution, segmentation: Segmentation
    ) -> Float[Tensor, "T 4 H W"]:
        """Return an RGBA layer in [0, 1], float32, to be blended over the clip."""


@dataclass(frozen=True)
class Method:
    """An explanation method: one part per step, in the order of the steps."""

    name: str
    segmentation: Segmenter
    sizes: SizeLaw
    samples: Sampler
    removal: Removal
    behavior: Behavior
    summary: Summary
    visualization: Visualization


@runtime_checkable
class Classifier(Protocol):
    """A model that turns canonical clips into class scores."""

    @property
    def device(self) -> torch.device:
        """Where the clips must lie."""

    @property
    def name(self) -> str:
        """What the manifest calls the model."""

    @property
    def outputs(self) -> OutputKind:
        """What the scores are; ``auto`` = to be told from the first answers."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the K classes, or None."""

    def __call__(self, clips: Float[Tensor, "N T C H W"]) -> Tensor:
        """Return (N, K) scores of canonical clips: RGB, in [0, 1], on ``device``."""


@runtime_checkable
class Progress(Protocol):
    """Is told how far the rows have come."""

    def start(self, total: int) -> None:
        """``total`` rows will be evaluated."""

    def advance(self, rows: int) -> None:
        """``rows`` more rows were evaluated."""

    def stop(self) -> None:
        """No more rows will come, also after a failure."""
