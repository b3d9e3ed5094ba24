"""What the shape of a graph's input tells: layout, frames, size and channels."""

from collections.abc import Mapping, Sequence
from typing import Any

from vexplain.core import ClipSpec, ModelSpec
from vexplain.core.specs import Dtype
from vexplain.models.reference import Reference

CLIPS = ("TCHW", "CTHW", "THWC")
FRAMES = ("CHW", "HWC")
Shape = Sequence[int | None]
"""Sizes of the axes of an input; None where the file leaves one open."""


def spec_of_shape(shape: Shape, dtype: Dtype, reference: Reference) -> ModelSpec:
    """Return the spec that an input's shape tells, completed by what the user states.

    Five axes are a batch of clips, four that begin with 1 or an open size a batch of single
    frames, any other four a clip without a batch axis. Values are taken for RGB, or one channel of
    grey, in [0, 1], or in 0..255 where the numbers are uint8.

    Raises:
        ValueError: When the shape and the user together leave layout, frames or size open.
    """
    layout = reference.wants.get("layout") or layout_of(shape)
    if layout is None or not 0 <= len(shape) - len(layout) <= 1:
        raise ValueError(
            f"layout: the input of {reference.name} has the shape {shown(shape)}, which doesn't "
            "tell its layout. State it in a YAML file, such as layout: TCHW, or CHW for a model "
            "of single frames."
        )
    sizes = dict(zip(layout, shape[len(shape) - len(layout) :], strict=True))
    if sizes["C"] not in (1, 3, None):
        raise ValueError(
            f"layout: {reference.name} has {sizes['C']} channels as {layout}, expected 3 or 1. "
            f"Its input has the shape {shown(shape)}; state another layout in a YAML file."
        )
    return ModelSpec(
        clip=clip_of(sizes, shape, reference),
        layout=layout,
        channels="grey" if sizes["C"] == 1 else "rgb",
        dtype=dtype,
        scale=255.0 if dtype == "uint8" else 1.0,
    )


def layout_of(shape: Shape) -> str | None:
    """Return the layout whose channel axis alone has the size 3, or else 1; None = can't tell."""
    frames = len(shape) == 3 or (len(shape) == 4 and shape[0] in (1, None))
    if len(shape) not in (3, 4, 5):
        return None
    layouts = FRAMES if frames else CLIPS
    axes = shape[-3:] if frames else shape[-4:]
    for channels in (3, 1):
        fitting = [layout for layout in layouts if axes[layout.index("C")] == channels]
        if len(fitting) == 1:
            return fitting[0]
    return None


def clip_of(sizes: Mapping[str, int | None], shape: Shape, reference: Reference) -> ClipSpec:
    """Return frames and size as the shape tells them, or where it is open as the user states."""
    stated: Mapping[str, Any] = reference.clip
    open_ended = {
        "frames": "T" in sizes and sizes["T"] is None and "frames" not in stated,
        "size": None in (sizes["H"], sizes["W"]) and "size" not in stated,
    }
    missing = [name for name, is_open in open_ended.items() if is_open]
    if missing:
        raise ValueError(
            f"clip: the input of {reference.name} has the shape {shown(shape)}, which leaves "
            f"{' and '.join(missing)} open. State them in a YAML file, such as "
            "clip: {frames: 16, size: 224}."
        )
    height, width = sizes["H"], sizes["W"]
    size = stated.get("size") if height is None or width is None else (height, width)
    if "T" not in sizes:
        return ClipSpec(frames=stated.get("frames", 16), size=size, sampling="centres")
    return ClipSpec(frames=sizes["T"] or stated["frames"], size=size)


def shown(shape: Shape) -> str:
    """Return the shape as text, with question marks where it is open."""
    return "(" + ", ".join("?" if size is None else str(size) for size in shape) + ")"
