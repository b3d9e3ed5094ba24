"""From looks to patches: small pictures that are pasted into frames."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import cos, sin, tau
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

from vexplain.datasets.synthetic.photographs import digits, emblem
from vexplain.datasets.synthetic.scene import Colour, Kind, Look

Patch: TypeAlias = Float[ndarray, "side side 4"]
"""Red, green and blue in 0..255, times alpha; and alpha in [0, 1]."""
Picture: TypeAlias = Float[ndarray, "side side 3"]
Drawn: TypeAlias = tuple[Picture, Float[ndarray, "side side"]]
"""A picture in [0, 1], and its alpha."""

REACH = 1.2
"""A patch reaches this many radii out, for the corners of stars."""
WHITE: Colour = (0.96, 0.95, 0.92)
CORNERS = {"square": (1.0,) * 4, "triangle": (1.1,) * 3, "star": (1.15, 0.52) * 5}
TEXTURES = ("stripes", "checks", "dots")
RIM = 0.88
"""Where the rim of a token begins, in radii."""


def patch(look: Look, side: int) -> Patch:
    """Return the look, drawn at twice the size and averaged, so that no edge in it has steps."""
    picture, alpha = DRAWN[look.kind](look, 2 * side)
    colour = np.clip(picture, 0, 1) * np.float32(255) * alpha[..., None]
    large = np.dstack([colour, alpha]).astype(np.float32, copy=False)
    return np.asarray(cv2.resize(large, (side, side), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=256)
def _grid(side: int) -> tuple[Float[ndarray, "side side"], Float[ndarray, "side side"]]:
    axis = (((np.arange(side) + 0.5) / side * 2 - 1) * REACH).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y


def _disc(x: ndarray, y: ndarray) -> Float[ndarray, "side side"]:
    """Return the alpha of a round thing, with a soft edge of a pixel."""
    side = len(x)
    return np.asarray(np.clip((1 - np.sqrt(x * x + y * y)) * (side / (2 * REACH)) + 0.5, 0, 1))


def _ball(look: Look, side: int) -> Drawn:
    """Draw a beach ball, whose sectors meet at a white cap."""
    x, y = _grid(side)
    z = np.sqrt(np.maximum(1 - x * x - y * y, 0))
    roll, tilt, turn = look.pose
    px, py = x * cos(roll) + y * sin(roll), y * cos(roll) - x * sin(roll)
    depth, up = z * sin(tilt) - py * cos(tilt), z * cos(tilt) + py * sin(tilt)
    sector = np.floor((np.arctan2(depth, px) + turn) / tau * 6).astype(int) % 6
    wheel = [c for i in range(3) for c in (look.colours[i % len(look.colours)], WHITE)]
    colour = np.asarray(wheel, np.float32)[sector]
    colour[up > 0.96] = WHITE
    return colour * (0.55 + 0.5 * z[..., None] ** 0.8), _disc(x, y)


def _rimmed(picture: Picture, rim: Colour, side: int) -> Drawn:
    """Put a picture onto a round token with a rim; the picture covers the inner square."""
    x, y = _grid(side)
    inside = (x * x + y * y)[..., None] < RIM * RIM
    return np.where(inside, picture, np.asarray(rim, np.float32)), _disc(x, y)


def _digit(look: Look, side: int) -> Drawn:
    """Draw a token with a handwritten digit: its ink has the first colour, its paper the second."""
    ink, paper = np.asarray(look.colours[:2], np.float32)
    written = cv2.resize(digits()[0][int(look.name)], (64, 64), interpolation=cv2.INTER_CUBIC)
    # The picture's side is 1.5 radii: a digit fills the middle of it.
    at = (np.arange(side) + 0.5) / side * 2 * REACH - REACH
    columns = ((at / 1.5 + 0.5) * 64).astype(np.float32) - 0.5
    across, down = np.meshgrid(columns, columns)
    strength = cv2.remap(written, across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    strength = np.clip(strength * 1.3, 0, 1)[..., None]
    return _rimmed(paper + strength * (ink - paper), look.colours[2], side)


def _photograph(look: Look, side: int) -> Drawn:
    """Draw a token with a photograph."""
    width = round(side / REACH)
    picture = np.zeros((side, side, 3), np.float32)
    edge = (side - width) // 2
    shown = cv2.resize(emblem(look.name), (width, width), interpolation=cv2.INTER_AREA)
    picture[edge : edge + width, edge : edge + width] = shown / np.float32(255)
    return _rimmed(picture, look.colours[0], side)


def _texture(look: Look, side: int) -> Picture:
    x, y = _grid(side)
    texture, turn = look.name.split()[1], look.pose[0]
    a = (x * cos(turn) + y * sin(turn)) * 1.6
    b = (y * cos(turn) - x * sin(turn)) * 1.6
    if texture == "stripes":
        second = np.floor(a * 1.2) % 2 == 1
    elif texture == "checks":
        second = (np.floor(a) + np.floor(b)) % 2 == 1
    else:
        second = (a % 1 - 0.5) ** 2 + (b % 1 - 0.5) ** 2 < 0.09
    return np.asarray(np.asarray(look.colours, np.float32)[second.astype(int)])


def _polygon(look: Look, side: int) -> Drawn:
    corners = np.asarray(CORNERS[look.name.split()[0]])
    angle = np.arange(len(corners)) * tau / len(corners)
    points = corners[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    pixels = np.round((points / REACH + 1) * side / 2 * 16 - 8).astype(np.int32)
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillPoly(alpha, [pixels], 255, lineType=cv2.LINE_AA, shift=4)
    return _texture(look, side), alpha / np.float32(255)


DRAWN: Mapping[Kind, Callable[[Look, int], Drawn]] = {
    "ball": _ball,
    "digit": _digit,
    "photograph": _photograph,
    "polygon": _polygon,
}
