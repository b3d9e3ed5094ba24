"""Step 7: how an attribution is shown. What is drawn here is never what is scored elsewhere."""

from vexplain.visualization.colors import PALETTES
from vexplain.visualization.curve_sheet import draw_curves
from vexplain.visualization.curves import CurvePanel, CurveRow, Line, draw_panel
from vexplain.visualization.layers import HeatMap, Scale, Scaled, SignedMap, overlay
from vexplain.visualization.sheet import Row, Sheet, draw_sheet
from vexplain.visualization.show import Accumulated, All, Show, Threshold, TopRegions, TopShare

__all__ = [
    "PALETTES",
    "Accumulated",
    "All",
    "CurvePanel",
    "CurveRow",
    "HeatMap",
    "Line",
    "Row",
    "Scale",
    "Scaled",
    "Sheet",
    "Show",
    "SignedMap",
    "Threshold",
    "TopRegions",
    "TopShare",
    "draw_curves",
    "draw_panel",
    "draw_sheet",
    "overlay",
]
