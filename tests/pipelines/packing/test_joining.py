"""Primitives that nothing tells apart become one, with the same triangles; those that something tells apart stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from nightproof.pipelines.packing import joining
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.lossless_rest import pack_rest
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, write_glb

SIDE = 12
TILES = 8


def tiles_glb(indexed: bool = True, holes: bool = True, **changes: Any) -> bytes:
    """A row of bumpy tiles, each a primitive of the one mesh, every other one in the other material."""
    u, v = (axis.reshape(-1) for axis in np.meshgrid(np.arange(SIDE), np.arange(SIDE)))
    corner = (u + v * SIDE)[(u < SIDE - 1) & (v < SIDE - 1)]
    faces = np.stack([corner, corner + 1, corner + SIDE, corner + SIDE, corner + 1, corner + SIDE + 1], 1).astype("<u2")
    binary, views, accessors, primitives = b"", [], [], []
    for tile in range(TILES):
        height = np.sin(u * 0.7 + tile) + np.cos(v * (0.3 + 0.1 * tile))
        points = np.stack([u + 20 * tile, height, v], axis=1).astype("<f4")
        primitive = {"attributes": {"POSITION": len(accessors)}, "material": tile % 2}
        own = np.delete(faces, tile, axis=0) if holes else faces
        points = points if indexed else points[own.reshape(-1)]
        arrays = [points, own.reshape(-1)] if indexed else [points]
        for array in arrays:
            kind = (
                {"componentType": 5126, "type": "VEC3"}
                if array.ndim == 2
                else {"componentType": 5123, "type": "SCALAR"}
            )
            accessors.append({"bufferView": len(views), "count": len(array)} | kind)
            views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes})
            binary += array.tobytes() + b"\0" * (-array.nbytes % 4)
        accessors[primitive["attributes"]["POSITION"]] |= {"min": points.min(0).tolist(), "max": points.max(0).tolist()}
        primitives.append(primitive | ({"indices": len(accessors) - 1} if indexed else {}))
    json: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": primitives}],
        "materials": [{"pbrMetallicRoughness": {"baseColorFactor": [c, c, c, 1]}} for c in (0.2, 0.8)],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    for place, value in changes.items():
        holder: Any = json
        *path, last = place.split("__")
        for key in path:
            holder = holder[int(key) if key.isdigit() else key]
        holder[last] = value
    return write_glb(json, binary)


def drawn(data: bytes) -> np.ndarray:
    """(t, 7): of every triangle its centre, twice its area along its normal, and the grey of its material."""
    flat = flatten(parse_glb(data))
    grey = np.array([material.base_color[0] for material in flat.materials])[flat.triangle_material]
    a, b, c = np.moveaxis(flat.positions[flat.triangles], 1, 0)
    return np.concatenate([(a + b + c) / 3, np.cross(b - a, c - a), grey[:, None]], axis=1)


def apart(one: bytes, other: bytes) -> float:
    """How far the triangle of either that is least like any of the other's is from it."""
    before, after = drawn(one), drawn(other)
    assert before.shape == after.shape
    return max(cKDTree(after).query(before)[0].max(), cKDTree(before).query(after)[0].max())


def primitives(data: bytes) -> list[dict]:
    return [p for mesh in parse_glb(data).json["meshes"] for p in mesh["primitives"]]


@pytest.mark.parametrize("indexed", [True, False])
def test_primitives_of_one_material_become_one_and_draw_the_same(indexed, monkeypatch):
    source = tiles_glb(indexed)
    packed = pack(parse_glb(source))
    assert [p["material"] for p in primitives(packed.data)] == [0, 1]
    assert apart(source, packed.data) < 160 * 2.0**-14
    assert len(pack(parse_glb(packed.data)).data) <= len(packed.data)
    assert pack(parse_glb(source)).data == packed.data
    bounds = parse_glb(packed.data).json["accessors"][primitives(packed.data)[0]["attributes"]["POSITION"]]
    assert bounds["max"][0] > 20 * (TILES - 2) and bounds["min"][0] < 1
    monkeypatch.setattr(joining, "JOINED_VERTICES", 1)
    assert len(packed.data) < len(pack(parse_glb(source)).data)


def test_indices_stay_short(monkeypatch):
    monkeypatch.setattr(joining, "JOINED_VERTICES", 2 * SIDE * SIDE)
    packed = pack(parse_glb(tiles_glb()))
    assert [p["material"] for p in primitives(packed.data)] == [0, 0, 1, 1]
    assert apart(tiles_glb(), packed.data) < 160 * 2.0**-14


VARIANT = {"KHR_materials_variants": {"mappings": [{"material": 1, "variants": [0]}]}}
FEW = {
    "blended": ({"materials__0__alphaMode": "BLEND"}, TILES // 2 + 1),
    "transmissive": ({"materials__1__extensions": {"KHR_materials_transmission": {}}}, TILES // 2 + 1),
    "another material by variant": ({"meshes__0__primitives__2__extensions": VARIANT}, 3),
    "extras": ({"meshes__0__primitives__2__extras": {"part": "roof"}}, 3),
    "another mode": ({"meshes__0__primitives__2__mode": 5}, 3),
    "a name": ({"accessors__4__name": "roof"}, 3),
    "strangers": ({"extras": {"shows": 4}}, TILES),
}


@pytest.mark.parametrize("why", FEW)
def test_what_something_tells_apart_stays_by_itself(why):
    changes, left = FEW[why]
    variants = {
        "extensionsUsed": ["KHR_materials_variants"],
        "extensions": {"KHR_materials_variants": {"variants": []}},
    }
    packed = pack(parse_glb(tiles_glb(**changes, **(variants if "variant" in why else {}))))
    assert packed.steps and len(primitives(packed.data)) == left


@pytest.mark.parametrize("why", FEW)
def test_they_stay_with_untouched_vertices_too(why):
    changes, left = FEW[why]
    draft = Draft.of(parse_glb(tiles_glb(**changes)))
    pack_rest(draft)
    joining.join_primitives(draft)
    assert len(draft.json["meshes"][0]["primitives"]) == left


def test_long_lists_that_primitives_share_are_not_copied():
    assert len(primitives(pack(parse_glb(tiles_glb(holes=False))).data)) == TILES


def test_meshes_of_different_nodes_stay_apart():
    json = parse_glb(tiles_glb()).json
    meshes = [{"primitives": [p]} for p in json["meshes"][0]["primitives"]]
    nodes = [{"mesh": i} for i in range(TILES)]
    source = tiles_glb(meshes=meshes, nodes=nodes, scenes=[{"nodes": list(range(TILES))}])
    assert len(parse_glb(pack(parse_glb(source)).data).json["meshes"]) == TILES
