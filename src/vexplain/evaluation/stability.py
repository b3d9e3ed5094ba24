"""Whether the same question gets the same answer, and another model another one.

These metrics explain anew, so each costs as much as an explanation or several.
"""

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import rankdata
from torch import Tensor

from vexplain.core import Explanation, VexplainWarning, VideoClip
from vexplain.core.checks import check_finite, check_positive, check_share, check_whole
from vexplain.engine import explain
from vexplain.evaluation.case import Ask, Bench, Better, Case, Measure, defined, named
from vexplain.evaluation.curves import Curve
from vexplain.models import randomised
from vexplain.sampling import MonteCarlo

CONSTANT = "a map is the same everywhere, so it has no order"


def rank_correlation(a: Float[Tensor, "*axes"], b: Float[Tensor, "*axes"]) -> float:
    """Return Spearman's rank correlation, ties at their mean rank; NaN where nothing varies.

    Raises:
        ValueError: On NaN or infinite values, or on different sizes.
    """
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


def made_anew(case: Case, seed: int, what: str = "", **changed: Any) -> Tensor:
    """Return the map (T, H, W) that the subject of the case makes anew, without warnings.

    A method that draws nothing makes the same map from every seed, and is not run again for it.

    Args:
        case: Whose map is made anew.
        seed: The seed of step 3; a random map is drawn anew where it is another than before.
        what: What is changed, as a key: what was made once is not made twice.
        changed: The ``clip``, ``model`` or ``method`` that is another than before.
    """
    bench, before = case.bench, case.explanation
    drawn = bool((before.ledger.coalitions.group >= 0).any())
    used = seed if drawn else before.seed

    def run() -> Explanation:
        if used == before.seed and not changed:
            return before
        return explained_quietly(bench, used, changed)

    return case.subject.again(
        lambda: bench.once(("anew", what, used), run), seed - before.seed
    ).cpu()


def explained_quietly(bench: Bench, seed: int, changed: Mapping[str, Any]) -> Explanation:
    """Return the explanation on the bench made anew; its own doubts would only repeat."""
    before = bench.explanation
    given = {"clip": before.clip, "model": bench.model, "method": before.method, **changed}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VexplainWarning)
        return explain(
            given["clip"],
            given["model"],
            method=given["method"],
            targets=[before.target],
            seed=seed,
            batch_size=bench.batch_size,
            progress=bench.progress,
        )[0]


@dataclass(frozen=True, kw_only=True)
class SeedStability:
    """Whether another seed gives the same map: Spearman's correlation, higher is better.

    The mean over all pairs of maps from the explanation's own seed and the next ones. What is below
    1 is the noise of the samples: take more of them.

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

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the method asks for itself."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean correlation."""
        first = case.explanation.seed
        others = [made_anew(case, first + i) for i in range(1, self.seeds + 1)]
        value = mean_correlation([case.subject.map.cpu(), *others])
        return [defined(named("stability over seeds", self), value, self.better, CONSTANT)]


@dataclass(frozen=True, kw_only=True)
class InputStability:
    """Whether a clip that looks the same gets the same map: higher is better.

    Spearman's correlation, its mean over draws, of the map with that of the clip plus Gaussian
    noise, from the same seed; regions are found anew.

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

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the method asks for itself."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the mean correlation."""
        same, own = case.subject.map.cpu(), case.explanation.seed
        others = [
            made_anew(case, own, f"{self!r} {draw}", clip=clip) for draw, clip in self._clips(case)
        ]
        value = sum(rank_correlation(same, other) for other in others) / len(others)
        name = named("stability over inputs", self)
        return [defined(name, value, self.better, CONSTANT)]

    def _clips(self, case: Case) -> Iterator[tuple[int, VideoClip]]:
        clip = case.explanation.clip
        generator = torch.Generator().manual_seed(self.seed)
        for draw in range(self.draws):
            noise = torch.randn(clip.frames.shape, generator=generator)
            noisy = clip.frames.cpu() + self.noise * noise
            yield draw, replace(clip, frames=noisy.clamp(0, 1))


@dataclass(frozen=True, kw_only=True)
class BudgetStability:
    """Whether fewer samples give the same map: Spearman's correlation, higher is better.

    The correlation of the map with that from a share of the samples, drawn from the next seed: how
    far the scores have settled. Methods that list their coalitions have no budget.

    Source: the convergence plots of sampled estimators (Covert and Lee 2021, arXiv 2012.01536).

    Attributes:
        shares: The budgets, as shares of the explanation's samples.

    Raises:
        ValueError: On no share, or one outside [0, 1].
    """

    shares: tuple[float, ...] = (0.25, 0.5)
    better: ClassVar[Better] = "higher"

    def __post_init__(self) -> None:
        if not isinstance(self.shares, tuple) or not self.shares:
            raise ValueError(f"shares: expected shares such as (0.25, 0.5), got {self.shares!r}.")
        for share in self.shares:
            check_positive("shares", share)
            check_share("shares", share)

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the method asks for itself."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return one correlation per budget."""
        method = case.explanation.method
        samples = method.samples
        if not isinstance(samples, MonteCarlo):
            note = f"{method.name} lists its samples, so it has no budget"
            return [Measure(self._name(share), None, self.better, note) for share in self.shares]
        found = []
        for share in self.shares:
            fewer = replace(samples, n_samples=max(2, round(share * samples.n_samples)))
            map_ = made_anew(
                case,
                case.explanation.seed + 1,
                f"{fewer!r}",
                method=replace(method, samples=fewer),
            )
            value = rank_correlation(case.subject.map.cpu(), map_)
            found.append(defined(self._name(share), value, self.better, CONSTANT))
        return found

    def _name(self, share: float) -> str:
        return f"stability at {100 * share:g} % of the samples"


@dataclass(frozen=True, kw_only=True)
class ModelRandomisation:
    """Whether the map depends on what the model has learnt: lower is better, near 0 is right.

    The size of Spearman's correlation of the map with that of the same method over a model whose
    parameters' values are shuffled, each tensor within itself. A map that stays as it was shows the
    clip, not the model. In several stages the parameters are shuffled from the output backwards;
    the curve has each stage, the value is that of the last one, where all are shuffled.

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

    def asks(self, case: Case) -> list[Ask]:
        """Return nothing: the method asks for itself."""
        return []

    def __call__(self, case: Case) -> list[Measure]:
        """Return the correlation when everything is shuffled."""
        name = named("model randomisation", self)
        shares = [(stage + 1) / self.stages for stage in range(self.stages)]
        found = [self._correlation(case, share) for share in shares]
        if None in found:
            note = "the model shows no parameters that could be shuffled"
            return [Measure(name, None, self.better, note)]
        sizes = torch.tensor(found, dtype=torch.float64).abs()
        if not bool(sizes.isfinite().all()):
            return [Measure(name, None, self.better, CONSTANT)]
        curve = Curve(torch.tensor(shares, dtype=torch.float64), sizes)
        return [Measure(name, float(sizes[-1]), self.better, curve=curve)]

    def _correlation(self, case: Case, share: float) -> float | None:
        model = case.bench.once(
            ("shuffled", self.seed, share),
            lambda: randomised(case.bench.model, seed=self.seed, share=share),
        )
        if model is None:
            return None
        other = made_anew(case, case.explanation.seed, f"shuffled {self.seed} {share}", model=model)
        return rank_correlation(case.subject.map.cpu(), other)
