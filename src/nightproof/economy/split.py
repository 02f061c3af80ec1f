"""The best way to do the work in several stretches, when it can be stopped at a checkpoint and carried on elsewhere.

A dynamic programme over slots of a quarter of an hour to an hour finds the cheapest sequence of stretches
(`kernels.planner.schedule`); every start pays for its loading time. Its answer is then laid on the clock exactly, with
the true rates. How far any schedule in continuous time could be below it is bounded in `economy.bound`, so the
planner never claims more than it can show.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from nightproof.economy.contiguous import Candidate, Found, Run
from nightproof.economy.steps import common_edges
from nightproof.kernels import planner

Array = np.ndarray

SLOTS_S = (900, 1800, 3600)
"""Slot lengths, tried from fine to coarse."""
STATES_LIMIT = 8_000_000
"""Slots × offers × units of work: less than a tenth of a second."""
UNITS_PER_SLOT = (48, 720)
"""The fastest offer does this many units of work in a slot: at least, and where `STATES_LIMIT` allows."""


def best_split(candidates: Sequence[Candidate], work_cpu_seconds: float) -> Found | None:
    """The cheapest sequence of stretches on the finest grid that fits `STATES_LIMIT`.

    Returns:
        None where no sequence on the grid does the work in time, or no grid is coarse enough.
    """
    fastest = max(it.offer.work_per_s for it in candidates)
    first = min(it.opens_s for it in candidates)
    horizon = max(it.closes_s for it in candidates) - first
    fewest, most = UNITS_PER_SLOT
    for slot_s in SLOTS_S:
        slots, busy_slots = horizon // slot_s, work_cpu_seconds / (fastest * slot_s)
        if slots < 1 or busy_slots > slots:
            return None
        per_slot = min(most, int(STATES_LIMIT / (slots * len(candidates) * max(busy_slots, 1 / most))))
        if per_slot >= fewest:
            return _on_grid(candidates, first, slot_s, slots, fastest * slot_s / per_slot, work_cpu_seconds)
    return None


def undominated(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Drop what another one beats at every second: as fast, as quick to start, never dearer, open as long.

    Whatever runs on a dropped offer could run on the one that beats it, second for second, for no more.
    """
    edges = common_edges(*(it.objective.edges_s for it in candidates))
    rates = np.stack([it.objective.on(edges).values for it in candidates])
    traits = np.array([(-it.offer.work_per_s, it.offer.start_s, -it.closes_s, it.opens_s) for it in candidates])
    kept = np.ones(len(candidates), bool)
    for i in range(len(candidates)):
        if kept[i]:
            no_worse = np.all(rates[i] <= rates, axis=1) & np.all(traits[i] <= traits, axis=1)
            no_worse[i] = False
            kept &= ~no_worse
    return [it for it, keep in zip(candidates, kept, strict=True) if keep]


def _on_grid(
    candidates: Sequence[Candidate], first: int, slot_s: int, slots: int, unit: float, work: float
) -> Found | None:
    candidates = [it for it in candidates if it.offer.work_per_s * slot_s >= unit]
    starts = first + slot_s * np.arange(slots)
    units = np.array([math.floor(it.offer.work_per_s * slot_s / unit) for it in candidates])
    lost = np.array(
        [
            min(math.ceil(it.offer.start_s * it.offer.work_per_s / unit), n)
            for it, n in zip(candidates, units, strict=True)
        ]
    )
    cost = np.stack([it.objective.integral(starts, starts + slot_s) for it in candidates], axis=1)
    open_ = np.stack([(starts >= it.opens_s) & (starts + slot_s <= it.closes_s) for it in candidates], axis=1)
    total, _, chosen = planner.schedule(cost // units, open_, units, lost, math.ceil(work / unit), slot_s)
    return None if total < 0 else _laid_out(candidates, chosen, first, slot_s, work)


def _laid_out(candidates: list[Candidate], chosen: Array, first: int, slot_s: int, work: float) -> Found | None:
    """Stretches of equal choice as runs with true rates; the last one ends when the work is done."""
    runs, objective, left = [], 0, work
    edges = [0, *(np.flatnonzero(np.diff(chosen)) + 1), len(chosen)]
    for begin, end in itertools.pairwise(edges):
        if chosen[begin] < 0 or left <= 0:
            continue
        it = candidates[chosen[begin]]
        start, stop = first + int(begin) * slot_s, first + int(end) * slot_s
        stop = min(stop, start + it.offer.duration_s(left))
        left -= (stop - start - it.offer.start_s) * it.offer.work_per_s
        runs.append(Run(it, start, stop))
        objective += int(it.objective.integral(np.array([start]), np.array([stop]))[0])
    return Found(tuple(runs), objective) if left <= 0 else None
