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

NUMBERS, POINTS, MEANS = "evaluation.csv", "curves.csv", "comparison.csv"
ROWS = 20
"""Explanations to a picture of curves."""


def chosen_metrics(
    texts: Sequence[str] | None, options: Mapping[str, Any], *, truth: bool
) -> list[Any]:
    """Return the metrics that are asked for, with the order, fill and steps given for all.

    What a metric says for itself stays: ``--fill`` does not take its fill from ROAD.

    Raises:
        ValueError: When there is no such metric, or an option fits none of them.
    """
    from vexplain import catalog

    metrics: list[Any] = catalog.metrics(texts or ["usual"], truth=truth)
    for name, value in options.items():
        open_to = [m for m in metrics if unsaid(m, name)]
        if not open_to:
            raise ValueError(
                f"--{name}: none of these metrics has such an option that it doesn't say itself; "
                "leave it out."
            )
        metrics = [replace(m, **{name: value}) if unsaid(m, name) else m for m in metrics]
    return metrics


def unsaid(metric: Any, option: str) -> bool:
    """Return whether a metric has an option, and has left it at its default."""
    return hasattr(metric, option) and getattr(metric, option) == getattr(type(metric)(), option)


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


def note(evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Write the numbers and the points of the curves; return the files."""
    written = [write_rows(rows_of(evaluations), folder / NUMBERS)]
    if any(score.curve for one in evaluations for score in one):
        written.append(write_rows(points_of(evaluations), folder / POINTS))
    return written


def draw(paths: Sequence[Path], evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Draw the curves, some rows to a picture; return the files."""
    from vexplain import api
    from vexplain.evaluation import has_curve, save_curves

    shown = [
        (path, one)
        for path, one in zip(paths, evaluations, strict=False)
        if any(map(has_curve, one))
    ]
    written = []
    for page, start in enumerate(range(0, len(shown), ROWS)):
        chosen, found = zip(*shown[start : start + ROWS], strict=True)
        number = f"-{page + 1}" if page else ""
        explanations = [api.load(path) for path in chosen]
        written.append(save_curves(explanations, found, folder / f"curves{number}.png"))
    return written


def report(evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Print the means over clips where there are several clips, and write them; return the file."""
    from vexplain.evaluation import compare

    if len({one.clip_digest for one in evaluations}) < 2:
        return []
    summed = compare(evaluations)
    out.print(summed)
    return [write_rows(summed.rows(), folder / MEANS)]


def judged(
    paths: Sequence[Path],
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

    for path, truth in zip(paths, truths, strict=True):  # before any of them costs anything
        clip = api.load(path).clip
        if truth is not None:
            api.truth_of(truth, clip)
    done: list[Any] = []
    written: list[Path] = []
    try:
        for path, truth in zip(paths, truths, strict=True):
            found = api.evaluate(
                api.load(path),
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
            written = note(done, folder)
    except (KeyboardInterrupt, ConnectionError) as stopped:
        kept = "; the numbers of those are written" if done else ""
        err.print(f"[yellow]stopped after {len(done)} of {len(paths)} explanations{kept}[/]")
        say_files(finished(paths, done, written, folder))
        if isinstance(stopped, KeyboardInterrupt):
            raise typer.Exit(130) from None
        raise
    say_files(finished(paths, done, written, folder))


def finished(
    paths: Sequence[Path], done: Sequence[Any], written: Sequence[Path], folder: Path
) -> list[Path]:
    """Write what needs all evaluations; return all files, and remove those of an earlier run."""
    if not done:
        return []
    files = [*written, *draw(paths, done, folder), *report(done, folder)]
    earlier = [folder / name for name in (NUMBERS, POINTS, MEANS)]
    for path in {*earlier, *folder.glob("curves-[0-9]*.png"), folder / "curves.png"} - {*files}:
        path.unlink(missing_ok=True)
    return files


def rows_of(evaluations: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one row per explanation and metric."""
    return [row for one in evaluations for row in one.rows()]


def points_of(evaluations: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one row per point of each curve, those of the other maps too."""
    return [
        {"clip": one.clip, "clip_digest": one.clip_digest, "model": one.model}
        | {"method": one.method, "target": one.target, "seed": one.seed, "metric": score.name}
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
    if not written:
        return
    out.print("[bold]Files[/]")
    for path in dict.fromkeys(written):
        out.print(f"  {escape(str(path))}", highlight=False, soft_wrap=True)
