"""torchvision: its video classifiers, and its image classifiers, asked about every frame."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import nn

from vexplain.core import ClipSpec, ModelSpec, near_names
from vexplain.models.adapters import Model, distinct, module_model
from vexplain.models.reference import Reference
from vexplain.models.weights import fit_weights, state_in, unwrapped

FRAMES: Mapping[str, tuple[int, int]] = {
    "r3d_18": (16, 2),
    "mc3_18": (16, 2),
    "r2plus1d_18": (16, 2),
    "s3d": (64, 2),
    "mvit_v1_b": (16, 4),
    "mvit_v2_s": (16, 4),
    "swin3d_t": (32, 2),
    "swin3d_s": (32, 2),
    "swin3d_b": (32, 2),
}
"""Frames of a clip, and source frames from one to the next in a file of 30 frames a second.

They are the ``clip_len`` and ``frame_rate`` (15 or 7.5 a second) that torchvision states for the
accuracy of each network's weights, but for s3d: its accuracy was measured with 128 frames, its
training took 64 (pytorch/vision, pull request 6537).
"""


def load(reference: Reference) -> Model:
    """Return ``torchvision:NAME``, with its default weights, or ``torchvision:NAME@WEIGHTS``.

    WEIGHTS is what torchvision calls published weights, such as KINETICS400_V1, or a file, whose
    head may have any number of classes. What the clip shall be follows the transforms of the
    published weights (of the default ones, for a file), but that resizing is bilinear where some
    image classifiers were tested with bicubic.

    Raises:
        FileNotFoundError: When there are neither weights nor a file of that name.
        ImportError: When torchvision can't be imported.
        ValueError: When there is no such network, its weights can't be had or don't fit, or it
            can't take as many frames as the user asks for.
    """
    library = imported("torchvision")
    name, _, stated = reference.name.partition("@")
    published = published_weights(library, name)
    weights = reference.weights or stated or "DEFAULT"
    named = published.get(weights, published["DEFAULT"])
    build = partial(library.models.get_model, name)
    if weights in published:
        module = downloaded(build, name, named, reference.arguments)
        n_classes = len(named.meta["categories"])
    else:
        file = weights_file(reference, weights, list(published))
        module, n_classes = fitted(build, reference, "num_classes", file)
    spec = reference.completed(spec_of(name, named, n_classes))
    least = reference.arguments.get("temporal_size", named.meta.get("min_temporal_size", 1))
    check_frames(spec, name, least)
    return module_model(module, spec, reference.running, f"{name}@{Path(weights).name}")


def imported(name: str) -> Any:
    """Import torchvision, or a module that rests on it.

    Raises:
        ImportError: When that fails, as it does where torchvision was built for another torch.
    """
    try:
        return import_module(name)
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ImportError(
            f"model: {name} can't be imported ({reason}). It needs a torchvision that was built "
            "for this very torch, CPU or CUDA alike: install torch and torchvision together, from "
            "the same index."
        ) from error


def published_weights(library: Any, name: str) -> dict[str, Any]:
    """Return the weights of a classifier by their names, ``DEFAULT`` among them.

    Raises:
        ValueError: When torchvision has no classifier of that name.
    """
    models = library.models
    known = [*models.list_models(module=models.video), *models.list_models(module=models)]
    if name not in known:
        raise ValueError(
            f"model: torchvision has no classifier {name!r}; expected {', '.join(FRAMES)}, or one "
            f"of its image classifiers.{near_names(name, known)}"
        )
    members = models.get_model_weights(name).__members__
    return {key: value for key, value in members.items() if value.meta.get("categories")}


def weights_file(reference: Reference, weights: str, published: Sequence[str] = ()) -> Path:
    """Return the file of weights that a reference names.

    Raises:
        FileNotFoundError: When it is not there.
    """
    file = reference.folder / weights
    if not file.is_file():
        known = f", and {', '.join(published)} alone are published" if published else ""
        raise FileNotFoundError(
            f"weights: there is no file {file}{known}.{near_names(weights, list(published))}"
        )
    return file


def downloaded(
    build: Callable[..., nn.Module], name: str, weights: Any, arguments: Mapping[str, Any]
) -> nn.Module:
    """Return a network with its published weights, which torch.hub downloads once.

    The builder unpickles the file, so it is first read as weights only: what holds anything else
    is refused.

    Raises:
        ValueError: When they can't be downloaded, or the file isn't the published one.
    """
    try:
        weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    except Exception as error:  # whatever urllib, torch.hub and the unpickler raise
        raise no_download(name, weights.url, error) from error
    return built(build, {"weights": weights, **arguments})


def no_download(name: str, url: str, error: Exception) -> ValueError:
    """Return the error that says that published weights can't be had, and what to do."""
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return ValueError(
        f"weights: those of {name} can't be had from {url} ({reason}). Where there is no network, "
        "bring the file and name it after an @."
    )


