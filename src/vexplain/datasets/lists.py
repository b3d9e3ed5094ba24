"""Lists in text files: their lines, their columns, and the names of classes in them."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from vexplain.core import near_names


@dataclass(frozen=True)
class Row:
    """One entry of a table.

    Attributes:
        where: Its line or row, and the file, for errors.
        cells: Text by column; an empty cell is "".
    """

    where: str
    cells: Mapping[str, str]

    def number(self, column: str) -> float | None:
        """Return a cell as a number from 0, or None where it is empty.

        Raises:
            ValueError: When it is something else.
        """
        text = self.cells.get(column, "")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise ValueError(
                f"{column}: expected seconds from 0 in {self.where}, got {text!r}. Correct it."
            )
        return value


def text_of(file: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte-order mark.

    Raises:
        ValueError: When it is in another encoding.
    """
    raw = file.read_bytes()
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"data: expected UTF-8 in {file}, got the byte {raw[error.start]:#04x} in line {line}. "
            "Save the file as UTF-8."
        ) from error


def lines_of(file: Path) -> list[tuple[str, str]]:
    """Return the lines that aren't empty, stripped, each behind its place for errors."""
    lines = enumerate(text_of(file).split("\n"), 1)
    return [(f"line {n} of {file}", line.strip()) for n, line in lines if line.strip()]


def rows_of(file: Path, *, needed: Sequence[str], delimiter: str = ",") -> list[Row]:
    """Return the rows of a table whose first line names the columns.

    Args:
        file: The table.
        needed: Columns without which it is none.
        delimiter: What stands between two cells.

    Raises:
        ValueError: When a column is missing, or a row has another number of cells.
    """
    reader = csv.reader(StringIO(text_of(file), newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    columns: list[str] | None = None
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if not any(stripped) and len(stripped) < 2:
                continue
            where = f"line {reader.line_num} of {file}"
            if columns is None:
                columns = checked_columns(stripped, needed, where)
            else:
                _check_count(stripped, columns, where)
                rows.append(Row(where, dict(zip(columns, stripped, strict=True))))
    except csv.Error as error:
        raise ValueError(f"data: line {reader.line_num} of {file} is no row ({error}).") from error
    checked_columns(columns or [], needed, f"line 1 of {file}")
    return rows


def checked_columns(columns: list[str], needed: Sequence[str], where: str) -> list[str]:
    """Return the columns of a table.

    Raises:
        ValueError: When a needed one is missing, or two have one name.
    """
    for name in needed:
        if name not in columns:
            raise ValueError(
                f"data: expected a column {name!r} in {where}, got {', '.join(columns) or 'none'}."
                f"{near_names(name, columns)}"
            )
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ValueError(
            f"data: expected columns of different names in {where}, got {twice} twice."
        )
    return columns


def _check_count(cells: Sequence[str], columns: Sequence[str], where: str) -> None:
    if len(cells) != len(columns):
        raise ValueError(
            f"data: expected {len(columns)} cells ({', '.join(columns)}) in {where}, got "
            f"{len(cells)}. Put quotes around a cell that holds the delimiter."
        )


@dataclass(frozen=True)
class Classes:
    """The names of classes, and the number of each.

    Attributes:
        names: One per class.
        numbers: By name.
        source: Where they are from, for errors.
    """

    names: tuple[str, ...]
    numbers: Mapping[str, int]
    source: str

    @classmethod
    def of(cls, names: Sequence[str], source: str) -> "Classes":
        """Number some names from 0.

        Raises:
            ValueError: When there is none, or two are the same.
        """
        twice = [name for name, count in Counter(names).items() if count > 1]
        if not names or twice:
            got = f"{twice[0]!r} twice" if twice else "none"
            raise ValueError(f"classes: expected different names in {source}, got {got}.")
        return cls(tuple(names), {name: number for number, name in enumerate(names)}, source)

    @classmethod
    def read(cls, file: Path) -> "Classes":
        """Read the names of a file, one per line; raises as ``of``."""
        return cls.of([line for _, line in lines_of(file)], str(file))

    def number(self, name: str, where: str) -> int:
        """Return the number of a class.

        Raises:
            ValueError: When there is no such class.
        """
        if name not in self.numbers:
            raise ValueError(
                f"label: {where} has the class {name!r}, which is none of the "
                f"{len(self.names)} of {self.source}.{near_names(name, self.names)} "
                "Correct it, or give the names as classes=FILE."
            )
        return self.numbers[name]

    def checked(self, number: int, where: str) -> int:
        """Return the number of a class.

        Raises:
            ValueError: When there are fewer classes.
        """
        if not 0 <= number < len(self.names):
            raise ValueError(
                f"label: {where} has class {number}, but {self.source} has {len(self.names)} "
                "classes, counted from 0. Give the right names as classes=FILE."
            )
        return number


def checked_fold(fold: int | None, needs: object, option: str) -> int | None:
    """Return the number of one of three folds.

    Args:
        fold: 1, 2, 3 or None.
        needs: The value of the option that says where the lists of the folds are.
        option: Its name.

    Raises:
        ValueError: When it is something else, or comes without its lists.
    """
    if fold is not None and (type(fold) is not int or fold not in (1, 2, 3)):
        raise ValueError(f"fold: expected 1, 2 or 3, got {fold!r}.")
    if fold is not None and needs is None:
        raise ValueError(f"fold: expected {option}=FOLDER with the lists of fold {fold}, got none.")
    return fold
