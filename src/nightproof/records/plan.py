"""Where and when the work runs, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One stretch of work on one resource."""

    start_utc: str
    """ISO 8601, whole seconds, `Z`."""
    duration_s: float
    region: str
    resource: str
    spot: bool
    cost_usd: float
    energy_kwh: float
    carbon_kg: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan(Record):
    """The chosen slots beside a named baseline."""

    kind: ClassVar[str] = "plan"

    route: str
    """Digest of the `Route`."""
    made_utc: str
    deadline_utc: str
    work_cpu_seconds: float
    """The estimate that was planned for."""
    slots: tuple[Slot, ...]
    baseline_name: str
    baseline: Slot
    """The same work under the baseline, e.g. at once on a consumer GPU in the user's region."""
    cheapest_now: Slot
    """The same work at once on the cheapest resource that meets the deadline: the harder baseline."""
    cost_usd: float
    energy_kwh: float
    carbon_kg: float
    savings_fraction: float
    """(baseline − optimised) / baseline."""
    roi: float
    """(baseline − optimised) / optimised."""
    regret_bound_usd: float
    """The plan's objective (cost + carbon price × carbon) is at most this much above the best one there is."""
    carbon_usd_per_kg: float
    """The carbon price that was planned with; 0 where only the bill counts."""
    prices: str
    """Digest of the price and region data used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CostAhead(Record):
    """What the same work costs when it starts at each hour of the days ahead; the series behind the report's chart."""

    kind: ClassVar[str] = "cost-ahead"

    start_utc: tuple[str, ...]
    baseline_name: str
    baseline_usd: tuple[float, ...]
    baseline_carbon_kg: tuple[float, ...]
    cheapest_usd: tuple[float, ...]
    """On the offer that is cheapest for a start at that hour, run in one go."""
    cheapest_carbon_kg: tuple[float, ...]
    cheapest_resource: tuple[str, ...]
