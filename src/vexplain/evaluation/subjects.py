"""What is evaluated: the map of an explanation, and beside it a random map and a centre prior."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Explanation, Segmentation
from vexplain.core.checks import check_finite
from vexplain.removal import region_means

RANDOM, CENTRE = "random map", "centre prior"

APART = 7919
"""Between the seeds of a random map made anew, so that it meets none of the maps beside it."""

Remake = Callable[[Callable[[], Tensor], int], Tensor]
"""Makes the map anew: from what explaining anew gives, and how far its seed is from the first."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A map to be evaluated, over the regions of the explanation.

    Attributes:
        kind: What it is called in tables.
        name: Its own name: what was asked about one map is not asked again.
        map: (T, H, W) float32, higher = more in favour of the target.
        scores: (D,) float64, one number per region.
        again: Makes the map (T, H, W) anew, as a stability metric asks for it.
    """

    kind: str
    name: str
    map: Float[Tensor, "T H W"]
    scores: Float[Tensor, " D"]
    again: Remake


def explained(explanation: Explanation) -> Subject:
    """Return the map of an explanation; made anew it is another run of the method."""
    found = explanation.attribution
    return Subject(
        kind=explanation.method.name,
        name="explanation",
        map=found.map,
        scores=found.scores,
        again=lambda explain, _: explain(),
    )


def random_map(segmentation: Segmentation, seed: int) -> Subject:
    """Return a map that knows nothing: every region gets a number drawn evenly from [0, 1)."""

    def scores(seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.rand(segmentation.n_features, generator=generator, dtype=torch.float64)

    def painted(scores: Tensor) -> Tensor:
        return segmentation.paint(scores).float()

    drawn = scores(seed)
    name = f"{RANDOM} {seed}"
    return Subject(
        RANDOM, name, painted(drawn), drawn, lambda _, other: painted(scores(seed + APART * other))
    )


def centre_prior(segmentation: Segmentation, shape: tuple[int, int, int]) -> Subject:
    """Return a map that knows only where cameras point: a Gaussian around the centre of the frame.

    exp(−½ (y/(H/4))² − ½ (x/(W/4))²) at a distance of y rows and x columns from the centre, the
    same in every frame (the centre bias of Judd, Ehinger, Durand and Torralba 2009). A region gets
    its mean.
    """
    T, H, W = shape
    rows, columns = (torch.arange(n) - (n - 1) / 2 for n in (H, W))
    bell = torch.exp(-0.5 * (rows / (H / 4)) ** 2)[:, None] * torch.exp(
        -0.5 * (columns / (W / 4)) ** 2
    )
    heat = bell.expand(T, H, W).contiguous()
    scores = region_means(heat[:, None], segmentation)[0].double()
    return Subject(CENTRE, CENTRE, heat, scores, lambda _, __: heat)


def given(name: str, values: object, explanation: Explanation) -> Subject:
    """Return a map of the caller's; its regions get their means, and made anew it is the same.

    Raises:
        ValueError: When it has another shape than the clip, or is not finite.
    """
    heat = as_map(name, values)
    T, _, H, W = explanation.clip.shape
    if tuple(heat.shape) != (T, H, W):
        raise ValueError(
            f"maps[{name!r}]: expected the clip's shape (T, H, W) = {(T, H, W)}, got "
            f"{tuple(heat.shape)}."
        )
    check_finite(f"maps[{name!r}]", heat)
    scores = region_means(heat[:, None], explanation.segmentation)[0].double()
    return Subject(name, f"given: {name}", heat, scores, lambda _, __: heat)


def as_map(name: str, values: object) -> Tensor:
    """Return a map of the caller's as a float32 tensor on the CPU.

    Raises:
        TypeError: When it is no array of numbers.
    """
    if isinstance(values, Tensor):
        return values.detach().cpu().float()
    try:
        return torch.from_numpy(np.array(values, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"maps[{name!r}]: expected an array of numbers, got {type(values).__name__}."
        ) from error
