"""Training from the shell: one line per epoch, and the table of folds at the end."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vexplain.cli.console import err, guarded, out
from vexplain.cli.work import made


def train(
    config: Annotated[
        Path,
        typer.Argument(
            help="A YAML file: model, data, and whatever shall be other than the defaults."
        ),
    ],
    out_folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the results; by default runs/NAME."),
    ] = None,
    fold: Annotated[
        list[int] | None,
        typer.Option("--fold", min=0, help="Train this fold only; may be repeated."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--fresh", help="Go on from what is in the folder, or remove it first."
        ),
    ] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, or mps.")] = "auto",
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress bar and no lines per epoch.")
    ] = False,
) -> None:
    """Fine-tune a model on a dataset, with cross-validation, and measure it.

    Stopped at any time, the same command goes on after the last whole epoch. On several GPUs:
    accelerate launch --multi-gpu --no-python vexplain train CONFIG.
    """
    with guarded():
        from vexplain import training

        wanted = training.read_config(config)
        folder = made(out_folder or Path(wanted.out or "runs/training"))
        try:
            found = training.train(
                wanted,
                out=folder,
                folds=fold or None,
                resume=resume,
                device=device,
                progress=not quiet,
                told=None if quiet else told,
            )
        except KeyboardInterrupt:
            err.print("The same command goes on after the last whole epoch.")
            raise
        if training.is_first_process():
            out.print(folds_table(found))
            out.print(f"accuracy {escape(str(found))}")
            out.print(f"written to {escape(str(folder))}, with README.md", soft_wrap=True)


def told(fold: int, epoch: Any) -> None:
    """Print what an epoch came to."""
    line = (
        f"fold {fold}, epoch {epoch.epoch}: loss {epoch.loss:.3f}, held out "
        f"{epoch.held_out_loss:.3f}, accuracy {epoch.top1:.2%}, {epoch.seconds:.0f} s"
    )
    print(line, file=sys.stderr, flush=True)  # which the bar, where there is one, lets above it


def folds_table(results: Any) -> Table:
    """Return the table of folds."""
    table = Table("fold", title="Held-out accuracy", box=SIMPLE_HEAD)
    for name in ("learnt from", "held out", "accuracy", "top 5", "best epoch", "minutes"):
        table.add_column(name, justify="right", no_wrap=True)
    for fold in results.folds:
        table.add_row(
            str(fold.fold),
            str(fold.training),
            str(len(fold.labels)),
            f"{fold.accuracy:.2%}",
            f"{fold.history[-1].top5:.2%}",
            f"{fold.best.epoch} ({fold.best.top1:.2%})",
            f"{fold.seconds / 60:.1f}",
        )
    return table
