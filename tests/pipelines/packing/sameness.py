"""How far two documents are apart while they play, and whether they wear the same: by the specification, not by ours.

Node by node and primitive by primitive, as nodes, animations and primitives keep their order. Accessors, meshes,
materials, textures and images may have moved to other indices: they are compared by what they hold.
"""

from __future__ import annotations

import io
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import playback
from PIL import Image
from scipy.spatial import cKDTree

from nightproof.pipelines.packing.covered import SIDE, shown_cells
from nightproof.pipelines.packing.draft import Draft
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.ktx2 import decode_ktx2, is_ktx2

EVEN_MOMENTS, MOST_KEYS, POSED_MOMENTS = 9, 64, 9
BLOCKS, SAME_PICTURE = 64, 3.0
"""Largest mean difference between pictures of so many blocks a side, where surface shows them, of 255."""

Cells = dict[int, np.ndarray]
"""Image of the source → what of it surface shows."""

LIMITS = {
    "places": 1e-4,
    "turns_rad": 2.2e-4,
    "linear": 6e-4,
    "weights": 4e-5,
    "values": 2e-4,
    "vertices": 2e-4,
}
"""What docs/reference/packing.md promises of `Apart`. Turns add up along a chain of joints."""


@dataclass(frozen=True)
class Apart:
    """The largest differences over all animations and moments; lengths are in diagonals of the posed scene."""

    moments: int = 0
    places: float = 0.0
    """Of nodes in the world."""
    turns_rad: float = 0.0
    """Of animated rotations."""
    linear: float = 0.0
    """Of the nodes' 3 × 3 world matrices, over their norm."""
    weights: float = 0.0
    """Of animated morph weights."""
    values: float = 0.0
    """Of all else that is animated, pointers among it: over its range, or a thousandth of 1 + its size."""
    vertices: float = 0.0
    """Of skinned and morphed vertices: along its whole way, the distance to the nearest way of a vertex of the other
    file. Both ways round where all triangles are there still; else from the packed to the source."""

    @property
    def beyond(self) -> dict[str, float]:
        """What is above its limit."""
        return {name: getattr(self, name) for name, limit in LIMITS.items() if getattr(self, name) > limit}

    def joined(self, other: Apart) -> Apart:
        most = {f.name: max(getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return Apart(**(most | {"moments": self.moments + other.moments}))


def apart(source: GltfDocument, packed: GltfDocument) -> Apart:
    """Over every animation; without one, at rest."""
    count = len(source.json.get("animations", []))
    assert len(packed.json.get("animations", [])) == count
    found = Apart()
    for animation in range(count):
        found = found.joined(_of_animation(source, packed, animation))
    return found if count else _of_poses(source, packed, [playback.rest(source)], [playback.rest(packed)])


def _of_animation(source: GltfDocument, packed: GltfDocument, animation: int) -> Apart:
    times = moments(source, animation)
    poses = [[playback.pose(document, animation, time) for time in times] for document in (source, packed)]
    return _of_poses(source, packed, *poses, playback.ranges(source, animation))


def moments(document: GltfDocument, animation: int) -> list[float]:
    """Evenly over its length, at its keys, or some of these, and midway between: there only do tangents show."""
    samplers = document.json["animations"][animation]["samplers"]
    keys = np.unique(np.concatenate([document.floats(sampler["input"]).reshape(-1) for sampler in samplers]))
    even = np.linspace(0, playback.duration_s(document, animation), EVEN_MOMENTS)
    between = (keys[1:] + keys[:-1]) / 2
    picked = [
        times[np.unique(np.linspace(0, len(times) - 1, MOST_KEYS).astype(int))]
        for times in (keys, between)
        if len(times)
    ]
    return [float(time) for time in np.unique(np.concatenate([even, *picked]))]


def _of_poses(
    source: GltfDocument,
    packed: GltfDocument,
    before: list[playback.Pose],
    after: list[playback.Pose],
    ranges: dict[tuple[Any, str], float] | None = None,
) -> Apart:
    whole = np.concatenate(list(playback.corners(source, before[0]).values()) or [np.zeros((1, 3))])
    diagonal = max(float(np.linalg.norm(np.ptp(whole, axis=0))), 1e-30)
    if len(before[0].world) != len(after[0].world):
        return Apart(1, vertices=_crowds_apart(source, packed, whole) / diagonal)
    found = Apart(vertices=_ways_apart(source, packed, before, after) / diagonal)
    for one, other in zip(before, after, strict=True):
        assert one.values.keys() == other.values.keys()
        differences: dict[str, float] = {"turns_rad": 0.0, "weights": 0.0, "values": 0.0}
        for (_, path), value in one.values.items():
            kind = {"rotation": "turns_rad", "weights": "weights"}.get(path, "values")
            partner = other.values[_, path]
            spread = ranges[_, path] if ranges else 0.0
            differences[kind] = max(differences[kind], _value_apart(kind, value, partner, spread))
        linear = np.linalg.norm(one.world[:, :3, :3] - other.world[:, :3, :3], axis=(1, 2))
        size = np.maximum(np.linalg.norm(one.world[:, :3, :3], axis=(1, 2)), 1e-12)
        places = np.linalg.norm(one.world[:, :3, 3] - other.world[:, :3, 3], axis=1) / diagonal
        found = found.joined(Apart(1, float(places.max()), linear=float((linear / size).max()), **differences))
    return found


def _crowds_apart(source: GltfDocument, packed: GltfDocument, whole: np.ndarray) -> float:
    """Of scenes whose still nodes became instances of one: between all corners that are shown, both ways round."""
    shown = flatten(packed)
    assert len(shown.triangles) == len(flatten(source).triangles)
    return max(_farthest(one, other) for one, other in itertools.permutations((whole, shown.positions.astype(float))))


def _value_apart(kind: str, one: np.ndarray, other: np.ndarray, spread: float) -> float:
    if kind == "turns_rad":
        one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
        return float(4 * np.arcsin(min(1.0, min(np.linalg.norm(one - other), np.linalg.norm(one + other)) / 2)))
    size = np.maximum(spread, 1e-3 * (np.abs(one) + 1)) if kind == "values" else 1.0
    return float((np.abs(one - other) / size).max(initial=0.0))


def _ways_apart(
    source: GltfDocument, packed: GltfDocument, before: list[playback.Pose], after: list[playback.Pose]
) -> float:
    picked = np.unique(np.linspace(0, len(before) - 1, POSED_MOMENTS).astype(int))
    ways = [
        [playback.corners(document, poses[i], bent=True) for i in picked]
        for document, poses in ((source, before), (packed, after))
    ]
    assert ways[0][0].keys() == ways[1][0].keys()
    worst = 0.0
    for place in ways[0][0]:
        one, other = (np.concatenate([moment[place] for moment in each], axis=1) for each in ways)
        worst = max(worst, _farthest(other, one), _farthest(one, other) if len(one) == len(other) else 0.0)
    return worst


def _farthest(some: np.ndarray, others: np.ndarray) -> float:
    """The largest difference along an axis, at any moment, from a way to the nearest among others."""
    some, others = np.unique(some, axis=0), np.unique(others, axis=0)
    return float(cKDTree(others).query(some, p=np.inf)[0].max())


def dressed_otherwise(source: GltfDocument, packed: GltfDocument) -> list[str]:
    """Primitives that wear another material, by themselves or as some variant; empty where all is the same."""
    if len(source.json.get("nodes", [])) != len(packed.json.get("nodes", [])):
        return []  # instances: the nodes to compare are no more
    cells = shown_cells(Draft.of(source))
    pairs = zip(_worn(source), _worn(packed), strict=True)
    return [place for (place, one), (_, other) in pairs if not _same(source, one, packed, other, cells)]


def _worn(document: GltfDocument) -> Iterator[tuple[str, Any]]:
    """(place, material or None) for every primitive that a node shows, and for each of its variants by name."""
    whole = document.json
    materials = whole.get("materials", [])
    variants = whole.get("extensions", {}).get("KHR_materials_variants", {}).get("variants", [])
    for n, node in enumerate(whole.get("nodes", [])):
        for p, primitive in enumerate(whole["meshes"][node["mesh"]]["primitives"] if "mesh" in node else []):
            worn = {"": primitive.get("material")}
            mappings = primitive.get("extensions", {}).get("KHR_materials_variants", {}).get("mappings", [])
            worn |= {variants[v]["name"]: m["material"] for m in mappings for v in m["variants"]}
            for name, index in sorted(worn.items()):
                material = None if index is None else playback.meant(materials[index])
                yield f"node {n} primitive {p} {name}".strip(), material


def _same(source: GltfDocument, one: Any, packed: GltfDocument, other: Any, cells: Cells) -> bool:
    """Equal values, and at the same places textures that show the same picture, sampled alike."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return json.dumps(one) == json.dumps(other)
    if one.keys() != other.keys():
        return False
    for key in one:
        if (key.endswith("Texture") or key == "MOZ_lightmap") and "index" in one[key]:
            rest = [{name: value for name, value in use.items() if name != "index"} for use in (one[key], other[key])]
            indices = (int(use["index"]) for use in (one[key], other[key]))
            same = rest[0] == rest[1] and _same_picture(source, next(indices), packed, next(indices), cells)
        else:
            same = _same(source, one[key], packed, other[key], cells)
        if not same:
            return False
    return True


def _same_picture(source: GltfDocument, one: int, packed: GltfDocument, other: int, cells: Cells) -> bool:
    (sampler, image), (sampler_after, image_after) = _texture(source, one), _texture(packed, other)
    if sampler != sampler_after:
        return False
    (data, mime), (data_after, _) = source.image(image), packed.image(image_after)
    if mime == "image/ktx2":
        return data == data_after
    shown = cells.get(image, np.ones((SIDE, SIDE), bool))[..., None]
    gap, counts = (
        values.reshape(BLOCKS, SIDE // BLOCKS, BLOCKS, SIDE // BLOCKS, -1).sum(axis=(1, 3))
        for values in ((_thumbnail(data) - _thumbnail(data_after)) * shown, shown)
    )
    return float((np.abs(gap) / np.maximum(counts, 1))[counts[..., 0] > 0].mean()) <= SAME_PICTURE


def _texture(document: GltfDocument, index: int) -> tuple[Any, int]:
    texture = document.json["textures"][index]
    offered = [texture.get("source"), *(e.get("source") for e in texture.get("extensions", {}).values())]
    sampler = document.json["samplers"][texture["sampler"]] if "sampler" in texture else {}
    sampler = {key: value for key, value in sampler.items() if value != 10497}  # repeated unless it says otherwise
    return sampler, next(image for image in offered if image is not None)


def _thumbnail(data: bytes) -> np.ndarray:
    if is_ktx2(data):
        image = Image.fromarray(np.ascontiguousarray(decode_ktx2(data, "")[..., :3]))
    else:
        image = Image.open(io.BytesIO(data)).convert("RGB")
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), np.float64)
