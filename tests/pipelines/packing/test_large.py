"""Large scenes: packing takes time in proportion to meshes, and memory in proportion to the decoded scene."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest

from nightproof.optimizer.analyzer import SceneAnalyzer
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.lossless_rest import pack_rest
from nightproof.pipelines.packing.pack import pack
from nightproof.rendering.preview_light import preview_light
from nightproof.scenes.distinct import distinct
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.load import scene_record

TIMES_DECODED = 6.0
LINEAR = 12.0
"""Ten times the meshes may take so many times the calls: proportion is 10, a square 100."""


def triangles_glb(meshes: int) -> bytes:
    """As many meshes of one triangle, no two alike, each with two accessors and two views of its own."""
    corners = np.random.default_rng(0).random((meshes, 3, 3)).astype("<f4")
    order = np.array([0, 1, 2, 0], "<u2").tobytes()
    binary = b"".join(each.tobytes() + order for each in corners)
    views, accessors = [], []
    for number in range(meshes):
        views += [{"buffer": 0, "byteOffset": 44 * number + at, "byteLength": size} for at, size in ((0, 36), (36, 6))]
        bounds = {"min": corners[number].min(0).tolist(), "max": corners[number].max(0).tolist()}
        accessors += [
            {"bufferView": 2 * number, "componentType": 5126, "count": 3, "type": "VEC3", **bounds},
            {"bufferView": 2 * number + 1, "componentType": 5123, "count": 3, "type": "SCALAR"},
        ]
    made = [{"primitives": [{"attributes": {"POSITION": 2 * i}, "indices": 2 * i + 1}]} for i in range(meshes)]
    return write_glb(
        {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": list(range(meshes))}],
            "nodes": [{"mesh": i, "name": str(i)} for i in range(meshes)],
            "meshes": made,
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
        },
        binary,
    )


def calls_to_lay_out(meshes: int) -> int:
    """Of functions, Python's and C's, and of generators' steps: the same on a busy machine as on a quiet one."""
    draft = Draft.of(parse_glb(triangles_glb(meshes)))
    calls = 0

    def count(frame: object, event: str, what: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        pack_rest(draft)
        assemble(draft, meshopt=True)
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.slow
def test_ten_times_the_meshes_take_about_ten_times_the_calls():
    calls_to_lay_out(3)  # imports what is imported once
    assert calls_to_lay_out(3000) < LINEAR * calls_to_lay_out(300)


def hill_glb(side: int) -> bytes:
    """side² × 2 triangles with normals that are needed and a texture that is not."""
    v, u = np.meshgrid(np.linspace(0, 1, side + 1), np.linspace(0, 1, side + 1), indexing="ij")
    points = np.stack([u, 0.1 * np.sin(9 * u) * np.cos(7 * v), v], axis=-1).reshape(-1, 3).astype("<f4")
    i, j = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
    a = (i * (side + 1) + j).reshape(-1)
    corners = np.stack([a, a + side + 1, a + 1, a + 1, a + side + 1, a + side + 2], axis=1).astype("<u4")
    slope = np.stack(
        [-0.9 * np.cos(9 * u) * np.cos(7 * v), np.ones_like(u), 0.7 * np.sin(9 * u) * np.sin(7 * v)], axis=-1
    )
    normals = (slope / np.linalg.norm(slope, axis=-1, keepdims=True)).reshape(-1, 3).astype("<f4")
    binary = points.tobytes() + normals.tobytes() + corners.tobytes()
    sizes = (points.nbytes, normals.nbytes, corners.nbytes)
    views = [{"buffer": 0, "byteOffset": sum(sizes[:k]), "byteLength": sizes[k]} for k in range(3)]
    kinds = [(5126, len(points), "VEC3"), (5126, len(points), "VEC3"), (5125, corners.size, "SCALAR")]
    accessors = [{"bufferView": k, "componentType": c, "count": n, "type": t} for k, (c, n, t) in enumerate(kinds)]
    return write_glb(
        {
            "asset": {"version": "2.0"},
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2}]}],
            "accessors": accessors,
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
        },
        binary,
    )


def decoded_bytes(document: GltfDocument, flat: FlatScene) -> int:
    arrays = [value.nbytes for value in vars(flat).values() if isinstance(value, np.ndarray)]
    return document.source_bytes + sum(arrays)


def peak_bytes(work: str, data: bytes) -> tuple[int, int]:
    """The most that Python and NumPy hold, and the decoded scene."""
    tracemalloc.start()
    try:
        document = parse_glb(data)
        flat = flatten(document, named_environment("studio"))
        if work == "pack":
            assert pack(document, flat=flat).steps
        else:
            SceneAnalyzer(threads=1).examine(scene_record(document, "hill", flat), document, flat)
        return tracemalloc.get_traced_memory()[1], decoded_bytes(document, flat)
    finally:
        tracemalloc.stop()


@pytest.mark.slow
@pytest.mark.parametrize("work", ["inspect", "pack"])
def test_peak_memory_is_a_few_times_the_decoded_scene(work):
    """Beyond what a small scene takes; benchmarks/memory.py counts the whole process."""
    preview_light(named_environment("studio"))  # made once, whatever the scene
    allowance, _ = peak_bytes(work, hill_glb(60))
    peak, decoded = peak_bytes(work, hill_glb(300))
    assert peak - allowance <= TIMES_DECODED * decoded


@pytest.mark.parametrize("count", [0, 1, 50])
def test_distinct_says_what_unique_says(count):
    indices = np.random.default_rng(count).integers(0, 40, (count, 3)).astype(np.uint32)
    assert np.array_equal(distinct(indices), np.unique(indices))
