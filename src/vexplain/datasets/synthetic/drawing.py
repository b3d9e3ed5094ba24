"""Drawing scenes at random."""

from collections.abc import Sequence
from dataclasses import replace
from math import tau

import numpy as np
from numpy.random import Generator

from vexplain.datasets.synthetic.actions import ACTIONS, Program, drift, stays
from vexplain.datasets.synthetic.scene import (
    CORNERS,
    TEXTURES,
    WHITE,
    Camera,
    Colour,
    Motion,
    Scene,
    Sprite,
)

# All ship inside scikit-image's wheel and are in the public domain or free of known restrictions.
TRAINING_PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "clock_motion.png",
    "coins.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "retina.jpg",
    "rocket.jpg",
)
HELD_OUT_PHOTOGRAPHS = ("camera.png", "chelsea.png", "coffee.png", "grass.png")

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

# How far the ball stays from the frame's edge, and how far more when the camera moves.
MARGIN, CAMERA_MARGIN = 0.02, 0.04


def _placed(motion: Motion, rng: Generator, *, margin: float) -> Motion:
    """Return the motion with a centre that keeps it inside the scene, drawn evenly."""
    u = np.linspace(0, 1, 33)
    way = motion.position(u) - np.asarray(motion.centre)
    radii = motion.radii(u)[:, None] + margin
    low, high = (radii - way).max(axis=0), (1 - radii - way).min(axis=0)
    middle, half = (low + high) / 2, np.maximum(high - low, 0) / 2
    x, y = middle + half * rng.uniform(-1, 1, size=2)
    return replace(motion, centre=(float(x), float(y)))


def _draw_colours(rng: Generator, n: int) -> tuple[Colour, ...]:
    picked = rng.choice(len(PALETTE), size=n, replace=False)
    light = rng.uniform(0.85, 1.1)
    return tuple(
        (min(r * light, 1.0), min(g * light, 1.0), min(b * light, 1.0))
        for r, g, b in (PALETTE[i] for i in picked)
    )


def _draw_ball(rng: Generator, program: Program, *, margin: float) -> Sprite:
    motion = _placed(program(rng, rng.uniform(0.115, 0.15)), rng, margin=margin)
    pose = (rng.uniform(0, tau), rng.uniform(0.35, 0.9), rng.uniform(0, tau))
    return Sprite("ball", "sectors", _draw_colours(rng, int(rng.integers(1, 4))), pose, motion)


def _draw_distractor(rng: Generator) -> Sprite:
    programs = (*ACTIONS.values(), stays)
    program = programs[rng.integers(len(programs))]
    motion = _placed(program(rng, rng.uniform(0.08, 0.14)), rng, margin=-0.03)
    shape = str(rng.choice(list(CORNERS)))
    texture = str(rng.choice(TEXTURES))
    first, second = _draw_colours(rng, 2)
    colours = (first, WHITE) if rng.random() < 0.4 else (first, second)
    return Sprite(shape, texture, colours, (rng.uniform(0, tau), 0.0, 0.0), motion)


def _draw_camera(rng: Generator) -> Camera:
    return Camera(
        pan=drift(rng, 0.12),
        sway=(rng.uniform(0, 0.012), rng.uniform(0, 0.012)),
        cycles=(rng.uniform(0.5, 3), rng.uniform(0.5, 3)),
        phase=(rng.uniform(0, tau), rng.uniform(0, tau)),
        zoom=rng.uniform(-0.12, 0.12),
    )


def draw_scene(
    rng: Generator,
    *,
    label: int | None = None,
    photographs: Sequence[str] = TRAINING_PHOTOGRAPHS,
    moving_camera: bool | None = None,
) -> Scene:
    """Draw what a clip shows: the ball's action, two to four distractors, camera and photograph.

    The distractors' actions are drawn independently of the label.

    Args:
        rng: The generator that everything is drawn from.
        label: Number of the ball's action; drawn evenly when None.
        photographs: File names to draw the background from.
        moving_camera: Whether the camera moves; half of the clips when None.

    Raises:
        ValueError: When there is no such action.
    """
    if label is None:
        label = int(rng.integers(len(ACTIONS)))
    if not 0 <= label < len(ACTIONS):
        raise ValueError(f"label: expected a number from 0 to {len(ACTIONS) - 1}, got {label}.")
    program = tuple(ACTIONS.values())[label]
    moving = bool(rng.random() < 0.5) if moving_camera is None else moving_camera
    return Scene(
        label=label,
        photograph=str(rng.choice(list(photographs))),
        crop=(rng.random(), rng.random(), rng.uniform(0.55, 1.0)),
        mirrored=bool(rng.random() < 0.5),
        tint=tuple(rng.uniform(0.65, 1.1) * rng.uniform(0.85, 1.15, size=3)),
        camera=_draw_camera(rng) if moving else Camera(),
        ball=_draw_ball(rng, program, margin=MARGIN + CAMERA_MARGIN * moving),
        distractors=tuple(_draw_distractor(rng) for _ in range(rng.integers(2, 5))),
    )
