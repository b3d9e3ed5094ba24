"""Attribution maps inside a page: painted there from the scores, or as few samples as they need."""

from typing import Any

import numpy as np
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from vexplain.core import Attribution
from vexplain.page.blobs import Blobs
from vexplain.page.extremes import extremes_of
from vexplain.page.grounds import Ground
from vexplain.visualization.layers import is_flat, smoothed

ERROR = 0.02  # of the map's range: by so much a stored map may be off
ROUNDING = 1e-5  # of the map's range: painting in another order of sums differs by less
FACTORS = (16, 8, 4, 2, 1)
FINE = 1_000_000  # voxels: smaller maps are stored in 16 bits


def stored_map(
    attribution: Attribution, ground: Ground, smooth: float, blobs: Blobs
) -> dict[str, Any]:
    """Return the map for the page, with its ends, and with means and ends of each frame.

    The extremes in each region are those of the map as it is and smoothed as it is drawn at first,
    except where they are the scores themselves.
    """
    heat = attribution.map.cpu()
    low, high = (float(end) for end in heat.aminmax())
    frames = [(frame.clamp(min=0).mean(), frame.clamp(max=0).mean()) for frame in heat]
    known: dict[str, Any] = {
        "low": low,
        "high": high,
        "flat": is_flat(heat),
        "positive": [float(up) for up, _ in frames],
        "negative": [float(down) for _, down in frames],
        "highest": heat.amax((1, 2)).tolist(),
        "lowest": heat.amin((1, 2)).tolist(),
    }
    painted = is_painted(attribution, ground)
    if not painted:
        known["grid"] = grid_of(heat, blobs)
    known["extremes"] = [
        [sigma, blobs.array(extremes_of(smoothed(heat, sigma), ground))]
        for sigma in sorted({0.0, smooth})
        if sigma > 0 or not (painted and ground.hard)
    ]
    return known


def is_painted(attribution: Attribution, ground: Ground) -> bool:
    """Return whether the page can paint the map from the scores."""
    heat = attribution.map.cpu()
    low, high = heat.aminmax()
    slack = 0.0 if ground.hard else ROUNDING * float(high - low)
    scores = attribution.scores.cpu().float() if ground.hard else attribution.scores.cpu()
    for t in range(len(heat)):
        painted = ground.painted(scores, t)
        if painted is None or float((painted.float() - heat[t]).abs().max()) > slack:
            return False
    return True


def grid_of(heat: Float[Tensor, "T H W"], blobs: Blobs) -> dict[str, Any]:
    """Return a map as whole numbers on the coarsest grid from which it can be interpolated.

    Where the map has both signs, 0 stays 0.
    """
    coarse = coarsened(heat)
    low, high = (float(end) for end in heat.aminmax())
    bits = 16 if coarse.numel() <= FINE else 8
    if low < 0 < high:
        steps = (1 << (bits - 1)) - 1
        origin, unit = 0.0, max(-low, high) / steps
    else:
        origin, unit = low, (high - low) / ((1 << bits) - 1) or 1.0
    kind = np.dtype(f"{'i' if low < 0 < high else 'u'}{bits // 8}")
    numbers = ((coarse.double() - origin) / unit).round().numpy().astype(kind)
    return {"values": blobs.array(numbers), "origin": origin, "unit": unit}


def coarsened(heat: Float[Tensor, "T H W"]) -> Float[Tensor, "t h w"]:
    """Return the fewest samples of a map, at its ends and evenly between, that bring it back.

    Straight lines between them are off by less than 2 % of the map's range.
    """
    allowed = 0.8 * ERROR * float(heat.max() - heat.min())  # the rest is for rounding
    T, H, W = heat.shape
    flat = heat
    for factor in FACTORS:
        flat = resized(heat[:, None], (nodes(H, factor), nodes(W, factor)))[:, 0]
        if fits(heat, flat, allowed):
            break
    for factor in FACTORS:
        thin = resized(flat[None, None], (nodes(T, factor), *flat.shape[1:]))[0, 0]
        if fits(heat, thin, allowed):
            return thin
    return flat


def nodes(length: int, factor: int) -> int:
    """Return how many samples an axis has, ``factor`` voxels or a little less apart."""
    return -(-(length - 1) // factor) + 1


def resized(values: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return values sampled at the ends of their axes and evenly between, by straight lines."""
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return interpolate(values, size, mode=mode, align_corners=True)


def fits(heat: Float[Tensor, "T H W"], coarse: Float[Tensor, "t h w"], allowed: float) -> bool:
    """Return whether a map comes back from its samples; looked at frame by frame."""
    places = np.linspace(0, len(coarse) - 1, len(heat))
    for frame, place in zip(heat, places, strict=True):
        low = min(int(place), len(coarse) - 1)
        high = min(low + 1, len(coarse) - 1)
        between = coarse[low].lerp(coarse[high], float(place) - low)
        back = resized(between[None, None], tuple(heat.shape[1:]))[0, 0]
        if float((back - frame).abs().max()) > allowed:
            return False
    return True
