"""Where and when a job's work would run, what it costs now, and what it would cost over the days ahead."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from nightproof.jobs.asking import BadOption, Wishes
from nightproof.records.plan import CostAhead, Plan, Slot
from nightproof.records.route import Route

if TYPE_CHECKING:
    from nightproof.economy.planner import Job
    from nightproof.economy.pool import Machine, Prices

VERIFYING_CPU_SECONDS = {"draft": 180.0, "standard": 900.0, "strict": 3600.0}
"""What a committee's measurement of an ordinary interior takes, for planning; the outcome holds what it took."""
UNKNOWN_WORK_CPU_SECONDS = 300.0
"""For a pipeline that gives no estimate."""
MACHINE_POWER_KW_PER_CORE = 0.015
"""A desktop under load draws about 15 W for each busy core."""
SHORTEST_WORK_CPU_SECONDS = 1.0
DAYS_AHEAD = 3


def expected_cpu_seconds(route: Route, policy: str) -> float:
    """Making and verifying, by the chosen pipeline's own estimate."""
    return max(_making_cpu_seconds(route) + VERIFYING_CPU_SECONDS[policy], SHORTEST_WORK_CPU_SECONDS)


def making_share(route: Route, policy: str) -> float:
    """Which part of the work is making; the rest is verifying."""
    return _making_cpu_seconds(route) / expected_cpu_seconds(route, policy)


def _making_cpu_seconds(route: Route) -> float:
    chosen = next((it for it in route.alternatives if it.pipeline == route.pipeline), None)
    return chosen.estimate.cpu_seconds if chosen and chosen.estimate else UNKNOWN_WORK_CPU_SECONDS


def plan_work(route: Route, wishes: Wishes, now: datetime, threads: int, cpu_seconds: float | None = None) -> Plan:
    """The best slots before the deadline, for the work foretold or for `cpu_seconds`.

    Best is what costs least, every kilogram of CO₂e counted at the price file's carbon price. Raises `BadOption`,
    `BrokenPrices`, `DeadlineTooSoon`.
    """
    from nightproof.economy.planner import plan_job

    prices = _prices(wishes)
    work = expected_cpu_seconds(route, wishes.policy) if cpu_seconds is None else cpu_seconds
    return plan_job(
        _job(route, max(work, SHORTEST_WORK_CPU_SECONDS)),
        now_utc=now,
        deadline_utc=now + timedelta(hours=wishes.deadline_h),
        prices=prices,
        machine=_machine(prices, threads),
        home=wishes.region,
        carbon_usd_per_kg=prices.carbon_usd_per_kg,
    )


def in_hindsight(plan: Plan, route: Route, wishes: Wishes, cpu_seconds: float, threads: int) -> Plan:
    """What would have been planned, had it been known what the work takes; `plan` where that had been too late."""
    from nightproof.economy.planner import DeadlineTooSoon

    try:
        return plan_work(route, wishes, datetime.fromisoformat(plan.made_utc), threads, cpu_seconds)
    except DeadlineTooSoon:
        return plan


def cost_of_now(route: Route, wishes: Wishes, now: datetime, cpu_seconds: float, threads: int) -> Slot:
    """What work that took `cpu_seconds` costs on this machine at this hour."""
    from nightproof.economy.planner import cost_now

    prices = _prices(wishes)
    work = _job(route, max(cpu_seconds, SHORTEST_WORK_CPU_SECONDS))
    return cost_now(work, now_utc=now, prices=prices, machine=_machine(prices, threads), home=wishes.region)


def days_ahead(route: Route, wishes: Wishes, now: datetime, cpu_seconds: float, threads: int) -> CostAhead:
    """The report's chart: the same work started at each hour of the next days."""
    from nightproof.economy.ahead import cost_ahead

    prices = _prices(wishes)
    work = _job(route, max(cpu_seconds, SHORTEST_WORK_CPU_SECONDS))
    machine = _machine(prices, threads)
    return cost_ahead(work, now_utc=now, prices=prices, days=DAYS_AHEAD, machine=machine, home=wishes.region)


def home_zone(wishes: Wishes) -> str:
    """Whose clock the user's region has, as IANA names it."""
    prices = _prices(wishes)
    return prices.region(wishes.region or prices.home).zone


def _job(route: Route, cpu_seconds: float) -> Job:
    from nightproof.economy.planner import Job

    return Job(route=route.digest, work_cpu_seconds=cpu_seconds)


def _machine(prices: Prices, threads: int) -> Machine:
    return prices.machine(cores=float(threads), power_kw=MACHINE_POWER_KW_PER_CORE * threads)


def _prices(wishes: Wishes) -> Prices:
    from nightproof.economy.prices import load_prices

    prices = load_prices(wishes.prices)
    known = [region.name for region in prices.regions]
    if wishes.region not in known:
        raise BadOption(f"--region {wishes.region}: no such region", hint=f"Choose one of: {', '.join(known)}.")
    return prices
