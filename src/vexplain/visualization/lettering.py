"""Text in figures: shown as it is, never read as mathematics, and cut to its room."""

from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache
from typing import Any

FALLBACKS: tuple[str, ...] = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "WenQuanYi Zen Hei",
    "Microsoft YaHei",
    "SimHei",
    "PingFang SC",
    "Hiragino Sans",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
)
MISSING = "\N{WHITE SQUARE}"  # stands for a character that none of the faces has

HEADING = 9.0  # sizes of letters, in points
SMALL = 7.0


def font(size: float, *, bold: bool = False) -> dict[str, Any]:
    """Return matplotlib's options for a text that is shown as it is."""
    return {
        "fontfamily": list(faces()),
        "fontweight": "bold" if bold else "normal",
        "fontsize": size,
        "parse_math": False,
        "usetex": False,
    }


@lru_cache(maxsize=1)
def faces() -> dict[str, frozenset[int]]:
    """Return DejaVu Sans and its installed fallbacks, with the characters both weights have."""
    from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

    installed = {entry.name for entry in fontManager.ttflist}
    known = {}
    for name in ("DejaVu Sans", *(name for name in FALLBACKS if name in installed)):
        plain, bold = (
            findfont(FontProperties(family=[name], weight=w)) for w in ("normal", "bold")
        )
        known[name] = frozenset(get_font(plain).get_charmap().keys() & get_font(bold).get_charmap())
    return known


def readable(text: str) -> str:
    """Return a text on one line, with a box for each character that no face has."""
    known = faces().values()
    one_line = " ".join(text.split())
    return "".join(c if any(ord(c) in face for face in known) else MISSING for c in one_line)


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a readable text in inches, a little more than it needs."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    face = FontProperties(family=list(faces()), weight="bold" if bold else "normal", size=size)
    return 1.03 * float(text_to_path.get_text_width_height_descent(text, face, False)[0]) / 72


def folded(text: str, size: float, room: float, lines: int = 1, *, bold: bool = False) -> str:
    """Return a text on at most so many lines of ``room`` inches; if it needs more, … ends it."""
    return "\n".join(fold(text, room, lines, lambda part: width_of(part, size, bold=bold)))


def fold(text: str, room: float, lines: int, width: Callable[[str], float]) -> list[str]:
    """Return a text as at most so many lines of ``room``, measured by ``width``; … ends it."""

    def fits(text: str, end: str = "") -> int:
        def width_to(n: int) -> float:
            return width(text[:n].rstrip() + end)

        return max(1, bisect_right(range(1, len(text) + 1), room, key=width_to))

    left, done = readable(text)[:500], list[str]()
    while left:
        n = fits(left)
        if n < len(left) and len(done) + 1 == lines:
            return [*done, left[: fits(left, "…")].rstrip() + "…"]
        if n < len(left):
            ends = [i + 1 for i in range(1, n) if left[i] in " _/"]
            n = n if left[n] == " " else max(ends, default=n)
        done.append(left[:n].rstrip())
        left = left[n:].lstrip()
    return done
