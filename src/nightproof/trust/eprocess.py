"""Decide "the mean error is below its limit" while looking at every view, without being fooled by looking.

A gambler starts with one coin and bets against "the mean error is at least `limit`"; bets are chosen before each
view and can never lose everything. If that statement is true no strategy makes money on average, so by Ville's
inequality the gambler ever reaches 1/α with probability at most α: reaching it is evidence for *holds*, whenever we
look and whenever we stop. A second gambler bets the other way, for *fails*. Whoever is not convinced at the cap says
*undecided* (rules S5 to S7 of docs/spec/sampling.md).

One view's error x in [0, worst] multiplies the fortune by 1 + λ (limit − x), 0 ≤ λ ≤ 0.85 / (worst − limit). Such
bets lose no power: they are all there is for a bounded mean (Waudby-Smith & Ramdas, Estimating means of bounded
random variables by betting, 2024). Nine tenths of the coin follow, view by view, the fixed bet that would have
earned most so far, beginning with a bold one; the rest is spread over eight fixed bets and insures against the leader
being wrong. A mixture of fortunes is a fortune, so the guarantee is untouched. What this saves over the eight bets
alone: `benchmarks/eprocess.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nightproof.records.verdict import Outcome

Array = np.ndarray

FIXED_BETS = 8
LEADER_SHARE = 0.9
"""Part of the coin that follows the leader; the tenth it lacks costs it 0.11 nats, two views of a good asset."""
BOLDEST = 0.85
"""Largest bet as a part of the largest that is solvent. One view of the worst error leaves 15 % of the fortune;
against 1 % of such views this is about the best there is, and it costs a flawless asset a sixth more views."""
LEADER_BETS = BOLDEST * np.arange(1, 21) / 20
OPENING_VIEWS = 4.0
"""Strength of the opening belief, in views: the asset has half the error it may have (or, for the other gambler,
one and a half times)."""
BOUND_STEPS = 400


@dataclass(frozen=True, slots=True)
class MeanClaim:
    """ "The mean of min(error, worst) is below `limit`", to be decided at error rate `alpha` both ways."""

    limit: float
    worst: float
    alpha: float

    def __post_init__(self) -> None:
        if not 0 < self.limit < self.worst:
            raise ValueError("a limit lies between no error and the worst that is counted")
        if not 0 < self.alpha < 1:
            raise ValueError("an error rate lies between 0 and 1")


class Fortune:
    """Fortunes of n gamblers who bet that errors have a mean below (or above) their limits.

    Vectorised over n independent sequences; one view of each at a time.
    """

    def __init__(self, limits: Float[Array, "n"], worst: float, *, below: bool) -> None:
        self._limits = np.asarray(limits, np.float64)
        self._sign = 1.0 if below else -1.0
        self._largest = 1 / ((worst - self._limits) if below else self._limits)
        self._log_fixed = np.zeros((len(self._limits), FIXED_BETS))
        opening = np.log1p(np.outer(self._largest * self._limits / 2, LEADER_BETS))
        self._log_leaders = OPENING_VIEWS * opening
        self._log_leader = np.zeros(len(self._limits))

    def bet(self, errors: Float[Array, "n"]) -> Float[Array, "n"]:
        """Take one view's error of each sequence, in [0, worst]; return the logarithms of the fortunes."""
        gain = self._sign * (self._limits - errors) * self._largest
        boldness = LEADER_BETS[np.argmax(self._log_leaders, axis=1)]  # chosen before the error is looked at
        self._log_leader += np.log1p(boldness * gain)
        self._log_leaders += np.log1p(np.outer(gain, LEADER_BETS))
        self._log_fixed += np.log1p(np.outer(gain, BOLDEST * np.arange(1, FIXED_BETS + 1) / FIXED_BETS))
        return np.asarray(self.log())

    def log(self) -> Float[Array, "n"]:
        fixed = np.logaddexp.reduce(self._log_fixed, axis=1) - np.log(FIXED_BETS)
        return np.logaddexp(np.log(LEADER_SHARE) + self._log_leader, np.log1p(-LEADER_SHARE) + fixed)