def built(build: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    """Return what upstream's builder makes of the arguments.

    Raises:
        ValueError: When it doesn't take them.
    """
    try:
        return build(**arguments)
    except Exception as error:  # upstream checks by assertions, if at all
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ValueError(
            f"arguments: the network can't be built with {dict(arguments)} ({reason})."
        ) from error


def fitted(
    build: Callable[..., nn.Module], reference: Reference, classes: str, file: Path
) -> tuple[nn.Module, int]:
    """Return a network with the weights of a file, and its number of classes, which the file tells.

    Args:
        build: Upstream's builder.
        reference: What the user wants the builder to be given.
        classes: The builder's argument that says the number of classes.
        file: The weights.

    Raises:
        ValueError: When the builder doesn't take the arguments, or the weights don't fit.
    """
    module = built(build, reference.arguments)
    state = unwrapped(state_in(file, allow_pickle=reference.allow_pickle))
    head = [name for name, value in module.state_dict().items() if value.ndim > 1][-1]
    usual = module.state_dict()[head]
    n_classes = len(state.get(head, usual))
    if n_classes != len(usual):
        module = built(build, {classes: n_classes, **reference.arguments})
    fit_weights(module, state, file)
    return module, n_classes


def spec_of(name: str, weights: Any, n_classes: int) -> ModelSpec:
    """Return what a classifier wants, as the transforms of its published weights say."""
    preset = weights.transforms()
    categories = weights.meta["categories"]
    return ModelSpec(
        clip=clip_of(name, preset),
        layout="CTHW" if name in FRAMES else "CHW",
        mean=tuple(preset.mean),
        std=tuple(preset.std),
        outputs="logits",
        class_names=distinct(categories) if len(categories) == n_classes else (),
    )


def clip_of(name: str, preset: Any) -> ClipSpec:
    """Return frames and size: for an image classifier, 16 frames spread over the file."""
    size, short_side = preset.crop_size[0], preset.resize_size[0]
    if name not in FRAMES:
        return ClipSpec(
            frames=16,
            size=size,
            sampling="centres",
            short_side=short_side,
            antialias=bool(preset.antialias),
        )
    frames, interval = FRAMES[name]
    return ClipSpec(
        frames=frames,
        size=size,
        sampling="interval",
        interval=interval,
        short="hold",
        short_side=short_side if len(preset.resize_size) == 1 else None,
        scaled=tuple(preset.resize_size) if len(preset.resize_size) == 2 else None,
        antialias=False,  # VideoClassification of torchvision.transforms never does
    )


def check_frames(spec: ModelSpec, name: str, least: int) -> None:
    """Raise ``ValueError`` where a clip has fewer frames than the network can take, or others."""
    exactly = name.startswith("mvit")  # its position encoding has a place for each frame
    if spec.clip and (spec.clip.frames < least or (exactly and spec.clip.frames != least)):
        raise ValueError(
            f"frames: {name} takes {'' if exactly else 'at least '}{least} frames, got "
            f"{spec.clip.frames}."
        )
