"""Explaining, writing the files as they come, and the report at the end."""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import typer
from rich.markup import escape

from vexplain.cli.console import err, out
from vexplain.cli.tables import findings, predictions, timings


def made(folder: Path) -> Path:
    """Return the folder, made and tried before any work is done.

    Raises:
        ValueError: When it can't be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise ValueError(
            f"--out: can't write into {folder} ({error.strerror}). Give another folder."
        ) from error


def run(
    clip: Any,
    model: Any,
    methods: dict[str, Any],
    folder: Path,
    *,
    target: Sequence[str] | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    quiet: bool = False,
    resume: Any = None,
    side_by_side: bool = False,
) -> None:
    """Explain by every method, write the files as they come, and print the tables."""
    from vexplain import engine
    from vexplain.progress import Bar

    done: list[Any] = []
    written: list[Path] = []
    for name, method in methods.items():
        try:
            found = engine.explain(
                clip,
                model,
                method=method,
                targets=target or None,
                seed=seed,
                batch_size=batch_size,
                progress=None if quiet else Bar(method.name),
                resume=resume,
            )
        except (engine.Interrupted, engine.ServerLostError) as stopped:
            found = list(stopped.explanations)
            write(found, stems(name, found), folder)
            err.print(f"[yellow]{escape(str(stopped))};[/] go on with --resume on the .vx file")
            raise typer.Exit(130 if isinstance(stopped, KeyboardInterrupt) else 2) from None
        found = list({one.target: one for one in found}.values())
        written += write(found, stems(name, found), folder, side_by_side=side_by_side)
        done += found
    report(done, [*written, sheet(done, folder / "sheet.png")])


def stems(name: str, explanations: Sequence[Any]) -> list[str]:
    """Return names of files without their suffix: the target is in them where there are several."""
    if len(explanations) == 1:
        return [name]
    slugs = [slug(one.target_name) for one in explanations]
    return [
        f"{name}-{word}" if slugs.count(word) == 1 else f"{name}-{one.target}-{word}"
        for word, one in zip(slugs, explanations, strict=True)
    ]


def slug(text: str) -> str:
    """Return ``text`` as part of a file's name."""
    return re.sub(r"\W+", "-", text.lower()).strip("-") or "class"


def write(
    explanations: Sequence[Any],
    stems: Sequence[str],
    folder: Path,
    *,
    side_by_side: bool = False,
) -> list[Path]:
    """Save every explanation and draw its video."""
    from vexplain.rendering import render

    written = []
    for explanation, stem in zip(explanations, stems, strict=True):
        explanation.save(folder / f"{stem}.vx")
        video = render(explanation, folder / f"{stem}.mp4", side_by_side=side_by_side)
        written += [folder / f"{stem}.vx", video]
    return written


def sheet(explanations: Sequence[Any], path: Path) -> Path:
    """Draw the contact sheet of all explanations."""
    from vexplain.rendering import contact_sheet

    return contact_sheet(explanations, path)


def report(explanations: Sequence[Any], written: Sequence[Path]) -> None:
    """Print what the model predicts, what was explained, how long it took, and the files."""
    out.print(predictions(explanations[0].ledger))
    out.print(findings(explanations))
    out.print(timings(explanations))
    out.print("[bold]Files[/]")
    for path in written:
        out.print(f"  {escape(str(path))}", highlight=False, soft_wrap=True)
