"""How concentrated a map is: sparseness and entropy."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from vexplain.core.checks import check_finite
from vexplain.evaluation.case import Better, Case, Measure, defined

SILENT = "the map is 0 everywhere"


def gini(heat: Float[Tensor, "*axes"]) -> float:
    """Return the Gini index of a map's absolute values: 0 = all alike, → 1 = all in one voxel.

    Σᵢ (2i − n − 1)·|v|₍ᵢ₎ / (n·Σ|v|) for the absolute values in rising order; NaN where all are 0.

    Source: Hurley and Rickard 2009; Chalasani et al. 2020 for attributions.
    """
    check_finite("heat", heat)
    rising = heat.abs().flatten().double().sort().values
    n, total = len(rising), float(rising.sum())
    if total == 0:
        return float("nan")
    place = torch.arange(1, n + 1, dtype=torch.float64, device=rising.device)
    return float(((2 * place - n - 1) * rising).sum()) / (n * total)


def entropy(heat: Float[Tensor, "*axes"]) -> float:
    """Return the entropy of a map's absolute values in nats: 0 = one voxel, ln n = all alike.

    −Σ pᵢ ln pᵢ with pᵢ = |vᵢ| / Σ|v|; NaN where all are 0.

    Source: Bhatt, Weller and Moura 2020 (complexity of an explanation).
    """
    check_finite("heat", heat)
    sizes = heat.abs().flatten().double()
    total = sizes.sum()
    if total == 0:
        return float("nan")
    return float(-torch.xlogy(sizes / total, sizes / total).sum())


@dataclass(frozen=True)
class Sparseness:
    """The Gini index of the map: higher is better, the explanation says less at once.

    Σᵢ (2i − n − 1)·|v|₍ᵢ₎ / (n·Σ|v|) for the absolute values in rising order.

    Source: Chalasani et al. 2020 (arXiv 1810.06583); see ``gini``.
    """

    better: ClassVar[Better] = "higher"

    def __call__(self, case: Case) -> list[Measure]:
        """Return the Gini index."""
        return [defined("sparseness", gini(case.subject.map), self.better, SILENT)]


@dataclass(frozen=True)
class Entropy:
    """The entropy of the map in nats: lower is better, the explanation is simpler.

    −Σ pᵢ ln pᵢ with pᵢ = |vᵢ| / Σ|v|.

    Source: Bhatt, Weller and Moura 2020 (arXiv 2005.00631); see ``entropy``.
    """

    better: ClassVar[Better] = "lower"

    def __call__(self, case: Case) -> list[Measure]:
        """Return the entropy."""
        return [defined("entropy", entropy(case.subject.map), self.better, SILENT)]
