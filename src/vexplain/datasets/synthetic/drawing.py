"""Drawing scenes at random, of two families that mirror the paper's two datasets.

``still``, as EtriActivity3D: one fixed camera of eight, no cuts, and persons' stand-ins who do
everything. ``restless``, as Kinetics: the camera moves, there are cuts, shots that show something
else, things that pass in front of the object, and objects that come late.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import tau
from typing import TypeVar

import numpy as np
from numpy.random import Generator

from vexplain.datasets.synthetic.actions import ACTIONS, Action, drift, lingers
from vexplain.datasets.synthetic.looks import CORNERS, TEXTURES, WHITE
from vexplain.datasets.synthetic.photographs import (
    HELD_OUT_BACKGROUNDS,
    TRAINING_BACKGROUNDS,
    digit_numbers,
)
from vexplain.datasets.synthetic.scene import (
    Background,
    Camera,
    Colour,
    Look,
    Motion,
    Pair,
    Scene,
    Shot,
    Sprite,
)

Option = TypeVar("Option")

PALETTE: tuple[Colour, ...] = (
    (0.86, 0.15, 0.16),
    (0.95, 0.52, 0.10),
    (0.97, 0.80, 0.14),
    (0.20, 0.64, 0.30),
    (0.10, 0.60, 0.68),
    (0.13, 0.34, 0.76),
    (0.52, 0.23, 0.66),
    (0.90, 0.32, 0.58),
)
INK: tuple[Colour, ...] = ((0.08, 0.08, 0.10), (0.10, 0.15, 0.40), (0.40, 0.08, 0.08))
CARRIED_DIGITS = (1, 2, 3, 4, 5, 6, 8, 9)
CARRIED_EMBLEMS = ("face", "flower", "horse")
"""What tokens show where it says nothing of the class."""

VIEWPOINTS = (
    Camera(),
    Camera(angle=0.15, scale=0.92),
    Camera(angle=-0.15, scale=0.92),
    Camera(squeeze=0.8),
    Camera(angle=0.1, squeeze=0.85, scale=1.08),
    Camera(angle=-0.1, squeeze=0.85, scale=1.08),
    Camera(scale=1.15),
    Camera(scale=0.82, offset=(0.0, -0.05)),
)
"""The fixed cameras of the still family."""

DISTRACTING = (*(action.program for action in ACTIONS if not action.shows), lingers)
"""What distractors do."""
DISTRACTORS = 3
"""The most that are seen at once, where nothing else is asked for."""
INSIDE, OUTSIDE = 0.02, -0.03
"""How far the object stays from the frame's edge; how far a distractor may pass it."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What the recordings of one group have in common: a person's stand-in, or a film.

    Attributes:
        name: What the group is called.
        held_out: Whether it is for the test: then backgrounds and digits are others too.
        colours: Of its ball, and of the paper of its tokens.
        ink: Of its digits.
        radius: Of its object.
        backgrounds: Where it can be seen.
    """

    name: str
    held_out: bool
    colours: tuple[Colour, ...]
    ink: Colour
    radius: float
    backgrounds: tuple[Background, ...]


def draw_source(rng: Generator, *, name: str, held_out: bool) -> Source:
    """Draw what the recordings of one group have in common."""
    photographs = HELD_OUT_BACKGROUNDS if held_out else TRAINING_BACKGROUNDS
    return Source(
        name=name,
        held_out=held_out,
        colours=_colours(rng, int(rng.integers(1, 4))),
        ink=_one_of(rng, INK),
        radius=rng.uniform(0.115, 0.15),
        backgrounds=tuple(_background(rng, photographs) for _ in range(4)),
    )


def draw_scene(
    rng: Generator, *, family: str, label: int, source: Source, distractors: int = DISTRACTORS
) -> Scene:
    """Draw what a clip shows; what the distractors do is independent of the label.

    Args:
        rng: The generator that everything is drawn from.
        family: ``still`` or ``restless``.
        label: Number of the class, of ``ACTIONS``.
        source: Who or what the group of the clip is.
        distractors: The most of them in a shot, which has at least one; 0 = none.

    Raises:
        ValueError: When there is no such family or class.
    """
    if family not in FAMILIES:
        raise ValueError(f"family: expected {' or '.join(FAMILIES)}, got {family!r}.")
    if not 0 <= label < len(ACTIONS):
        raise ValueError(f"label: expected a number from 0 to {len(ACTIONS) - 1}, got {label}.")
    action = ACTIONS[label]
    look = _actor_look(rng, action, source)
    scene = FAMILIES[family](rng, source, action, distractors)
    return replace(scene, label=label, actor=replace(scene.actor, look=look))


# ---- the families ----------------------------------------------------------------------------


def _still(rng: Generator, source: Source, action: Action, distractors: int) -> Scene:
    number = int(rng.integers(len(VIEWPOINTS)))
    camera = VIEWPOINTS[number]
    room = int(rng.integers(len(source.backgrounds)))
    motion = _placed(action.program(rng, source.radius), camera, rng, margin=INSIDE)
    shot = Shot(
        start=0.0,
        background=source.backgrounds[room],
        camera=camera,
        distractors=_distractors(rng, camera, distractors),
    )
    facts = {"person": source.name, "camera": f"C{number + 1:03}", "room": f"{source.name}R{room}"}
    return _scene(motion, (shot,), facts)


def _restless(rng: Generator, source: Source, action: Action, distractors: int) -> Scene:
    plot = PLOTS[rng.choice(len(PLOTS), p=PLOT_SHARES)]
    cut, shown = _cut(rng, plot)
    camera = _moving_camera(rng)
    motion = replace(action.program(rng, source.radius), shown=shown)
    motion = _placed(motion, camera, rng, margin=INSIDE)
    shots = [_restless_shot(rng, source, camera, distractors, start=0.0)]
    if cut:
        other = replace(_moving_camera(rng), offset=drift(rng, 0.05), scale=rng.uniform(0.9, 1.1))
        camera = other if plot == "cut" else camera
        shots.append(_restless_shot(rng, source, camera, distractors, start=cut))
    occluders = (_occluder(rng, motion),) if rng.random() < 0.2 else ()
    facts = {"source": source.name, "plot": plot, "occluded": "yes" if occluders else "no"}
    return _scene(motion, tuple(shots), facts, occluders)


FAMILIES: Mapping[str, Callable[[Generator, Source, Action, int], Scene]] = {
    "still": _still,
    "restless": _restless,
}
"""The families, by their names."""

PLOTS = ("plain", "cut", "late", "filler before", "filler after")
PLOT_SHARES = (0.15, 0.25, 0.25, 0.175, 0.175)


def _cut(rng: Generator, plot: str) -> tuple[float | None, Pair]:
    """Return when a cut is, and when the object is there."""
    if plot == "cut":
        return rng.uniform(0.35, 0.65), (0.0, 1.0)
    missed = rng.uniform(0.1, 0.25)
    if plot == "late":
        return None, (missed, 1.0)
    if plot == "filler before":
        return missed, (missed, 1.0)
    if plot == "filler after":
        return 1 - missed, (0.0, 1 - missed - 1e-9)
    return None, (0.0, 1.0)


def _restless_shot(
    rng: Generator, source: Source, camera: Camera, distractors: int, *, start: float
) -> Shot:
    background = _one_of(rng, source.backgrounds)
    return Shot(
        start=start,
        background=background,
        camera=camera,
        distractors=_distractors(rng, camera, distractors),
    )


def _scene(
    motion: Motion,
    shots: tuple[Shot, ...],
    facts: Mapping[str, str],
    occluders: tuple[Sprite, ...] = (),
) -> Scene:
    actor = Sprite(look=Look(kind="ball"), motion=motion)
    return Scene(label=0, actor=actor, shots=shots, occluders=occluders, facts=tuple(facts.items()))


# ---- what is in them -------------------------------------------------------------------------


V = np.linspace(0, 1, 25)
"""Shares of a sprite's time at which its place is looked at."""


