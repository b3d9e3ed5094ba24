"""The shell: parse, look up, call, print."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from vexplain import __version__
from vexplain.cli.compose import composed, frames_wanted, method_names, opened, sized
from vexplain.cli.console import err, guarded, out
from vexplain.cli.data import data_app
from vexplain.cli.look import perturb, segment
from vexplain.cli.options import (
    BatchOption,
    BehaviorOption,
    CaptionOption,
    ClipArgument,
    CompileOption,
    DeviceOption,
    EdgesOption,
    FillOption,
    FramesOption,
    FromOption,
    IntervalOption,
    LastOption,
    ModelOption,
    OpacityOption,
    OutOption,
    PageOption,
    PickleOption,
    PictureOption,
    PrecisionOption,
    QuietOption,
    RegionsOption,
    ResizeOption,
    SamplesOption,
    SamplingOption,
    SeedOption,
    SegmentationOption,
    ShortOption,
    ShowOption,
    SideOption,
    SizeOption,
    SizesOption,
    StartOption,
    SummaryOption,
    TargetOption,
    ToOption,
    VideoOption,
    ViewsOption,
)
from vexplain.cli.saved import grid, page, summarise
from vexplain.cli.synthesize import synthesize
from vexplain.cli.tables import sources, specimens, speeds, wishes
from vexplain.cli.train import train
from vexplain.cli.work import Looks, made, run

app = typer.Typer(
    help="Explains what a video classifier saw: removes parts of a clip, watches the answer "
    "change, and draws the regions of space and time that the prediction rests on.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data_app, name="data")
data_app.command()(synthesize)
app.command()(train)
app.command()(segment)
app.command()(perturb)
app.command()(page)
app.command()(grid)
app.command()(summarise)


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


@app.command()
def explain(
    clip: ClipArgument,
    model: ModelOption,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="lime, kernel-shap, rise, loco, univariate, sos, or all; may be repeated. "
            "Default: rise."
        ),
    ] = None,
    target: TargetOption = None,
    out_folder: OutOption = None,
    samples: SamplesOption = None,
    regions: RegionsOption = None,
    segmentation: SegmentationOption = None,
    sizes: SizesOption = None,
    fill: FillOption = None,
    edges: EdgesOption = None,
    opacity: OpacityOption = None,
    behavior: BehaviorOption = None,
    summary: SummaryOption = None,
    visualization: PictureOption = None,
    show: ShowOption = None,
    video: VideoOption = "mp4",
    side_by_side: SideOption = False,
    caption: CaptionOption = False,
    page: PageOption = True,
    start_seconds: FromOption = None,
    end_seconds: ToOption = None,
    sampling: SamplingOption = None,
    interval: IntervalOption = None,
    start: StartOption = None,
    frames: FramesOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    short: ShortOption = None,
    seed: SeedOption = 0,
    batch_size: BatchOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    compiled: CompileOption = False,
    channels_last: LastOption = None,
    allow_pickle: PickleOption = False,
    views: ViewsOption = None,
    resume: Annotated[
        Path | None, typer.Option(help="The .vx file of an interrupted run to go on from.")
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Explain what a model saw in a video; write the explanation, a video, a sheet and a page."""
    from vexplain import api, core, models
    from vexplain.video import read_clip

    parts = {
        "segmentation": segmentation,
        "sizes": sizes,
        "behavior": behavior,
        "summary": summary,
        "visualization": visualization,
    }
    wanted = frames_wanted(sampling, interval, start, frames, size, resize, short)
    with guarded():
        chosen = {
            name: composed(name, parts, fill, edges, opacity, show)
            for name in method_names(method or ["rise"])
        }
        chosen = sized(chosen, samples, regions)
        looks = Looks(video=video, side_by_side=side_by_side, caption=caption, page=page)
        if resume and len(chosen) > 1:
            raise ValueError("resume: expected one method to go on with, got several.")
        loaded = opened(
            model,
            device=device,
            precision=precision,
            compiled=compiled,
            channels_last=channels_last,
            allow_pickle=allow_pickle,
            views=views,
        )
        spec = api.clip_spec_of(loaded) or core.ClipSpec()
        spec = models.restated(spec, wanted)
        decoded = read_clip(clip, spec, start_seconds=start_seconds, end_seconds=end_seconds)
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
            looks=looks,
        )


