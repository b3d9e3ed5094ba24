"""Explaining, writing the files as they come, and the report at the end."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import typer
from rich.markup import escape

from vexplain.cli.console import err, out
from vexplain.cli.tables import findings, predictions, timings

VIDEOS = ("mp4", "webm", "gif")


@dataclass(frozen=True, kw_only=True)
class Looks:
    """How explanations are drawn.

    Attributes:
        video: The suffix of the videos: mp4, webm or gif.
        side_by_side: Whether the source stands beside the explanation.
        caption: Whether what the colours mean stands below the picture.
        page: Whether a page to look at in a browser is written.
    """

    video: str = "mp4"
    side_by_side: bool = False
    caption: bool = False
    page: bool = True

    def __post_init__(self) -> None:
        if self.video not in VIDEOS:
            raise ValueError(f"--video: expected {', '.join(VIDEOS)}, got {self.video}.")


LOOKS = Looks()
LONGEST = 50
"""Letters of a class in a file's name, of which each takes up to 4 of the 255 bytes."""
RIVALS = 2
"""Other classes that a page shows of each method: the likeliest ones."""


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
    looks: Looks = LOOKS,
    judge: bool = False,
) -> None:
    """Explain by every method, write the files as they come, and print the tables.

    With ``judge`` the page has the deletion and insertion curves of every explanation.
    """
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
            write(found, stems(name, found), folder, looks)
            err.print(f"[yellow]{escape(str(stopped))};[/] go on with --resume on the .vx file")
            raise typer.Exit(130 if isinstance(stopped, KeyboardInterrupt) else 2) from None
        found = list({one.target: one for one in found}.values())
        written += write(found, stems(name, found), folder, looks)
        done += found
    written.append(sheet(done, folder / "sheet.png"))
    if looks.page:
        evaluations = curves(done, model, quiet) if judge else []
        written.append(page(done, folder / "explanation.html", evaluations))
    report(done, written)


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
    return re.sub(r"\W+", "-", text.lower())[:LONGEST].strip("-") or "class"


def write(
    explanations: Sequence[Any], stems: Sequence[str], folder: Path, looks: Looks = LOOKS
) -> list[Path]:
    """Save every explanation and draw its video."""
    from vexplain.rendering import render

    written = []
    for explanation, stem in zip(explanations, stems, strict=True):
        explanation.save(folder / f"{stem}.vx")
        video = folder / f"{stem}.{looks.video}"
        render(explanation, video, side_by_side=looks.side_by_side, caption=looks.caption)
        written += [folder / f"{stem}.vx", video]
    return written


def curves(explanations: Sequence[Any], model: Any, quiet: bool) -> list[Any]:
    """Measure the deletion and the insertion curve of every explanation."""
    from vexplain import api
    from vexplain.evaluation import Deletion, Insertion

    metrics = (Deletion(), Insertion())
    return api.evaluate(
        list(explanations), model, metrics=metrics, random_maps=1, progress=not quiet
    )


def page(explanations: Sequence[Any], path: Path, evaluations: Sequence[Any] = ()) -> Path:
    """Write the page of all explanations, and of each method's likeliest other classes."""
    from vexplain import engine
    from vexplain.page import write_page
    from vexplain.rendering import title_of

    judged = list(evaluations) or [None] * len(explanations)
    seen = {(one.method.name, one.target) for one in explanations}
    firsts = {one.method.name: one for one in reversed(explanations)}  # its targets share answers
    others = [
        rival
        for one in reversed(firsts.values())
        for rival in engine.rivals(one, RIVALS)
        if (rival.method.name, rival.target) not in seen
    ]
    return write_page(
        [*explanations, *others],
        path,
        evaluations=[*judged, *[None] * len(others)],
        title=title_of(explanations),
    )


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
