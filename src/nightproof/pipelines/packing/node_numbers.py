"""Who refers to nodes, and taking nodes out. Packing leaves nodes alone otherwise: see `references`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nightproof.pipelines.packing.references import places

NODE_REFERENCES = (
    ("children", "nodes/*/children/*"),
    ("scenes", "scenes/*/nodes/*"),
    ("joints", "skins/*/joints/*"),
    ("skeleton", "skins/*/skeleton"),
    ("channels", "animations/*/channels/*/target/node"),
    ("levels", "nodes/*/extensions/MSFT_lod/ids/*"),
    ("pointers", "animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer"),
)
POINTER = re.compile(r"/nodes/(\d{1,9})(/.*)?\Z")


def node_references(json: dict[str, Any]) -> Iterator[tuple[str, int, Any, Any]]:
    """(kind, number of the root object that holds it, holder, key) of every reference to a node."""
    for kind, path in NODE_REFERENCES:
        array, _, rest = path.partition("/*/")
        for number, item in enumerate(json.get(array, [])):
            for holder, key in places(item, rest):
                if kind != "pointers" or POINTER.match(str(holder[key])):
                    yield kind, number, holder, key


def node_named(value: Any) -> int:
    """By a reference: a number, or the one in a pointer."""
    match = POINTER.match(value) if isinstance(value, str) else None
    return int(match[1]) if match else value


def remove_nodes(json: dict[str, Any], gone: set[int]) -> None:
    """Take nodes out of the document, its scenes and their parents; all others move up, and references follow."""
    for holder, key in [
        *((node, "children") for node in json["nodes"]),
        *((s, "nodes") for s in json.get("scenes", [])),
    ]:
        if key in holder:
            holder[key] = [index for index in holder[key] if index not in gone]
            if not holder[key]:
                del holder[key]  # glTF forbids empty lists
    kept = [index for index in range(len(json["nodes"])) if index not in gone]
    new = {old: position for position, old in enumerate(kept)}
    for kind, _, holder, key in list(node_references(json)):
        if kind == "pointers":
            match = POINTER.match(holder[key])
            assert match
            holder[key] = f"/nodes/{new[int(match[1])]}{match[2] or ''}"
        else:
            holder[key] = new[holder[key]]
    json["nodes"] = [json["nodes"][index] for index in kept]
