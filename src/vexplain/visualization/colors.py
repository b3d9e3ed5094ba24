"""Colours by name; matplotlib, which knows them, is imported when the first one is asked for."""

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core.checks import near_names

PALETTES = {
    "blue-orange": ("#1f77ff", "#ff8c00"),
    "green-red": ("#00c83c", "#ff2a2a"),
}
"""Pairs (supports, opposes) by name: one that colour-blind people can tell apart, and LIME's."""

STEPS = 256


def color_table(name: str) -> Float[Tensor, "steps 3"]:
    """Return a matplotlib colour map as 256 RGB colours in [0, 1], from low to high.

    Raises:
        ValueError: When matplotlib has no such colour map; near names are suggested.
    """
    from matplotlib import colormaps

    if not isinstance(name, str) or name not in colormaps:
        raise ValueError(
            f"colors: expected the name of a matplotlib colour map, got {name!r}."
            f"{near_names(str(name), list(colormaps))}"
        )
    return _table(name)


@lru_cache(maxsize=32)
def _table(name: str) -> Float[Tensor, "steps 3"]:
    from matplotlib import colormaps

    places = torch.linspace(0, 1, STEPS, dtype=torch.float64).numpy()
    return torch.from_numpy(colormaps[name](places)[:, :3]).float()


def color_pair(colors: str | tuple[str, str]) -> Float[Tensor, "2 3"]:
    """Return the RGB colours, in [0, 1], of what supports and what opposes.

    ``colors`` names a pair of ``PALETTES``, or is two colours that matplotlib knows.

    Raises:
        ValueError: When it is neither.
    """
    from matplotlib.colors import is_color_like, to_rgb

    pair = PALETTES.get(colors, ()) if isinstance(colors, str) else colors
    if (
        not isinstance(pair, tuple)
        or len(pair) != 2
        or not all(is_color_like(color) for color in pair)
    ):
        raise ValueError(
            f"colors: expected one of {', '.join(PALETTES)}, or two matplotlib colours "
            f"(supports, opposes), got {colors!r}."
        )
    return torch.tensor([to_rgb(color) for color in pair])


def fading(positive: Float[Tensor, "3"], negative: Float[Tensor, "3"]) -> Float[Tensor, "steps 3"]:
    """Return 256 colours from ``negative`` over white to ``positive``, as on white paper."""
    place = torch.linspace(-1, 1, STEPS)[:, None]
    color = torch.where(place > 0, positive, negative)
    return 1 - place.abs() * (1 - color)
