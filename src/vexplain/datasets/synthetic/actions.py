"""The actions: programs that draw a motion, and their names, which are the classes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import cos, sin, tau
from typing import TypeAlias

from numpy.random import Generator

from vexplain.datasets.synthetic.scene import Motion, Pair

Program: TypeAlias = Callable[[Generator, float], Motion]


def _varied(rng: Generator, motion: Motion) -> Motion:
    """Return ``motion`` with the little that every motion has and no label depends on."""
    return replace(
        motion,
        orbit=rng.uniform(0, 0.015),
        turns=rng.uniform(-1, 1),
        phase=rng.uniform(0, tau),
        angle=rng.uniform(0, tau),
        spin=rng.uniform(-2, 2),
    )


def _near(rng: Generator, radius: float, *, change: float = 1.12) -> Pair:
    factor = change ** rng.uniform(-0.5, 0.5)
    return radius / factor, radius * factor


def drift(rng: Generator, length: float) -> Pair:
    """Return a way of at most ``length``, in any direction."""
    angle = rng.uniform(0, tau)
    length = rng.uniform(0, length)
    return length * cos(angle), length * sin(angle)


def moves(rng: Generator, radius: float, *, direction: float) -> Motion:
    """Return a way in a straight line within 20° of ``direction`` (quarter turns, clockwise)."""
    angle = direction * tau / 4 + rng.uniform(-1, 1) * tau / 18
    length = rng.uniform(0.36, 0.60)
    travel = (length * cos(angle), length * sin(angle))
    return _varied(rng, Motion(travel=travel, radius=_near(rng, radius)))


def circles(rng: Generator, radius: float, *, sense: int) -> Motion:
    """Return 0.8 to 1.4 turns on a circle, clockwise for ``sense`` 1, anticlockwise for -1."""
    return replace(
        _varied(rng, Motion()),
        orbit=rng.uniform(0.14, 0.24),
        turns=sense * rng.uniform(0.8, 1.4),
        travel=drift(rng, 0.1),
        radius=_near(rng, radius),
    )


def resizes(rng: Generator, radius: float, *, sense: int) -> Motion:
    """Return growth by 1.8 to 2.6 times for ``sense`` 1, shrinking by as much for -1."""
    factor = rng.uniform(1.8, 2.6) ** (sense / 2)
    size = (radius / factor, radius * factor)
    return _varied(rng, Motion(travel=drift(rng, 0.1), radius=size))


def stays(rng: Generator, radius: float) -> Motion:
    """Return hardly any motion."""
    return _varied(rng, Motion(travel=drift(rng, 0.04), radius=_near(rng, radius)))


ACTIONS: Mapping[str, Program] = {
    "moves right": partial(moves, direction=0),
    "moves down": partial(moves, direction=1),
    "moves left": partial(moves, direction=2),
    "moves up": partial(moves, direction=3),
    "circles clockwise": partial(circles, sense=1),
    "circles anticlockwise": partial(circles, sense=-1),
    "grows": partial(resizes, sense=1),
    "shrinks": partial(resizes, sense=-1),
}
