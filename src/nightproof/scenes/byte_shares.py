"""What the bytes of a file are spent on: geometry, textures, animation, and everything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightproof.scenes.gltf import GltfDocument

KINDS = ("geometry", "textures", "animation", "other")
MESHOPT = ("EXT_meshopt_compression", "KHR_meshopt_compression")


def bytes_by_kind(document: GltfDocument) -> Mapping[str, int]:
    """Stored (compressed) bytes by use, in the order of `KINDS`; they add up to the size of the file with its files.

    A buffer view counts once, for the first use it has. *Other* is the JSON, padding, and what nothing refers to.
    """
    json = document.json
    owner: dict[int, str] = {}
    for kind, view in _uses(json):
        owner.setdefault(view, kind)
    spent = dict.fromkeys(KINDS, 0)
    for view, kind in owner.items():
        spent[kind] += _stored_bytes(json["bufferViews"][view])
    for index, image in enumerate(json.get("images", [])):
        if "bufferView" not in image:
            spent["textures"] += len(document.image(index)[0])
    spent["other"] = max(document.source_bytes - sum(spent.values()), 0)
    return spent


def _uses(json: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """(kind, buffer view) of everything that refers to one."""
    for image in json.get("images", []):
        if "bufferView" in image:
            yield "textures", image["bufferView"]
    for accessor in _geometry_accessors(json):
        yield from (("geometry", view) for view in _views_of(json, accessor))
    for mesh in json.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            draco = primitive.get("extensions", {}).get("KHR_draco_mesh_compression", {})
            if "bufferView" in draco:
                yield "geometry", draco["bufferView"]
    for accessor in _animation_accessors(json):
        yield from (("animation", view) for view in _views_of(json, accessor))


def _geometry_accessors(json: Mapping[str, Any]) -> Iterator[int]:
    for mesh in json.get("meshes", []):
        for primitive in mesh.get("primitives", []):
            yield from primitive.get("attributes", {}).values()
            yield from (index for target in primitive.get("targets", []) for index in target.values())
            if "indices" in primitive:
                yield primitive["indices"]
    for node in json.get("nodes", []):
        yield from node.get("extensions", {}).get("EXT_mesh_gpu_instancing", {}).get("attributes", {}).values()


def _animation_accessors(json: Mapping[str, Any]) -> Iterator[int]:
    for animation in json.get("animations", []):
        for sampler in animation.get("samplers", []):
            yield from (sampler[end] for end in ("input", "output") if end in sampler)
    yield from (skin["inverseBindMatrices"] for skin in json.get("skins", []) if "inverseBindMatrices" in skin)


def _views_of(json: Mapping[str, Any], accessor: int) -> Iterator[int]:
    found = json["accessors"][accessor]
    sparse = found.get("sparse", {})
    for part in (found, sparse.get("indices", {}), sparse.get("values", {})):
        if "bufferView" in part:
            yield part["bufferView"]


def _stored_bytes(view: Mapping[str, Any]) -> int:
    packed = next((view["extensions"][name] for name in MESHOPT if name in view.get("extensions", {})), view)
    return int(packed["byteLength"])
