"""What matters about a scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from nightproof.records.record import Record


@dataclass(frozen=True, slots=True)
class Scores:
    """What the decision matrix looks at; each in [0, 1]. Formulas: docs/reference/scores.md."""

    baking: float
    dynamic: float
    complexity: float

    def __post_init__(self) -> None:
        for name in ("baking", "dynamic", "complexity"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} score outside [0, 1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis(Record):
    """Features by family, the scores made of them, and hints in plain words."""

    kind: ClassVar[str] = "analysis"

    scene: str
    """Digest of the `Scene`."""
    features: Mapping[str, Mapping[str, float]]
    """Family (`geometric`, `material`, `lighting`, `dynamic`) → feature → value; names end in their unit."""
    scores: Scores
    volumetrics: bool
    scene_class: str
    class_confidence: float
    environment: str
    """What lights the scene besides its own lights: `none`, `studio`, `sky`, `scene`, or the digest of a file."""
    unknown_materials: tuple[str, ...]
    """Extensions in use that the native tracer approximates or ignores: the auditor renders every view then."""
    hints: tuple[str, ...]
