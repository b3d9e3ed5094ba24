"""Step 4: what stands where something is absent, in space and in time, and how a keep fades."""

from vexplain.removal.edges import Edges, Feathered, Hard, Own
from vexplain.removal.fills import (
    Blur,
    Blur3D,
    ClipMean,
    Constant,
    Fill,
    FrameMean,
    Inpaint,
    KeepFill,
    OtherClip,
    RegionMean,
    region_means,
)
from vexplain.removal.imputation import NoisyLinear
from vexplain.removal.in_time import FreezeLast, Interpolate, MedianBackground, ShuffleFrames
from vexplain.removal.remove import Remove

__all__ = [
    "Blur",
    "Blur3D",
    "ClipMean",
    "Constant",
    "Edges",
    "Feathered",
    "Fill",
    "FrameMean",
    "FreezeLast",
    "Hard",
    "Inpaint",
    "Interpolate",
    "KeepFill",
    "MedianBackground",
    "NoisyLinear",
    "OtherClip",
    "Own",
    "RegionMean",
    "Remove",
    "ShuffleFrames",
    "region_means",
]
