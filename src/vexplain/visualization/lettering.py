"""Text in figures: shown as it is, never read as mathematics, and cut to its room."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from vexplain.visualization.faces import families_of, family_of

MISSING = "\N{WHITE SQUARE}"  # stands for a character that no font has
SELECTORS = range(0xFE00, 0xFE10)  # ask for a form of an emoji, and would be drawn as a circle

HEADING = 9.0  # sizes of letters, in points
SMALL = 7.0


def font(size: float, text: str = "", *, bold: bool = False) -> dict[str, Any]:
    """Return matplotlib's options for a text that is shown as it is.

    Args:
        size: In points.
        text: The text itself, where it may hold more than DejaVu Sans has.
        bold: Whether it is bold.
    """
    return {
        "fontfamily": families_of(text),
        "fontweight": "bold" if bold else "normal",
        "fontsize": size,
        "parse_math": False,
        "usetex": False,
    }


def readable(text: str) -> str:
    """Return a text on one line, with a box for each character that no font has."""
    one_line = (c for c in " ".join(text.split()) if ord(c) not in SELECTORS)
    return "".join(c if family_of(c) else MISSING for c in one_line)


def width_of(text: str, size: float, *, bold: bool = False) -> float:
    """Return the width of a readable text in inches, a little more than it needs."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    face = FontProperties(family=families_of(text), weight="bold" if bold else "normal", size=size)
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
            ends = [i + 1 for i in range(1, n) if breaks(left, i)]
            n = n if left[n] == " " else max(ends, default=n)
        done.append(left[:n].rstrip())
        left = left[n:].lstrip()
    return done


def breaks(text: str, place: int) -> bool:
    """Return whether a line may end with a character: a hyphen only where it joins words."""
    return text[place] in " _/" or (text[place] == "-" and text[place - 1].isalnum())
