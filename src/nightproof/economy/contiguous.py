"""The best single stretch of work on each offer, exactly.

The bill of a run of length d that starts at t is the difference of two piecewise linear functions of t, so it is
smallest where the start or the end meets a change of price, or at the ends of the window. Trying those instants is
exact: no grid, no regret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nightproof.economy.pool import Offer
from nightproof.economy.steps import Steps


@dataclass(frozen=True, eq=False)
class Candidate:
    """An offer with its objective and the time in which it may run."""

    offer: Offer
    objective: Steps
    """Picodollars per second: the bill plus the price of the carbon."""
    opens_s: int
    closes_s: int
    """Everything has ended by then."""


@dataclass(frozen=True, eq=False)
class Run:
    """One stretch on one candidate, from `start_s` to `end_s`."""

    candidate: Candidate
    start_s: int
    end_s: int


@dataclass(frozen=True, eq=False)
class Found:
    """Runs that do the work, and what they come to in picodollars."""

    runs: tuple[Run, ...]
    objective: int

    @property
    def order(self) -> tuple[int, int, int]:
        """Smaller is better: cheaper, then done earlier, then fewer starts."""
        return self.objective, self.runs[-1].end_s, len(self.runs)


def best_run(candidates: Sequence[Candidate], work_cpu_seconds: float) -> Found | None:
    """The cheapest single run before the candidates close; the one that ends first among the cheapest."""
    found = [run for it in candidates if (run := _best_on(it, work_cpu_seconds)) is not None]
    return min(found, key=lambda run: run.order) if found else None


def _best_on(candidate: Candidate, work_cpu_seconds: float) -> Found | None:
    duration = candidate.offer.duration_s(work_cpu_seconds)
    first, last = candidate.opens_s, candidate.closes_s - duration
    if last < first:
        return None
    edges = candidate.objective.edges_s
    starts = np.unique(np.clip(np.concatenate([edges, edges - duration, [first, last]]), first, last))
    costs = candidate.objective.integral(starts, starts + duration)
    best = int(np.argmin(costs))  # the first of equals: the earliest
    start = int(starts[best])
    return Found((Run(candidate, start, start + duration),), int(costs[best]))
