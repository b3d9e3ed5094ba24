"""The deletion and the insertion game, and what is told from their curves."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import ClassVar, get_args

import torch

from vexplain.behavior import Probability
from vexplain.core import Behavior
from vexplain.core.checks import (
    check_choice,
    check_part,
    check_positive,
    check_share,
    check_whole,
)
from vexplain.evaluation.case import (
    Ask,
    Better,
    Case,
    Measure,
    defined,
    empty_clip,
    whole_clip,
)
from vexplain.evaluation.curves import Curve
from vexplain.evaluation.naming import behavior_in_words, named, options_of, several
from vexplain.evaluation.orders import Direction, Order, Ranked, Stops, VoxelWise
from vexplain.removal import Constant, Fill, Remove

HARDLY = 1e-6
"""Of the answer to the whole clip: a smaller rise above the empty one is none."""

PUBLISHED_LEVELS = (0.8, 0.9, 0.95, 0.99)
"""Shares of the confidence that Fong and Vedaldi (2017) want gone."""


@dataclass(frozen=True)
class Game:
    """One curve: what is removed or inserted, in which order, and what stands in its place.

    Attributes:
        direction: ``deletion`` removes the highest first from the whole clip, ``insertion`` puts
            the highest first into the empty one.
        order: Voxel-wise, region-wise, frame-wise or column-wise.
        fill: What stands where something is absent.
        steps: At most how many steps, even in share; both ends are known besides.
    """

    direction: Direction
    order: Order
    fill: Fill
    steps: int

    def stops(self, case: Case) -> Stops:
        """Return where the curve is asked."""
        bench = case.bench
        device = bench.clip.frames.device
        ranked = Ranked(case.subject, bench.segmentation, device, self.steps, self.direction)
        return bench.once(self.key(case), lambda: self.order(ranked))

    def ask(self, case: Case) -> Ask:
        """Return the ask for the clips between the ends."""
        stops = self.stops(case)
        return Ask(self.key(case), len(stops.shares), stops.keep, Remove(fill=self.fill))

    def key(self, case: Case) -> Hashable:
        """Return what tells this game over this map from others."""
        parts = (case.bench.key_of(part) for part in (self.order, self.fill))
        return (case.subject.name, self.direction, *parts, self.steps)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the curve and its ends."""
        return [self.ask(case), whole_clip(case.bench), empty_clip(case.bench, self.fill)]

    def curve(self, case: Case, behavior: Behavior) -> Curve:
        """Return the curve, its two ends included."""
        between, whole, empty = (case.values(ask, behavior) for ask in self.asks(case))
        ends = (whole, empty) if self.direction == "deletion" else (empty, whole)
        zero, one = (torch.tensor([end], dtype=torch.float64) for end in (0, 1))
        shares = torch.cat([zero, self.stops(case).shares, one])
        return Curve(shares, torch.cat([ends[0], between, ends[1]]), behavior_in_words(behavior))


def check_game(order: object, fill: object, steps: int, behavior: object) -> None:
    """Raise ``TypeError`` or ``ValueError`` on options that no game can be played with."""
    check_part("order", order, Order, "vexplain.evaluation.RegionWise()")
    check_part("fill", fill, Fill, "vexplain.removal.Blur()")
    check_part("behavior", behavior, Behavior, "vexplain.behavior.LogOdds()")
    check_whole("steps", steps)


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """The area under the deletion curve: lower is better, the evidence is gone sooner.

    ∫₀¹ v(what is left when the share s of highest value is removed) ds, by the trapezoidal rule.

    Source: Petsiuk, Das and Saenko 2018 (RISE), section 4.1; the paper's §4.6.1. Pixel flipping
    with the most relevant first (Samek et al. 2017) is the same curve. With ``fill=NoisyLinear()``
    it asks what ROAD asks (Rong et al. 2022), whose published number is the accuracy over a data
    set where this is the area.

    Attributes:
        order: The order in which the clip is removed.
        fill: What stands where something is absent; black as in the paper (§4.6.1).
        steps: At most how many steps.
        behavior: The number watched.

    Raises:
        ValueError: On fewer than one step.
    """

    order: Order = field(default_factory=VoxelWise)
    fill: Fill = field(default_factory=Constant)
    steps: int = 50
    behavior: Behavior = field(default_factory=Probability)
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_game(self.order, self.fill, self.steps, self.behavior)

    @property
    def game(self) -> Game:
        """The game that is played."""
        return Game("deletion", self.order, self.fill, self.steps)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the curve."""
        return self.game.asks(case)

    def __call__(self, case: Case) -> list[Measure]:
        """Return the area, with its curve."""
        curve = self.game.curve(case, self.behavior)
        name = named("deletion AUC", self)
        return [
            Measure(
                name,
                curve.area,
                self.better,
                curve=curve,
                game="deletion",
                options=options_of(self),
            )
        ]


@dataclass(frozen=True, kw_only=True)
class Insertion:
    """The area under the insertion curve: higher is better, the evidence is there sooner.

    ∫₀¹ v(the share s of highest value, put into the empty clip) ds, by the trapezoidal rule. Read
    from its end it is the deletion curve with the least relevant first.

    Source: Petsiuk, Das and Saenko 2018 (RISE), section 4.1; the paper's §4.6.1.

    Attributes:
        order: The order in which the clip is put in.
        fill: What stands where something is not yet there; black as in the paper (§4.6.1).
        steps: At most how many steps.
        behavior: The number watched.

    Raises:
        ValueError: On fewer than one step.
    """

    order: Order = field(default_factory=VoxelWise)
    fill: Fill = field(default_factory=Constant)
    steps: int = 50
    behavior: Behavior = field(default_factory=Probability)
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_game(self.order, self.fill, self.steps, self.behavior)

    @property
    def game(self) -> Game:
        """The game that is played."""
        return Game("insertion", self.order, self.fill, self.steps)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the curve."""
        return self.game.asks(case)

    def __call__(self, case: Case) -> list[Measure]:
        """Return the area, with its curve."""
        curve = self.game.curve(case, self.behavior)
        name = named("insertion AUC", self)
        return [
            Measure(
                name,
                curve.area,
                self.better,
                curve=curve,
                game="insertion",
                options=options_of(self),
            )
        ]


