"""Crowds drawn at once look as they did, and nothing that anybody could look for is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.instancing import CROWD, instance_nodes
from nightproof.pipelines.packing.node_numbers import node_references, remove_nodes
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb
from nightproof.scenes.nodes import INSTANCING

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"
COUNT = 100


def crowd_glb(name: str | None = "Cube.{:03}", **changes: Any) -> bytes:
    """A hundred turned and scaled wedges under one moved root, of which a lamp's joint and an animation know none."""
    rng = np.random.default_rng(5)
    points = rng.random((30, 3)).astype("<f4")
    times, moves = np.array([0, 1], "<f4"), np.array([[0, 0, 0], [0, 1, 0]], "<f4")
    binary = points.tobytes() + times.tobytes() + moves.tobytes()
    turns = rng.normal(size=(COUNT, 4))
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    nodes: list[dict[str, Any]] = [{"name": "first"}]
    for index in range(COUNT):
        node = {"mesh": 0, "translation": (rng.normal(size=3) * 9).tolist(), "rotation": turns[index].tolist()}
        node |= {"scale": rng.uniform(0.5, 2, 3).tolist()} | ({"name": name.format(index)} if name else {})
        nodes.append(node)
    nodes.append({"name": "root", "children": [*range(1, COUNT + 1), COUNT + 2], "scale": [2, 1, 1]})
    nodes.append({"name": "last"})
    pointer = {"KHR_animation_pointer": {"pointer": f"/nodes/{COUNT + 2}/scale"}}
    channels = [
        {"sampler": 0, "target": {"node": COUNT + 1, "path": "translation"}},
        {"sampler": 0, "target": {"path": "pointer", "extensions": pointer}},
    ]
    accessors = [
        {"bufferView": 0, "componentType": 5126, "count": 30, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 1]},
        {"bufferView": 1, "componentType": 5126, "count": 2, "type": "SCALAR", "min": [0], "max": [1]},
        {"bufferView": 2, "componentType": 5126, "count": 2, "type": "VEC3"},
    ]
    json: dict[str, Any] = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_animation_pointer"],
        "scene": 0,
        "scenes": [{"nodes": [0, COUNT + 1]}],
        "nodes": nodes,
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": 0}]}],
        "materials": [{}],
        "skins": [{"joints": [0, COUNT + 2], "skeleton": COUNT + 2}],
        "animations": [{"samplers": [{"input": 1, "output": 2}], "channels": channels}],
        "accessors": accessors,
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": size} for start, size in ((0, 360), (360, 8), (368, 24))
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    for place, value in changes.items():
        holder: Any = json
        *path, last = place.split("__")
        for key in path:
            holder = holder[int(key) if key.isdigit() else key]
        holder[int(last) if last.isdigit() else last] = value
    return write_glb(json, binary)


def instanced(source: bytes) -> dict[str, Any]:
    draft = Draft.of(parse_glb(source))
    instance_nodes(draft)
    return draft.json


def triangles(data: bytes) -> np.ndarray:
    flat = flatten(parse_glb(data))
    corners = flat.positions[flat.triangles].reshape(len(flat.triangles), -1)
    return corners[np.lexsort(np.round(corners.T, 2))]


@pytest.mark.parametrize("name", ["Cube.{:03}", "Cube", None, "cube_{}", "cube {}"])
def test_a_crowd_becomes_one_node_and_looks_as_it_did(name):
    source = crowd_glb(name)
    packed = pack(parse_glb(source))
    json = parse_glb(packed.data).json
    assert len(json["nodes"]) == 4 and INSTANCING in json["extensionsRequired"]
    assert len(packed.data) < 0.5 * len(source)
    before, after = triangles(source), triangles(packed.data)
    assert before.shape == after.shape
    assert np.abs(before - after).max() < 4e-4  # meshes of a metre, scaled by up to four: 1e-4 each
    assert len(pack(parse_glb(packed.data)).data) <= len(packed.data)
    assert pack(parse_glb(source)).data == packed.data


def test_instances_of_stored_integers_stand_as_near_to_where_they_stood():
    """What 32767 stands for is 1, also where two primitives share corners in a way that keeps these as they are."""
    shared = [{"attributes": {"POSITION": 0}, "material": 0}, {"attributes": {"POSITION": 0, "_WEAR": 0}}]
    stored = {"bufferView": 0, "componentType": 5122, "normalized": True, "count": 30, "type": "VEC3"}
    stored |= {"min": [-32768] * 3, "max": [32767] * 3}
    source = crowd_glb(
        meshes__0__primitives=shared, accessors__0=stored, bufferViews__0={"buffer": 0, "byteLength": 360}
    )
    packed = pack(parse_glb(source))
    assert INSTANCING in parse_glb(packed.data).json["extensionsRequired"]
    before, after = triangles(source), triangles(packed.data)
    assert before.shape == after.shape
    assert cKDTree(before).query(after, p=np.inf)[0].max() < 4e-4 > cKDTree(after).query(before, p=np.inf)[0].max()


