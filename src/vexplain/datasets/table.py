"""A table of videos: csv, tsv or parquet."""

import os
from collections import Counter
from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from vexplain.datasets.finding import Tree, assembled, by_parts, file_at, folder_at, one_file, tree
from vexplain.datasets.lists import Classes, Row, checked_columns, rows_of
from vexplain.datasets.recordings import Dataset, Problem, VideoRecording

NEEDED = ("path", "label")
PART = ("path", "start", "end")
KNOWN = (*NEEDED, "group", "split", "start", "end", "truth")


def table(
    place: str | PathLike[str],
    *,
    videos: str | PathLike[str] | None = None,
    classes: str | PathLike[str] | None = None,
) -> Dataset:
    """List the rows of a table with the columns ``path`` and ``label``, and more if you like.

    ``group`` says whom or what a recording shows, ``split`` which part it is in, ``start`` and
    ``end`` which seconds of the file are meant, ``truth`` which file says where the evidence is
    (as ``vexplain.truth.read_truth`` takes it). Any other column is a fact. Cells of these may be
    empty. Several parts of one file, or links to it, are a group where the table names none.

    Args:
        place: A ``.csv``, ``.tsv`` or ``.parquet`` file; parquet needs the extra of that name.
        videos: The folder that paths start from; the table's own by default, where truths always
            do. A truth that is missing is a problem, and its recording is used without.
        classes: A file with one name per line; labels may then be numbers from 0. By default
            classes are the labels in natural order.

    Raises:
        FileNotFoundError: When the table or the folder is missing.
        ImportError: When a parquet file can't be read for want of a package.
        ValueError: When the table can't be understood, or none of its videos is there.
    """
    file = file_at("data", place)
    root = folder_at("videos", file.parent if videos is None else videos)
    rows = read_rows(file)
    for row in rows:
        _check_cells(row)
    named = _named(rows, file, classes)
    inside = tree(root)
    recordings: list[VideoRecording] = []
    problems = list(inside.problems)
    rows = _different(rows, inside, problems)
    counts = Counter(_home(row, root) for row in rows)
    same = one_file(root, counts)
    for row in rows:
        home = _home(row, root)
        several = counts[home] > 1
        name = _part_name(row, home) if several else row.cells["path"]
        label, path = _number(row, named), inside.path(row.cells["path"])
        if path is None:
            problems.append(Problem(name, f"{row.where}: there is no such file in {root}"))
            continue
        truth = file.parent / row.cells["truth"] if row.cells.get("truth") else None
        if truth and not truth.is_file():
            problems.append(Problem(name, f"{row.where}: there is no truth file {truth}"))
            truth = None
        recordings.append(
            VideoRecording(
                name=name,
                path=path,
                label=label,
                group=row.cells.get("group") or same.get(home, home if several else None),
                split=row.cells.get("split") or None,
                facts={key: cell for key, cell in row.cells.items() if key not in KNOWN and cell},
                start_seconds=row.number("start"),
                end_seconds=row.number("end"),
                truth_file=truth,
            )
        )
    return assembled(
        file.stem,
        named.names,
        recordings,
        problems,
        sought=f"the videos that {file} lists, from {root}; say where they are with videos=FOLDER",
    )


def read_rows(file: Path) -> list[Row]:
    """Return the rows of a table.

    Raises:
        ImportError: When a parquet file can't be read for want of a package.
        ValueError: When it is no table, or has no column ``path`` or ``label``.
    """
    match file.suffix.lower():
        case ".csv":
            return rows_of(file, needed=NEEDED)
        case ".tsv":
            return rows_of(file, needed=NEEDED, delimiter="\t")
        case ".parquet":
            return parquet_rows(file)
    raise ValueError(f"data: expected a table that ends in .csv, .tsv or .parquet, got {file}.")


