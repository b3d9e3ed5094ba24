"""Whether a region's score tells what its removal does: infidelity and sensitivity-n."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Coalitions
from vexplain.core.checks import check_share, check_whole
from vexplain.evaluation.case import Ask, Better, Case, Measure, whole_clip
from vexplain.evaluation.curves import Curve
from vexplain.evaluation.naming import named, several
from vexplain.evaluation.orders import keep_of
from vexplain.sampling import Binomial, MonteCarlo

STILL = 1e-12
"""Numbers that vary by less than this share of their size don't vary: that is rounding."""


def infidelity(
    predicted: Float[Tensor, " N"], change: Float[Tensor, " N"], *, scaled: bool = True
) -> float:
    """Return the mean squared difference between predicted and real changes of the answer.

    1/N Σ (β·predictedᵢ − changeᵢ)², with β = Σ predictedᵢ·changeᵢ / Σ predictedᵢ² if ``scaled``,
    at least 0, else β = 1: scores such as RISE's are in other units than the answer.

    Source: Yeh et al. 2019 (arXiv 1901.09392), definition 2.1.

    Args:
        predicted: (N,) sums of the scores of what was removed.
        change: (N,) v(whole) − v(with that removed).
        scaled: Whether the scores are first scaled for the best.
    """
    power = float((predicted**2).sum())
    fitting = float((predicted * change).sum()) / power if scaled and power > 0 else 1.0
    beta = max(fitting, 0.0)  # a scale, which must not turn the sign of a map around
    return float(((beta * predicted - change) ** 2).mean())


def correlation(a: Float[Tensor, " N"], b: Float[Tensor, " N"]) -> float:
    """Return Pearson's correlation, NaN where one of the two does not vary."""
    least_a, least_b = (STILL * float(values.norm()) for values in (a, b))
    a, b = a - a.mean(), b - b.mean()
    if float(a.norm()) <= least_a or float(b.norm()) <= least_b:
        return float("nan")
    return float((a @ b) / (a.norm() * b.norm()))


def ask_about(case: Case, rows: Coalitions, key: object) -> Ask:
    """Return the ask for coalitions, removed as the explanation's own method removes."""
    bench, removal = case.bench, case.explanation.method.removal
    rows = rows.to(bench.clip.frames.device)

    def keep(some: slice) -> Tensor:
        return removal.soften(keep_of(bench.segmentation, rows.present[some]))

    return Ask(key, len(rows), keep, removal)


def changes(case: Case, rows: Coalitions, key: object) -> tuple[Tensor, Tensor]:
    """Return the predicted (N,) and the real (N,) changes of the answer when regions are absent.

    The behavior watched is that of the explanation's method.
    """
    behavior = case.explanation.method.behavior
    whole = case.values(whole_clip(case.bench), behavior)
    change = whole - case.values(ask_about(case, rows, key), behavior)
    return (~rows.present).double() @ case.subject.scores.double(), change


@dataclass(frozen=True, kw_only=True)
class Infidelity:
    """How far the scores are from predicting what random removals do: lower is better.

    A score stands for a region's whole contribution, in Yeh's notation attribution × (x − fill).

    E[(β·Σ scores of the absent regions − (v(whole) − v(without them)))²] over regions that are
    absent with probability p each; removal and behavior are those of the explanation's method.

    Source: Yeh et al. 2019 (arXiv 1901.09392), definition 2.1.

    Attributes:
        n_samples: How many removals.
        p: The probability of a region to be absent.
        scaled: Whether the scores are scaled by β ≥ 0 for the best, else β = 1.
        seed: Draws the removals.

    Raises:
        ValueError: On fewer than one sample, or a probability that is not between 0 and 1.
    """

    n_samples: int = 200
    p: float = 0.5
    scaled: bool = True
    seed: int = 0
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_whole("n_samples", self.n_samples)
        check_whole("seed", self.seed, least=0)
        if not 0 < self.p < 1:
            raise ValueError(f"p: expected a probability between 0 and 1, got {self.p!r}.")

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the whole clip and the removals."""
        return [whole_clip(case.bench), ask_about(case, self._rows(case), self._key)]

    def __call__(self, case: Case) -> list[Measure]:
        """Return the infidelity."""
        predicted, change = changes(case, self._rows(case), self._key)
        value = infidelity(predicted, change, scaled=self.scaled)
        return [Measure(named("infidelity", self), value, self.better)]

    @property
    def _key(self) -> tuple[object, ...]:
        return ("removals", self.n_samples, self.p, self.seed)

    def _rows(self, case: Case) -> Coalitions:
        law = Binomial(1 - self.p)(case.bench.segmentation.n_features)
        return MonteCarlo(self.n_samples)(law, torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, kw_only=True)
class SensitivityN:
    """How well the scores' sums go along with what removals of n regions do: higher is better.

    For each n: Pearson's correlation, over random sets S of n regions, of Σ scores of S with
    v(whole) − v(without S); the value is the mean over the sizes, the curve has each. Removal and
    behavior are those of the explanation's method.

    Source: Ancona, Ceolini, Öztireli and Gross 2018 (arXiv 1711.06104); one size alone is the
    faithfulness correlation of Bhatt, Weller and Moura 2020.

    Attributes:
        shares: The sizes n, as shares of all D regions, each rounded to 1 … D − 1.
        n_samples: How many sets per size.
        seed: Draws the sets.

    Raises:
        ValueError: On no share, one outside [0, 1], or fewer than two samples.
    """

    shares: tuple[float, ...] = (0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
    n_samples: int = 50
    seed: int = 0
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", several("shares", self.shares))
        for share in self.shares:
            check_share("shares", share)
        check_whole("n_samples", self.n_samples, least=2)
        check_whole("seed", self.seed, least=0)

    def asks(self, case: Case) -> list[Ask]:
        """Return the asks for the whole clip and the sets of every size."""
        sets = (ask_about(case, rows, (self, n)) for n, rows in self._rows(case))
        return [whole_clip(case.bench), *sets]

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean correlation, with the curve over the sizes where all are defined."""
        d = case.bench.segmentation.n_features
        found = [(n, correlation(*changes(case, r, (self, n)))) for n, r in self._rows(case)]
        known = [(n / d, r) for n, r in found if r == r]
        name = named("sensitivity-n", self)
        if not known:
            note = "neither scores nor answers vary between sets of one size"
            return [Measure(name, None, self.better, note if d > 1 else "there is one region only")]
        shares, values = (
            torch.tensor(column, dtype=torch.float64) for column in zip(*known, strict=True)
        )
        left = len(found) - len(known)
        note = f"{left} of {len(found)} sizes left out: nothing varies there" if left else ""
        return [Measure(name, float(values.mean()), self.better, note, Curve(shares, values))]

    def _rows(self, case: Case) -> Sequence[tuple[int, Coalitions]]:
        """Return the sizes, and coalitions with that many regions absent."""
        d = case.bench.segmentation.n_features
        sizes = sorted({min(max(round(share * d), 1), d - 1) for share in self.shares} - {0})
        generator = torch.Generator().manual_seed(self.seed)
        laws = [torch.zeros(d + 1, dtype=torch.float64) for _ in sizes]
        for n, law in zip(sizes, laws, strict=True):
            law[d - n] = 1
        draw = MonteCarlo(self.n_samples)
        return [(n, draw(law, generator)) for n, law in zip(sizes, laws, strict=True)]
