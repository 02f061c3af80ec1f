"""Packing never grows a file, plays the same, and leaves alone what it does not understand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nightproof.pipelines.packing import filters
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.references import survey
from nightproof.pipelines.packing.tidy import drop_unread_attributes
from nightproof.scenes import meshopt_filters
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"


def grid_glb(side: int = 40, **extra: object) -> bytes:
    """A bumpy sheet without indices: every vertex six times, as careless exporters write it."""
    u, v = np.meshgrid(np.arange(side), np.arange(side))
    points = np.stack([u, np.sin(u * 0.3) + np.cos(v * 0.2), v], axis=-1).astype("<f4")
    a, b, c, d = points[:-1, :-1], points[1:, :-1], points[:-1, 1:], points[1:, 1:]
    corners = np.stack([a, b, c, c, b, d], axis=2).reshape(-1, 3)
    accessor = {"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": len(corners)}
    accessor |= {"min": corners.min(0).tolist(), "max": corners.max(0).tolist()}
    json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0}}]},
            {"primitives": [{"attributes": {"POSITION": 0}}]},
        ],
        "accessors": [accessor],
        "bufferViews": [{"buffer": 0, "byteLength": corners.nbytes}],
        "buffers": [{"byteLength": corners.nbytes}],
        **extra,
    }
    json["meshes"] = json["meshes"][:1] if "extras" not in extra else json["meshes"]
    return write_glb(json, corners.tobytes())


def sorted_triangles(data: bytes) -> np.ndarray:
    flat = flatten(parse_glb(data))
    centres = flat.positions[flat.triangles].mean(axis=1)
    return centres[np.lexsort((np.round(centres[:, 0], 1), np.round(centres[:, 2], 1)))]


def test_a_packed_mesh_is_the_same_mesh_within_its_bound():
    source = grid_glb()
    packed = pack(parse_glb(source))
    assert len(packed.data) < 0.1 * len(source)
    before, after = sorted_triangles(source), sorted_triangles(packed.data)
    assert before.shape == after.shape
    assert np.abs(before - after).max() <= 40 * 2.0**-15


def test_the_same_bytes_for_any_number_of_threads():
    assert pack(parse_glb(grid_glb()), threads=1).data == pack(parse_glb(grid_glb()), threads=2).data


def test_packing_twice_never_grows():
    once = pack(parse_glb(grid_glb())).data
    assert len(pack(parse_glb(once)).data) <= len(once)


def test_a_whole_number_in_extras_freezes_every_index():
    source = grid_glb(extras={"shows": 1})
    packed = parse_glb(pack(parse_glb(source)).data).json
    assert len(packed["meshes"]) == 2
    assert packed["extras"] == {"shows": 1}


def test_an_unknown_extension_survives_and_pins_what_it_may_mean():
    source = grid_glb(extensions={"ACME_thing": {"accessor": 0}}, extensionsUsed=["ACME_thing"])
    before, after = parse_glb(source), parse_glb(pack(parse_glb(source)).data)
    assert after.json["extensions"] == before.json["extensions"]
    assert np.array_equal(after.accessor(0), before.accessor(0))


def test_a_reference_to_nowhere_leaves_the_file_as_it_is():
    source = grid_glb(nodes=[{"mesh": 7}])
    packed = pack(parse_glb(source))
    assert packed.data == source and "/nodes/0/mesh: refers to meshes 7" in packed.notes[0]


def test_animation_pointers_are_references():
    channel = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": "/materials/1/alphaCutoff"}}}
    json = {"materials": [{}, {}], "animations": [{"channels": [{"target": channel}], "samplers": []}]}
    assert survey(json).pointed == {("materials", 1)} and not survey(json).frozen
    channel["extensions"]["KHR_animation_pointer"]["pointer"] = "/materials/9/alphaCutoff"
    assert survey(json).frozen


@pytest.mark.parametrize("bits,bound_deg", [(8, 0.9), (10, 0.2), (12, 0.05)])
def test_normals_come_back_within_their_bound_as_the_specification_decodes_them(bits, bound_deg):
    vectors = np.random.default_rng(1).normal(size=(4000, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    made = filters.octahedral(vectors, bits)
    decoded = np.asarray(meshopt_filters.FILTERS["OCTAHEDRAL"].apply(made.coded, made.coded.shape[1]))[:, :3]
    assert np.abs(decoded.astype(int) - made.plain).max() <= 1
    unit = decoded / np.linalg.norm(decoded, axis=1, keepdims=True)
    assert np.degrees(np.arccos(np.clip((unit * vectors).sum(1), -1, 1))).max() < bound_deg


@pytest.mark.parametrize(
    "material, targets, left",
    [
        ({}, [{"POSITION": 0, "TANGENT": 0}], False),
        ({}, [{"TANGENT": 0}], True),
        ({"normalTexture": {"index": 0}}, [{"POSITION": 0, "TANGENT": 0}], True),
        ({"extensions": {"KHR_materials_anisotropy": {}}}, [], True),
        ({}, [], False),
    ],
)
def test_tangents_go_with_their_morphs_where_no_material_reads_them(material, targets, left):
    attributes = {"POSITION": 0, "TANGENT": 0}
    meshes = [{"primitives": [{"attributes": attributes, "targets": targets, "material": 0}]}]
    draft = Draft.of(parse_glb(grid_glb(materials=[material], textures=[{}], meshes=meshes)))
    drop_unread_attributes(draft)
    (primitive,) = draft.json["meshes"][0]["primitives"]
    assert ("TANGENT" in primitive["attributes"]) == left
    assert all(("TANGENT" in target) == left and target for target in primitive["targets"])


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
@pytest.mark.parametrize("name", ["Fox", "ManyCubes", "SimpleInstancing", "GodotOcclusionRoom", "SimpleSparseAccessor"])
def test_real_scenes_shrink_and_keep_their_shape(name):
    source = load_gltf(SCENES / f"{name}.glb")
    packed = pack(source)
    assert len(packed.data) < source.source_bytes
    before, after = flatten(source), flatten(parse_glb(packed.data))
    assert len(before.triangles) >= len(after.triangles) > 0.99 * len(before.triangles)
    assert np.allclose(before.bounds_m, after.bounds_m, atol=2.0**-14 * before.diagonal_m)
