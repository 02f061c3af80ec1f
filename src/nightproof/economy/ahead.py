"""What the same work costs when it starts at each hour of the days ahead: the series behind the report's chart."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from nightproof.economy.planner import Job, baseline_name, baseline_offer, check_arguments
from nightproof.economy.pool import Machine, Prices, offers
from nightproof.economy.units import DAY_S, HOUR_S, PICO, seconds_of, utc_text
from nightproof.records.plan import CostAhead

DAYS_LIMIT = 14


def cost_ahead(
    job: Job,
    *,
    now_utc: datetime,
    prices: Prices,
    days: int = 3,
    machine: Machine | None = None,
    home: str | None = None,
) -> CostAhead:
    """Cost and carbon of one uninterrupted run that starts now, and at each whole hour until `days` later.

    Two series: on the baseline resource at home, and on whatever is cheapest for that start. Nothing is optimised over
    time here; the planner's choice is a point on or below the second curve.
    """
    days = max(1, min(days, DAYS_LIMIT))
    now_s = seconds_of(now_utc)
    home = prices.region(home or prices.home).name
    check_arguments(now_s, now_s + days * DAY_S, 0.0, machine)
    next_hour = now_s - now_s % HOUR_S + HOUR_S
    starts = np.array([now_s, *range(next_hour, now_s + days * DAY_S + 1, HOUR_S)])
    slowest = min([resource.cores for resource in prices.resources])
    longest_s = min(int(job.work_cpu_seconds / slowest) * 2 + HOUR_S, 28 * DAY_S)
    pool = offers(prices, machine, home, now_s, int(starts[-1]) + longest_s)
    pool = tuple(it for it in pool if it.duration_s(job.work_cpu_seconds) <= longest_s)
    reference = baseline_offer(pool, home)
    usd = np.stack([it.usd.integral(starts, starts + it.duration_s(job.work_cpu_seconds)) for it in pool])
    kg = np.stack([it.kg.integral(starts, starts + it.duration_s(job.work_cpu_seconds)) for it in pool])
    cheapest, hours = np.argmin(usd, axis=0), np.arange(len(starts))
    mine = pool.index(reference)
    return CostAhead(
        start_utc=tuple(utc_text(int(start)) for start in starts),
        baseline_name=baseline_name(prices, reference),
        baseline_usd=_plain(usd[mine]),
        baseline_carbon_kg=_plain(kg[mine]),
        cheapest_usd=_plain(usd[cheapest, hours]),
        cheapest_carbon_kg=_plain(kg[cheapest, hours]),
        cheapest_resource=tuple(pool[i].resource for i in cheapest),
    )


def _plain(values: np.ndarray) -> tuple[float, ...]:
    return tuple((values / PICO).tolist())
