"""What a viewer has to evaluate for skins and morphs, read off the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightproof.optimizer.loose_json import entry, field, items
from nightproof.scenes.flat import FlatScene


@dataclass(frozen=True)
class Rig:
    """Zeros for a scene without skins and morphs."""

    joints: float
    influences: float
    morph_targets: float
    morph_values: float


def rig_of(flat: FlatScene, json: Mapping[str, Any]) -> Rig:
    """Of the primitives that are drawn; each mesh counts once."""
    skins, influences, targets, values = set[int](), 0, 0, 0
    seen = set[tuple[int, int]]()
    for instance in flat.instances:
        skin = field(entry(json, "nodes", instance.node), "skin")
        if instance.skinned and isinstance(skin, int):
            skins.add(skin)
        if (instance.mesh, instance.primitive) in seen or not (instance.skinned or instance.morphed):
            continue
        seen.add((instance.mesh, instance.primitive))
        listed = items(field(entry(json, "meshes", instance.mesh), "primitives"))
        primitive = listed[instance.primitive] if instance.primitive < len(listed) else None
        attributes = field(primitive, "attributes")
        if instance.skinned and isinstance(attributes, dict):
            influences = max(influences, 4 * sum(str(name).startswith("JOINTS_") for name in attributes))
        count = len(items(field(primitive, "targets")))
        targets, values = max(targets, count), values + count * instance.vertex_count
    joints = sum(len(items(field(entry(json, "skins", skin), "joints"))) for skin in skins)
    return Rig(float(joints), float(influences), float(targets), float(values))
