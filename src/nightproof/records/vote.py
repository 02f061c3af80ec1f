"""Who stands behind a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote(Record):
    """A verifier's signed word for one verdict."""

    kind: ClassVar[str] = "vote"

    verifier: str
    """Key id: SHA-256 of the raw Ed25519 public key, hexadecimal."""
    public_key: str
    """Raw Ed25519 public key, base64."""
    verdict: str
    """Digest of the `Verdict`."""
    evidence: str
    """Digest of the `Evidence` behind it."""
    signature: str
    """Ed25519 over the canonical bytes of this record with an empty `signature`, base64."""
