"""A packed animation shows at every moment what its source shows there, and nothing that refers into it is touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import playback
import pytest
from scipy.spatial import cKDTree

from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.gltf import GltfDocument, load_gltf, parse_glb, write_glb

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"
ANIMATED = ["Fox", "CesiumMilkTruck", "MorphStressTest", "AnimateAllTheThings", "AnimatedMorphCube_quant"]
MOMENTS = (0.0, 0.13, 0.37, 0.5, 0.81, 1.0)
VALUE_TOLERANCE = 1e-4
"""Rotations turn by at most 2.2e-4 rad, which changes components by half of that; else of the range of the values."""
MOVED = 1e-3
"""Of the posed scene's diagonal: positions 2^-15 of a mesh's extent per axis, joint weights 2^-13 each."""


def largest_gap(before: np.ndarray, after: np.ndarray) -> float:
    """Hausdorff distance of two clouds of corners."""
    return max(cKDTree(after).query(before)[0].max(), cKDTree(before).query(after)[0].max())


def same_values(before: playback.Pose, after: playback.Pose, ranges: dict) -> bool:
    return before.values.keys() == after.values.keys() and all(
        np.allclose(value, after.values[key], atol=VALUE_TOLERANCE * ranges[key], rtol=VALUE_TOLERANCE)
        or (key[1] == "rotation" and np.allclose(value, -after.values[key], atol=VALUE_TOLERANCE))
        for key, value in before.values.items()
    )


def assert_plays_the_same(source: GltfDocument, packed: GltfDocument) -> None:
    for animation in range(len(source.json["animations"])):
        length, ranges = playback.duration_s(source, animation), playback.ranges(source, animation)
        assert playback.duration_s(packed, animation) == length
        for moment in MOMENTS:
            before = playback.pose(source, animation, moment * length)
            after = playback.pose(packed, animation, moment * length)
            assert same_values(before, after, ranges), f"animation {animation} at {moment * length:.2f} s"
            assert_shown_the_same(playback.corners(source, before), playback.corners(packed, after))


def assert_shown_the_same(before: dict, after: dict) -> None:
    assert before.keys() == after.keys()
    diagonal = np.linalg.norm(np.ptp(np.concatenate(list(before.values())), axis=0))
    for place, points in before.items():
        assert largest_gap(points, after[place]) <= MOVED * diagonal, f"node {place[0]}, primitive {place[1]}"


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
@pytest.mark.parametrize("name", ANIMATED)
def test_real_animations_play_the_same(name):
    source = load_gltf(SCENES / f"{name}.glb")
    packed = pack(source)
    assert packed.steps, packed.notes
    after = parse_glb(packed.data)
    assert after.json["animations"][0]["channels"] == source.json["animations"][0]["channels"]
    assert_plays_the_same(source, after)


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
@pytest.mark.parametrize("name", [*ANIMATED, "MaterialsVariantsShoe"])
def test_nodes_pointers_variants_and_extras_are_untouched(name):
    source = load_gltf(SCENES / f"{name}.glb").json
    made = pack(load_gltf(SCENES / f"{name}.glb"))
    assert made.steps, made.notes
    packed = parse_glb(made.data).json
    for array in ("nodes", "scenes", "cameras", "extensions", "extras", "scene"):
        assert playback.meant(packed.get(array)) == playback.meant(source.get(array)), array
    for kept in ("extras", "extensions"):
        assert [mesh.get(kept) for mesh in packed["meshes"]] == [mesh.get(kept) for mesh in source["meshes"]]
        assert packed["asset"].get(kept) == source["asset"].get(kept)
    assert worn(packed) == worn(source)
    for before, after in zip(source.get("animations", []), packed.get("animations", []), strict=True):
        assert [pointed(packed, c) for c in after["channels"]] == [pointed(source, c) for c in before["channels"]]


def worn(json: dict) -> list:
    """Per primitive and variant, the name of the material: indices may have moved."""
    names = [material.get("name") for material in json["materials"]]
    return [
        (names[p["material"]], [(names[m["material"]], m["variants"]) for m in mappings(p)])
        for mesh in json["meshes"]
        for p in mesh["primitives"]
        if "material" in p
    ]


def mappings(primitive: dict) -> list:
    return primitive.get("extensions", {}).get("KHR_materials_variants", {}).get("mappings", [])


def pointed(json: dict, channel: dict) -> object:
    """What an animation pointer leads to: the very object by name, never a number."""
    pointer = channel["target"].get("extensions", {}).get("KHR_animation_pointer", {}).get("pointer")
    if pointer is None:
        return channel["target"]
    parts = pointer.split("/")[1:]
    return (parts[0], json[parts[0]][int(parts[1])].get("name"), parts[2:]) if parts[1].isdigit() else parts


def spinning_glb(kind: str) -> bytes:
    """A bumpy strip, moved, turned and scaled by samplers of one interpolation, whose quaternions change sign."""
    rng = np.random.default_rng(7)
    points = np.stack([np.arange(30) % 2, np.arange(30) // 2, rng.random(30)], axis=1).astype("<f4")
    triangles = np.array([[i, i + 1, i + 2] for i in range(28)], "<u2")
    count, rows = 400, 3 if kind == "CUBICSPLINE" else 1
    turns = rng.normal(size=(count * rows, 4)).astype("<f4")
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    arrays = [points, triangles.reshape(-1), np.cumsum(rng.random(count) + 0.1).astype("<f4"), turns]
    arrays += [rng.normal(size=(count * rows, 3)).astype("<f4") for _ in range(2)]
    starts = np.cumsum([0] + [array.nbytes + -array.nbytes % 4 for array in arrays])
    binary = b"".join(array.tobytes() + b"\0" * (-array.nbytes % 4) for array in arrays)
    types = ["VEC3", "SCALAR", "SCALAR", "VEC4", "VEC3", "VEC3"]
    accessors = [
        {"bufferView": i, "componentType": 5123 if i == 1 else 5126, "count": len(a), "type": types[i]}
        for i, a in enumerate(arrays)
    ]
    for i in (0, 2):
        columns = arrays[i].reshape(len(arrays[i]), -1)
        accessors[i] |= {"min": columns.min(0).tolist(), "max": columns.max(0).tolist()}
    paths = ["rotation", "translation", "scale"]
    json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "animations": [
            {
                "samplers": [{"input": 2, "output": 3 + i, "interpolation": kind} for i in range(3)],
                "channels": [{"sampler": i, "target": {"node": 0, "path": path}} for i, path in enumerate(paths)],
            }
        ],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(s), "byteLength": a.nbytes} for s, a in zip(starts, arrays, strict=False)
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    return write_glb(json, binary)


@pytest.mark.parametrize("kind", ["LINEAR", "STEP", "CUBICSPLINE"])
def test_every_interpolation_plays_the_same(kind):
    from nightproof.pipelines.packing.draft import Draft
    from nightproof.pipelines.packing.layout import assemble
    from nightproof.pipelines.packing.lossless_rest import pack_rest

    source = parse_glb(spinning_glb(kind))
    draft = Draft.of(source)
    pack_rest(draft)  # so small a file would come back as it is: force what a large one goes through
    packed = parse_glb(assemble(draft, meshopt=True))
    view = packed.json["accessors"][source.json["animations"][0]["samplers"][0]["output"]]["bufferView"]
    assert kind == "CUBICSPLINE" or "EXT_meshopt_compression" in packed.json["bufferViews"][view]["extensions"]
    assert_plays_the_same(source, packed)
