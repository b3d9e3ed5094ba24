"""TimeSformer with divided space-time attention (arXiv 2102.05095)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isqrt, log

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from vexplain.models.networks.layers import (
    EXPANSION,
    ConvNorm,
    DropPath,
    blocks_in,
    check_sizes,
    numbered,
    residual_stages,
)

EPSILON = 1e-6
"""Of all layer norms."""
SHARPNESS = 2.0
"""How much larger queries and keys begin: a fresh network then looks at some tokens more than at
others, and learns in half the steps which."""
LOUDNESS = 0.7
"""Of the codes of places and times in a fresh network; what a patch shows is about 1."""
HEAD_WIDTH = 64
"""Channels of an attention head in every vision transformer that was published."""


def stride_of(trunk: tuple[int, ...]) -> int:
    """Return how many pixels lie between two features of a trunk; 1 where there is none."""
    return 2 << len(trunk) if trunk else 1


@dataclass(frozen=True, kw_only=True)
class TimeSformerConfig:
    """Sizes of a TimeSformer; by default those published for Kinetics-400 (ViT-B/16).

    Attributes:
        n_classes: K.
        frames: T, which the weights are made for.
        size: Height and width of the frames in pixels, which the weights are made for.
        patch: Height and width of a patch in pixels.
        width: D, the channels of a token.
        depth: Blocks.
        heads: Attention heads.
        hidden: Inner channels of the perceptrons.
        trunk: Bottlenecks per stage of a ResNet of frames whose features the patches are cut from,
            as in the hybrid vision transformer (arXiv 2010.11929, section 3.1): it needs far fewer
            clips to learn from. Empty, as published: they are cut from the pixels.
        trunk_width: Channels after the trunk's stem; those of its bottlenecks double from stage to
            stage.
        tubelet: Frames that a patch reaches over, an odd number: those before and after are mixed
            in, as in the tubelets of arXiv 2103.15691, section 3.2, which do not overlap. It makes
            small motion, within a patch, easy to see. 1, as published: its own frame alone.
        drop_path: Share of rows that training drops in the last block; it grows linearly to that.

    Raises:
        ValueError: On sizes that no network can have.
    """

    n_classes: int = 400
    frames: int = 8
    size: int = 224
    patch: int = 16
    width: int = 768
    depth: int = 12
    heads: int = 12
    hidden: int = 3072
    trunk: tuple[int, ...] = ()
    trunk_width: int = 16
    tubelet: int = 1
    drop_path: float = 0.1

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.size % self.patch or self.width % self.heads:
            raise ValueError(
                f"patch: expected a size of whole patches and a width of whole heads, got "
                f"{self.size} / {self.patch} and {self.width} / {self.heads}."
            )
        if self.tubelet % 2 == 0:
            raise ValueError(f"tubelet: expected an odd number of frames, got {self.tubelet}.")
        if self.patch % self.stride:
            raise ValueError(
                f"patch: expected a multiple of the trunk's stride of {self.stride} pixels, got "
                f"{self.patch}."
            )

    @property
    def stride(self) -> int:
        """Pixels from one of the things that patches are cut from to the next."""
        return stride_of(self.trunk)

    @property
    def channels(self) -> int:
        """Channels of what patches are cut from."""
        return EXPANSION * self.trunk_width << (len(self.trunk) - 1) if self.trunk else 3

    @property
    def patches(self) -> int:
        """P, the patches of a frame."""
        return (self.size // self.patch) ** 2

    @classmethod
    def small(cls, n_classes: int = 400, frames: int = 8, size: int = 64) -> "TimeSformerConfig":
        """Return the sizes of a network of 0.7 M weights, for a size of whole patches of 8."""
        sizes = cls(size=size, patch=8, width=128, depth=3, heads=2, hidden=256)
        return replace(sizes, n_classes=n_classes, frames=frames)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "TimeSformerConfig":
        """Return what the shapes of a TimeSformer's weights tell; heads are taken as 64 wide."""
        n_classes, width = state["head.weight"].shape
        trunk = blocks_in(state)
        patch = state["patch.weight"].shape[-1] * stride_of(trunk)
        return cls(
            n_classes=n_classes,
            frames=state["time"].shape[1],
            size=isqrt(state["position"].shape[1] - 1) * patch,
            patch=patch,
            width=width,
            depth=numbered(state, "blocks."),
            heads=max(width // HEAD_WIDTH, 1),
            hidden=len(state["blocks.0.mlp.up.weight"]),
            trunk=trunk,
            trunk_width=len(state["stem.conv.weight"]) if trunk else cls.trunk_width,
            tubelet=state["tubelet.weight"].shape[-1] if "tubelet.weight" in state else 1,
        )


class Attention(nn.Module):
    """Normalises the tokens of each row, then lets them attend to each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        for weight in (self.qkv.weight, self.out.weight):
            nn.init.xavier_uniform_(weight)
        for bias in (self.qkv.bias, self.out.bias):
            nn.init.zeros_(bias)
        self.qkv.weight.data[: 2 * width] *= SHARPNESS

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what each token gathers."""
        parts = self.qkv(self.norm(x)).reshape(*x.shape[:2], 3, self.heads, -1)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        gathered = F.scaled_dot_product_attention(query, key, value)
        mixed: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return mixed


class Perceptron(nn.Module):
    """Normalises each token, then takes it through one hidden layer."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        for part in (self.up, self.down):
            nn.init.xavier_uniform_(part.weight)

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what is added to each token."""
        added: Tensor = self.down(F.gelu(self.up(self.norm(x))))
        return added


class Block(nn.Module):
    """Attention over time, then over space, then a perceptron; each adds to the tokens.

    Tokens (N, 1 + P·T, D) are the class token and then the patches, all frames of one place
    together. The last block returns the class token alone, as nothing looks at the others.

    Args:
        config: The sizes of the network.
        i: The block's number, from 0.
    """

    def __init__(self, config: TimeSformerConfig, i: int) -> None:
        super().__init__()
        self.frames = config.frames
        self.last = i == config.depth - 1
        self.time = Attention(config.width, config.heads)
        self.time_out = nn.Linear(config.width, config.width)
        self.space = Attention(config.width, config.heads)
        self.mlp = Perceptron(config.width, config.hidden)
        self.drop = DropPath(config.drop_path * i / max(config.depth - 1, 1))
        nn.init.xavier_uniform_(self.time_out.weight)
        nn.init.zeros_(self.time_out.bias)

    def forward(self, tokens: Float[Tensor, "N L D"]) -> Float[Tensor, "N M D"]:
        """Return the changed tokens."""
        N, _, D = tokens.shape
        first, patches = tokens[:, :1], tokens[:, 1:].reshape(N, -1, self.frames, D)
        patches = patches + self._over_time(patches)
        first, patches = self._over_space(first, patches)
        tokens = first if self.last else torch.cat([first, patches.flatten(1, 2)], 1)
        changed: Tensor = tokens + self.drop(self.mlp(tokens))
        return changed

    def _over_time(self, patches: Float[Tensor, "N P T D"]) -> Float[Tensor, "N P T D"]:
        """Return what each patch gathers from the other frames at its place."""
        gathered: Tensor = self.time_out(self.drop(self.time(patches.flatten(0, 1))))
        return gathered.view_as(patches)

    def _over_space(
        self, first: Float[Tensor, "N 1 D"], patches: Float[Tensor, "N P T D"]
    ) -> tuple[Tensor, Tensor]:
        """Return both with what they gather in each frame; the class token takes the mean."""
        N, _, T, D = patches.shape
        frames = torch.cat([first[:, None].expand(N, T, 1, D), patches.transpose(1, 2)], 2)
        gathered = self.drop(self.space(frames.flatten(0, 1))).view_as(frames)
        return first + gathered[:, :, 0].mean(1, True), patches + gathered[:, :, 1:].transpose(1, 2)


def waves(n: int, width: int) -> Float[Tensor, "n width"]:
    """Return a code of n places in a row: sines and cosines of many lengths (arXiv 1706.03762).

    Their mean is taken out: it would tell nothing, and be most of what the class token gathers.
    """
    half = width - width // 2
    lengths = torch.linspace(0, log(n), half).exp()
    angles = torch.arange(n)[:, None] / lengths
    codes = torch.cat([angles.sin(), angles.cos()], 1)[:, :width]
    return LOUDNESS * (codes - codes.mean(0))


def waves_of_places(n: int, width: int) -> Float[Tensor, "places width"]:
    """Return a code of n × n places, row by row: one half tells the row, the other the column."""
    rows, columns = waves(n, width // 2), waves(n, width - width // 2)
    return torch.cat([rows.repeat_interleave(n, 0), columns.repeat(n, 1)], 1)


def tubelets(width: int, frames: int) -> nn.Conv1d:
    """Return a layer that mixes a patch with those at its place in the frames around it.

    A fresh one mostly keeps the patch.
    """
    layer = nn.Conv1d(width, width, frames, padding=frames // 2)
    layer.weight.data[:, :, frames // 2] += torch.eye(width)
    return layer


class TimeSformer(nn.Module):
    """The network: normalised clips (N, T, 3, H, W) to logits (N, K)."""

    def __init__(self, config: TimeSformerConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.stem: nn.Module = nn.Identity()
        self.pool: nn.Module = nn.Identity()
        self.stages: nn.Module = nn.Identity()
        if config.trunk:  # TANet's names, so that its weights can be taken over
            self.stem = ConvNorm(3, config.trunk_width, (7, 7), stride=2)
            self.pool = nn.MaxPool2d(3, stride=2, padding=1)
            self.stages = residual_stages(config.trunk_width, config.trunk, lambda _: nn.Identity())
        side = config.patch // config.stride
        self.patch = nn.Conv2d(config.channels, width, side, stride=side)
        self.tubelet: nn.Module = nn.Identity()
        if config.tubelet > 1:
            self.tubelet = tubelets(width, config.tubelet)
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.zeros(1, 1 + config.patches, width))
        self.time = nn.Parameter(torch.zeros(1, config.frames, width))
        self.blocks = nn.Sequential(*(Block(config, i) for i in range(config.depth)))
        self.norm = nn.LayerNorm(width, eps=EPSILON)
        self.head = nn.Linear(width, config.n_classes)
        nn.init.kaiming_normal_(self.patch.weight, nonlinearity="linear")
        nn.init.zeros_(self.head.bias)
        for weight in (self.first, self.head.weight):
            nn.init.trunc_normal_(weight, std=0.02)
        # Waves: a fresh network knows where and when from the start, and need not find it out
        # first (arXiv 2205.01580).
        self.time.data[0] = waves(config.frames, width)
        self.position.data[0, 1:] = waves_of_places(config.size // config.patch, width)

    def forward(self, clips: Float[Tensor, "N T C H W"]) -> Float[Tensor, "N K"]:
        """Return one logit per class.

        Raises:
            ValueError: When the clips have other frames or another size than the weights.
        """
        self.check_clip(clips.shape[1], *clips.shape[3:])
        seen = self.patch(self.stages(self.pool(self.stem(clips.flatten(0, 1)))))
        rows = seen.flatten(2).unflatten(0, clips.shape[:2]).permute(0, 3, 2, 1)  # (N, P, D, T)
        mixed = self.tubelet(rows.flatten(0, 1)).view_as(rows).transpose(2, 3)
        patches = mixed + self.position[0, 1:, None] + self.time[:, None]
        first = (self.first + self.position[:, :1]).expand(len(clips), 1, -1)
        tokens = torch.cat([first, patches.flatten(1, 2)], 1)
        logits: Tensor = self.head(self.norm(self.blocks(tokens)[:, 0]))
        return logits

    def check_clip(self, frames: int, height: int, width: int) -> None:
        """Raise ``ValueError`` unless a clip fits the weights."""
        wanted = (self.config.frames, self.config.size, self.config.size)
        if (frames, height, width) != wanted:
            raise ValueError(
                f"clip: this TimeSformer's weights are made for {wanted[0]} frames of {wanted[1]}x"
                f"{wanted[2]} pixels, got {frames} of {height}x{width}."
            )
