"""Slow, obvious versions of the fills that look at keeps or regions: one voxel at a time."""

import numpy as np
import torch
from torch import Tensor

from vexplain.core import Segmentation


def frozen(frames: Tensor, keep: Tensor) -> Tensor:
    """What FreezeLast shows for one keep (T, H, W): (T, C, H, W)."""
    n_frames, _, height, width = frames.shape
    out = torch.empty_like(frames)
    for y in range(height):
        for x in range(width):
            shown = [t for t in range(n_frames) if keep[t, y, x] >= 0.5]
            for t in range(n_frames):
                before = [s for s in shown if s <= t]
                if before:
                    out[t, :, y, x] = frames[before[-1], :, y, x]
                elif shown:
                    out[t, :, y, x] = frames[shown[0], :, y, x]
                else:
                    out[t, :, y, x] = frames.mean(dim=(0, 2, 3))
    return out


def interpolated(frames: Tensor, keep: Tensor) -> Tensor:
    """What Interpolate shows for one keep (T, H, W): (T, C, H, W)."""
    n_frames, channels, height, width = frames.shape
    out = torch.empty_like(frames)
    for y in range(height):
        for x in range(width):
            shown = [t for t in range(n_frames) if keep[t, y, x] >= 0.5]
            for c in range(channels):
                line = frames[shown, c, y, x].numpy() if shown else [float(frames[:, c].mean())]
                values = np.interp(range(n_frames), shown or [0], line)
                out[:, c, y, x] = torch.from_numpy(values)
    return out


def region_mean(frames: Tensor, segmentation: Segmentation) -> Tensor:
    """The mean colour of what each region takes away, painted: (T, C, H, W)."""
    n_features = segmentation.n_features
    means = torch.empty(frames.shape[1], n_features, dtype=torch.float64)
    for feature in range(n_features):
        present = torch.ones(1, n_features, dtype=torch.bool)
        present[0, feature] = False
        footprint = 1 - segmentation.keep(present, torch.zeros(1, 3))[0].double()
        for channel in range(frames.shape[1]):
            total = (frames[:, channel].double() * footprint).sum()
            means[channel, feature] = total / footprint.sum()
    painted = [segmentation.paint(scores) for scores in means]
    union = segmentation.paint(torch.ones(n_features, dtype=torch.float64))
    clip_mean = frames.double().mean(dim=(0, 2, 3)).view(1, -1, 1, 1)
    return (torch.stack(painted, dim=1) + (1 - union).unsqueeze(1) * clip_mean).float()
