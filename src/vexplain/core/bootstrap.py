"""How sure a mean is: the percentile bootstrap (Efron 1979)."""

import numpy as np
from jaxtyping import Float

CONFIDENCE, RESAMPLES, SEED = 0.95, 9999, 0
"""Drawn alike everywhere, so that a table and a plot say the same."""


def percentiles(
    values: Float[np.ndarray, " n"],
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[float, float]:
    """Return the bootstrap percentile interval of the mean of values (n,), n at least 2."""
    from scipy.stats import bootstrap

    found = bootstrap(
        (values,),
        lambda sample, axis: sample.mean(axis=axis),
        confidence_level=confidence,
        n_resamples=resamples,
        method="percentile",
        random_state=np.random.default_rng(seed),
    )
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
