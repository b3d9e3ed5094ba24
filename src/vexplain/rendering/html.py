"""Tables and pictures as HTML that needs nothing else: no script, no file, no address."""

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO

from PIL import Image
from rich.table import Table
from rich.text import Text

CELL = "padding:2px 12px 2px 0;vertical-align:top;text-align:"


def block(parts: Iterable[str]) -> str:
    """Return parts one below the other."""
    return f'<div style="margin:4px 0;overflow-wrap:anywhere">{"".join(parts)}</div>'


def html_table(table: Table) -> str:
    """Return a table of the terminal as HTML: the same title, columns, cells and caption."""
    sides = ["right" if column.justify == "right" else "left" for column in table.columns]
    head = html_row("th", [str(column.header) for column in table.columns], sides)
    body = zip(*(map(str, column.cells) for column in table.columns), strict=True)
    rows = "".join(html_row("td", row, sides) for row in body)
    title = f"<div><b>{plain(str(table.title))}</b></div>" if table.title else ""
    below = f"<div><small>{plain(str(table.caption))}</small></div>" if table.caption else ""
    shown = f"<thead>{head}</thead>" if table.show_header else ""
    return f"{title}<table>{shown}<tbody>{rows}</tbody></table>{below}"


def html_row(tag: str, cells: Iterable[str], sides: Iterable[str]) -> str:
    """Return a row of cells in the markup of rich, each aligned to its side."""
    pairs = zip(cells, sides, strict=True)
    inner = (f'<{tag} style="{CELL}{side}">{plain(cell)}</{tag}>' for cell, side in pairs)
    return f"<tr>{''.join(inner)}</tr>"


def plain(markup: str) -> str:
    """Return text in the markup of rich as HTML text."""
    return escape(Text.from_markup(markup, emoji=False).plain)


def html_picture(image: Image.Image, alt: str, *, kind: str = "jpeg") -> str:
    """Return a picture inside the HTML itself, with a text for those who can't see it."""
    stored = BytesIO()
    image.save(stored, kind, quality=85, optimize=True)
    width, height = image.size
    source = f"data:image/{kind};base64,{b64encode(stored.getvalue()).decode('ascii')}"
    size = f'width="{width}" height="{height}" style="max-width:100%;height:auto"'
    return f'<img src="{source}" alt="{escape(alt)}" {size}>'