def parquet_rows(file: Path) -> list[Row]:
    """Return the rows of a parquet file; raises as ``read_rows``."""
    try:
        import pandas as pd

        frame = pd.read_parquet(file, dtype_backend="numpy_nullable")
    except ImportError as error:
        raise ImportError(
            f"data: {file} needs packages that aren't here. Install them with: "
            "pip install 'vexplain[parquet]'"
        ) from error
    except Exception as error:  # of the engine, which has its own kinds
        raise ValueError(f"data: expected a parquet file, can't read {file} ({error}).") from error
    columns = checked_columns([str(name) for name in frame.columns], NEEDED, str(file))
    cells = frame.astype(object).where(frame.notna(), "").values.tolist()
    return [
        Row(f"row {n} of {file}", {c: _text(v) for c, v in zip(columns, values, strict=True)})
        for n, values in enumerate(cells, 1)
    ]


def _text(value: object) -> str:
    """Return a cell as a csv has it; pandas makes floats of whole numbers beside an empty cell."""
    return value.strip() if isinstance(value, str) else str(value).removesuffix(".0")


def _check_cells(row: Row) -> None:
    for column in NEEDED:
        if not row.cells[column]:
            raise ValueError(f"data: expected a {column} in {row.where}, got an empty cell.")
    start, end = row.number("start"), row.number("end")
    if end is not None and end <= (start or 0):
        raise ValueError(
            f"end: expected more than the start ({_time(start)} s) in {row.where}, "
            f"got {_time(end)}."
        )


def _named(rows: Sequence[Row], file: Path, classes: str | PathLike[str] | None) -> Classes:
    if classes is not None:
        return Classes.read(file_at("classes", classes))
    labels = {row.cells["label"] for row in rows}
    if labels and all(_digits(label).isdecimal() for label in labels):
        raise ValueError(
            f"label: expected names in {file}, got numbers such as {min(labels, key=by_parts)}. "
            "Give the names of the classes in their order as classes=FILE."
        )
    return Classes.of(sorted(labels, key=by_parts) or ["none"], str(file))


def _number(row: Row, named: Classes) -> int:
    label = row.cells["label"]
    digits = _digits(label)
    if digits.isdecimal() and label not in named.numbers:
        return named.checked(int(digits), row.where)
    return named.number(label, row.where)


def _digits(label: str) -> str:
    """Return the whole number that pandas wrote as a float; any other label as it is."""
    return label.removesuffix(".0")


def _home(row: Row, root: Path) -> str:
    """Return the file of a row, called by one name however the table spells it."""
    return os.path.relpath(root / row.cells["path"], root)


def _different(rows: Sequence[Row], inside: Tree, problems: list[Problem]) -> list[Row]:
    """Return the rows without those that say the same as one before.

    Raises:
        ValueError: When two say different things of one part of a file that is there.
    """
    seen: dict[tuple[object, ...], Row] = {}
    kept = []
    for row in rows:
        part = (_home(row, inside.root), row.number("start") or 0, row.number("end"))
        first = seen.setdefault(part, row)
        others = [c for c in row.cells if c not in PART and row.cells[c] != first.cells[c]]
        if first is not row and not others:
            reason = f"{row.where} is {first.where} once more; the first is used"
            problems.append(Problem(row.cells["path"], reason))
            continue
        if others and inside.path(row.cells["path"]):
            name = others[0]
            raise ValueError(
                f"path: expected one row per part of a file, got {row.cells['path']} in "
                f"{row.where} with the {name} {row.cells[name]!r}, and in {first.where} with "
                f"{first.cells[name]!r}. Remove one of the two, or give them different parts as "
                "start and end."
            )
        kept.append(row)
    return kept


def _part_name(row: Row, home: str) -> str:
    """Return a name for one of several parts of a file."""
    start, end = row.number("start"), row.number("end")
    until = "" if end is None else f" to {_time(end)} s"
    return f"{home} from {_time(start)} s{until}"


def _time(seconds: float | None) -> str:
    """Return seconds so that different ones stay different, whole ones without a point."""
    return repr(seconds or 0.0).removesuffix(".0")
