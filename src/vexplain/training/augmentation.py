"""What is done to a training clip: mirror, zoom, colour, noise, and parts removed.

All are plain functions of canonical clips (T, 3, H, W), float32 in [0, 1], and of a generator.
Sums are NumPy's, whose order doesn't depend on the number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor
from torch.nn import functional

from vexplain.core.checks import check_number, check_share

ENOUGH = 0.4
"""Which share of the evidence has to be left for a full label."""
RAMP = (0.1, 0.3)
"""Shares of the steps between which removal goes from none to all that is asked for."""

Clip = Float[Tensor, "T 3 H W"]
Keep = Float[Tensor, "T H W"]
Truth = Bool[Tensor, "T H W"]


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to training clips; by default nothing.

    Attributes:
        mirror: Share of the clips that are mirrored; not for classes that tell left from right.
        zoom: The least and the most that a clip is enlarged by, at a random place; from 1.
        colour: How far brightness, contrast and the gains of the channels go, in [0, 1].
        noise: The largest deviation of Gaussian noise, in units of white.
        removal: Share of the clips of which parts are removed (RISE's and softer grids), so that
            the network has met removal before it is explained by it (missingness, arXiv
            2204.08945).

    Raises:
        ValueError: On a value out of range.
    """

    mirror: float = 0.0
    zoom: tuple[float, float] = (1.0, 1.0)
    colour: float = 0.0
    noise: float = 0.0
    removal: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mirror", "colour", "noise", "removal"):
            check_share(name, getattr(self, name))
        if not isinstance(self.zoom, tuple) or len(self.zoom) != 2:
            raise ValueError(f"zoom: expected the least and the most, got {self.zoom!r}.")
        for factor in self.zoom:
            check_number("zoom", factor)
        if not 1 <= self.zoom[0] <= self.zoom[1]:
            raise ValueError(f"zoom: expected 1 ≤ least ≤ most, got {self.zoom}.")


def augmented(
    clip: Clip, truth: Truth | None, how: Augmentation, removal: float, generator: Generator
) -> tuple[Clip, float]:
    """Return a clip as a training sees it, and how sure its label still is.

    Args:
        clip: The clip.
        truth: Where the evidence is, or None where nobody knows.
        how: What to do.
        removal: The probability that parts are removed, at this step.
        generator: Draws everything.
    """
    if how.zoom[1] > 1:
        clip, truth = zoomed(clip, truth, between(*how.zoom, generator), generator)
    if uniform(generator) < how.mirror:
        clip, truth = clip.flip(-1), None if truth is None else truth.flip(-1)
    if how.colour:
        clip = coloured(clip, how.colour, generator)
    if how.noise:
        grain = torch.randn(clip.shape, generator=generator)
        clip = (clip + between(0, how.noise, generator) * grain).clamp(0, 1)
    if uniform(generator) >= removal:
        return clip, 1.0
    keep = draw_keep(clip, truth, generator)
    return filled(clip, keep, draw_fill(clip, generator)), sureness(keep, truth)


def uniform(generator: Generator) -> float:
    """Return a number drawn from [0, 1)."""
    return float(torch.rand((), generator=generator))


def between(low: float, high: float, generator: Generator) -> float:
    """Return a number drawn from [low, high)."""
    return low + (high - low) * uniform(generator)


def whole(low: int, high: int, generator: Generator) -> int:
    """Return a whole number drawn from low to high, both included."""
    return int(torch.randint(low, high + 1, (), generator=generator))


def zoomed(
    clip: Clip, truth: Truth | None, factor: float, generator: Generator
) -> tuple[Clip, Truth | None]:
    """Return a part of the clip, ``factor`` times smaller, enlarged to the clip's size."""
    height, width = clip.shape[2:]
    rows, columns = (max(round(side / factor), 1) for side in (height, width))
    y, x = whole(0, height - rows, generator), whole(0, width - columns, generator)
    part = clip[:, :, y : y + rows, x : x + columns]
    larger = functional.interpolate(part, (height, width), mode="bilinear", antialias=True)
    if truth is not None:
        inside = truth[:, None, y : y + rows, x : x + columns].float()
        truth = functional.interpolate(inside, (height, width))[:, 0] > 0.5
    return larger.clamp(0, 1), truth


