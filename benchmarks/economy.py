"""What waiting is worth: one job of 4.5 h on one resource, over all arrivals of a week.

    python benchmarks/economy.py

Savings are mean saved over mean paid at once, arrivals at whole hours. The last columns let the job pause at
checkpoints, and give the time and the proven gap of planning over the whole built-in pool.
"""

from __future__ import annotations

import dataclasses
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from nightproof.economy.planner import Job, plan_job
from nightproof.economy.pool import Prices
from nightproof.economy.prices import load_prices

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
OFFICE = [day * 24 + hour for day in range(5) for hour in range(9, 17)]


def one_resource() -> Prices:
    """A consumer GPU in one region, reserved, without loading time."""
    prices = load_prices()
    gpu = dataclasses.replace(prices.resources[0], spot=None, start_s=0)
    region = dataclasses.replace(prices.regions[0], zone="UTC", resources=frozenset({gpu.name}))
    return dataclasses.replace(prices, resources=(gpu,), regions=(region,))


def savings(prices: Prices, hours: int, preemptible: bool) -> tuple[float, float]:
    """For uniform arrivals, and for weekdays 9 to 17."""
    job = Job(route="0" * 64, work_cpu_seconds=4.5 * 3600 * prices.resources[0].cores, preemptible=preemptible)
    paid = []
    for hour in range(168):
        now = MONDAY + timedelta(hours=hour)
        plan = plan_job(job, now_utc=now, deadline_utc=now + timedelta(hours=hours), prices=prices)
        paid.append((plan.baseline.cost_usd, plan.cost_usd))
    at_once, best = np.array(paid).T
    return 1 - best.sum() / at_once.sum(), 1 - best[OFFICE].sum() / at_once[OFFICE].sum()


def whole_pool(hours: int) -> tuple[float, float, float]:
    """CPU milliseconds per plan, the largest proven gap, and carbon saved by a price of $0.20/kg."""
    prices, job = load_prices(), Job(route="0" * 64, work_cpu_seconds=4.5 * 3600 * 8)
    plans, priced = [], []
    began = time.process_time()
    for hour in range(0, 168, 12):
        now = MONDAY + timedelta(hours=hour)
        plans.append(plan_job(job, now_utc=now, deadline_utc=now + timedelta(hours=hours), prices=prices))
    spent = (time.process_time() - began) / len(plans)
    for hour in range(0, 168, 12):
        now = MONDAY + timedelta(hours=hour)
        until = now + timedelta(hours=hours)
        priced.append(plan_job(job, now_utc=now, deadline_utc=until, prices=prices, carbon_usd_per_kg=0.2))
    gap = max(plan.regret_bound_usd / plan.cost_usd for plan in plans)
    carbon = 1 - sum(plan.carbon_kg for plan in priced) / sum(plan.carbon_kg for plan in plans)
    return spent * 1000, gap, carbon


def main() -> None:
    prices = one_resource()
    print("deadline  uniform  weekday 9–17  pausable: uniform  weekday 9–17 | pool: ms/plan  gap  carbon at $0.20/kg")
    for hours in (24, 72, 168):
        (everyone, office), (everyone_p, office_p) = (savings(prices, hours, pausable) for pausable in (False, True))
        spent_ms, gap, carbon = whole_pool(hours)
        print(
            f"{hours:6} h  {everyone:7.1%}  {office:12.1%}  {everyone_p:17.1%}  {office_p:12.1%} |"
            f" {spent_ms:13.0f}  {gap:.2%}  −{carbon:.0%}"
        )


if __name__ == "__main__":
    main()
