"""Blocks that the networks share: convolutions with batch norm, bottlenecks, stochastic depth."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval

from vexplain.core.checks import check_share, check_whole

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Kernel = tuple[int, ...]
"""Sizes of a convolution's kernel: (H, W) of single frames, or (T, H, W) of clips."""

EXPANSION = 4
"""A bottleneck returns this many times its inner channels (ResNet, arXiv 1512.03385)."""


def convolution(
    n_in: int, n_out: int, kernel: Kernel, *, stride: int = 1, groups: int = 1
) -> nn.Conv2d | nn.Conv3d:
    """Return a padded convolution without bias; the stride is in space only."""
    kind: Callable[..., nn.Conv2d | nn.Conv3d] = nn.Conv2d if len(kernel) == 2 else nn.Conv3d
    made = kind(
        n_in,
        n_out,
        kernel,
        stride=(1, stride, stride)[-len(kernel) :],
        padding=tuple(size // 2 for size in kernel),
        groups=groups,
        bias=False,
    )
    nn.init.kaiming_normal_(made.weight, mode="fan_out", nonlinearity="relu")
    return made


class ConvNorm(nn.Sequential):
    """``conv``, ``bn`` and, unless told otherwise, ``relu``."""

    conv: nn.Conv2d | nn.Conv3d
    bn: nn.BatchNorm2d | nn.BatchNorm3d

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        groups: int = 1,
        relu: bool = True,
    ) -> None:
        norm = nn.BatchNorm2d if len(kernel) == 2 else nn.BatchNorm3d
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv=convolution(n_in, n_out, kernel, stride=stride, groups=groups), bn=norm(n_out)
        )
        if relu:
            parts["relu"] = nn.ReLU(inplace=True)
        super().__init__(parts)


def fold_norms(network: nn.Module) -> None:
    """Fold the batch norm of every ``ConvNorm`` into its convolution, for evaluation only."""
    for part in list(network.eval().modules()):
        if isinstance(part, ConvNorm):
            part.conv = fuse_conv_bn_eval(part.conv, part.bn)
            del part.bn


class Bottleneck(nn.Module):
    """ResNet's bottleneck, strided in its middle convolution, with a module after its first.

    Args:
        n_in: Input channels.
        width: Inner channels; the output has ``EXPANSION`` times as many.
        first: Kernel of the first convolution; its length tells frames from clips.
        stride: In space.
        between: What stands between the first convolution and the second.
    """

    def __init__(
        self, n_in: int, width: int, *, first: Kernel, stride: int = 1, between: nn.Module
    ) -> None:
        super().__init__()
        still = (1,) * (len(first) - 2)
        n_out = EXPANSION * width
        self.conv1 = ConvNorm(n_in, width, first)
        self.between = between
        self.conv2 = ConvNorm(width, width, (*still, 3, 3), stride=stride)
        self.conv3 = ConvNorm(width, n_out, (*still, 1, 1), relu=False)
        self.downsample: nn.Module = nn.Identity()
        if n_in != n_out or stride != 1:
            self.downsample = ConvNorm(n_in, n_out, (*still, 1, 1), stride=stride, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's features."""
        inner: Tensor = self.conv3(self.conv2(self.between(self.conv1(x))))
        return inner.add_(self.downsample(x)).relu_()


def residual_stages(
    width: int, blocks: tuple[int, ...], between: Callable[[int], nn.Module]
) -> nn.Sequential:
    """Return a ResNet's stages of bottlenecks on single frames, each but the first strided.

    Args:
        width: Channels that go in, and inner channels of the first stage; they double from stage
            to stage.
        blocks: Bottlenecks per stage.
        between: Makes what stands after each first convolution, for its number of channels.
    """
    stages, n_in = [], width
    for i, number in enumerate(blocks):
        inner = width * 2**i
        channels = [n_in] + [EXPANSION * inner] * (number - 1)
        strides = [1 if i == 0 else 2] + [1] * (number - 1)
        stages.append(
            nn.Sequential(
                *(
                    Bottleneck(n, inner, first=(1, 1), stride=stride, between=between(inner))
                    for n, stride in zip(channels, strides, strict=True)
                )
            )
        )
        n_in = EXPANSION * inner
    return nn.Sequential(*stages)


class DropPath(nn.Module):
    """Stochastic depth: in training, drops whole rows of a batch (arXiv 1603.09382).

    Args:
        rate: The share of rows that is dropped; the others grow to make up for it.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return the rows that stay."""
        if not self.training or self.rate == 0:
            return x
        stays = torch.full((len(x), 1, 1), 1 - self.rate, dtype=x.dtype, device=x.device)
        return x * torch.bernoulli(stays) / (1 - self.rate)


def check_sizes(config: "DataclassInstance") -> None:
    """Check the fields of a network's configuration: shares, blocks per stage, whole numbers.

    Raises:
        ValueError: On a value of another kind.
    """
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name.startswith("drop"):
            check_share(field.name, value)
        elif isinstance(field.default, tuple):
            if not isinstance(value, tuple) or (field.default and not value):
                raise ValueError(f"{field.name}: expected one number per stage, got {value!r}.")
            for number in value:
                check_whole(field.name, number)
        else:
            check_whole(field.name, value)


def numbered(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many different numbers follow ``prefix`` in the names of a state dictionary."""
    return len({key[len(prefix) :].split(".")[0] for key in state if key.startswith(prefix)})


def blocks_in(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Return the number of blocks per stage of a residual network."""
    return tuple(numbered(state, f"stages.{i}.") for i in range(numbered(state, "stages.")))
