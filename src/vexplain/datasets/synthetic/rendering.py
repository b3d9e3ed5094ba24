"""Scenes made into frames, at any size and number of frames."""

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy import ndarray

from vexplain.datasets.synthetic.looks import REACH, Patch, patch
from vexplain.datasets.synthetic.photographs import halved, photograph
from vexplain.datasets.synthetic.scene import Background, Camera, Scene, Shot, Sprite

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
    pictures = np.empty((frames, size, size, 3), np.uint8)
    covered = np.zeros((frames, size, size), np.float32)
    starts = [shot.start for shot in scene.shots]
    cuts = np.searchsorted(u, [0.0, *starts[1:], 2.0])
    for shot, (first, last) in zip(scene.shots, pairwise(cuts), strict=True):
        part = slice(int(first), int(last))
        _draw_shot(shot, scene, u[part], pictures[part], covered[part])
    return Rendered(pictures, covered >= 0.5)


def _draw_shot(
    shot: Shot,
    scene: Scene,
    u: Float[ndarray, " T"],
    pictures: UInt8[ndarray, "T H W 3"],
    covered: Float[ndarray, "T H W"],
) -> None:
    """Draw what is seen between two cuts, in place."""
    if not len(u):
        return
    _draw_background(shot.background, shot.camera, u, pictures)
    for sprite in shot.distractors:
        _draw(pictures, sprite, shot.camera, u)
    _draw(pictures, scene.actor, shot.camera, u, covered=covered)
    for sprite in scene.occluders:
        _draw(pictures, sprite, shot.camera, u, hides=covered)


def _canvas(background: Background, side: int) -> UInt8[ndarray, "side side 3"]:
    """Return the background's part of its photograph, with room around the scene."""
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
        canvas = canvas[:, ::-1]
    gains = np.arange(256)[:, None] * np.asarray(background.tint)
    table = np.clip(gains + 0.5, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(np.ascontiguousarray(canvas), table))


def _draw_background(
    background: Background,
    camera: Camera,
    u: Float[ndarray, " T"],
    pictures: UInt8[ndarray, "T H W 3"],
) -> None:
    """Draw the photograph as the camera sees it."""
    size = pictures.shape[1]
    side = round(size * (1 + 2 * CANVAS_MARGIN))
    canvas = _canvas(background, side)
    if camera.fixed:
        u = u[:1]
    looks_back = np.linalg.inv(camera.views(u))
    # Pixel centres lie half a pixel in, both in the picture and on the canvas.
    middle = side / 2 - 0.5 + camera.shifts(u) * size
    middle -= looks_back @ np.full(2, size / 2 - 0.5)
    matrices = np.concatenate([looks_back, middle[..., None]], axis=2)
    for picture, matrix in zip(pictures, matrices, strict=False):
        cv2.warpAffine(
            canvas,
            matrix,
            (size, size),
            dst=picture,
            flags=SAMPLED,
            borderMode=cv2.BORDER_REFLECT,
        )
    if camera.fixed:
        pictures[1:] = pictures[0]


def _draw(
    pictures: UInt8[ndarray, "T H W 3"],
    sprite: Sprite,
    camera: Camera,
    u: Float[ndarray, " T"],
    *,
    covered: Float[ndarray, "T H W"] | None = None,
    hides: Float[ndarray, "T H W"] | None = None,
) -> None:
    """Draw a sprite on all frames, in place.

    Args:
        pictures: The frames.
        sprite: What is drawn.
        camera: How it is seen.
        u: The times of the frames.
        covered: Takes how much of each pixel the sprite covers.
        hides: How much of each pixel another sprite covers, of which this one hides its part.
    """
    size, motion = pictures.shape[1], sprite.motion
    shown = np.flatnonzero(motion.there(u))
    if not len(shown):
        return
    u = u[shown]
    v = motion.passed(u)
    centres = camera.seen(u, motion.positions(v)) * size
    c, s = np.cos(motion.angles(v)), np.sin(motion.angles(v))
    turned = np.stack([c, -s, s, c], axis=1).reshape(-1, 2, 2)
    axes = camera.views(u) @ turned * (motion.radii(v) * size)[:, None, None]
    drawn = patch(sprite.look, _side(axes))
    placed, corners = _placed(drawn, axes, centres)
    windows = [_window(corner, placed.shape[1:3], size) for corner in corners.tolist()]
    behind = np.zeros((*placed.shape[:3], 3), np.uint8)
    for t, here, (there, inside) in zip(shown, behind, windows, strict=True):
        here[inside] = pictures[t][there]
    stays = 1 - placed[..., 3]
    blended = _blended(behind, placed, stays)
    for k, (t, (there, inside)) in enumerate(zip(shown, windows, strict=True)):
        pictures[t][there] = blended[k][inside]
        if covered is not None:
            covered[t][there] = placed[k, ..., 3][inside]
        if hides is not None:
            hides[t][there] *= stays[k][inside]


