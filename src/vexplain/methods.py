"""The six methods of the paper, as its Table 2 has them: one part per step, in order.

| | 3D LIME | 3D Kernel SHAP | 3D RISE | LV LOCO | LV Univ. Pred. | 3D SOS |
|---|---|---|---|---|---|---|
| segmentation | SLIC 200 | SLIC 200 | soft 4·7² | SLIC 200 | SLIC 200 | windows |
| features | binomial | Shapley kernel | binomial | all but one | only one | all but one |
| samples | 1,000 | 1,000 | 1,000 | ≈ 200 | ≈ 200 | 1,183 |
| removal | black | black | black, faded | black | black | black |
| behavior | probability | probability | probability | probability | probability | probability |
| summary | linear model | Shapley value | mean if kept | difference | difference | value |
| picture | signed | signed | heat map | signed | signed | heat map |
"""

from vexplain.behavior import Probability
from vexplain.core import Behavior, Method, Removal, Segmenter
from vexplain.removal import Remove
from vexplain.sampling import (
    AllButOne,
    Binomial,
    Exhaustive,
    MonteCarlo,
    OnlyOne,
    ShapleyKernel,
)
from vexplain.segmentation import Slic, SlidingWindow, SoftGrid
from vexplain.summary import (
    InclusionEffect,
    LinearSurrogate,
    MeanWhenKept,
    RemovalEffect,
    ShapleyRegression,
    ValueWhenRemoved,
)
from vexplain.visualization import HeatMap, SignedMap, TopShare

SLIC = Slic(n_regions=200)
SOFT_GRID = SoftGrid(t=4, h=7, w=7)
WINDOWS = SlidingWindow(boxes=(4, 7, 7), stride=0.5)
BLACK = Remove()
PROBABILITY = Probability()
SHOWN = TopShare(0.3)
"""The paper shows the 30 % most important regions (§4.5)."""


def lime(
    *,
    segmentation: Segmenter = SLIC,
    n_samples: int = 1000,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return 3D LIME: a local linear model over random halves of the regions."""
    return Method(
        name="3D LIME",
        segmentation=segmentation,
        sizes=Binomial(0.5),
        samples=MonteCarlo(n_samples),
        removal=removal,
        behavior=behavior,
        summary=LinearSurrogate(),
        visualization=SignedMap(show=SHOWN),
    )


def kernel_shap(
    *,
    segmentation: Segmenter = SLIC,
    n_samples: int = 1000,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return 3D Kernel SHAP: Shapley values by a regression over few and many regions."""
    return Method(
        name="3D Kernel SHAP",
        segmentation=segmentation,
        sizes=ShapleyKernel(),
        samples=MonteCarlo(n_samples, paired=True, distinct=True, borders_first=True),
        removal=removal,
        behavior=behavior,
        summary=ShapleyRegression(),
        visualization=SignedMap(show=SHOWN),
    )


def rise(
    *,
    segmentation: Segmenter = SOFT_GRID,
    n_samples: int = 1000,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return 3D RISE: the mean answer where a voxel is kept, over soft random grids."""
    return Method(
        name="3D RISE",
        segmentation=segmentation,
        sizes=Binomial(0.5),
        samples=MonteCarlo(n_samples, jitter=True),
        removal=removal,
        behavior=behavior,
        summary=MeanWhenKept(),
        visualization=HeatMap(show=SHOWN),
    )


def loco(
    *,
    segmentation: Segmenter = SLIC,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return LV LOCO: what the answer loses when one region is absent."""
    return Method(
        name="LV LOCO",
        segmentation=segmentation,
        sizes=AllButOne(),
        samples=Exhaustive(),
        removal=removal,
        behavior=behavior,
        summary=RemovalEffect(),
        visualization=SignedMap(show=SHOWN),
    )


def univariate_predictors(
    *,
    segmentation: Segmenter = SLIC,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return LV Univariate Predictors: what the answer gains when one region alone is present."""
    return Method(
        name="LV Univariate Predictors",
        segmentation=segmentation,
        sizes=OnlyOne(),
        samples=Exhaustive(),
        removal=removal,
        behavior=behavior,
        summary=InclusionEffect(),
        visualization=SignedMap(show=SHOWN),
    )


def sampled_occlusion(
    *,
    segmentation: Segmenter = WINDOWS,
    removal: Removal = BLACK,
    behavior: Behavior = PROBABILITY,
) -> Method:
    """Return 3D Sampled Occlusion Sensitivity: a box slides over the clip, half a box a step."""
    return Method(
        name="3D Sampled Occlusion Sensitivity",
        segmentation=segmentation,
        sizes=AllButOne(),
        samples=Exhaustive(),
        removal=removal,
        behavior=behavior,
        summary=ValueWhenRemoved(),
        visualization=HeatMap(show=SHOWN),
    )