def coloured(clip: Clip, strength: float, generator: Generator) -> Clip:
    """Return a clip with another contrast, brightness and gain per channel, all frames alike."""
    draw = 2 * torch.rand(5, generator=generator) - 1
    gain = (1 + strength * draw[0]) * (1 + 0.5 * strength * draw[2:])
    moved = (clip - 0.5) * gain[:, None, None] + 0.5 + 0.5 * strength * draw[1]
    return moved.clamp(0, 1)


# ---- removal ---------------------------------------------------------------------------------


def ramp(progress: float) -> float:
    """Return which share of the removal is on after a share of the steps.

    What a class looks like must be learnt before it can be guessed from parts.
    """
    return min(max((progress - RAMP[0]) / (RAMP[1] - RAMP[0]), 0), 1)


def draw_keep(clip: Clip, truth: Truth | None, generator: Generator) -> Keep:
    """Draw how much of every voxel stays: cells at random, or what the truth says.

    Where the evidence is known, a third of the removals take it away, leave nothing else, or take
    as much away elsewhere.
    """
    shape = (clip.shape[0], *clip.shape[2:])
    kind = uniform(generator)
    if truth is None or kind < 0.65 or not bool(truth.any()):
        return keep_cells(shape, generator, soft=uniform(generator) < 0.46)
    reach = whole(0, max(min(shape[1:]) // 20, 1), generator)
    inside = grown(truth, reach)
    if kind < 0.78:
        return 1 - inside
    if kind < 0.89:
        return inside
    away = [whole(side // 4, side - side // 4, generator) for side in shape[1:]]
    return 1 - inside.roll(away, (1, 2)) * (1 - inside)


def keep_cells(shape: tuple[int, int, int], generator: Generator, *, soft: bool) -> Keep:
    """Return a grid of cells, each present at random, at a random place (RISE, arXiv 1806.07421).

    Args:
        shape: (T, H, W).
        generator: Draws the cells.
        soft: Whether cells fade into each other.
    """
    frames, height, width = shape
    cells = (
        min(whole(1, 6, generator), frames),
        min(whole(3, 9, generator), height),
        min(whole(3, 9, generator), width),
    )
    p = 0.05 + 0.95 * uniform(generator)
    present = (torch.rand(1, 1, *cells, generator=generator) < p).float()
    larger = [frames + frames // 4, height + height // 5, width + width // 5]
    mode = "trilinear" if soft else "nearest"
    keep = functional.interpolate(present, larger, mode=mode)[0, 0]
    t, y, x = (whole(0, n - m, generator) for n, m in zip(larger, shape, strict=True))
    return keep[t : t + frames, y : y + height, x : x + width]


def grown(truth: Truth, reach: int) -> Keep:
    """Return the evidence widened by ``reach`` pixels in height and width."""
    wide = functional.max_pool2d(truth.float(), (1, 2 * reach + 1), 1, (0, reach))
    return functional.max_pool2d(wide, (2 * reach + 1, 1), 1, (reach, 0))


def draw_fill(clip: Clip, generator: Generator) -> Float[Tensor, "3"]:
    """Draw the colour that stands where something is removed.

    Black for two clips of five; grey, the clip's mean and any colour for one each.
    """
    colour = torch.rand(3, generator=generator)
    kinds: tuple[Callable[[], Tensor], ...] = (
        lambda: torch.zeros(3),
        lambda: torch.zeros(3),
        lambda: torch.full((3,), 0.5),
        lambda: torch.from_numpy(clip.numpy().mean((0, 2, 3))),
        lambda: colour,
    )
    return kinds[whole(0, len(kinds) - 1, generator)]()


def filled(clip: Clip, keep: Keep, colour: Float[Tensor, "3"]) -> Clip:
    """Return the clip with a colour where it is not kept."""
    return torch.lerp(colour[:, None, None].expand_as(clip), clip, keep[:, None])


def sureness(keep: Keep, truth: Truth | None) -> float:
    """Return how sure the label is: it fades with the evidence, where its place is known."""
    if truth is None or not bool(truth.any()):
        return 1.0
    left = float(keep.numpy()[truth.numpy()].mean(dtype="float64"))
    return min(left / ENOUGH, 1.0)
