"""When the model saw what it saw: relevance over the frames of a clip."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float

from vexplain.core import Explanation
from vexplain.core.checks import check_whole
from vexplain.core.explanation import check_explanation
from vexplain.plots.choices import kind_of
from vexplain.plots.panels import (
    COLORS,
    MARKERS,
    add_legend,
    annotate,
    dress,
    new_axes,
    one_axes,
)
from vexplain.visualization.lettering import SMALL, font
from vexplain.visualization.sheet import GREY

if TYPE_CHECKING:
    import matplotlib.artist
    import matplotlib.axes

SUPPORTS, OPPOSES = "#1f77ff", "#ff8c00"  # the pair of the signed maps that anyone can tell apart
LINES = (COLORS[6], COLORS[2], COLORS[3], COLORS[1], COLORS[0], COLORS[4], COLORS[5])
PALE = "#a5a5ad"  # of the lines that have no name
SIZE = (5.6, 3.3)
MOST_TICKS = 20
NOTE = 27.0  # from the panel up to its note, past the numbers of the frames, in points

Times = Float[np.ndarray, " T"]


def relevance_over_time(
    explanation: Explanation,
    *,
    regions: int = 5,
    axes: "matplotlib.axes.Axes | None" = None,
) -> "matplotlib.axes.Axes":
    """Draw how much relevance every frame of the clip has, in total and per region.

    The total is the mean over the frame's voxels of the positive and of the negative part of the
    attribution map. A region's line is the mean over the same voxels of that region painted alone;
    where maps are painted scores, all regions' lines add up to positive plus negative part. A mark
    stands at every frame where a region is, and above at every frame, with its number at some.

    Args:
        explanation: What to draw.
        regions: How many regions get a line, those furthest from 0 first; 0 for the total alone.
            The first seven have a colour and a name; the rest are grey, and counted.
        axes: Where to draw; a new figure where it is None.

    Raises:
        TypeError: When ``explanation`` or ``axes`` are something else.
        ValueError: When ``regions`` is no whole number from 0.
    """
    check_explanation("explanation", explanation)
    check_whole("regions", regions, least=0)
    panel = one_axes(axes) or new_axes(SIZE)
    times = explanation.clip.pts_seconds.cpu().double().numpy()
    unit = kind_of(explanation.method.behavior).lower()
    dress(panel, x_label="time in the clip, s", y_label=f"mean relevance per voxel\n({unit})")
    panel.yaxis.set_major_formatter(lambda value, _: plain(value))
    handles = draw_total(panel, explanation, times)
    handles |= draw_regions(panel, explanation, times, regions)
    mark_frames(panel, times)
    annotate(panel, f"{explanation.method.name}, {explanation.target_name}", rise=NOTE)
    add_legend(panel, handles, outside=axes is None)
    return panel


def draw_total(
    axes: "matplotlib.axes.Axes", explanation: Explanation, times: Times
) -> "dict[str, matplotlib.artist.Artist]":
    """Draw the positive and the negative part of the map over time, filled down to 0."""
    frames = explanation.attribution.map
    parts = {
        "all that supports": (SUPPORTS, [float(f.clamp(min=0).double().mean()) for f in frames]),
        "all that opposes": (OPPOSES, [float(f.clamp(max=0).double().mean()) for f in frames]),
    }
    axes.axhline(0, color=GREY, linewidth=1.2, zorder=4.5)
    handles: dict[str, Any] = {}
    for name, (color, values) in parts.items():
        axes.fill_between(times, 0, values, color=color, alpha=0.22, linewidth=0, zorder=1)
        look: dict[str, Any] = {"linewidth": 1.8, "marker": "o", "markersize": 3, "zorder": 3}
        handles[name] = axes.plot(times, values, color=color, **look)[0]
    return handles


def draw_regions(
    axes: "matplotlib.axes.Axes", explanation: Explanation, times: Times, regions: int
) -> "dict[str, matplotlib.artist.Artist]":
    """Draw the lines of the regions whose scores are furthest from 0, and name the first ones."""
    scores = explanation.attribution.scores
    chosen = scores.abs().argsort(descending=True, stable=True)[:regions].tolist()
    named, rest = chosen[: len(LINES)], chosen[len(LINES) :]
    handles: dict[str, Any] = {}
    for region, color, marker in zip(named, LINES, MARKERS, strict=False):
        look: dict[str, Any] = {"linewidth": 1.1, "markersize": 3, "marker": marker, "zorder": 4}
        values = alone(explanation, region)
        look |= {"color": color, "markevery": np.flatnonzero(values).tolist()}
        name = f"region {region} ({signed(float(scores[region]))})"
        handles[name] = axes.plot(times, values, **look)[0]
    if rest:
        lines = np.stack([alone(explanation, region) for region in rest], axis=1)
        drawn = axes.plot(times, lines, color=PALE, linewidth=0.6, zorder=2)
        handles[f"{len(rest):,} weaker region{'s' * (len(rest) != 1)}"] = drawn[0]
    return handles


def alone(explanation: Explanation, region: int) -> Times:
    """Return (T,) the mean over each frame's voxels of one region painted alone."""
    scores = torch.zeros_like(explanation.attribution.scores)
    scores[region] = explanation.attribution.scores[region]
    painted = explanation.segmentation.paint(scores)
    means: Times = painted.double().mean((1, 2)).cpu().numpy()
    return means


def mark_frames(axes: "matplotlib.axes.Axes", times: Times) -> None:
    """Mark every frame above the axes, and number some."""
    step = -(-len(times) // MOST_TICKS)
    upper = axes.secondary_xaxis("top")
    upper.set_xticks(times, minor=True)
    upper.set_xticks(times[::step], numbers(range(0, len(times), step)), **font(SMALL))
    upper.tick_params(length=2.5, pad=1, color=GREY, labelcolor=GREY, which="both")
    upper.set_xlabel("frame", labelpad=2, color=GREY, **font(SMALL))
    upper.spines["top"].set_visible(False)
    axes.set_xlim(*room_around(times))


def numbers(frames: Iterable[int]) -> list[str]:
    """Return the numbers of frames as texts."""
    return [str(frame) for frame in frames]


def room_around(times: Times) -> tuple[float, float]:
    """Return a range that holds all times, with some room on both sides."""
    low, high = float(times.min()), float(times.max())
    room = 0.03 * (high - low) or 0.5
    return low - room, high + room


def plain(value: float) -> str:
    """Return a number of the axis in full: a power of ten above it would hide the frames'."""
    return f"{value + 0.0:.6g}".replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """Return a score with its sign."""
    return f"{value:+.2g}".replace("-", "\N{MINUS SIGN}")
