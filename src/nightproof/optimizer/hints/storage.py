"""Hints about what is stored and read by nothing, and about image formats: told from the JSON alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.loose_json import entry, field, items
from nightproof.optimizer.words import plural, size
from nightproof.scenes.accessors import layout
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.fields import Fields

WORTH_BYTES = 20_000
WORTH_PNG_BYTES = 500_000


def about_storage(seen: Seen) -> Iterator[Hint]:
    for attribute, what, why in (
        ("TEXCOORD", "Texture coordinates", "no texture of their material reads them"),
        ("TANGENT", "Tangents", "their material has no normal map"),
    ):
        found = _unread(seen.json, attribute)
        spare = sum(_accessor_bytes(seen.json, index) for index in {index for _, index in found})
        if spare >= WORTH_BYTES:
            pointers = tuple(dict.fromkeys(pointer for pointer, _ in found))
            count = f"{len(pointers)} {plural(len(pointers), 'primitive')}"
            text = f"{what} of {count} take {size(spare)} before compression, and {why}. Leave them out."
            yield Hint(text, "shape", 0.25, pointers[:16], saves_file_bytes=spare)
    pngs, spent = _stored_images(seen.json, "image/png")
    if spent >= WORTH_PNG_BYTES:
        taken = f"{pngs} {plural(pngs, 'image')} in PNG {'takes' if pngs == 1 else 'take'} {size(spent)} of the file"
        text = f"{taken}; WebP or KTX2 would take far less."
        yield Hint(text, "textures", 0.4)


def _unread(json: Mapping[str, Any], attribute: str) -> list[tuple[str, int]]:
    """(Pointer of the primitive, accessor) of what no material of the primitive reads."""
    found = []
    materials = items(json.get("materials"))
    for m, mesh in enumerate(items(json.get("meshes"))):
        for p, primitive in enumerate(items(field(mesh, "primitives"))):
            attributes = field(primitive, "attributes")
            if not isinstance(attributes, dict):
                continue
            own = [materials[i] for i in _materials_of(primitive) if isinstance(i, int) and 0 <= i < len(materials)]
            sets, tangents = _reads(own)
            for name, index in attributes.items():
                kind, _, number = str(name).partition("_")
                unread = number not in sets if kind == "TEXCOORD" else not tangents
                if kind == attribute and isinstance(index, int) and unread:
                    found.append((f"/meshes/{m}/primitives/{p}", index))
    return found


def _materials_of(primitive: Any) -> list[Any]:
    variants = field(primitive, "extensions", "KHR_materials_variants", "mappings")
    return [field(primitive, "material"), *(field(mapping, "material") for mapping in items(variants))]


def _reads(value: Any) -> tuple[set[str], bool]:
    """UV sets that anything in `value` reads, extensions we have never heard of included; and whether tangents."""
    sets, tangents = set[str](), False
    stack = [("", value)]
    while stack:
        name, item = stack.pop()
        if isinstance(item, list):
            stack.extend((name, part) for part in item)
        elif isinstance(item, dict):
            if "index" in item:
                moved = field(item, "extensions", "KHR_texture_transform", "texCoord")
                sets.add(str(moved or item.get("texCoord", 0)))
                sets.add(str(item.get("texCoord", 0)))
            tangents = tangents or "normaltexture" in name.lower() or "anisotropy" in name.lower()
            stack.extend((str(key), part) for key, part in item.items())
    return sets, tangents


def _accessor_bytes(json: Mapping[str, Any], index: int) -> int:
    """Before compression; none where the accessor is broken, which matters to nobody who does not read it."""
    try:
        count, component, rows, columns = layout(Fields.of(entry(json, "accessors", index), f"/accessors/{index}", {}))
    except BrokenScene:
        return 0
    return count * component.itemsize * rows * columns


def _stored_images(json: Mapping[str, Any], mime: str) -> tuple[int, int]:
    sizes = [
        field(entry(json, "bufferViews", view), "byteLength")
        for image in items(json.get("images"))
        if field(image, "mimeType") == mime and isinstance(view := field(image, "bufferView"), int)
    ]
    known = [size for size in sizes if isinstance(size, int)]
    return len(known), sum(known)
