"""Weighted quantiles are quantiles of what the weights stand for."""

import numpy as np
import pytest

from nightproof.scenes.quantiles import weighted_quantiles


@pytest.mark.parametrize("seed", range(8))
def test_a_weight_of_three_is_three_values(seed):
    random = np.random.default_rng(seed)
    values, weights = random.normal(size=40).round(1), random.integers(0, 5, 40)  # rounded: some are equal
    repeated = np.repeat(values, weights)
    shares = (0.1, 0.5, 0.9, 1.0)
    expected = np.quantile(repeated, shares, method="inverted_cdf")
    assert weighted_quantiles(values, weights.astype(float), shares) == tuple(expected)


def test_what_has_no_weight_is_never_chosen_and_nothing_weighs_zero():
    assert weighted_quantiles(np.array([9.0, 1.0, 5.0]), np.array([0.0, 2.0, 2.0]), (0.5, 0.51, 1.0)) == (1.0, 5.0, 5.0)
    assert weighted_quantiles(np.zeros(0), np.zeros(0), (0.1, 0.9)) == (0.0, 0.0)
    assert weighted_quantiles(np.ones(3), np.zeros(3), (0.5,)) == (0.0,)
