"""Scenes made into frames, at any size and number of frames."""

from functools import lru_cache
from math import tau
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import skimage
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

from vexplain.datasets.synthetic.scene import (
    CORNERS,
    WHITE,
    Camera,
    LabelledClip,
    Pair,
    Scene,
    Sprite,
)

Patch: TypeAlias = Float[ndarray, "side side 4"]

# The background reaches this far beyond the frame on every side, for the camera to move over.
CANVAS_MARGIN = 0.15
LONGEST_SHORT_SIDE = 600
# A patch reaches this many radii out, for the corners of stars.
REACH = 1.2


@lru_cache(maxsize=32)
def _photograph(name: str) -> UInt8[ndarray, "H W 3"]:
    path = Path(skimage.__file__).parent / "data" / name
    if not path.is_file():
        raise FileNotFoundError(
            f"photograph: scikit-image ships no {name} in {path.parent}; "
            "choose a file that is there."
        )
    with Image.open(path) as image:
        picture = np.asarray(image.convert("RGB"))
    shrink = LONGEST_SHORT_SIDE / min(picture.shape[:2])
    if shrink >= 1:
        return picture
    size = (round(shrink * picture.shape[1]), round(shrink * picture.shape[0]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _canvas(scene: Scene, side: int) -> Float[ndarray, "side side 3"]:
    """Return the scene's part of the photograph, with room for the camera around the scene."""
    photograph = _photograph(scene.photograph)
    height, width = photograph.shape[:2]
    left, top, share = scene.crop
    crop = int(share * min(height, width))
    x, y = int(left * (width - crop)), int(top * (height - crop))
    cut = photograph[y : y + crop, x : x + crop]
    method = cv2.INTER_AREA if side < crop else cv2.INTER_CUBIC
    canvas = cv2.resize(cut, (side, side), interpolation=method)
    if scene.mirrored:
        canvas = canvas[:, ::-1]
    tinted = canvas * np.asarray(scene.tint, np.float32)
    return np.asarray(np.minimum(tinted, np.float32(255)))


def _background(scene: Scene, n_frames: int, size: int) -> Float[ndarray, "T H W 3"]:
    """Return the photograph as the camera sees it, one picture per frame."""
    u = np.linspace(0, 1, n_frames)
    shift, zoom = scene.camera.shift(u), scene.camera.magnification(u)
    side = round(size * (1 + 2 * CANVAS_MARGIN))
    canvas = _canvas(scene, side)
    frames = np.empty((n_frames, size, size, 3), np.float32)
    if scene.camera == Camera():
        edge = (side - size) // 2
        frames[:] = canvas[edge : edge + size, edge : edge + size]
        return frames
    for frame, (dx, dy), z in zip(frames, shift, zoom, strict=True):
        matrix = np.array([[1 / z, 0, 0], [0, 1 / z, 0]])
        matrix[:, 2] = side / 2 + np.array([dx, dy]) * size - (size / 2) / z
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame[:] = cv2.warpAffine(
            canvas, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT
        )
    return frames


def _grid(side: int) -> tuple[Float[ndarray, "side side"], Float[ndarray, "side side"]]:
    axis = ((np.arange(side) + 0.5) / side * 2 - 1) * REACH
    x, y = np.meshgrid(axis, axis)
    return x, y


def _ball_patch(sprite: Sprite, side: int) -> Patch:
    """Return a beach ball as premultiplied RGBA in [0, 1]; sectors meet at a white cap."""
    x, y = _grid(side)
    distance = np.hypot(x, y)
    z = np.sqrt(np.maximum(1 - distance**2, 0))
    roll, tilt, turn = sprite.pose
    px, py = x * np.cos(roll) + y * np.sin(roll), y * np.cos(roll) - x * np.sin(roll)
    depth, up = z * np.sin(tilt) - py * np.cos(tilt), z * np.cos(tilt) + py * np.sin(tilt)
    sector = np.floor((np.arctan2(depth, px) + turn) / tau * 6).astype(int) % 6
    wheel = [c for i in range(3) for c in (sprite.colours[i % len(sprite.colours)], WHITE)]
    colour = np.asarray(wheel, float)[sector]
    colour[up > 0.96] = WHITE
    light = 0.55 + 0.5 * z[..., None] ** 0.8
    return _with_alpha(colour * light, np.clip((1 - distance) * side / (2 * REACH) + 0.5, 0, 1))


def _texture(sprite: Sprite, side: int) -> Float[ndarray, "side side 3"]:
    x, y = _grid(side)
    turn = sprite.pose[0]
    a = (x * np.cos(turn) + y * np.sin(turn)) * 1.6
    b = (y * np.cos(turn) - x * np.sin(turn)) * 1.6
    if sprite.texture == "stripes":
        second = np.floor(a * 1.2) % 2 == 1
    elif sprite.texture == "checks":
        second = (np.floor(a) + np.floor(b)) % 2 == 1
    else:
        second = np.hypot(a % 1 - 0.5, b % 1 - 0.5) < 0.3
    return np.asarray(np.asarray(sprite.colours, float)[second.astype(int)])


def _polygon_patch(sprite: Sprite, side: int) -> Patch:
    corners = np.asarray(CORNERS[sprite.shape])
    angle = np.arange(len(corners)) * tau / len(corners)
    points = corners[:, None] * np.stack([np.sin(angle), -np.cos(angle)], axis=1)
    pixels = np.round((points / REACH + 1) * side / 2 * 16 - 8).astype(np.int32)
    alpha = np.zeros((side, side), np.uint8)
    cv2.fillPoly(alpha, [pixels], 255, lineType=cv2.LINE_AA, shift=4)
    return _with_alpha(_texture(sprite, side), alpha / 255)


def _with_alpha(colour: Float[ndarray, "side side 3"], alpha: Float[ndarray, "side side"]) -> Patch:
    return np.dstack([np.clip(colour, 0, 1) * alpha[..., None] * 255, alpha]).astype(np.float32)


def _paste(
    frame: Float[ndarray, "H W 3"],
    covered: Float[ndarray, "H W"],
    patch: Patch,
    centre: Pair,
    radius: float,
    angle: float,
) -> None:
    """Draw ``patch`` on ``frame`` and its coverage on ``covered``, in place."""
    size = frame.shape[0]
    (x, y), reach = centre, REACH * radius
    left, top = max(int(x - reach), 0), max(int(y - reach), 0)
    right, bottom = min(int(x + reach) + 2, size), min(int(y + reach) + 2, size)
    if left >= right or top >= bottom:
        return
    side = patch.shape[0]
    scale = side / (2 * reach)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    # Pixel centres lie half a pixel in.
    dx, dy, middle = left + 0.5 - x, top + 0.5 - y, side / 2 - 0.5
    matrix = np.array(
        [[cos, sin, cos * dx + sin * dy + middle], [-sin, cos, cos * dy - sin * dx + middle]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    warped = cv2.warpAffine(patch, matrix, (right - left, bottom - top), flags=flags)
    covered[top:bottom, left:right] = warped[..., 3]
    frame[top:bottom, left:right] *= 1 - warped[..., 3:]
    frame[top:bottom, left:right] += warped[..., :3]


def _draw(
    pictures: Float[ndarray, "T H W 3"], sprite: Sprite, camera: Camera
) -> Float[ndarray, "T H W"]:
    """Draw ``sprite`` on all frames in place; return how much of each pixel it covers."""
    n_frames, size = pictures.shape[:2]
    u = np.linspace(0, 1, n_frames)
    motion, zoom = sprite.motion, camera.magnification(u)
    radii = motion.radii(u) * zoom * size
    centres = ((motion.position(u) - 0.5 - camera.shift(u)) * zoom[:, None] + 0.5) * size
    angles = motion.angle + motion.spin * u
    side = max(int(np.ceil(2 * REACH * radii.max())), 8)
    patch_of = _ball_patch if sprite.shape == "ball" else _polygon_patch
    # Drawn at twice the size and averaged, so that no edge inside the texture has steps.
    patch = cv2.resize(patch_of(sprite, 2 * side), (side, side), interpolation=cv2.INTER_AREA)
    covered = np.zeros(pictures.shape[:3], np.float32)
    for t, (x, y) in enumerate(centres):
        _paste(pictures[t], covered[t], patch, (x, y), radii[t], angles[t])
    return covered


def render(scene: Scene, *, frames: int = 16, size: int = 64) -> LabelledClip:
    """Render ``scene`` as ``frames`` pictures, evenly spaced in time, of ``size`` × ``size``.

    The region is where the ball covers at least half of a pixel.

    Raises:
        ValueError: On no frames, or a size that nothing can be seen at.
        FileNotFoundError: When the photograph is not there.
    """
    if frames < 1 or size < 8:
        raise ValueError(
            f"frames, size: expected at least 1 frame of at least 8 pixels, got {frames} of {size}."
        )
    pictures = _background(scene, frames, size)
    for sprite in scene.distractors:
        _draw(pictures, sprite, scene.camera)
    covered = _draw(pictures, scene.ball, scene.camera)
    whole = np.clip(pictures + 0.5, 0, 255).astype(np.uint8)
    return LabelledClip(whole, scene.label, covered >= 0.5)
