"""TPN: a temporal pyramid on the last two stages of a slow-only 3D ResNet (arXiv 2004.03548)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from vexplain.models.networks.layers import (
    EXPANSION,
    Bottleneck,
    ConvNorm,
    blocks_in,
    check_sizes,
    convolution,
)

POINT, TIME, SPACE = (1, 1, 1), (3, 1, 1), (1, 3, 3)
"""Kernels (T, H, W)."""


@dataclass(frozen=True, kw_only=True)
class TPNConfig:
    """Sizes of a TPN; by default those published for Kinetics-400.

    Attributes:
        n_classes: K.
        frames: T that the pyramid pools at once. Longer clips are pooled piece by piece.
        width: Channels after the stem; those of the bottlenecks double from stage to stage.
        blocks: Bottlenecks per stage, of at least two stages; the last two convolve over time.
        pyramid: Channels of a level of the pyramid.
        groups: Groups of the pyramid's thin convolutions.
        dropout: Share of the pooled features that training drops.

    Raises:
        ValueError: On sizes that no network can have.
    """

    n_classes: int = 400
    frames: int = 8
    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    pyramid: int = 1024
    groups: int = 32
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_sizes(self)
        if len(self.blocks) < 2:
            raise ValueError(f"blocks: TPN needs at least two stages, got {self.blocks}.")
        if self.pyramid % self.groups or self.top % self.groups:
            raise ValueError(
                f"groups: expected a divisor of {self.pyramid} and {self.top} channels, got "
                f"{self.groups}."
            )

    @property
    def top(self) -> int:
        """Channels of the last stage."""
        return EXPANSION * self.width << (len(self.blocks) - 1)

    @classmethod
    def small(cls, n_classes: int = 400, frames: int = 8) -> "TPNConfig":
        """Return the sizes of a network of 0.4 M weights."""
        sizes = cls(width=12, blocks=(1, 1, 1), pyramid=48, groups=4)
        return replace(sizes, n_classes=n_classes, frames=frames)

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "TPNConfig":
        """Return what the shapes of a TPN's weights tell; they don't tell its frames."""
        thin = state["pyramid.temporal.0.weight"]
        wide = len(state["pyramid.spatial.conv.weight"])
        return cls(
            n_classes=len(state["head.weight"]),
            width=len(state["stem.conv.weight"]),
            blocks=blocks_in(state),
            pyramid=len(thin),
            groups=wide // thin.shape[1],
        )


class LevelFusion(nn.Module):
    """Squeezes two levels by thin convolutions and joins them."""

    def __init__(self, config: TPNConfig) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            ConvNorm(config.pyramid, config.pyramid, POINT, groups=config.groups) for _ in range(2)
        )
        self.join = ConvNorm(2 * config.pyramid, config.top, POINT)

    def forward(self, low: Tensor, high: Tensor) -> Tensor:
        """Return the joined levels."""
        joined: Tensor = self.join(torch.cat([self.levels[0](low), self.levels[1](high)], 1))
        return joined


class Pyramid(nn.Module):
    """Brings two stages to one size, lets each inform the other, and joins what comes of it.

    Section 3 of the paper: spatial and temporal modulation, then information flow in cascade.
    """

    def __init__(self, config: TPNConfig) -> None:
        super().__init__()
        self.spatial = ConvNorm(config.top // 2, config.top, SPACE, stride=2)
        self.temporal = nn.ModuleList(
            convolution(config.top, config.pyramid, TIME, groups=config.groups) for _ in range(2)
        )
        self.pool = nn.MaxPool3d((config.frames, 1, 1), ceil_mode=True)
        self.upwards = convolution(config.pyramid, config.pyramid, TIME)
        self.top_down = LevelFusion(config)
        self.bottom_up = LevelFusion(config)
        self.join = ConvNorm(2 * config.top, config.top, POINT)
        for part in self.modules():
            if isinstance(part, nn.Conv3d):
                nn.init.xavier_uniform_(part.weight)

    def forward(self, fourth: Tensor, fifth: Tensor) -> Tensor:
        """Return the features of the last two stages, joined."""
        low = self.pool(self.temporal[0](self.spatial(fourth)))
        high = self.pool(self.temporal[1](fifth))
        low = low + high
        down = self.top_down(low, high)
        up = self.bottom_up(low, high + self.upwards(low))
        joined: Tensor = self.join(torch.cat([down, up], 1))
        return joined


class TPN(nn.Module):
    """The network: normalised clips (N, T, 3, H, W) of any H and W to logits (N, K)."""

    def __init__(self, config: TPNConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvNorm(3, config.width, (1, 7, 7), stride=2)
        self.pool = nn.MaxPool3d(SPACE, stride=(1, 2, 2), padding=(0, 1, 1))
        self.stages = nn.ModuleList(_stage(config, i) for i in range(len(config.blocks)))
        self.pyramid = Pyramid(config)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.top, config.n_classes)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Float[Tensor, "N T C H W"]) -> Float[Tensor, "N K"]:
        """Return one logit per class.

        Raises:
            ValueError: When the clips have fewer frames than the pyramid pools.
        """
        self.check_clip(clips.shape[1], *clips.shape[3:])
        levels = [self.pool(self.stem(clips.transpose(1, 2)))]
        for stage in self.stages:
            levels.append(stage(levels[-1]))
        pooled = self.pyramid(levels[-2], levels[-1]).mean((2, 3, 4))
        logits: Tensor = self.head(self.dropout(pooled))
        return logits

    def check_clip(self, frames: int, height: int, width: int) -> None:
        """Raise ``ValueError`` unless a clip fits the weights."""
        if frames < self.config.frames:
            raise ValueError(
                f"frames: this TPN is made for {self.config.frames} frames or more, got {frames}."
            )


def _stage(config: TPNConfig, i: int) -> nn.Sequential:
    """Return the bottlenecks of stage ``i``, the first of them strided but in the first stage."""
    width = config.width * 2**i
    n_in = config.width if i == 0 else EXPANSION * width // 2
    first = TIME if i >= len(config.blocks) - 2 else POINT
    channels = [n_in] + [EXPANSION * width] * (config.blocks[i] - 1)
    strides = [1 if i == 0 else 2] + [1] * (config.blocks[i] - 1)
    return nn.Sequential(
        *(
            Bottleneck(n, width, first=first, stride=stride, between=nn.Identity())
            for n, stride in zip(channels, strides, strict=True)
        )
    )
