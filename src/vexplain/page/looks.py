"""How a page starts: the look that a method's own visualization has, and the colours to choose."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Method, Visualization
from vexplain.page.blobs import Blobs
from vexplain.page.grounds import Ground
from vexplain.visualization import (
    PALETTES,
    Accumulated,
    All,
    HeatMap,
    Highlight,
    Outlines,
    Show,
    SignedMap,
    Threshold,
    TopRegions,
    TopShare,
)
from vexplain.visualization.colors import color_pair, color_table

HEATS = ("inferno", "viridis", "magma", "cividis", "turbo", "jet", "gray")
OWN = "the method's own"
KNOWN = (HeatMap, SignedMap, Outlines, Highlight)
SHOWS = (All, TopRegions, TopShare, Threshold, Accumulated)
MIXED = "Regions overlap: what is shown of one is where it weighs more than any other."
USUAL: dict[str, Any] = {
    "look": "signed",
    "heat": "inferno",
    "pair": "blue-orange",
    "opacity": 0.6,
    "fade": 0.7,
    "show": "all",
    "share": 0.3,
    "threshold": 0.0,
    "smooth": 0.0,
    "scale": "clip",
    "back": "grey",
}


def look_of(draw: Visualization, heat: Float[Tensor, "T H W"], n_regions: int) -> dict[str, Any]:
    """Return the settings with which the page draws as a visualization does.

    In the place of one that the page does not know stands what is nearest to its map: heat where
    nothing is below 0, else a signed map; of all regions.
    """
    found = dict(USUAL)
    if not isinstance(draw, KNOWN) and bool((heat >= 0).all()):
        found["look"] = "heat"
    if isinstance(draw, HeatMap):
        found |= {"look": "heat", "heat": draw.colors, "fade": draw.fade}
    if isinstance(draw, SignedMap | Outlines):
        found["pair"] = pair_name(draw.colors)
    if isinstance(draw, HeatMap | SignedMap):
        scale = "unit" if not draw.stretch else "frame" if draw.per_frame else "clip"
        found |= {"smooth": draw.smooth, "scale": scale}
    if isinstance(draw, Outlines):
        found["look"] = "outline"
    if isinstance(draw, Highlight):
        found |= {"look": "highlight", "back": draw.back, "opacity": draw.strength}
    if isinstance(draw, HeatMap | SignedMap | Outlines):
        found["opacity"] = draw.alpha
    if isinstance(draw, KNOWN):
        found |= shown_by(draw.show, n_regions)
    return found


def instead_of(draw: Visualization, look: dict[str, Any], ground: Ground) -> str:
    """Return what to say where the page can't draw as a visualization does, or nothing."""
    said = []
    if not isinstance(draw, KNOWN):
        shown = {"heat": "a heat map", "signed": "a signed map"}[look["look"]]
        said.append(
            f"The look {type(draw).__name__} is not available on the page: {shown} is shown."
        )
    elif not isinstance(draw.show, SHOWS):
        name = type(draw.show).__name__
        said.append(f"The choice {name} is not available on the page: all regions are shown.")
    if ground.axes is None and not ground.hard:
        said.append(MIXED)
    return " ".join(said)


def shown_by(show: Show, n_regions: int) -> dict[str, Any]:
    """Return the settings that show what a part of step 7 shows; all, if the page has no such."""
    if isinstance(show, TopShare):
        return {"show": "share", "share": show.share}
    if isinstance(show, TopRegions):
        return {"show": "share", "share": min(1.0, show.n / n_regions)}
    if isinstance(show, Accumulated):
        return {"show": "accumulated", "share": show.share}
    if isinstance(show, Threshold):
        return {"show": "threshold", "threshold": show.value}
    return {"show": "all"}


def pair_name(colors: str | tuple[str, str]) -> str:
    """Return the name by which the page knows a pair of colours."""
    return colors if isinstance(colors, str) else f"{OWN}: {colors[0]}, {colors[1]}"


def palettes(methods: Iterable[Method], blobs: Blobs) -> dict[str, Any]:
    """Return all colours to choose from: those of ``visualization.colors``, and the methods' own.

    Heat has tables of 256 colours, signs have pairs (supports, opposes); all as 8-bit RGB.
    """
    draws = [method.visualization for method in methods]
    heats = dict.fromkeys([*HEATS, *(draw.colors for draw in draws if isinstance(draw, HeatMap))])
    pairs: dict[str, str | tuple[str, str]] = {name: name for name in PALETTES}
    for draw in draws:
        if isinstance(draw, SignedMap | Outlines):
            pairs[pair_name(draw.colors)] = draw.colors
    return {
        "heat": {name: blobs.array(eight_bits(color_table(name).numpy())) for name in heats},
        "pair": {
            name: eight_bits(color_pair(pair).numpy()).tolist() for name, pair in pairs.items()
        },
    }


def eight_bits(colors: np.ndarray) -> np.ndarray:
    """Return colours in [0, 1] as whole numbers up to 255."""
    found: np.ndarray = (colors * 255).round().astype(np.uint8)
    return found
