"""The choices of methods, step by step, told by the parts themselves (paper, Table 2)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import singledispatch
from html import escape as html
from io import StringIO
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from torch import Tensor

from vexplain.core import Explanation, Method
from vexplain.core.checks import one_or_several

STEPS = {
    "segmentation": "segmentation",
    "sizes": "feature selection",
    "samples": "sample selection",
    "removal": "feature removal",
    "behavior": "model behavior",
    "summary": "summary",
    "visualization": "visualization",
}
"""The seven steps as the paper calls them, by the fields of a method that hold their parts."""

TABLE_WIDTH = 160
TIMES = "\N{MULTIPLICATION SIGN}"
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+[A-Z]?")
CELL = "text-align:left;vertical-align:top;padding:.4em .8em;white-space:pre-line"


@dataclass(frozen=True)
class TableOfMethods:
    """The choices of methods: a row per step, a column per method.

    Attributes:
        methods: The names of the methods, each once.
        cells: Of every step, by its name, and every method: the part, then one option per entry.
    """

    methods: tuple[str, ...]
    cells: dict[str, tuple[tuple[str, ...], ...]]

    def rows(self) -> list[dict[str, str]]:
        """Return one row per step: ``step``, and the part of every method by its name."""
        return [
            {"step": step, **dict(zip(self.methods, map(in_line, cells), strict=True))}
            for step, cells in self.cells.items()
        ]

    def __rich__(self) -> Table:
        table = Table("step", title="Choices by method", box=SIMPLE_HEAD, show_lines=True)
        for name in self.methods:
            table.add_column(escape(name), overflow="fold")
        for step, cells in self.cells.items():
            table.add_row(escape(step), *(escape("\n".join(cell)) for cell in cells))
        return table

    def __str__(self) -> str:
        text = StringIO()
        Console(file=text, width=TABLE_WIDTH).print(self.__rich__())
        return "\n".join(line.rstrip() for line in text.getvalue().rstrip().splitlines())

    def _repr_html_(self) -> str:
        """Return the table for notebooks: no scripts, nothing from elsewhere."""
        head = "".join(f'<th scope="col" style="{CELL}">{html(n)}</th>' for n in self.methods)
        body = "".join(
            f'<tr><th scope="row" style="{CELL}">{html(step)}</th>'
            + "".join(f'<td style="{CELL}">{html(chr(10).join(cell))}</td>' for cell in cells)
            + "</tr>"
            for step, cells in self.cells.items()
        )
        return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>"


def table_of_methods(
    methods: Method | Explanation | Sequence[Method | Explanation],
) -> TableOfMethods:
    """Return what methods choose at each of the seven steps, told by their own parts.

    Source: the paper's Table 2. A part is named by its class, and its options by their fields; None
    and False are left out. Of an explanation the numbers of regions and samples that really came
    out are told too. ``print`` it, look at it in a notebook, or take its ``rows()``.

    Args:
        methods: Methods, or explanations made with them; a user's own ones as well.

    Raises:
        TypeError: When one is neither.
        ValueError: When there is none.
    """
    advice = "Call the function that makes the method, as in vexplain.methods.lime()."
    wanted = "methods or explanations"
    listed = one_or_several("methods", methods, Method | Explanation, wanted, advice)
    if not listed:
        raise ValueError(f"methods: expected at least one, got none. {advice}")
    choices = [one.method if isinstance(one, Explanation) else one for one in listed]
    cells = {
        name: tuple(
            (*lines_of(getattr(choice, field)), *outcome(one, field))
            for one, choice in zip(listed, choices, strict=True)
        )
        for field, name in STEPS.items()
    }
    return TableOfMethods(distinct([choice.name for choice in choices]), cells)


def outcome(one: Method | Explanation, field: str) -> tuple[str, ...]:
    """Return how many regions or samples an explanation really has."""
    if isinstance(one, Method) or field not in ("segmentation", "samples"):
        return ()
    if field == "segmentation":
        return (f"→ {one.segmentation.n_features:,} regions",)
    return (f"→ {len(one.ledger.coalitions):,} samples",)


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with a number behind those that came before."""
    found: list[str] = []
    for name in names:
        number, new = 2, name
        while new in found:
            number, new = number + 1, f"{name} ({number})"
        found.append(new)
    return tuple(found)


def lines_of(part: Any) -> tuple[str, ...]:
    """Return a part in words: what it is, then its options, one each."""
    return (kind_of(part), *options_of(part))


def in_line(lines: Sequence[str]) -> str:
    """Return a part's lines as one."""
    head, *options = lines
    return f"{head}: {', '.join(options)}" if options else head


def options_of(part: Any) -> list[str]:
    """Return a dataclass's options in words; None and False say nothing."""
    if not is_dataclass(part) or isinstance(part, type):
        return []
    found = [(field.name, getattr(part, field.name)) for field in fields(part)]
    return [
        option(name, value) for name, value in found if value is not None and value is not False
    ]


def option(name: str, value: Any) -> str:
    """Return an option in words: ``200 regions``, ``paired``, ``alpha 0.6``, ``cosine kernel``."""
    words = name.removeprefix("n_").replace("_", " ").strip()
    if value is True:
        return words
    if kind_of(value).lower().endswith(f" {words}"):
        return told(value)
    return f"{told(value)} {words}" if name.startswith("n_") else f"{words} {told(value)}"


@singledispatch
def told(value: Any) -> str:
    """Return the value of an option in words; a part goes with its own options."""
    options = options_of(value)
    head = kind_of(value).lower()
    return f"{head} ({', '.join(options)})" if options else head


@told.register
def _(value: int) -> str:
    return f"{value:,}"


@told.register
def _(value: float) -> str:
    return f"{value:g}"


@told.register
def _(value: str) -> str:
    return value


@told.register
def _(value: tuple) -> str:  # type: ignore[type-arg]
    numbers = all(isinstance(one, int | float) for one in value)
    return (TIMES if numbers else ", ").join(map(told, value))


@told.register(Tensor)
@told.register(np.ndarray)
def _(value: Tensor | np.ndarray) -> str:
    return f"array {TIMES.join(map(str, value.shape))}"


def kind_of(part: Any) -> str:
    """Return what a part is called: ``Soft Grid`` for ``SoftGrid()``, a function by its name."""
    name = getattr(part, "__name__", type(part).__name__)
    words = WORD.findall(name)
    text = " ".join(words) or name
    return text[:1].upper() + text[1:]
