"""What a certificate promises: which claims, how sure, on which views, and when to stop looking.

A policy is a record; its digest stands in every evidence, vote and certificate, so that nobody can weaken a promise
afterwards. The three policies and the reason for each number: docs/reference/policies.md.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from nightproof.errors import UnusableInput
from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """ "The mean over random views is at least (or at most) `threshold`", at an error rate."""

    metric: str
    """A name in `trust.metrics.METRICS`."""
    threshold: float
    """In the metric's own unit."""
    clip: float
    """The worst value that is told apart from worse ones, in the metric's own unit: what one view can cost at most."""
    error_rate: float
    """Probability of calling an asset good whose mean is beyond the threshold, at most; and of the converse."""
    required: bool
    """Whether the verdict can be `holds` although this metric could not be evaluated here."""

    def __post_init__(self) -> None:
        if not 0 < self.error_rate < 1:
            raise ValueError("an error rate lies between 0 and 1")
        if self.threshold == self.clip:
            raise ValueError("a threshold differs from its clip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Record):
    """Claims, the images they are measured on, and caps on the effort."""

    kind: ClassVar[str] = "policy"

    name: str
    claims: tuple[Claim, ...]
    image_px: int
    """Views are square; thresholds speak about images of this size."""
    segment_frames: int
    """Frames of one camera path segment, the first of which VMAF drops."""
    views_cap: tuple[int, int]
    """Views after which a claim is undecided, at complexity 0 and 1."""
    segments_cap: tuple[int, int]
    """The same for path segments."""
    reference_self_ssim: float
    """Two references of one view from two seeds must agree to this."""
    independent_views: bool
    """Whether every verifier draws views of its own; else all measure the views of one common seed."""

    def cap_for(self, per: str, complexity_score: float) -> int:
        """Adaptive sampling: how many views (or `segment`s) a scene of this complexity, in [0, 1], may cost."""
        least, most = self.segments_cap if per == "segment" else self.views_cap
        return round(least + (most - least) * min(max(complexity_score, 0.0), 1.0))

    def claim(self, metric: str) -> Claim | None:
        return next((claim for claim in self.claims if claim.metric == metric), None)


def _claim(metric: str, threshold: float, clip: float, error_rate: float, *, required: bool = False) -> Claim:
    return Claim(metric=metric, threshold=threshold, clip=clip, error_rate=error_rate, required=required)


DRAFT = Policy(
    name="draft",
    claims=(
        _claim("ssim", 0.95, 0.75, 0.10, required=True),
        _claim("psnr", 30.0, 20.0, 0.10, required=True),
        _claim("flip", 0.15, 0.60, 0.10, required=True),
        _claim("lpips", 0.10, 0.40, 0.10),
        _claim("vmaf", 80.0, 60.0, 0.10),
    ),
    image_px=192,
    segment_frames=3,
    views_cap=(36, 60),
    segments_cap=(12, 18),
    reference_self_ssim=0.99,
    independent_views=False,
)

STANDARD = Policy(
    name="standard",
    claims=(
        _claim("ssim", 0.98, 0.80, 0.05, required=True),
        _claim("psnr", 35.0, 25.0, 0.05, required=True),
        _claim("flip", 0.10, 0.50, 0.05, required=True),
        _claim("lpips", 0.05, 0.25, 0.05),
        _claim("vmaf", 90.0, 70.0, 0.10),
    ),
    image_px=384,
    segment_frames=4,
    views_cap=(120, 200),
    segments_cap=(24, 36),
    reference_self_ssim=0.995,
    independent_views=False,
)

STRICT = replace(
    STANDARD,
    name="strict",
    claims=(
        _claim("ssim", 0.99, 0.90, 0.01, required=True),
        _claim("psnr", 38.0, 28.0, 0.01, required=True),
        _claim("flip", 0.07, 0.35, 0.01, required=True),
        _claim("lpips", 0.03, 0.15, 0.01),
        _claim("vmaf", 93.0, 65.0, 0.05, required=True),
    ),
    image_px=512,
    segment_frames=6,
    views_cap=(240, 480),
    segments_cap=(40, 80),
    independent_views=True,
)

POLICIES = {policy.name: policy for policy in (DRAFT, STANDARD, STRICT)}


def named_policy(name: str) -> Policy:
    """One of `POLICIES`. Raises `UnusableInput` for another name."""
    if name not in POLICIES:
        raise UnusableInput(f"no policy is called {name!r}", hint=f"Choose one of {', '.join(POLICIES)}.")
    return POLICIES[name]
