"""Which pipeline, and why not the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.analysis import Scores
from nightproof.records.record import Record


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a pipeline foretells for a scene, before any work is done."""

    bytes_out: int
    cpu_seconds: float
    ssim: float
    psnr_db: float


@dataclass(frozen=True, slots=True)
class Unsuitable:
    """Why a pipeline is the wrong one for a scene: an expected outcome, not an error."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One pipeline that was weighed."""

    pipeline: str
    available: bool
    """Whether it is built and runs here."""
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]
    estimate: Estimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Route(Record):
    """The decision and everything that was weighed for it."""

    kind: ClassVar[str] = "route"

    analysis: str
    """Digest of the `Analysis`."""
    pipeline: str
    """The pipeline that will run."""
    wanted: str
    """What the matrix (or the user) asked for; differs from `pipeline` where that one could not be had."""
    fallback_reason: str
    """Why `pipeline` is not `wanted`, in a sentence; empty where they agree."""
    decided_by: str
    """`matrix`, `user`, or the name of a learned router."""
    scores: Scores
    alternatives: tuple[Alternative, ...]
    parameters: Mapping[str, float | str]
    """What the pipeline is told besides the scene: outputs, policy, size of the views …"""
