"""What a viewer has to evaluate for skins and morphs, read off the JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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
        skin = _get(_at(json, "nodes", instance.node), "skin")
        if instance.skinned and isinstance(skin, int):
            skins.add(skin)
        if (instance.mesh, instance.primitive) in seen or not (instance.skinned or instance.morphed):
            continue
        seen.add((instance.mesh, instance.primitive))
        listed = _list(_get(_at(json, "meshes", instance.mesh), "primitives"))
        primitive = listed[instance.primitive] if instance.primitive < len(listed) else None
        attributes = _get(primitive, "attributes")
        if instance.skinned and isinstance(attributes, dict):
            influences = max(influences, 4 * sum(str(name).startswith("JOINTS_") for name in attributes))
        count = len(_list(_get(primitive, "targets")))
        targets, values = max(targets, count), values + count * instance.vertex_count
    joints = sum(len(_list(_get(_at(json, "skins", skin), "joints"))) for skin in skins)
    return Rig(float(joints), float(influences), float(targets), float(values))


def _at(json: Mapping[str, Any], array: str, index: int) -> Any:
    listed = _list(json.get(array))
    return listed[index] if 0 <= index < len(listed) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _get(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
