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


@dataclass(frozen=True, kw_only=True)
class MetricFacts:
    """One metric: what was measured, what was claimed, what follows."""

    name: str
    values: tuple[float, ...]
    threshold: float | None
    higher_is_better: bool
    outcome: Outcome | None
    """None where nothing was judged (a comparison)."""
    mean: float | None = None
    bound: float | None = None
    """The mean is better than this, at the policy's error rate."""
    running: tuple[float, ...] = ()
    """The running bound (or estimate) after each view, in the order in which they were drawn."""
    unit: str = ""
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
    """What the independent renderer said."""

    auditor: str
    views: int
    all_views: bool
    mean_difference: float
    """Relative difference of the mean radiance."""
    ssim: float | None
    tolerance: str
    passed: bool


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
    timings_s: Mapping[str, float] = field(default_factory=dict)
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
    notices: tuple[str, ...] = ()
    software: Mapping[str, str] = field(default_factory=dict)
