"""Clips with labels: so far the synthetic set, whose true object region is known."""

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
    "TRAINING_PHOTOGRAPHS",
    "Camera",
    "LabelledClip",
    "Motion",
    "Scene",
    "Sprite",
    "draw_scene",
    "render",
    "synthetic_clip",
]
