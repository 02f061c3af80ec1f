"""The `Scene` record of an opened document: digests by family, so that later steps can tell what they depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from nightproof.records.record import canonical_json
from nightproof.records.scene import Scene
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument

LIGHTS = "KHR_lights_punctual"
PLACE = ("children", "matrix", "translation", "rotation", "scale")


def scene_record(document: GltfDocument, name: str, flat: FlatScene | None = None) -> Scene:
    """What we were given. `flat`, if it is at hand already, saves flattening the document once more."""
    flat = flat or flatten(document)
    lower, upper = flat.bounds_m
    return Scene(
        name=name,
        source_sha256=document.source_sha256,
        source_bytes=document.source_bytes,
        format=document.format,
        geometry=_digest(_geometry(document)),
        materials=_digest(_materials(document)),
        lights=_digest(_of_nodes(document, LIGHTS)),
        cameras=_digest(_of_nodes(document, "camera")),
        animation=_digest(_animation(document)),
        triangles=len(flat.triangles),
        bounds_min_m=_triple(lower),
        bounds_max_m=_triple(upper),
        extensions=tuple(sorted(document.root.texts("extensionsUsed"))),
    )


def _digest(parts: Iterable[Any]) -> str:
    """SHA-256 over canonical JSON and raw bytes; every part is preceded by its length."""
    whole = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else canonical_json(part)
        whole.update(len(data).to_bytes(8, "little") + data)
    return whole.hexdigest()


def _sections(document: GltfDocument, *names: str) -> dict[str, Any]:
    return {name: document.json[name] for name in names if name in document.json}


def _geometry(document: GltfDocument) -> Iterable[Any]:
    """Meshes, skins and places. Moving a lamp is no change of geometry; moving a table is."""
    nodes = document.json.get("nodes", [])
    yield _sections(document, "scene", "scenes", "meshes", "skins", "accessors")
    yield [
        {key: value for key, value in node.items() if key in (*PLACE, "mesh", "skin", "weights", "extensions")}
        for node in nodes
        if "camera" not in node and LIGHTS not in node.get("extensions", {})
    ]
    for index in _drawn(document):
        yield document.accessor(index).tobytes()


def _drawn(document: GltfDocument) -> list[int]:
    """The accessors that meshes, skins and GPU instances read."""
    found: dict[int | None, None] = {}
    for mesh in document.root.children("meshes"):
        for primitive in mesh.children("primitives"):
            for holder in (primitive.child("attributes"), *primitive.children("targets")):
                found |= dict.fromkeys(holder.reference(name, "accessors") for name in holder.value) if holder else {}
            found[primitive.reference("indices", "accessors")] = None
    for skin in document.root.children("skins"):
        found[skin.reference("inverseBindMatrices", "accessors")] = None
    for node in document.root.children("nodes"):
        instancing = node.extension("EXT_mesh_gpu_instancing")
        attributes = instancing.child("attributes") if instancing else None
        if attributes:
            found |= dict.fromkeys(attributes.reference(name, "accessors") for name in attributes.value)
    return [index for index in found if index is not None]


def _materials(document: GltfDocument) -> Iterable[Any]:
    yield _sections(document, "materials", "textures", "samplers")
    for index in range(document.count("images")):
        yield document.image(index)[0]


def _of_nodes(document: GltfDocument, what: str) -> Iterable[Any]:
    """Lights or cameras, and the nodes that carry them with all that places these."""
    nodes = document.json.get("nodes", [])
    carriers = [i for i, node in enumerate(nodes) if what in node or what in node.get("extensions", {})]
    yield document.json.get("cameras", []) if what == "camera" else document.json.get("extensions", {}).get(what, {})
    if carriers:
        yield carriers
        yield [{key: node[key] for key in PLACE if key in node} for node in nodes]


def _animation(document: GltfDocument) -> Iterable[Any]:
    yield _sections(document, "animations")
    for index in _sampled(document):
        yield document.accessor(index).tobytes()


def _sampled(document: GltfDocument) -> list[int]:
    found: dict[int, None] = {}
    for animation in document.root.children("animations"):
        for sampler in animation.children("samplers"):
            for name in ("input", "output"):
                index = sampler.reference(name, "accessors")
                if index is not None:
                    found[index] = None
    return list(found)


def _triple(values: Iterable[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
