"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer


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
BehaviorOption = Annotated[str | None, step("Step 5: probability, logit, log-odds, margin, loss.")]
SummaryOption = Annotated[str | None, step("Step 6, such as linear:kernel=flat, shapley, tree.")]
PictureOption = Annotated[str | None, step("Step 7: heat or signed, such as heat:colors=turbo.")]
ShowOption = Annotated[str | None, step("Step 7: all, top-share:share=0.3, top-regions:n=10 …")]


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
