"""What an evaluation says: typed numbers that print as a table and convert to pandas."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from vexplain.core import near_names
from vexplain.evaluation.case import Better, Measure
from vexplain.evaluation.curves import Curve
from vexplain.rendering.bidi import isolated

if TYPE_CHECKING:
    import pandas

ARROWS: Mapping[Better, str] = {"higher": "↑", "lower": "↓"}
COLUMNS = (
    *("clip", "clip_digest", "model", "method", "target", "seed"),
    *("metric", "value", "better", "note"),
)
"""The columns of ``Evaluation.rows``, besides one for each other map."""

TABLE_WIDTH = 160
"""Characters of a printed table where the terminal doesn't say how wide it is."""


@dataclass(frozen=True, eq=False)
class Score:
    """A number of an explanation, and the same number of other maps.

    Attributes:
        measure: The explanation's.
        beside: Those of a random map, a centre prior, and any other, by name.
    """

    measure: Measure
    beside: Mapping[str, Measure] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What is measured."""
        return self.measure.name

    @property
    def value(self) -> float | None:
        """The number, or None where it is not defined; ``note`` says why."""
        return self.measure.value

    @property
    def better(self) -> Better:
        """Whether a higher or a lower number speaks for the explanation."""
        return self.measure.better

    @property
    def note(self) -> str:
        """Why the number is not defined, or what to know about it."""
        return self.measure.note

    @property
    def notes(self) -> str:
        """The notes of the number and of those beside it, each once, with the names of the maps."""
        names: dict[str, list[str]] = {}
        for name, one in self.beside.items():
            if one.note and one.note != self.note:
                names.setdefault(one.note, []).append(name)
        others = [f"{' and '.join(maps)}: {note}" for note, maps in names.items()]
        return "; ".join([*filter(None, [self.note]), *others])

    @property
    def curve(self) -> Curve | None:
        """The curve behind the number, where there is one."""
        return self.measure.curve

    def gain_over(self, name: str) -> float | None:
        """Return how much better than another map the explanation does, above 0 = better.

        None where one of the two numbers is not defined.

        Raises:
            KeyError: When there is no such map; near names are suggested.
        """
        if name not in self.beside:
            raise KeyError(f"{name}: no such map.{near_names(name, list(self.beside))}")
        other = self.beside[name].value
        if self.value is None or other is None:
            return None
        return self.value - other if self.better == "higher" else other - self.value


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How good one explanation is.

    Attributes:
        method: The name of its method.
        clip: The file of its clip, or the first digits of the digest of its frames.
        clip_digest: SHA-256 of the frames, by which clips are told apart.
        target: The name of its target.
        model: The name of the model that was asked.
        seed: Its seed.
        scores: The numbers, in the order of the metrics.
        n_asked: Clips that the model was asked about.
        seconds: Seconds that the evaluation took.
    """

    method: str
    clip: str
    clip_digest: str
    target: str
    model: str
    seed: int
    scores: tuple[Score, ...]
    n_asked: int
    seconds: float

    def __getitem__(self, name: str) -> Score:
        """Return the score of that name.

        Raises:
            KeyError: When there is none; near names are suggested.
        """
        for score in self.scores:
            if score.name == name:
                return score
        names = [score.name for score in self.scores]
        raise KeyError(f"{name}: no such score.{near_names(name, names)}")

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def others(self) -> tuple[str, ...]:
        """The names of the maps beside the explanation."""
        return tuple(dict.fromkeys(name for score in self.scores for name in score.beside))

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row per score: plain values, for a table of any kind."""
        about = {
            "clip": self.clip,
            "clip_digest": self.clip_digest,
            "model": self.model,
            "method": self.method,
            "target": self.target,
            "seed": self.seed,
        }
        return [
            {
                **about,
                "metric": score.name,
                "value": score.value,
                "better": score.better,
                **{n: score.beside[n].value if n in score.beside else None for n in self.others},
                "note": score.notes,
            }
            for score in self.scores
        ]

    def to_pandas(self) -> "pandas.DataFrame":
        """Return the rows as a data frame.

        Raises:
            ImportError: When pandas is not installed.
        """
        return data_frame(self.rows())

    def __rich__(self) -> Table:
        title = f"{isolated(self.method)}, {isolated(self.target)} ({isolated(self.clip)})"
        table = Table("metric", title=escape(title), box=SIMPLE_HEAD)
        for name in ("value", *self.others):
            table.add_column(escape(name), justify="right", no_wrap=True)
        noted = any(score.notes for score in self.scores)
        if noted:
            table.add_column("note")
        for score in self.scores:
            table.add_row(
                f"{escape(score.name)} {ARROWS[score.better]}",
                number(score.value),
                *(number(score.beside[n].value) if n in score.beside else "" for n in self.others),
                *([escape(score.notes)] if noted else []),
            )
        return table

    def __str__(self) -> str:
        return printed(self)

    def _repr_html_(self) -> str:
        # The cards import this module, so they are looked up when a notebook asks for one.
        card: str = import_module("vexplain.evaluation.cards").evaluation_card(self)
        return card


def number(value: float | None) -> str:
    """Return a number with three digits after the point, finer where it is small."""
    if value is None:
        return "\N{EN DASH}"
    text = f"{value:.3f}" if value == 0 or abs(value) >= 0.01 else f"{value:.2g}"
    return text.replace("-", "\N{MINUS SIGN}")


def printed(shown: Any) -> str:
    """Return a table as text."""
    text = StringIO()
    Console(file=text, width=TABLE_WIDTH).print(shown)
    return text.getvalue().rstrip()


def data_frame(rows: Sequence[Mapping[str, Any]]) -> "pandas.DataFrame":
    """Return rows as a data frame.

    Raises:
        ImportError: When pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "to_pandas: pandas is not installed. Install it (pip install pandas), or take rows()."
        ) from error
    return pandas.DataFrame(list(rows))


class Stopped(KeyboardInterrupt):
    """Evaluating was stopped by Ctrl-C; ``evaluations`` are those that were done until then."""

    def __init__(self, evaluations: Sequence[Evaluation], n: int) -> None:
        super().__init__(f"stopped after {len(evaluations)} of {n} explanations")
        self.evaluations = tuple(evaluations)
