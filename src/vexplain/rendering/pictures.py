"""What all that is rendered shares: an explanation's layer, and frames as 8-bit pixels."""

from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from vexplain.core import Explanation, Visualization
from vexplain.visualization import Backed, overlay

Picture = UInt8[np.ndarray, "h w 3"]


def layer_of(
    explanation: Explanation, visualization: Visualization | None
) -> Float[Tensor, "T 4 H W"]:
    """Return the RGBA layer of an explanation, on the CPU.

    Raises:
        TypeError: When it is no visualization, or makes something else than a tensor.
        ValueError: When the visualization makes a layer of another size than the clip's, or one
            that holds NaN or infinity.
    """
    draw = visualization or explanation.method.visualization
    if not callable(draw) or isinstance(draw, type):
        raise TypeError(f"visualization: expected one such as HeatMap(), got {draw!r}.")
    layer = draw(explanation.attribution, explanation.segmentation)
    if not isinstance(layer, Tensor):
        raise TypeError(
            f"visualization: expected a layer as a tensor, got {type(layer).__name__} from "
            f"{draw!r}."
        )
    layer = layer.detach().cpu().float()
    T, _, H, W = explanation.clip.shape
    if tuple(layer.shape) != (T, 4, H, W):
        raise ValueError(
            f"visualization: expected a layer of shape {(T, 4, H, W)} for this clip, "
            f"got {tuple(layer.shape)} from {draw!r}."
        )
    if bad := int((~layer.isfinite()).sum()):
        raise ValueError(
            f"visualization: expected a layer of finite numbers, got {bad} NaN or infinite ones "
            f"from {draw!r}."
        )
    return layer


def drawn_over(
    frames: Float[Tensor, "n 3 H W"], layer: Float[Tensor, "n 4 H W"], draw: Visualization
) -> Float[Tensor, "n 3 H W"]:
    """Return frames under the layer that a visualization made for them."""
    return overlay(frames, layer, backdrop_of(frames, draw) if isinstance(draw, Backed) else None)


def backdrop_of(frames: Float[Tensor, "n 3 h w"], draw: Backed) -> Float[Tensor, "n 3 h w"]:
    """Return what frames are exchanged for.

    Raises:
        ValueError: When it has another size than the frames.
    """
    backdrop = draw.backdrop(frames)
    if backdrop.shape != frames.shape:
        raise ValueError(
            f"visualization: expected a backdrop of shape {tuple(frames.shape)}, as the frames "
            f"have, got {tuple(backdrop.shape)} from {draw!r}."
        )
    return backdrop


def picture(frame: Float[Tensor, "3 H W"]) -> Picture:
    """Return a frame in [0, 1] as 8-bit pixels."""
    pixels = (frame.cpu() * 255).round().clamp(0, 255).to(torch.uint8)
    return pixels.permute(1, 2, 0).contiguous().numpy()


def check_png(path: str | PathLike[str]) -> None:
    """Raise ``ValueError`` unless ``path`` ends in ``.png``."""
    if Path(path).suffix.lower() != ".png":
        raise ValueError(f"path: expected the name of a picture that ends in .png, got {path}.")
