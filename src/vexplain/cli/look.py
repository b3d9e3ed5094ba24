"""Looking at choices before they are paid for: how a clip is cut, what a model would be shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vexplain.cli.compose import EVERY_METHOD, composed, frames_wanted, method_names, sized
from vexplain.cli.console import guarded, out
from vexplain.cli.options import (
    ClipArgument,
    EdgesOption,
    FillOption,
    FramesOption,
    FromOption,
    IntervalOption,
    OpacityOption,
    PickleOption,
    RegionsOption,
    ResizeOption,
    SamplesOption,
    SamplingOption,
    SegmentationOption,
    ShortOption,
    SizeOption,
    SizesOption,
    StartOption,
    ToOption,
)
from vexplain.cli.work import made

FIGURE_2 = ("grid", "flow", "slic")
"""The segmentations that the paper shows side by side."""


AnyModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", "-m", help="Take the frames that this model wants; it is not asked anything."
    ),
]
MomentsOption = Annotated[
    int, typer.Option("--frames-shown", min=1, help="Most moments in the picture.")
]


def segment(
    clip: ClipArgument,
    segmentation: Annotated[
        list[str] | None,
        typer.Option(
            help="Such as slic:n_regions=100, grid:t=4,h=7,w=7, flow, soft-grid, sliding-window, "
            "per-frame:segmenter=felzenszwalb; may be repeated. Default: grid, flow and slic."
        ),
    ] = None,
    model: AnyModelOption = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Picture (.png) or film (.mp4, .webm, .gif) to write; by default "
            "CLIP-segmentation.png.",
        ),
    ] = None,
    frames_shown: MomentsOption = 8,
    start_seconds: FromOption = None,
    end_seconds: ToOption = None,
    sampling: SamplingOption = None,
    interval: IntervalOption = None,
    start: StartOption = None,
    frames: FramesOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    short: ShortOption = None,
    allow_pickle: PickleOption = False,
) -> None:
    """Show how segmentations cut a video: outlines, colours, and how large the regions are."""
    from vexplain import catalog, previews

    wanted = frames_wanted(sampling, interval, start, frames, size, resize, short)
    with guarded():
        path = out_file or Path(f"{clip.stem}-segmentation.png")
        previews.cuts.check_suffix(path)
        names = list(dict.fromkeys(segmentation or FIGURE_2))
        segmenters = {name: catalog.part("segmentation", name) for name in names}
        decoded = read(clip, model, wanted, start_seconds, end_seconds, allow_pickle=allow_pickle)
        cuts = previews.cut_clip(decoded, segmenters)
        made(path.parent)
        previews.draw_cuts(decoded, cuts, path, n_frames=frames_shown)
        out.print(regions(cuts))
        say_file(path)


def perturb(
    clip: ClipArgument,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help="lime, kernel-shap, rise, loco, univariate, sos, or all; may be repeated. "
            "Default: all."
        ),
    ] = None,
    model: AnyModelOption = None,
    out_file: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="Picture (.png) to write; by default CLIP-perturbed.png.",
        ),
    ] = None,
    samples_shown: Annotated[int, typer.Option(min=1, help="Most samples shown per method.")] = 4,
    frames_shown: MomentsOption = 8,
    samples: SamplesOption = None,
    regions: RegionsOption = None,
    segmentation: SegmentationOption = None,
    sizes: SizesOption = None,
    fill: FillOption = None,
    edges: EdgesOption = None,
    opacity: OpacityOption = None,
    start_seconds: FromOption = None,
    end_seconds: ToOption = None,
    sampling: SamplingOption = None,
    interval: IntervalOption = None,
    start: StartOption = None,
    frames: FramesOption = None,
    size: SizeOption = None,
    resize: ResizeOption = None,
    short: ShortOption = None,
    seed: Annotated[int, typer.Option(min=0, help="That of the explanation to come.")] = 0,
    allow_pickle: PickleOption = False,
) -> None:
    """Show samples of what a model would be given under some methods, and how many there are.

    They are those that explain with the same options and seed asks about, spread evenly over all.
    """
    from vexplain import previews
    from vexplain.rendering import check_png

    wanted = frames_wanted(sampling, interval, start, frames, size, resize, short)
    parts = {"segmentation": segmentation, "sizes": sizes}
    with guarded():
        path = out_file or Path(f"{clip.stem}-perturbed.png")
        check_png(path)
        named = method_names(method or [EVERY_METHOD])
        chosen = {name: composed(name, parts, fill, edges, opacity) for name in named}
        chosen = sized(chosen, samples, regions)
        decoded = read(clip, model, wanted, start_seconds, end_seconds, allow_pickle=allow_pickle)
        methods = {one.name: one for one in chosen.values()}
        found = previews.rehearse(decoded, methods, samples=samples_shown, seed=seed)
        made(path.parent)
        previews.draw_rehearsals(decoded, found, path, n_frames=frames_shown)
        out.print(costs(found))
        say_file(path)


def read(
    clip: Path,
    model: str | None,
    wanted: Mapping[str, Any],
    start_seconds: float | None,
    end_seconds: float | None,
    *,
    allow_pickle: bool,
) -> Any:
    """Return the clip as the model wants it, or as a spec's defaults say, and as was stated."""
    from vexplain import api, core, models, video

    spec = core.ClipSpec()
    if model is not None:
        loaded = models.load_model(model, allow_pickle=allow_pickle)
        spec = api.clip_spec_of(loaded) or spec
    spec = models.restated(spec, wanted)
    return video.read_clip(clip, spec, start_seconds=start_seconds, end_seconds=end_seconds)


def regions(cuts: Sequence[Any]) -> Table:
    """Return the table of how many regions there are, how large, and how lasting."""
    table = Table("segmentation", title="Regions", box=SIMPLE_HEAD)
    for name in ("regions", "smallest", "median", "largest", "span all frames"):
        table.add_column(name, justify="right")
    for cut in cuts:
        sizes = (f"{voxels:,}" for voxels in cut.extent.smallest_median_largest)
        n = cut.segmentation.n_features
        table.add_row(escape(cut.name), f"{n:,}", *sizes, f"{cut.extent.whole_clip:.0%}")
    table.caption = "Sizes in voxels. Regions that span all frames can't say when."
    return table


def costs(rehearsals: Sequence[Any]) -> Table:
    """Return the table of what explaining would ask of a model."""
    table = Table("method", title="What would be asked", box=SIMPLE_HEAD)
    for name in ("regions", "clips"):
        table.add_column(name, justify="right")
    for one in rehearsals:
        asked = len(one.coalitions) + 2
        table.add_row(escape(one.name), f"{one.coalitions.n_features:,}", f"{asked:,}")
    table.caption = "The whole and the empty clip are among them."
    return table


def say_file(path: Path) -> None:
    """Print which file was written."""
    out.print("[bold]Files[/]")
    out.print(f"  {escape(str(path))}", highlight=False, soft_wrap=True)
