"""Quantiles where values weigh unequally, as triangles do by their area.

It stands here because the analyzer and the pipelines both ask for them, and neither may import the other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def weighted_quantiles(
    values: Float[Array, "n"], weights: Float[Array, "n"], shares: Sequence[float]
) -> tuple[float, ...]:
    """For each share, in (0, 1], the smallest value with at least so much of the weight at or below it.

    Always one of `values`, nothing is interpolated. Zeros where there is no weight.
    """
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    if not len(values) or cumulated[-1] <= 0:
        return (0.0,) * len(shares)
    places = np.searchsorted(cumulated, cumulated[-1] * np.asarray(shares, np.float64))
    return tuple(float(value) for value in values[order][places])
