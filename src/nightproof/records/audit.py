"""What the independent renderer said about ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit(Record):
    """A few random views, rendered by Mitsuba and by our tracer. A disagreement stops the job and leaves no record."""

    kind: ClassVar[str] = "audit"

    scene: str
    """Digest of the `Scene`."""
    verdict: Literal["agrees", "undecided", "not_run"]
    reason: str
    """Why it was not run, or what stayed open; empty where it agrees."""
    auditor: str
    """Renderer and variant."""
    views: int
    samples: int
    seed: int
    mean_difference: float
    """Native against auditor, relative mean radiance over all views."""
    mean_error: float
    """One standard error of it."""
    least_ssim: float
    """Of the pictures as displayed, over the views; 1 where none was rendered."""
    tolerance: Mapping[str, float]
    notes: tuple[str, ...]
    """What the auditor cannot express of this scene."""
    references: Literal["native", "mitsuba"]
    """Who renders the views that are judged: the auditor where the scene has materials that only it knows."""
    unseen: tuple[str, ...]
    """What is known of materials that the judged views show approximately or not at all; for the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certification(Record):
    """The end of the line: which certificate was made of which judgement."""

    kind: ClassVar[str] = "certification"

    judgement: str
    certificate_sha256: str
    certified: bool
    """Whether the verdict holds; a certificate of failure is a certificate too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Record):
    """The report of a job, by content."""

    kind: ClassVar[str] = "page"

    certification: str
    sha256: str
    size_bytes: int
