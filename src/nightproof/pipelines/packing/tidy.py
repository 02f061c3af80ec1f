"""Merge equal objects and drop what nothing refers to, where every reference is understood."""

from __future__ import annotations

from typing import Any

from nightproof.pipelines.packing.draft import Draft
from nightproof.records.record import canonical_json

MERGED = ("samplers", "textures", "materials")
PRUNED = ("meshes", "materials", "textures", "samplers", "images", "accessors")


def merge_equal(draft: Draft) -> int:
    """Redirect references from equal samplers, textures and materials to the first of them; returns how many."""
    if draft.survey.frozen:
        return 0
    merged = 0
    for array in MERGED:
        first: dict[bytes, int] = {}
        for index, item in enumerate(draft.json.get(array, [])):
            if (array, index) in draft.survey.pointed:
                continue
            original = first.setdefault(canonical_json(item), index)
            if original != index:
                merged += 1
                _redirect(draft, array, index, original)
    return merged


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
    """Drop tangents and trailing texture coordinates that no material of a primitive reads."""
    from nightproof.pipelines.packing.geometry import materials_of, texture_infos
    from nightproof.pipelines.packing.units import DRACO, primitives

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
        if "TANGENT" in attributes and not tangents and not place.value.get("targets"):
            del attributes["TANGENT"]
            dropped += 1
    draft.resurvey()
    return dropped


def _texcoord(use: dict[str, Any]) -> int:
    inner = use.get("extensions", {}).get("KHR_texture_transform", {})
    return max(int(use.get("texCoord", 0)), int(inner.get("texCoord", 0)))


def _reads_tangents(material: dict[str, Any]) -> bool:
    extensions = material.get("extensions", {})
    coat = extensions.get("KHR_materials_clearcoat", {})
    return "normalTexture" in material or "clearcoatNormalTexture" in coat or "KHR_materials_anisotropy" in extensions


def _redirect(draft: Draft, array: str, old: int, new: int) -> None:
    for reference in draft.survey.references:
        if reference.array == array and reference.index == old:
            reference.redirect(new)


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
