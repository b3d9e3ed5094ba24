"""Explanations as files: a video drawn on the source at its own size and rate, a contact sheet."""

from vexplain.rendering.films import Area, Timeline, render
from vexplain.rendering.pictures import Picture, check_png, drawn_over, layer_of, picture
from vexplain.rendering.sheets import contact_sheet, evenly, explained_row
from vexplain.rendering.words import fit_notes, legend_of, probability, target_note, unit_of

__all__ = [
    "Area",
    "Picture",
    "Timeline",
    "check_png",
    "contact_sheet",
    "drawn_over",
    "evenly",
    "explained_row",
    "fit_notes",
    "layer_of",
    "legend_of",
    "picture",
    "probability",
    "render",
    "target_note",
    "unit_of",
]
