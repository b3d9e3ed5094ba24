"""Clips with labels: readers of the field's datasets, and a synthetic set whose truth is known.

A dataset is a list of recordings. Each has a label, a group and, where it is known, the place of
the evidence; none is read before it is asked.
"""

from vexplain.datasets.opening import READERS, Reader, open_dataset
from vexplain.datasets.recordings import Dataset, Problem, Recording, VideoRecording
from vexplain.datasets.synthetic import (
    ACTIONS,
    HELD_OUT_PHOTOGRAPHS,
    TRAINING_PHOTOGRAPHS,
    Camera,
    LabelledClip,
    Motion,
    Scene,
    Sprite,
    draw_scene,
    render,
    synthetic_clip,
)

__all__ = [
    "ACTIONS",
    "HELD_OUT_PHOTOGRAPHS",
    "READERS",
    "TRAINING_PHOTOGRAPHS",
    "Camera",
    "Dataset",
    "LabelledClip",
    "Motion",
    "Problem",
    "Reader",
    "Recording",
    "Scene",
    "Sprite",
    "VideoRecording",
    "draw_scene",
    "open_dataset",
    "render",
    "synthetic_clip",
]
