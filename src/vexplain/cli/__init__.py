"""The shell: parse, look up, call, print."""

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from vexplain import __version__
from vexplain.cli.tables import findings, predictions, timings

app = typer.Typer(
    help="Explains what a video classifier saw: removes parts of a clip, watches the answer "
    "change, and draws the regions of space and time that the prediction rests on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
out = Console()
err = Console(stderr=True)

EVERY_METHOD = "all"


@contextmanager
def guarded() -> Iterator[None]:
    """Print warnings as one line each, and end on an error with its sentence, not a traceback."""
    from vexplain.core import VexplainWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", VexplainWarning)
        warnings.showwarning = lambda message, *_, **__: err.print(
            f"[yellow]warning:[/] {escape(str(message))}"
        )
        try:
            yield
        except KeyboardInterrupt:
            err.print("[yellow]stopped[/]")
            raise typer.Exit(130) from None
        except (ValueError, TypeError, OSError, MemoryError) as error:
            err.print(f"[red]error:[/] {escape(str(error))}")
            raise typer.Exit(2) from None


def version(wanted: bool | None) -> None:
    """Print the version and end."""
    if wanted:
        out.print(f"vexplain {__version__}")
        raise typer.Exit


@app.callback()
def main(
    _version: Annotated[
        bool | None,
        typer.Option("--version", callback=version, is_eager=True, help="Print the version."),
    ] = None,
) -> None:
    """Say what a video classifier saw."""


def step(text: str, *, least: float | None = None, most: float | None = None) -> Any:
    """Return an option that exchanges a part of the method."""
    panel = "The seven steps (the method's own choices unless given)"
    return typer.Option(help=text, min=least, max=most, rich_help_panel=panel)


def wish(text: str, *names: str, least: float | None = None) -> Any:
    """Return an option that takes other frames than the model asks for."""
    panel = "Frames (as the model wants them unless given)"
    return typer.Option(*names, help=text, min=least, rich_help_panel=panel)


ClipArgument = Annotated[Path, typer.Argument(help="The video, or a folder of frames.")]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="Folder for the results, made if need be.")
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="Class to explain, by name or number; may be repeated."),
]
SideOption = Annotated[
    bool, typer.Option("--side-by-side", help="Draw the source beside the explanation.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same result.")]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Clips per forward pass.")
]