@dataclass(frozen=True, kw_only=True)
class SymmetricGain:
    """Symmetric relevance gain (SRG): higher is better, and a random map gets about 0.

    The area with the least relevant removed first less that with the most relevant removed first,
    which is the insertion AUC less the deletion AUC: what the fill alone does to both cancels.

    Source: Blücher, Vielhaben and Strodthoff 2024 (arXiv 2401.06654), SRG = LIF − MIF.

    Attributes:
        order: The order of removal.
        fill: What stands where something is absent.
        steps: At most how many steps.
        behavior: The number watched.

    Raises:
        ValueError: On fewer than one step.
    """

    order: Order = field(default_factory=VoxelWise)
    fill: Fill = field(default_factory=Constant)
    steps: int = 50
    behavior: Behavior = field(default_factory=Probability)
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_game(self.order, self.fill, self.steps, self.behavior)

    @property
    def games(self) -> tuple[Game, Game]:
        """The insertion and the deletion game."""
        return (
            Game("insertion", self.order, self.fill, self.steps),
            Game("deletion", self.order, self.fill, self.steps),
        )

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for both curves."""
        return [ask for game in self.games for ask in game.asks(case)]

    def __call__(self, case: Case) -> list[Measure]:
        """Return the difference of the two areas."""
        insertion, deletion = (game.curve(case, self.behavior).area for game in self.games)
        return [Measure(named("SRG", self), insertion - deletion, self.better)]


@dataclass(frozen=True, kw_only=True)
class MinimalKeeps:
    """The smallest share that takes the confidence away, or brings it back: lower is better.

    Deletion at level a: the smallest share whose removal gives v ≤ v(whole) − a·r; insertion: the
    smallest share whose presence gives v ≥ v(empty) + a·r. With ``relative`` levels r is
    v(whole) − v(empty), the normalised confidence of Fong and Vedaldi; with absolute ones r is 1.
    Between two stops of the curve the answer is a straight line, so a share is known to one step:
    ask for more ``steps`` where the shares are small. A level that the curve never reaches has no
    share: the number is None and its note says so.

    Source: Fong and Vedaldi 2017 (arXiv 1704.03296), minimality of deletions; the paper's §4.6.1.

    Attributes:
        direction: ``deletion`` or ``insertion``.
        levels: How much of the confidence is wanted gone, or back, each above 0.
        relative: Whether the levels are shares of v(whole) − v(empty), else units of the behavior.
        order: The order in which the clip is removed or put in.
        fill: What stands where something is absent.
        steps: At most how many steps.
        behavior: The number watched.

    Raises:
        ValueError: On another direction, no level, a level of 0 or less, a relative one above 1,
            or fewer than one step.
    """

    direction: Direction = "deletion"
    levels: tuple[float, ...] = PUBLISHED_LEVELS
    relative: bool = True
    order: Order = field(default_factory=VoxelWise)
    fill: Fill = field(default_factory=Constant)
    steps: int = 50
    behavior: Behavior = field(default_factory=Probability)
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_choice("direction", self.direction, get_args(Direction))
        check_game(self.order, self.fill, self.steps, self.behavior)
        object.__setattr__(self, "levels", several("levels", self.levels))
        for level in self.levels:
            check_positive("levels", level)
            if self.relative:
                check_share("levels", level)

    @property
    def game(self) -> Game:
        """The game that is played."""
        return Game(self.direction, self.order, self.fill, self.steps)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the curve."""
        return self.game.asks(case)

    def __call__(self, case: Case) -> list[Measure]:
        """Return one share per level."""
        curve = self.game.curve(case, self.behavior)
        return [self._measure(curve, level) for level in self.levels]

    def _measure(self, curve: Curve, level: float) -> Measure:
        deleting = self.direction == "deletion"
        first, last = float(curve.values[0]), float(curve.values[-1])
        whole, empty = (first, last) if deleting else (last, first)
        name = self._name(level)
        if self.relative and whole - empty <= HARDLY * abs(whole):
            note = "the whole clip scores no higher than the empty one"
            return Measure(name, None, self.better, note)
        amount = level * (whole - empty) if self.relative else level
        wanted = whole - amount if deleting else empty + amount
        share = curve.first_share(wanted, falling=deleting)
        way = "down" if deleting else "up"
        return defined(name, share, self.better, f"unreachable: never {way} to {wanted:.3g}")

    def _name(self, level: float) -> str:
        amount = f"{100 * level:g} %" if self.relative else f"{level:g}"
        usual = replace(self, direction="deletion", levels=PUBLISHED_LEVELS, relative=True)
        return named(f"minimal keep, {self.direction} {amount}", usual)
