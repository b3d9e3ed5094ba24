"""The classes: what the object shows or does, and what one has to see to tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from math import cos, sin, tau
from typing import Literal, TypeAlias

from numpy.random import Generator

from vexplain.datasets.synthetic.scene import Motion, Pair

Needs: TypeAlias = Literal["appearance", "motion", "order"]
Program: TypeAlias = Callable[[Generator, float], Motion]


def drift(rng: Generator, length: float) -> Pair:
    """Return a way of at most ``length``, in any direction."""
    angle = rng.uniform(0, tau)
    length = rng.uniform(0, length)
    return length * cos(angle), length * sin(angle)


def _nearly(rng: Generator, radius: float) -> Motion:
    """Return what every motion has a little of and no class depends on."""
    factor = 1.1 ** rng.uniform(-0.5, 0.5)
    return Motion(
        travel=drift(rng, 0.06),
        phase=rng.uniform(0, tau),
        radius=(radius / factor, radius * factor),
        angle=rng.uniform(-0.5, 0.5),
        spin=rng.uniform(-0.5, 0.5),
    )


def lingers(rng: Generator, radius: float) -> Motion:
    """Return hardly any motion."""
    return replace(_nearly(rng, radius), travel=drift(rng, 0.12))


def moves(rng: Generator, radius: float, *, sense: int) -> Motion:
    """Return a level way, within 20°, to the right for ``sense`` 1, to the left for -1."""
    angle = rng.uniform(-1, 1) * tau / 18
    length = sense * rng.uniform(0.36, 0.58)
    return replace(_nearly(rng, radius), travel=(length * cos(angle), length * sin(angle)))


def circles(rng: Generator, radius: float, *, sense: int) -> Motion:
    """Return 0.8 to 1.3 turns on a circle, clockwise for ``sense`` 1, anticlockwise for -1."""
    return replace(
        _nearly(rng, radius), orbit=rng.uniform(0.14, 0.21), turns=sense * rng.uniform(0.8, 1.3)
    )


def resizes(rng: Generator, radius: float, *, sense: int) -> Motion:
    """Return growth by 1.9 to 2.6 times for ``sense`` 1, shrinking by as much for -1."""
    factor = rng.uniform(1.9, 2.6) ** (sense / 2)
    return replace(_nearly(rng, radius), radius=(radius / factor, radius * factor))


def swings(rng: Generator, radius: float, *, level: bool) -> Motion:
    """Return 1.25 to 1.9 swings to and fro, level or upright, within 15°."""
    angle = rng.uniform(-1, 1) * tau / 24 + (0 if level else tau / 4)
    length = rng.uniform(0.11, 0.17)
    swing = (length * cos(angle), length * sin(angle))
    return replace(_nearly(rng, radius), swing=swing, cycles=rng.uniform(1.25, 1.9))


def spins(rng: Generator, radius: float) -> Motion:
    """Return 0.9 to 1.5 turns about its own centre, either way."""
    spin = rng.choice([-1, 1]) * rng.uniform(0.9, 1.5) * tau
    return replace(_nearly(rng, 1.1 * radius), angle=rng.uniform(0, tau), spin=float(spin))


def pulses(rng: Generator, radius: float) -> Motion:
    """Return 1.25 to 1.9 beats of the size, by 1.35 to 1.6 times up and down."""
    pulse = rng.uniform(0.3, 0.47)
    return replace(_nearly(rng, radius), pulse=pulse, cycles=rng.uniform(1.25, 1.9))


@dataclass(frozen=True, kw_only=True)
class Action:
    """A class.

    Attributes:
        name: What it is called.
        needs: What tells it: the ``appearance`` of the object in any one frame; its ``motion``,
            which is the same in time played backwards; or the ``order`` of the frames in time
            only: played backwards it is another class, made of the same pictures.
        program: Draws the motion.
        shows: What the object has to show; empty where that says nothing.
    """

    name: str
    needs: Needs
    program: Program
    shows: str = ""


ACTIONS: tuple[Action, ...] = (
    Action(name="shows a zero", needs="appearance", program=lingers, shows="digit 0"),
    Action(name="shows a seven", needs="appearance", program=lingers, shows="digit 7"),
    Action(name="shows a cat", needs="appearance", program=lingers, shows="cat"),
    Action(name="shows a cup", needs="appearance", program=lingers, shows="cup"),
    Action(name="swings sideways", needs="motion", program=partial(swings, level=True)),
    Action(name="swings up and down", needs="motion", program=partial(swings, level=False)),
    Action(name="spins", needs="motion", program=spins),
    Action(name="pulses", needs="motion", program=pulses),
    Action(name="moves right", needs="order", program=partial(moves, sense=1)),
    Action(name="moves left", needs="order", program=partial(moves, sense=-1)),
    Action(name="circles clockwise", needs="order", program=partial(circles, sense=1)),
    Action(name="circles anticlockwise", needs="order", program=partial(circles, sense=-1)),
    Action(name="grows", needs="order", program=partial(resizes, sense=1)),
    Action(name="shrinks", needs="order", program=partial(resizes, sense=-1)),
)
"""The classes, in the order of their numbers."""

BACKWARDS = {8: 9, 9: 8, 10: 11, 11: 10, 12: 13, 13: 12}
"""The class that a class of order becomes when it is played backwards."""
