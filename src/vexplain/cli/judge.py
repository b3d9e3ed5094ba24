"""Evaluating saved explanations: the metrics asked for, the tables, and the files."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape

from vexplain.cli.console import err, out

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
                f"--{name}: none of these metrics has {name}, or each says its own; leave it out."
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


@dataclass(frozen=True)
class Wishes:
    """How every explanation is to be evaluated."""

    metrics: Callable[[bool], Sequence[Any]]
    references: bool
    random_maps: int
    seed: int
    batch_size: int | None
    quiet: bool


def judged(
    paths: Sequence[Path],
    model: Any,
    truths: Sequence[Path | None],
    wishes: Wishes,
    folder: Path,
) -> None:
    """Evaluate explanation by explanation, print the tables, and write the files as they come."""
    wishes.metrics(any(truths))  # a wrong name is found before anything is read
    names = checked(paths, model, truths)
    done: list[Any] = []
    written: list[Path] = []
    try:
        for path, truth, name in zip(paths, truths, names, strict=True):
            found = replace(evaluated(path, model, truth, wishes), method=name)
            out.print(found)
            done.append(found)
            written = [write_numbers(paths, done, folder)]
    except (KeyboardInterrupt, ValueError, TypeError, OSError, MemoryError) as stopped:
        kept = "; the numbers of those are written" if done else ""
        if done or isinstance(stopped, KeyboardInterrupt):
            err.print(f"[yellow]stopped after {len(done)} of {len(paths)} explanations{kept}[/]")
        say_files([*written, *summed_up(paths, done, folder)])
        if isinstance(stopped, KeyboardInterrupt):
            raise typer.Exit(130) from None
        raise
    say_files([*written, *summed_up(paths, done, folder)])


def checked(paths: Sequence[Path], model: Any, truths: Sequence[Path | None]) -> list[str]:
    """Read everything before any of it costs anything; return what the methods are called.

    Methods of one name over one clip and target are told apart by the names of their files.

    Raises:
        ValueError: When a file can't be read, or the model wants other clips.
    """
    from vexplain import api

    about = []
    for path, truth in zip(paths, truths, strict=True):
        saved = api.load(path)
        try:
            api.suitable_clip(saved.clip, model)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        if truth is not None:
            api.truth_of(truth, saved.clip)
        about.append((saved.method.name, str(saved.manifest["clip_digest"]), saved.target))
    return [
        f"{one[0]} ({path.stem})" if about.count(one) > 1 else one[0]
        for one, path in zip(about, paths, strict=True)
    ]


def evaluated(path: Path, model: Any, truth: Path | None, wishes: Wishes) -> Any:
    """Return the evaluation of one explanation.

    Raises:
        ValueError: When it doesn't fit the model; the message names the file.
    """
    from vexplain import api

    try:
        return api.evaluate(
            api.load(path),
            model,
            metrics=wishes.metrics(truth is not None),
            truth=truth,
            references=wishes.references,
            random_maps=wishes.random_maps,
            seed=wishes.seed,
            batch_size=wishes.batch_size,
            progress=not wishes.quiet,
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_numbers(paths: Sequence[Path], evaluations: Sequence[Any], folder: Path) -> Path:
    """Write the numbers of those evaluated so far; return the file."""
    named = zip(paths, evaluations, strict=False)
    rows = [{"file": str(path), **row} for path, one in named for row in one.rows()]
    return write_rows(rows, folder / "evaluation.csv")


def summed_up(paths: Sequence[Path], done: Sequence[Any], folder: Path) -> list[Path]:
    """Write and draw the curves, print and write the comparison of several; return the files."""
    from vexplain.evaluation import compare

    named = zip(paths, done, strict=False)
    points = [{"file": str(path), **point} for path, one in named for point in points_of(one)]
    files = [write_rows(points, folder / "curves.csv")] if points else []
    files += draw(paths, done, folder)
    files += shown_together(paths, done, folder)
    if len(done) < 2:
        return files
    found = compare(done)
    out.print(found)
    return [*files, write_rows(found.rows(), folder / "comparison.csv")]


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


def shown_together(paths: Sequence[Path], evaluations: Sequence[Any], folder: Path) -> list[Path]:
    """Write the page of explanations with their curves, where all are of one clip.

    Methods are called there as in the evaluations, which tell those of one name apart.
    """
    from vexplain import api
    from vexplain.cli.work import page

    if len({one.clip_digest for one in evaluations}) != 1:
        return []
    saved = [
        replace(one, method=replace(one.method, name=evaluation.method))
        for path, evaluation in zip(paths, evaluations, strict=False)
        for one in [api.load(path)]
    ]
    return [page(saved, folder / "explanation.html", evaluations)]


def points_of(one: Any) -> list[dict[str, Any]]:
    """Return one row per point of each curve, those of the other maps too."""
    return [
        {"clip": one.clip, "clip_digest": one.clip_digest, "model": one.model}
        | {"method": one.method, "target": one.target, "seed": one.seed, "metric": score.name}
        | {"map": name, "share": share, "value": value}
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
