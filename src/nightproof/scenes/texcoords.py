"""Any number of texture coordinate sets in a file, two in the soup: each material brings the two that it reads.

Sets 0 and 1 stay where they are; a higher one takes a place that the material leaves free. A material that reads more
than two shows its less visible textures by the wrong set, and says so.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from nightproof.scenes.flat import Material, TextureUse

SETS = (0, 1)
"""What uv0 and uv1 are where nothing else is asked for."""


def folded(material: Material) -> tuple[Material, tuple[int, int]]:
    """The material with every texture on set 0 or 1 of the soup, and which sets of the file these are."""
    wanted = dict.fromkeys(use.texcoord for use in material.texture_uses)
    if not wanted or max(wanted) <= 1:
        return material, SETS
    kept = list(wanted)[:2]
    places = {wanted_set: wanted_set for wanted_set in kept if wanted_set <= 1}
    free = [place for place in SETS if place not in places]
    places |= dict(zip([wanted_set for wanted_set in kept if wanted_set > 1], free, strict=False))
    sets = [*SETS]
    for wanted_set, place in places.items():
        sets[place] = wanted_set
    lost = {f"TEXCOORD_{wanted_set}" for wanted_set in wanted if wanted_set not in places}
    moved: Material = _moved(material, places)
    return replace(moved, unknown=moved.unknown | lost), (sets[0], sets[1])


def _moved(held: Any, places: dict[int, int]) -> Any:
    if isinstance(held, TextureUse):
        return replace(held, texcoord=places.get(held.texcoord, 0))
    if isinstance(held, tuple) and any(isinstance(item, TextureUse) for item in held):
        return tuple(_moved(item, places) for item in held)
    if is_dataclass(held) and not isinstance(held, type):
        return replace(held, **{item.name: _moved(getattr(held, item.name), places) for item in fields(held)})
    return held
