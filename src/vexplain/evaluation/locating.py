"""The metrics that need to know where the evidence is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from vexplain.evaluation.case import Ask, Better, Case, Measure, defined, named
from vexplain.evaluation.localisation import (
    check_threshold,
    energy_inside,
    iou_at_best_threshold,
    iou_at_threshold,
    pointing_game,
    pointing_game_by_frame,
    temporal_iou,
)


def located(
    name: str, case: Case, better: Better, find: Callable[[Tensor, Tensor], float]
) -> Measure:
    """Return what ``find`` says of the map and the truth, or why it can't."""
    if case.truth is None:
        return Measure(name, None, better, "no truth was given")
    otherwise = "the map has no positive value" if case.truth.any() else "the truth is empty"
    return defined(name, find(case.subject.map, case.truth), better, otherwise)


@dataclass(frozen=True, kw_only=True)
class PointingGame:
    """The share of the map's tied maxima that lie inside the truth: higher is better.

    Source: Zhang et al. 2018 (arXiv 1608.00507); see ``localisation.pointing_game``.

    Attributes:
        by_frame: Whether every frame with a truth plays for itself, and the mean counts; else the
            maximum of the whole clip alone.
    """

    by_frame: bool = False
    better: ClassVar[Better] = "higher"

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the map alone tells."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the share."""
        find = pointing_game_by_frame if self.by_frame else pointing_game
        name = "pointing game by frame" if self.by_frame else "pointing game"
        return [located(name, case, self.better, find)]


@dataclass(frozen=True)
class EnergyInside:
    """The share of the map's positive part that lies inside the truth: higher is better.

    Σ_inside max(map, 0) / Σ max(map, 0).

    Source: Wang et al. 2020 (Score-CAM, arXiv 1910.01279), Arras et al. 2022 (arXiv 2003.07258);
    see ``localisation.energy_inside``.
    """

    better: ClassVar[Better] = "higher"

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the map alone tells."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the share."""
        return [located("energy inside", case, self.better, energy_inside)]


@dataclass(frozen=True, kw_only=True)
class IoU:
    """Intersection over union of the truth and what stands out of the map: higher is better.

    |A ∩ truth| / |A ∪ truth| with A = {map ≥ share · maximum}.

    Source: Zhou et al. 2016 (arXiv 1512.04150) for the threshold; see
    ``localisation.iou_at_threshold``.

    Attributes:
        share: The threshold, as a share of the maximum, in (0, 1].

    Raises:
        ValueError: On a share out of range.
    """

    share: float = 0.5
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_threshold(self.share)

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the map alone tells."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the intersection over union."""
        name = f"IoU at {100 * self.share:g} % of the maximum"
        return [
            located(
                name,
                case,
                self.better,
                lambda heat, inside: iou_at_threshold(heat, inside, share=self.share),
            )
        ]


@dataclass(frozen=True)
class BestIoU:
    """The largest intersection over union at any threshold of the map: higher is better.

    Source: Choe et al. 2020 (arXiv 2001.07437) on why no threshold should be chosen beforehand;
    see ``localisation.iou_at_best_threshold``.
    """

    better: ClassVar[Better] = "higher"

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the map alone tells."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the intersection over union."""
        return [located("IoU at the best threshold", case, self.better, iou_at_best_threshold)]


@dataclass(frozen=True, kw_only=True)
class TemporalIoU:
    """Intersection over union of the frames that matter and those of the truth: higher is better.

    See ``localisation.temporal_iou`` for the formula.

    Attributes:
        share: A frame matters from this share of the largest frame's relevance on, in (0, 1].

    Raises:
        ValueError: On a share out of range.
    """

    share: float = 0.5
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_threshold(self.share)

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the map alone tells."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the intersection over union."""
        return [
            located(
                named("temporal IoU", self),
                case,
                self.better,
                lambda heat, inside: temporal_iou(heat, inside, share=self.share),
            )
        ]