def _placed(motion: Motion, camera: Camera, rng: Generator, *, margin: float) -> Motion:
    """Return the motion with a centre that keeps it inside the picture, drawn evenly."""
    first, last = motion.shown
    u = first + V * (last - first)
    ways = camera.seen(u, motion.positions(V))
    size = camera.scale * np.exp(camera.zoom * (u - 0.5))
    radii = (motion.radii(V) * size)[:, None] + margin
    low, high = (radii - ways).max(axis=0), (1 - radii - ways).min(axis=0)
    shift = (low + high) / 2 + np.maximum(high - low, 0) / 2 * rng.uniform(-1, 1, size=2)
    x, y = np.linalg.inv(camera.view) @ shift
    return replace(motion, centre=(motion.centre[0] + float(x), motion.centre[1] + float(y)))


def _one_of(rng: Generator, options: Sequence[Option]) -> Option:
    """Return one, drawn as ``rng.choice`` draws it, which takes five times as long."""
    return options[int(rng.integers(len(options)))]


def _colours(rng: Generator, n: int) -> tuple[Colour, ...]:
    picked = rng.choice(len(PALETTE), size=n, replace=False)
    light = rng.uniform(0.85, 1.1)
    return tuple(
        (min(r * light, 1.0), min(g * light, 1.0), min(b * light, 1.0))
        for r, g, b in (PALETTE[i] for i in picked)
    )


