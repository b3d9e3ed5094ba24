"""What can be looked at before a model is asked: how a clip is cut, and what would be removed."""

from vexplain.previews.cuts import Cut, cut_clip, draw_cuts, segmentation_sheet
from vexplain.previews.rehearsals import (
    Rehearsal,
    draw_rehearsals,
    perturbation_sheet,
    rehearse,
)

__all__ = [
    "Cut",
    "Rehearsal",
    "cut_clip",
    "draw_cuts",
    "draw_rehearsals",
    "perturbation_sheet",
    "rehearse",
    "segmentation_sheet",
]
