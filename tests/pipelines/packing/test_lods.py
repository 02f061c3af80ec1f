"""Coarser levels of detail: nobody sees them where they take over, and nothing else changes for them."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import levels_seen
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_sight import ball, glb_of

from nightproof.jobs.asking import Wishes
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.level_sight import FOCAL_PX, VIEW_PX2
from nightproof.pipelines.packing.lods import USEFUL, plain_nodes, switching_coverage
from nightproof.pipelines.packing.node_numbers import remove_nodes
from nightproof.pipelines.packing.pack import NO_LEVELS, PackedFile, pack
from nightproof.pipelines.packing.pipeline import PackingPipeline
from nightproof.pipelines.packing.references import survey
from nightproof.pipelines.packing.units import DRACO
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import GltfDocument, load_gltf, parse_glb, write_glb
from nightproof.scenes.nodes import LOD, SCREEN_COVERAGE

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"
PLACE = {"translation": [3.0, 0.5, -1.0], "rotation": [0.0, 0.6, 0.0, 0.8], "scale": [2.0, 2.0, 2.0]}


def potato(rings: int = 70) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A lumpy ball, so that there is something to lose."""
    points, uv, triangles = ball(rings)
    lumps = 1 + 0.1 * np.sin(5 * points[:, 0]) * np.sin(4 * points[:, 1] + 1) * np.sin(6 * points[:, 2])
    return points * lumps[:, None].astype("<f4"), uv, triangles


def changed(data: bytes, **root: Any) -> bytes:
    """The same file with other root arrays, without those that are None."""
    json, binary = opened(data)
    return write_glb({key: value for key, value in (json | root).items() if value is not None}, binary)


def opened(data: bytes) -> tuple[dict[str, Any], bytes]:
    return copy.deepcopy(parse_glb(data).json), bytes(split_glb(data)[1] or b"")


def packed_with(source: bytes, levels: int = 4) -> PackedFile:
    document = parse_glb(source)
    return pack(document, flat=flatten(document, named_environment("studio")), levels=levels)


@pytest.fixture(scope="module")
def source() -> bytes:
    nodes = [{"children": [1, 2]}, {"mesh": 0, **PLACE, "extras": {"kind": "root vegetable"}}, {"mesh": 0}]
    return changed(glb_of(*potato()), nodes=nodes)


@pytest.fixture(scope="module")
def made(source: bytes) -> PackedFile:
    return packed_with(source)


@pytest.fixture(scope="module")
def document(made: PackedFile) -> GltfDocument:
    return parse_glb(made.data)


def test_what_is_shown_is_what_is_shown_without_levels(source, made, document):
    without = flatten(parse_glb(packed_with(source, levels=0).data))
    shown = flatten(document)
    assert np.array_equal(shown.positions, without.positions) and np.array_equal(shown.triangles, without.triangles)
    assert "levels" in made.steps and any(levels_seen.chains(document))


def test_no_level_shows_from_where_it_takes_over(document):
    for chain in levels_seen.chains(document):
        for mesh, coverage in zip(chain.meshes, chain.coverages, strict=False):
            assert min(levels_seen.psnr_db(document, chain.host, mesh, coverage)) >= 40
            assert min(levels_seen.psnr_db(document, chain.host, mesh, coverage / 3)) >= 40


def test_every_level_saves_triangles_and_is_shown_somewhere(document):
    (chain,) = levels_seen.chains(document)
    assert len(chain.meshes) >= 2 and len(chain.coverages) == len(chain.meshes) + 1
    assert all(fewer <= USEFUL * more for more, fewer in zip(chain.triangles, chain.triangles[1:], strict=False))
    assert list(chain.coverages) == sorted(set(chain.coverages), reverse=True)
    assert chain.coverages[0] <= 1 and chain.coverages[-1] == 0  # however small, something is shown


