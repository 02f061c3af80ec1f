"""Who refers to whom in a glTF document, by index, and what may refer to something without our knowing it.

Objects can be removed or renumbered only where every reference to them is known. The tables below are that knowledge:
the core specification and the extensions that were read for it. Anything else (an extension outside the table,
`extras`, an animation pointer that makes no sense) that holds a whole number or a JSON pointer might be a reference, so
one such number freezes the whole document: nothing is removed, nothing moves to another index, and the accessors,
buffer views and images whose index occurs in it keep their bytes. Rules: docs/reference/packing.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from nightproof.scenes.image_light import EXTENSION as LIT_BY_IMAGES
from nightproof.scenes.nodes import SCREEN_COVERAGE

LIGHT_IMAGES = f"extensions/{LIT_BY_IMAGES}/lights/*/specularImages/*/*"
REFERENCES = (
    ("accessors/*/bufferView", "bufferViews"),
    ("accessors/*/sparse/indices/bufferView", "bufferViews"),
    ("accessors/*/sparse/values/bufferView", "bufferViews"),
    ("bufferViews/*/buffer", "buffers"),
    ("bufferViews/*/extensions/EXT_meshopt_compression/buffer", "buffers"),
    ("bufferViews/*/extensions/KHR_meshopt_compression/buffer", "buffers"),
    ("images/*/bufferView", "bufferViews"),
    (LIGHT_IMAGES, "images"),
    ("textures/*/source", "images"),
    ("textures/*/sampler", "samplers"),
    ("textures/*/extensions/EXT_texture_webp/source", "images"),
    ("textures/*/extensions/EXT_texture_avif/source", "images"),
    ("textures/*/extensions/KHR_texture_basisu/source", "images"),
    ("textures/*/extensions/MSFT_texture_dds/source", "images"),
    ("meshes/*/primitives/*/attributes/*", "accessors"),
    ("meshes/*/primitives/*/indices", "accessors"),
    ("meshes/*/primitives/*/targets/*/*", "accessors"),
    ("meshes/*/primitives/*/material", "materials"),
    ("meshes/*/primitives/*/extensions/KHR_draco_mesh_compression/bufferView", "bufferViews"),
    ("meshes/*/primitives/*/extensions/KHR_materials_variants/mappings/*/material", "materials"),
    ("nodes/*/mesh", "meshes"),
    ("nodes/*/extensions/EXT_mesh_gpu_instancing/attributes/*", "accessors"),
    ("materials/*/extensions/MSFT_lod/ids/*", "materials"),
    ("skins/*/inverseBindMatrices", "accessors"),
    ("animations/*/samplers/*/input", "accessors"),
    ("animations/*/samplers/*/output", "accessors"),
    ("extensions/OMI_physics_shape/shapes/*/convex/mesh", "meshes"),
    ("extensions/OMI_physics_shape/shapes/*/trimesh/mesh", "meshes"),
)
"""Where an index stands, and into which root array it points. Textures of materials: see `TEXTURE_SLOTS`."""

TEXTURE_SLOTS: dict[str, tuple[str, str]] = {
    "pbrMetallicRoughness/baseColorTexture": ("color", "rgba"),
    "pbrMetallicRoughness/metallicRoughnessTexture": ("data", "gb"),
    "normalTexture": ("normal", "rgb"),
    "occlusionTexture": ("data", "r"),
    "emissiveTexture": ("color", "rgb"),
    "extensions/KHR_materials_anisotropy/anisotropyTexture": ("data", "rgb"),
    "extensions/KHR_materials_clearcoat/clearcoatTexture": ("data", "r"),
    "extensions/KHR_materials_clearcoat/clearcoatRoughnessTexture": ("data", "g"),
    "extensions/KHR_materials_clearcoat/clearcoatNormalTexture": ("normal", "rgb"),
    "extensions/KHR_materials_diffuse_transmission/diffuseTransmissionTexture": ("data", "a"),
    "extensions/KHR_materials_diffuse_transmission/diffuseTransmissionColorTexture": ("color", "rgb"),
    "extensions/KHR_materials_iridescence/iridescenceTexture": ("data", "r"),
    "extensions/KHR_materials_iridescence/iridescenceThicknessTexture": ("data", "g"),
    "extensions/KHR_materials_pbrSpecularGlossiness/diffuseTexture": ("color", "rgba"),
    "extensions/KHR_materials_pbrSpecularGlossiness/specularGlossinessTexture": ("color", "rgba"),
    "extensions/KHR_materials_sheen/sheenColorTexture": ("color", "rgb"),
    "extensions/KHR_materials_sheen/sheenRoughnessTexture": ("data", "a"),
    "extensions/KHR_materials_specular/specularTexture": ("data", "a"),
    "extensions/KHR_materials_specular/specularColorTexture": ("color", "rgb"),
    "extensions/KHR_materials_transmission/transmissionTexture": ("data", "r"),
    "extensions/KHR_materials_volume/thicknessTexture": ("data", "g"),
    "extensions/MOZ_lightmap": ("color", "rgb"),
}
"""Texture slot of a material → how its channels are read, and which of them."""

UNDERSTOOD = frozenset(
    {part for path, _ in REFERENCES for part in path.split("/") if part.isupper() or re.match(r"[A-Z]+_", part)}
    | {slot.split("/")[1] for slot in TEXTURE_SLOTS if slot.startswith("extensions/")}
    | {
        *(
            "KHR_animation_pointer",
            "KHR_lights_punctual",
            "KHR_materials_dispersion",
            "KHR_materials_emissive_strength",
        ),
        *("KHR_materials_ior", "KHR_materials_unlit", "KHR_mesh_quantization", "KHR_node_hoverability"),
        *("KHR_node_visibility", "KHR_texture_transform", "KHR_xmp", "KHR_xmp_json_ld", "OMI_physics_body"),
        *("KHR_materials_variants", "OMI_physics_shape", "EXT_mesh_gpu_instancing"),
    }
)
"""Extensions whose every reference to accessors, views, images, textures, samplers, materials and meshes is above.

