"""The page of a grid: captions above and beside, cells of one size, a colour bar below each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from vexplain.rendering.captions import Line, text
from vexplain.rendering.pictures import Picture
from vexplain.visualization import Scale
from vexplain.visualization.sheet import GREY, INK, NAME, NOTE, PAPER, draw_scale
from vexplain.visualization.typeset import face

MARGIN, GAP = 14, 10  # pixels
SIDE = 150  # pixels: the column of captions
NARROWEST = 120  # pixels of a cell: below, its captions could not be read
BACK = "#ececf0"  # around pictures of other proportions
BAR, BELOW, LETTERS = 6, 38, 11  # pixels: the colour bar, all that is below a cell, its letters
AnyPicture = UInt8[np.ndarray, "_ _ 3"]  # many of several sizes
CLOCK = (72, 20)  # pixels of width and height that the time needs


@dataclass(frozen=True)
class Heading:
    """What stands above a column or beside a row."""

    name: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Cell:
    """A place for a picture.

    Attributes:
        reel: The clip whose picture it is.
        number: Which one of that clip's.
        place: Row and column.
        size: Rows and columns of the picture.
        scale: What its colours mean.
        below: What is written below where there is no scale.
    """

    reel: int
    number: int
    place: tuple[int, int]
    size: tuple[int, int]
    scale: Scale | None = None
    below: str = ""

    def turned(self) -> "Cell":
        """Return the cell in a grid whose rows are columns."""
        return replace(self, place=self.place[::-1])


@dataclass(frozen=True, eq=False)
class GridPage:
    """A page with room for pictures.

    Attributes:
        base: All that stands still.
        spots: For each picture its reel, its number there, and its top and left.
        clock: Top and left of the time.
    """

    base: Picture
    spots: Sequence[tuple[int, int, int, int]]
    clock: tuple[int, int]

    def filled(self, pictures: Sequence[Sequence[AnyPicture]], seconds: float) -> AnyPicture:
        """Return the page with the pictures of every reel, and the time."""
        page = self.base.copy()
        for reel, number, top, left in self.spots:
            pixels = pictures[reel][number]
            page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        top, left = self.clock
        page[top : top + CLOCK[1], left : left + CLOCK[0]] = clock_face(seconds)
        return page


def clock_face(seconds: float) -> Picture:
    """Return a time as a picture."""
    label = Image.new("RGB", CLOCK, PAPER)
    place = (0, CLOCK[1] // 2)
    ImageDraw.Draw(label).text(place, f"{seconds:.2f} s", INK, face(NOTE + 1), anchor="lm")
    return np.asarray(label)


def draw_page(
    tops: Sequence[Heading], sides: Sequence[Heading], cells: Sequence[Cell], notes: Sequence[str]
) -> GridPage:
    """Draw what stands still: headings, empty cells, colour bars, and notes at the foot."""
    height = max(BELOW, *(cell.size[0] for cell in cells))
    width = max(NARROWEST, *(cell.size[1] for cell in cells))
    head = MARGIN + max(CLOCK[1], *(heading_height(one, width) for one in tops)) + GAP // 2
    step = max(height + BELOW, *(heading_height(one, SIDE - GAP) + GAP for one in sides))
    lefts = [MARGIN + SIDE + i * (width + GAP) for i in range(len(tops))]
    rows = [head + i * step for i in range(len(sides))]
    wide = lefts[-1] + width + MARGIN
    page = Image.new("RGB", (wide, rows[-1] + step + 3 * MARGIN * max(1, len(notes))), PAPER)
    for left, one in zip(lefts, tops, strict=True):
        text(page, (left, head - GAP // 2 - heading_height(one, width)), lines(one), width, 1)
    for top, one in zip(rows, sides, strict=True):
        text(page, (MARGIN, top), lines(one), SIDE - GAP, 1)
    spots = []
    for cell in cells:
        top, left = rows[cell.place[0]], lefts[cell.place[1]]
        draw_cell(page, cell, (top, left), (height, width))
        free = (height - cell.size[0]) // 2, (width - cell.size[1]) // 2
        spots.append((cell.reel, cell.number, top + free[0], left + free[1]))
    foot = [Line(note, NOTE, GREY) for note in notes]
    bottom = text(page, (MARGIN, rows[-1] + step), foot, wide - 2 * MARGIN, 1)
    page = page.crop((0, 0, wide, bottom + MARGIN))
    return GridPage(np.asarray(page), spots, (MARGIN - 2, MARGIN))


def lines(heading: Heading) -> list[Line]:
    """Return a heading as lines: its name, and below its notes."""
    name = Line(heading.name, NAME - 2, bold=True, lines=3)
    return [name, *(Line(note, NOTE, GREY, lines=3) for note in heading.notes[:4])]


def heading_height(heading: Heading, room: int) -> int:
    """Return how many pixels a heading needs in a room so wide."""
    scratch = Image.new("RGB", (1, 1))
    return text(scratch, (0, 0), lines(heading), room, 1)


def draw_cell(page: Image.Image, cell: Cell, place: tuple[int, int], size: tuple[int, int]) -> None:
    """Draw the ground of a cell, and below it the colour bar or words."""
    pen = ImageDraw.Draw(page)
    (top, left), (height, width) = place, size
    pen.rectangle((left, top, left + width - 1, top + height - 1), fill=BACK)
    y = top + height + 4
    if cell.scale is not None:
        draw_scale(page, pen, cell.scale, y, left=left, size=(width, BAR), letters=LETTERS)
        return
    text(page, (left, y), [Line(cell.below, LETTERS, GREY)], width, 1)