def test_levels_stand_where_their_host_stands_and_in_no_scene(document):
    json = document.json
    parented = {child for node in json["nodes"] for child in node.get("children", [])}
    hosts = [node for node in json["nodes"] if LOD in node.get("extensions", {})]
    assert len(hosts) == 2
    for host in hosts:
        for index in host["extensions"][LOD]["ids"]:
            level = json["nodes"][index]
            assert {key: level.get(key) for key in PLACE} == {key: host.get(key) for key in PLACE}
            assert level.keys() <= {"mesh", *PLACE}
            assert index not in parented and all(index not in scene["nodes"] for scene in json["scenes"])
    assert hosts[0]["extras"]["kind"] == "root vegetable"
    assert LOD in json["extensionsUsed"] and LOD not in json.get("extensionsRequired", [])


def test_a_level_costs_an_index_list_and_no_vertex(document):
    json = document.json
    (chain,) = levels_seen.chains(document)
    host = json["meshes"][chain.host]["primitives"][0]
    for mesh in chain.meshes:
        (level,) = json["meshes"][mesh]["primitives"]
        assert {**level, "indices": None} == {**host, "indices": None} and level["indices"] != host["indices"]


@pytest.mark.parametrize("most", [1, 2])
def test_there_are_no_more_levels_than_asked_for(source, most):
    (chain,) = levels_seen.chains(parse_glb(packed_with(source, most).data))
    assert 1 <= len(chain.meshes) <= most


def test_packing_again_keeps_the_levels(document, made):
    again = parse_glb(packed_with(made.data, levels=0).data)
    assert not survey(copy.deepcopy(document.json)).frozen
    for node in again.json["nodes"]:
        assert all(
            "children" not in again.json["nodes"][i] for i in node.get("extensions", {}).get(LOD, {"ids": []})["ids"]
        )
    before, after = (list(levels_seen.chains(one)) for one in (document, again))
    assert [chain.coverages for chain in after] == [chain.coverages for chain in before]


