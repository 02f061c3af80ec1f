"""What is loaded and written without a change is the same: JSON value for value, accessors byte for byte."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import parse_glb, write_glb

SCENES = sorted((Path(__file__).parents[2] / ".." / "shared" / "scenes").glob("*.glb"))
TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
STRANGE = st.dictionaries(st.sampled_from(["ACME_unheard", "KHR_of_2031", "EXT_überall"]), VALUES, max_size=2)


def rewritten(data: bytes) -> bytes:
    document = parse_glb(data)
    binary = split_glb(data)[1]
    return write_glb(document.json, b"" if binary is None else binary)


def parsed(data: bytes):
    """With the order of keys and the kind of every number, which `==` alone would not tell."""
    return json.dumps(json.loads(split_glb(data)[0]), ensure_ascii=False)


@st.composite
def documents(draw):
    """A document of accessors of every kind, plain, strided, sparse or empty, with strangers' parts everywhere."""
    binary = bytearray()
    views, accessors = [], []
    for _ in range(draw(st.integers(1, 4))):
        code, kind = draw(st.sampled_from(sorted(TYPES))), draw(st.sampled_from(sorted(WIDTHS)))
        dtype, width, count = np.dtype(TYPES[code]), WIDTHS[kind], draw(st.integers(1, 5))
        packed = dtype.itemsize * width
        stride = -(-packed // 4) * 4 + 4 * draw(st.integers(0, 2))
        binary += b"\0" * (-len(binary) % 4)
        size = stride * count
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": size, "byteStride": stride})
        # small numbers, so that floats among them are finite
        binary += bytes(draw(st.lists(st.integers(0, 60), min_size=size, max_size=size)))
        accessor = {"bufferView": len(views) - 1, "componentType": code, "count": count, "type": kind}
        if draw(st.booleans()):
            at = len(binary) + (-len(binary) % 4)
            binary += b"\0" * (at - len(binary)) + np.array([count - 1], "<u4").tobytes() + bytes(packed)
            views += [
                {"buffer": 0, "byteOffset": at, "byteLength": 4},
                {"buffer": 0, "byteOffset": at + 4, "byteLength": packed},
            ]
            accessor["sparse"] = {
                "count": 1,
                "indices": {"bufferView": len(views) - 2, "componentType": 5125},
                "values": {"bufferView": len(views) - 1},
            }
        accessors.append(accessor | {"extras": draw(VALUES)})
    document = {
        "asset": {"version": "2.0", "extras": draw(VALUES)},
        "nodes": [{"name": draw(st.text(max_size=8)), "extensions": draw(STRANGE), "matrix": draw(VALUES)}],
        "extensions": draw(STRANGE),
        "extensionsUsed": ["ACME_unheard"],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
        draw(st.sampled_from(["zzz", "later", "Ω"])): draw(VALUES),
    }
    keys = draw(st.permutations(list(document)))
    return write_glb({key: document[key] for key in keys}, bytes(binary))


@settings(max_examples=120, deadline=None)
@given(documents())
def test_any_document_comes_back_as_it_went(data):
    again = rewritten(data)
    assert parsed(again) == parsed(data)
    assert split_glb(again)[1] == split_glb(data)[1]
    before, after = parse_glb(data), parse_glb(again)
    for index in range(before.count("accessors")):
        one, two = before.accessor(index), after.accessor(index)
        assert one.dtype == two.dtype and one.tobytes() == two.tobytes()


@settings(max_examples=40, deadline=None)
@given(documents())
def test_reading_a_document_changes_nothing_in_it(data):
    document = parse_glb(data)
    before = json.dumps(document.json)
    for index in range(document.count("accessors")):
        document.floats(index)
    assert json.dumps(document.json) == before and document.file_bytes == data


@pytest.mark.shared
@pytest.mark.skipif(not SCENES, reason="../shared is absent")
@pytest.mark.parametrize("path", SCENES, ids=lambda path: path.stem)
def test_real_scenes_come_back_as_they_went(path):
    data = path.read_bytes()
    again = rewritten(data)
    assert parsed(again) == parsed(data)
    before, after = parse_glb(data), parse_glb(again)
    for index in range(before.count("accessors")):
        one, two = before.accessor(index), after.accessor(index)
        assert one.dtype == two.dtype and one.tobytes() == two.tobytes()
