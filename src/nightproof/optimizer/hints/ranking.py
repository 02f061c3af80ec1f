"""All hints about a scene in the order in which they matter."""

from __future__ import annotations

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.hints.light import about_light
from nightproof.optimizer.hints.materials import about_materials
from nightproof.optimizer.hints.movement import about_movement
from nightproof.optimizer.hints.shape import about_shape
from nightproof.optimizer.hints.storage import about_storage
from nightproof.optimizer.hints.textures import about_textures

NOTHING = "There is no surface to look at: the scene has no triangles with area. Was the right scene exported?"


def hints_for(seen: Seen) -> tuple[Hint, ...]:
    """None where there is nothing to say."""
    if not seen.traits.geometric.area_per_diagonal2:
        return (Hint(NOTHING, "shape", 1.0),)
    found = [
        *about_light(seen),
        *about_shape(seen),
        *about_textures(seen),
        *about_materials(seen),
        *about_storage(seen),
        *about_movement(seen),
    ]
    return tuple(sorted(found, key=lambda hint: -hint.weight))
