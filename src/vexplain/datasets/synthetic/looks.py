"""From looks to patches: small pictures that are pasted into frames."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import cos, sin, tau
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from vexplain.datasets.synthetic.photographs import digits, emblem
from vexplain.datasets.synthetic.scene import Colour, Kind, Look

Patch: TypeAlias = UInt8[ndarray, "side side 4"]
"""Red, green and blue, times alpha; and alpha."""
Picture: TypeAlias = UInt8[ndarray, "side side 3"]
Plane: TypeAlias = Float[ndarray, "side side"]
Alpha: TypeAlias = UInt8[ndarray, "side side 4"]
"""Four times the same, for the channels of a patch."""
Drawn: TypeAlias = tuple[Picture, Alpha]

REACH = 1.2
"""A patch reaches this many radii out, for the corners of stars."""
WHITE: Colour = (0.96, 0.95, 0.92)
CORNERS = {"square": (1.0,) * 4, "triangle": (1.1,) * 3, "star": (1.15, 0.52) * 5}
TEXTURES = ("stripes", "checks", "dots")
CAP = 1
"""A sector of a ball that is white, as its cap is."""
RIM = 0.88
"""Where the rim of a token begins, in radii."""
SHARES = np.linspace(0, 1, 256)[:, None]
"""Of a digit's ink in a colour, for each strength of it in 0..255."""


def patch(look: Look, side: int) -> Patch:
    """Return the look, drawn at twice the size and averaged, so that no edge in it has steps."""
    picture, alpha = DRAWN[look.kind](look, 2 * side)
    opaque = cv2.cvtColor(picture, cv2.COLOR_RGB2RGBA)
    large = cv2.multiply(opaque, alpha, scale=1 / 255)
    return np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA))


def _bytes(colours: Colour | Sequence[Colour] | Float[ndarray, "n 3"]) -> UInt8[ndarray, "*n 3"]:
    return np.asarray(np.rint(np.asarray(colours) * 255), np.uint8)


@lru_cache(maxsize=128)
def _grid(side: int) -> tuple[Float[ndarray, "1 side"], Float[ndarray, "side 1"]]:
    axis = (((np.arange(side) + 0.5) / side * 2 - 1) * REACH).astype(np.float32)
    return axis[None], axis[:, None]


@lru_cache(maxsize=128)
def _disc(side: int) -> Alpha:
    """Return the alpha of a round thing, with a soft edge of a pixel."""
    x, y = _grid(side)
    inside = (1 - np.sqrt(x * x + y * y)) * (side / (2 * REACH)) + 0.5
    alpha = np.asarray(np.rint(np.clip(inside, 0, 1) * 255), np.uint8)
    return np.asarray(cv2.merge([alpha] * 4))


@lru_cache(maxsize=128)
def _outside(side: int) -> UInt8[ndarray, "side side"]:
    """Return a mask of the rim of a token, and of what is farther out."""
    x, y = _grid(side)
    return np.asarray(x * x + y * y >= RIM * RIM, np.uint8)


@lru_cache(maxsize=128)
def _on_paper(side: int) -> tuple[Plane, Plane]:
    """Return x and y in a digit's picture of 64 x 64, whose side is 1.5 radii of its token."""
    x, y = np.meshgrid(*((axis.ravel() / 1.5 + 0.5) * 64 - 0.5 for axis in _grid(side)))
    return x, y


@lru_cache(maxsize=128)
def _dome(side: int) -> tuple[Plane, Float[ndarray, "side side 3"]]:
    """Return how high a ball is, and how bright for each colour in 0..255."""
    x, y = _grid(side)
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    return z, np.asarray(cv2.merge([255 * (0.55 + 0.5 * z**0.8)] * 3))


def _ball(look: Look, side: int) -> Drawn:
    """Draw a beach ball, whose sectors meet at a white cap."""
    x, y = _grid(side)
    z, light = _dome(side)
    roll, tilt, turn = look.pose
    px, py = x * cos(roll) + y * sin(roll), y * cos(roll) - x * sin(roll)
    depth, up = z * sin(tilt) - py * cos(tilt), z * cos(tilt) + py * sin(tilt)
    sector = np.floor((np.arctan2(depth, px) + turn) / tau * 6).astype(int)
    sector = np.where(up > 0.96, CAP, sector)
    wheel = [c for i in range(3) for c in (look.colours[i % len(look.colours)], WHITE)]
    colour = np.asarray(wheel, np.float32).take(sector, axis=0, mode="wrap")
    return cv2.multiply(colour, light, dtype=cv2.CV_8U), _disc(side)


def _rimmed(picture: Picture, rim: Colour) -> Drawn:
    """Put a rim around a picture, in place, which makes it a round token."""
    side = len(picture)
    # What NumPy does with an index or ``where`` takes six times as long.
    cv2.add(np.zeros_like(picture), _bytes(rim), dst=picture, mask=_outside(side))
    return picture, _disc(side)


def _digit(look: Look, side: int) -> Drawn:
    """Draw a token with a handwritten digit: its ink has the first colour, its paper the second."""
    ink, paper = np.asarray(look.colours[:2])
    written = cv2.resize(digits()[0][int(look.name)], (64, 64), interpolation=cv2.INTER_CUBIC)
    strength = cv2.remap(
        written, *_on_paper(side), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    shades = _bytes(paper + SHARES * (ink - paper))
    shade = np.clip(strength * (1.3 * 255) + 0.5, 0, 255).astype(int)
    return _rimmed(shades.take(shade, axis=0), look.colours[2])


@lru_cache(maxsize=256)
def _framed(name: str, side: int) -> Picture:
    """Return an emblem in the middle of a picture."""
    width = round(side / REACH)
    picture = np.zeros((side, side, 3), np.uint8)
    edge = (side - width) // 2
    shown = cv2.resize(emblem(name), (width, width), interpolation=cv2.INTER_AREA)
    picture[edge : edge + width, edge : edge + width] = shown
    return picture


def _photograph(look: Look, side: int) -> Drawn:
    """Draw a token with a photograph."""
    return _rimmed(_framed(look.name, side).copy(), look.colours[0])


def _texture(look: Look, side: int) -> Picture:
    x, y = _grid(side)
    texture, turn = look.name.split()[1], look.pose[0]
    a = (x * cos(turn) + y * sin(turn)) * 1.6
    b = (y * cos(turn) - x * sin(turn)) * 1.6
    if texture == "stripes":
        second = np.floor(a * 1.2).astype(int) & 1
    elif texture == "checks":
        second = (np.floor(a) + np.floor(b)).astype(int) & 1
    else:
        a, b = a - np.floor(a) - 0.5, b - np.floor(b) - 0.5
        second = (a * a + b * b < 0.09).astype(int)
    return _bytes(look.colours).take(second, axis=0)


@lru_cache(maxsize=256)
def _angular(shape: str, side: int) -> Alpha:
    """Return the alpha of a polygon."""
    corners = np.asarray(CORNERS[shape])
    angle = np.arange(len(corners)) * tau / len(corners)
    points = corners[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    pixels = np.round((points / REACH + 1) * side / 2 * 16 - 8).astype(np.int32)
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillPoly(alpha, [pixels], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(cv2.merge([alpha] * 4))


def _polygon(look: Look, side: int) -> Drawn:
    return _texture(look, side), _angular(look.name.split()[0], side)


DRAWN: Mapping[Kind, Callable[[Look, int], Drawn]] = {
    "ball": _ball,
    "digit": _digit,
    "photograph": _photograph,
    "polygon": _polygon,
}
