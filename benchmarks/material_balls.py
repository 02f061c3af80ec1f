"""One ball per material of glTF: what a renderer makes of the material alone.

A ball under a sky shadows and mirrors nothing of itself, so that path tracing and real-time image-based light mean the
same picture, up to what real time approximates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nightproof.scenes.glb import write_glb

RINGS = 64
DARK = {"baseColorFactor": [0.02, 0.02, 0.02, 1], "metallicFactor": 0, "roughnessFactor": 0.25}
STEEL = {"baseColorFactor": [0.56, 0.57, 0.58, 1], "metallicFactor": 1, "roughnessFactor": 0.25}
CLEAR = {"baseColorFactor": [0.8, 0.95, 0.9, 1], "metallicFactor": 0, "roughnessFactor": 0}


def dielectric(color: tuple[float, float, float], roughness: float) -> dict[str, Any]:
    return {"baseColorFactor": [*color, 1], "metallicFactor": 0, "roughnessFactor": roughness}


def material(base: dict[str, Any], **extensions: dict[str, Any]) -> dict[str, Any]:
    named = {f"KHR_materials_{name}": value for name, value in extensions.items()}
    return {"pbrMetallicRoughness": base} | ({"extensions": named} if named else {})


BALLS: dict[str, dict[str, Any]] = {
    "chalk": material(dielectric((0.8, 0.8, 0.8), 1.0)),
    "plastic": material(dielectric((0.1, 0.25, 0.6), 0.35)),
    "steel": material(STEEL),
    "rough gold": material({"baseColorFactor": [1.0, 0.77, 0.34, 1], "metallicFactor": 1, "roughnessFactor": 0.6}),
    "lacquer": material(
        dielectric((0.6, 0.05, 0.05), 0.7), clearcoat={"clearcoatFactor": 1, "clearcoatRoughnessFactor": 0.1}
    ),
    "velvet": material(
        dielectric((0.2, 0.02, 0.1), 0.9), sheen={"sheenColorFactor": [0.9, 0.4, 0.6], "sheenRoughnessFactor": 0.4}
    ),
    "brushed steel": material(STEEL, anisotropy={"anisotropyStrength": 0.7}),
    "tinted": material(DARK, specular={"specularFactor": 0.8, "specularColorFactor": [9.0, 5.0, 1.0]}),
    "dull": material(dielectric((0.3, 0.3, 0.3), 0.3), specular={"specularFactor": 0.3}),
    "film on plastic": material(
        DARK, iridescence={"iridescenceFactor": 1, "iridescenceIor": 1.8, "iridescenceThicknessMaximum": 400}
    ),
    "film on steel": material(
        STEEL, iridescence={"iridescenceFactor": 1, "iridescenceIor": 1.5, "iridescenceThicknessMaximum": 550}
    ),
    "paper": material(
        dielectric((0.9, 0.9, 0.85), 1.0),
        diffuse_transmission={"diffuseTransmissionFactor": 0.6, "diffuseTransmissionColorFactor": [1.0, 0.7, 0.4]},
    ),
    "bubble": material(CLEAR, transmission={"transmissionFactor": 1}),
    "frosted bubble": material(CLEAR | {"roughnessFactor": 0.3}, transmission={"transmissionFactor": 1}),
    "glass": material(
        CLEAR | {"baseColorFactor": [1, 1, 1, 1]},
        transmission={"transmissionFactor": 1},
        volume={"thicknessFactor": 2.0, "attenuationColor": [0.3, 0.8, 0.6], "attenuationDistance": 2.0},
    ),
}


BY_LAMP = ("plastic", "lacquer", "velvet", "brushed steel", "tinted", "dull", "film on plastic", "film on steel")
"""Shown by a lamp as well: for that real time takes each lobe as it is, where a prefiltered map is near to it."""
LAMP = {"type": "point", "intensity": 60.0}
LAMP_M = (2.5, 2.0, 4.0)
ATTRIBUTES = {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2, "TANGENT": 3}
"""Tangents too: those that three.js makes up are those of facets, and a narrow highlight shows them."""


def ball(material: dict[str, Any], *, by_lamp: bool = False) -> bytes:
    """A GLB with a ball of radius 1 m, and a lamp if asked for; texture coordinates run round its poles."""
    t, p = np.meshgrid(np.linspace(0, np.pi, RINGS + 1), np.linspace(0, 2 * np.pi, 2 * RINGS + 1), indexing="ij")
    points = np.stack([np.sin(t) * np.sin(p), np.cos(t), np.sin(t) * np.cos(p)], -1).reshape(-1, 3).astype(np.float32)
    uv = np.stack([p / (2 * np.pi), t / np.pi], -1).reshape(-1, 2).astype(np.float32)
    tangents = np.stack([np.cos(p), 0 * p, -np.sin(p), 0 * p + 1], -1).reshape(-1, 4).astype(np.float32)
    row = 2 * RINGS + 1
    i, j = np.meshgrid(np.arange(RINGS), np.arange(2 * RINGS), indexing="ij")
    a = (i * row + j).ravel()
    faces = np.concatenate([np.stack([a, a + row, a + 1], 1), np.stack([a + 1, a + row, a + row + 1], 1)])
    chunks = [points.tobytes(), points.tobytes(), uv.tobytes(), tangents.tobytes(), faces.astype(np.uint32).tobytes()]
    offsets = np.cumsum([0, *map(len, chunks)]).tolist()
    kinds = [(5126, "VEC3"), (5126, "VEC3"), (5126, "VEC2"), (5126, "VEC4"), (5125, "SCALAR")]
    counts = [len(points), len(points), len(uv), len(uv), faces.size]
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": list(material.get("extensions", {})),
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "materials": [{"name": "ball"} | material],
        "meshes": [{"primitives": [{"attributes": ATTRIBUTES, "indices": 4, "material": 0}]}],
        "accessors": [
            {"bufferView": k, "componentType": kinds[k][0], "count": counts[k], "type": kinds[k][1]}
            | ({"min": [-1.0] * 3, "max": [1.0] * 3} if k == 0 else {})
            for k in range(5)
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": offset, "byteLength": len(chunk)}
            for offset, chunk in zip(offsets, chunks, strict=False)
        ],
        "buffers": [{"byteLength": offsets[-1]}],
    }
    if by_lamp:
        document["extensionsUsed"].append("KHR_lights_punctual")
        document["extensions"] = {"KHR_lights_punctual": {"lights": [LAMP]}}
        document["nodes"].append({"translation": LAMP_M, "extensions": {"KHR_lights_punctual": {"light": 0}}})
        document["scenes"] = [{"nodes": [0, 1]}]
    if not document["extensionsUsed"]:
        del document["extensionsUsed"]
    return write_glb(document, b"".join(chunks))
