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
    cost_usd: float
    energy_kwh: float
    carbon_kg: float
    savings_fraction: float
    """(baseline − optimised) / baseline."""
    roi: float
    """(baseline − optimised) / optimised."""
    regret_bound_usd: float
    """The plan costs at most this much more than the best one there is."""
    prices: str
    """Digest of the price and region data used."""
