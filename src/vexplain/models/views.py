"""Multi-view testing: the answers to several windows and crops of a larger clip, averaged."""

from dataclasses import dataclass, replace
from itertools import product

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import ClipSpec, ModelSpec, OutputKind
from vexplain.core.checks import check_choice, check_whole
from vexplain.core.specs import Average
from vexplain.models.adapters import Model

CROPS = {1: (0.5,), 3: (0.0, 0.5, 1.0)}
"""Where the crops lie along the longer side: 0 = at its beginning, 1 = at its end."""


@dataclass(frozen=True, kw_only=True, eq=False)
class MultiView:
    """A classifier that looks at k windows in time × m crops in space, and averages the scores.

    The clip that is explained holds all of them, so a region is removed from every view that sees
    it. It has ``frames`` frames, as the model samples them, and is not cut along its longer side
    where there are several crops. Windows of frames at a fixed interval (``interval``, ``every``)
    lie evenly spread over the clip; where the model spreads its frames over the whole file, view j
    of k takes every k-th frame from the j-th. The published accuracies of video networks are
    mostly of such views (SlowFast, arXiv 1812.03982: 10 × 3).

    Attributes:
        model: The model of a single view; its spec says frames and size.
        clips: k, the number of windows.
        crops: m, the number of crops: 1 in the centre, or 3 along the longer side.
        frames: Frames of the clip, k·T unless given; fewer let windows overlap.
        average: Whether the ``probabilities`` are averaged or the ``scores`` as they are.

    Raises:
        ValueError: When the model doesn't say what a view is, or the views don't fit the clip.
    """

    model: Model
    clips: int = 1
    crops: int = 1
    frames: int | None = None
    average: Average = "probabilities"

    def __post_init__(self) -> None:
        check_whole("clips", self.clips)
        check_choice("crops", str(self.crops), [str(m) for m in CROPS])
        check_choice("average", self.average, ("probabilities", "scores"))
        clip = self.view
        if clip.height_width is None or (self.crops > 1 and clip.resize != "crop"):
            raise ValueError(
                f"crops: {self.crops} crops need a model with a size and resize='crop', got "
                f"size={clip.size} and resize={clip.resize!r}."
            )
        if self.average == "probabilities" and self.model.outputs == "auto":
            raise ValueError(
                "average: the model doesn't say whether it answers with logits or probabilities. "
                "State outputs in its spec, or use average='scores'."
            )
        whole = self.clips * clip.frames
        if self.frames is not None and not (
            self.frames == whole or (self.spread_by_interval and clip.frames <= self.frames < whole)
        ):
            raise ValueError(
                f"frames: expected {whole}, or from {clip.frames} where the model samples at an "
                f"interval, got {self.frames} with sampling={clip.sampling!r}."
            )

    @property
    def view(self) -> ClipSpec:
        """What a single view is."""
        if self.model.spec.clip is None:
            raise ValueError(
                "model: expected one whose spec says frames and size, got one that takes any clip."
            )
        return self.model.spec.clip

    @property
    def spread_by_interval(self) -> bool:
        """Whether a view's frames are neighbours in the clip, and not spread over the file."""
        return self.view.interval is not None

    @property
    def spec(self) -> ModelSpec:
        """What the model wants, but with a clip that holds all views."""
        view = self.view
        frames = self.frames or self.clips * view.frames
        wide = replace(view, frames=frames)
        if self.crops > 1:
            short = None if view.scaled else self._short_side
            wide = replace(wide, size=None, short_side=short)
        return replace(self.model.spec, clip=wide, pathways=(), outputs=self.outputs)

    @property
    def _short_side(self) -> int:
        height, width = self.view.height_width or (1, 1)
        return self.view.short_side or max(height, width)

    @property
    def name(self) -> str:
        """The model's name and the number of views."""
        return f"{self.model.name} {self.clips}x{self.crops}"

    @property
    def device(self) -> torch.device:
        """Where the model wants its clips."""
        return self.model.device

    @property
    def outputs(self) -> OutputKind:
        """What the averaged scores are."""
        averaged = self.average == "probabilities" and self.model.outputs == "logits"
        return "softmax" if averaged else self.model.outputs

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The names of the classes, or None."""
        return self.model.class_names

    def __call__(self, clips: Float[Tensor, "N T C H W"]) -> Float[Tensor, "N K"]:
        """Return the mean over the views of the model's scores.

        Raises:
            ValueError: When the clips are smaller than a view.
        """
        windows = self._windows(clips.shape[1])
        corners = self._corners(clips.shape[3], clips.shape[4])
        answers = [
            self._scores(clips[:, frames], corner) for frames, corner in product(windows, corners)
        ]
        return torch.stack(answers).mean(0)

    def _scores(self, clips: Tensor, corner: tuple[int, int]) -> Float[Tensor, "N K"]:
        (top, left), (height, width) = corner, self.view.height_width or (0, 0)
        scores = self.model(clips[..., top : top + height, left : left + width])
        return scores.softmax(1) if self.outputs != self.model.outputs else scores

    def _windows(self, frames: int) -> list[slice]:
        """Return the frames of each view."""
        wanted = self.frames or self.clips * self.view.frames
        if frames != wanted:
            raise ValueError(f"clip: {self.name} wants {wanted} frames, got {frames}.")
        if not self.spread_by_interval:
            return [slice(j, None, self.clips) for j in range(self.clips)]
        room = frames - self.view.frames
        starts = [round(j * room / max(self.clips - 1, 1)) for j in range(self.clips)]
        return [slice(start, start + self.view.frames) for start in starts]

    def _corners(self, height: int, width: int) -> list[tuple[int, int]]:
        """Return top and left of each crop: spread along the longer side, centred on the other."""
        wanted = self.view.height_width or (0, 0)
        rows, columns = height - wanted[0], width - wanted[1]
        if min(rows, columns) < 0:
            raise ValueError(
                f"clip: {self.name} wants at least {wanted[0]}x{wanted[1]} pixels, got "
                f"{height}x{width}."
            )
        if rows > columns:
            return [(round(at * rows), columns // 2) for at in CROPS[self.crops]]
        return [(rows // 2, round(at * columns)) for at in CROPS[self.crops]]
