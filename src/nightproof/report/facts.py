"""What the report is made of. Everything arrives here; the page looks nothing up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from nightproof.records.analysis import Analysis
from nightproof.records.asset import Asset
from nightproof.records.plan import CostAhead, Plan
from nightproof.records.route import Route
from nightproof.records.scene import Scene
from nightproof.records.verdict import Outcome

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class ViewImages:
    """One view: the reference, the asset, and where they differ."""

    name: str
    reference: UInt8[Array, "h w 3"]
    """sRGB."""
    asset: UInt8[Array, "h w 3"]
    """sRGB, same size."""
    flip: Float[Array, "h w"] | None
    """FLIP error in [0, 1] per pixel, or None where it was not measured."""
    metrics: Mapping[str, float]
    """Name → value in this view."""
    index: int = -1
    """Its number among the judged views, from 0; -1 where it is none of them."""
    why: str = ""
    """Why this one is shown, e.g. `the worst`."""


@dataclass(frozen=True)
class Betting:
    """How a claim came to be decided: natural logarithms of two stakes of 1 after each view."""

    holds: tuple[float, ...]
    fails: tuple[float, ...]
    needed: float
    """The stake that decides: one over the error rate."""


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """One metric: what was measured, what was claimed, what follows."""

    name: str
    """As the records call it, e.g. `ssim`."""
    values: tuple[float, ...]
    """Of every view (or path segment) that was measured, in the order in which they were drawn."""
    threshold: float | None
    higher_is_better: bool
    outcome: Outcome | None
    """None where nothing was judged (a comparison)."""
    mean: float | None = None
    bound: float | None = None
    """The mean is better than this, at the error rate."""
    error_rate: float | None = None
    betting: Betting | None = None
    counts: str = "view"
    """What a value belongs to."""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Member:
    """One verifier of the committee."""

    key_id: str
    weight: float
    vote: str
    """`holds`, `fails`, `undecided`, or `` for none."""
    flags: tuple[str, ...] = ()
    views: int = 0


@dataclass(frozen=True, kw_only=True)
class AuditFacts:
    """What the independent renderer said, or why it was not asked."""

    outcome: Outcome
    """`not_evaluated` where it did not run."""
    reason: str = ""
    """Why it was not run, or what stayed open."""
    auditor: str = ""
    views: int = 0
    mean_difference: float = 0.0
    """Relative difference of the mean radiance."""
    mean_error: float = 0.0
    """One standard error of it."""
    ssim: float | None = None
    """Of the worst view, as displayed."""
    tolerance: str = ""


@dataclass(frozen=True)
class SizePart:
    """A share of the file, before and after."""

    name: str
    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, kw_only=True)
class ReportInput:
    """A finished job."""

    scene: Scene
    analysis: Analysis
    route: Route
    asset: Asset
    outcome: Outcome
    certified: bool
    policy: str
    """Name of the policy, e.g. `standard`."""
    views: tuple[ViewImages, ...]
    metrics: tuple[MetricFacts, ...]
    sizes: tuple[SizePart, ...] = ()
    plan: Plan | None = None
    ahead: CostAhead | None = None
    zone: str = "UTC"
    """Whose clock the charts show, as IANA names it."""
    cost_here_usd: float | None = None
    """What the work that was really done costs on this machine, at the hour when it was done."""
    carbon_here_kg: float | None = None
    audit: AuditFacts | None = None
    committee: tuple[Member, ...] = ()
    agreement: float | None = None
    """Share of the weight behind the verdict."""
    shared: str = ""
    """What the verifiers shared on one machine, in a sentence."""
    certificate_sha256: str = ""
    worst_tile_ssim: float | None = None
    reference_self_ssim: float | None = None
    notices: tuple[str, ...] = ()
    """What the reader must know: fallbacks, what was not evaluated."""
    work_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    """Step → CPU-seconds, as measured."""
    cpu_seconds: float | None = None
    software: Mapping[str, str] = field(default_factory=dict)
    chain: tuple[tuple[str, str], ...] = ()
    """(kind, digest) from the scene to the certificate."""


@dataclass(frozen=True, kw_only=True)
class ComparisonInput:
    """Two files beside each other; nothing is certified."""

    original: str
    asset: str
    original_bytes: int
    asset_bytes: int
    views: tuple[ViewImages, ...]
    metrics: tuple[MetricFacts, ...]
    policy: str = ""
    """Whose thresholds are drawn for orientation."""
    sizes: tuple[SizePart, ...] = ()
    notices: tuple[str, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
