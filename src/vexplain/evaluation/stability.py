"""Whether the same question gets the same answer, and another model another one.

These metrics explain anew, so each costs as much as an explanation or several.
"""

import warnings
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from math import isnan
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core import Explanation, Method, VexplainWarning
from vexplain.core.checks import check_finite, check_positive, check_share, check_whole
from vexplain.engine import explain
from vexplain.evaluation.case import Bench, Better, Case, Measure, defined
from vexplain.evaluation.curves import Curve
from vexplain.evaluation.naming import named, several
from vexplain.models import parameters_of, randomised
from vexplain.sampling import MonteCarlo

CONSTANT = "a map is the same everywhere, so it has no order"


def rank_correlation(a: Float[Tensor, "*axes"], b: Float[Tensor, "*axes"]) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN where nothing varies.

    Raises:
        ValueError: On NaN or infinite values, or on different sizes.
    """
    from scipy.stats import rankdata

    if a.shape != b.shape:
        raise ValueError(
            f"maps: expected two of one shape, got {tuple(a.shape)}, {tuple(b.shape)}."
        )
    for values in (a, b):
        check_finite("maps", values)
    ranks = [rankdata(values.detach().cpu().numpy(), axis=None) for values in (a, b)]
    centred = [r - r.mean() for r in ranks]
    length = float(np.linalg.norm(centred[0]) * np.linalg.norm(centred[1]))
    return float(centred[0] @ centred[1]) / length if length > 0 else float("nan")


def mean_correlation(maps: list[Tensor]) -> float:
    """Return the mean rank correlation over all pairs of maps."""
    found = [rank_correlation(a, b) for a, b in combinations(maps, 2)]
    return sum(found) / len(found)


def made_anew(
    case: Case,
    seed: int,
    what: Hashable = "",
    change: Callable[[], Mapping[str, Any]] = dict,
) -> Tensor:
    """Return the map (T, H, W) that the subject of the case makes anew, without warnings.

    A method that draws nothing makes the same map from every seed, and is not run again for it.

    Args:
        case: Whose map is made anew.
        seed: The seed of step 3; a random map is drawn anew where it is another than before.
        what: What is changed, as a key: what was made once is not made twice.
        change: Gives the ``clip``, ``model`` or ``method`` that is another than before; called only
            when the method is really run.
    """
    bench, before = case.bench, case.explanation
    used = seed if draws(before) else before.seed

    def run() -> Tensor:
        if not what and used == before.seed:
            return before.attribution.map
        return explained_quietly(bench, used, change())

    return case.subject.again(lambda: bench.once(("anew", what, used), run), seed - before.seed)


def draws(explanation: Explanation) -> bool:
    """Return whether an explanation rests on samples that were drawn, not listed."""
    return bool((explanation.ledger.coalitions.group >= 0).any())


def explained_quietly(bench: Bench, seed: int, changed: Mapping[str, Any]) -> Tensor:
    """Return the map of the explanation on the bench made anew; its doubts would only repeat."""
    before = bench.explanation
    given = {"clip": before.clip, "model": bench.model, "method": as_run(before), **changed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VexplainWarning)
        found = explain(
            given["clip"],
            given["model"],
            method=given["method"],
            targets=[before.target],
            seed=seed,
            batch_size=bench.batch_size,
            progress=bench.progress,
        )[0]
    bench.asked_anew.append(len(found.ledger.coalitions) + 2)
    return found.attribution.map


def as_run(explanation: Explanation) -> Method:
    """Return the method of an explanation with as many samples as were evaluated for it."""
    method, n = explanation.method, len(explanation.ledger.coalitions)
    stopped = n < explanation.ledger.planned
    return with_samples(method, n) if stopped else method


def with_samples(method: Method, n: int) -> Method:
    """Return a method that draws ``n`` samples; one that lists them stays as it is."""
    samples = method.samples
    if not isinstance(samples, MonteCarlo):
        return method
    return replace(method, samples=replace(samples, n_samples=n))


@dataclass(frozen=True, kw_only=True)
class SeedStability:
    """Whether another seed gives the same map: Spearman's correlation, higher is better.

    The mean of ρ(map, map′) over all pairs of maps, from the explanation's own seed and the next
    ones. What is below 1 is the noise of the samples: take more of them.

    Source: the repeatability of perturbation-based explanations (Alvarez-Melis and Jaakkola 2018,
    arXiv 1806.08049, and Visani et al. 2022, arXiv 2001.11757, for LIME).

    Attributes:
        seeds: How many other seeds.

    Raises:
        ValueError: On fewer than one seed.
    """

    seeds: int = 2
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_whole("seeds", self.seeds)

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean correlation."""
        first = case.explanation.seed
        others = [made_anew(case, first + i) for i in range(1, self.seeds + 1)]
        value = mean_correlation([case.subject.map, *others])
        found = defined(named("stability over seeds", self), value, self.better, CONSTANT)
        listed = not draws(case.explanation) and found.value is not None
        return [replace(found, note="nothing is drawn by this method" if listed else found.note)]


