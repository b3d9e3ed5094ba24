"""What a synthetic clip shows, before it has a size, and the clip that is made of it.

Lengths are in sides of the (square) frame, x to the right and y down; u runs from 0 (first frame)
to 1 (last). Everything moves in the scene, and the camera moves over the scene.
"""

from dataclasses import dataclass
from math import tau
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray

Pair: TypeAlias = tuple[float, float]
Colour: TypeAlias = tuple[float, float, float]

WHITE: Colour = (0.96, 0.95, 0.92)
CORNERS = {"square": (1.0,) * 4, "triangle": (1.1,) * 3, "star": (1.15, 0.52) * 5}
TEXTURES = ("stripes", "checks", "dots")


@dataclass(frozen=True)
class Motion:
    """Where a sprite is, how large and how it is turned, for u in [0, 1].

    Attributes:
        centre: Position at the middle of the clip, without the orbit.
        travel: Way in a straight line, from the first frame to the last.
        orbit: Radius of the circle that is added to it.
        turns: Turns on that circle; above 0 is clockwise.
        phase: Angle on the circle at u = 0, in radians.
        radius: Half the sprite's extent at the first and at the last frame.
        angle: The sprite's own angle at u = 0, in radians.
        spin: How far the sprite turns about its own centre, in radians.
    """

    centre: Pair = (0.5, 0.5)
    travel: Pair = (0.0, 0.0)
    orbit: float = 0.0
    turns: float = 0.0
    phase: float = 0.0
    radius: Pair = (0.12, 0.12)
    angle: float = 0.0
    spin: float = 0.0

    def position(self, u: Float[ndarray, " T"]) -> Float[ndarray, "T 2"]:
        """Return (x, y) for every u."""
        turn = self.phase + tau * self.turns * u
        circle = self.orbit * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        line = np.asarray(self.centre) + np.outer(u - 0.5, self.travel)
        return np.asarray(line + circle)

    def radii(self, u: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return the radius for every u; it changes by equal factors in equal times."""
        first, last = self.radius
        return np.asarray(first * (last / first) ** u)


@dataclass(frozen=True)
class Sprite:
    """A shape with a texture, and its motion.

    Attributes:
        shape: ``ball`` or a name in ``CORNERS``.
        texture: A name in ``TEXTURES``; a ball has sectors always.
        colours: The texture's colours, in [0, 1].
        pose: Three angles in radians: how the ball is turned in space; the texture's angle.
        motion: What it does.
    """

    shape: str
    texture: str
    colours: tuple[Colour, ...]
    pose: tuple[float, float, float]
    motion: Motion


@dataclass(frozen=True)
class Camera:
    """Where the camera looks: all zero is a fixed camera.

    Attributes:
        pan: Way of the camera over the scene, from the first frame to the last.
        sway: Amplitude of its shaking in x and y.
        cycles: Periods of the shaking in x and y during the clip.
        phase: Phase of the shaking in x and y, in radians.
        zoom: Logarithm of the magnification from the first frame to the last.
    """

    pan: Pair = (0.0, 0.0)
    sway: Pair = (0.0, 0.0)
    cycles: Pair = (0.0, 0.0)
    phase: Pair = (0.0, 0.0)
    zoom: float = 0.0

    def shift(self, u: Float[ndarray, " T"]) -> Float[ndarray, "T 2"]:
        """Return how far the camera is from the scene's centre."""
        shake = np.asarray(self.sway) * np.sin(
            np.asarray(self.phase) + tau * np.outer(u, self.cycles)
        )
        return np.asarray(np.outer(u - 0.5, self.pan) + shake)

    def magnification(self, u: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return the magnification, 1 in the middle of the clip."""
        return np.exp(self.zoom * (u - 0.5))


@dataclass(frozen=True)
class Scene:
    """Everything that a clip shows, before it has a size.

    Attributes:
        label: Number of the ball's action in ``ACTIONS``.
        photograph: File name of the background.
        crop: Left, top and side of the part of the photograph that the scene covers, as shares
            of what is possible (left, top) and of the photograph's short side.
        mirrored: Whether the photograph is mirrored.
        tint: Gain per colour of the photograph.
        camera: How the camera moves.
        ball: The object that performs the action; it is in front of everything.
        distractors: What else moves.
    """

    label: int
    photograph: str
    crop: tuple[float, float, float]
    mirrored: bool
    tint: Colour
    camera: Camera
    ball: Sprite
    distractors: tuple[Sprite, ...]


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A rendered scene.

    Attributes:
        frames: (T, H, W, 3) uint8, RGB.
        label: Number of the action in ``ACTIONS``.
        region: (T, H, W), true where the ball is.
    """

    frames: UInt8[ndarray, "T H W 3"]
    label: int
    region: Bool[ndarray, "T H W"]
