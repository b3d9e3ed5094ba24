"""The tables that the shell prints at the end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
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


def sources(known: Mapping[str, Any], demo: str) -> Table:
    """Return the table of where models come from, and what to install for those not yet here."""
    note = "What is not here: pip install 'vexplain\\[EXTRA]'"
    table = Table(title="Models", caption=note, box=SIMPLE_HEAD)
    table.add_column("name it", no_wrap=True)
    table.add_column("what")
    table.add_column("here?", no_wrap=True)
    for source in dict.fromkeys(known.values()):
        here = f"no, extra {source.extra}" if source.missing else "yes"
        table.add_row(escape(source.form.replace(", ", "\n")), escape(source.what), here)
    table.add_row("FILE.yaml", "any of these, with what its file doesn't say", "yes")
    table.add_row("demo", f"the network of vexplain demo: zoo:{demo}", "yes")
    return table


def specimens(known: Mapping[str, Any]) -> Table:
    """Return the table of the networks that ship with the package."""
    note = "Accuracy on held-out clips; docs/zoo.md says more."
    table = Table(title="The miniature zoo", caption=note, box=SIMPLE_HEAD)
    table.add_column("name it", no_wrap=True)
    table.add_column("trained on")
    table.add_column("accuracy", justify="right")
    table.add_column("weights", justify="right")
    for name, one in known.items():
        table.add_row(f"zoo:{name}", escape(one.data), f"{one.accuracy:.1%}", f"{one.weights:,}")
    return table


def wishes(model: Any) -> Table:
    """Return the table of what a model wants and answers."""
    spec = model.spec
    named = ", ".join(spec.class_names[:3]) + (", …" if len(spec.class_names) > 3 else "")
    rows = {
        **(asdict(spec.clip) if spec.clip else {"frames": "any", "size": "any"}),
        **asdict(spec),
        "clip": None,
        "outputs": model.outputs,
        "class_names": f"{len(spec.class_names)}: {named}" if named else "not known",
        "device": model.device,
    }
    table = Table("", "", title=escape(model.name), box=SIMPLE_HEAD, show_header=False)
    for name, value in rows.items():
        if value not in (None, ()):
            table.add_row(name, escape(str(value)))
    return table


def speeds(trials: Sequence[Any]) -> Table:
    """Return the table of the ways a model was run: how fast, and how near to float32."""
    from vexplain.tuning import words_of

    table = Table("way", title="Speed of a clip's answer", box=SIMPLE_HEAD)
    for name in ("batch", "ms per clip", "times as fast", "rank correlation"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in trials:
        table.add_row(
            words_of(one.running),
            str(one.batch_size),
            f"{1000 * one.seconds:.3g}",
            f"{trials[0].seconds / one.seconds:.2f}",
            f"{one.agreement:.3f}",
        )
    return table