def _background(rng: Generator, photographs: tuple[str, ...]) -> Background:
    red, green, blue = rng.uniform(0.65, 1.1) * rng.uniform(0.85, 1.15, size=3)
    return Background(
        photograph=_one_of(rng, photographs),
        crop=(rng.random(), rng.random(), rng.uniform(0.55, 1.0)),
        mirrored=bool(rng.random() < 0.5),
        tint=(float(red), float(green), float(blue)),
    )


def _actor_look(rng: Generator, action: Action, source: Source) -> Look:
    """Return a look that shows what the class asks for, or anything that no class asks for."""
    shows = action.shows
    if not shows:
        digit, emblem = _one_of(rng, CARRIED_DIGITS), _one_of(rng, CARRIED_EMBLEMS)
        shows = _one_of(rng, ("ball", "ball", f"digit {digit}", emblem))
    if shows == "ball":
        pose = (rng.uniform(0, tau), rng.uniform(0.35, 0.9), rng.uniform(0, tau))
        return Look(kind="ball", colours=source.colours, pose=pose)
    rim = source.colours[0]
    if not shows.startswith("digit"):
        return Look(kind="photograph", name=shows, colours=(rim,))
    numbers = digit_numbers(int(shows.split()[1]), held_out=source.held_out)
    return Look(
        kind="digit", name=str(_one_of(rng, numbers.tolist())), colours=(source.ink, WHITE, rim)
    )


def _distractors(rng: Generator, camera: Camera, most: int) -> tuple[Sprite, ...]:
    number = rng.integers(1, most + 1) if most else 0
    return tuple(_distractor(rng, camera) for _ in range(number))


def _distractor(rng: Generator, camera: Camera) -> Sprite:
    program = _one_of(rng, DISTRACTING)
    motion = _placed(program(rng, rng.uniform(0.08, 0.13)), camera, rng, margin=OUTSIDE)
    return Sprite(look=_polygon(rng), motion=motion)


def _polygon(rng: Generator) -> Look:
    shape, texture = _one_of(rng, tuple(CORNERS)), _one_of(rng, TEXTURES)
    first, second = _colours(rng, 2)
    return Look(
        kind="polygon",
        name=f"{shape} {texture}",
        colours=(first, WHITE if rng.random() < 0.4 else second),
        pose=(rng.uniform(0, tau), 0.0, 0.0),
    )


def _occluder(rng: Generator, actor: Motion) -> Sprite:
    """Return something that passes right in front of the object, either way."""
    way = float(_one_of(rng, (-1, 1)) * rng.uniform(0.8, 1.3))
    motion = Motion(
        centre=actor.centre,
        travel=(way, rng.uniform(-0.3, 0.3)),
        radius=(rng.uniform(0.1, 0.15),) * 2,
        angle=rng.uniform(0, tau),
        spin=rng.uniform(-1, 1),
    )
    return Sprite(look=_polygon(rng), motion=motion)


def _moving_camera(rng: Generator) -> Camera:
    return Camera(
        pan=drift(rng, 0.12),
        sway=(rng.uniform(0, 0.012), rng.uniform(0, 0.012)),
        cycles=(rng.uniform(0.5, 3), rng.uniform(0.5, 3)),
        phase=(rng.uniform(0, tau), rng.uniform(0, tau)),
        zoom=rng.uniform(-0.12, 0.12),
    )
