"""The integers that the planner counts in, and the instants it speaks of.

Money is counted in picodollars, carbon in picokilograms (10⁻¹²): fine enough that rounding a rate to a whole number
per second changes a bill by less than a millionth, coarse enough that a month at the highest rate allowed fits into
64 bits with room to spare.
"""

from __future__ import annotations

from datetime import UTC, datetime

PICO = 10**12
HOUR_S = 3600
DAY_S = 86400
HORIZON_DAYS = 31
"""No plan looks further ahead; longer deadlines are refused, not cut."""
RATE_LIMIT_PER_S = PICO
"""Highest objective per second, picodollars ($3,600 per hour): 31 days of it stay below 2⁶²."""


def per_second(per_hour: float) -> int:
    """A rate per hour in units (dollars, kilograms) as a whole number of their 10⁻¹² parts per second."""
    return round(per_hour * PICO / HOUR_S)


def seconds_of(instant: datetime) -> int:
    """Whole Unix seconds of an aware instant, rounded up: nothing is planned into the past."""
    assert instant.tzinfo is not None, "an instant needs a time zone"
    seconds = instant.timestamp()
    return int(-(-seconds // 1))


def utc_text(seconds: int) -> str:
    """ISO 8601, whole seconds, `Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
