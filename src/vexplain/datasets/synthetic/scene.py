"""What a synthetic clip shows, before it has a size.

Lengths are in sides of the (square) frame, x to the right and y down; u runs from 0 (the clip's
start) to 1 (its end). Everything moves in the scene, and the camera looks at the scene.
"""

from dataclasses import dataclass
from functools import cached_property
from math import cos, sin, tau
from typing import Literal, TypeAlias

import numpy as np
from jaxtyping import Float
from numpy import ndarray

Pair: TypeAlias = tuple[float, float]
Colour: TypeAlias = tuple[float, float, float]
Kind: TypeAlias = Literal["ball", "digit", "photograph", "polygon"]


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Where a sprite is, how large and how it is turned, over the time in which it is there.

    Attributes:
        centre: Position in the middle of that time, without orbit and swing.
        travel: Way in a straight line, from its first moment to its last.
        orbit: Radius of the circle that is added to it.
        turns: Turns on that circle; above 0 is clockwise.
        swing: Amplitude of a swinging to and fro in x and y.
        cycles: Periods of the swinging, and of the pulse.
        phase: Angle on the circle and in the swinging at the first moment, in radians.
        radius: Half the sprite's extent at the first and at the last moment.
        pulse: How far the logarithm of the radius goes up and down.
        angle: The sprite's own angle at the first moment, in radians.
        spin: How far the sprite turns about its own centre, in radians.
        shown: When it comes and when it goes, as u.
    """

    centre: Pair = (0.5, 0.5)
    travel: Pair = (0.0, 0.0)
    orbit: float = 0.0
    turns: float = 0.0
    swing: Pair = (0.0, 0.0)
    cycles: float = 0.0
    phase: float = 0.0
    radius: Pair = (0.12, 0.12)
    pulse: float = 0.0
    angle: float = 0.0
    spin: float = 0.0
    shown: Pair = (0.0, 1.0)

    def there(self, u: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return 1 while the sprite is there, and 0 else."""
        first, last = self.shown
        return ((u >= first) & (u <= last)).astype(float)

    def passed(self, u: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return the share of the sprite's own time that has passed."""
        first, last = self.shown
        return np.clip((u - first) / (last - first), 0, 1)

    def positions(self, v: Float[ndarray, " T"]) -> Float[ndarray, "T 2"]:
        """Return (x, y) for shares of the sprite's own time."""
        turn = self.phase + tau * self.turns * v
        circle = self.orbit * np.array([np.cos(turn), np.sin(turn)]).T
        swung = np.sin(self.phase + tau * self.cycles * v)[:, None] * self.swing
        way = self.centre + (v - 0.5)[:, None] * self.travel
        return np.asarray(way + circle + swung)

    def radii(self, v: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return the radius for shares of the sprite's own time; it grows by equal factors."""
        first, last = self.radius
        beat = np.exp(self.pulse * np.sin(self.phase + tau * self.cycles * v))
        return np.asarray(first * (last / first) ** v * beat)

    def angles(self, v: Float[ndarray, " T"]) -> Float[ndarray, " T"]:
        """Return the sprite's own angle for shares of its own time, in radians."""
        return self.angle + self.spin * v


@dataclass(frozen=True, kw_only=True)
class Look:
    """What a sprite looks like.

    Attributes:
        kind: A ball or a token, which are round; a polygon, which is not.
        name: Of a digit's token its picture's number, of a photograph's the emblem, of a polygon
            its shape and texture.
        colours: In [0, 1].
        pose: Three angles in radians: how a ball is turned in space; the angle of a texture.
    """

    kind: Kind
    name: str = ""
    colours: tuple[Colour, ...] = ()
    pose: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Sprite:
    """A look, and its motion."""

    look: Look
    motion: Motion


@dataclass(frozen=True, kw_only=True)
class Camera:
    """How the camera sees the scene; by default it shows it as it is and stands still.

    Attributes:
        scale: Magnification.
        angle: How far the picture is turned, in radians.
        squeeze: How much narrower things look, as from the side.
        pan: Way of the camera over the scene, from the first moment to the last.
        sway: Amplitude of its shaking in x and y.
        cycles: Periods of the shaking in x and y during the clip.
        phase: Phase of the shaking in x and y, in radians.
        zoom: Logarithm of the magnification from the first moment to the last.
        offset: Where it looks in the middle of the clip, from the scene's centre.
    """

    scale: float = 1.0
    angle: float = 0.0
    squeeze: float = 1.0
    pan: Pair = (0.0, 0.0)
    sway: Pair = (0.0, 0.0)
    cycles: Pair = (0.0, 0.0)
    phase: Pair = (0.0, 0.0)
    zoom: float = 0.0
    offset: Pair = (0.0, 0.0)

    @property
    def fixed(self) -> bool:
        """Whether it sees the same all the time."""
        return not (any(self.pan) or any(self.sway) or self.zoom)

    @cached_property
    def view(self) -> Float[ndarray, "2 2"]:
        """The matrix that maps ways in the scene to ways in the picture, in the clip's middle."""
        c, s = cos(self.angle), sin(self.angle)
        return np.asarray(self.scale * np.array([[c * self.squeeze, -s], [s * self.squeeze, c]]))

    def shifts(self, u: Float[ndarray, " T"]) -> Float[ndarray, "T 2"]:
        """Return how far the camera is from the scene's centre."""
        if self.fixed:
            return np.full((len(u), 2), self.offset)
        shake = self.sway * np.sin(self.phase + tau * (u[:, None] * self.cycles))
        return np.asarray(self.offset + (u - 0.5)[:, None] * self.pan + shake)

    def views(self, u: Float[ndarray, " T"]) -> Float[ndarray, "T 2 2"]:
        """Return the matrices that map ways in the scene to ways in the picture."""
        return np.asarray(np.exp(self.zoom * (u - 0.5))[:, None, None] * self.view)

    def seen(self, u: Float[ndarray, " T"], points: Float[ndarray, "T 2"]) -> ndarray:
        """Return where points of the scene lie in the picture."""
        ways = points - 0.5 - self.shifts(u)
        return np.asarray((self.views(u) @ ways[..., None])[..., 0] + 0.5)


@dataclass(frozen=True, kw_only=True)
class Background:
    """A part of a photograph.

    Attributes:
        photograph: Its file's name.
        crop: Left, top and side of the part, as shares of what is possible (left, top) and of the
            photograph's short side.
        mirrored: Whether it is mirrored.
        tint: Gain per colour.
    """

    photograph: str
    crop: tuple[float, float, float]
    mirrored: bool
    tint: Colour


@dataclass(frozen=True, kw_only=True)
class Shot:
    """What happens between two cuts.

    Attributes:
        start: u of its first moment.
        background: What is behind everything.
        camera: How it is seen.
        distractors: What else moves.
    """

    start: float
    background: Background
    camera: Camera
    distractors: tuple[Sprite, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Everything that a clip shows, before it has a size.

    Attributes:
        label: Number of its class.
        actor: The object that performs the action; it is in front of all but the occluders.
        shots: In order of time; the first starts at 0.
        occluders: What passes in front of the actor.
        facts: What the recording says of it, such as who and from where.
    """

    label: int
    actor: Sprite
    shots: tuple[Shot, ...]
    occluders: tuple[Sprite, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
