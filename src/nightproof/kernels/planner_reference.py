"""The planner's dynamic programs in plain NumPy: slow, short, and what `nightproof.kernels.planner` must equal.

Both go backwards in time over "nothing runs" and "offer r ran just before"; a start loses some work, a stop is free,
and one offer runs at a time.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

Array = np.ndarray
NEVER = np.iinfo(np.int64).max
"""The cost of what cannot be done in the time left."""


def schedule(
    unit_cost: Int[Array, "slots offers"],
    open: UInt8[Array, "slots offers"],
    units: Int[Array, " offers"],
    lost: Int[Array, " offers"],
    work: int,
    slot_s: int,
) -> tuple[int, int, Int[Array, " slots"]]:
    """The cheapest way to do `work` units in the given slots; the earliest finish among the cheapest.

    Args:
        unit_cost: cost of one unit of work, ≥ 0, any integer money.
        open: 1 where the offer may run in the slot.
        units: what an offer does in a slot, ≥ 1. The last slot is used, and paid, in part.
        lost: units that a start takes, at most `units`.
        work: units to be done, ≥ 1.
        slot_s: length of a slot, seconds.

    Returns:
        Cost, finish in seconds after the first slot begins (both -1 where it cannot be done), and per slot the offer
        that runs, or -1.
    """
    slots, offers = unit_cost.shape
    idle = [_outlook(work) for _ in range(slots + 1)]
    busy = [[_outlook(work) for _ in range(offers)] for _ in range(slots + 1)]
    started = np.full((slots, work + 1), -1)
    carried = np.zeros((slots, offers, work + 1), bool)
    left = np.arange(work + 1)
    for slot in reversed(range(slots)):
        idle[slot] = idle[slot + 1].copy()
        for offer in reversed(range(offers)):  # backwards, and winning ties: the offer listed first is kept
            if open[slot, offer]:
                begun = _run(
                    busy[slot + 1][offer],
                    unit_cost[slot, offer],
                    units[offer],
                    left + lost[offer],
                    slot * slot_s,
                    slot_s,
                )
                wins = ~_less(idle[slot], begun) & (begun[0] != NEVER)
                wins[0] = False
                idle[slot][:, wins] = begun[:, wins]
                started[slot, wins] = offer
        for offer in range(offers):
            busy[slot][offer] = idle[slot].copy()
            if open[slot, offer]:
                on = _run(busy[slot + 1][offer], unit_cost[slot, offer], units[offer], left, slot * slot_s, slot_s)
                carried[slot, offer] = ~_less(idle[slot], on) & (on[0] != NEVER)
                busy[slot][offer][:, carried[slot, offer]] = on[:, carried[slot, offer]]
    cost, finish_s = (int(value) for value in idle[0][:, work])
    if cost == NEVER:
        return -1, -1, np.full(slots, -1, np.int32)
    return cost, finish_s, _follow(started, carried, units, lost, work)


def _outlook(work: int) -> Int[Array, "2 left"]:
    return np.full((2, work + 1), NEVER)


def _less(a: Array, b: Array) -> Array:
    return (a[0] < b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))


def _run(after: Array, price: int, units: int, left: Array, start_s: int, slot_s: int) -> Array:
    """Cost and finish of running through one slot with `left` units to do, then as `after` tells."""
    result = np.full((2, len(left)), NEVER)
    last = left <= units
    result[0, last] = price * left[last]
    result[1, last] = start_s + -(-left[last] * slot_s // units)
    rest = after[:, np.where(last, 0, left - units)]
    more = ~last & (rest[0] != NEVER)
    result[0, more] = rest[0, more] + price * units
    result[1, more] = rest[1, more]
    return result


def _follow(started: Array, carried: Array, units: Array, lost: Array, work: int) -> Array:
    chosen = np.full(len(started), -1, np.int32)
    running, left = -1, work
    for slot in range(len(started)):
        if left <= 0:
            break
        if running >= 0 and not carried[slot, running, left]:
            running = -1
        if running < 0:
            running = int(started[slot, left])
            left += int(lost[running]) if running >= 0 else 0
        left -= int(units[running]) if running >= 0 else 0
        chosen[slot] = running
    return chosen


def dual_values(
    cost: Float[Array, "segments offers"],
    work: Float[Array, "segments offers"],
    start_work: Float[Array, " offers"],
    open: UInt8[Array, "segments offers"],
    prices: Float[Array, " n"],
) -> Float[Array, " n"]:
    """min over schedules of cost − price · work, for each price of a unit of work.

    `cost` and `work` are those of running through a whole segment of constant price. With the work priced instead of
    fixed, the objective is linear in every start and stop, so schedules that start and stop between segments suffice.
    By weak duality price · W + the value is, for every price, a lower bound on the cost of doing W.
    """
    values = []
    for price in prices:
        idle, busy = 0.0, np.zeros(len(start_work))
        for segment in reversed(range(len(cost))):
            busy = np.where(open[segment], busy + (cost[segment] - price * work[segment]), np.inf)
            idle = min(idle, float(np.min(busy + price * start_work, initial=np.inf)))
            busy = np.minimum(busy, idle)
        values.append(idle)
    return np.array(values)
