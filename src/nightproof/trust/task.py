"""What a verifier is asked to measure: everything that its evidence depends on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Literal

from nightproof.records.record import Record
from nightproof.trust.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Task(Record):
    """One measurement. Its digest names the evidence in a verifier's folder."""

    kind: ClassVar[str] = "measurement-task"
    version: ClassVar[int] = 2

    source_sha256: str
    asset_sha256: str
    """Of the file that a viewer opens."""
    policy: Policy
    complexity: float
    exposure: float
    environment: str
    """`none`, `studio`, `sky`, `scene` (the light that the source brings), or the SHA-256 of a user's file."""
    shading: str
    renderer: Literal["native", "mitsuba"]
    """Who takes the reference pictures, and those of a lit asset."""
    nonce: str
    """Of the job: views cannot be known before the asset is."""
    scene: int | None = None
    """Which scene of the source is judged; None for the one that it names. The asset names that one itself."""

    def view_seed(self, verifier: str) -> int:
        """Rule S2: one seed for all verifiers, or one each where the policy wants independent views; 32 bits."""
        own = verifier if self.policy.independent_views else "all"
        facts = (
            f"nightproof/views/v1\n{self.source_sha256}\n{self.asset_sha256}\n{self.policy.digest}\n{self.nonce}\n{own}"
        )
        return int.from_bytes(hashlib.sha256(facts.encode()).digest()[:4], "big")
