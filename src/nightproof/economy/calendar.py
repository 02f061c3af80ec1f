"""The price calendar: by which factor a machine's list price changes with the hour where it stands.

Local time decides, daylight saving included. Within a day the hours of the weekday tariff apply; on a weekend day the
weekend's factor replaces them, from local midnight to local midnight (so Friday 23:00 is a weekday night and Sunday
23:00 is weekend). What is bought as spot is multiplied once more (`economy.pool`).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from jaxtyping import Int

from nightproof.economy.steps import Steps, common_edges
from nightproof.economy.units import DAY_S, HOUR_S

Array = np.ndarray

PPM = 1_000_000
"""Factors are kept in millionths, so that prices stay whole numbers."""
EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday; Monday is 0."""


@dataclass(frozen=True, slots=True)
class Tariff:
    """Factors by local hour. Defaults and their reading: docs/reference/economy.md."""

    weekday_hours: tuple[tuple[float, float], ...]
    """(first hour, factor), ascending, beginning at 0: each holds until the next begins."""
    weekend: float
    weekend_days: frozenset[int]
    """0 is Monday."""
    spot: float

    @property
    def week(self) -> tuple[Int[Array, " n"], Int[Array, " n"]]:
        """Seconds after local Monday midnight at which the factor may change, and the factors from there, in ppm."""
        begins, factors = [], []
        for day in range(7):
            hours = ((0.0, self.weekend),) if day in self.weekend_days else self.weekday_hours
            begins += [round(day * DAY_S + hour * HOUR_S) for hour, _ in hours]
            factors += [round(factor * PPM) for _, factor in hours]
        return np.array(begins), np.array(factors)


FLAT = Tariff(weekday_hours=((0.0, 1.0),), weekend=1.0, weekend_days=frozenset(), spot=1.0)
"""The same at every hour: electricity and wear of one's own machine."""


def utc_offsets(zone: ZoneInfo, start_s: int, end_s: int) -> list[tuple[int, int]]:
    """(instant, offset from UTC from there on), seconds; the first instant is `start_s`.

    Looks every six hours and bisects where the offset changed. A zone that changes twice within six hours would be
    misread; none does.
    """
    looks = [*range(start_s, end_s, 6 * HOUR_S), end_s]
    found = [(start_s, _offset(zone, start_s))]
    for earlier, later in itertools.pairwise(looks):
        if _offset(zone, later) != found[-1][1]:
            change = _bisect(zone, earlier, later)
            found.append((change, _offset(zone, change)))
    return found


def _offset(zone: ZoneInfo, second: int) -> int:
    delta = datetime.fromtimestamp(second, UTC).astimezone(zone).utcoffset()
    assert delta is not None
    return round(delta.total_seconds())


def _bisect(zone: ZoneInfo, before: int, after: int) -> int:
    """The first second with the offset of `after`."""
    old = _offset(zone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(zone, middle) == old else (before, middle)
    return after


def weekly(zone: ZoneInfo, begins_s: Int[Array, " n"], values: Int[Array, " n"], start_s: int, end_s: int) -> Steps:
    """A pattern of local weeks, as a function of UTC on [start_s, end_s].

    Args:
        zone: whose clocks count.
        begins_s: seconds after local Monday midnight, ascending, the first 0.
        values: from each of them on.
    """
    spans = utc_offsets(zone, start_s, end_s)
    ends = [begin for begin, _ in spans[1:]] + [end_s]
    week_s = 7 * DAY_S
    edges = [np.array([start_s, end_s], np.int64)]
    for (begin, offset), end in zip(spans, ends, strict=True):
        monday = _local_monday(begin + offset)
        weeks = np.arange(monday, end + offset, week_s)
        changes = (weeks[:, None] + begins_s[None, :]).ravel() - offset
        edges += [np.array([begin]), changes[(changes > begin) & (changes < end)]]
    edge_s = common_edges(*edges)
    edge_s = edge_s[(edge_s >= start_s) & (edge_s <= end_s)]
    span = np.searchsorted(np.array([begin for begin, _ in spans]), edge_s[:-1], side="right") - 1
    local = edge_s[:-1] + np.array([offset for _, offset in spans])[span]
    of_week = (local + EPOCH_WEEKDAY * DAY_S) % week_s
    return Steps(edge_s, values[np.searchsorted(begins_s, of_week, side="right") - 1])


def _local_monday(local_s: int) -> int:
    return local_s - (local_s + EPOCH_WEEKDAY * DAY_S) % (7 * DAY_S)


def factors(tariff: Tariff, zone: ZoneInfo, start_s: int, end_s: int) -> Steps:
    """The tariff's factor in ppm as a function of UTC on [start_s, end_s]."""
    begins, values = tariff.week
    return weekly(zone, begins, values, start_s, end_s)
