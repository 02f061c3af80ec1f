"""Merge equal objects and drop what nothing refers to, where every reference is understood."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import Any

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import materials_of, texture_infos
from nightproof.pipelines.packing.units import DRACO, draco_accessors, draco_views, primitives
from nightproof.records.record import canonical_json

MERGED = ("images", "samplers", "textures", "materials", "bufferViews", "accessors", "meshes")
"""In this order: what is merged first makes the next ones equal."""
PRUNED = ("meshes", "materials", "textures", "samplers", "images", "accessors")
PLACED = ("bufferView", "byteOffset", "uri")
"""Where data stand: says nothing of what they are."""


def merge_equal(draft: Draft) -> int:
    """Redirect references from equal objects to the first of them; returns how many there were.

    Images, Draco's views and accessors are equal by their content, meshes whatever their names where every node that
    shows one has a name of its own to be found by.
    """
    if draft.survey.frozen:
        return 0
    merged, keys = 0, _Keys(draft)
    for array in MERGED:
        first: dict[bytes, int] = {}
        target: dict[int, int] = {}
        for index, item in enumerate(draft.json.get(array, [])):
            key = None if (array, index) in draft.survey.pointed else keys.of(array, index, item)
            if key is not None and (original := first.setdefault(key, index)) != index:
                target[index] = original
        for reference in draft.survey.references if target else ():
            if reference.array == array and reference.index in target:
                reference.redirect(target[reference.index])
        merged += len(target)
    return merged


class _Keys:
    """What two objects must share to be one, in a draft as it stands."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._held = draco_accessors(draft.json) | draft.unpacked
        """Accessors whose description tells nothing of their data: Draco holds or held them."""
        self._draco_views = draco_views(draft.json)
        self._nameless = _nodes_have_names(draft)
        self._contents: dict[int, bytes] = {}
        self._roles: dict[int, set[tuple[str, bytes]]] | None = None

    def of(self, array: str, index: int, item: Any) -> bytes | None:
        """None for what must stay by itself."""
        pinned = index in self._draft.survey.pinned
        if array == "images":
            return self._image(index, item)
        if array == "accessors" and index in self._draft.streams:
            return self._stream(index, item)
        if array in ("accessors", "bufferViews") and pinned:
            return None
        if array == "accessors" and index in self._held:
            if index >= self._draft.document.count("accessors"):
                return None  # new, and shared from the start where it can be
            return canonical_json(item) + hashlib.sha256(self._draft.document.accessor(index).tobytes()).digest()
        if array == "accessors" and "bufferView" in item and "sparse" not in item:
            return self._accessor(index, item)
        if array == "bufferViews":
            return self._view(index, item)
        without_name = array == "meshes" and self._nameless
        return canonical_json({key: value for key, value in item.items() if key != "name"} if without_name else item)

    def _stream(self, index: int, accessor: dict[str, Any]) -> bytes:
        stream = self._draft.streams[index]
        content = hashlib.sha256(stream.filtered.coded.tobytes()).digest()
        kind = repr(
            (stream.mode, stream.target, stream.vertices, stream.filtered.name, stream.filtered.plain.dtype.str)
        )
        return canonical_json(stream.described(accessor)) + kind.encode() + content

    def _accessor(self, index: int, accessor: dict[str, Any]) -> bytes:
        """By what it holds, wherever that lies, and what it is read as: meshes that exporters wrote again and again
        become one. Vertex lists do so all together: what is shared in part could not be packed."""
        roles = sorted((meaning, whole.hex()) for meaning, whole in self._roles_of(index))
        rest = {key: value for key, value in accessor.items() if key not in PLACED}
        return canonical_json(rest | {"roles": roles}) + self._content(index)

    def _content(self, index: int) -> bytes:
        if index not in self._contents:
            self._contents[index] = hashlib.sha256(self._draft.document.accessor(index).tobytes()).digest()
        return self._contents[index]

    def _roles_of(self, index: int) -> set[tuple[str, bytes]]:
        """What it is to the primitives that have it as vertices, each with what tells all of their vertices."""
        if self._roles is None:
            self._roles = defaultdict(set)
            own = self._draft.document.count("accessors")
            for place in primitives(self._draft.json):
                means = sorted((meaning, i) for i, meaning in place.meanings)
                held = [(meaning, self._content(i).hex() if i < own else i) for meaning, i in means]
                whole = hashlib.sha256(canonical_json(held)).digest()
                for meaning, i in means:
                    self._roles[i].add((meaning, whole))
        return self._roles.get(index, set())

    def _view(self, index: int, view: dict[str, Any]) -> bytes | None:
        """Of Draco's; others are read through accessors and images, and merged there."""
        if index not in self._draco_views:
            return None
        rest = {key: value for key, value in view.items() if key not in (*PLACED, "buffer", "byteLength", "name")}
        return canonical_json(rest) + hashlib.sha256(self._draft.view_bytes(index)).digest()

    def _image(self, index: int, image: dict[str, Any]) -> bytes | None:
        draft = self._draft
        if index in draft.images:
            data = draft.images[index][0]
        elif "bufferView" in image and index not in draft.survey.pinned:
            data = bytes(draft.document.buffer_view(image["bufferView"]))
        else:
            return None
        rest = {key: value for key, value in image.items() if key not in (*PLACED, "name", "mimeType")}
        return canonical_json(rest) + hashlib.sha256(data).digest()


