"""Commands on saved explanations: none of them asks the model."""

from pathlib import Path
from typing import Annotated, Any

import typer

from vexplain.cli.compose import with_picture
from vexplain.cli.console import guarded
from vexplain.cli.judge import say_files
from vexplain.cli.options import (
    BehaviorOption,
    CaptionOption,
    OutOption,
    PictureOption,
    ShowOption,
    SideOption,
    SummaryOption,
    TargetOption,
    VideoOption,
)
from vexplain.cli.work import Looks, made, report, sheet, slug, stems, write
from vexplain.cli.work import page as write_page

SavedArgument = Annotated[list[Path], typer.Argument(help="Saved explanations (.vx).")]


def summarise(
    explanation: Annotated[Path, typer.Argument(help="A saved explanation (.vx).")],
    target: TargetOption = None,
    behavior: BehaviorOption = None,
    summary: SummaryOption = None,
    visualization: PictureOption = None,
    show: ShowOption = None,
    video: VideoOption = "mp4",
    side_by_side: SideOption = False,
    caption: CaptionOption = False,
    out_folder: OutOption = None,
) -> None:
    """Summarise and draw a saved explanation anew: another class, behavior, summary or picture.

    The model is not asked again: its answers lie in the explanation.
    """
    from vexplain import api, catalog, engine

    with guarded():
        looks = Looks(video=video, side_by_side=side_by_side, caption=caption)
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
        written = write(found, words, folder, looks)
        report(found, [*written, sheet(found, folder / f"{base}-sheet.png")])


def page(
    explanations: SavedArgument,
    out_file: Annotated[
        Path | None, typer.Option("--out", "-o", help="The page; beside the first by default.")
    ] = None,
) -> None:
    """Write a page (one HTML file) to look at explanations of one clip in a browser."""
    from vexplain import api

    with guarded():
        saved = [api.load(path) for path in explanations]
        target = out_file or explanations[0].parent / "explanation.html"
        made(target.parent)
        say_files([write_page(saved, target)])


def grid(
    explanations: SavedArgument,
    out_file: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="An .mp4, .webm or .gif; grid.mp4 beside the first."),
    ] = None,
    visualization: PictureOption = None,
    show: ShowOption = None,
) -> None:
    """Draw explanations side by side in one video: a row per clip, a column per method."""
    from vexplain import api
    from vexplain.rendering import render_grid

    with guarded():
        clips: dict[str, list[Any]] = {}
        for path in explanations:
            saved = with_picture(api.load(path), visualization, show)
            clips.setdefault(str(saved.manifest["clip_digest"]), []).append(saved)
        target = out_file or explanations[0].parent / "grid.mp4"
        made(target.parent)
        say_files([render_grid(list(clips.values()), target)])
