"""Datasets in the shell: where they come from, and whether one is sound."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from vexplain.cli.console import err, guarded, out

if TYPE_CHECKING:
    from vexplain.datasets.checking import Report

data_app = typer.Typer(
    help="Datasets: where they come from, and whether one is sound.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

MOST = 20
"""Rows of a table that are shown, but for classes; the file has them all."""


@data_app.command("list")
def list_readers() -> None:
    """List which datasets can be read, and how each is named."""
    from vexplain.datasets import READERS

    with guarded():
        out.print(readers(READERS))


@data_app.command()
def check(
    data: Annotated[
        str,
        typer.Argument(
            metavar="SPEC", help="SCHEME:PLACE?option=value, as data list has them, or a YAML file."
        ),
    ],
    decode: Annotated[
        bool, typer.Option("--decode", help="Decode every frame and truth: slow, finds all damage.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Files read side by side; as many as processors.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with 1 when anything is wrong.")
    ] = False,
    file: Annotated[Path | None, typer.Option("--json", help="Write everything here too.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")] = False,
) -> None:
    """Count what a dataset holds, and find files that are missing, broken or cut short.

    Ends with 0 while recordings can be used; with --strict only when nothing is wrong.
    """
    from vexplain.core.files import write_atomically
    from vexplain.datasets import open_dataset
    from vexplain.datasets.checking import check_dataset
    from vexplain.progress import Bar

    with guarded():
        bar = None if quiet else Bar("checking")
        report = check_dataset(open_dataset(data), decode=decode, workers=workers, progress=bar)
        if file is not None:
            text = json.dumps(report.as_dict(), indent=2, ensure_ascii=False)
            write_atomically(file, (text + "\n").encode())
        for table in tables(report):
            out.print(table)
        wrong = warnings_of(report)
        for line in wrong:
            err.print(f"[yellow]warning:[/] {escape(line)}", soft_wrap=True)
        if not report.usable or (strict and wrong):
            raise typer.Exit(1)


def readers(known: Mapping[str, Any]) -> Table:
    """Return the table of which datasets can be read."""
    table = Table(title="Datasets", box=SIMPLE_HEAD)
    table.add_column("name it", no_wrap=True)
    table.add_column("what")
    for reader in known.values():
        # Options go to lines of their own, so that a narrow terminal breaks no name.
        form = reader.form.replace("?", "\n?").replace("&", "\n&")
        table.add_row(escape(form), escape(reader.what))
    table.add_row("FILE.yaml", "any of these as 'data: ...', with its options below")
    return table


def tables(report: "Report") -> list[Table]:
    """Return the tables of what a dataset holds."""
    shown = [summary(report)]
    if report.classes:
        shown.append(counts("Classes", "class", report.classes, most=len(report.classes)))
    if report.splits:
        shown.append(counts("Splits", "split", report.splits))
    if report.sizes:
        shown.append(counts("Sizes", "width x height", report.sizes))
        shown.append(counts("Rates", "frames per second", report.rates))
    if report.problems:
        rows = [(one.name, one.reason) for one in report.problems]
        shown.append(listed("Problems", ("recording", "what is wrong"), rows))
    for what, several in {"group": report.leaks, "file": report.shared_files}.items():
        if several:
            rows = [(name, ", ".join(splits)) for name, splits in several.items()]
            shown.append(listed(f"{what.capitalize()}s in several splits", (what, "splits"), rows))
    return shown


def summary(report: "Report") -> Table:
    """Return the table of totals."""
    table = Table("", "", title=escape(report.name), box=SIMPLE_HEAD, show_header=False)
    rows: dict[str, object] = {
        "recordings": report.recordings,
        "usable": report.usable,
        "classes": len(report.classes),
        "without a class": report.unlabelled or None,
        "in no split": report.unsplit or None,
        "groups": report.groups or None,
        "problems": len(report.problems),
    }
    if report.durations:
        times = report.durations
        rows["seconds, shortest"] = f"{times.shortest:.1f}"
        rows["seconds, median"] = f"{times.median:.1f}"
        rows["seconds, longest"] = f"{times.longest:.1f}"
        rows["hours, total"] = f"{times.total / 3600:.2f}"
    for name, value in rows.items():
        if value is not None:
            table.add_row(name, str(value))
    return table


def counts(title: str, what: str, numbers: Mapping[str, int], *, most: int = MOST) -> Table:
    """Return a table of how many recordings there are of each kind."""
    rows = [(name, str(number)) for name, number in numbers.items()]
    return listed(title, (what, "recordings"), rows, most=most)


def listed(
    title: str, columns: tuple[str, str], rows: Sequence[tuple[str, str]], *, most: int = MOST
) -> Table:
    """Return a table of the first rows, which says how many are left out."""
    rest = len(rows) - most
    table = Table(title=title, caption=f"and {rest} more" if rest > 0 else None, box=SIMPLE_HEAD)
    for column in columns:
        table.add_column(column, overflow="fold")
    for name, value in rows[:most]:
        table.add_row(escape(name), escape(value))
    return table


def warnings_of(report: "Report") -> list[str]:
    """Return what is wrong with a dataset, a sentence each."""
    found = []
    if report.problems:
        found.append(
            f"{report.usable} of {report.recordings} recordings can be used; problems: "
            f"{len(report.problems)}."
        )
    if report.leaks:
        found.append(
            f"Groups in more than one split: {len(report.leaks)}. A test on them tests what was "
            "learnt, not what is new: give all recordings of a group one split."
        )
    if report.shared_files:
        found.append(
            f"Files in more than one split: {len(report.shared_files)}. Give all recordings of a "
            "file one split."
        )
    if report.unsplit:
        found.append(
            f"Recordings in no split: {report.unsplit}. Whoever takes the splits leaves them out."
        )
    if report.empty_classes:
        more = ", …" if len(report.empty_classes) > 3 else ""
        found.append(
            f"Classes without a recording: {len(report.empty_classes)} "
            f"({', '.join(report.empty_classes[:3])}{more})."
        )
    return found