def test_all_who_refer_to_nodes_refer_to_the_same_ones():
    source = parse_glb(crowd_glb()).json
    made = instanced(crowd_glb())
    number = {node.get("name"): index for index, node in enumerate(made["nodes"])}
    assert list(number) == ["first", "Cube", "root", "last"]
    assert made["scenes"][0]["nodes"] == [number["first"], number["root"]]
    assert made["nodes"][number["root"]]["children"] == [number["Cube"], number["last"]]
    assert made["skins"][0] == {"joints": [number["first"], number["last"]], "skeleton": number["last"]}
    moved, pointed = (channel["target"] for channel in made["animations"][0]["channels"])
    assert moved["node"] == number["root"]
    assert pointed["extensions"]["KHR_animation_pointer"]["pointer"] == f"/nodes/{number['last']}/scale"
    kinds = {kind for kind, *_ in node_references(source)}
    assert kinds == {"children", "scenes", "joints", "skeleton", "channels", "pointers"}


LEFT_ALONE: dict[str, dict[str, Any]] = {
    "blended": {"materials__0__alphaMode": "BLEND"},
    "transmissive": {"materials__0__extensions": {"KHR_materials_transmission": {}}},
    "morphed": {"meshes__0__primitives__0__targets": [{"POSITION": 0}]},
    "lines": {"meshes__0__primitives__0__mode": 1},
    "a number in extras": {"extras": {"shows": 4}},
    "a name in extras": {"extras": {"door": "Cube.007"}},
    "bodies": {"extensionsUsed": ["OMI_physics_body"]},
    "strangers": {"extensionsUsed": ["ACME_finds_by_name"]},
}


@pytest.mark.parametrize("why", LEFT_ALONE)
def test_crowds_that_would_show_or_be_missed_stay(why):
    assert len(instanced(crowd_glb(**LEFT_ALONE[why]))["nodes"]) == COUNT + 3


def test_few_with_numbers_and_many_with_names_stay():
    json = parse_glb(crowd_glb()).json
    few = {f"nodes__{i}__name": f"Wheel{chr(65 + i % 26)}.{i}" for i in range(1, COUNT + 1)}
    assert len(instanced(crowd_glb(**few))["nodes"]) == len(json["nodes"])
    rest = {f"nodes__{i}__name": "Wheel.1" for i in range(1, COUNT + 1 - CROWD)}
    assert len(instanced(crowd_glb(**rest))["nodes"]) == 3 + len(rest) + 1
    assert len(instanced(crowd_glb(**rest, nodes__100__name="Spare"))["nodes"]) == len(json["nodes"])


@pytest.mark.parametrize(
    "change",
    [
        {"nodes__5__extras": {"kind": "special"}},
        {"nodes__5__camera": 0},
        {"nodes__5__children": [102], "nodes__101__children": [*range(1, 101)]},
        {"nodes__5__scale": [1, 1, -1]},
        {"skins__0__joints": [5, 102]},
        {"animations__0__channels__0__target": {"node": 5, "path": "translation"}},
        {"nodes__5__weights": [1.0]},
    ],
    ids=["extras", "camera", "children", "mirrored", "joint", "animated", "weights"],
)
def test_one_that_is_special_stays_itself(change):
    made = instanced(crowd_glb(**change))
    assert len(made["nodes"]) == 5
    assert "Cube.004" in {node.get("name") for node in made["nodes"]}


def test_nodes_of_two_parents_do_not_become_one():
    made = instanced(
        crowd_glb(None, nodes__0__children=list(range(1, 51)), nodes__101__children=[*range(51, 101), 102])
    )
    assert len(made["nodes"]) == 5
    assert [len(node.get("children", [])) for node in made["nodes"]] == [1, 0, 0, 2, 0]


def test_taking_out_every_child_leaves_no_empty_list():
    json = {"nodes": [{"children": [1]}, {}], "scenes": [{"nodes": [0]}]}
    remove_nodes(json, {1})
    assert json == {"nodes": [{}], "scenes": [{"nodes": [0]}]}


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
def test_five_hundred_cubes_are_drawn_at_once_and_stand_where_they_stood():
    source = load_gltf(SCENES / "ManyCubes.glb")
    packed = pack(source)
    assert len(packed.data) < 0.03 * source.source_bytes and "instances" in packed.notes[-1]
    before, after = flatten(source), flatten(parse_glb(packed.data))
    assert np.abs(before.positions.max(0) - after.positions.max(0)).max() < 1e-4 * before.diagonal_m
    one, other = (np.sort(flat.positions[flat.triangles].mean(axis=1), axis=0) for flat in (before, after))
    assert one.shape == other.shape and np.abs(one - other).max() < 1e-4 * before.diagonal_m
