"""GLBs that come Draco-compressed, made for tests: every part a mesh of its own or all parts in one."""

from __future__ import annotations

from typing import Any

import DracoPy
import numpy as np

from nightproof.scenes.gltf import GltfDocument, write_glb

DRACO = "KHR_draco_mesh_compression"
TYPES = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2, "TEXCOORD_0": 3}
COMPONENTS = {"f4": 5126, "u1": 5121, "u2": 5123}


def sheet(side: int = 40, waves: float = 1.0, lift: float = 0.0) -> dict[str, np.ndarray]:
    """A wavy sheet of 1 × 1: POSITION, NORMAL, TEXCOORD_0 and `triangles`, all vertices in use."""
    u, v = (axis.reshape(-1) for axis in np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side), indexing="ij"))
    height, slope = 0.05 * np.sin(6 * waves * u), 0.3 * waves * np.cos(6 * waves * u)
    normals = np.stack([-slope, np.ones_like(u), np.zeros_like(u)], axis=1)
    i, j = (axis.reshape(-1) for axis in np.meshgrid(np.arange(side - 1), np.arange(side - 1), indexing="ij"))
    a = i * side + j
    return {
        "POSITION": np.stack([u, height + lift, v], axis=1).astype("<f4"),
        "NORMAL": (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype("<f4"),
        "TEXCOORD_0": np.stack([u, v], axis=1).astype("<f4"),
        "triangles": np.concatenate([np.stack([a, a + 1, a + side], 1), np.stack([a + 1, a + side + 1, a + side], 1)]),
    }


def packed(part: dict[str, np.ndarray]) -> tuple[bytes, dict[str, int]]:
    """One primitive in Draco's bytes, and the ids of its attributes. `bits`, if there, span a cube around it: where
    that begins stands at none of its corners."""
    uv, colors = part.get("TEXCOORD_0"), part.get("COLOR_0")
    others = {20 + i: part[name] for i, name in enumerate(part) if name not in (*TYPES, "triangles", "bits")}
    low = np.floor(part["POSITION"].min(axis=0)) - 1
    cube = {"quantization_origin": low.tolist(), "quantization_range": 4.0} if "bits" in part else {}
    data = DracoPy.encode(
        part["POSITION"],
        part["triangles"].astype(np.uint32),
        quantization_bits=int(part.get("bits", 11)),
        compression_level=7,
        normals=part["NORMAL"].astype(float),
        normal_quantization_bits=8,
        tex_coord=None if uv is None else uv.astype(float),
        tex_coord_quantization_bits=10,
        colors=colors,
        generic_attributes=others or None,
        **cube,
    )
    found = DracoPy.decode(data).attributes
    ids = {name: a["unique_id"] for name, kind in TYPES.items() for a in found if a["attribute_type"] == kind}
    return data, ids | {name: unique for unique in others for name in part if part[name] is others[unique]}


def draco_glb(meshes: list[list[dict[str, np.ndarray]]], materials: list[dict[str, Any]] | None = None) -> bytes:
    """Meshes of primitives, beside each other; primitive p of each wears material p where there is one."""
    json: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "accessors": [], "bufferViews": [], "meshes": []}
    json |= {key: [DRACO] for key in ("extensionsUsed", "extensionsRequired")}
    binary = bytearray()
    for mesh in meshes:
        primitives = [_primitive(json, binary, part) for part in mesh]
        for number, primitive in enumerate(primitives[: len(materials or [])]):
            primitive["material"] = number
        json["meshes"].append({"primitives": primitives})
    json["nodes"] = [{"mesh": i, "name": f"n{i}", "translation": [1.2 * i, 0, 0]} for i in range(len(meshes))]
    json["scenes"] = [{"nodes": list(range(len(meshes)))}]
    json["buffers"] = [{"byteLength": len(binary)}]
    return write_glb(json | ({"materials": materials} if materials else {}), bytes(binary))


def _primitive(json: dict[str, Any], binary: bytearray, part: dict[str, np.ndarray]) -> dict[str, Any]:
    data, ids = packed(part)
    decoded = DracoPy.decode(data)
    by_id = {attribute["unique_id"]: np.asarray(attribute["data"]) for attribute in decoded.attributes}
    attributes = {}
    for name, unique in ids.items():
        values, stored = by_id[unique], part[name].dtype
        attributes[name] = len(json["accessors"])
        accessor: dict[str, Any] = {"componentType": COMPONENTS[stored.str[1:]], "count": len(values)}
        accessor["type"] = f"VEC{values.shape[1]}"
        if name == "POSITION":
            accessor |= {"min": values.min(0).tolist(), "max": values.max(0).tolist()}
        if stored.kind == "u" and not name.startswith("JOINTS"):
            accessor["normalized"] = True
        json["accessors"].append(accessor)
    indices = len(json["accessors"])
    json["accessors"].append({"componentType": 5125, "count": decoded.faces.size, "type": "SCALAR"})
    binary += b"\0" * (-len(binary) % 4)
    json["bufferViews"].append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
    binary += data
    extension = {"bufferView": len(json["bufferViews"]) - 1, "attributes": ids}
    return {"attributes": attributes, "indices": indices, "extensions": {DRACO: extension}}


def primitives(document: GltfDocument) -> list[dict]:
    return [primitive for mesh in document.json["meshes"] for primitive in mesh["primitives"]]


def draco_bytes(document: GltfDocument) -> list[bytes]:
    packed = [primitive["extensions"][DRACO] for primitive in primitives(document)]
    return [bytes(document.buffer_view(extension["bufferView"])) for extension in packed]