@app.command()
def explain(
    clip: ClipArgument,
    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            help="A YAML file that describes the model, FILE.onnx, python:MODULE:FACTORY, "
            "python:FILE.py:FACTORY, or demo.",
        ),
    ],
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="lime, kernel-shap, rise, loco, univariate, sos, or all; may be repeated. "
            "Default: rise."
        ),
    ] = None,
    target: TargetOption = None,
    out_folder: OutOption = None,
    samples: Annotated[int | None, step("Samples drawn.", least=1)] = None,
    regions: Annotated[int | None, step("Regions of a SLIC cut.", least=1)] = None,
    segmentation: Annotated[
        str | None, step("Step 1, such as slic:n_regions=100 or grid:t=4,h=7,w=7.")
    ] = None,
    sizes: Annotated[str | None, step("Step 2, such as binomial:p=0.7 or uniform.")] = None,
    fill: Annotated[
        str | None, step("Step 4, such as black, grey, mean, blur:sigma=8, freeze.")
    ] = None,
    edges: Annotated[str | None, step("Step 4, own, hard, or feathered:sigma=4.")] = None,
    opacity: Annotated[
        float | None, step("Step 4, how much of a region goes.", least=0, most=1)
    ] = None,
    behavior: Annotated[
        str | None, step("Step 5: probability, logit, log-odds, margin, loss.")
    ] = None,
    summary: Annotated[
        str | None, step("Step 6, such as linear:kernel=flat, shapley, tree.")
    ] = None,
    visualization: Annotated[
        str | None, step("Step 7: heat or signed, such as heat:colors=turbo.")
    ] = None,
    show: Annotated[
        str | None, step("Step 7: all, top-share:share=0.3, top-regions:n=10 …")
    ] = None,
    side_by_side: SideOption = False,
    start_seconds: Annotated[float | None, wish("Second where the clip starts.", "--from")] = None,
    end_seconds: Annotated[float | None, wish("Second where the clip ends.", "--to")] = None,
    sampling: Annotated[str | None, wish("Frames: uniform, centres, every, or interval.")] = None,
    interval: Annotated[int | None, wish("Source frames between two clip frames.", least=1)] = None,
    start: Annotated[int | None, wish("First source frame.", least=0)] = None,
    frames: Annotated[int | None, wish("Number of frames.", least=1)] = None,
    size: Annotated[int | None, wish("Height and width, in pixels.", least=1)] = None,
    resize: Annotated[str | None, wish("crop, stretch, or letterbox.")] = None,
    short: Annotated[str | None, wish("Too few frames: error, hold the last, or loop.")] = None,
    seed: SeedOption = 0,
    batch_size: BatchOption = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, or mps.")] = None,
    resume: Annotated[
        Path | None, typer.Option(help="The .vx file of an interrupted run to go on from.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Explain what a model saw in a video; write the explanation, a video and a contact sheet."""
    from vexplain import api, core, models, video

    parts = {
        "segmentation": segmentation,
        "sizes": sizes,
        "behavior": behavior,
        "summary": summary,
        "visualization": visualization,
    }
    wanted: dict[str, Any] = {
        "sampling": sampling,
        "interval": interval,
        "start": start,
        "frames": frames,
        "size": size,
        "resize": resize,
        "short": short,
    }
    with guarded():
        chosen = {
            name: composed(name, parts, fill, edges, opacity, show)
            for name in method_names(method or ["rise"])
        }
        chosen = sized(chosen, samples, regions)
        if resume and len(chosen) > 1:
            raise ValueError("resume: expected one method to go on with, got several.")
        loaded = models.load_model(model, device=device)
        spec = api.clip_spec_of(loaded) or core.ClipSpec()
        spec = replace(spec, **{name: v for name, v in wanted.items() if v is not None})
        decoded = video.read_clip(clip, spec, start_seconds=start_seconds, end_seconds=end_seconds)
        folder = made(out_folder or Path(f"{clip.stem}-explained"))
        run(
            decoded,
            loaded,
            chosen,
            folder,
            target=target,
            seed=seed,
            batch_size=batch_size,
            quiet=quiet,
            resume=api.load(resume) if resume else None,
            side_by_side=side_by_side,
        )


@app.command()
def demo(
    out_folder: OutOption = Path("vexplain-demo"),
    samples: Annotated[
        int | None, typer.Option(min=1, help="Samples drawn, 1000 unless given.")
    ] = None,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Explain a short bundled clip with a small bundled network, by all six methods."""
    from vexplain import api, catalog, models

    with guarded(), as_file(files("vexplain") / "assets" / "demo.mp4") as clip:
        loaded = models.load_model("demo")
        chosen = {name: catalog.method(name) for name in catalog.METHODS}
        chosen = sized(chosen, samples, None) if samples is not None else chosen
        folder = made(out_folder or Path("vexplain-demo"))
        run(api.suitable_clip(clip, loaded), loaded, chosen, folder, seed=seed, quiet=quiet)


@app.command()
def summarise(
    explanation: Annotated[Path, typer.Argument(help="A saved explanation (.vx).")],
    target: TargetOption = None,
    behavior: Annotated[
        str | None, step("Step 5: probability, logit, log-odds, margin, loss.")
    ] = None,
    summary: Annotated[
        str | None, step("Step 6, such as linear:kernel=flat, shapley, mean-when-kept.")
    ] = None,
    visualization: Annotated[
        str | None, step("Step 7: heat or signed, such as heat:colors=turbo.")
    ] = None,
    show: Annotated[
        str | None, step("Step 7: all, top-share:share=0.3, top-regions:n=10 …")
    ] = None,
    side_by_side: SideOption = False,
    out_folder: OutOption = None,
) -> None:
    """Summarise and draw a saved explanation anew: another class, behavior, summary or picture.

    The model is not asked again: its answers lie in the explanation.
    """
    from vexplain import api, catalog, engine

    with guarded():
        saved = api.load(explanation)
        folder = made(out_folder or explanation.parent)
        names: list[Any] = [*target] if target else [saved.target]
        again = {
            one.target: with_picture(one, visualization, show)
            for name in names
            for one in [
                engine.summarise(
                    saved,
                    target=name,
                    behavior=catalog.part("behavior", behavior) if behavior else None,
                    summary=catalog.part("summary", summary) if summary else None,
                )
            ]
        }
        found = list(again.values())
        choices = [slug(choice) for choice in (behavior, summary, visualization, show) if choice]
        base = "-".join([explanation.stem, *choices])
        words = [f"{base}-{slug(found[0].target_name)}"] if len(found) == 1 else stems(base, found)
        written = write(found, words, folder, side_by_side=side_by_side)
        report(found, [*written, sheet(found, folder / f"{base}-sheet.png")])


def with_picture(explanation: Any, visualization: str | None, show: str | None) -> Any:
    """Return the explanation with another visualization, or another part of it shown."""
    from vexplain import catalog

    picture: Any = explanation.method.visualization
    if visualization:
        picture = catalog.part("visualization", visualization)
    if show:
        picture = replace(picture, show=catalog.part("show", show))
    return replace(explanation, method=replace(explanation.method, visualization=picture))


def method_names(wanted: Sequence[str]) -> list[str]:
    """Return the names of the methods, each once; ``all`` stands for the six."""
    from vexplain import catalog

    names = [n for name in wanted for n in (catalog.METHODS if name == EVERY_METHOD else [name])]
    return list(dict.fromkeys(names))


def composed(
    name: str,
    parts: dict[str, str | None],
    fill: str | None = None,
    edges: str | None = None,
    opacity: float | None = None,
    show: str | None = None,
) -> Any:
    """Return a method with the parts that were asked for in place of the paper's."""
    from vexplain import catalog

    method = catalog.method(name)
    given = {step: catalog.part(step, text) for step, text in parts.items() if text}
    method = replace(method, **given)
    removal: Any = method.removal
    finer: dict[str, Any] = {
        kind: catalog.part(kind, text)
        for kind, text in (("fill", fill), ("edges", edges))
        if text is not None
    }
    if opacity is not None:
        finer["opacity"] = opacity
    method = replace(method, removal=replace(removal, **finer))
    if show is not None:
        picture: Any = method.visualization
        picture = replace(picture, show=catalog.part("show", show))
        method = replace(method, visualization=picture)
    return method


def sized(methods: dict[str, Any], samples: int | None, regions: int | None) -> dict[str, Any]:
    """Return the methods with other numbers of samples and regions, where they have such.

    Raises:
        ValueError: When a number fits none of the methods.
    """
    from vexplain import catalog

    for option, number, resized in (
        ("--samples", samples, catalog.with_samples),
        ("--regions", regions, catalog.with_regions),
    ):
        if number is None:
            continue
        changed = {name: resized(method, number) for name, method in methods.items()}
        fixed = [methods[name].name for name, method in changed.items() if method is None]
        if len(fixed) == len(methods):
            raise ValueError(
                f"{option}: {', '.join(fixed)} has no such number to change. LOCO, univariate and "
                "sos ask once per region; soft-grid and sliding-window are told their cells, as in "
                "--segmentation soft-grid:t=4,h=7,w=7."
            )
        if fixed:
            err.print(f"[dim]{option} does not apply to {', '.join(fixed)}[/]")
        methods = {name: changed[name] or method for name, method in methods.items()}
    return methods


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
        except engine.Interrupted as stopped:
            found = list(stopped.explanations)
            write(found, stems(name, found), folder)
            err.print(f"[yellow]{escape(str(stopped))};[/] go on with --resume on the .vx file")
            raise typer.Exit(130) from None
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
