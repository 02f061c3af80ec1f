"""What should light a scene besides its own lights, and whether it holds volumes that have no surface."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightproof.optimizer.loose_json import items
from nightproof.optimizer.traits import Traits

LIT_SHARE = 0.5
"""Surface that own lights must reach for a place to need no other light."""

GROUNDED = 0.5
"""Share of looks downwards that meet the scene, from which foliage stands on a ground of its own: outdoors."""

VOLUME_EXTENSIONS = (
    "KHR_materials_volume_scatter",
    "KHR_gaussian_splatting",
    "EXT_volumes",
    "KHR_materials_subsurface",
)
"""Extensions that say of a material or primitive that it is a volume. `KHR_materials_volume` alone is glass."""

SOFT_SHARE, SOFT_CUTOUT, SOFT_DEPTH = 0.25, 0.15, 4.0
"""Smoke, hair and clouds made of cards: so much blended surface, so much of it see-through, so many layers deep."""


def choose_environment(traits: Traits, evidence: Mapping[str, float]) -> str:
    """`none` for places that their own lights light, `sky` for other places, `studio` for things.

    Places are interiors, exteriors, terrain, and foliage that stands on a ground.
    """
    outdoors = evidence["foliage"] * (traits.lighting.enclosure_down >= GROUNDED)
    if max(evidence["interior"], evidence["exterior"], evidence["terrain"], outdoors) < 0.5:
        return "studio"
    return "none" if traits.lighting.own_reach_share >= LIT_SHARE else "sky"


def has_volumetrics(traits: Traits, json: Mapping[str, Any]) -> bool:
    """Whether part of the scene is a participating medium, splats, or soft cards stacked into one."""
    material = traits.material
    soft = (
        material.blend_share >= SOFT_SHARE
        and material.cutout_share >= SOFT_CUTOUT
        and material.transmission_share < SOFT_CUTOUT
        and traits.lighting.depth_complexity >= SOFT_DEPTH
    )
    return soft or any(name in VOLUME_EXTENSIONS for name in _extensions_in_use(json))


def _extensions_in_use(json: Mapping[str, Any]) -> Iterator[str]:
    """Extensions on the root, on materials and on primitives: where volumes are declared."""
    for holder in (json, *_objects(json.get("materials"))):
        yield from _names(holder)
    for mesh in _objects(json.get("meshes")):
        for primitive in _objects(mesh.get("primitives")):
            yield from _names(primitive)


def _names(holder: Mapping[str, Any]) -> Iterator[str]:
    extensions = holder.get("extensions")
    if isinstance(extensions, dict):
        yield from extensions


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in items(value) if isinstance(item, dict)]
