"""Writing synthetic clips with known truth, from the shell."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from vexplain.cli.console import guarded, out
from vexplain.cli.work import made


def synthesize(
    out_folder: Annotated[Path, typer.Argument(help="Folder for the clips, made if need be.")],
    family: Annotated[
        str,
        typer.Option(
            help="still (one fixed camera, as EtriActivity3D) or restless (a moving camera, cuts, "
            "things in front, objects that come late, as Kinetics)."
        ),
    ] = "still",
    clips: Annotated[int, typer.Option(min=1, help="How many.")] = 140,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same clips.")] = 0,
    sources: Annotated[
        int | None, typer.Option(min=5, help="Persons' stand-ins, or films, that they fall into.")
    ] = None,
    distractors: Annotated[
        int | None, typer.Option(min=0, help="The most seen beside the object at once; 0 = none.")
    ] = None,
    frames: Annotated[int, typer.Option(min=1, help="Frames of a clip, of two seconds.")] = 32,
    size: Annotated[int, typer.Option(min=8, help="Height and width, in pixels; even.")] = 112,
    workers: Annotated[int, typer.Option(min=1, help="Processes that write.")] = 1,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Write videos whose evidence is known: clips, label volumes and the table that lists them.

    Training and checking need no files: synthetic:still?clips=6000 names the clips themselves.
    """
    from vexplain.datasets import open_dataset
    from vexplain.datasets.synthetic.writing import CLASSES, check_size, write_set
    from vexplain.progress import Bar

    with guarded():
        check_size(size)
        wishes = {"sources": sources, "distractors": distractors}
        given = {name: value for name, value in wishes.items() if value is not None}
        dataset = open_dataset(f"synthetic:{family}", clips=clips, seed=seed, **given)
        bar = None if quiet else Bar("writing")
        table = write_set(
            dataset, made(out_folder), frames=frames, size=size, workers=workers, progress=bar
        )
        classes = table.with_name(CLASSES)
        name = escape(f"table:{table}?classes={classes}")
        out.print(f"{clips} clips; name them as {name}", soft_wrap=True)
