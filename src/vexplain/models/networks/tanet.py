"""TANet: a ResNet of frames whose bottlenecks mix the frames adaptively (arXiv 2005.06803)."""

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from vexplain.models.networks.layers import (
    EXPANSION,
    ConvNorm,
    blocks_in,
    check_sizes,
    residual_stages,
)


@dataclass(frozen=True, kw_only=True)
class TANetConfig:
    """Sizes of a TANet; by default those published for Kinetics-400.

    Attributes:
        n_classes: K.
        frames: T, which the weights are made for; at least 3.
        width: Channels after the stem; those of the bottlenecks double from stage to stage.
        blocks: Bottlenecks per stage.
        dropout: Share of the pooled features that training drops.

    Raises:
        ValueError: On sizes that no network can have.
    """

    n_classes: int = 400
    frames: int = 8
    width: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    dropout: float = 0.5

    def __post_init__(self) -> None:
        check_sizes(self)
        if self.frames < 3 or self.width < 4:
            raise ValueError(
                f"frames: TANet needs at least 3 frames and a width of 4, got {self.frames} and "
                f"{self.width}."
            )

    @classmethod
    def small(cls, n_classes: int = 400, frames: int = 8) -> "TANetConfig":
        """Return the sizes of a network of 0.3 M weights."""
        return cls(n_classes=n_classes, frames=frames, width=12, blocks=(1, 1, 1, 1))

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> "TANetConfig":
        """Return what the shapes of a TANet's weights tell."""
        return cls(
            n_classes=len(state["head.weight"]),
            frames=state["stages.0.0.between.kernel.0.weight"].shape[1],
            width=len(state["stem.conv.weight"]),
            blocks=blocks_in(state),
        )


class TemporalAdaptiveModule(nn.Module):
    """Mixes each frame with its neighbours, by weights that the clip itself sets (section 3).

    The global branch turns the course of a channel's mean over all frames into a kernel of three
    taps; the local branch turns the neighbourhood of each frame into a gate for every channel.

    Args:
        channels: C.
        frames: T.
    """

    def __init__(self, channels: int, frames: int) -> None:
        super().__init__()
        self.frames = frames
        self.kernel = nn.Sequential(
            nn.Linear(frames, 2 * frames, bias=False),
            nn.BatchNorm1d(2 * frames),
            nn.ReLU(inplace=True),
            nn.Linear(2 * frames, 3, bias=False),
            nn.Softmax(-1),
        )
        # Even taps can't tell forwards from backwards; a fresh network begins with uneven ones.
        nn.init.normal_(self.kernel.get_parameter("3.weight"), std=1.0)
        self.gate = nn.Sequential(
            nn.Conv1d(channels, channels // 4, 3, padding=1, bias=False),
            nn.BatchNorm1d(channels // 4),
            nn.ReLU(inplace=True),
            nn.Conv1d(channels // 4, channels, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Float[Tensor, "NT C H W"]) -> Float[Tensor, "NT C H W"]:
        """Return the mixed frames."""
        frames = x.reshape(-1, self.frames, *x.shape[1:])
        means = frames.mean((3, 4)).transpose(1, 2)
        kernel = self.kernel(means.flatten(0, 1)).reshape(*means.shape[:2], -1)
        # Tap times gate is small: the frames themselves are read three times, not five.
        taps = (kernel[:, :, None] * self.gate(means)[..., None]).to(x.dtype)
        before, here, after = taps.permute(3, 0, 2, 1).contiguous()[..., None, None]
        mixed: Tensor = frames * here
        mixed[:, 1:].addcmul_(frames[:, :-1], before[:, :-1])
        mixed[:, :-1].addcmul_(frames[:, 1:], after[:, 1:])
        return mixed.reshape(x.shape)


class TANet(nn.Module):
    """The network: normalised clips (N, T, 3, H, W) of any H and W to logits (N, K)."""

    def __init__(self, config: TANetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = ConvNorm(3, config.width, (7, 7), stride=2)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.stages = residual_stages(
            config.width,
            config.blocks,
            lambda channels: TemporalAdaptiveModule(channels, config.frames),
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(
            EXPANSION * config.width << (len(config.blocks) - 1), config.n_classes
        )
        nn.init.normal_(self.head.weight, std=0.001)
        nn.init.zeros_(self.head.bias)

    def forward(self, clips: Float[Tensor, "N T C H W"]) -> Float[Tensor, "N K"]:
        """Return the mean over the frames of their logits.

        Raises:
            ValueError: When the clips don't have the frames that the weights are made for.
        """
        self.check_clip(clips.shape[1], *clips.shape[3:])
        features = self.stages(self.pool(self.stem(clips.flatten(0, 1))))
        logits: Tensor = self.head(self.dropout(features.mean((2, 3))))
        return logits.reshape(*clips.shape[:2], -1).mean(1)

    def check_clip(self, frames: int, height: int, width: int) -> None:
        """Raise ``ValueError`` unless a clip fits the weights."""
        if frames != self.config.frames:
            raise ValueError(
                f"frames: this TANet's weights are made for {self.config.frames} frames, got "
                f"{frames}."
            )
