"""What a Hugging Face model wants, as its configuration and its preprocessor's file say.

Both are read here, and none of transformers' processors is used: which one opens a checkpoint
depends on what else is installed, and their defaults are not the checkpoint's.
"""

import re
from collections.abc import Mapping
from typing import Any

from vexplain.core import ClipSpec, ModelSpec
from vexplain.core.specs import Channels
from vexplain.models.adapters import distinct
from vexplain.models.hub_files import Kind, Settings

ODD = ("crop_pct", "size_divisor", "max_num_patches", "do_thumbnail")
"""Settings of processors that resize in ways of their own."""


def spec_of(config: Any, settings: Settings | None, kind: Kind, stated: Settings) -> ModelSpec:
    """Return what a model wants, as its configuration and its preprocessor say.

    Frames are resized bilinearly with averaging, as Pillow does; a checkpoint that asks for bicubic
    gets slightly softer frames than in transformers. Nothing says which frames of a video a
    checkpoint was trained with: they are taken uniformly.

    Args:
        config: The configuration of transformers.
        settings: Those of the preprocessor, or None where there are none.
        kind: Whether the model takes clips or single frames.
        stated: What the user states of ``ModelSpec`` and ``ClipSpec``, for which no file is needed.

    Raises:
        ValueError: When the files leave something open, or ask for what can't be done here.
    """
    if settings is None and not {"mean", "std"} <= stated.keys():
        raise ValueError(
            "mean, std: the model has no preprocessor_config.json, so nothing tells how its pixels "
            "become numbers. State them in a YAML file, or pass spec=ModelSpec(mean=…, std=…, "
            "clip=…)."
        )
    settings = settings or {}
    frames: dict[str, Any] = {"frames": 16, "sampling": "centres"}
    if kind == "video":
        frames = {"frames": frames_of(config)}
    several = getattr(config, "problem_type", None) == "multi_label_classification"
    return ModelSpec(
        clip=ClipSpec(**frames, **resizing(settings, config, kind, stated)),
        layout="TCHW" if kind == "video" else "CHW",
        channels=channels(settings, config),
        outputs="sigmoid" if several else "logits",
        class_names=class_names(config.id2label or {}),
        **numbers(settings, stated),
    )


def class_names(id2label: Mapping[Any, Any]) -> tuple[str, ...]:
    """Return the names in the order of their classes; none where they only number the classes."""
    names = [str(id2label[key]) for key in sorted(id2label, key=int)]
    return () if all(re.fullmatch(r"LABEL_\d+", name) for name in names) else distinct(names)


def frames_of(config: Any) -> int:
    """Return the number of frames of a video model.

    Raises:
        ValueError: When the configuration doesn't tell.
    """
    frames = getattr(config, "num_frames", None) or getattr(config, "frames_per_clip", None)
    if not isinstance(frames, int):
        raise ValueError(
            "frames: expected a whole number as num_frames or frames_per_clip in config.json, got "
            f"{frames!r}."
        )
    return frames


def size_of(config: Any) -> tuple[int, int] | None:
    """Return (H, W) of the frames that a model was built for, or None where it doesn't say."""
    return sides(getattr(config, "crop_size", None) or getattr(config, "image_size", None))


def sides(size: Any) -> tuple[int, int] | None:
    """Return (H, W) of a size given as a side, a pair, or a height and a width; else None."""
    if isinstance(size, dict):
        size = [size.get("height"), size.get("width")]
    if not isinstance(size, list | tuple):
        size = [size, size]
    if len(size) == 2 and all(isinstance(side, int) for side in size):
        return size[0], size[1]
    return None


def channels(settings: Settings, config: Any) -> Channels:
    """Return the channels that a model takes."""
    count = getattr(config, "num_channels", None) or getattr(config, "in_chans", 3)
    if count == 1:
        return "grey"
    return "bgr" if settings.get("do_flip_channel_order") else "rgb"


def given(settings: Settings, name: str, default: Any) -> Any:
    """Return a setting, or the default where it is missing or null."""
    value = settings.get(name)
    return default if value is None else value


