"""The obvious reader: OpenCV decodes everything in order, Pillow resizes, numpy counts."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

Array = np.ndarray[Any, np.dtype[Any]]


def all_frames(path: Path) -> list[Array]:
    """Every frame as (H, W, 3) RGB."""
    capture = cv2.VideoCapture(str(path))
    frames: list[Array] = []
    while True:
        found, frame = capture.read()
        if not found:
            return frames
        frames.append(np.ascontiguousarray(frame[..., ::-1]))


def centre_crop(frame: Array, side: int) -> Array:
    """Short side to ``side`` with Pillow, then the square in the middle."""
    height, width = frame.shape[:2]
    short = min(height, width)
    size = (width * side // short, height * side // short)
    scaled = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR))
    top, left = (size[1] - side) // 2, (size[0] - side) // 2
    return scaled[top : top + side, left : left + side]


def uniform_crops(path: Path, n: int, side: int) -> Array:
    """``n`` frames from the first to the last, cropped: (T, H, W, 3)."""
    frames = all_frames(path)
    chosen = np.round(np.linspace(0, len(frames) - 1, n)).astype(int)
    return np.stack([centre_crop(frames[i], side) for i in chosen])


def turn_by_matrix(frame: Array, a: int, b: int, c: int, d: int) -> Array:
    """Move every pixel on its own by x' = a·x + c·y, y' = b·x + d·y; entries -1, 0 or 1."""
    height, width = frame.shape[:2]
    places = {
        (b * x + d * y, a * x + c * y): frame[y, x] for y in range(height) for x in range(width)
    }
    top, left = min(row for row, _ in places), min(column for _, column in places)
    rows = max(row for row, _ in places) - top + 1
    columns = max(column for _, column in places) - left + 1
    turned = np.empty((rows, columns, *frame.shape[2:]), frame.dtype)
    for (row, column), value in places.items():
        turned[row - top, column - left] = value
    return turned