Nodes, scenes, skins, cameras, lights and animations are never renumbered: who refers to those needs no table (nodes
that become instances do, and have one in `node_numbers`, with those that MSFT_lod names).
"""
RENUMBERED = ("accessors", "bufferViews", "buffers", "images", "materials", "meshes", "samplers", "textures")
POINTER = re.compile(r"/(?P<array>[A-Za-z]+)/(?P<index>0|[1-9][0-9]*)(?P<rest>/.*)?\Z")


class NotUnderstood(Exception):
    """The document breaks a rule that packing relies on. Caught in `pack`, which then leaves the file as it is."""


class Reference(NamedTuple):
    """One index (or animation pointer) in the JSON that points into one of the root arrays."""

    holder: Any
    """The object or array that holds the value."""
    key: str | int
    array: str

    @property
    def index(self) -> int:  # type: ignore[override]  # a tuple's own is asked by nobody
        value = self.holder[self.key]
        return int(POINTER.match(value)["index"]) if isinstance(value, str) else value  # type: ignore[index]

    def redirect(self, index: int) -> None:
        value = self.holder[self.key]
        if isinstance(value, str):
            match = POINTER.match(value)
            assert match
            self.holder[self.key] = f"/{match['array']}/{index}{match['rest'] or ''}"
        else:
            self.holder[self.key] = index


@dataclass(frozen=True)
class Survey:
    """All references of a document, and what limits its rearrangement."""

    references: tuple[Reference, ...]
    pointed: frozenset[tuple[str, int]]
    """(array, index) of what an animation pointer changes: never merged with its like."""
    foreign: tuple[str, ...]
    """Places that may hold references nobody here understands. Any freezes the document."""
    pinned: frozenset[int]
    """Whole numbers found there: accessors, views and images of that index keep their bytes."""
    told: Mapping[str, list[int]] = field(default_factory=dict)
    """What extensions and extras hold that may be references; no step of packing adds any."""

    @property
    def frozen(self) -> bool:
        return bool(self.foreign)


def survey(document: dict[str, Any], before: Survey | None = None) -> Survey:
    """Find every reference. Raises NotUnderstood for one that points nowhere.

    Args:
        before: an earlier survey of this document, which tells what is foreign in it.
    """
    places_of: list[list[tuple[Any, Any]]] = [[] for _ in _POINTING]
    _walk(document, _PATHS, places_of)
    found = []
    for (_, array), at in zip(_POINTING, places_of, strict=True):
        size = len(document.get(array, ()))
        for holder, key in at:
            value = holder[key]
            if type(value) is not int or not 0 <= value < size:
                _check(document, holder, key, array)
        found += [Reference(holder, key, array) for holder, key in at]
    pointers, strange = _animation_pointers(document)
    told = dict(_foreign(document, "")) if before is None else before.told
    foreign = {**told, **strange}
    numbers = frozenset(number for values in foreign.values() for number in values)
    pointed = frozenset((reference.array, reference.index) for reference in pointers)
    return Survey((*found, *pointers), pointed, tuple(foreign), numbers, told)


def places(holder: Any, path: str) -> Iterator[tuple[Any, Any]]:
    """(holder, key) of every value that `path` matches; `*` stands for all keys of an object or array."""
    head, _, rest = path.partition("/")
    if head == "*":
        keys: Any = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
    else:
        keys = (head,) if isinstance(holder, dict) and head in holder else ()
    for key in keys:
        if rest:
            yield from places(holder[key], rest)
        else:
            yield holder, key


class _Paths(NamedTuple):
    """Paths that begin alike, to be followed together: thousands of meshes are walked once, not once for each."""

    ends: list[int]
    """Which paths end here."""
    next: dict[str, _Paths]

    @classmethod
    def of(cls, paths: Sequence[str]) -> _Paths:
        root = cls([], {})
        for number, path in enumerate(paths):
            at = root
            for part in path.split("/"):
                at = at.next.setdefault(part, cls([], {}))
            at.ends.append(number)
        return root


_POINTING = (*REFERENCES, *((f"materials/*/{slot}/index", "textures") for slot in TEXTURE_SLOTS))
_PATHS = _Paths.of([path for path, _ in _POINTING])


def _walk(holder: Any, paths: _Paths, found: list[list[tuple[Any, Any]]]) -> None:
    """`places` of each path, into the list of its number."""
    is_object = type(holder) is dict
    for part, rest in paths.next.items():
        if part == "*":
            keys: Any = holder if is_object else range(len(holder)) if type(holder) is list else ()
        else:
            keys = (part,) if is_object and part in holder else ()
        for key in keys:
            for number in rest.ends:
                found[number].append((holder, key))
            if rest.next:
                _walk(holder[key], rest, found)


def _check(document: dict[str, Any], holder: Any, key: Any, array: str) -> None:
    value, size = holder[key], len(document.get(array, ()))
    if isinstance(value, float) and value.is_integer():  # 3.0 is a legal spelling of 3
        holder[key] = value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < size:
        raise NotUnderstood(f"{key} {value!r:.20} points nowhere: there are {size} {array}")


def _animation_pointers(document: dict[str, Any]) -> tuple[list[Reference], dict[str, list[int]]]:
    known, strange = [], {}
    path = "animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer"
    for holder, key in places(document, path):
        text = str(holder[key])
        match = POINTER.match(text)
        array = match["array"] if match else ""
        counted = array == "nodes" or array in RENUMBERED
        there = match is not None and counted and int(match["index"]) < len(document.get(array, ()))
        if there and array != "nodes":
            known.append(Reference(holder, key, array))
        elif (counted and not there) or (array not in document and not text.startswith("/extensions/")):
            strange[f"animation pointer {text!r:.40}"] = [int(n) for n in re.findall(r"\d{1,9}", text)]
    return known, strange


def _foreign(value: Any, place: str) -> Iterator[tuple[str, list[int]]]:
    """Every extension outside the table and every `extras` that holds what may be a reference."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from _foreign(item, f"{place}/{i}")
    if not isinstance(value, dict):
        return
    for name, item in value.items():
        strange = [(f"{place}/extras", _unexplained(item))] if name == "extras" else []
        if name == "extensions" and isinstance(item, dict):
            strange = [(f"{place}/{key}", inner) for key, inner in item.items() if key not in UNDERSTOOD]
            for key in item.keys() & UNDERSTOOD:
                yield from _foreign(item[key], f"{place}/{key}")
        elif name != "extras":
            yield from _foreign(item, f"{place}/{name}")
        for where, content in strange:
            numbers, pointers = _numbers(content)
            if numbers or pointers:
                yield where, numbers


def _unexplained(extras: Any) -> Any:
    """Extras without what is known to hold no reference."""
    if not isinstance(extras, dict):
        return extras
    return {key: value for key, value in extras.items() if key != SCREEN_COVERAGE}


def _numbers(value: Any) -> tuple[list[int], bool]:
    """Whole numbers that can be indices, and whether there are JSON pointers, anywhere in a value."""
    if isinstance(value, bool):
        return [], False
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return ([int(value)], False) if 0 <= value < 2**32 else ([], False)
    if isinstance(value, str):
        return [], bool(POINTER.match(value))
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    numbers: list[int] = []
    pointers = False
    for item in inner:
        more, also = _numbers(item)
        numbers, pointers = numbers + more, pointers or also
    return numbers, pointers
