"""What follows from evidence: discrete, so that verifiers who measured different views can agree on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from nightproof.records.record import Record

Outcome = Literal["holds", "fails", "undecided", "not_evaluated"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricVerdict:
    """One metric's claim and whether it stands."""

    metric: str
    threshold: float
    error_rate: float
    """Probability of calling a failing asset good, at most."""
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Record):
    """`holds` where every evaluated required metric holds; `fails` where one fails; else `undecided`."""

    kind: ClassVar[str] = "verdict"

    source_sha256: str
    asset_sha256: str
    policy: str
    """Digest of the policy record: thresholds, error rates, caps, view distribution."""
    outcome: Literal["holds", "fails", "undecided"]
    metrics: tuple[MetricVerdict, ...]
