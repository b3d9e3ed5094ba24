"""What the answer loses when the clip shows through its own map; and how a fill does by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from torch import Tensor

from vexplain.behavior import Probability
from vexplain.core import Behavior
from vexplain.core.checks import check_part, check_whole
from vexplain.evaluation.case import Ask, Better, Case, Measure, whole_clip
from vexplain.evaluation.curves import mean_curve
from vexplain.evaluation.games import Game, check_game
from vexplain.evaluation.naming import named
from vexplain.evaluation.orders import RegionWise
from vexplain.evaluation.subjects import random_map
from vexplain.removal import Constant, Fill, Remove

PROBABILITY = Probability()


def shown_through(heat: Tensor) -> Tensor:
    """Return a map's positive part over its maximum, the keep (T, H, W) that shows what it values.

    A map without a positive value shows nothing.
    """
    positive = heat.clamp(min=0)
    highest = positive.max()
    return positive / highest if highest > 0 else positive


def through_its_map(case: Case, fill: Fill) -> Ask:
    """Return the ask for the clip seen through the map."""
    keep = shown_through(case.subject.map)[None]
    key = ("through", case.subject.name, case.bench.key_of(fill))
    return Ask(key, 1, lambda rows: keep[rows], Remove(fill=fill))


@dataclass(frozen=True, kw_only=True)
class AverageDrop:
    """How much of the confidence is lost when the clip is shown through its map: lower is better.

    max(0, p(whole) − p(shown)) / p(whole), where a voxel is kept in proportion to the positive part
    of the map over its maximum. Published in percent and averaged over images; here a share.

    Source: Chattopadhay, Sarkar, Howlader and Balasubramanian 2018 (Grad-CAM++, arXiv 1710.11063).

    Attributes:
        fill: What stands where the map is 0; black is the published product of clip and map.
    """

    fill: Fill = field(default_factory=Constant)
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_part("fill", self.fill, Fill, "vexplain.removal.Blur()")

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the whole clip and the clip shown through the map."""
        return [whole_clip(case.bench), through_its_map(case, self.fill)]

    def __call__(self, case: Case) -> list[Measure]:
        """Return the share of the confidence that is lost."""
        whole, shown = (float(case.values(ask, PROBABILITY)) for ask in self.asks(case))
        name = named("average drop", self)
        if whole == 0:
            return [Measure(name, None, self.better, "the whole clip has no confidence to lose")]
        return [Measure(name, max(0.0, whole - shown) / whole, self.better)]


@dataclass(frozen=True, kw_only=True)
class IncreaseInConfidence:
    """Whether the clip shown through its map gets a higher confidence: higher is better.

    1 if p(shown) > p(whole), else 0; its mean over clips is the published rate.

    Source: Chattopadhay, Sarkar, Howlader and Balasubramanian 2018 (Grad-CAM++, arXiv 1710.11063).

    Attributes:
        fill: What stands where the map is 0; black is the published product of clip and map.
    """

    fill: Fill = field(default_factory=Constant)
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_part("fill", self.fill, Fill, "vexplain.removal.Blur()")

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the whole clip and the clip shown through the map."""
        return [whole_clip(case.bench), through_its_map(case, self.fill)]

    def __call__(self, case: Case) -> list[Measure]:
        """Return 1 or 0."""
        whole, shown = (float(case.values(ask, PROBABILITY)) for ask in self.asks(case))
        return [Measure(named("increase in confidence", self), float(shown > whole), self.better)]


@dataclass(frozen=True, kw_only=True)
class FillReliability:
    """How well the answer survives removal in random order: of the fill, not of the explanation.

    The mean over random orders of the regions of ∫₀¹ v(what is left at share s) ds, over v(whole):
    1 where the model takes no notice of the fill, more where the fill itself speaks for the target,
    near 0 where the model no longer knows the clip as soon as anything is filled in. Deletion
    curves of a fill with a low number tell the fill, not the map. In the sense of the R-OMS score,
    which compares fills along random orders too.

    Source: Blücher, Vielhaben and Strodthoff 2024 (arXiv 2401.06654).

    Attributes:
        fill: The fill asked about.
        orders: How many random orders.
        steps: At most how many steps.
        behavior: The number watched.
        seed: Draws the orders.

    Raises:
        ValueError: On fewer than one order or step.
    """

    fill: Fill = field(default_factory=Constant)
    orders: int = 3
    steps: int = 20
    behavior: Behavior = field(default_factory=Probability)
    seed: int = 0
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_whole("orders", self.orders)
        check_game(RegionWise(), self.fill, self.steps, self.behavior)
        check_whole("seed", self.seed, least=0)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for all orders."""
        game = self._game
        return [ask for drawn in self._drawn(case) for ask in game.asks(drawn)]

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean share that survives, with the mean curve."""
        curves = [self._game.curve(drawn, self.behavior) for drawn in self._drawn(case)]
        whole = float(curves[0].values[0])
        name = named("reliability of the fill", self)
        if whole <= 0:
            note = "v(whole) is not above 0; watch a probability"
            return [Measure(name, None, self.better, note, of_map=False)]
        area = sum(curve.area for curve in curves) / len(curves)
        return [Measure(name, area / whole, self.better, curve=mean_curve(curves), of_map=False)]

    @property
    def _game(self) -> Game:
        return Game("deletion", RegionWise(), self.fill, self.steps)

    def _drawn(self, case: Case) -> Sequence[Case]:
        """Return the cases of random maps, whose regions have a random order."""
        seeds = range(self.seed, self.seed + self.orders)
        return [case.of(random_map(case.explanation.segmentation, seed)) for seed in seeds]
