"""Plots of explanations and evaluations, as the paper's figures have them, and its Table 2.

Every function draws into ``axes`` and returns them. Without ``axes`` it makes a figure of its own,
``axes.figure``, without pyplot: save it with ``axes.figure.savefig("plot.png")``.
"""

from vexplain.plots.choices import TableOfMethods, table_of_methods
from vexplain.plots.curve import curves
from vexplain.plots.rating import ratings
from vexplain.plots.relevance import relevance_over_time
from vexplain.plots.scoring import areas, minimal_keeps
from vexplain.plots.timing import seconds_per_step, seconds_rows

__all__ = [
    "TableOfMethods",
    "areas",
    "curves",
    "minimal_keeps",
    "ratings",
    "relevance_over_time",
    "seconds_per_step",
    "seconds_rows",
    "table_of_methods",
]
