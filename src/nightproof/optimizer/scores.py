"""Three numbers in [0, 1] that the decision matrix looks at. Calibration: docs/reference/scores.md.

    dynamic     how much of the scene moves, changes, or is made to
    baking      how far fixed light on fixed surface, the same from everywhere, is the whole picture
    complexity  how badly surfaces with textures represent what is there: foliage, captures, clutter

All are continuous in the features, so that small differences between encodings stay small.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from nightproof.optimizer.evidence import place, ramp
from nightproof.optimizer.features.dynamic import DynamicFeatures
from nightproof.optimizer.traits import Traits
from nightproof.records.analysis import Scores

STILL_WEIGHT, LIGHT_WEIGHT, STEADY_WEIGHT, MAPPABLE_WEIGHT = 0.3, 0.3, 0.25, 0.15
"""Exponents of the baking score's factors; they sum to 1. A factor of 0.3 in stillness or light alone puts the score
at 0.7; a factor of 0 vetoes it."""

UNKNOWN_LIGHT = 0.2
"""Light factor of a thing under an assumed studio: it will stand in some other light."""

SKY_TRUST = 0.85
"""Light factor of a place under an assumed sky: a sky there will be, though hardly this one."""

REACH_ENOUGH = 0.6
"""Share of the surface that light must reach for a scene to count as lit: the outside of a room's walls stays dark."""

ATLAS_TEXELS = 0.7 * 4096**2
"""What one atlas of the usual largest size holds after padding."""

BAKE_TEXELS_ACROSS = (128.0, 700.0)
"""Lightmap texels along the scene's diagonal: too coarse for contact shadows, and enough for a 1080p view of it."""

CHART_TEXELS = 144.0
"""What padding costs each connected part at least: six charts of 2 × 2 texels, each with a rim of two."""


def scores_of(traits: Traits, evidence: Mapping[str, float]) -> Scores:
    dynamic = dynamic_score(traits.dynamic)
    return Scores(
        baking=_clean(suitability_for_baking(traits, evidence, dynamic).score),
        dynamic=_clean(dynamic),
        complexity=_clean(complexity_score(traits, evidence)),
    )


def dynamic_score(features: DynamicFeatures) -> float:
    """1 − (1 − √moving)(1 − ½√rigged)(1 − ½√physics)(1 − √changing material)(1 − changing light).

    Roots, because what moves catches the eye and casts shadows far beyond its share: 9 % of the surface gives 0.3.
    """
    rest = 1.0
    for part in (
        math.sqrt(features.moving_share),
        0.5 * math.sqrt(features.rigged_share),
        0.5 * math.sqrt(features.physics_share),
        math.sqrt(features.changing_material_share),
        features.changing_light_share,
    ):
        rest *= 1.0 - min(1.0, part)
    return 1.0 - rest


@dataclass(frozen=True)
class Suitability:
    """What the baking score is made of; each in [0, 1], and the least of them is what stands in the way."""

    still: float
    known_light: float
    steady: float
    mappable: float

    @property
    def score(self) -> float:
        """still^0.3 · known light^0.3 · steady^0.25 · mappable^0.15."""
        return (
            self.still**STILL_WEIGHT
            * self.known_light**LIGHT_WEIGHT
            * self.steady**STEADY_WEIGHT
            * self.mappable**MAPPABLE_WEIGHT
        )


def suitability_for_baking(traits: Traits, evidence: Mapping[str, float], dynamic: float) -> Suitability:
    return Suitability(
        still=1.0 - dynamic,
        known_light=light_factor(traits, evidence),
        steady=1.0 - traits.material.view_dependence,
        mappable=mappable_factor(traits),
    )


def light_factor(traits: Traits, evidence: Mapping[str, float]) -> float:
    """How sure it is which light falls on the scene: its own where it is a place, else the sky, else an assumption."""
    if traits.geometric.area_per_diagonal2 <= 0:
        return 0.0
    here = place(evidence)
    own = min(1.0, traits.lighting.own_reach_share / REACH_ENOUGH)
    sky = min(1.0, traits.lighting.sky_reach_share / REACH_ENOUGH)
    return max(UNKNOWN_LIGHT, here * own, SKY_TRUST * here * sky)


def mappable_factor(traits: Traits) -> float:
    """How well one atlas covers the surface: the logarithm of its texels across the scene, between the two bounds."""
    texels = max(1.0, ATLAS_TEXELS - CHART_TEXELS * traits.geometric.parts)
    across = math.sqrt(texels / max(traits.geometric.area_per_diagonal2, 1e-6))
    low, high = BAKE_TEXELS_ACROSS
    return ramp(math.log(across), math.log(low), math.log(high))


def complexity_score(traits: Traits, evidence: Mapping[str, float]) -> float:
    """1 − (1 − 0.6 dense)(1 − 0.85 foliage)(1 − 0.85 scan)(1 − 0.5 clutter).

    dense: log10 of triangles from 10⁴ to 10^6.5; clutter: surfaces along a line, from 4 to 10; the other two are the
    evidence for these classes. Foliage or captures are beyond the matrix' 0.8 by themselves, triangles never are.
    """
    dense = ramp(math.log10(max(traits.geometric.triangles, 1.0)), 4.0, 6.5)
    clutter = ramp(traits.lighting.depth_complexity, 4.0, 10.0)
    return 1.0 - (
        (1 - 0.6 * dense) * (1 - 0.85 * evidence["foliage"]) * (1 - 0.85 * evidence["scan"]) * (1 - 0.5 * clutter)
    )


def _clean(score: float) -> float:
    """In [0, 1] and to six digits: what is beyond is rounding, and records should not depend on it."""
    return round(min(1.0, max(0.0, score)), 6)
