"""Whether a map lies where the evidence is known to be: functions of a map and a truth, metrics.

``heat`` (T, H, W) is an attribution map, positive = supports the target, and ``inside`` (T, H, W)
the truth on the same grid, True = inside. Every number lies in [0, 1], higher is better, and is
NaN where it has no meaning; none changes when the map is multiplied by a positive number. All are
computed in float64 on the CPU.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from vexplain.core.checks import check_finite, check_positive, check_rank, check_share
from vexplain.evaluation.case import Better, Case, Measure, defined
from vexplain.evaluation.naming import named

NAN = float("nan")


def pointing_game(heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"]) -> float:
    """Return the share of the map's tied maxima that lie inside the truth.

    ``|{v : heat(v) = max heat} ∩ inside| / |{v : heat(v) = max heat}|``: 1 for a hit and 0 for a
    miss where the maximum is unique, and the truth's share of the clip on a constant map (Zhang
    et al., IJCV 2018, arXiv 1608.00507; without their tolerance of 15 pixels).

    Returns:
        A share in [0, 1]; NaN where the truth is empty.

    Raises:
        ValueError: On shapes that differ, or a map that is not finite.
    """
    heat, inside = checked(heat, inside)
    if not inside.any():
        return NAN
    return float(inside[heat == heat.max()].double().mean())


def pointing_game_by_frame(heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"]) -> float:
    """Return the mean of the pointing game played in each frame that has a truth.

    As ``pointing_game``, with the maxima of each frame by itself: it asks where, not when.

    Returns:
        A share in [0, 1]; NaN where the truth is empty.

    Raises:
        ValueError: On shapes that differ, or a map that is not finite.
    """
    heat, inside = checked(heat, inside)
    frames = inside.flatten(1).any(1).nonzero().flatten().tolist()
    if not frames:
        return NAN
    return sum(pointing_game(heat[t : t + 1], inside[t : t + 1]) for t in frames) / len(frames)


def energy_inside(heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"]) -> float:
    """Return the share of the map's positive part that lies inside the truth.

    ``Σ_inside max(heat, 0) / Σ max(heat, 0)``: the energy-based pointing game (Wang et al.,
    Score-CAM, CVPRW 2020, arXiv 1910.01279), and the relevance mass accuracy (Arras
    et al., Information Fusion 2022, arXiv 2003.07258). Negative values play no part. A constant
    positive map gets the truth's share of the clip.

    Returns:
        A share in [0, 1]; NaN where the truth is empty or the map has no positive value.

    Raises:
        ValueError: On shapes that differ, or a map that is not finite.
    """
    heat, inside = checked(heat, inside)
    if not inside.any() or heat.max() <= 0:
        return NAN
    energy = heat.clamp(min=0) / heat.max()  # the sum of very large values could be infinite
    return float(energy[inside].sum() / energy.sum())


def iou_at_threshold(
    heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"], *, share: float = 0.5
) -> float:
    """Return the intersection over union of the truth and what stands out of the map.

    ``|A ∩ inside| / |A ∪ inside|`` with ``A = {v : heat(v) ≥ share · max heat}``, as class
    activation maps are cut (Zhou et al., CVPR 2016, arXiv 1512.04150). It judges the
    threshold with the map; see ``iou_at_best_threshold``.

    Args:
        heat: (T, H, W), the map.
        inside: (T, H, W) bool, the truth.
        share: Of the maximum, in (0, 1].

    Returns:
        A share in [0, 1]; NaN where the truth is empty or the map has no positive value.

    Raises:
        ValueError: On shapes that differ, a map that is not finite, or a share out of range.
    """
    check_threshold(share)
    heat, inside = checked(heat, inside)
    if not inside.any() or heat.max() <= 0:
        return NAN
    return iou(heat >= share * heat.max(), inside)


def iou_at_best_threshold(heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"]) -> float:
    """Return the largest intersection over union of the truth and ``{v : heat(v) ≥ t}``, any t.

    It judges the map alone, without the choice of a threshold (Choe et al., CVPR 2020, arXiv
    2001.07437, on why that matters), by the order of its voxels only, and is never below the
    truth's share of the clip, which a constant map gets.

    Returns:
        A share in [0, 1]; NaN where the truth is empty.

    Raises:
        ValueError: On shapes that differ, or a map that is not finite.
    """
    return best_threshold(heat, inside)[1]


def best_threshold(
    heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"]
) -> tuple[float, float]:
    """Return the threshold t at which ``{v : heat(v) ≥ t}`` fits the truth best, and the IoU.

    Voxels are sorted once; those of the same value come in together. Of thresholds that fit
    equally well the highest is taken.

    Returns:
        A value of the map, and a share in [0, 1]; both NaN where the truth is empty.

    Raises:
        ValueError: On shapes that differ, or a map that is not finite.
    """
    heat, inside = checked(heat, inside)
    if not inside.any():
        return NAN, NAN
    values, order = heat.flatten().sort(descending=True)
    hits = inside.flatten()[order].cumsum(0).double()
    taken = torch.arange(1, len(values) + 1)
    last = torch.cat([values[1:] != values[:-1], torch.ones(1, dtype=torch.bool)])
    ious = (hits / (taken + hits[-1] - hits))[last]
    best = int((ious == ious.max()).nonzero()[0])
    return float(values[last][best]), float(ious[best])


def temporal_iou(
    heat: Shaped[Tensor, "T H W"], inside: Shaped[Tensor, "T H W"], *, share: float = 0.5
) -> float:
    """Return the intersection over union of the frames that matter and those that hold truth.

    A frame matters when its mean positive relevance, ``mean max(heat, 0)``, is at least ``share``
    of the largest frame's. The frames are compared as in temporal action localisation, but as
    sets, not as intervals. Where every frame holds truth this is the share of frames that matter.

    Args:
        heat: (T, H, W), the map.
        inside: (T, H, W) bool, the truth.
        share: Of the largest frame's relevance, in (0, 1].

    Returns:
        A share in [0, 1]; NaN where the truth is empty or the map has no positive value.

    Raises:
        ValueError: On shapes that differ, a map that is not finite, or a share out of range.
    """
    check_threshold(share)
    heat, inside = checked(heat, inside)
    if not inside.any() or heat.max() <= 0:
        return NAN
    relevance = (heat.clamp(min=0) / heat.max()).flatten(1).mean(1)
    return iou(relevance >= share * relevance.max(), inside.flatten(1).any(1))


def iou(one: Bool[Tensor, "*axes"], other: Bool[Tensor, "*axes"]) -> float:
    """Return ``|one ∩ other| / |one ∪ other|`` of two sets that are not both empty."""
    return int((one & other).sum()) / int((one | other).sum())


def check_threshold(share: float) -> None:
    """Raise ``ValueError`` unless ``share`` lies in (0, 1]."""
    check_positive("share", share)
    check_share("share", share)


def checked(
    heat: Shaped[Tensor, "*map"], inside: Shaped[Tensor, "*truth"]
) -> tuple[Float[Tensor, "T H W"], Bool[Tensor, "T H W"]]:
    """Return the map as float64 and the truth, both on the CPU.

    Raises:
        ValueError: On shapes that differ, a map without voxels or with a NaN or an infinity, or a
            truth that is not bool.
    """
    check_rank("heat", heat, "T H W")
    if inside.shape != heat.shape:
        raise ValueError(
            f"inside: expected a truth on the map's grid (T, H, W) = {tuple(heat.shape)}, "
            f"got {tuple(inside.shape)}. Make it with the clip that was explained."
        )
    if inside.dtype != torch.bool:
        raise ValueError(
            f"inside: expected bool, True = inside, got {inside.dtype}. Compare it with 0."
        )
    if heat.numel() == 0:
        raise ValueError(f"heat: expected at least one voxel, got {tuple(heat.shape)}.")
    check_finite("heat", heat)
    return heat.detach().cpu().double(), inside.cpu()


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

    |{map = maximum} ∩ truth| / |{map = maximum}|.

    Source: Zhang et al. 2018 (arXiv 1608.00507); see ``localisation.pointing_game``.

    Attributes:
        by_frame: Whether every frame with a truth plays for itself, and the mean counts; else the
            maximum of the whole clip alone.
    """

    by_frame: bool = False
    better: ClassVar[Better] = "higher"

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

    The largest |A ∩ truth| / |A ∪ truth| with A = {map ≥ t}, over t.

    Source: Choe et al. 2020 (arXiv 2001.07437) on why no threshold should be chosen beforehand;
    see ``localisation.iou_at_best_threshold``.
    """

    better: ClassVar[Better] = "higher"

    def __call__(self, case: Case) -> list[Measure]:
        """Return the intersection over union."""
        return [located("IoU at the best threshold", case, self.better, iou_at_best_threshold)]


@dataclass(frozen=True, kw_only=True)
class TemporalIoU:
    """Intersection over union of the frames that matter and those of the truth: higher is better.

    |A ∩ B| / |A ∪ B| for the frames A whose mean positive relevance is at least ``share`` of the
    largest frame's, and the frames B that hold truth.

    Source: the temporal intersection over union of action localisation (ActivityNet, Caba Heilbron
    et al. 2015), of sets of frames; see ``localisation.temporal_iou``.

    Attributes:
        share: A frame matters from this share of the largest frame's relevance on, in (0, 1].

    Raises:
        ValueError: On a share out of range.
    """

    share: float = 0.5
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_threshold(self.share)

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
