"""Choose where and when a job runs before its deadline, and say what that saves against running it now.

The objective is the bill plus a price on the carbon; among equals the plan that ends first wins. Two searches compete:
the best single stretch, exact in continuous time (`economy.contiguous`), and, for work that can be stopped at a
checkpoint, the best sequence of stretches on a grid (`economy.split`), with a proven bound on what is left on the
table. One offer runs at a time.

Whatever may be taken away (spot, volunteers) must be over early enough that the job could still be done from scratch
on something that stays: the deadline holds even if all of it is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from nightproof.economy.bound import lower_bound
from nightproof.economy.contiguous import Candidate, Found, Run, best_run
from nightproof.economy.pool import HERE, Machine, Offer, Prices, offers
from nightproof.economy.split import best_split, undominated
from nightproof.economy.steps import Steps
from nightproof.economy.units import DAY_S, HORIZON_DAYS, HOUR_S, PICO, RATE_LIMIT_PER_S, seconds_of, utc_text
from nightproof.errors import NightproofError
from nightproof.records.plan import Plan, Slot

BASELINE_RESOURCE = "consumer_gpu"
EXACT_WITHIN = 1e-6
"""Two objectives closer than this are the same: a rounded second of a job of two weeks."""


class DeadlineTooSoon(NightproofError):
    """Nothing in the pool can finish the work in time."""

    def __init__(self, needed_s: int, allowed_s: int, fastest: str, earliest_utc: str) -> None:
        self.needed_s, self.allowed_s, self.earliest_utc = needed_s, allowed_s, earliest_utc
        super().__init__(
            f"the deadline is {spell(allowed_s)} away; the fastest offer ({fastest}) needs {spell(needed_s)} "
            f"and would be done at {earliest_utc}",
            hint=f"Allow at least --deadline {math.ceil(needed_s / 60)}m, or add something faster with --prices FILE.",
        )


class DeadlineTooFar(NightproofError):
    """Prices and carbon are not known that far ahead."""

    hint = f"Choose a deadline within {HORIZON_DAYS} days."


class UnpriceableJob(NightproofError):
    """An amount of work, a carbon price or a machine that no plan can be made of."""

    hint = "Give positive, finite numbers of ordinary size."


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be run."""

    route: str
    """Digest of the `Route`."""
    work_cpu_seconds: float
    preemptible: bool = True
    """Whether the work can stop at a checkpoint and carry on later, elsewhere."""

    def __post_init__(self) -> None:
        if not 0 < self.work_cpu_seconds <= 1e10:
            raise UnpriceableJob(f"{self.work_cpu_seconds:g} CPU-seconds of work")


