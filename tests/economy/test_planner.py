"""Plans against brute force, and the laws that any plan keeps."""

import itertools
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from nightproof.economy.planner import DeadlineTooFar, DeadlineTooSoon, Job, UnpriceableJob, cost_now, plan_job
from nightproof.economy.pool import Interruptions, expected_rate
from nightproof.economy.prices import load_prices
from nightproof.records.plan import Plan

NOW = datetime(2026, 11, 23, 10, 7, tzinfo=UTC)
PRICES = load_prices()
HOME_ONLY = """format = 1
[[region]]
name = "home"
title = "Home"
zone = "UTC"
price_level = 0.5
carbon_kg_per_kwh = 0.4
resources = ["consumer_gpu"]
[[resource]]
name = "consumer_gpu"
title = "consumer GPU"
price_usd_per_h = [0.45, 0.45]
cores = 1
power_kw = 0.3
start_s = 0
checkpoint_s = 300
tariff = true
"""


def planned(work=16200.0, hours=24.0, now=NOW, prices=PRICES, preemptible=True, **more):
    job = Job(route="0" * 64, work_cpu_seconds=work, preemptible=preemptible)
    return plan_job(job, now_utc=now, deadline_utc=now + timedelta(hours=hours), prices=prices, **more)


@pytest.fixture
def home_only(tmp_path):
    path = tmp_path / "home.toml"
    path.write_text(HOME_ONLY)
    return load_prices(path)


