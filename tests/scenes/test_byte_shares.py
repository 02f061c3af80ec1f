"""Every byte of a file is counted once, for what it is used for."""

import json

import numpy as np
import pytest

from nightproof.scenes.byte_shares import KINDS, bytes_by_kind
from nightproof.scenes.gltf import parse_glb, write_glb


def made(views, document):
    """A GLB whose buffer views have these lengths."""
    starts = np.cumsum([0, *views])
    document |= {
        "asset": {"version": "2.0"},
        "buffers": [{"byteLength": int(starts[-1])}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": int(start), "byteLength": length}
            for start, length in zip(starts, views, strict=False)
        ],
    }
    return parse_glb(write_glb(document, bytes(int(starts[-1]))))


def accessor(view, count=3):
    return {"bufferView": view, "componentType": 5126, "count": count, "type": "VEC3"}


def test_bytes_go_to_their_use_and_add_up():
    found = made(
        [36, 40, 12, 100, 64, 8],
        {
            "accessors": [accessor(0), accessor(1), {**accessor(2, 1)}, accessor(4)],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "targets": [{"POSITION": 1}]}]}],
            "images": [{"bufferView": 3, "mimeType": "image/png"}],
            "animations": [{"samplers": [{"input": 2, "output": 2}], "channels": []}],
            "skins": [{"inverseBindMatrices": 3, "joints": []}],
        },
    )
    shares = bytes_by_kind(found)
    assert tuple(shares) == KINDS
    assert (shares["geometry"], shares["textures"], shares["animation"]) == (76, 100, 76)
    assert sum(shares.values()) == found.source_bytes


def test_what_meshopt_packed_counts_as_stored():
    found = made([36, 20], {"accessors": [accessor(0)], "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}]})
    packed = json.loads(json.dumps(found.json))
    packed["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0, "byteLength": 20}}
    found.json = packed
    assert bytes_by_kind(found)["geometry"] == 20


def test_a_view_with_two_uses_counts_once():
    found = made(
        [36],
        {
            "accessors": [accessor(0)],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 0}}]}],
            "animations": [{"samplers": [{"input": 0, "output": 0}], "channels": []}],
        },
    )
    assert bytes_by_kind(found)["geometry"] == 36 and bytes_by_kind(found)["animation"] == 0


@pytest.mark.parametrize("name", ["images", "animations", "skins", "nodes", "meshes"])
def test_an_empty_document_is_all_other(name):
    found = made([4], {name: [{}] if name == "nodes" else []})
    assert bytes_by_kind(found)["other"] == found.source_bytes
