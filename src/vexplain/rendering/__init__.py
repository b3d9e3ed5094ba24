"""Explanations as files: a video drawn on the source at its own size and rate, a contact sheet."""

from vexplain.rendering.films import render
from vexplain.rendering.grids import render_grid
from vexplain.rendering.pictures import Picture, check_png, drawn_over, layer_of, picture
from vexplain.rendering.placing import Area, Timeline
from vexplain.rendering.sheets import contact_sheet, evenly, explained_row, title_of
from vexplain.rendering.words import (
    fit_notes,
    legend_of,
    meaning_of,
    probability,
    target_note,
    unit_of,
)

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
    "meaning_of",
    "picture",
    "probability",
    "render",
    "render_grid",
    "target_note",
    "title_of",
    "unit_of",
]