@app.command("models")
def list_models(
    model: Annotated[
        str | None, typer.Argument(help="A model to load, to see what it wants and answers.")
    ] = None,
    allow_pickle: PickleOption = False,
) -> None:
    """List where models come from and what to install; or say what a model wants and answers."""
    from vexplain import models
    from vexplain.models import zoo

    with guarded():
        if model is None:
            out.print(sources(models.SOURCES, models.loading.DEMO))
            out.print(specimens(zoo.specimens()))
        else:
            out.print(wishes(models.load_model(model, allow_pickle=allow_pickle)))


@app.command()
def tune(
    clip: ClipArgument,
    model: ModelOption,
    device: DeviceOption = "auto",
    compiled: CompileOption = False,
    allow_pickle: PickleOption = False,
    quiet: QuietOption = False,
) -> None:
    """Measure which precision, memory layout and batch size runs a model fastest here.

    Only what leaves the explanation as float32 gives it is recommended.
    """
    from vexplain import api, models, tuning

    def load(way: Any) -> Any:
        return opened(
            model,
            device=way.device,
            precision=way.precision,
            compiled=way.compiled,
            channels_last=way.channels_last,
            allow_pickle=allow_pickle,
        )

    with guarded():
        ways = list(tuning.ways(models.Running(device=device), compiled=compiled))
        plain = load(ways[0])
        decoded = api.suitable_clip(clip, plain)
        sizes = tuning.sizes(plain, decoded)
        trials = tuning.tuned(
            decoded,
            load,
            ways,
            method=tuning.asking(decoded, max(sizes)),
            batch_sizes=sizes,
            tell=(lambda _: None) if quiet else lambda text: err.print(f"[dim]{escape(text)}[/]"),
        )
        out.print(speeds(trials))
        advice = f"Fastest with the same explanation: {tuning.best(trials).options}"
        out.print(advice, soft_wrap=True)


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
        demo_clip = api.suitable_clip(clip, loaded)
        run(demo_clip, loaded, chosen, folder, seed=seed, quiet=quiet, judge=True)


@app.command()
def evaluate(
    explanations: Annotated[list[Path], typer.Argument(help="Saved explanations (.vx).")],
    model: ModelOption,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as deletion, srg, minimal-keeps:levels=(0.5,0.9), road, infidelity, "
            "energy, seed-stability; usual for those measured unless asked. May be repeated."
        ),
    ] = None,
    truth: Annotated[
        list[Path] | None,
        typer.Option(
            help="Where the evidence is: boxes or tracks (.json), a label volume (.npy, .npz); one "
            "for all, or one per explanation."
        ),
    ] = None,
    order: Annotated[
        str | None, typer.Option(help="For all curves: voxels, regions, frames, or columns.")
    ] = None,
    fill: Annotated[
        str | None,
        typer.Option(help="For all metrics that remove: black, mean, blur:sigma=8, noisy-linear …"),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, help="For all curves, in place of 50.")
    ] = None,
    references: Annotated[
        bool,
        typer.Option(
            "--references/--no-references", help="Measure random maps and a centre prior too."
        ),
    ] = True,
    random_maps: Annotated[int, typer.Option(min=1, help="Random maps to average over.")] = 3,
    out_folder: OutOption = None,
    seed: SeedOption = 0,
    batch_size: BatchOption = None,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "auto",
    compiled: CompileOption = False,
    channels_last: LastOption = None,
    allow_pickle: PickleOption = False,
    views: ViewsOption = None,
    quiet: QuietOption = False,
) -> None:
    """Measure how good saved explanations are, beside random maps and a centre prior.

    The numbers are written explanation by explanation (evaluation.csv), by default into the folder
    of the first; at the end the curves are written and drawn (curves.csv, curves.png, and for one
    clip explanation.html, to play them), and several explanations compared (comparison.csv). Files
    of an earlier evaluation there are written over.
    """
    from vexplain import catalog
    from vexplain.cli import judge

    with guarded():
        truths = judge.one_truth_each(truth or [], len(explanations))
        given = {
            "order": catalog.part("order", order) if order else None,
            "fill": catalog.part("fill", fill) if fill else None,
            "steps": steps,
        }
        options = {name: value for name, value in given.items() if value is not None}
        loaded = opened(
            model,
            device=device,
            precision=precision,
            compiled=compiled,
            channels_last=channels_last,
            allow_pickle=allow_pickle,
            views=views,
        )
        folder = made(out_folder or explanations[0].parent)
        wishes = judge.Wishes(
            metrics=lambda inside: judge.chosen_metrics(metric, options, truth=inside),
            references=references,
            random_maps=random_maps,
            seed=seed,
            batch_size=batch_size,
            quiet=quiet,
        )
        judge.judged(explanations, loaded, truths, wishes, folder)