@dataclass(frozen=True, kw_only=True)
class InputStability:
    """Whether a clip that looks the same gets the same map: higher is better.

    The mean over draws of Spearman's ρ(map, map of the clip plus Gaussian noise), from the same
    seed; regions are found anew.

    Source: Alvarez-Melis and Jaakkola 2018 (arXiv 1806.08049); Yeh et al. 2019 for the question.

    Attributes:
        noise: Standard deviation of the noise, where white is 1; a grey level of 8 bits is 0.004.
        draws: How many noisy clips.
        seed: Draws the noise.

    Raises:
        ValueError: On noise of 0 or less, or fewer than one draw.
    """

    noise: float = 0.02
    draws: int = 2
    seed: int = 0
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        check_positive("noise", self.noise)
        check_whole("draws", self.draws)
        check_whole("seed", self.seed, least=0)

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean correlation."""
        first = case.explanation.seed
        others = [
            made_anew(case, first, (self, draw), partial(self._noisy, case, draw))
            for draw in range(self.draws)
        ]
        found = [rank_correlation(case.subject.map, other) for other in others]
        name = named("stability over inputs", self)
        return [defined(name, sum(found) / len(found), self.better, CONSTANT)]

    def _noisy(self, case: Case, draw: int) -> Mapping[str, Any]:
        clip = case.explanation.clip
        generator = torch.Generator().manual_seed(self.seed + draw)
        noise = torch.randn(clip.frames.shape, generator=generator)
        frames = (clip.frames.cpu() + self.noise * noise).clamp(0, 1)
        return {"clip": replace(clip, frames=frames)}


@dataclass(frozen=True, kw_only=True)
class BudgetStability:
    """Whether fewer samples give the same map: Spearman's correlation, higher is better.

    ρ(map, map from a share of the samples), drawn from the next seed: how far the scores have
    settled. Methods that list their coalitions have no budget.

    Source: the convergence plots of sampled estimators (Covert and Lee 2021, arXiv 2012.01536).

    Attributes:
        shares: The budgets, as shares of the explanation's samples.

    Raises:
        ValueError: On no share, or one outside [0, 1].
    """

    shares: tuple[float, ...] = (0.25, 0.5)
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        object.__setattr__(self, "shares", several("shares", self.shares))
        for share in self.shares:
            check_positive("shares", share)
            check_share("shares", share)

    def __call__(self, case: Case) -> list[Measure]:
        """Return one correlation per budget."""
        explanation = case.explanation
        if not draws(explanation):
            note = f"{explanation.method.name} lists its samples, so it has no budget"
            return [Measure(self._name(share), None, self.better, note) for share in self.shares]
        return [self._measure(case, share) for share in self.shares]

    def _measure(self, case: Case, share: float) -> Measure:
        explanation = case.explanation
        n = max(2, round(share * len(explanation.ledger.coalitions)))
        fewer = with_samples(explanation.method, n)
        other = made_anew(case, explanation.seed + 1, ("samples", n), lambda: {"method": fewer})
        value = rank_correlation(case.subject.map, other)
        return defined(self._name(share), value, self.better, CONSTANT)

    def _name(self, share: float) -> str:
        return f"stability at {100 * share:g} % of the samples"


@dataclass(frozen=True, kw_only=True)
class ModelRandomisation:
    """Whether the map depends on what the model has learnt: lower is better, near 0 is right.

    |ρ(map, map of the shuffled model)|, Spearman's: the values of the parameters are shuffled, each
    tensor within itself. A map that stays as it was shows the clip, not the model. In several
    stages the parameters are shuffled from the output backwards; the curve has each stage, the
    value is that of the last one, where all are shuffled.

    Source: Adebayo et al. 2018 (arXiv 1810.03292), the model parameter randomisation test; shuffled
    within a tensor, the weights keep their scale.

    Attributes:
        stages: In how many stages.
        seed: Draws the order of the values.

    Raises:
        ValueError: On fewer than one stage.
    """

    stages: int = 1
    seed: int = 0
    better: ClassVar[Better] = "lower"

    def __post_init__(self) -> None:
        check_whole("stages", self.stages)
        check_whole("seed", self.seed, least=0)

    def __call__(self, case: Case) -> list[Measure]:
        """Return the correlation when everything is shuffled."""
        name = named("model randomisation", self)
        if not parameters_of(case.bench.model):
            note = "the model shows no parameters that could be shuffled"
            return [Measure(name, None, self.better, note)]
        shares = [(stage + 1) / self.stages for stage in range(self.stages)]
        found = [abs(self._correlation(case, share)) for share in shares]
        if any(map(isnan, found)):
            return [Measure(name, None, self.better, CONSTANT)]
        shuffled, sizes = (torch.tensor(column, dtype=torch.float64) for column in (shares, found))
        curve = Curve(shuffled, sizes, "rank correlation")
        return [Measure(name, found[-1], self.better, curve=curve)]

    def _correlation(self, case: Case, share: float) -> float:
        other = made_anew(
            case,
            case.explanation.seed,
            ("shuffled", self.seed, share),
            lambda: {"model": randomised(case.bench.model, seed=self.seed, share=share)},
        )
        return rank_correlation(case.subject.map, other)
