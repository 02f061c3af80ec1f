"""How cheap any schedule could possibly be, in continuous time, with any number of starts.

Two bounds that are strong where the other is weak. Pricing the work (`dual_bound`) is tight for long jobs, where a
start costs little beside the work. Counting stretches (`stretches_bound`) is tight for short ones: a second start
costs more than any second place could save, and of schedules with one start the best is known exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nightproof.economy.contiguous import Candidate
from nightproof.economy.steps import common_edges
from nightproof.kernels import planner

ROUNDS, PRICES = 8, 17
"""The bracket of the price shrinks to 2/16 in every round: to 10⁻⁷ of where it began."""
PARTS = 32
"""Stretches are told apart by how many 32nds of the work they do."""
CLOSE = 0.005
"""A dual bound this close is not worth improving."""


def lower_bound(candidates: Sequence[Candidate], work_cpu_seconds: float, single: int | None) -> float:
    """Picodollars that no schedule of one offer at a time can go below, on the grid or off it.

    Args:
        candidates: the offers.
        work_cpu_seconds: what is to be done.
        single: the exact optimum among schedules with one start; None where there is none.
    """
    dual = dual_bound(candidates, work_cpu_seconds)
    if single is None or single <= dual * (1 + CLOSE):
        return dual
    return max(dual, min(float(single), stretches_bound(candidates, work_cpu_seconds)))


def dual_bound(candidates: Sequence[Candidate], work_cpu_seconds: float) -> float:
    """Weak duality: for any price of a CPU-second the value below is a bound.

    It is concave in the price, and a shrinking bracket finds its peak. Loading times count; rounding to whole seconds
    does not, in the bound's favour.
    """
    windows = [np.array([it.opens_s, it.closes_s]) for it in candidates]
    edges = common_edges(*(it.objective.edges_s for it in candidates), *windows)
    length = np.diff(edges).astype(float)
    cost = np.stack([it.objective.on(edges).values * length for it in candidates], axis=1)
    work = np.outer(length, [it.offer.work_per_s for it in candidates])
    start = np.array([it.offer.start_s * it.offer.work_per_s for it in candidates])
    open_ = np.stack([(edges[:-1] >= it.opens_s) & (edges[1:] <= it.closes_s) for it in candidates], axis=1)
    low, high = 0.0, 2.0 * float(np.max(cost / work)) * (1 + float(np.max(start)) / work_cpu_seconds)
    best = 0.0
    for _ in range(ROUNDS):
        prices = np.linspace(low, high, PRICES)
        values = prices * work_cpu_seconds + planner.dual_values(cost, work, start, open_, prices)
        peak = int(np.argmax(values))
        best = max(best, float(values[peak]))
        low, high = float(prices[max(peak - 1, 0)]), float(prices[min(peak + 1, PRICES - 1)])
    return best


def stretches_bound(candidates: Sequence[Candidate], work_cpu_seconds: float) -> float:
    """What at least two stretches cost together, at least, even if they were allowed to overlap.

    A stretch that does between i and i + 1 parts of the work costs no less than the cheapest one that does i; a
    knapsack over the parts finds the cheapest collection that may add up to all of it.
    """
    cheapest = [_cheapest_stretch(candidates, work_cpu_seconds * part / PARTS) for part in range(PARTS)]
    any_number = [0.0] + [math.inf] * PARTS
    for done in range(1, PARTS + 1):
        any_number[done] = min(cheapest[part] + any_number[max(done - part - 1, 0)] for part in range(PARTS))
    # One stretch may do nearly everything: then the other still has its start.
    rest = [max(any_number[max(PARTS - part - 1, 0)], cheapest[0]) for part in range(PARTS)]
    return min(cheapest[part] + rest[part] for part in range(PARTS))


def _cheapest_stretch(candidates: Sequence[Candidate], work_cpu_seconds: float) -> float:
    best = math.inf
    for it in candidates:
        duration = it.offer.start_s + math.floor(work_cpu_seconds / it.offer.work_per_s)
        first, last = it.opens_s, it.closes_s - duration
        if first <= last:
            edges = it.objective.edges_s
            starts = np.clip(np.concatenate([edges, edges - duration]), first, last)
            best = min(best, float(it.objective.integral(starts, starts + duration).min()))
    return best