@pytest.mark.parametrize("start_hour", [0, 4, 8, 12, 16, 20, 100, 130])
def test_a_single_run_is_the_best_of_every_minute(home_only, start_hour):
    now = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(hours=start_hour)
    best = planned(hours=24, now=now, prices=home_only, preemptible=False)
    job = Job(route="0" * 64, work_cpu_seconds=16200.0)
    every = [
        cost_now(job, now_utc=now + timedelta(minutes=m), prices=home_only).cost_usd
        for m in range(0, 24 * 60 - 270 + 1)
    ]
    assert best.cost_usd == pytest.approx(min(every), abs=1e-12)
    first = int(np.flatnonzero(np.isclose(every, min(every), rtol=0, atol=1e-12))[0])
    assert best.slots[0].start_utc == (now + timedelta(minutes=first)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert best.regret_bound_usd == 0.0


@pytest.mark.parametrize("work", [300.0, 7200.0, 130000.0, 900000.0])
@pytest.mark.parametrize("hours", [13, 60, 168])
@pytest.mark.parametrize("carbon", [0.0, 0.5])
def test_a_plan_does_the_work_in_time_and_never_beats_its_bound(work, hours, carbon):
    plan = planned(work, hours, carbon_usd_per_kg=carbon)
    resources = {it.name: it for it in PRICES.resources}
    ends, done = NOW, 0.0
    for slot in plan.slots:
        start = datetime.fromisoformat(slot.start_utc)
        assert start >= ends
        ends = start + timedelta(seconds=slot.duration_s)
        it = resources[slot.resource]
        terms = it.spot if slot.spot else it.reserved
        rate = it.cores * expected_rate(terms, it.checkpoint_s, it.start_s)
        done += (slot.duration_s - it.start_s) * rate
    assert ends <= NOW + timedelta(hours=hours)
    assert done >= work * (1 - 1e-9)
    assert 0 <= plan.regret_bound_usd <= 0.15 * (plan.cost_usd + carbon * plan.carbon_kg)
    single = planned(work, hours, carbon_usd_per_kg=carbon, preemptible=False)
    assert plan.cost_usd + carbon * plan.carbon_kg <= single.cost_usd + carbon * single.carbon_kg + 1e-9
    assert plan.cost_usd <= plan.cheapest_now.cost_usd + 1e-12 or carbon > 0


def test_more_time_never_costs_more():
    costs = [planned(200000.0, hours).cost_usd for hours in (6, 12, 24, 48, 96, 168)]
    # Within what the grid may leave on the table.
    assert all(later <= earlier * 1.005 for earlier, later in itertools.pairwise(costs))


def test_a_price_on_carbon_buys_less_carbon():
    kg = [planned(130000.0, 72, carbon_usd_per_kg=price).carbon_kg for price in (0.0, 0.2, 5.0)]
    assert kg[2] <= kg[1] <= kg[0] and kg[2] < 0.8 * kg[0]


def test_what_can_be_taken_away_ends_in_time_to_start_over():
    plan = planned(130000.0, 7)
    cores = max(it.cores for it in PRICES.resources)
    for slot in plan.slots:
        if slot.spot:
            end = datetime.fromisoformat(slot.start_utc) + timedelta(seconds=slot.duration_s)
            assert end + timedelta(seconds=130000.0 / cores) <= NOW + timedelta(hours=7)


def test_a_deadline_too_soon_says_what_is_feasible():
    with pytest.raises(DeadlineTooSoon) as caught:
        planned(500000.0, 2)
    needed = caught.value.needed_s / 3600
    assert "--deadline" in caught.value.hint and needed > 2
    assert planned(500000.0, needed + 0.02).slots


def test_arguments_without_sense_are_typed_errors():
    with pytest.raises(DeadlineTooFar):
        planned(hours=24 * 40)
    with pytest.raises(DeadlineTooSoon):
        planned(hours=-3)
    for work in (0.0, -1.0, float("nan"), float("inf"), 1e12):
        with pytest.raises(UnpriceableJob):
            planned(work)
    with pytest.raises(UnpriceableJob):
        planned(carbon_usd_per_kg=float("nan"))


def test_savings_and_return_are_what_they_are_called(home_only):
    plan = planned(prices=home_only)
    assert plan.savings_fraction == pytest.approx((plan.baseline.cost_usd - plan.cost_usd) / plan.baseline.cost_usd)
    assert plan.roi == pytest.approx((plan.baseline.cost_usd - plan.cost_usd) / plan.cost_usd)
    assert Plan.from_bytes(plan.canonical_bytes()) == plan


def test_the_same_question_has_the_same_answer():
    assert planned(130000.0, 30).canonical_bytes() == planned(130000.0, 30).canonical_bytes()


def test_interruptions_cost_what_a_simulation_says():
    """Work in pieces of τ, interrupted at rate λ, restart R: the share of running time that is kept."""
    terms, tau, restart = Interruptions(per_h=6.0, availability=1.0), 300.0, 60.0
    random = np.random.default_rng(3)
    rate, spent, pieces = terms.per_h / 3600, 0.0, 20000
    for _ in range(pieces):
        need = tau
        while (life := random.exponential(1 / rate)) < need:
            spent += life
            need = tau + restart
        spent += need
    # Daly charges the restart as a process of its own; the two agree to second order in λR.
    assert expected_rate(terms, tau, restart) == pytest.approx(pieces * tau / spent, rel=0.02)


@pytest.mark.parametrize(("hours", "everyone", "office"), [(24, 0.46, 0.68), (72, 0.52, 0.73), (168, 0.58, 0.78)])
def test_waiting_saves_what_we_found_before(home_only, hours, everyone, office):
    """4.5 h on one resource, arrivals at whole hours of a week; mean saved over mean paid."""
    monday = datetime(2026, 6, 1, tzinfo=UTC)
    pairs = []
    for hour in range(168):
        plan = planned(hours=hours, now=monday + timedelta(hours=hour), prices=home_only, preemptible=False)
        pairs.append((plan.baseline.cost_usd, plan.cost_usd))
    at_once, best = np.array(pairs).T
    working = [day * 24 + hour for day in range(5) for hour in range(9, 17)]
    assert 1 - best.sum() / at_once.sum() == pytest.approx(everyone, abs=0.02)
    assert 1 - best[working].sum() / at_once[working].sum() == pytest.approx(office, abs=0.02)
