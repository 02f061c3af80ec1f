"""What one verifier measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSamples:
    """The measured values of one metric, in the order in which they were drawn."""

    metric: str
    values: tuple[float, ...]
    """One per view (or per path segment for VMAF); empty where `not_evaluated` says why."""
    not_evaluated: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Record):
    """Values, the seed that chose the views, and the software that measured."""

    kind: ClassVar[str] = "evidence"

    source_sha256: str
    asset_sha256: str
    policy: str
    verifier: str
    """Key id of the verifier: SHA-256 of its raw public key, hexadecimal."""
    view_seed: int
    samples: tuple[MetricSamples, ...]
    worst_tile_ssim: float
    reference_self_ssim: float
    """SSIM of two references of one view from two seeds: how far the reference can be trusted."""
    shared_references: bool
    """Whether reference images were taken from a cache that other verifiers on this machine filled."""
    software: Mapping[str, str]
    work: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Testimony(Record):
    """All evidence behind a judgement. The certificate names each by its digest; here they are."""

    kind: ClassVar[str] = "testimony"

    judgement: str
    """Digest of the `Judgement`."""
    evidence: tuple[Evidence, ...]
    """In the order of the judgement's members; without those that revealed nothing."""
