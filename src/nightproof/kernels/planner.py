"""The planner's dynamic programs, native; `planner_reference` defines what they return."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt8

from nightproof import _native

Array = np.ndarray


def schedule(
    unit_cost: Int[Array, "slots offers"],
    open: UInt8[Array, "slots offers"],
    units: Int[Array, " offers"],
    lost: Int[Array, " offers"],
    work: int,
    slot_s: int,
) -> tuple[int, int, Int[Array, " slots"]]:
    """The cheapest way through a grid of slots: see `planner_reference.schedule`. At most 2²⁸ states."""
    return _native.planner_schedule(
        np.ascontiguousarray(unit_cost, np.int64),
        np.ascontiguousarray(open, np.uint8),
        np.ascontiguousarray(units, np.int32),
        np.ascontiguousarray(lost, np.int32),
        work,
        slot_s,
    )


def dual_values(
    cost: Float[Array, "segments offers"],
    work: Float[Array, "segments offers"],
    start_work: Float[Array, " offers"],
    open: UInt8[Array, "segments offers"],
    prices: Float[Array, " n"],
) -> Float[Array, " n"]:
    """Lower bounds by pricing the work: see `planner_reference.dual_values`."""
    return _native.planner_dual_values(
        np.ascontiguousarray(cost, np.float64),
        np.ascontiguousarray(work, np.float64),
        np.ascontiguousarray(start_work, np.float64),
        np.ascontiguousarray(open, np.uint8),
        np.ascontiguousarray(prices, np.float64),
    )
