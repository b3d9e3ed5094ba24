"""Which installed font has which character: DejaVu Sans, others where it has none."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

BASE = "DejaVu Sans"
"""The family of all text, which comes with matplotlib."""
PREFERRED: tuple[str, ...] = (
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
)
"""Families that come before all others that have a character."""
EMPTY = ("last resort", "lastresort", "adobe blank")  # families of boxes instead of letters
PLAIN, BOLD = 400, 700  # weights


@dataclass(frozen=True)
class FontFile:
    """A font: its file, and which one of the fonts in it."""

    path: str
    index: int = 0


@lru_cache(maxsize=4096)
def family_of(character: str) -> str | None:
    """Return the family that a character is set in; None where no installed one has it.

    The fonts of the system are looked through only where DejaVu Sans lacks the character.
    """
    code = ord(character)
    if " " <= character <= "~" or code in characters_of(BASE):
        return BASE
    if unicodedata.category(character) in ("Cc", "Cs"):  # some fonts draw control characters
        return None
    return next((name for name in others() if code in characters_of(name)), None)


def families_of(text: str) -> list[str]:
    """Return the families that a text is set in, DejaVu Sans first."""
    return list(dict.fromkeys([BASE, *(family for family, _ in runs_of(text))]))


def runs_of(text: str) -> list[tuple[str, str]]:
    """Return a text in pieces, each with the family that it is set in.

    Marks, joiners and spaces stay with what stands before them, where its family has them.
    """
    runs: list[tuple[str, str]] = []
    for character in text:
        family = family_of(character) or BASE
        before, piece = runs[-1] if runs else (family, "")
        if leans(character) and ord(character) in characters_of(before):
            family = before
        if piece and family == before:
            runs[-1] = (family, piece + character)
        else:
            runs.append((family, character))
    return runs


def leans(character: str) -> bool:
    """Return whether a character is shaped, or bound, together with the one before it."""
    return character == " " or unicodedata.category(character) in ("Mn", "Mc", "Me", "Cf")


@lru_cache(maxsize=1)
def others() -> tuple[str, ...]:
    """Return all other families: the preferred ones, those without serifs, the rest by name."""
    names = {entry.name for entry in installed()} - {BASE}
    letters = (name for name in names if not any(word in name.lower() for word in EMPTY))
    rank = {name: place for place, name in enumerate(PREFERRED)}
    return tuple(
        sorted(letters, key=lambda n: (rank.get(n, len(rank)), "sans" not in n.lower(), n))
    )


@lru_cache(maxsize=1)
def installed() -> tuple[Any, ...]:
    """Return matplotlib's entries of all upright fonts, those of the system included.

    Its list is kept from the first time that it was used: what was installed since is added.
    """
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted({*findSystemFonts()} - known):
        try:
            fontManager.addfont(path)
        except Exception:  # of a broken font, or one of pictures; matplotlib leaves it out too
            continue
    return tuple(entry for entry in fontManager.ttflist if entry.style == "normal")


@lru_cache(maxsize=512)
def characters_of(family: str) -> frozenset[int]:
    """Return the characters that the plain and the bold font of a family both have."""
    plain, bold = font_file(family), font_file(family, bold=True)
    return charmap(plain) if plain == bold else charmap(plain) & charmap(bold)


def charmap(font: FontFile) -> frozenset[int]:
    """Return the characters that a font has."""
    from matplotlib.ft2font import FT2Font

    # The index came with matplotlib 3.11; before there was none but the first.
    which: dict[str, Any] = {"face_index": font.index} if font.index else {}
    return frozenset(FT2Font(font.path, **which).get_charmap())


@lru_cache(maxsize=512)
def font_file(family: str, *, bold: bool = False) -> FontFile:
    """Return the plain or bold font of a family; the nearest one where it has no such weight."""
    if family == BASE:
        return base_file(bold)
    from matplotlib.font_manager import weight_dict

    def unlike(entry: Any) -> tuple[bool, int, str]:
        weight = weight_dict.get(entry.weight, entry.weight)
        return entry.stretch != "normal", abs(weight - (BOLD if bold else PLAIN)), entry.fname

    best = min((entry for entry in installed() if entry.name == family), key=unlike)
    return FontFile(best.fname, getattr(best, "index", 0))


def base_file(bold: bool) -> FontFile:
    """Return the font of DejaVu Sans that comes with matplotlib."""
    from matplotlib import get_data_path

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return FontFile(f"{get_data_path()}/fonts/ttf/{name}")
