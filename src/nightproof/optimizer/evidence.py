"""What kind of scene it is: evidence in [0, 1] for each class, from form, material and movement alone.

Every class is a short list of conditions, each a ramp between "certainly not" and "certainly"; the evidence is the
weakest of them. Names of nodes and materials are not read: they are in any language, and often wrong.

Formulas with their reasons: docs/reference/scores.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from nightproof.optimizer.traits import Traits

PRODUCT = "product"
CLASSES = ("interior", "exterior", "terrain", "foliage", "character", "vehicle", "scan", "instanced", PRODUCT)
"""`vehicle` stands for machines and CAD; `product` for any single object that nothing more special fits."""


def ramp(value: float, no: float, yes: float) -> float:
    """0 at `no` and beyond, 1 at `yes` and beyond, linear between; `no` may be the larger."""
    return min(1.0, max(0.0, (value - no) / (yes - no)))


def class_evidence(traits: Traits) -> Mapping[str, float]:
    """Evidence for every class of `CLASSES`; `product` gets what the strongest other leaves."""
    special = {
        "interior": _interior(traits),
        "exterior": _exterior(traits),
        "terrain": _terrain(traits),
        "foliage": _foliage(traits),
        "character": ramp(traits.dynamic.skinned_share, 0.25, 0.6),
        "vehicle": _vehicle(traits),
        "scan": _scan(traits),
        "instanced": _instanced(traits),
    }
    return {**special, PRODUCT: 1.0 - max(special.values())}


def classify(evidence: Mapping[str, float]) -> tuple[str, float]:
    """The class with the most evidence, and the confidence (1 + lead over the next) / 2: from 0.5 to 1."""
    ranked = sorted(CLASSES, key=lambda name: (-evidence[name], CLASSES.index(name)))
    return ranked[0], (1.0 + evidence[ranked[0]] - evidence[ranked[1]]) / 2


def place(evidence: Mapping[str, float]) -> float:
    """How far the scene is a place one stands in, with light of its own, rather than a thing one walks round."""
    return max(evidence["interior"], evidence["exterior"], evidence["terrain"])


def _interior(traits: Traits) -> float:
    """Enclosed space between walls and a floor, folded surface, standing still."""
    return min(
        ramp(traits.lighting.enclosed_share, 0.1, 0.25),
        ramp(traits.lighting.enclosure_down, 0.6, 0.85),
        ramp(traits.geometric.axis_aligned_share, 0.4, 0.7),
        ramp(traits.geometric.area_per_diagonal2, 1.1, 1.8),
        ramp(traits.dynamic.moving_share, 0.8, 0.4),
    )


def _exterior(traits: Traits) -> float:
    """Many things on a ground, open above; what is mostly ground is terrain."""
    return min(
        ramp(traits.lighting.enclosure_down, 0.5, 0.65),
        ramp(traits.lighting.enclosure_up, 0.3, 0.15),
        ramp(traits.geometric.upward_share, 0.3, 0.5),
        ramp(traits.geometric.parts, 4, 16),
        ramp(traits.material.transmission_share, 0.15, 0.05),
        ramp(traits.dynamic.moving_share, 0.8, 0.4),
        1.0 - _terrain(traits),
    )


def _terrain(traits: Traits) -> float:
    """One wide, low ground."""
    return min(
        ramp(traits.geometric.upward_share, 0.6, 0.85),
        ramp(traits.geometric.height_ratio, 0.35, 0.15),
        ramp(traits.geometric.height_ratio, 0.0, 0.002),
        ramp(traits.geometric.largest_part_share, 0.4, 0.7),
        ramp(traits.lighting.enclosure_down, 0.7, 0.9),
        ramp(traits.geometric.triangles, 100, 1000),
    )


def _foliage(traits: Traits) -> float:
    """Cut-out cards of bent form, many small parts one behind the other, or green form that is no ground."""
    geometric, material = traits.geometric, traits.material
    cards = min(
        ramp(material.mask_share, 0.05, 0.15),
        ramp(material.cutout_share, 0.03, 0.1),
        ramp(geometric.axis_aligned_share, 0.4, 0.15),
    )
    leaves = min(
        ramp(geometric.small_parts_share, 0.03, 0.08),
        ramp(traits.lighting.depth_complexity, 3.5, 5.5),
        ramp(geometric.parts, 150, 400),
        ramp(material.metal_share, 0.4, 0.1),
        ramp(material.colors, 1.2, 2.0),
    )
    green = min(
        ramp(material.vegetation_share, 0.25, 0.6),
        ramp(geometric.parts, 8, 60),
        ramp(geometric.upward_share, 0.8, 0.5),
        ramp(traits.lighting.depth_complexity, 2.5, 4.0),
    )
    return max(cards, leaves, green)


def _vehicle(traits: Traits) -> float:
    """Finely tessellated, mostly untextured hard surface of several materials; or parts that spin without a skin."""
    geometric, material = traits.geometric, traits.material
    machined = min(
        ramp(math.log10(max(geometric.triangles, 1.0)), 4.3, 4.8),
        ramp(material.textured_share, 0.75, 0.45),
        ramp(geometric.curved_share, 0.2, 0.35),
        ramp(geometric.axis_aligned_share, 0.7, 0.4),
        ramp(material.materials, 1, 3),
    )
    return max(machined, ramp(traits.dynamic.spinning_share, 0.02, 0.08))


def _scan(traits: Traits) -> float:
    """Dense, evenly meshed, one piece, one texture: what capture software writes."""
    geometric, material = traits.geometric, traits.material
    return min(
        ramp(math.log10(max(geometric.triangles, 1.0)), 4.3, 5.0),
        ramp(geometric.grain_spread, 0.75, 0.5),
        ramp(geometric.largest_part_share, 0.7, 0.9),
        ramp(material.textured_share, 0.8, 0.95),
        ramp(material.materials, 6, 3),
        ramp(material.view_dependence, 0.3, 0.15),
    )


def _instanced(traits: Traits) -> float:
    """Copies of one part make up the scene."""
    return min(ramp(traits.geometric.most_copied_share, 0.5, 0.8), ramp(traits.geometric.parts, 8, 24))