def spell(seconds: float) -> str:
    """A duration for people: `45 s`, `12 min`, `4 h 30 min`, `3 d 2 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours + (minutes >= 30), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def plan_job(
    job: Job,
    *,
    now_utc: datetime,
    deadline_utc: datetime,
    prices: Prices,
    machine: Machine | None = None,
    home: str | None = None,
    carbon_usd_per_kg: float = 0.0,
) -> Plan:
    """The cheapest plan before the deadline, beside two baselines that start at once.

    Args:
        job: how much work, and whether it can be interrupted.
        now_utc: earliest start; aware.
        deadline_utc: latest end; aware, at most 31 days ahead.
        prices: of `load_prices`.
        machine: the user's own machine, if it may be used.
        home: region of the user, for the baseline and for the carbon of their machine; default: that of `prices`.
        carbon_usd_per_kg: what a kilogram of CO₂e counts in the objective. Bills are reported without it.

    Raises:
        DeadlineTooSoon: nothing can finish in time; says what could be done.
        DeadlineTooFar, UnpriceableJob: the arguments make no sense.
    """
    now_s, deadline_s = seconds_of(now_utc), math.floor(deadline_utc.timestamp())
    home = prices.region(home or prices.home).name
    check_arguments(now_s, deadline_s, carbon_usd_per_kg, machine)
    pool = _pool(job, prices, machine, home, now_s, deadline_s)
    candidates = _candidates(job, pool, now_s, deadline_s, carbon_usd_per_kg)
    best, regret = _best(job, candidates)
    slots = tuple(_slot(run.candidate.offer, run.start_s, run.end_s) for run in best.runs)
    reference = baseline_offer(pool, home)
    baseline = _slot(reference, now_s, now_s + reference.duration_s(job.work_cpu_seconds))
    cost = math.fsum(slot.cost_usd for slot in slots)
    saved = baseline.cost_usd - cost
    return Plan(
        route=job.route,
        made_utc=utc_text(now_s),
        deadline_utc=utc_text(deadline_s),
        work_cpu_seconds=job.work_cpu_seconds,
        slots=slots,
        baseline_name=baseline_name(prices, reference),
        baseline=baseline,
        cheapest_now=_cheapest_now(job, pool, now_s, deadline_s),
        cost_usd=cost,
        energy_kwh=math.fsum(slot.energy_kwh for slot in slots),
        carbon_kg=math.fsum(slot.carbon_kg for slot in slots),
        savings_fraction=saved / baseline.cost_usd if baseline.cost_usd > 0 else 0.0,
        roi=saved / cost if cost > 0 else 0.0,
        regret_bound_usd=regret / PICO,
        carbon_usd_per_kg=carbon_usd_per_kg,
        prices=prices.digest,
    )


def cost_now(
    job: Job, *, now_utc: datetime, prices: Prices, machine: Machine | None = None, home: str | None = None
) -> Slot:
    """The work at once, in one go: on the user's machine if one is given, else on the baseline resource at home."""
    now_s = seconds_of(now_utc)
    home = prices.region(home or prices.home).name
    check_arguments(now_s, now_s + 1, 0.0, machine)
    pool = _pool(job, prices, machine, home, now_s, now_s)
    wanted = (it for it in pool if it.resource == HERE or (machine is None and _is_baseline(it, home)))
    offer = next(wanted, pool[0])
    return _slot(offer, now_s, now_s + offer.duration_s(job.work_cpu_seconds))


def check_arguments(now_s: int, deadline_s: int, carbon_usd_per_kg: float, machine: Machine | None) -> None:
    if not 0.0 <= carbon_usd_per_kg <= 100.0:
        raise UnpriceableJob(f"a carbon price of {carbon_usd_per_kg:g} dollars per kilogram (at most 100)")
    if deadline_s - now_s > HORIZON_DAYS * DAY_S:
        raise DeadlineTooFar(f"the deadline is {spell(deadline_s - now_s)} away, further than {HORIZON_DAYS} days")
    if machine is not None and not (
        0 < machine.cores <= 1e5 and 0 <= machine.power_kw <= 100 and 0 <= machine.usd_per_h <= 300
    ):
        raise UnpriceableJob(f"a machine of {machine.cores:g} cores, {machine.power_kw:g} kW, ${machine.usd_per_h:g}/h")


def _pool(job: Job, prices: Prices, machine: Machine | None, home: str, now_s: int, deadline_s: int) -> list[Offer]:
    """All offers, with prices known until the deadline and at least as long as the baseline takes from now."""
    return list(offers(prices, machine, home, now_s, _known_until(job, prices, machine, now_s, deadline_s)))


def _known_until(job: Job, prices: Prices, machine: Machine | None, now_s: int, deadline_s: int) -> int:
    slowest = min([resource.cores for resource in prices.resources if resource.name == BASELINE_RESOURCE] or [1.0])
    if machine is not None:
        slowest = min(slowest, machine.cores)
    needed_s = math.ceil(job.work_cpu_seconds / slowest) + HOUR_S
    if needed_s > HORIZON_DAYS * DAY_S:
        raise UnpriceableJob(f"{job.work_cpu_seconds:g} CPU-seconds would take more than {HORIZON_DAYS} days here")
    return max(deadline_s, now_s + needed_s)