def processor(settings: Settings) -> str:
    """Return the name of the preprocessor's class, or nothing where the file doesn't say."""
    keys = ("video_processor_type", "image_processor_type", "feature_extractor_type")
    return next((str(settings[key]) for key in keys if settings.get(key)), "")


def numbers(settings: Settings, stated: Settings) -> dict[str, Any]:
    """Return scale, mean and std of ``ModelSpec``.

    transformers computes pixel · factor, takes off 1 where there is an ``offset`` (ViViT, and
    EfficientNet by another name), then the mean, and divides by the deviation (EfficientNet's
    ``include_top``: twice).

    Raises:
        ValueError: When the mean or the deviation is missing.
    """
    vivit = processor(settings).startswith("Vivit")
    factor = given(settings, "rescale_factor", 1 / 127.5 if vivit else 1 / 255)
    rescaled = given(settings, "do_rescale", True)
    offset = rescaled and (settings.get("rescale_offset") or given(settings, "offset", vivit))
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    if given(settings, "do_normalize", True) and not {"mean", "std"} <= stated.keys():
        mean, std = column(settings, "image_mean"), column(settings, "image_std")
        std = tuple(value**2 for value in std) if settings.get("include_top") else std
    return {
        "scale": 255.0 * factor if rescaled else 255.0,
        "mean": tuple(value + 1 for value in mean) if offset else mean,
        "std": std,
    }


def column(settings: Settings, name: str) -> tuple[float, ...]:
    """Return a setting that is one number, or one per channel."""
    value = settings.get(name)
    values: list[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(v, int | float) for v in values):
        raise ValueError(
            f"{name}: expected a number or one per channel in the preprocessor's file, got "
            f"{value!r}. State mean and std in a YAML file."
        )
    return tuple(float(v) for v in values)


def resizing(settings: Settings, config: Any, kind: Kind, stated: Settings) -> dict[str, Any]:
    """Return size, resize and short side, as far as ``ClipSpec`` has words for them.

    Where no file tells the size, it is the one that the network was built for.

    Raises:
        ValueError: When it hasn't, or nothing tells the size.
    """
    if {"size", "resize"} <= stated.keys():
        return {}
    name = processor(settings)
    if name.startswith("ConvNext") and settings.get("size"):
        found = convnext_resizing(settings)
    elif name.startswith("Levit") or any(settings.get(key) is not None for key in ODD):
        found = None
    elif settings.get("size"):
        found = usual_resizing(settings, kind)
    else:
        size = sides(settings.get("crop_size")) or size_of(config) or stated.get("size")
        found = {"size": size} if size else None
    if found is None:
        raise ValueError(
            "clip: the model's files tell no size of its frames that can be made here. State it in "
            "a YAML file, such as clip: {size: 224, resize: crop, short_side: 256}."
        )
    return found


def usual_resizing(settings: Settings, kind: Kind) -> dict[str, Any] | None:
    """Return what most processors do: scale the short side or both, and cut; None = neither."""
    size = settings["size"]
    short = size.get("shortest_edge") if isinstance(size, dict) else None
    if isinstance(size, int) and kind == "video":
        short = size  # a side alone is the short side of a video, but the square of an image
    scaled = (short, short) if short else sides(size)
    cropped = given(settings, "do_center_crop", settings.get("crop_size") is not None)
    crop = sides(settings.get("crop_size")) if cropped else None
    if not given(settings, "do_resize", True) or scaled is None:
        return None
    if crop and (crop[0] > scaled[0] or crop[1] > scaled[1]):
        return None  # transformers puts black around it
    if short:
        return {"size": crop, "short_side": short}
    return {"size": crop, "scaled": scaled} if crop else {"size": scaled, "resize": "stretch"}


def convnext_resizing(settings: Settings) -> dict[str, Any]:
    """Return what ConvNeXT's processor does: below 384 pixels cut the centre, else stretch."""
    size = settings["size"]
    side = int(size["shortest_edge"] if isinstance(size, dict) else size)
    if side >= 384:
        return {"size": side, "resize": "stretch"}
    return {"size": side, "short_side": int(side / given(settings, "crop_pct", 224 / 256))}
