"""Clips made from a seed: an object does or shows something among distractors.

The object is round: a beach ball, or a token with a handwritten digit or a photograph. What it
shows, how it moves, or in which order it moves is the class (``ACTIONS``). Everything angular
distracts. A scene is drawn first and rendered afterwards, at any size and number of frames. The
camera's own motion is kept well below the object's (at most a third of it), so that the label is
right in the scene and in the picture alike.
"""

from vexplain.datasets.synthetic.actions import ACTIONS, BACKWARDS, Action
from vexplain.datasets.synthetic.drawing import FAMILIES, draw_scene, draw_source
from vexplain.datasets.synthetic.recordings import SyntheticRecording, synthetic
from vexplain.datasets.synthetic.rendering import Rendered, render

__all__ = [
    "ACTIONS",
    "BACKWARDS",
    "FAMILIES",
    "Action",
    "Rendered",
    "SyntheticRecording",
    "draw_scene",
    "draw_source",
    "render",
    "synthetic",
]
