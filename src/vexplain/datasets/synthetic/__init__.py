"""Clips made from a seed: a ball performs an action among distractors before a photograph.

A scene is drawn first and rendered afterwards. The camera's own motion is kept well below the
ball's (at most a third of it), so that the label is right in the scene and in the picture alike.
"""

from collections.abc import Sequence

import numpy as np

from vexplain.datasets.synthetic.actions import ACTIONS
from vexplain.datasets.synthetic.drawing import (
    HELD_OUT_PHOTOGRAPHS,
    TRAINING_PHOTOGRAPHS,
    draw_scene,
)
from vexplain.datasets.synthetic.rendering import render
from vexplain.datasets.synthetic.scene import Camera, LabelledClip, Motion, Scene, Sprite

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


def synthetic_clip(
    seed: int | Sequence[int],
    *,
    frames: int = 16,
    size: int = 64,
    label: int | None = None,
    photographs: Sequence[str] = TRAINING_PHOTOGRAPHS,
    moving_camera: bool | None = None,
) -> LabelledClip:
    """Draw and render one clip; the same seed gives the same bytes.

    Args:
        seed: One number, or several such as (split, number of the clip).
        frames: T.
        size: H and W, in pixels.
        label: As in ``draw_scene``.
        photographs: As in ``draw_scene``.
        moving_camera: As in ``draw_scene``.
    """
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, label=label, photographs=photographs, moving_camera=moving_camera)
    return render(scene, frames=frames, size=size)
