"""Text in Pillow's pictures, every piece of it in a font that has its characters.

Pillow's own face lacks accents, the minus sign and the superscript two.
"""

from dataclasses import dataclass
from functools import lru_cache

from PIL import ImageDraw, ImageFont

from vexplain.visualization.faces import BASE, font_file, runs_of


@dataclass(frozen=True)
class Letters:
    """Letters of one size and weight.

    Attributes:
        size: In pixels.
        bold: Whether they are bold.
    """

    size: int
    bold: bool = False

    def width(self, text: str) -> float:
        """Return how many pixels a text on one line needs."""
        return sum(self._face(family).getlength(piece) for family, piece in runs_of(text))

    def write(
        self, pen: ImageDraw.ImageDraw, place: tuple[float, float], text: str, color: str
    ) -> None:
        """Write a text on one line from its left top on; all fonts stand on one line."""
        left, top = place
        foot = top + self._face(BASE).getmetrics()[0]
        for family, piece in runs_of(text):
            font = self._face(family)
            pen.text((left, foot), piece, fill=color, font=font, anchor="ls")
            left += font.getlength(piece)

    def _face(self, family: str) -> ImageFont.FreeTypeFont:
        return face(self.size, self.bold, family)


@lru_cache(maxsize=64)
def face(size: int, bold: bool = False, family: str = BASE) -> ImageFont.FreeTypeFont:
    """Return a font at ``size`` pixels."""
    font = font_file(family, bold=bold)
    return ImageFont.truetype(font.path, size, index=font.index)
