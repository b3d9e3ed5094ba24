"""Checkpoints of other projects: how to know one, how its keys map to ours, what it wants."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor

from vexplain.core import ClipSpec

SIDE = 224
"""Height and width of the frames that the published networks are trained on."""

SOMETHING = ("de50e4ef", "cc37e9b8")
"""Digests of the TANets for Something-Something V1, which spread their frames over the video."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """How a network was trained on Kinetics-400, as MMAction2's configuration says.

    Attributes:
        mean: Mean of the channels, in 0..255.
        std: Their deviation.
        window: Source frames that a clip's frames are spread over.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    window: int


PRESETS: Mapping[str, Preset] = {
    "timesformer": Preset(mean=(127.5,), std=(127.5,), window=256),
    # The blue mean is rounded there for TANet, but not for TPN.
    "tanet": Preset(mean=(123.675, 116.28, 103.5), std=(58.395, 57.12, 57.375), window=64),
    "tpn": Preset(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375), window=64),
}


@dataclass(frozen=True, kw_only=True)
class Naming:
    """How some project names a network's weights.

    Attributes:
        sign: A key that every such checkpoint has.
        what: What to call such a checkpoint.
        network: Which of our networks it is, or nothing.
        mean: Mean of the channels in 0..255 that it was trained with; empty = as our network says.
        std: Likewise.
        names: What stands in its keys, as a regular expression, and what stands in ours.
        unused: Regular expressions of the keys that only its training needed.
    """

    sign: str
    what: str
    network: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    def ours(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state with our keys."""
        return {self.our_key(key): state[key] for key in state if not self._drops(key)}

    def our_key(self, key: str) -> str:
        """Return our key for one of theirs."""
        for theirs, ours in self.names.items():
            key = re.sub(theirs, ours, key)
        return key

    def _drops(self, key: str) -> bool:
        return any(re.match(unused, key) for unused in self.unused)


HEAD = {r"^cls_head\.fc_cls": "head"}
STAGES = {
    r"^backbone\.conv1\.": "stem.",
    **{rf"^backbone\.layer{i + 1}\.": f"stages.{i}." for i in range(4)},
}

NAMINGS = (
    Naming(sign="blocks.0.time_out.weight", what="vexplain's TimeSformer", network="timesformer"),
    Naming(sign="stages.0.0.between.kernel.0.weight", what="vexplain's TANet", network="tanet"),
    Naming(sign="pyramid.join.conv.weight", what="vexplain's TPN", network="tpn"),
    Naming(
        sign="backbone.transformer_layers.layers.0.attentions.0.temporal_fc.weight",
        what="MMAction2's TimeSformer",
        network="timesformer",
        names={
            r"^backbone\.transformer_layers\.layers\.": "blocks.",
            r"^backbone\.patch_embed\.projection": "patch",
            r"^backbone\.cls_token": "first",
            r"^backbone\.pos_embed": "position",
            r"^backbone\.time_embed": "time",
            r"^backbone\.norm": "norm",
            r"\.attentions\.0\.temporal_fc": ".time_out",
            r"\.attentions\.0\.": ".time.",
            r"\.attentions\.1\.": ".space.",
            r"\.attn\.in_proj_": ".qkv.",
            r"\.attn\.out_proj": ".out",
            r"\.ffns\.0\.norm": ".mlp.norm",
            r"\.ffns\.0\.layers\.0\.0": ".mlp.up",
            r"\.ffns\.0\.layers\.1": ".mlp.down",
            **HEAD,
        },
    ),
    Naming(
        sign="timesformer.encoder.layer.0.temporal_dense.weight",
        what="transformers' TimeSformer",
        network="timesformer",
        mean=(0.45 * 255,),
        std=(0.225 * 255,),
        names={
            r"^timesformer\.encoder\.layer\.": "blocks.",
            r"^timesformer\.embeddings\.patch_embeddings\.projection": "patch",
            r"^timesformer\.embeddings\.cls_token": "first",
            r"^timesformer\.embeddings\.position_embeddings": "position",
            r"^timesformer\.embeddings\.time_embeddings": "time",
            r"^timesformer\.layernorm": "norm",
            r"^classifier": "head",
            r"\.temporal_dense": ".time_out",
            r"\.temporal_layernorm": ".time.norm",
            r"\.layernorm_before": ".space.norm",
            r"\.layernorm_after": ".mlp.norm",
            r"\.temporal_attention\.attention\.qkv": ".time.qkv",
            r"\.temporal_attention\.output\.dense": ".time.out",
            r"\.attention\.attention\.qkv": ".space.qkv",
            r"\.attention\.output\.dense": ".space.out",
            r"\.intermediate\.dense": ".mlp.up",
            r"\.output\.dense": ".mlp.down",
        },
    ),
    Naming(
        sign="backbone.layer1.0.tam.G.0.weight",
        what="MMAction2's TANet",
        network="tanet",
        names={
            **STAGES,
            r"\.block\.": ".",
            r"\.tam\.G\.": ".between.kernel.",
            r"\.tam\.L\.": ".between.gate.",
            **HEAD,
        },
    ),
    Naming(
        sign="backbone.layer1.0.conv1.conv.net.weight",
        what="a 2D network that shifts frames (TSM), such as TPN on TSM",
    ),
    Naming(
        sign="neck.pyramid_fusion.conv.weight",
        what="MMAction2's TPN",
        network="tpn",
        names={
            **STAGES,
            r"^neck\.spatial_modulation\.spatial_modulation\.0\.0\.": "pyramid.spatial.",
            r"^neck\.temporal_modulation_ops\.(\d)\.conv\.conv\.": r"pyramid.temporal.\1.",
            r"^neck\.downsample_ops\.0\.conv\.conv\.": "pyramid.upwards.",
            r"^neck\.level_fusion_1\.": "pyramid.top_down.",
            r"^neck\.level_fusion_2\.": "pyramid.bottom_up.",
            r"\.downsamples\.(\d)\.conv\.": r".levels.\1.",
            r"\.fusion_conv\.": ".join.",
            r"^neck\.pyramid_fusion\.": "pyramid.join.",
            **HEAD,
        },
        unused=(r"neck\.aux_head\.", r"cls_head\.new_cls\."),
    ),
    Naming(
        sign="backbone.time_embed", what="MMAction2's TimeSformer with joint space-time attention"
    ),
    Naming(sign="backbone.pos_embed", what="MMAction2's TimeSformer of space only"),
    Naming(
        sign="timesformer.embeddings.cls_token",
        what="transformers' TimeSformer without divided space-time attention",
    ),
)
"""What is known; of several whose sign is there, the first counts."""


def recognised(state: Mapping[str, Tensor]) -> Naming | None:
    """Return how the state's keys are named, or None where that isn't known."""
    return next((naming for naming in NAMINGS if naming.sign in state), None)


def clip_of(
    network: str, frames: int, size: int | tuple[int, int] | None, checkpoint: str
) -> ClipSpec:
    """Return the clips of MMAction2's validation: one centred window, one centred crop.

    Indices wrap where the file is shorter than the window.

    Args:
        network: A key of ``PRESETS``.
        frames: T.
        size: Of the frames; None = ``SIDE``.
        checkpoint: The name of the file, or nothing for a network with fresh weights, whose
            frames are spread over the whole video.
    """
    size = size or SIDE
    clip = ClipSpec(
        frames=frames,
        size=size,
        sampling="centres",
        short="loop",
        short_side=max(size if isinstance(size, tuple) else (size,)) * 256 // SIDE,
        antialias=False,
    )
    if not checkpoint or any(digest in checkpoint for digest in SOMETHING):
        return clip
    return replace(clip, sampling="interval", interval=interval(network, frames))


def interval(network: str, frames: int) -> int:
    """Return the source frames between two of a clip's frames; TimeSformer-L's 96 are 4 apart."""
    if (network, frames) == ("timesformer", 96):
        return 4
    return max(PRESETS[network].window // frames, 1)
