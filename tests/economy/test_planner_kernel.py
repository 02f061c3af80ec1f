"""The native planner equals its twin, and both equal brute force."""

import itertools

import numpy as np
import pytest

from nightproof.kernels import planner, planner_reference


def brute_force(unit_cost, open_, units, lost, work, slot_s):
    """Every sequence of offers and pauses."""
    slots, offers = unit_cost.shape
    best = None
    for chosen in itertools.product(range(-1, offers), repeat=slots):
        left, cost, finish, before = work, 0, 0, -1
        for slot, offer in enumerate(chosen):
            if left > 0 and offer >= 0:
                if not open_[slot, offer]:
                    break
                left += 0 if offer == before else int(lost[offer])
                done = min(left, int(units[offer]))
                cost += int(unit_cost[slot, offer]) * done
                finish = slot * slot_s + -(-done * slot_s // int(units[offer]))
                left -= done
            before = offer
        else:
            if left <= 0 and (best is None or (cost, finish) < best):
                best = (cost, finish)
    return best or (-1, -1)


def problem(seed, slots, offers):
    random = np.random.default_rng(seed)
    units = random.integers(1, 9, offers).astype(np.int32)
    lost = np.array([random.integers(0, n + 1) for n in units], np.int32)
    cost = random.integers(0, 6, (slots, offers))  # few values: many ties
    open_ = (random.random((slots, offers)) < 0.85).astype(np.uint8)
    return cost, open_, units, lost, int(random.integers(1, max(2, slots * int(units.max()) // 2))), 900


@pytest.mark.parametrize("seed", range(60))
def test_the_schedule_is_the_best_of_all_sequences(seed):
    given = problem(seed, slots=6, offers=2)
    assert planner_reference.schedule(*given)[:2] == brute_force(*given)


@pytest.mark.parametrize("seed", range(40))
def test_native_and_twin_choose_the_same_slots(seed):
    given = problem(seed, slots=30, offers=5)
    fast, slow = planner.schedule(*given), planner_reference.schedule(*given)
    assert fast[:2] == slow[:2]
    assert np.array_equal(fast[2], slow[2])


@pytest.mark.parametrize("seed", range(20))
def test_pricing_the_work_bounds_every_schedule_from_below(seed):
    cost, open_, units, lost, work, slot_s = problem(seed, slots=12, offers=3)
    best = planner.schedule(cost, open_, units, lost, work, slot_s)[0]
    prices = np.linspace(0, 20, 41)
    given = (cost * units * 1.0, np.broadcast_to(units, cost.shape) * 1.0, lost * 1.0, open_, prices)
    values = planner.dual_values(*given)
    assert np.allclose(values, planner_reference.dual_values(*given), rtol=1e-12, atol=1e-9)
    if best >= 0:
        assert np.max(prices * work + values) <= best + 1e-9


def test_hostile_sizes_are_refused():
    cost, open_, units, lost, _, _ = problem(1, slots=6, offers=2)
    for bad in ({"work": 0}, {"work": 2**30}, {"slot_s": 0}, {"units": units * 0}, {"cost": cost - 10}):
        with pytest.raises(ValueError):
            planner.schedule(
                bad.get("cost", cost), open_, bad.get("units", units), lost, bad.get("work", 4), bad.get("slot_s", 900)
            )
