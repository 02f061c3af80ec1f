"""Dynamic features: what moves, what is made to be moved, and what changes its look or light over time.

A channel whose keyframes are all equal moves nothing, whatever the file calls it; a camera that flies does not make
the scene dynamic. What a rig could do counts less than what a clip does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool

from nightproof.optimizer.features.poses import measure_movement
from nightproof.optimizer.features.rig import rig_of
from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.loose_json import field, items
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

STILL = 1e-6
"""Keyframes that differ by less, relative to the largest value (at least 1), are equal."""


class Document(Protocol):
    """The part of `scenes.gltf.GltfDocument` that features need."""

    @property
    def json(self) -> dict[str, Any]: ...

    def accessor(self, index: int, /) -> np.ndarray: ...


@dataclass(frozen=True)
class DynamicFeatures:
    """Shares are of surface area unless stated."""

    clips: float
    channels: float
    """Channels that really move or change something."""
    longest_clip_s: float
    moving_share: float
    """Surface that a clip moves: by its node or an ancestor, its skeleton, or its morph weights."""
    spinning_share: float
    """Surface that clips only rotate, without skin: wheels, rotors, doors."""
    skinned_share: float
    morphed_share: float
    rigged_share: float
    """Skinned or morphable surface that no clip of the file moves: made to be moved by the engine."""
    physics_share: float
    """Surface on bodies that a physics extension sets free to move."""
    changing_material_share: float
    """Surface whose material a clip changes (KHR_animation_pointer)."""
    changing_light_share: float
    """Own lights that move or change, of all own lights; emitters where there are no punctual lights."""
    joints: float
    """Of all skins in use."""
    influences: float
    """Joints per vertex that the skinned primitives hold, the most of any: 4, 8 … as stored."""
    morph_targets: float
    """The most of any primitive in use."""
    morph_values: float
    """Targets × vertices over all primitives in use: what a viewer keeps and adds up."""
    movement_reach: float
    """Mean over the surface of the largest distance from the rest pose in sampled poses, in diagonals."""
    movement_per_frame: float
    """Mean over the surface of the way in 1/30 s, in diagonals, in the clip that moves most."""
    temporal_coherence: float
    """exp(−movement per frame / 0.01): 1 where nothing moves."""


def measure_dynamics(flat: FlatScene, surface: Surface, document: Document) -> DynamicFeatures:
    motion = _motion_of(document)
    nodes = _carried(document.json, motion.nodes)
    spun = _carried(document.json, motion.spun) & ~_carried(document.json, motion.shifted)
    instance = np.asarray(flat.triangle_instance, np.int64)[surface.triangle]
    material = np.asarray(flat.triangle_material, np.int64)[surface.triangle]

    def by_instance(flags: list[bool]) -> Bool[Array, "t"]:
        return np.array(flags, bool).reshape(-1)[instance]

    skins = _moving_skins(document.json, nodes)
    moving = by_instance(
        [_in(nodes, i.node) or i.node in motion.morphed or (i.skinned and i.node in skins) for i in flat.instances]
    )
    rigged = by_instance([i.skinned or i.morphed for i in flat.instances]) & ~moving
    skinned = by_instance([i.skinned for i in flat.instances])
    glowing = np.array([max(m.emissive) > 0 for m in flat.materials], bool).reshape(-1)[material]
    changing = np.isin(material, _materials_of(flat, document.json, motion.materials))
    rig = rig_of(flat, document.json)
    movement = measure_movement(flat, surface, document)
    return DynamicFeatures(
        clips=float(len(items(document.json.get("animations")))),
        channels=float(motion.channels),
        longest_clip_s=motion.longest_s,
        moving_share=surface.share(moving),
        spinning_share=surface.share(by_instance([_in(spun, i.node) for i in flat.instances]) & moving & ~skinned),
        skinned_share=surface.share(skinned),
        morphed_share=surface.share(by_instance([i.morphed for i in flat.instances])),
        rigged_share=surface.share(rigged),
        physics_share=surface.share(by_instance([_in(_free_bodies(document.json), i.node) for i in flat.instances])),
        changing_material_share=surface.share(changing),
        changing_light_share=_changing_lights(
            document.json, nodes, motion, surface, glowing, glowing & (moving | changing)
        ),
        joints=rig.joints,
        influences=rig.influences,
        morph_targets=rig.morph_targets,
        morph_values=rig.morph_values,
        movement_reach=movement.reach,
        movement_per_frame=movement.step_per_frame,
        temporal_coherence=movement.coherence,
    )


@dataclass
class Motion:
    """What the clips of a document move, by index."""

    nodes: set[int]
    spun: set[int]
    shifted: set[int]
    morphed: set[int]
    materials: set[int]
    lights: set[int]
    channels: int = 0
    longest_s: float = 0.0


def _motion_of(document: Document) -> Motion:
    motion = Motion(set(), set(), set(), set(), set(), set())
    for clip in items(document.json.get("animations")):
        samplers = items(field(clip, "samplers"))
        for channel in items(field(clip, "channels")):
            which = field(channel, "sampler")
            sampler = samplers[which] if isinstance(which, int) and 0 <= which < len(samplers) else {}
            if not _changes(document, sampler):
                continue
            motion.channels += 1
            motion.longest_s = max(motion.longest_s, _length_s(document, sampler))
            _note(motion, field(channel, "target"))
    return motion


def _note(motion: Motion, target: Any) -> None:
    path, node = field(target, "path"), field(target, "node")
    pointer = field(target, "extensions", "KHR_animation_pointer", "pointer")
    if path == "pointer" and isinstance(pointer, str):
        kind, index, path = _pointed(pointer)
        if kind == "materials":
            motion.materials.add(index)
        if kind == "lights":
            motion.lights.add(index)
        node = index if kind == "nodes" else None
    if not isinstance(node, int):
        return
    if path == "weights":
        motion.morphed.add(node)
    elif path in ("translation", "scale", "rotation"):
        motion.nodes.add(node)
        (motion.spun if path == "rotation" else motion.shifted).add(node)


def _pointed(pointer: str) -> tuple[str, int, str]:
    """Kind, index and property of a JSON pointer: ("materials", 3, "baseColorFactor"). Lights hide in an extension."""
    parts = pointer.strip("/").split("/")
    if parts[:2] == ["extensions", "KHR_lights_punctual"]:
        parts = parts[2:]
    index = int(parts[1]) if len(parts) > 1 and parts[1].isdigit() and len(parts[1]) < 9 else -1
    return parts[0], index, parts[2] if len(parts) > 2 else ""


def _changes(document: Document, sampler: Any) -> bool:
    values = _read(document, field(sampler, "output"))
    if values is None or not len(values):
        return False
    values = np.nan_to_num(np.asarray(values, np.float64))
    if field(sampler, "interpolation") == "CUBICSPLINE":
        values = values.reshape(-1, 3, *values.shape[1:])[:, 1] if len(values) % 3 == 0 else values
    frames = _read(document, field(sampler, "input"))
    count = len(frames) if frames is not None and len(frames) else 1
    values = values.reshape(count, -1) if values.size % count == 0 else values.reshape(len(values), -1)
    return bool((np.ptp(values, axis=0) > STILL * max(1.0, float(np.abs(values).max()))).any())


def _length_s(document: Document, sampler: Any) -> float:
    times = _read(document, field(sampler, "input"))
    return float(np.nan_to_num(np.max(times), posinf=0.0)) if times is not None and len(times) else 0.0


def _read(document: Document, index: Any) -> Array | None:
    return document.accessor(index) if isinstance(index, int) and not isinstance(index, bool) else None


def _carried(json: Mapping[str, Any], moved: set[int]) -> Bool[Array, "nodes"]:
    """Nodes that move because they or an ancestor do."""
    nodes = items(json.get("nodes"))
    carried = np.zeros(len(nodes), bool)
    stack = [node for node in moved if 0 <= node < len(nodes)]
    while stack:
        node = stack.pop()
        if carried[node]:
            continue
        carried[node] = True
        stack += [c for c in items(field(nodes[node], "children")) if isinstance(c, int) and 0 <= c < len(nodes)]
    return carried


def _moving_skins(json: Mapping[str, Any], nodes: Bool[Array, "nodes"]) -> set[int]:
    """Nodes with a skin of which a joint moves."""
    skins = [
        any(isinstance(j, int) and _in(nodes, j) for j in items(field(skin, "joints")))
        for skin in items(json.get("skins"))
    ]
    moving = {index for index, moves in enumerate(skins) if moves}
    return {index for index, node in enumerate(items(json.get("nodes"))) if field(node, "skin") in moving}


def _free_bodies(json: Mapping[str, Any]) -> Bool[Array, "nodes"]:
    free = set()
    for index, node in enumerate(items(json.get("nodes"))):
        extensions = field(node, "extensions")
        body = field(extensions, "OMI_physics_body") or field(extensions, "KHR_physics_rigid_bodies")
        motion = field(body, "motion")
        kind = field(motion, "type")
        if kind == "dynamic" or (kind is None and isinstance(motion, dict) and not field(motion, "isKinematic")):
            free.add(index)
    return _carried(json, free)


def _changing_lights(
    json: Mapping[str, Any], nodes: Array, motion: Motion, surface: Surface, glowing: Array, changing: Array
) -> float:
    lamps = list(_lamp_nodes(json))
    if lamps:
        return sum(_in(nodes, node) or light in motion.lights for node, light in lamps) / len(lamps)
    glow = surface.share(glowing)
    return surface.share(glowing & changing) / glow if glow > 0 else 0.0


def _lamp_nodes(json: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    for index, node in enumerate(items(json.get("nodes"))):
        light = field(node, "extensions", "KHR_lights_punctual", "light")
        if isinstance(light, int):
            yield index, light


def _materials_of(flat: FlatScene, json: Mapping[str, Any], indices: set[int]) -> list[int]:
    """Where materials of the document stand in the flat scene: at the same index (`scenes.flatten` keeps them)."""
    return (
        sorted(index for index in indices if 0 <= index < len(items(json.get("materials")))) if flat.materials else []
    )


def _in(flags: Bool[Array, "n"], index: int) -> bool:
    return bool(flags[index]) if 0 <= index < len(flags) else False
