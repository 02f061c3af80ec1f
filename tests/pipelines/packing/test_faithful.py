"""What is drawn stays what it was: corners with normals, texture coordinates and materials, on every shared scene."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from nightproof.errors import UnusableInput
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.streams import ARRAY_BUFFER, lossless
from nightproof.scenes.flat import FlatScene, Material
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb

SHARED = Path(__file__).parents[3] / ".." / "shared"
SCENES = sorted((SHARED / "scenes").glob("*.glb"))
BAD = sorted(path for path in (SHARED / "bad_gltf").glob("*/*") if path.suffix in (".gltf", ".glb"))
POSITION_PART = 2.0**-14
"""Of the scene's diagonal; a mesh's own bound is 2^-15 of its extent per axis, and turning it adds √3."""
NORMAL_CHORD = 0.02
"""0.83° of eight bits, and what re-normalising after a scaled transform adds."""
TEXCOORD_STEP = 2.0**-12
"""An eighth of a texel of 256, halved, and room for float32."""
SAMPLED = 2000
"""Corners of each side whose partner is sought."""


def looks(material: Material) -> list[float]:
    """Numbers that tell materials apart, far enough that none is mistaken for another."""
    slots = [getattr(material, f.name) for f in dataclasses.fields(material) if f.name.endswith("_texture")]
    flags = [slot is not None for slot in slots] + [material.double_sided, material.unlit]
    numbers = [*material.base_color, *material.emissive, material.metallic, material.roughness, *map(float, flags)]
    return [10.0 * (i + 1) * number for i, number in enumerate(numbers)]


def corners(flat: FlatScene) -> np.ndarray:
    """(3 t, columns): all that a corner shows, each column over its tolerance: neighbours within 1 are equal."""
    order = flat.triangles.reshape(-1)
    dots = np.ptp(flat.positions[flat.triangles], axis=1).any(axis=1).repeat(3)
    materials = np.array([looks(material) for material in flat.materials])[flat.triangle_material].repeat(3, axis=0)
    columns = [
        flat.positions[order] / (POSITION_PART * flat.diagonal_m),
        flat.normals[order] / NORMAL_CHORD,
        np.where(_is_textured(flat)[:, None], flat.uv0[order] / TEXCOORD_STEP, 0.0),
        materials * 100,
    ]
    return np.concatenate(columns, axis=1)[dots]


def _is_textured(flat: FlatScene) -> np.ndarray:
    used = np.array([material.base_color_texture is not None for material in flat.materials])
    return used[flat.triangle_material].repeat(3)


def partnerless(some: np.ndarray, others: np.ndarray) -> float:
    """The share of sampled corners that have no equal among the others."""
    picked = some[np.random.default_rng(0).permutation(len(some))[:SAMPLED]]
    found, _ = cKDTree(others).query(picked, p=np.inf, distance_upper_bound=1.0)
    return float(np.mean(~np.isfinite(found)))


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.skipif(not SCENES, reason="no ../shared")
@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_every_shared_scene_is_packed_never_larger_and_drawn_the_same(path):
    source = load_gltf(path)
    packed = pack(source)
    assert len(packed.data) <= source.source_bytes
    assert not any(note.startswith("Left as it is") for note in packed.notes), packed.notes
    if not packed.steps:
        assert packed.data == path.read_bytes()
        return
    before, after = (corners(flatten(document)) for document in (source, parse_glb(packed.data)))
    assert partnerless(before, after) <= 0.002 and partnerless(after, before) <= 0.002


@pytest.mark.shared
@pytest.mark.skipif(not BAD, reason="no ../shared")
@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_broken_file_is_refused_by_name_or_stays_as_good_as_it_was(path):
    try:
        source = load_gltf(path)
        packed = pack(source)
    except UnusableInput:
        return
    after = parse_glb(packed.data)
    try:
        before = flatten(source)
    except UnusableInput:
        return
    assert len(flatten(after).triangles) <= len(before.triangles)
    assert np.allclose(flatten(after).bounds_m, before.bounds_m, atol=2 * POSITION_PART * before.diagonal_m)


def dressed_glb() -> bytes:
    """Four tiles wearing materials of which two are equal and one is worn by nobody, one of them in variants."""
    side = np.arange(30)
    points = np.stack([np.repeat(side, 30), np.tile(side, 30), np.zeros(900)], axis=1).astype("<f4")
    rows = np.array([[i, i + 1, i + 30, i + 1, i + 31, i + 30] for i in range(869) if i % 30 != 29], "<u4")
    binary = points.tobytes() + rows.tobytes()
    colours = {"red": [1, 0, 0, 1], "unworn": [0, 1, 0, 1], "blue": [0, 0, 1, 1], "grey": [0.5, 0.5, 0.5, 1]}
    materials = [{"name": n, "pbrMetallicRoughness": {"baseColorFactor": c}} for n, c in colours.items()]
    materials.insert(1, materials[0])
    variant = {"KHR_materials_variants": {"mappings": [{"material": 4, "variants": [0]}]}}
    worn = [{"material": 0, "extensions": variant}, {"material": 1}, {"material": 3}]
    json = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_materials_variants"],
        "extensions": {"KHR_materials_variants": {"variants": [{"name": "dull"}]}},
        "scene": 0,
        "scenes": [{"nodes": [0, 1, 2]}],
        "nodes": [{"mesh": i, "translation": [40.0 * i, 0, 0]} for i in range(3)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1, **wears}]} for wears in worn],
        "materials": materials,
        "accessors": [
            {
                "bufferView": 0,
                "componentType": 5126,
                "count": 900,
                "type": "VEC3",
                "min": [0, 0, 0],
                "max": [29, 29, 0],
            },
            {"bufferView": 1, "componentType": 5125, "count": rows.size, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": points.nbytes},
            {"buffer": 0, "byteOffset": points.nbytes, "byteLength": rows.nbytes},
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    return write_glb(json, binary)


def test_merging_and_pruning_dress_every_mesh_as_before():
    source = parse_glb(dressed_glb())
    packed = pack(source)
    after = parse_glb(packed.data)
    assert packed.steps and [m["name"] for m in after.json["materials"]] == ["red", "blue", "grey"]
    worn = [m["primitives"][0] for m in after.json["meshes"]]
    assert [after.json["materials"][p["material"]]["name"] for p in worn] == ["red", "red", "blue"]
    mapping = worn[0]["extensions"]["KHR_materials_variants"]["mappings"][0]
    assert after.json["materials"][mapping["material"]]["name"] == "grey"
    before, now = (corners(flatten(document)) for document in (source, after))
    assert partnerless(before, now) == partnerless(now, before) == 0


def test_bounds_of_what_is_no_number_are_left_out():
    """Exporters write them for every attribute, and JSON has no NaN."""
    accessor = {"componentType": 5126, "count": 2, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1]}
    numbers = np.float32([[0, 0.5, 0], [1, 1, 1]])
    described = lossless(numbers, accessor, ARRAY_BUFFER).described(accessor)
    assert described["min"] == [0, 0.5, 0] and described["max"] == [1, 1, 1]
    for value in (np.nan, np.inf):
        broken = np.where(numbers == 0.5, np.float32(value), numbers)
        described = lossless(broken, accessor, ARRAY_BUFFER).described(accessor)
        assert not {"min", "max"} & set(described) and described["count"] == 2
