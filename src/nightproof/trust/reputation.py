"""How far a verifier has earned belief: a Beta posterior over "its vote agrees with the committee's"."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from nightproof.records.record import Record

PRIOR_GOOD, PRIOR_BAD = 2.0, 1.0
MEMORY = 0.98
"""What is left of an old observation after each new one: about fifty count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing(Record):
    """What a registry knows of one verifier."""

    kind: ClassVar[str] = "standing"

    verifier: str
    agreed: float = 0.0
    disagreed: float = 0.0
    compute: float = 1.0
    """Relative speed, as measured by the registry."""
    specialisation: float = 1.0
    """How well it knows scenes of this class, relative to others."""

    @property
    def reputation(self) -> float:
        return (PRIOR_GOOD + self.agreed) / (PRIOR_GOOD + PRIOR_BAD + self.agreed + self.disagreed)

    @property
    def weight(self) -> float:
        """Reputation × compute × specialisation, before the cap (Q4)."""
        return self.reputation * self.compute * self.specialisation

    def after(self, *, agreed: bool) -> Standing:
        """With one more observation; older ones fade."""
        return replace(self, agreed=MEMORY * self.agreed + agreed, disagreed=MEMORY * self.disagreed + (not agreed))


def specialised(overall: Standing, within: Standing | None) -> Standing:
    """`overall` with what was seen on scenes of one class: its reputation there, relative to its reputation overall.

    Without an observation of that class nobody is a specialist, and nobody is not: 1.
    """
    if within is None:
        return replace(overall, specialisation=1.0)
    # The prior of the class is the overall reputation, of the same weight as everybody's: few jobs say little.
    strength, seen = PRIOR_GOOD + PRIOR_BAD, within.agreed + within.disagreed
    expected = (strength * overall.reputation + within.agreed) / (strength + seen)
    return replace(overall, specialisation=expected / overall.reputation)
