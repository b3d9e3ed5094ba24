"""The tables that the shell prints at the end."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

STEPS = ("segmentation", "removal", "inference", "summary")


def predictions(ledger: Any, most: int = 5) -> Table:
    """Return the table of the classes predicted for the whole clip."""
    from vexplain.behavior import probabilities

    whole, nothing = probabilities(ledger.anchors())
    table = Table("class", title="Prediction", box=SIMPLE_HEAD)
    table.add_column("probability", justify="right")
    table.add_column("with everything removed", justify="right")
    for number in whole.argsort(descending=True, stable=True)[:most].tolist():
        name = ledger.class_names[number] if ledger.class_names else str(number)
        table.add_row(escape(name), f"{whole[number]:.3f}", f"{nothing[number]:.3f}")
    return table


def findings(explanations: Sequence[Any]) -> Table:
    """Return the table of what was explained, and how far to trust it."""
    table = Table("method", "target", title="Explanations", box=SIMPLE_HEAD)
    for name in ("samples", "regions", "R²", "reliability"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in explanations:
        fit = one.attribution.fit
        table.add_row(
            escape(one.method.name),
            escape(one.target_name),
            str(len(one.ledger.coalitions)),
            str(one.segmentation.n_features),
            *("-" if value is None else f"{value:.2f}" for value in (fit.r2, fit.reliability)),
        )
    return table


def timings(explanations: Sequence[Any]) -> Table:
    """Return the table of seconds per step; targets explained together share them."""
    table = Table("method", title="Seconds", box=SIMPLE_HEAD)
    for name in (*STEPS, "total"):
        table.add_column(name, justify="right", no_wrap=True)
    shared = {id(one.ledger): one for one in explanations}
    for one in shared.values():
        seconds = one.seconds
        table.add_row(
            escape(one.method.name),
            *(f"{seconds.get(step, 0.0):.2f}" for step in STEPS),
            f"{sum(seconds.values()):.2f}",
        )
    return table
