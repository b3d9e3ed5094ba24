"""What a clip can be read from: a file, and a folder of pictures."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

Pixels = UInt8[np.ndarray, "H W 3"]

PICTURES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
FOLDER_RATE = Fraction(25)
"""Frames per second of a folder, which has no times."""
_ORIENTATION = 0x0112
_CHUNK = 1 << 20
_UNREADABLE = (OSError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises on pictures that are damaged, or too large to be meant well."""


@dataclass(frozen=True)
class Decoded:
    """One decoded frame, converted to RGB only on demand.

    Attributes:
        seconds: Its time stamp in the container, or None.
        to_rgb: Gives the upright frame, (H, W, 3) 8-bit RGB, alpha composited over black.
    """

    seconds: float | None
    to_rgb: Callable[[], Pixels]


@dataclass(frozen=True)
class Survey:
    """What can be known without decoding; right for sound files, a guess for damaged ones.

    Attributes:
        times: Seconds of every frame, in order of display.
        rate: Average frames per second.
        complete: Whether the file goes on as long as it says.
    """

    times: tuple[float, ...]
    rate: Fraction
    complete: bool = True


@runtime_checkable
class FrameSource(Protocol):
    """Frames in decode order."""

    @property
    def path(self) -> Path:
        """Where they lie."""

    def survey(self) -> Survey:
        """Look at the file without decoding it."""

    def frames(self, damage: Counter[str]) -> Iterator[Decoded]:
        """Decode all frames; count what can't be decoded in ``damage``."""

    def digest(self) -> str:
        """Return the SHA-256 of the bytes, as hexadecimal digits."""


@dataclass(frozen=True)
class FrameFolder:
    """A folder of pictures, in natural order of their names (2 before 10), 25 a second."""

    path: Path

    def pictures(self) -> list[Path]:
        """Return the pictures in order.

        Raises:
            ValueError: When there is none.
        """
        found = [
            file
            for file in self.path.iterdir()
            if file.suffix.lower() in PICTURES and not file.name.startswith(".") and file.is_file()
        ]
        if not found:
            raise ValueError(
                f"path: expected pictures ({', '.join(PICTURES)}) in the folder {self.path}, "
                "got none. Give a video file or a folder of frames."
            )
        return sorted(found, key=lambda file: natural_key(file.name))

    def survey(self) -> Survey:
        """Count the pictures."""
        n = len(self.pictures())
        return Survey(tuple(i / float(FOLDER_RATE) for i in range(n)), FOLDER_RATE)

    def frames(self, damage: Counter[str]) -> Iterator[Decoded]:
        """Yield the pictures; they must have one size.

        Raises:
            ValueError: On a picture that is damaged or of another size than the first.
        """
        first: tuple[int, int] | None = None
        for index, file in enumerate(self.pictures()):
            size = _picture_size(file)
            first = first or size
            if size != first:
                raise ValueError(
                    f"path: expected pictures of one size in {self.path}, got {first[0]}x{first[1]}"
                    f" first and {size[0]}x{size[1]} in {file.name}. Scale or remove the others."
                )
            yield Decoded(index / float(FOLDER_RATE), lambda file=file: read_picture(file))  # type: ignore[misc]

    def digest(self) -> str:
        """Return the SHA-256 of the names and contents, in order."""
        whole = hashlib.sha256()
        for file in self.pictures():
            whole.update(f"{file.name}\0{file_digest(file)}\n".encode())
        return whole.hexdigest()


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts numbers inside names by value."""
    parts = (part for part in re.split(r"([0-9]+)", name.lower()) if part)
    # The name itself comes last, so that "1.png" and "01.png" have one order everywhere.
    ordered = ((0, int(p), "") if p.isdigit() else (1, 0, p) for p in parts)
    return (*ordered, (2, 0, name))


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, read piece by piece."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def over_black(rgba: UInt8[np.ndarray, "H W 4"]) -> Pixels:
    """Composite straight alpha over black."""
    product = rgba[..., :3].astype(np.uint16) * rgba[..., 3:]
    rounded: Pixels = ((product + 127) // 255).astype(np.uint8)
    return rounded


def read_picture(path: Path) -> Pixels:
    """Read one picture upright as 8-bit RGB.

    Raises:
        ValueError: When the file is damaged, or has 32 bits per value.
    """
    try:
        with Image.open(path) as image:
            # Pillow before 10.3 calls 16-bit PNG "I" too; of 32 bits nothing says what is white.
            if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):
                raise ValueError(
                    f"path: expected 8 or 16 bits per value, got 32 in the picture {path}; "
                    "convert it to 8 or 16 bits."
                )
            return _picture_rgb(ImageOps.exif_transpose(image))
    except _UNREADABLE as error:
        raise ValueError(f"path: the picture {path} can't be read ({error}).") from error


def _picture_rgb(image: Image.Image) -> Pixels:
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = ((np.asarray(image).astype(np.int64) + 128) // 257).clip(0, 255)
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return over_black(np.array(image.convert("RGBA")))
    return np.array(image.convert("RGB"))


def _picture_size(path: Path) -> tuple[int, int]:
    """Return (columns, rows) of the upright picture, from its header."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_ORIENTATION, 1) >= 5
            return (image.height, image.width) if turned else (image.width, image.height)
    except _UNREADABLE as error:
        raise ValueError(f"path: the picture {path} can't be read ({error}).") from error
