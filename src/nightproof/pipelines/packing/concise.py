"""The same JSON in fewer bytes: what glTF takes for granted is left out, and numbers of 32 bits need fewer digits.

Exporters write 32-bit floats as doubles (0.10000000149011612); the shortest decimal that reads as the same 32-bit float
(0.1) is what every viewer uploads. Doubles that are no such floats keep their digits. Objects that an animation pointer
leads to keep what they say: the pointer may want the property to be there. Extras and foreign extensions are copied.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nightproof.pipelines.packing.references import POINTER, TEXTURE_SLOTS, UNDERSTOOD, places

DEFAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("accessors/*", {"byteOffset": 0, "normalized": False}),
    ("bufferViews/*", {"byteOffset": 0}),
    (
        "nodes/*",
        {
            "translation": [0, 0, 0],
            "rotation": [0, 0, 0, 1],
            "scale": [1, 1, 1],
            "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
        },
    ),
    ("meshes/*/primitives/*", {"mode": 4}),
    ("animations/*/samplers/*", {"interpolation": "LINEAR"}),
    ("samplers/*", {"wrapS": 10497, "wrapT": 10497}),
    ("materials/*", {"alphaMode": "OPAQUE", "doubleSided": False, "emissiveFactor": [0, 0, 0]}),
    (
        "materials/*/pbrMetallicRoughness",
        {"baseColorFactor": [1, 1, 1, 1], "metallicFactor": 1, "roughnessFactor": 1},
    ),
    ("materials/*/normalTexture", {"scale": 1}),
    ("materials/*/occlusionTexture", {"strength": 1}),
    *((f"materials/*/{slot}", {"texCoord": 0}) for slot in TEXTURE_SLOTS),
)
"""What the specification says of a property that is absent."""
BOUNDED = (
    "meshes/*/primitives/*/attributes/POSITION",
    "meshes/*/primitives/*/targets/*/POSITION",
    "animations/*/samplers/*/input",
)
"""Accessors that must tell their minimum and maximum."""
SINGLES = ("nodes", "meshes", "materials", "cameras", "accessors")
"""Root arrays whose floats are 32-bit floats."""


def make_concise(json: dict[str, Any]) -> None:
    """In place. Doing it twice changes nothing more."""
    pointed = set(_pointed(json))
    for path, defaults in DEFAULTS:
        array, _, rest = path.partition("/*")
        for number, item in enumerate(json.get(array, [])):
            if (array, number) not in pointed:
                for holder in _objects(item, rest.strip("/")):
                    _drop(holder, defaults)
    _drop_bounds(json)
    for array in SINGLES:
        if array in json:
            json[array] = _shortened(json[array])


def _objects(item: Any, rest: str) -> list[dict[str, Any]]:
    found = [item] if not rest else [holder[key] for holder, key in places(item, rest)]
    return [value for value in found if isinstance(value, dict)]


def _drop(holder: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in defaults.items():
        if key in holder and holder[key] == value and isinstance(holder[key], bool) == isinstance(value, bool):
            del holder[key]


def _pointed(json: dict[str, Any]) -> list[tuple[str, int]]:
    pointers = places(json, "animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer")
    matches = [POINTER.match(str(holder[key])) for holder, key in pointers]
    return [(match["array"], int(match["index"])) for match in matches if match]


def _drop_bounds(json: dict[str, Any]) -> None:
    """Of all others anybody can find them by looking."""
    telling = {holder[key] for path in BOUNDED for holder, key in places(json, path)}
    for index, accessor in enumerate(json.get("accessors", [])):
        if index not in telling:
            accessor.pop("min", None)
            accessor.pop("max", None)


def _shortened(value: Any) -> Any:
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    if not isinstance(value, dict):
        return value
    result = {}
    for key, item in value.items():
        if key == "extensions" and isinstance(item, dict):
            result[key] = {name: _shortened(inner) if name in UNDERSTOOD else inner for name, inner in item.items()}
        else:
            result[key] = item if key == "extras" else _shortened(item)
    return result


def _number(value: float) -> float | int:
    """The fewest digits for the same 32-bit float, if it is one; whole numbers without their point."""
    if not math.isfinite(value) or abs(value) > 3e38:
        return value
    single = np.float32(value)
    if float(single) == value:
        value = float(str(single))
    return int(value) if value.is_integer() and abs(value) < 2**24 else value
