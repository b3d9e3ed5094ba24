"""The contact sheet: a picture with one row per map and one column per moment."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

from vexplain.visualization.layers import Scale
from vexplain.visualization.lettering import fold
from vexplain.visualization.typeset import Letters, face

INK, GREY, LINE, PAPER = "#1b1b1f", "#6a6a73", "#d9d9de", "#ffffff"
MARGIN, GAP, CAPTION = 28, 6, 244  # pixels; CAPTION is the width of the column of captions
TITLE, NAME, NOTE = 24, 17, 13  # sizes of the letters, in pixels
BAR_WIDTH, BAR_HEIGHT = 180, 10
ROW_GAP = 14


@dataclass(frozen=True, eq=False)
class Row:
    """One row of a sheet.

    Attributes:
        tiles: Pictures (rows, columns, 3), all of one size, one per moment.
        name: What the row shows.
        notes: What stands below the name, each on one line or two.
        scale: What the colours mean, or None.
        legend: What stands below the colour bar, on one line or two.
    """

    tiles: Sequence[UInt8[np.ndarray, "h w 3"]]
    name: str
    notes: Sequence[str] = ()
    scale: Scale | None = None
    legend: str = ""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A title, the moments shown, and the rows.

    Attributes:
        title: The first line.
        subtitle: The second line, smaller.
        moments: One label per column.
        rows: From top to bottom, every one with a tile per moment.
    """

    title: str
    subtitle: str
    moments: Sequence[str]
    rows: Sequence[Row]


def draw_sheet(sheet: Sheet) -> Image.Image:
    """Return the sheet as a picture on white."""
    tile_height, tile_width = sheet.rows[0].tiles[0].shape[:2]
    columns = len(sheet.moments)
    header = MARGIN + TITLE + NOTE + 40
    scratch = Image.new("RGB", (1, 1))
    row_height = max(tile_height, *(draw_caption(scratch, row, 0) for row in sheet.rows))
    # Beside tiles that are narrower than the labels above them the paper stays free.
    labels = [math.ceil(face(NOTE).getlength(moment)) for moment in sheet.moments]
    column = max(tile_width, *labels) + GAP
    width = 2 * MARGIN + CAPTION + columns * column - GAP
    height = header + len(sheet.rows) * (row_height + ROW_GAP) - ROW_GAP + MARGIN
    page = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(page)
    free = (column - GAP - tile_width) // 2
    lefts = [MARGIN + CAPTION + i * column + free for i in range(columns)]
    draw_header(pen, sheet, lefts, tile_width, header, width)
    for place, row in enumerate(sheet.rows):
        top = header + place * (row_height + ROW_GAP)
        draw_caption(page, row, top)
        for left, tile in zip(lefts, row.tiles, strict=True):
            page.paste(Image.fromarray(tile), (left, top))
    return page


def draw_header(
    pen: ImageDraw.ImageDraw,
    sheet: Sheet,
    lefts: Sequence[int],
    tile_width: int,
    bottom: int,
    page_width: int,
) -> None:
    """Write title and subtitle, and the moments centred above their columns."""
    room = page_width - 2 * MARGIN
    write(pen, (MARGIN, MARGIN - 6), sheet.title, TITLE, INK, room, bold=True)
    write(pen, (MARGIN, MARGIN + TITLE + 4), sheet.subtitle, NOTE, GREY, room)
    for left, moment in zip(lefts, sheet.moments, strict=True):
        place = (left + tile_width / 2, bottom - 5)
        pen.text(place, moment, fill=GREY, font=face(NOTE), anchor="ms")


def draw_caption(page: Image.Image, row: Row, top: int) -> int:
    """Write a row's name and notes, and draw its colour bar; return where they end."""
    pen, room = ImageDraw.Draw(page), CAPTION - 16
    y = top - 2
    for line in fold(row.name, room, 2, Letters(NAME, bold=True).width):
        write(pen, (MARGIN, y), line, NAME, INK, room, bold=True)
        y += NAME + 4
    y += 4
    for note in row.notes:
        y = write_note(pen, note, y, room)
    if row.scale is not None:
        draw_scale(page, pen, row.scale, y + 5)
        y += BAR_HEIGHT + NOTE + 12
    return write_note(pen, row.legend, y, room)


def write_note(pen: ImageDraw.ImageDraw, note: str, y: int, room: int) -> int:
    """Write a note on one line or two; return where it ends."""
    for line in fold(note, room, 2, Letters(NOTE).width):
        write(pen, (MARGIN, y), line, NOTE, GREY, room)
        y += NOTE + 5
    return y


def draw_scale(
    page: Image.Image,
    pen: ImageDraw.ImageDraw,
    scale: Scale,
    top: int,
    *,
    left: int = MARGIN,
    size: tuple[int, int] = (BAR_WIDTH, BAR_HEIGHT),
    letters: int = NOTE - 1,
) -> None:
    """Draw the colour bar with the values of its two ends, and 0 where it lies between them.

    ``size`` is the bar's width and height. The 0 is left out where it would touch its neighbours.
    """
    width, height = size
    strip = (scale.colors.numpy() * 255).round().astype(np.uint8)[None]
    bar = Image.fromarray(strip).resize(size, Image.Resampling.BILINEAR)
    page.paste(bar, (left, top))
    pen.rectangle((left - 1, top - 1, left + width, top + height), outline=LINE)
    span = max(abs(scale.low), abs(scale.high))
    low, high = number(scale.low, span), number(scale.high, span)
    y, font = top + height + 3, face(letters)
    pen.text((left, y), low, fill=INK, font=font)
    pen.text((left + width, y), high, fill=INK, font=font, anchor="ra")
    if scale.low < 0 < scale.high:
        zero = width * scale.low / (scale.low - scale.high)
        free = font.getlength("0")  # on both sides
        if font.getlength(low) + free < zero < width - font.getlength(high) - free:
            pen.text((left + zero, y), "0", fill=INK, font=font, anchor="ma")


def write(
    pen: ImageDraw.ImageDraw,
    place: tuple[int, int],
    text: str,
    size: int,
    color: str,
    room: int,
    *,
    bold: bool = False,
) -> None:
    """Write one line, cut with an ellipsis where it needs more than ``room`` pixels."""
    letters = Letters(size, bold)
    for line in fold(text, room, 1, letters.width):
        letters.write(pen, place, line, color)


def number(value: float, span: float) -> str:
    """Return a value as fine as a thousandth of ``span`` needs, with a real minus sign."""
    if span == 0:
        return "0"
    unit = 10.0 ** (math.floor(math.log10(span)) - 2)
    return f"{round(value / unit) * unit:.6g}".replace("-", "\N{MINUS SIGN}")
