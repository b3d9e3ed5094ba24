"""The strip below a film that says what is explained, and what the colours mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from vexplain.core import Explanation, Visualization
from vexplain.rendering.pictures import Picture
from vexplain.rendering.words import meaning_of, probability, scale_of
from vexplain.visualization import Scale
from vexplain.visualization.lettering import fold
from vexplain.visualization.sheet import (
    BAR_HEIGHT,
    BAR_WIDTH,
    GREY,
    INK,
    NAME,
    NOTE,
    PAPER,
    draw_scale,
)
from vexplain.visualization.typeset import Letters

LEAST = 200  # pixels of width that a strip needs
COLUMNS = 460  # pixels of width, at the smallest letters, from which on there are two columns
LARGEST = 4.0  # how much letters grow with the picture
MARGIN, LEADING = 10, 1.4  # pixels at the smallest letters; from line to line, per size of letters
TALLEST = 400  # pixels that no strip needs, at the smallest letters
UNSEEN = "darkened: what the model never saw"


@dataclass(frozen=True)
class Line:
    """A line of text, before it is folded to its room."""

    text: str
    size: int
    color: str = INK
    bold: bool = False
    lines: int = 2


@dataclass(frozen=True, eq=False)
class Caption:
    """What the strip says.

    Attributes:
        said: Method, target and probability.
        meaning: What the colours mean.
        scale: The colour bar, if there is one.
    """

    said: Sequence[Line]
    meaning: Sequence[Line]
    scale: Scale | None

    @classmethod
    def of(cls, explanation: Explanation, draw: Visualization, *, unseen: bool) -> "Caption":
        """Say what an explanation shows; ``unseen``: whether parts of the source are darkened."""
        scale = scale_of(explanation, draw)
        meaning = [*meaning_of(explanation, draw, scale), *([UNSEEN] if unseen else [])]
        return cls(
            said=(
                Line(explanation.method.name, NAME, bold=True),
                Line(explanation.target_name, NOTE),
                Line(f"P = {probability(explanation):.3f} on the whole clip", NOTE, GREY),
            ),
            meaning=tuple(Line(text, NOTE, GREY) for text in meaning),
            scale=scale,
        )

    def strip(self, height: int, width: int) -> Picture:
        """Return the strip for a picture of that size: in two columns where there is room."""
        grown = max(1.0, min(width / 640, height / 360, LARGEST))
        margin = round(MARGIN * grown)
        two = width >= COLUMNS * grown
        room = (width - (3 if two else 2) * margin) // (2 if two else 1)
        page = Image.new("RGB", (width, round(TALLEST * grown)), PAPER)
        y = text(page, (margin, margin), self.said, room, grown)
        place = (width - margin - room, margin) if two else (margin, y + margin // 2)
        bottom = max(y, self._draw_meaning(page, place, room, grown))
        return np.asarray(page.crop((0, 0, width, bottom + margin)))

    def _draw_meaning(
        self, page: Image.Image, place: tuple[int, int], room: int, grown: float
    ) -> int:
        """Draw the colour bar and what it means; return where it ends."""
        left, top = place
        if self.scale is not None:
            bar = min(room, round(BAR_WIDTH * grown)), round(BAR_HEIGHT * grown)
            letters = round((NOTE - 1) * grown)
            pen = ImageDraw.Draw(page)
            draw_scale(page, pen, self.scale, top, left=left, size=bar, letters=letters)
            top += bar[1] + letters + round(10 * grown)
        return text(page, (left, top), self.meaning, room, grown)


def text(
    page: Image.Image, place: tuple[int, int], lines: Sequence[Line], room: int, grown: float
) -> int:
    """Write lines, folded to ``room`` pixels; return where the last one ends."""
    pen = ImageDraw.Draw(page)
    left, y = place
    for line in lines:
        letters = Letters(round(line.size * grown), line.bold)
        for part in fold(line.text, room, line.lines, letters.width):
            letters.write(pen, (left, y), part, line.color)
            y += round(line.size * grown * LEADING)
    return y


def captioned(pictures: Iterator[Picture], caption: Caption) -> Iterator[Picture]:
    """Yield pictures, untouched, with the strip below; in white margins where they are narrow."""
    strip: Picture | None = None
    for pixels in pictures:
        height, width = pixels.shape[:2]
        if strip is None:
            strip = caption.strip(height, max(width, LEAST))
        page = np.full((height + len(strip), strip.shape[1], 3), 255, np.uint8)
        left = (strip.shape[1] - width) // 2
        page[:height, left : left + width] = pixels
        page[height:] = strip
        yield page
