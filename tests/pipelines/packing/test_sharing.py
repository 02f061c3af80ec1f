"""Who gives way: no view is left with more than it may lose, and nobody could do it in fewer bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nightproof.pipelines.packing.sharing import Claim, shares

claims = st.dictionaries(
    st.integers(0, 9),
    st.builds(
        Claim,
        bytes=st.floats(1, 1e6),
        power=st.floats(0.1, 3),
        errors=st.dictionaries(st.integers(0, 2), st.floats(0.01, 10), min_size=1),
        least=st.just(1e-9),
    ),
    min_size=1,
    max_size=6,
)


@given(claims, st.floats(0.1, 20))
def test_no_view_is_left_with_more_than_is_allowed(found, allowed):
    factors = shares(found, allowed)
    assert all(0 < factor <= 1 for factor in factors.values())
    for view in (0, 1, 2):
        left = sum(claim.errors.get(view, 0.0) * factors[key] for key, claim in found.items())
        assert left <= allowed * (1 + 1e-6)


@given(claims)
def test_nobody_gives_way_where_nothing_is_too_much(found):
    total = max(sum(claim.errors.get(view, 0.0) for claim in found.values()) for view in (0, 1, 2))
    assert set(shares(found, total * 1.001).values()) == {1.0}


def test_of_one_view_no_other_sharing_costs_fewer_bytes():
    """Against a grid of all sharings of two."""
    one, other = Claim(1000.0, 1.2, {0: 6.0}, 1e-9), Claim(300.0, 0.4, {0: 5.0}, 1e-9)
    factors = shares({"one": one, "other": other}, 4.0)

    def cost(first, second):
        return one.bytes * first**-one.power + other.bytes * second**-other.power

    first = np.linspace(1e-3, min(1.0, 4.0 / 6.0), 20_000)
    second = np.minimum(1.0, (4.0 - 6.0 * first) / 5.0)
    best = cost(first[second > 0], second[second > 0]).min()
    assert cost(factors["one"], factors["other"]) <= best * 1.001


def test_nobody_goes_further_than_is_trusted():
    assert shares({"a": Claim(1.0, 1.0, {0: 100.0}, 0.45)}, 1.0) == {"a": 0.45}
