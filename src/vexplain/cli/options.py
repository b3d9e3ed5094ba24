"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer


def step(text: str, *, least: float | None = None, most: float | None = None) -> Any:
    """Return an option that exchanges a part of the method."""
    panel = "The seven steps (each method's own choices unless given)"
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
CaptionOption = Annotated[
    bool, typer.Option("--caption", help="Write below the picture what the colours mean.")
]
VideoOption = Annotated[str, typer.Option("--video", help="mp4, webm or gif.")]
PageOption = Annotated[
    bool, typer.Option("--page/--no-page", help="Write explanation.html, to look at in a browser.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
SeedOption = Annotated[int, typer.Option(help="The same seed gives the same result.")]
BatchOption = Annotated[
    int | None, typer.Option("--batch-size", min=1, help="Clips per forward pass.")
]
SamplesOption = Annotated[int | None, step("Samples drawn.", least=1)]
RegionsOption = Annotated[int | None, step("Regions of a SLIC cut.", least=1)]
SegmentationOption = Annotated[
    str | None, step("Step 1, such as slic:n_regions=100 or grid:t=4,h=7,w=7.")
]
SizesOption = Annotated[str | None, step("Step 2, such as binomial:p=0.7 or uniform.")]
FillOption = Annotated[str | None, step("Step 4, such as black, grey, mean, blur:sigma=8, freeze.")]
EdgesOption = Annotated[str | None, step("Step 4, own, hard, or feathered:sigma=4.")]
OpacityOption = Annotated[float | None, step("Step 4, how much of a region goes.", least=0, most=1)]
BehaviorOption = Annotated[str | None, step("Step 5: probability, logit, log-odds, margin, loss.")]
SummaryOption = Annotated[str | None, step("Step 6, such as linear:kernel=flat, shapley, tree.")]
PictureOption = Annotated[
    str | None, step("Step 7: heat, signed, outlines or highlight, such as heat:colors=jet.")
]
ShowOption = Annotated[str | None, step("Step 7: all, top-share:share=0.3, top-regions:n=10 …")]

FromOption = Annotated[float | None, wish("Second where the clip starts.", "--from")]
ToOption = Annotated[float | None, wish("Second where the clip ends.", "--to")]
SamplingOption = Annotated[str | None, wish("Frames: uniform, centres, every, or interval.")]
IntervalOption = Annotated[int | None, wish("Source frames between two clip frames.", least=1)]
StartOption = Annotated[int | None, wish("First source frame.", least=0)]
FramesOption = Annotated[int | None, wish("Number of frames.", least=1)]
SizeOption = Annotated[int | None, wish("Height and width, in pixels.", least=1)]
ResizeOption = Annotated[str | None, wish("crop, stretch, or letterbox.")]
ShortOption = Annotated[str | None, wish("Too few frames: error, hold the last, or loop.")]


ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="A YAML file that describes the model, demo, or a name such as hf:FOLDER, "
        "torchvision:r3d_18, onnx:FILE, python:MODULE:FACTORY; vexplain models lists them all.",
    ),
]


def running(text: str, *names: str) -> Any:
    """Return an option for where and how a model runs."""
    return typer.Option(*names, help=text, rich_help_panel="How the model runs")


DeviceOption = Annotated[str, running("auto, cpu, cuda, cuda:1, or mps.")]
PrecisionOption = Annotated[
    str, running("auto (float32), float32, bfloat16, float16, or int8 (linear layers, CPU).")
]
CompileOption = Annotated[
    bool, running("Compile the model first: a minute, then faster.", "--compile")
]
LastOption = Annotated[
    bool | None,
    running(
        "Keep the channels of convolutions last in memory.", "--channels-last/--channels-first"
    ),
]
PickleOption = Annotated[
    bool,
    running("Load a file that runs code of its own; only for your own files.", "--allow-pickle"),
]
ViewsOption = Annotated[
    str | None,
    running("Average over windows in time x crops in space, such as 4x3.", "--views"),
]
