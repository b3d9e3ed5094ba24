"""The real networks beside the repository, rebuilt in torch from their arrays."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vexplain.core import ClipSpec, ModelSpec

UCF50 = ("Biking", "Diving", "GolfSwing", "Punch", "Rowing")
UCF50_CLIPS = ClipSpec(frames=20, sampling="every", size=128, resize="stretch", antialias=False)
UCF50_SPEC = ModelSpec(
    clip=UCF50_CLIPS, channels="bgr", outputs="softmax", class_names=UCF50, layout="TCHW"
)


def arrays(path: Path) -> dict[str, Tensor]:
    with np.load(path) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files}


class ConvLstm(nn.Module):
    """The ConvLSTM of the assets' README, clips (N, 20, 3, 128, 128) to probabilities."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.w = arrays(path)

    def layer(self, x: Tensor, i: int) -> Tensor:
        wx, wh, b = (self.w[f"{name}.{i}"] for name in ("wx", "wh", "b"))
        n, t = x.shape[:2]
        drive = F.conv2d(x.flatten(0, 1), wx, b).reshape(n, t, -1, *[s - 2 for s in x.shape[3:]])
        h = c = torch.zeros(n, wh.shape[1], *drive.shape[-2:])
        out = []
        for step in drive.unbind(1):
            i_, f_, g_, o_ = (step + F.conv2d(h, wh, padding=1)).chunk(4, 1)
            i_, f_, o_ = ((0.2 * v + 0.5).clamp(0, 1) for v in (i_, f_, o_))
            c = f_ * c + i_ * g_.tanh()
            h = o_ * c.tanh()
            out.append(h)
        pooled = F.max_pool2d(torch.stack(out, 1).flatten(0, 1), 2, ceil_mode=True)
        return pooled.reshape(n, t, *pooled.shape[1:])

    def forward(self, clips: Tensor) -> Tensor:
        x = clips
        for i in range(4):
            x = self.layer(x, i)
        return F.linear(x.flatten(1), self.w["fc.weight"], self.w["fc.bias"]).softmax(1)


class FrameMobileNet(nn.Module):
    """MobileNetV2 on every frame, logits averaged: (N, T, 3, 224, 224) in (pixel − 128) / 128."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        w = arrays(path)
        names = sorted({name.rsplit(".", 1)[0] for name in w})
        self.convs = [
            (
                (w[f"{n}.weight_u8"].float() - float(w[f"{n}.weight_zero"]))
                * float(w[f"{n}.weight_scale"]),
                w[f"{n}.bias_i32"].float() * float(w[f"{n}.bias_scale"]),
            )
            for n in names
        ]

    def conv(self, x: Tensor, number: int, stride: int = 1, relu: bool = True) -> Tensor:
        weight, bias = self.convs[number]
        groups = x.shape[1] // weight.shape[1]
        if weight.shape[-1] == 3:
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        x = F.conv2d(x, weight, bias, stride, groups=groups)
        return x.clamp(0, 6) if relu else x

    def forward(self, clips: Tensor) -> Tensor:
        x = self.conv(clips.flatten(0, 1), 0, 2)
        number = 1
        for channels, repeats, first in (
            (16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1),
        ):  # fmt: skip
            for repeat in range(repeats):
                stride, shortcut = (first if repeat == 0 else 1), x
                if channels > 16:
                    x = self.conv(x, number)
                    number += 1
                x = self.conv(x, number, stride)
                x = self.conv(x, number + 1, relu=False)
                number += 2
                x = x + shortcut if repeat else x
        x = self.conv(x, number).mean((2, 3), keepdim=True)
        logits = self.conv(x, number + 1, relu=False).flatten(1)
        return logits.reshape(*clips.shape[:2], -1).mean(1)


def mobilenet_spec(assets: Path) -> ModelSpec:
    names = (assets / "models" / "imagenet_labels.txt").read_text().splitlines()
    unique = tuple(n if names.index(n) == i else f"{n} ({i})" for i, n in enumerate(names))
    return ModelSpec(
        clip=ClipSpec(frames=16, size=224, sampling="uniform"),
        scale=255,
        mean=(128,),
        std=(128,),
        outputs="logits",
        class_names=unique,
    )
