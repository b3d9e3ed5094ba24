"""Scenes made into frames, at any size and number of frames."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import ceil, sqrt
from typing import TypeAlias

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from vexplain.datasets.synthetic.looks import REACH, Patch, patch
from vexplain.datasets.synthetic.photographs import halved, photograph
from vexplain.datasets.synthetic.scene import Background, Camera, Scene, Shot, Sprite

Seen: TypeAlias = UInt8[ndarray, "T H W 4"]
"""Frames: red, green and blue, and how much of each pixel shows the object."""

CANVAS_MARGIN = 0.2
"""The background reaches this far beyond the frame on every side, for the camera to move over."""
SAMPLED = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


@dataclass(frozen=True, eq=False)
class Rendered:
    """A rendered scene.

    Attributes:
        frames: (T, H, W, 3) 8-bit, RGB.
        region: (T, H, W), true where the object is seen.
    """

    frames: UInt8[ndarray, "T H W 3"]
    region: Bool[ndarray, "T H W"]


def render(scene: Scene, *, frames: int = 16, size: int = 112) -> Rendered:
    """Render ``frames`` pictures, evenly spaced from the first moment to the last.

    The region is where at least half of a pixel shows the object.

    Args:
        scene: What is to be seen.
        frames: T.
        size: H and W, in pixels.

    Raises:
        ValueError: On no frames, or a size that nothing can be seen at.
        FileNotFoundError: When a photograph is not there.
    """
    if frames < 1 or size < 8:
        raise ValueError(
            f"frames, size: expected at least 1 frame of at least 8 pixels, got {frames} of {size}."
        )
    u = np.linspace(0, 1, frames) if frames > 1 else np.array([0.5])
    seen = np.empty((frames, size, size, 4), np.uint8)
    starts = [shot.start for shot in scene.shots]
    cuts = np.searchsorted(u, [0.0, *starts[1:], 2.0])
    for shot, (first, last) in zip(scene.shots, pairwise(cuts), strict=True):
        part = slice(int(first), int(last))
        _draw_shot(shot, scene, u[part], seen[part])
    pictures = cv2.cvtColor(seen.reshape(-1, size, 4), cv2.COLOR_RGBA2RGB)
    # As whole numbers, whose highest byte is the fourth channel: five times as fast.
    region = seen.view("<u4")[..., 0] >= 128 << 24
    return Rendered(pictures.reshape(frames, size, size, 3), region)


def _draw_shot(shot: Shot, scene: Scene, u: Float[ndarray, " T"], seen: Seen) -> None:
    """Draw what is seen between two cuts, in place."""
    if not len(u):
        return
    _draw_background(shot.background, shot.camera, u, seen)
    for sprite in shot.distractors:
        _draw(seen, sprite, shot.camera, u)
    _draw(seen, scene.actor, shot.camera, u, is_object=True)
    for sprite in scene.occluders:
        _draw(seen, sprite, shot.camera, u)


@lru_cache(maxsize=256)
def _canvas(background: Background, side: int) -> UInt8[ndarray, "side side 4"]:
    """Return the background's part of its photograph, with room around the scene.

    The sources of a set have 240 backgrounds, so that the cache has room for them all.
    """
    left, top, share = background.crop
    most = share * min(photograph(background.photograph).shape[:2]) / side
    picture = halved(background.photograph, int(np.log2(max(most, 1))))
    height, width = picture.shape[:2]
    crop = int(share * min(height, width))
    x, y = int(left * (width - crop)), int(top * (height - crop))
    cut = picture[y : y + crop, x : x + crop]
    method = cv2.INTER_AREA if side < crop else cv2.INTER_LINEAR
    canvas = cv2.resize(cut, (side, side), interpolation=method)
    if background.mirrored:
        canvas = cv2.flip(canvas, 1)
    # Nothing of a background shows the object: the fourth channel is 0.
    gains = np.arange(256)[:, None] * np.array([*background.tint, 0])
    table = np.clip(gains + 0.5, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(cv2.cvtColor(canvas, cv2.COLOR_RGB2RGBA), table))


def _draw_background(
    background: Background, camera: Camera, u: Float[ndarray, " T"], seen: Seen
) -> None:
    """Draw the photograph as the camera sees it."""
    size = seen.shape[1]
    side = round(size * (1 + 2 * CANVAS_MARGIN))
    canvas = _canvas(background, side)
    if camera.fixed:
        u = u[:1]
    looks_back = np.linalg.inv(camera.views(u))
    # Pixel centres lie half a pixel in, both in the picture and on the canvas.
    middle = side / 2 - 0.5 + camera.shifts(u) * size
    middle -= looks_back @ np.full(2, size / 2 - 0.5)
    matrices = np.concatenate([looks_back, middle[..., None]], axis=2)
    for picture, matrix in zip(seen, matrices, strict=False):
        cv2.warpAffine(
            canvas,
            matrix,
            (size, size),
            dst=picture,
            flags=SAMPLED,
            borderMode=cv2.BORDER_REFLECT,
        )
    if camera.fixed:
        seen[1:] = seen[0]


def _draw(
    seen: Seen,
    sprite: Sprite,
    camera: Camera,
    u: Float[ndarray, " T"],
    *,
    is_object: bool = False,
) -> None:
    """Draw a sprite on all frames, in place.

    Args:
        seen: The frames.
        sprite: What is drawn.
        camera: How it is seen.
        u: The times of the frames.
        is_object: Whether it is what the fourth channel tells of; else it hides that.
    """
    size, motion = seen.shape[1], sprite.motion
    shown = np.flatnonzero(motion.there(u))
    if not len(shown):
        return
    u = u[shown]
    v = motion.passed(u)
    centres = camera.seen(u, motion.positions(v)) * size
    angles = motion.angles(v)
    c, s = np.cos(angles), np.sin(angles)
    turned = np.array([[c, -s], [s, c]]).transpose(2, 0, 1)
    axes = camera.views(u) @ turned * (motion.radii(v) * size)[:, None, None]
    placed, corners = _placed(patch(sprite.look, _side(axes)), axes, centres, size)
    height, width = placed.shape[1:3]
    windows = [
        seen[t, top : top + height, left : left + width]
        for t, (left, top) in zip(shown.tolist(), corners.tolist(), strict=True)
    ]
    blended = _blended(np.concatenate(windows), placed.reshape(-1, width, 4), is_object)
    for window, picture in zip(windows, blended.reshape(placed.shape), strict=True):
        window[...] = picture


def _blended(
    behind: UInt8[ndarray, "h w 4"], placed: UInt8[ndarray, "h w 4"], is_object: bool
) -> UInt8[ndarray, "h w 4"]:
    """Return what is behind, seen through a sprite."""
    alpha = cv2.extractChannel(placed, 3)
    if not is_object:
        placed[..., 3] = 0
    through = cv2.multiply(behind, cv2.merge([cv2.bitwise_not(alpha)] * 4), scale=1 / 255)
    return np.asarray(cv2.add(through, placed))


def _side(axes: Float[ndarray, "T 2 2"]) -> int:
    """Return how many pixels a patch needs where it is largest."""
    areas = np.abs(axes[:, 0, 0] * axes[:, 1, 1] - axes[:, 0, 1] * axes[:, 1, 0])
    return max(ceil(2 * REACH * sqrt(areas.max())), 8)


def _placed(
    drawn: Patch, axes: Float[ndarray, "T 2 2"], centres: Float[ndarray, "T 2"], size: int
) -> tuple[UInt8[ndarray, "T h w 4"], Int[ndarray, "T 2"]]:
    """Return a patch as it looks in windows of the frames, all of one size, and their corners.

    Windows lie within the frames, also where what they are for does not.

    Args:
        drawn: The patch.
        axes: Where its unit vectors lie in the frame, in pixels.
        centres: Where its middle lies.
        size: H and W of the frames.
    """
    # A pixel more, for what is soft at the corners of small stars.
    reach = REACH * np.hypot(axes[..., 0], axes[..., 1]) + 1
    width, height = (min(ceil(2 * most) + 1, size) for most in reach.max(0).tolist())
    corners = np.clip(np.floor(centres - reach), 0, (size - width, size - height))
    back = np.linalg.inv(axes) * (len(drawn) / (2 * REACH))
    # OpenCV takes half the time where a window looks at nothing outside of the patch.
    border = len(drawn) // 4 + 3
    padded = cv2.copyMakeBorder(drawn, border, border, border, border, cv2.BORDER_CONSTANT, value=0)
    # Pixel centres lie half a pixel in.
    starts = back @ (corners + 0.5 - centres)[..., None] + (len(padded) / 2 - 0.5)
    matrices = np.concatenate([back, starts], axis=2)
    placed = np.empty((len(axes), height, width, 4), np.uint8)
    for window, matrix in zip(placed, matrices, strict=True):
        cv2.warpAffine(padded, matrix, (width, height), dst=window, flags=SAMPLED)
    return placed, corners.astype(int)
