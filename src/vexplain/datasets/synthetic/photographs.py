"""The pictures that scikit-image and scikit-learn ship: photographs and handwritten digits."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import skimage
import sklearn.datasets
from jaxtyping import Float, UInt8
from numpy import ndarray
from PIL import Image

# In the public domain, CC0 or without known restrictions, but for two of scikit-learn's
# (china.jpg by danielbuechele, flower.jpg by vultilion, both CC BY 2.0).
TRAINING_BACKGROUNDS = (
    "brick.png",
    "china.jpg",
    "clock_motion.png",
    "coins.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
)
HELD_OUT_BACKGROUNDS = ("camera.png", "grass.png", "moon.png", "rocket.jpg")

EMBLEMS: Mapping[str, tuple[str, tuple[int, int, int]]] = {
    "cat": ("chelsea.png", (100, 20, 250)),
    "cup": ("coffee.png", (160, 10, 270)),
    "face": ("astronaut.png", (155, 5, 150)),
    "flower": ("flower.jpg", (165, 75, 280)),
    "horse": ("horse.png", (60, 0, 328)),
}
"""Photographs that a token can show: file; left, top and side of the part, in pixels."""

LONGEST_SHORT_SIDE = 600
HELD_OUT_DIGITS = 5
"""Every so manyth picture of a digit is kept for the test."""


def _file(name: str) -> Path:
    places = (
        Path(skimage.__file__).parent / "data" / name,
        Path(sklearn.datasets.__file__).parent / "images" / name,
    )
    for place in places:
        if place.is_file():
            return place
    raise FileNotFoundError(
        f"photograph: neither scikit-image nor scikit-learn ships {name}; install the versions "
        "that constraints.txt names."
    )


@lru_cache(maxsize=32)
def photograph(name: str) -> UInt8[ndarray, "H W 3"]:
    """Return a photograph, its short side 600 pixels at most.

    Raises:
        FileNotFoundError: When it is not there.
    """
    with Image.open(_file(name)) as image:
        picture = np.asarray(image.convert("RGB"))
    shrink = LONGEST_SHORT_SIDE / min(picture.shape[:2])
    if shrink >= 1:
        return picture
    size = (round(shrink * picture.shape[1]), round(shrink * picture.shape[0]))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=64)
def halved(name: str, times: int) -> UInt8[ndarray, "H W 3"]:
    """Return a photograph, halved so often: from which to make a smaller picture faster."""
    picture = photograph(name)
    size = (picture.shape[1] >> times, picture.shape[0] >> times)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=8)
def emblem(name: str) -> UInt8[ndarray, "128 128 3"]:
    """Return the square part of a photograph that a token shows."""
    file, (left, top, side) = EMBLEMS[name]
    part = photograph(file)[top : top + side, left : left + side]
    return np.asarray(cv2.resize(part, (128, 128), interpolation=cv2.INTER_AREA))


@lru_cache(maxsize=1)
def digits() -> tuple[Float[ndarray, "n 8 8"], ndarray]:
    """Return scikit-learn's handwritten digits in [0, 1], and which digit each is."""
    found = sklearn.datasets.load_digits()
    return np.asarray(found.images / 16, np.float32), np.asarray(found.target)


@lru_cache(maxsize=20)
def digit_numbers(digit: int, *, held_out: bool) -> ndarray:
    """Return the numbers of the pictures of a digit that are for the test, or for training."""
    numbers = np.flatnonzero(digits()[1] == digit)
    tested = np.arange(len(numbers)) % HELD_OUT_DIGITS == HELD_OUT_DIGITS - 1
    return np.asarray(numbers[tested == held_out])
