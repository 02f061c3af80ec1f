"""The betting test keeps its promise on assets that just fail, decides good ones early, and never guesses."""

import numpy as np
import pytest

from nightproof.trust.eprocess import MeanClaim, SequentialTest, decide_many
from nightproof.trust.measure import bounded_claim
from nightproof.trust.metrics import METRICS
from nightproof.trust.policy import POLICIES

CLAIM = MeanClaim(0.02, 0.2, 0.05)


def errors(kind: str, mean: float, worst: float, count: int, views: int, seed: int = 3) -> np.ndarray:
    """Errors in [0, worst] whose mean is `mean`: spread, 5 % bad views, or 1 % of the worst there is."""
    rng = np.random.default_rng(seed)
    if kind == "beta":
        share = mean / worst
        return worst * rng.beta(2, 2 * (1 / share - 1), (count, views))
    rate, peak = (0.05, min(worst, 10 * mean)) if kind == "bad" else (0.01, worst)
    return np.where(rng.random((count, views)) < rate, peak, (mean - rate * peak) / (1 - rate))


@pytest.mark.parametrize("kind", ["beta", "bad", "holes"])
def test_just_failing_assets_are_rarely_accepted(kind):
    """3.4 % of 400 is what a rate of 5 % gives less often than once in fourteen; ours is below 2 %. A bet placed after
    seeing the error, or a test without Ville's bound, accepts 20 % and more."""
    outcome, _ = decide_many(errors(kind, CLAIM.limit, CLAIM.worst, 400, 150), CLAIM)
    assert np.mean(outcome == 1) <= 0.034
    assert np.mean(outcome == -1) <= 0.07


def test_good_assets_are_decided_early_and_bad_ones_earlier():
    outcome, views = decide_many(errors("beta", 0.010, 0.2, 200, 150), CLAIM)
    assert (outcome == 1).all()
    assert views.mean() <= 90
    outcome, views = decide_many(errors("beta", 0.030, 0.2, 200, 150), CLAIM)
    assert np.mean(outcome == -1) > 0.98
    assert views.mean() <= 45


def test_at_the_cap_the_answer_is_undecided():
    test = SequentialTest(CLAIM)
    for _ in range(25):  # perfect views, too few to be sure
        test.add(0.0)
    assert test.outcome == "undecided"


def test_a_decision_stands_whatever_comes_later():
    test = SequentialTest(CLAIM)
    for _ in range(120):
        test.add(0.001)
    assert test.outcome == "holds"
    for _ in range(50):
        test.add(0.2)
    assert test.outcome == "holds"


@pytest.mark.parametrize("kind", ["beta", "bad", "holes"])
def test_the_bound_covers_the_mean_and_confirms_the_decision(kind):
    missed = 0
    for row in errors(kind, 0.010, 0.2, 40, 100, seed=5):
        test = SequentialTest(CLAIM)
        for error in row:
            test.add(error)
        bound = test.upper_bound()
        missed += bound < 0.010
        if test.outcome == "holds":
            assert bound <= CLAIM.limit * 1.05
    assert missed <= 4


@pytest.mark.parametrize("policy", POLICIES.values(), ids=lambda policy: policy.name)
def test_every_policy_can_decide_a_flawless_asset_before_its_cap(policy):
    for claim in policy.claims:
        metric = METRICS[claim.metric]
        test = SequentialTest(bounded_claim(claim, metric))
        for _ in range(policy.cap_for(metric.per, 0.0)):
            test.add(metric.error(claim.threshold) / 4)
        assert test.outcome == "holds", claim.metric