POINTER = {"KHR_animation_pointer": {"pointer": "/nodes/0/translation"}}
NODES: dict[str, dict[str, Any]] = {
    "children": {"nodes": [{"mesh": 0, "children": [1]}, {}]},
    "camera": {
        "nodes": [{"mesh": 0, "camera": 0}],
        "cameras": [{"type": "perspective", "perspective": {"yfov": 1, "znear": 1}}],
    },
    "lamp": {
        "nodes": [{"mesh": 0, "extensions": {"KHR_lights_punctual": {"light": 0}}}],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": "point"}]}},
        "extensionsUsed": ["KHR_lights_punctual"],
    },
    "animated": {"animations": [{"channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}]}]},
    "pointed": {
        "animations": [{"channels": [{"sampler": 0, "target": {"path": "pointer", "extensions": POINTER}}]}],
        "extensionsUsed": ["KHR_animation_pointer"],
    },
    "joint": {"skins": [{"joints": [0]}]},
    "odd extras": {"nodes": [{"mesh": 0, "extras": "word"}]},
}


def with_moves(data: bytes, animations: list[dict[str, Any]]) -> bytes:
    """The file with two keys of a translation, which become the sampler of `animations`."""
    json, binary = opened(data)
    moves = np.array([0, 1], "<f4").tobytes() + np.array([[0, 0, 0], [0, 1, 0]], "<f4").tobytes()
    start, view, count = len(binary), len(json["bufferViews"]), len(json["accessors"])
    json["bufferViews"] += [
        {"buffer": 0, "byteOffset": start, "byteLength": 8},
        {"buffer": 0, "byteOffset": start + 8, "byteLength": 24},
    ]
    json["accessors"] += [
        {"bufferView": view, "componentType": 5126, "count": 2, "type": "SCALAR", "min": [0], "max": [1]},
        {"bufferView": view + 1, "componentType": 5126, "count": 2, "type": "VEC3"},
    ]
    json["buffers"] = [{"byteLength": start + len(moves)}]
    animations[0]["samplers"] = [{"input": count, "output": count + 1}]
    return write_glb(json, binary + moves)


@pytest.mark.parametrize("kind", NODES)
def test_only_nodes_that_nothing_else_hangs_on_have_levels(kind):
    root = copy.deepcopy(NODES[kind])
    data = glb_of(*ball(4))
    assert len(plain_nodes(Draft.of(parse_glb(data)))) == 1
    if "animations" in root:
        data = with_moves(data, root["animations"])
    assert plain_nodes(Draft.of(parse_glb(changed(data, **root)))) == []


@pytest.mark.parametrize(
    "root", [{"extras": {"favourite": 3}}, {"scenes": None, "scene": None}], ids=["foreign", "no scenes"]
)
def test_files_where_levels_could_be_mistaken_have_none(source, root):
    """Without this change it has some: `made`."""
    made = packed_with(changed(source, **root))
    assert made.steps and NO_LEVELS in made.notes and not any(levels_seen.chains(parse_glb(made.data)))


@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
def test_what_draco_holds_has_no_levels():
    document = load_gltf(SCENES / "Helicopter.glb")
    assert DRACO in document.json["extensionsRequired"]
    made = pack(document, flat=flatten(document, named_environment("studio")), levels=1)
    assert DRACO in parse_glb(made.data).json["extensionsRequired"] and NO_LEVELS in made.notes


def test_without_scenes_levels_are_not_shown(document):
    """Every root is shown then, but for the levels."""
    assert document.file_bytes is not None
    bare = parse_glb(changed(document.file_bytes, scenes=None, scene=None))
    assert len(flatten(bare).triangles) == len(flatten(document).triangles)


def test_levels_follow_when_nodes_go():
    json: dict[str, Any] = {
        "scenes": [{"nodes": [0, 1, 2]}],
        "nodes": [{}, {}, {"extensions": {LOD: {"ids": [3, 4]}}}, {"name": "finer"}, {"name": "coarser"}],
    }
    remove_nodes(json, {0, 1})
    ids = json["nodes"][0]["extensions"][LOD]["ids"]
    assert [json["nodes"][index]["name"] for index in ids] == ["finer", "coarser"]


def test_levels_of_materials_follow_when_materials_go():
    json: dict[str, Any] = {"materials": [{"extensions": {LOD: {"ids": [1, 2]}}}, {}, {}]}
    found = [reference.index for reference in survey(json).references if reference.array == "materials"]
    assert found == [1, 2] and not survey(json).frozen


def test_coverages_are_no_references_and_other_extras_still_are():
    """1.0 is a whole number, and a level may be for the whole view."""
    assert not survey({"nodes": [{"extras": {SCREEN_COVERAGE: [1.0, 0.2, 0.0]}}]}).frozen
    assert survey({"nodes": [{"extras": {SCREEN_COVERAGE: [1.0], "other": 1.0}}]}).frozen


@given(
    radius_px=st.floats(1, 1e5),
    growth=st.floats(1, 64),
    narrower=st.floats(1, 10),
    wide=st.floats(0.01, 1),
)
def test_where_a_level_takes_over_its_error_is_no_larger_than_the_finest_ones_is_near(
    radius_px, growth, narrower, wide
):
    """Of a sphere of radius 1, at its nearest point, and wherever the disc is smaller or the view narrower."""
    coverage = switching_coverage(radius_px, growth) * wide
    focal_px = FOCAL_PX * narrower
    distance = focal_px * math.sqrt(math.pi / (coverage * VIEW_PX2))
    if distance > 1:  # outside of it
        scale = focal_px / (distance - 1)
        assert scale * (1 + growth) <= radius_px * (1 + 1e-9) or coverage == wide


def test_levels_are_asked_for_by_requests_and_travel_by_routes(source, tmp_path):
    digests = {Wishes(lods=lods).request("0" * 64).digest for lods in (0, 1, 2)}
    assert len(digests) == 3
    document = parse_glb(source)
    given_scene: Any = SimpleNamespace(document=document, flat=flatten(document, named_environment("studio")))

    def by(**parameters: float) -> GltfDocument:
        route: Any = SimpleNamespace(parameters=parameters)
        made = PackingPipeline().make(given_scene, route, seed=0, scratch=tmp_path, threads=1)
        return load_gltf(made.files["asset.glb"])

    assert any(levels_seen.chains(by(lods=1.0))) and not any(levels_seen.chains(by()))