def _candidates(
    job: Job, pool: Sequence[Offer], now_s: int, deadline_s: int, carbon_usd_per_kg: float
) -> list[Candidate]:
    """What can run at all before the deadline, with its window."""
    steady = [offer.duration_s(job.work_cpu_seconds) for offer in pool if offer.secure]
    safety_s = min(steady, default=0)
    result = []
    for offer in pool:
        closes = deadline_s if offer.secure else deadline_s - safety_s
        if closes > now_s:
            result.append(Candidate(offer, _objective(offer, carbon_usd_per_kg), now_s, closes))
    if (steady and now_s + safety_s > deadline_s) or (not steady and best_run(result, job.work_cpu_seconds) is None):
        raise _too_soon(job, pool, now_s, deadline_s)
    return result


def _too_soon(job: Job, pool: Sequence[Offer], now_s: int, deadline_s: int) -> DeadlineTooSoon:
    fastest = min(pool, key=lambda offer: (not offer.secure, offer.duration_s(job.work_cpu_seconds)))
    needed = fastest.duration_s(job.work_cpu_seconds)
    return DeadlineTooSoon(needed, max(deadline_s - now_s, 0), _where(fastest), utc_text(now_s + needed))


def _objective(offer: Offer, carbon_usd_per_kg: float) -> Steps:
    rates = offer.usd.values + np.round(offer.kg.values * carbon_usd_per_kg).astype(np.int64)
    if int(rates.max()) > RATE_LIMIT_PER_S:
        raise UnpriceableJob(f"{_where(offer)} would count more than $3,600 per hour, carbon included")
    return Steps(offer.usd.edges_s, rates)


def _best(job: Job, candidates: Sequence[Candidate]) -> tuple[Found, float]:
    """The best plan found, and a bound on what a better one could save, in picodollars."""
    single = best_run(candidates, job.work_cpu_seconds)
    if not job.preemptible:
        assert single is not None, "_candidates lets through only what one offer can finish"
        return single, 0.0
    kept = undominated(candidates)
    bound = lower_bound(kept, job.work_cpu_seconds, None if single is None else single.objective)
    found = [single] if single is not None else []
    if single is None or single.objective > bound * (1 + EXACT_WITHIN):
        several = best_split(kept, job.work_cpu_seconds)
        found += [several] if several is not None else []
    best = min(found, key=lambda it: it.order)
    return best, max(0.0, best.objective - bound)


def _slot(offer: Offer, start_s: int, end_s: int) -> Slot:
    start, end = np.array([start_s]), np.array([end_s])
    return Slot(
        start_utc=utc_text(start_s),
        duration_s=float(end_s - start_s),
        region=offer.region,
        resource=offer.resource,
        spot=offer.spot,
        cost_usd=int(offer.usd.integral(start, end)[0]) / PICO,
        energy_kwh=offer.power_kw * (end_s - start_s) / HOUR_S,
        carbon_kg=int(offer.kg.integral(start, end)[0]) / PICO,
    )


def _cheapest_now(job: Job, pool: Sequence[Offer], now_s: int, deadline_s: int) -> Slot:
    """The lowest bill among all that start now and meet the deadline, whether they may be interrupted or not."""
    in_time = [it for it in pool if now_s + it.duration_s(job.work_cpu_seconds) <= deadline_s]
    slots = [_slot(it, now_s, now_s + it.duration_s(job.work_cpu_seconds)) for it in in_time]
    return min(slots, key=lambda slot: (slot.cost_usd, slot.duration_s))


def _is_baseline(offer: Offer, home: str) -> bool:
    return offer.resource == BASELINE_RESOURCE and offer.region == home and not offer.spot


def baseline_offer(pool: Sequence[Offer], home: str) -> Offer:
    """A consumer GPU at home, reserved; where the price file has none, the first offer there is."""
    return next((it for it in pool if _is_baseline(it, home)), pool[0])


def baseline_name(prices: Prices, offer: Offer) -> str:
    titles = {resource.name: resource.title for resource in prices.resources}
    place = "this machine" if offer.resource == HERE else f"a {titles[offer.resource]} in {offer.region}"
    return f"at once on {place}"


def _where(offer: Offer) -> str:
    return f"{offer.resource} in {offer.region}{', spot' if offer.spot else ''}"


__all__ = ["DeadlineTooFar", "DeadlineTooSoon", "Job", "Run", "UnpriceableJob", "cost_now", "plan_job", "spell"]
