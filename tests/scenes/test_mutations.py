"""A minute of mutated scenes: each loads or is refused with one typed error, and none takes long."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nightproof.scenes.gltf import parse_glb, write_glb

_SPEC = importlib.util.spec_from_file_location("mutations", Path(__file__).parents[2] / "benchmarks" / "mutations.py")
mutations = importlib.util.module_from_spec(_SPEC)
sys.modules["mutations"] = mutations  # dataclasses look their module up
_SPEC.loader.exec_module(mutations)

MINUTE_S = float(os.environ.get("NIGHTPROOF_FUZZ_S", "60"))


def rich_glb() -> bytes:
    """A little of everything: texture, tangents, sparse, morphs, skin, animation, instances, lights, cameras."""
    side = np.arange(6, dtype="<f4")
    points = np.stack([np.repeat(side, 6), np.tile(side, 6), np.zeros(36, "<f4")], axis=1)
    faces = np.array([[i, i + 6, i + 1] for i in range(29) if i % 6 != 5], "<u2")
    stream = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3)).save(stream, "PNG")
    chunks = {
        "points": points.tobytes(),
        "normals": np.tile(np.array([0, 0, 1], "<f4"), (36, 1)).tobytes(),
        "uv": (points[:, :2] / 6).astype("<f4").tobytes(),
        "faces": faces.tobytes(),
        "joints": np.zeros((36, 4), "<u1").tobytes(),
        "weights": np.tile(np.array([1, 0, 0, 0], "<f4"), (36, 1)).tobytes(),
        "moves": (points[:, ::-1] / 9).astype("<f4").tobytes(),
        "rows": np.array([1, 5, 9], "<u2").tobytes(),
        "values": np.ones((3, 3), "<f4").tobytes(),
        "bind": np.eye(4, dtype="<f4").tobytes(),
        "times": np.array([0, 1, 2], "<f4").tobytes(),
        "turns": np.array([[0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]], "<f4").tobytes(),
        "places": np.arange(6, dtype="<f4").tobytes(),
        "image": stream.getvalue(),
    }
    binary, views = b"", []
    for chunk in chunks.values():
        binary += b"\0" * (-len(binary) % 4)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(chunk)})
        binary += chunk
    at = {name: i for i, name in enumerate(chunks)}

    def accessor(name: str, kind: str, component: int, count: int) -> dict:
        return {"bufferView": at[name], "componentType": component, "count": count, "type": kind}

    sparse = {
        "count": 3,
        "indices": {"bufferView": at["rows"], "componentType": 5123},
        "values": {"bufferView": at["values"]},
    }
    attributes = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2, "JOINTS_0": 4, "WEIGHTS_0": 5}
    plain = {"POSITION": 6, "NORMAL": 1, "TEXCOORD_0": 2}
    texture = {"index": 0, "extensions": {"KHR_texture_transform": {"scale": [2, 2], "rotation": 0.5}}}
    return write_glb(
        {
            "asset": {"version": "2.0"},
            "extensionsUsed": ["KHR_lights_punctual", "EXT_mesh_gpu_instancing", "KHR_texture_transform"],
            "extensions": {"KHR_lights_punctual": {"lights": [{"type": "spot", "spot": {"outerConeAngle": 0.7}}]}},
            "scene": 0,
            "scenes": [{"nodes": [0, 1, 2, 3]}, {"nodes": [2]}],
            "nodes": [
                {"mesh": 0, "skin": 0, "weights": [0.5]},
                {"rotation": [0, 0, 0, 1], "extensions": {"KHR_lights_punctual": {"light": 0}}},
                {"mesh": 1, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 11}}}},
                {"camera": 0, "translation": [0, 0, 9], "children": [4]},
                {"matrix": [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, -2, 0, 1, 1, 1, 1], "mesh": 1},
            ],
            "meshes": [
                {"primitives": [{"attributes": attributes, "indices": 3, "material": 0, "targets": [{"POSITION": 7}]}]},
                {"primitives": [{"attributes": plain, "indices": 3, "material": 1, "mode": 4}]},
            ],
            "materials": [
                {
                    "pbrMetallicRoughness": {"baseColorTexture": texture},
                    "normalTexture": {"index": 0},
                    "doubleSided": True,
                },
                {
                    "alphaMode": "MASK",
                    "alphaCutoff": 0.4,
                    "extensions": {"KHR_materials_sheen": {"sheenRoughnessFactor": 1}},
                },
            ],
            "textures": [{"source": 0, "sampler": 0}],
            "samplers": [{"wrapS": 33071}],
            "images": [{"bufferView": at["image"], "mimeType": "image/png"}],
            "cameras": [{"type": "perspective", "perspective": {"yfov": 0.7, "znear": 0.1}}],
            "skins": [{"joints": [1], "inverseBindMatrices": 8}],
            "animations": [
                {
                    "samplers": [{"input": 9, "output": 10}],
                    "channels": [{"sampler": 0, "target": {"node": 1, "path": "rotation"}}],
                }
            ],
            "accessors": [
                accessor("points", "VEC3", 5126, 36),
                accessor("normals", "VEC3", 5126, 36),
                accessor("uv", "VEC2", 5126, 36),
                accessor("faces", "SCALAR", 5123, faces.size),
                accessor("joints", "VEC4", 5121, 36),
                accessor("weights", "VEC4", 5126, 36),
                accessor("points", "VEC3", 5126, 36) | {"sparse": sparse},
                accessor("moves", "VEC3", 5126, 36),
                accessor("bind", "MAT4", 5126, 1),
                accessor("times", "SCALAR", 5126, 3),
                accessor("turns", "VEC4", 5126, 3),
                accessor("places", "VEC3", 5126, 2),
            ],
            "bufferViews": views,
            "buffers": [{"byteLength": len(binary)}],
        },
        binary,
    )


def test_the_scene_that_is_mutated_is_right():
    assert mutations.attempt(rich_glb())[0] == "loaded"
    assert mutations.attempt(rich_glb(), then="pack")[0] == "packed"
    assert mutations.attempt(rich_glb(), then="inspect")[0] == "inspected"
    assert parse_glb(rich_glb()).count("accessors") == 12


def test_mutants_differ_and_are_the_same_for_one_seed():
    made = [mutations.mutant(rich_glb(), seed) for seed in range(50)]
    assert len(set(made)) > 45 and made == [mutations.mutant(rich_glb(), seed) for seed in range(50)]


@pytest.mark.slow
def test_a_minute_of_mutants_loads_or_is_refused_in_time():
    """Foreign exceptions fall through and fail; a seed in the message brings the mutant back."""
    data, begin, outcomes, seed = rich_glb(), time.monotonic(), {"loaded": 0, "refused": 0}, 0
    while time.monotonic() - begin < MINUTE_S:
        seed += 1
        then = ("pack", "", "inspect", "")[seed % 4]
        started = time.process_time()
        try:
            outcome, loading_s = mutations.attempt(mutations.mutant(data, seed), then=then)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        spent = time.process_time() - started
        assert loading_s <= mutations.LIMIT_S and spent <= mutations.THEN_LIMIT_S[then], f"seed {seed} took too long"
        outcomes["loaded" if outcome.startswith(mutations.USED) else "refused"] += 1
    assert min(outcomes.values()) >= 20, outcomes
