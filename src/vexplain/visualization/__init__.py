"""Step 7: how an attribution is shown. What is drawn here is never what is scored elsewhere."""

from vexplain.visualization.colors import PALETTES
from vexplain.visualization.curve_sheet import draw_curves
from vexplain.visualization.curves import CurvePanel, CurveRow, Line, draw_panel
from vexplain.visualization.emphasis import Highlight, Outlines
from vexplain.visualization.layers import (
    Backed,
    HeatMap,
    Scale,
    Scaled,
    SignedMap,
    Worded,
    overlay,
)
from vexplain.visualization.owners import owners_of, rims_of
from vexplain.visualization.sheet import Row, Sheet, draw_sheet
from vexplain.visualization.show import Accumulated, All, Show, Threshold, TopRegions, TopShare

__all__ = [
    "PALETTES",
    "Accumulated",
    "All",
    "Backed",
    "CurvePanel",
    "CurveRow",
    "HeatMap",
    "Highlight",
    "Line",
    "Outlines",
    "Row",
    "Scale",
    "Scaled",
    "Sheet",
    "Show",
    "SignedMap",
    "Threshold",
    "TopRegions",
    "TopShare",
    "Worded",
    "draw_curves",
    "draw_panel",
    "draw_sheet",
    "overlay",
    "owners_of",
    "rims_of",
]
