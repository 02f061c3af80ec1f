"""Files that want to hurt: each loads or gives exactly one typed error, quickly and in bounded memory."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightproof.errors import UnusableInput
from nightproof.scenes import compressed
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import parse_document
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb
from nightproof.scenes.images import decode_image
from nightproof.scenes.load import scene_record
from nightproof.scenes.reading import load_scene

SHARED = Path(__file__).parents[2] / ".." / "shared"
BAD = sorted(path for path in (SHARED / "bad_gltf").glob("*/*") if path.suffix in (".gltf", ".glb"))
SLOWEST_S = 2.0


def triangle(**changes) -> dict:
    """One triangle whose parts can be replaced, as a document for `triangle_glb`."""
    document = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5125, "count": 3, "type": "SCALAR"},
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": 12},
        ],
        "buffers": [{"byteLength": 48}],
    }
    return document | changes


CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")


def triangle_glb(corners=CORNERS, indices=(0, 1, 2), **changes) -> bytes:
    binary = np.asarray(corners, "<f4").tobytes() + np.array(indices, "<u4").tobytes()
    return write_glb(triangle(**changes), binary)


def attempt(data: bytes) -> str:
    try:
        document = parse_glb(data)
        flat = flatten(document)
        scene_record(document, "x", flat)
    except UnusableInput as error:
        assert error.hint and error.exit_code == 2
        return "refused"
    assert np.isfinite(flat.positions).all() and np.isfinite(flat.normals).all()
    assert not len(flat.triangles) or flat.triangles.max() < len(flat.positions)
    return "loads"


def test_the_triangle_that_the_attacks_start_from_is_fine():
    assert attempt(triangle_glb()) == "loads"


@pytest.mark.shared
@pytest.mark.skipif(not BAD, reason="../shared is absent")
@pytest.mark.parametrize("path", BAD, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_broken_files_load_or_are_refused_and_valid_ones_load(path):
    report = json.loads(path.with_name(path.name + ".report.json").read_text())
    started = time.process_time()
    try:
        document = load_gltf(path)
        scene_record(document, path.name, flatten(document))
    except UnusableInput:
        assert report["issues"]["numErrors"] > 0, "a valid file was refused"
    assert time.process_time() - started < SLOWEST_S


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_corner_that_is_no_place_is_refused(value):
    corners = CORNERS.copy()
    corners[1, 1] = value
    with pytest.raises(BrokenScene, match="not finite"):
        flatten(parse_glb(triangle_glb(corners)))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_normals_that_are_no_numbers_are_taken_as_none_and_told(value):
    normals = np.tile(np.float32([0, 0, 1]), (3, 1))
    normals[1:, 2] = value
    accessors = [*triangle()["accessors"], {"bufferView": 2, "componentType": 5126, "count": 3, "type": "VEC3"}]
    views = [*triangle()["bufferViews"], {"buffer": 0, "byteOffset": 48, "byteLength": 36}]
    meshes = [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 2}, "indices": 1}]}]
    changes = {"accessors": accessors, "bufferViews": views, "meshes": meshes, "buffers": [{"byteLength": 84}]}
    binary = CORNERS.tobytes() + np.array((0, 1, 2), "<u4").tobytes() + normals.tobytes()
    flat = flatten(parse_glb(write_glb(triangle(**changes), binary)))
    told = "/meshes/0/primitives/0/attributes: normals of 2 vertices are not finite, taken as 0"
    assert np.isfinite(flat.normals).all() and told in flat.notes


def test_an_index_beyond_the_vertices_is_refused():
    with pytest.raises(BrokenScene, match="index 3 of 3"):
        flatten(parse_glb(triangle_glb(indices=(0, 1, 3))))


def test_a_transform_that_overflows_is_refused():
    for nodes in (
        [{"mesh": 0, "scale": [1e39, 1, 1]}],
        [{"scale": [1e300] * 3, "children": [1]}, {"mesh": 0, "scale": [1e300] * 3}],
    ):
        with pytest.raises(BrokenScene):
            flatten(parse_glb(triangle_glb(nodes=nodes)))


@pytest.mark.parametrize(
    "nodes",
    [
        [{"mesh": 0, "children": [0]}],
        [{"mesh": 0, "children": [1]}, {"children": [0]}],
        [{"mesh": 0, "children": [1, 1]}, {}],
        [{"children": [2]}, {"children": [2]}, {"mesh": 0}],
    ],
)
def test_nodes_form_a_forest(nodes):
    with pytest.raises(BrokenScene):
        flatten(parse_glb(triangle_glb(nodes=nodes)))


def test_a_deep_chain_of_nodes_is_no_problem():
    nodes = [{"children": [i + 1]} for i in range(20_000)] + [{"mesh": 0}]
    assert len(flatten(parse_glb(triangle_glb(nodes=nodes))).triangles) == 1


def test_instances_that_would_fill_the_memory_are_refused_at_once():
    count = 2**27
    accessors = [*triangle()["accessors"], {"componentType": 5126, "count": count, "type": "VEC3"}]
    instancing = {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 2}}}
    data = triangle_glb(nodes=[{"mesh": 0, "extensions": instancing}], accessors=accessors)
    started = time.process_time()
    with pytest.raises(SceneTooLarge):
        flatten(parse_glb(data))
    assert time.process_time() - started < 0.5


def test_nodes_that_repeat_one_mesh_are_bounded_too():
    accessors = [{**triangle()["accessors"][0]}, {"componentType": 5125, "count": 3_000_000, "type": "SCALAR"}]
    nodes = [{"mesh": 0} for _ in range(40)]
    with pytest.raises(SceneTooLarge):
        flatten(parse_glb(triangle_glb(nodes=nodes, scenes=[{"nodes": list(range(40))}], accessors=accessors)))


def test_an_image_that_unfolds_to_gigapixels_is_refused_by_its_header():
    import io

    from PIL import Image

    stream = io.BytesIO()
    Image.new("1", (16384, 16000)).save(stream, "PNG")
    with pytest.raises(SceneTooLarge):
        decode_image(stream.getvalue(), "image/png", "/images/0")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 10**6), st.integers(1, 255))
def test_one_flipped_byte_never_escapes_as_a_foreign_error(place, flip):
    data = bytearray(triangle_glb())
    data[place % len(data)] ^= flip
    attempt(bytes(data))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6))
def test_a_cut_file_is_refused(length):
    data = triangle_glb()
    assert attempt(data[: length % len(data)]) == "refused"


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4), st.lists(st.integers(-2, 5), max_size=4),
    st.dictionaries(st.text(max_size=3), st.integers(-1, 3), max_size=2),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_one_wrong_value_anywhere_never_escapes_as_a_foreign_error(data):
    document = json.loads(json.dumps(triangle()))
    document["nodes"][0] |= {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
    document["materials"] = [{"pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 1]}, "emissiveFactor": [0, 0, 0]}]
    document["meshes"][0]["primitives"][0] |= {"material": 0, "mode": 4}
    document["cameras"] = [{"type": "perspective", "perspective": {"yfov": 1, "znear": 0.1}}]
    holder, key = document, None
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if not isinstance(holder[key], dict | list) or data.draw(st.integers(0, 5)) == 0:
            break
        holder = holder[key]
    if key is not None and key in (holder if isinstance(holder, dict) else range(len(holder))):
        holder[key] = data.draw(VALUES)
    attempt(write_glb(document, CORNERS.tobytes() + np.array([0, 1, 2], "<u4").tobytes()))


def test_what_is_broken_of_all_accessors_is_sought_once(monkeypatch):
    """A thousand accessors of a file with a thousand meshes would be a million looks."""
    document = parse_glb(triangle_glb(meshes=[{"primitives": [{"attributes": {"POSITION": 0}}, 7]}]))
    calls, plain = [], compressed.draco_places
    monkeypatch.setattr(compressed, "draco_places", lambda of: calls.append(1) or plain(of))
    found = []
    for index in (0, 1, 0):
        with pytest.raises(BrokenScene) as caught:
            document.accessor(index)
        found.append(str(caught.value))
    assert len(calls) == 1 and len(set(found)) == 1 and "/meshes/0/primitives/1" in found[0]


def test_zeros_out_of_nothing_are_bounded_by_what_the_file_holds():
    def zeros(count: int) -> bytes:
        accessors = [{"componentType": 5126, "count": count, "type": "VEC3"}, triangle()["accessors"][1]]
        return triangle_glb(accessors=accessors)

    assert attempt(zeros(3)) == attempt(zeros(1 << 16)) == "loads"
    with pytest.raises(SceneTooLarge, match="/accessors/0/count: 268435456 elements without data"):
        flatten(parse_glb(zeros(1 << 28)))


def test_a_large_file_may_hold_more_zeros():
    """Morph targets that move nothing are written so."""
    count = 100_000
    binary = np.zeros((count, 3), "<f4").tobytes()
    document = {
        "asset": {"version": "2.0"},
        "accessors": [{"componentType": 5126, "count": count, "type": "VEC3"}],
        "buffers": [{"byteLength": len(binary)}],
    }
    assert not parse_glb(write_glb(document, binary)).accessor(0).any()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"nodes": [{"mesh": 0, "name": "\ud800x"}]}, "/nodes/0/name"),
        ({"extras": {"a/b": ["fine", "\udfff"]}}, "/extras/a~1b/1"),
        ({"extras": {"\udead": 1}}, "/extras"),
    ],
    ids=["name", "deep", "key"],
)
def test_half_characters_are_refused_with_their_place(changes, pointer):
    text = json.dumps(triangle(**changes)).encode()
    assert b"\\ud" in text
    with pytest.raises(BrokenScene) as caught:
        parse_document(text)
    assert caught.value.pointer == pointer


def test_whole_characters_written_as_two_halves_are_read():
    assert (
        parse_document(json.dumps({"asset": {"version": "2.0", "generator": "🌒"}}).encode())["asset"]["generator"]
        == "🌒"
    )


def test_what_is_no_regular_file_is_never_waited_for(tmp_path):
    """A pipe that nobody writes into: opening it would hang."""
    pipe = tmp_path / "scene.glb"
    os.mkfifo(pipe)
    with pytest.raises(UnusableInput, match="no regular file"):
        load_scene(pipe)
    with pytest.raises(UnusableInput, match="no regular file"):
        load_gltf(Path("/dev/zero"))


def test_a_name_longer_than_file_systems_allow_is_a_fault_of_the_scene(tmp_path):
    scene = tmp_path / "scene.gltf"
    scene.write_text(json.dumps(triangle(buffers=[{"byteLength": 48, "uri": "a" * 5000}])))
    with pytest.raises(BrokenScene, match=r"/buffers/0/uri: a+ cannot be read"):
        load_gltf(scene)
