"""Whole committees from one seed: up to 33 % of the weight lies, copies, equivocates or keeps silent."""

import numpy as np
import pytest

from nightproof.trust.consensus.commitment import commitment
from nightproof.trust.consensus.decision import QUORUM, WEIGHT_CAP, Ballot, capped_weights, decide, deviating

GOOD, BAD = "good", "bad"


def cast(names, verdict):
    return [Ballot(name, verdict, f"evidence of {name} for {verdict}") for name in names]


def committed(ballots):
    return [(ballot.verifier, commitment(ballot.verifier, ballot.evidence)) for ballot in ballots]


@pytest.mark.parametrize("size", range(4, 32))
def test_liars_cannot_make_two_observers_disagree(size):
    """Each observer sees the liars back what it leans to, however honest members split."""
    members = [f"v{i:02}" for i in range(size)]
    liars = members[: int(0.33 * size)]
    honest = members[len(liars) :]
    weights = capped_weights(dict.fromkeys(members, 1.0))
    for split in range(len(honest) + 1):
        truth = cast(honest[:split], GOOD) + cast(honest[split:], BAD)
        seen = [
            decide(truth + lies, committed(truth + lies), weights, {}).verdict
            for lies in (cast(liars, GOOD), cast(liars, BAD))
        ]
        assert set(seen) != {GOOD, BAD}


@pytest.mark.parametrize("seed", range(200))
def test_a_third_of_liars_never_gets_a_wrong_verdict_accepted(seed):
    rng = np.random.default_rng(seed)
    size = int(rng.integers(4, 16))
    members = [f"v{i:02}" for i in range(size)]
    weights = capped_weights({name: float(rng.gamma(2)) for name in members})
    liars, share = [], 0.0
    for name in rng.permutation(members):
        if share + weights[name] <= 0.33:
            liars, share = [*liars, str(name)], share + weights[name]
    honest = [name for name in members if name not in liars]
    # every liar lies, equivocates or is silent, whatever hurts most
    lies = cast(liars, BAD) + cast([name for name in liars if rng.random() < 0.3], GOOD)
    ballots = cast(honest, GOOD) + lies
    decision = decide(ballots, committed(ballots), weights, {})
    assert decision.verdict in (GOOD, None)
    assert decision.verdict == (GOOD if 1 - share > QUORUM else None)


def test_an_equivocator_counts_for_neither():
    weights = capped_weights(dict.fromkeys("abcd", 1.0))
    ballots = cast("abc", GOOD) + cast("c", BAD)
    decision = decide(ballots, committed(ballots), weights, {})
    assert decision.verdict is None
    assert decision.flags["c"] == ("voted twice",)


def test_a_lazy_copier_gains_nothing():
    """It waits for a reveal and repeats it: what it committed to before cannot be that."""
    weights = capped_weights(dict.fromkeys("abcd", 1.0))
    honest = cast("ab", GOOD)
    copies = [Ballot(name, GOOD, honest[0].evidence) for name in "cd"]
    copied = commitment("a", honest[0].evidence)  # the commitment itself, copied
    guesses = [("c", copied), ("d", "0" * 64)]
    decision = decide(honest + copies, committed(honest) + guesses, weights, {})
    assert decision.agreement == pytest.approx(0.5)
    assert decision.verdict is None


def test_strangers_do_not_count():
    weights = capped_weights(dict.fromkeys("abcd", 1.0))
    ballots = cast("ab", GOOD) + cast("wxyz", GOOD)
    assert decide(ballots, committed(ballots), weights, {}).verdict is None


def test_exactly_the_quorum_is_not_more_than_the_quorum():
    weights = {"a": 0.30, "b": 0.30, "c": 0.07, "d": 0.30, "e": 0.03}
    ballots = cast("abc", GOOD)
    assert decide(ballots, committed(ballots), weights, {}).verdict is None


@pytest.mark.parametrize("seed", range(30))
def test_no_member_outweighs_the_cap(seed):
    rng = np.random.default_rng(seed)
    raw = {f"v{i}": float(rng.pareto(0.5)) for i in range(int(rng.integers(4, 20)))}
    weights = capped_weights(raw)
    assert sum(weights.values()) == pytest.approx(1)
    assert max(weights.values()) <= WEIGHT_CAP + 1e-9
    assert min(weights.values()) > 0


def test_deviation_is_judged_in_error_space():
    """SSIM .76 among .95 is 380 % off in error, though a fifth in SSIM: it must be flagged, and a fair one must not."""
    weights = dict.fromkeys("abcd", 0.25)
    flags = deviating({"a": 0.05, "b": 0.0501, "c": 0.0499, "d": 0.24}, weights, noise=0.0)
    assert set(flags) == {"d"}
    assert not deviating({"a": 0.050, "b": 0.054, "c": 0.047, "d": 0.052}, weights, noise=0.05)
    assert deviating({"a": 0.050, "b": 0.062, "c": 0.05, "d": 0.05}, weights, noise=9.0), "20 % is the outer limit"


def test_colluding_liars_cannot_move_the_median_to_themselves():
    weights = capped_weights(dict.fromkeys("abcdefg", 1.0))
    magnitudes = {"a": 0.02, "b": 0.0201, "c": 0.0199, "d": 0.02, "e": 0.02, "f": 0.005, "g": 0.005}
    assert set(deviating(magnitudes, weights, noise=0.0)) == {"f", "g"}
