"""A packed puppet moves, bends, swells, fades and dresses as its source does; and the measure that says so can tell."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sameness

from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"
SHOWN = ["Fox", "CesiumMilkTruck", "MorphStressTest", "AnimateAllTheThings", "AnimatedMorphCube_quant", "SheenChair"]
ROUND, LONG, KEYS = 24, 60, 40
POINTER = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": "/materials/0/alphaCutoff"}}}


def puppet_glb() -> bytes:
    """A tube on a chain of three joints with two morph targets, whose material fades, and that has a second dress."""
    rng = np.random.default_rng(4)
    angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, ROUND), np.linspace(0, 2, LONG))
    points = np.stack([np.cos(angle), height, np.sin(angle)], axis=-1).reshape(-1, 3)
    i, j = np.meshgrid(np.arange(LONG - 1), np.arange(ROUND - 1), indexing="ij")
    a = (i * ROUND + j).reshape(-1)
    corners = np.stack([a, a + ROUND, a + 1, a + 1, a + ROUND, a + ROUND + 1], axis=1)
    share = np.clip(points[:, 1:] - np.array([0, 1]), 0, 1)[:, :1] - np.clip(points[:, 1:2] - 1, 0, 1)
    tip = np.clip(points[:, 1:2] - 1, 0, 1)
    weights = np.concatenate([1 - share - tip, share, tip, np.zeros_like(tip)], axis=1)
    inverse = np.tile(np.eye(4), (3, 1, 1))
    inverse[:, 1, 3] = -np.arange(3)
    turns = rng.normal(size=(3 * KEYS, 4)) * 0.3 + [0, 0, 0, 1]
    turns /= np.linalg.norm(turns, axis=1, keepdims=True)
    times = np.cumsum(rng.random(KEYS) + 0.05)
    arrays: list[tuple[str, np.ndarray]] = [
        ("VEC3", points.astype("<f4")),
        ("VEC4", np.tile(np.array([0, 1, 2, 0], "u1"), (len(points), 1))),
        ("VEC4", weights.astype("<f4")),
        ("SCALAR", corners.reshape(-1).astype("<u4")),
        ("VEC3", (points * [0.3, 0, 0.3]).astype("<f4")),
        ("VEC3", (rng.normal(size=points.shape) * 0.1).astype("<f4")),
        ("MAT4", inverse.transpose(0, 2, 1).reshape(3, 16).astype("<f4")),
        ("SCALAR", times.astype("<f4")),
        ("VEC4", turns[:KEYS].astype("<f4")),
        ("VEC4", turns.astype("<f4")),
        ("SCALAR", rng.random(2 * KEYS).astype("<f4")),
        ("SCALAR", rng.random(KEYS).astype("<f4")),
    ]
    binary, views, accessors = bytearray(), [], []
    kinds = {"float32": 5126, "uint8": 5121, "uint32": 5125}
    for index, (kind, array) in enumerate(arrays):
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": array.nbytes})
        component = kinds[array.dtype.name]
        accessors.append({"bufferView": index, "componentType": component, "count": len(array), "type": kind})
        binary += array.tobytes() + b"\0" * (-array.nbytes % 4)
    for index in (0, 4, 5):
        accessors[index] |= {"min": arrays[index][1].min(0).tolist(), "max": arrays[index][1].max(0).tolist()}
    accessors[7] |= {"min": [float(arrays[7][1][0])], "max": [float(arrays[7][1][-1])]}
    return write_glb(
        puppet_json() | {"accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": len(binary)}]},
        bytes(binary),
    )


def puppet_json() -> dict[str, Any]:
    variants = {"mappings": [{"material": 1, "variants": [0]}]}
    primitive = {
        "attributes": {"POSITION": 0, "JOINTS_0": 1, "WEIGHTS_0": 2},
        "indices": 3,
        "targets": [{"POSITION": 4}, {"POSITION": 5}],
        "material": 0,
        "extensions": {"KHR_materials_variants": variants},
    }
    samplers = [(8, "LINEAR"), (9, "CUBICSPLINE"), (10, "LINEAR"), (11, "STEP")]
    targets = [
        {"node": 1, "path": "rotation"},
        {"node": 2, "path": "rotation"},
        {"node": 0, "path": "weights"},
        POINTER,
    ]
    return {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_materials_variants", "KHR_animation_pointer"],
        "extensions": {"KHR_materials_variants": {"variants": [{"name": "Sunday"}]}},
        "scene": 0,
        "scenes": [{"nodes": [0, 1]}],
        "nodes": [
            {"mesh": 0, "skin": 0},
            {"children": [2]},
            {"children": [3], "translation": [0, 1, 0]},
            {"translation": [0, 1, 0]},
        ],
        "skins": [{"joints": [1, 2, 3], "inverseBindMatrices": 6}],
        "meshes": [{"primitives": [primitive], "weights": [0.2, 0.1]}],
        "materials": [{"name": "weekday", "alphaMode": "MASK"}, {"name": "Sunday", "emissiveFactor": [1, 0, 0]}],
        "animations": [
            {
                "samplers": [{"input": 7, "output": out, "interpolation": kind} for out, kind in samplers],
                "channels": [{"sampler": i, "target": target} for i, target in enumerate(targets)],
            }
        ],
    }


def test_a_packed_puppet_plays_and_dresses_as_before():
    source = parse_glb(puppet_glb())
    made = pack(source)
    assert {"geometry", "meshopt"} <= set(made.steps)
    packed = parse_glb(made.data)
    found = sameness.apart(source, packed)
    assert found.moments > 40 and found.vertices > 0 and not found.beyond, found
    assert sameness.dressed_otherwise(source, packed) == []


def without_a_dress(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    json["meshes"][0]["primitives"][0]["extensions"]["KHR_materials_variants"]["mappings"][0]["material"] = 0


def stepped(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    json["animations"][0]["samplers"][0]["interpolation"] = "STEP"


def smoothed(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    json["animations"][0]["samplers"][3]["interpolation"] = "LINEAR"


def turned_a_little(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[8][4, :3] += 2e-4


def another_tangent(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[9][30] *= 1.1


def swollen(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[10][5] += 1e-3


def loose_at_a_joint(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[2][100] = [0.5, 0, 0.5, 0]


def bound_elsewhere(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[6][2, 13] += 1e-2


def dented(json: dict[str, Any], numbers: dict[int, np.ndarray]) -> None:
    numbers[4][200] += 0.1


FAULTS = (
    *(without_a_dress, stepped, smoothed, turned_a_little, another_tangent),
    *(swollen, loose_at_a_joint, bound_elsewhere, dented),
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_the_measure_sees_every_planted_fault(fault: Callable[[dict[str, Any], dict[int, np.ndarray]], None]):
    data = puppet_glb()
    source, binary = parse_glb(data), split_glb(data)[1]
    json, bytes_ = copy.deepcopy(source.json), bytearray(binary or b"")
    numbers = {}
    for index, accessor in enumerate(json["accessors"]):
        if accessor["componentType"] == 5126:
            view = json["bufferViews"][index]
            part = memoryview(bytes_)[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
            numbers[index] = np.frombuffer(part, "<f4").reshape(source.accessor(index).shape)
    fault(json, numbers)
    broken = parse_glb(write_glb(json, bytes(bytes_)))
    assert sameness.apart(source, broken).beyond or sameness.dressed_otherwise(source, broken)


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="no ../shared")
@pytest.mark.parametrize("name", SHOWN)
def test_real_scenes_play_and_dress_as_before(name):
    source = load_gltf(SCENES / f"{name}.glb")
    packed = parse_glb(pack(source).data)
    found = sameness.apart(source, packed)
    assert not found.beyond, found
    assert sameness.dressed_otherwise(source, packed) == []