def _blended(
    behind: UInt8[ndarray, "T h w 3"],
    placed: Float[ndarray, "T h w 4"],
    stays: Float[ndarray, "T h w"],
) -> UInt8[ndarray, "T h w 3"]:
    """Return what is behind, seen through a sprite; in OpenCV, all frames in one picture."""
    width = behind.shape[2]
    through = cv2.multiply(
        behind.reshape(-1, width, 3),
        cv2.cvtColor(stays.reshape(-1, width), cv2.COLOR_GRAY2BGR),
        dtype=cv2.CV_32F,
    )
    colour = cv2.cvtColor(placed.reshape(-1, width, 4), cv2.COLOR_BGRA2BGR)
    return np.asarray(cv2.add(through, colour, dtype=cv2.CV_8U)).reshape(behind.shape)


def _side(axes: Float[ndarray, "T 2 2"]) -> int:
    """Return how many pixels a patch needs where it is largest."""
    radius = float(
        np.sqrt(np.abs(axes[:, 0, 0] * axes[:, 1, 1] - axes[:, 0, 1] * axes[:, 1, 0])).max()
    )
    return max(int(np.ceil(2 * REACH * radius)), 8)


def _placed(
    drawn: Patch, axes: Float[ndarray, "T 2 2"], centres: Float[ndarray, "T 2"]
) -> tuple[Float[ndarray, "T h w 4"], Int[ndarray, "T 2"]]:
    """Return a patch as it looks in each frame, in windows of one size, and their corners.

    Args:
        drawn: The patch.
        axes: Where its unit vectors lie in the frame, in pixels.
        centres: Where its middle lies.
    """
    reach = REACH * np.abs(axes).sum(2)
    corners = np.floor(centres - reach).astype(int)
    width, height = (np.ceil(2 * reach.max(0)).astype(int) + 1).tolist()
    (a, b), (c, d) = axes.transpose(1, 2, 0)
    back = np.stack([d, -b, -c, a], axis=1) / (a * d - b * c)[:, None]
    back = back.reshape(-1, 2, 2) * (len(drawn) / (2 * REACH))
    # Pixel centres lie half a pixel in.
    starts = back @ (corners + 0.5 - centres)[..., None] + (len(drawn) / 2 - 0.5)
    matrices = np.concatenate([back, starts], axis=2)
    placed = np.empty((len(axes), height, width, 4), np.float32)
    for window, matrix in zip(placed, matrices, strict=True):
        cv2.warpAffine(drawn, matrix, (width, height), dst=window, flags=SAMPLED)
    return placed, corners


def _window(
    corner: list[int], shape: tuple[int, ...], size: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Return which part of a frame a window covers, and which part of the window that is."""
    left, top = corner
    height, width = shape
    first_row, first_column = max(top, 0), max(left, 0)
    last_row, last_column = min(top + height, size), min(left + width, size)
    there = slice(first_row, max(last_row, 0)), slice(first_column, max(last_column, 0))
    inside = (
        slice(first_row - top, max(last_row - top, first_row - top)),
        slice(first_column - left, max(last_column - left, first_column - left)),
    )
    return there, inside
