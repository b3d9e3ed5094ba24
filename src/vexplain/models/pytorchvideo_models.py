"""PyTorchVideo: the networks of its model zoo, SlowFast with both of its pathways."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vexplain.core import ClipSpec, ModelSpec, near_names
from vexplain.models.adapters import Model, distinct, module_model
from vexplain.models.reference import Reference
from vexplain.models.torchvision_models import built, fitted, imported, no_download, weights_file


def view(frames: int, interval: int, *, size: int = 256, short_side: int = 256) -> ClipSpec:
    """Return the central view of a file: its middle frames, and the middle of those."""
    return ClipSpec(
        frames=frames,
        size=size,
        sampling="interval",
        interval=interval,
        short="hold",
        short_side=short_side,
        antialias=False,
    )


VIEWS: Mapping[str, ClipSpec] = {
    "c2d_r50": view(8, 8),
    "i3d_r50": view(8, 8),
    "slow_r50": view(8, 8),
    "slowfast_r50": view(32, 2),
    "slowfast_r101": view(32, 2),
    "slowfast_16x8_r101_50_50": view(64, 2),
    "csn_r101": view(32, 2),
    "r2plus1d_r50": view(16, 4),
    "x3d_xs": view(4, 12, size=182, short_side=182),
    "x3d_s": view(13, 6, size=182, short_side=182),
    "x3d_m": view(16, 5),
    "x3d_l": view(16, 5, size=356, short_side=356),
    "mvit_base_16x4": view(16, 4, size=224),
    "mvit_base_32x3": view(32, 3, size=224),
}
"""Frames, interval and size that each network was tested with on Kinetics-400.

Source: the configurations that PyTorchVideo's benchmarks were run with, facebookresearch/SlowFast,
configs/Kinetics/pytorchvideo (NUM_FRAMES, SAMPLING_RATE, TEST_CROP_SIZE), of whose views this is
the central one; a 32x3 MViT is in configs/Kinetics. For SlowFast, its paper (arXiv 1812.03982)
and PyTorchVideo count the frames of the slow pathway, 8x8: here are those of the fast one.
"""


def load(reference: Reference) -> Model:
    """Return ``pytorchvideo:NAME``, with its published weights, or ``pytorchvideo:NAME@FILE``.

    A file's head may have any number of classes; with 400 of them they are named as those of
    Kinetics-400 are in torchvision, which PyTorchVideo can't be imported without.

    Raises:
        FileNotFoundError: When there is no file of that name.
        ImportError: When PyTorchVideo or torchvision can't be imported.
        ValueError: When there is no such network, or its weights can't be had or don't fit.
    """
    name, _, stated = reference.name.partition("@")
    if name not in VIEWS:
        raise ValueError(
            f"model: PyTorchVideo has no video classifier {name!r}; expected {', '.join(VIEWS)}."
            f"{near_names(name, list(VIEWS))}"
        )
    weights = reference.weights or stated
    module, n_classes = network(reference, name, weights)
    spec = reference.completed(spec_of(name, module, n_classes))
    shown = f"{name}@{Path(weights).name}" if weights else name
    return module_model(module, spec, reference.running, shown)


def network(reference: Reference, name: str, weights: str) -> tuple[nn.Module, int]:
    """Return a network with its weights, and how many classes it has.

    Raises:
        ValueError: When it shall be built otherwise than its published weights want it.
    """
    hub = imported("pytorchvideo.models.hub")
    build = partial(getattr(hub, name), pretrained=False)
    if weights:
        classes = "head_num_classes" if name.startswith("mvit") else "model_num_class"
        return fitted(build, reference, classes, weights_file(reference, weights))
    if reference.arguments:
        raise ValueError(
            f"arguments: the published weights of {name} are for the network as it is. Name a file "
            f"of weights, as in pytorchvideo:{name}@FILE, or leave the arguments out."
        )
    module = built(build, {})
    module.load_state_dict(downloaded(hub, name))
    return module, 400


def downloaded(hub: Any, name: str) -> dict[str, torch.Tensor]:
    """Return the published weights of a network, which torch.hub downloads once.

    Raises:
        ValueError: When they can't be downloaded, or are more than weights.
    """
    url = imported(getattr(hub, name).__module__).checkpoint_paths[name]
    try:
        checkpoint = torch.hub.load_state_dict_from_url(url, map_location="cpu", weights_only=True)
        state: dict[str, torch.Tensor] = checkpoint["model_state"]
    except Exception as error:  # whatever urllib, torch.hub and the unpickler raise
        raise no_download(name, url, error) from error
    return state


def spec_of(name: str, module: nn.Module, n_classes: int) -> ModelSpec:
    """Return what a network wants and answers.

    X3D and R(2+1)D end in a softmax of every position, which they average; the others give
    logits. The slow pathway of SlowFast has a fourth of the frames (its paper's α = 4).
    """
    categories = imported("torchvision").models.video.R3D_18_Weights.DEFAULT.meta["categories"]
    softmax = any(isinstance(part, nn.Softmax) for part in module.modules())
    return ModelSpec(
        clip=VIEWS[name],
        layout="CTHW",
        pathways=(4, 1) if name.startswith("slowfast") else (),
        mean=(0.45,),
        std=(0.225,),
        outputs="softmax" if softmax else "logits",
        class_names=distinct(categories) if len(categories) == n_classes else (),
    )