def _nodes_have_names(draft: Draft) -> bool:
    return all(node.get("name") for node in draft.json.get("nodes", []) if "mesh" in node)


def prune(draft: Draft) -> int:
    """Remove what nothing refers to. A library (no nodes, or no meshes) keeps its meshes and materials."""
    if draft.survey.frozen:
        return 0
    removed = 0
    for array in PRUNED:
        if (array == "meshes" and not draft.json.get("nodes")) or (
            array == "materials" and not draft.json.get("meshes")
        ):
            continue
        removed += _prune_array(draft, array)
    return removed


def drop_unread_attributes(draft: Draft) -> int:
    """Drop tangents, their morphs too, and trailing texture coordinates that no material of a primitive reads."""
    if draft.survey.frozen:
        return 0
    dropped = 0
    for place in primitives(draft.json):
        if place.value.get("extensions", {}).keys() - {"KHR_materials_variants"} or DRACO in place.value:
            continue
        materials = materials_of(draft.json, place)
        sets = [_texcoord(use) for material in materials for use in texture_infos(material)]
        tangents = any(_reads_tangents(material) for material in materials)
        attributes = place.value["attributes"]
        for name in [n for n in attributes if n.startswith("TEXCOORD_")]:
            if int(name[9:]) > max(sets, default=-1):
                del attributes[name]
                dropped += 1
        targets = place.value.get("targets", [])
        if "TANGENT" in attributes and not tangents and all(target.keys() - {"TANGENT"} for target in targets):
            for holder in (attributes, *targets):
                dropped += holder.pop("TANGENT", None) is not None
    draft.resurvey()
    return dropped


def _texcoord(use: dict[str, Any]) -> int:
    inner = use.get("extensions", {}).get("KHR_texture_transform", {})
    return max(int(use.get("texCoord", 0)), int(inner.get("texCoord", 0)))


def _reads_tangents(material: dict[str, Any]) -> bool:
    extensions = material.get("extensions", {})
    coat = extensions.get("KHR_materials_clearcoat", {})
    return "normalTexture" in material or "clearcoatNormalTexture" in coat or "KHR_materials_anisotropy" in extensions


def _prune_array(draft: Draft, array: str) -> int:
    items = draft.json.get(array, [])
    used = {reference.index for reference in draft.survey.references if reference.array == array}
    kept = [index for index in range(len(items)) if index in used]
    if len(kept) == len(items):
        return 0
    new = {old: position for position, old in enumerate(kept)}
    for reference in draft.survey.references:
        if reference.array == array:
            reference.redirect(new[reference.index])
    draft.json[array] = [items[index] for index in kept]
    if not kept:
        del draft.json[array]
    if array == "accessors":
        draft.streams = {new[index]: stream for index, stream in draft.streams.items() if index in new}
        draft.unpacked = {new[index] for index in draft.unpacked if index in new}
    if array == "images":
        draft.images = {new[index]: image for index, image in draft.images.items() if index in new}
    draft.resurvey()
    return len(items) - len(kept)
