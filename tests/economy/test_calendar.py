"""The calendar against the clock on the wall, second by second where it matters."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from nightproof.economy.calendar import PPM, factors
from nightproof.economy.prices import load_prices
from nightproof.economy.steps import Steps


def on_the_wall(second, zone):
    """The brief, read aloud."""
    local = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone))
    if local.weekday() >= 5:
        return 0.4
    for until, factor in ((6, 0.6), (9, 1.0), (17, 2.0), (21, 1.0), (24, 0.6)):
        if local.hour < until:
            return factor
    raise AssertionError


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo"]
)
@pytest.mark.parametrize("start", ["2026-03-05", "2026-03-27", "2026-04-03", "2026-04-22", "2026-10-02", "2026-10-29"])
def test_the_factor_is_what_the_wall_clock_says_also_when_clocks_change(zone, start):
    begin = int(datetime.fromisoformat(start + "T00:07:00+00:00").timestamp())
    steps = factors(load_prices().tariff, ZoneInfo(zone), begin, begin + 9 * 86400)
    near = np.concatenate([steps.edges_s[1:-1] - 1, steps.edges_s[:-1], np.arange(begin, begin + 9 * 86400, 1789)])
    assert [value / PPM for value in steps.at(near)] == [on_the_wall(int(t), zone) for t in near]


def test_a_job_across_the_hour_that_is_skipped_pays_for_the_hours_it_ran():
    """Berlin, Sunday 2026-03-29: 02:00 becomes 03:00. Saturday 20:00 to Monday 08:00 local is 35 hours, not 36."""
    zone = ZoneInfo("Europe/Berlin")
    begin = int(datetime(2026, 3, 28, 20, tzinfo=zone).timestamp())
    end = int(datetime(2026, 3, 30, 8, tzinfo=zone).timestamp())
    assert end - begin == 35 * 3600
    bill = factors(load_prices().tariff, zone, begin, end).integral(np.array([begin]), np.array([end]))[0]
    assert bill == round((27 * 0.4 + 6 * 0.6 + 2 * 1.0) * 3600 * PPM)


def test_integrals_are_exact_sums():
    random = np.random.default_rng(0)
    edges = np.unique(random.integers(0, 500, 40))
    steps = Steps(edges, random.integers(0, 10**12, len(edges) - 1))
    each = np.array([int(steps.at(np.array([t]))[0]) for t in range(edges[0], edges[-1])])
    for a, b in random.integers(edges[0], edges[-1], (50, 2)):
        a, b = min(a, b), max(a, b)
        assert int(steps.integral(np.array([a]), np.array([b]))[0]) == int(each[a - edges[0] : b - edges[0]].sum())


def test_the_hours_of_a_week_add_up():
    begin = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())
    end = int((datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=7)).timestamp())
    week = factors(load_prices().tariff, ZoneInfo("UTC"), begin, end)
    assert week.integral(np.array([begin]), np.array([end]))[0] == round(161.2 * 3600 * PPM)
