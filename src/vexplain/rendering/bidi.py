"""Names written from right to left beside words that are not, in HTML and in pages."""

import unicodedata

OPENING = "\u2066\u2067\u2068"  # left to right, right to left, as the first letter has it
FIRST, CLOSING = "\u2068", "\u2069"
TURNING = {"R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""The Unicode classes of what can turn text around."""


def isolated(name: str) -> str:
    """Return a name that turns none of the text around it, as HTML's ``<bdi>`` does.

    Unicode's own marks do it, so that it holds in attributes and titles too. What can't turn
    anything stays as it is; marks of the name's own are closed where they begin.
    """
    if not any(unicodedata.bidirectional(letter) in TURNING for letter in name):
        return name
    kept, depth = [], 0
    for letter in name:
        if letter == CLOSING and depth == 0:
            continue
        depth += (letter in OPENING) - (letter == CLOSING)
        kept.append(letter)
    return FIRST + "".join(kept) + CLOSING * (depth + 1)