class SequentialTest:
    """One claim under test. Add views until it is decided; a decision stands, whatever is added later."""

    def __init__(self, claim: MeanClaim) -> None:
        self.claim = claim
        self._errors: list[float] = []
        self._holds = Fortune(np.array([claim.limit]), claim.worst, below=True)
        self._fails = Fortune(np.array([claim.limit]), claim.worst, below=False)
        self.outcome: Outcome = "undecided"

    def add(self, error: float) -> Outcome:
        """Take one more view's error; it is counted as at least 0 and at most `worst`."""
        clipped = np.array([min(max(error, 0.0), self.claim.worst)])
        self._errors.append(float(clipped[0]))
        goal = -np.log(self.claim.alpha)
        holds, fails = self._holds.bet(clipped)[0] >= goal, self._fails.bet(clipped)[0] >= goal
        if self.outcome == "undecided":
            self.outcome = "holds" if holds else "fails" if fails else "undecided"
        return self.outcome

    @property
    def views(self) -> int:
        return len(self._errors)

    @property
    def mean(self) -> float:
        """Of the counted errors."""
        return float(np.mean(self._errors)) if self._errors else 0.0

    def upper_bound(self) -> float:
        """The mean error is below this with probability 1 − α at least, whenever one asks; at most `worst`."""
        return upper_bound(np.array(self._errors), self.claim)


def upper_bound(errors: Float[Array, "views"], claim: MeanClaim) -> float:
    """The least value above which every candidate mean has been bet against successfully."""
    candidates = claim.limit + (claim.worst - claim.limit) * np.arange(-BOUND_STEPS, BOUND_STEPS) / BOUND_STEPS
    candidates = candidates[candidates > 0]
    fortune = Fortune(candidates, claim.worst, below=True)
    refuted = np.zeros(len(candidates), bool)
    for error in errors:
        refuted |= fortune.bet(np.full(len(candidates), error)) >= -np.log(claim.alpha)
    standing = np.flatnonzero(~refuted)
    if len(standing) == 0:
        return float(candidates[0])
    return float(candidates[standing[-1] + 1]) if standing[-1] + 1 < len(candidates) else claim.worst


def stakes(errors: Float[Array, "views"], claim: MeanClaim) -> tuple[Float[Array, "views"], Float[Array, "views"]]:
    """Logarithms of what a stake of 1 on *holds*, and one on *fails*, had become after each view."""
    limit = np.array([claim.limit])
    good, bad = Fortune(limit, claim.worst, below=True), Fortune(limit, claim.worst, below=False)
    clipped = np.clip(np.asarray(errors, np.float64), 0, claim.worst)
    both = [(good.bet(error[None])[0], bad.bet(error[None])[0]) for error in clipped]
    return np.array([holds for holds, _ in both]), np.array([fails for _, fails in both])


def decide_many(errors: Float[Array, "n views"], claim: MeanClaim) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    """The same test on n sequences at once: outcome (1 holds, −1 fails, 0 undecided) and views used."""
    count, cap = errors.shape
    limits = np.full(count, claim.limit)
    good, bad = Fortune(limits, claim.worst, below=True), Fortune(limits, claim.worst, below=False)
    outcome, views = np.zeros(count, int), np.full(count, cap)
    goal = -np.log(claim.alpha)
    for view in range(cap):
        clipped = np.clip(errors[:, view], 0, claim.worst)
        holds, fails = good.bet(clipped) >= goal, bad.bet(clipped) >= goal
        fresh = (outcome == 0) & (holds | fails)
        outcome[fresh] = np.where(holds[fresh], 1, -1)
        views[fresh] = view + 1
    return outcome, views
