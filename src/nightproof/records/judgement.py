"""What a committee made of its members' evidence: everything that a certificate is written from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record
from nightproof.records.verdict import Outcome, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """One metric over all views: medians over the verifiers whose votes count."""

    metric: str
    mean: float | None
    """In the metric's own unit; None where not one view was measured."""
    bound: float | None
    """The mean is better than this at the claim's error rate; None where there is no claim or no view."""
    threshold: float | None
    """None for what is reported and not judged."""
    outcome: Outcome
    views: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One verifier of the committee, and what became of its vote."""

    verifier: str
    public_key: str
    weight: float
    agreed: bool
    evidence: str
    """Digest of its evidence; empty where none came."""
    flags: tuple[str, ...]
    """Why its vote does not count, if it does not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Record):
    """The verdict the committee stands behind (an undecided one, where it stands behind none)."""

    kind: ClassVar[str] = "judgement"

    verdict: Verdict
    decided: bool
    """Whether more than 67 % of the weight backs the verdict."""
    agreement: float
    """Share of the committee's weight behind it."""
    members: tuple[Member, ...]
    aggregates: tuple[Aggregate, ...]
    view_seed: int
    policy_name: str
    shared_references: bool
    reference_self_ssim: float
    cpu_seconds: float
