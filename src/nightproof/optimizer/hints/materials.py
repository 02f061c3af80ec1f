"""Hints about materials: alpha that is not needed, twins, what our tracer only approximates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.words import listed, percent, plural
from nightproof.scenes.distinct import distinct
from nightproof.scenes.flat import Material
from nightproof.scenes.materials import MITSUBA_KNOWS

FULL_ALPHA = 0.999
SOFT_SHARE = 0.02
"""Texels of half alpha that a mask may lose: the rims that antialiasing left."""

MANY_MATERIALS = 30


def about_materials(seen: Seen) -> Iterator[Hint]:
    used = [int(i) for i in distinct(seen.flat.triangle_material)]
    material = seen.traits.material
    if material.materials > MANY_MATERIALS:
        text = f"{material.materials:.0f} materials mean as many draw calls; merge those that differ in colour only."
        yield Hint(text, "materials", 0.45)
    yield from _twins(seen, used)
    yield from _needless_blending(seen, used)
    unknown = {name for m in seen.flat.materials for name in m.unknown}
    if unknown and material.unknown_share > 0:
        audited = unknown <= MITSUBA_KNOWS
        shown = "the independent auditor renders every view" if audited else "no picture of ours shows it all"
        text = (
            f"{', '.join(sorted(unknown))}: approximated in our renderer or left out, on "
            f"{percent(material.unknown_share)} of the surface; {shown}."
        )
        yield Hint(text, "materials", 0.35)
    if material.blend_share > 0.3:
        text = f"{percent(material.blend_share)} of the surface is alpha-blended, which viewers sort badly. Use masks."
        yield Hint(text, "materials", 0.55)


def _twins(seen: Seen, used: list[int]) -> Iterator[Hint]:
    groups: dict[Material, list[int]] = defaultdict(list)
    for index in used:
        groups[replace(seen.flat.materials[index], name="")].append(index)
    twins = [group for group in groups.values() if len(group) > 1]
    spare = sum(len(group) - 1 for group in twins)
    if spare:
        names = [_name(seen, index) for group in twins for index in group]
        pointers = tuple(f"/materials/{index}" for group in twins for index in group)
        text = f"{spare} {plural(spare, 'material')} can merge with a twin of another name: {listed(names, 4)}."
        yield Hint(text, "materials", 0.3, pointers)


def _needless_blending(seen: Seen, used: list[int]) -> Iterator[Hint]:
    solid, masks = [], []
    corners = np.asarray(seen.flat.triangles, np.int64)
    for index in used:
        material = seen.flat.materials[index]
        if material.alpha_mode != "BLEND" or material.base_color[3] < FULL_ALPHA or material.transmission > 0:
            continue
        own = corners[np.asarray(seen.flat.triangle_material, np.int64) == index]
        if len(own) and np.asarray(seen.flat.colors)[own.reshape(-1), 3].min() < FULL_ALPHA:
            continue
        use = material.base_color_texture
        facts = next((t for t in seen.textures if use and index in t.materials and "base colour" in t.roles), None)
        if use is None or (facts and facts.opaque):
            solid.append(index)
        elif facts and facts.alpha_soft_share < SOFT_SHARE:
            masks.append(index)
    for group, mode, why in (
        (solid, "OPAQUE", "alpha is full everywhere"),
        (masks, "MASK", f"fewer than {percent(SOFT_SHARE)} of the texels are half transparent"),
    ):
        if group:
            names = listed([_name(seen, index) for index in group])
            verb = "blends" if len(group) == 1 else "blend"
            text = f"{names} {verb} although {why}: {mode} draws faster and sorts right."
            yield Hint(text, "materials", 0.5, tuple(f"/materials/{index}" for index in group))


def _name(seen: Seen, index: int) -> str:
    return seen.flat.materials[index].name or f"material {index}"
