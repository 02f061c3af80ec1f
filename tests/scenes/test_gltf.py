"""The glTF core: what it reads, what it keeps, what it refuses."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb
from nightproof.scenes.meshopt_filters import FILTERS

SCENES = Path(__file__).parents[2] / ".." / "shared" / "scenes"


def document_of(binary: bytes, **arrays):
    return parse_glb(
        write_glb({"asset": {"version": "2.0"}, "buffers": [{"byteLength": len(binary)}], **arrays}, binary)
    )


def accessor_of(binary: bytes, view: dict, **accessor):
    view = {"buffer": 0, "byteLength": len(binary), **view}
    return document_of(binary, bufferViews=[view], accessors=[{"bufferView": 0, **accessor}])


def test_strided_accessors_read_only_their_own_bytes():
    rows = np.arange(12, dtype="<f4").reshape(3, 4)
    document = accessor_of(rows.tobytes(), {"byteStride": 16}, byteOffset=4, componentType=5126, count=3, type="VEC2")
    assert np.array_equal(document.accessor(0), rows[:, 1:3])
    assert not document.accessor(0).flags.writeable


@pytest.mark.parametrize(("dtype", "code"), [("<i1", 5120), ("<u1", 5121), ("<i2", 5122), ("<u2", 5123)])
def test_normalised_integers_reach_exactly_one_and_never_pass_minus_one(dtype, code):
    limits = np.iinfo(dtype)
    values = np.array([limits.min, 0, limits.max], dtype)
    document = accessor_of(values.tobytes(), {}, componentType=code, count=3, type="SCALAR", normalized=True)
    expected = [-1.0, 0.0, 1.0] if limits.min < 0 else [0.0, 0.0, 1.0]
    assert document.floats(0).tolist() == expected
    assert document.accessor(0).dtype == np.dtype(dtype)


def test_small_matrices_skip_the_padding_of_their_columns():
    data = bytes([1, 2, 9, 9, 3, 4, 9, 9])
    document = accessor_of(data, {}, componentType=5121, count=1, type="MAT2")
    assert document.accessor(0).tolist() == [[1, 2, 3, 4]]


def test_sparse_values_replace_zeros_where_there_is_no_base():
    binary = struct.pack("<2H2f", 1, 3, 5.0, 7.0)
    sparse = {"count": 2, "indices": {"bufferView": 0, "componentType": 5123}, "values": {"bufferView": 1}}
    document = document_of(
        binary,
        bufferViews=[{"buffer": 0, "byteLength": 4}, {"buffer": 0, "byteOffset": 4, "byteLength": 8}],
        accessors=[{"componentType": 5126, "count": 4, "type": "SCALAR", "sparse": sparse}],
    )
    assert document.accessor(0).tolist() == [0.0, 5.0, 0.0, 7.0]


@pytest.mark.parametrize(
    "accessor",
    [
        {"count": 4},
        {"byteOffset": 2},
        {"count": 2**40},
        {"count": 0},
        {"count": -1},
        {"count": 2.5},
        {"count": "3"},
        {"count": True},
        {"byteOffset": -4},
        {"byteOffset": 1e30},
        {"componentType": 5124},
        {"type": "VEC5"},
        {"bufferView": 1},
        {"bufferView": -1},
    ],
)
def test_no_accessor_reaches_beyond_its_bytes(accessor):
    fine = {"componentType": 5126, "count": 3, "type": "SCALAR"}
    with pytest.raises(BrokenScene) as raised:
        accessor_of(bytes(12), {}, **(fine | accessor)).accessor(0)
    assert raised.value.pointer.startswith("/accessors/0")


def test_an_accessor_without_data_takes_no_memory():
    document = document_of(bytes(4), accessors=[{"componentType": 5126, "count": 2**16, "type": "VEC3"}])
    zeros = document.accessor(0)
    assert zeros.shape == (2**16, 3)
    assert zeros.strides == (0, 0)


def test_meshopt_that_promises_too_much_is_refused_before_it_is_decoded():
    packed = {"buffer": 0, "byteLength": 16, "byteStride": 256, "count": 10**7, "mode": "ATTRIBUTES"}
    view = {"buffer": 0, "byteLength": 2**31, "extensions": {"EXT_meshopt_compression": packed}}
    document = document_of(bytes(16), bufferViews=[view])
    with pytest.raises(SceneTooLarge):
        document.buffer_view(0)


def test_octahedral_filter_restores_unit_normals_of_both_hemispheres():
    normals = np.array([[0, 0, 1], [0.6, 0, 0.8], [0.6, 0, -0.8], [-0.48, 0.64, -0.6], [0.48, -0.64, -0.6]])
    folded = normals / np.abs(normals).sum(axis=1, keepdims=True)
    xy = folded[:, :2].copy()
    low = folded[:, 2] < 0
    xy[low] = ((1 - np.abs(folded[:, [1, 0]])) * np.where(folded[:, :2] >= 0, 1, -1))[low]
    encoded = np.concatenate([np.round(xy * 32767), np.full((5, 1), 32767), np.zeros((5, 1))], axis=1).astype("<i2")
    decoded = FILTERS["OCTAHEDRAL"].apply(encoded, 8)[:, :3] / 32767
    assert np.abs(decoded - normals).max() < 1e-3


@pytest.mark.parametrize(
    "uri", ["../secret.bin", "/etc/passwd", "a/../../secret.bin", "%2e%2e/secret.bin", "..\\secret.bin"]
)
def test_no_file_outside_the_folder_is_read(tmp_path, uri):
    folder = tmp_path / "scene"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    path = folder / "scene.gltf"
    path.write_text(json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": uri, "byteLength": 4}]}))
    with pytest.raises(BrokenScene):
        load_gltf(path)


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "scene"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(8))
    (folder / "inside.bin").symlink_to(tmp_path / "secret.bin")
    path = folder / "scene.gltf"
    path.write_text(json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "inside.bin", "byteLength": 4}]}))
    with pytest.raises(BrokenScene, match="leaves the folder"):
        load_gltf(path)


@pytest.mark.parametrize("uri", ["http://example.com/a.bin", "//host/a.bin", "file:///etc/passwd", "c:a.bin"])
def test_the_network_is_never_asked(tmp_path, uri):
    path = tmp_path / "scene.gltf"
    view = {"buffer": 0, "byteLength": 4}
    buffers = [{"uri": uri, "byteLength": 4}]
    path.write_text(json.dumps({"asset": {"version": "2.0"}, "buffers": buffers, "bufferViews": [view]}))
    with pytest.raises(BrokenScene, match="network"):
        load_gltf(path).buffer_view(0)


def test_the_digest_of_a_gltf_covers_the_files_beside_it(tmp_path):
    path, beside = tmp_path / "scene.gltf", tmp_path / "a b.bin"
    path.write_text(json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "a%20b.bin", "byteLength": 4}]}))
    beside.write_bytes(b"1234")
    before = load_gltf(path)
    beside.write_bytes(b"1235")
    assert load_gltf(path).source_sha256 != before.source_sha256
    assert before.source_bytes == path.stat().st_size + 4


@pytest.mark.parametrize(
    "text", ['{"asset":{"version":"2.0"},"a":1,"a":2}', '{"asset":{"version":"2.0"},"a":NaN}', "[" * 99999]
)
def test_json_that_readers_disagree_about_is_refused(tmp_path, text):
    path = tmp_path / "scene.gltf"
    path.write_text(text)
    with pytest.raises(BrokenScene):
        load_gltf(path)


def test_a_required_extension_that_changes_the_shapes_is_refused():
    with pytest.raises(BrokenScene, match="EXT_teapots"):
        document_of(bytes(4), extensionsRequired=["EXT_teapots"])


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize("path", sorted(SCENES.glob("*.glb")), ids=lambda path: path.stem)
def test_writing_a_document_back_keeps_its_json_and_its_bytes(path):
    document = load_gltf(path)
    text, binary = split_glb(path.read_bytes())
    again = parse_glb(write_glb(document.json, binary or b""))
    assert again.json == json.loads(text)
    assert list(again.json) == list(json.loads(text))
    for index in range(document.count("accessors")):
        assert np.array_equal(again.accessor(index), document.accessor(index))
