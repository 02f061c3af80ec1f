"""Who gives way: no view is left with more than it may lose, and nobody could do it in fewer bytes."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightproof.pipelines.packing.sharing import Claim, Option, shares

options = st.lists(st.builds(Option, st.floats(1e-6, 0.999), st.floats(1, 1e6)), max_size=6).map(
    lambda found: (Option(1.0, 500.0), *found, Option(1e-9, 2e6))
)
claims = st.dictionaries(
    st.integers(0, 9),
    st.builds(
        Claim,
        options=options,
        errors=st.dictionaries(st.integers(0, 2), st.floats(0.01, 10), min_size=1),
    ),
    min_size=1,
    max_size=6,
)


def left(found, factors, view):
    return sum(claim.errors.get(view, 0.0) * factors[key] for key, claim in found.items())


@given(claims, st.floats(0.1, 20))
def test_no_view_is_left_with_more_than_is_allowed(found, allowed):
    factors = shares(found, allowed)
    assert all(0 < factor <= 1 for factor in factors.values())
    for view in (0, 1, 2):
        assert left(found, factors, view) <= allowed * (1 + 1e-6)


def bytes_of(found, factors):
    return sum(min(o.bytes for o in claim.options if o.factor == factors[key]) for key, claim in found.items())


@given(claims, st.floats(0.1, 20))
def test_of_one_view_no_other_sharing_costs_fewer_bytes(found, allowed):
    """But for roundings of the error: against every sharing of what a view with that much less may lose."""
    alone = {key: Claim(claim.options[:5], {0: claim.errors.get(0, 1.0)}) for key, claim in list(found.items())[:4]}
    factors = shares(alone, allowed)
    ways = product(*(claim.options for claim in alone.values()))
    errors = [claim.errors[0] for claim in alone.values()]
    enough = [way for way in ways if sum(e * o.factor for e, o in zip(errors, way, strict=True)) <= allowed * 63 / 64]
    if enough and left(alone, dict.fromkeys(alone, 1.0), 0) > allowed:
        assert bytes_of(alone, factors) <= min(sum(o.bytes for o in way) for way in enough) * (1 + 1e-9)
        assert left(alone, factors, 0) <= allowed * (1 + 1e-9)


def test_a_leap_is_not_taken_where_small_steps_of_others_are_enough():
    """By the bytes for the error less the leap is the best of all, and far more than is needed."""
    found = {
        "leaps": Claim((Option(1.0, 300.0), Option(0.1, 1100.0)), {0: 5.0}),
        "steps": Claim((Option(1.0, 80.0), Option(0.9, 130.0), Option(0.7, 230.0)), {0: 1.0}),
    }
    assert shares(found, 5.75) == {"leaps": 1.0, "steps": 0.7}


@given(claims)
def test_nobody_gives_way_where_nothing_is_too_much(found):
    total = max(left(found, dict.fromkeys(found, 1.0), view) for view in (0, 1, 2))
    assert set(shares(found, total * 1.001).values()) == {1.0}


def curve(bytes_now: float, power: float) -> tuple[Option, ...]:
    return tuple(Option(float(f), bytes_now * float(f) ** -power) for f in np.geomspace(1, 0.01, 60))


def test_another_way_of_coding_is_taken_where_finer_qualities_cost_more():
    lossy = (*curve(1000.0, 3.0)[:20], Option(0.001, 1500.0))
    assert shares({"a": Claim(lossy, {0: 100.0})}, 20.0) == {"a": 0.001}


def test_nobody_goes_further_than_any_option():
    assert shares({"a": Claim((Option(1.0, 1.0), Option(0.45, 2.0)), {0: 100.0})}, 1.0) == {"a": 0.45}


def test_who_gave_way_too_far_for_want_of_smaller_steps_takes_back_what_others_leave():
    """One has only a leap, which is enough for both: the other stays as it was."""
    found = {
        "leaps": Claim((Option(1.0, 100.0), Option(0.01, 900.0)), {0: 10.0}),
        "follows": Claim((Option(1.0, 100.0), Option(0.5, 120.0)), {0: 2.0}),
    }
    assert shares(found, 3.0) == {"leaps": 0.01, "follows": 1.0}
