"""Evaluating saved explanations: the metrics asked for, the tables, and the files."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from vexplain.cli.console import err, out


def chosen_metrics(
    texts: Sequence[str] | None, options: Mapping[str, Any], *, truth: bool
) -> list[Any]:
    """Return the metrics that are asked for, with the order, fill and steps given for all.

    Raises:
        ValueError: When there is no such metric, or an option fits none of them.
    """
    from vexplain import catalog

    metrics: list[Any] = catalog.metrics(texts or ["usual"], truth=truth)
    for name, value in options.items():
        if not any(hasattr(metric, name) for metric in metrics):
            raise ValueError(f"--{name}: none of these metrics has such an option; leave it out.")
        metrics = [replace(m, **{name: value}) if hasattr(m, name) else m for m in metrics]
    return metrics


def one_truth_each(truths: Sequence[Path], n: int) -> list[Path | None]:
    """Return a file of truth for each explanation; a single one is for all.

    Raises:
        ValueError: When there are several, and not as many as explanations.
    """
    if len(truths) not in (0, 1, n):
        raise ValueError(
            f"--truth: expected one for all explanations, or one for each of the {n}, in their "
            f"order, got {len(truths)}."
        )
    return [*truths] if len(truths) == n else [truths[0] if truths else None] * n


def note(explanations: Sequence[Any], evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Write the numbers, the curves and their picture; return the files."""
    from vexplain.evaluation import has_curve, save_curves

    written = [write_rows(rows_of(evaluations), folder / "evaluation.csv")]
    if any(score.curve for one in evaluations for score in one):
        written.append(write_rows(points_of(evaluations), folder / "curves.csv"))
    if any(has_curve(score) for one in evaluations for score in one):
        drawn = explanations[: len(evaluations)]
        written.append(save_curves(drawn, evaluations, folder / "curves.png"))
    return written


def report(evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Print the means over clips where there are several clips, and write them; return the file."""
    from vexplain.evaluation import compare

    if len({one.clip_digest for one in evaluations}) < 2:
        return []
    summed = compare(evaluations)
    out.print(summed)
    return [write_rows(summed.rows(), folder / "comparison.csv")]


def judged(
    explanations: Sequence[Any],
    model: Any,
    truths: Sequence[Path | None],
    metrics: Callable[[bool], Sequence[Any]],
    folder: Path,
    *,
    references: bool,
    random_maps: int,
    seed: int,
    batch_size: int | None,
    quiet: bool,
) -> None:
    """Evaluate explanation by explanation, print the tables, and write the files as they come."""
    from vexplain import api

    done: list[Any] = []
    written: list[Path] = []
    try:
        for explanation, truth in zip(explanations, truths, strict=True):
            found = api.evaluate(
                explanation,
                model,
                metrics=metrics(truth is not None),
                truth=truth,
                references=references,
                random_maps=random_maps,
                seed=seed,
                batch_size=batch_size,
                progress=not quiet,
            )
            out.print(found)
            done.append(found)
            written = note(explanations, done, folder)
    except (KeyboardInterrupt, ConnectionError) as stopped:
        err.print(
            f"[yellow]stopped after {len(done)} of {len(explanations)} explanations;[/] the "
            "numbers of those are written"
        )
        if not isinstance(stopped, KeyboardInterrupt):
            raise
        raise typer.Exit(130) from None
    say_files([*written, *report(done, folder)])


def rows_of(evaluations: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one row per explanation and metric."""
    return [row for one in evaluations for row in one.rows()]


def points_of(evaluations: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one row per point of each curve, those of the other maps too."""
    return [
        {"clip": one.clip, "method": one.method, "target": one.target, "metric": score.name}
        | {"map": name, "share": share, "value": value}
        for one in evaluations
        for score in one
        for name, measure in {"explanation": score.measure, **score.beside}.items()
        if measure.curve is not None
        for share, value in zip(
            measure.curve.shares.tolist(), measure.curve.values.tolist(), strict=True
        )
    ]


def write_rows(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """Write rows as comma-separated values with the names of the columns first."""
    from vexplain.core.files import write_atomically

    text = StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(path, text.getvalue().encode())
    return path


def say_files(written: Sequence[Path]) -> None:
    """Print which files were written, each once."""
    out.print("[bold]Files[/]")
    for path in dict.fromkeys(written):
        out.print(f"  {escape(str(path))}", highlight=False, soft_wrap=True)
