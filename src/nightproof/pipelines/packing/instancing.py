"""Many nodes that show one mesh become one node with EXT_mesh_gpu_instancing, where nobody can miss them.

A node can be missed by whoever finds it: by its number, which is why all references to nodes must be known here; by
its name, which is why only nameless nodes go, or crowds that a program has numbered (docs/decisions/0404). Order shows
where surface is blended, and winding where it is mirrored: such nodes stay. Instances keep the order of their nodes.
"""

from __future__ import annotations

import json as json_text
import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.filters import exponential
from nightproof.pipelines.packing.geometry import materials_of
from nightproof.pipelines.packing.node_numbers import node_named, node_references, remove_nodes
from nightproof.pipelines.packing.references import UNDERSTOOD
from nightproof.pipelines.packing.streams import Stream, coded_bytes
from nightproof.pipelines.packing.units import TRIANGLES, Place
from nightproof.scenes.declared import declare
from nightproof.scenes.nodes import INSTANCING

CROWD = 64
"""So many copies with one name and a number each were named by a program; nobody asks for one of them by name."""
NUMBERED = re.compile(r"(?P<stem>.*?)[._ -]?\d*\Z", re.DOTALL)
MOVED = 1e-5
"""Of the size of the smallest instance: how far rounding may move its surface, per attribute and axis."""
TURN_RAD = 1.2e-4
"""The most that the quaternions' 16 bits lose."""
TURNED = 1.6e-4
"""Of the size of an instance: how far that may move its surface."""
PLAIN_KEYS = frozenset({"mesh", "name", "translation", "rotation", "scale"})
SILENT = UNDERSTOOD - {"OMI_physics_body", "OMI_physics_shape", INSTANCING}
"""Extensions that refer to no nodes, but for the animation pointers that `node_numbers` reads."""
NODE_BYTES = 650
"""Of JSON, for the node, three accessors and the views they may need."""
REST = {"translation": (0.0, 0.0, 0.0), "rotation": (0.0, 0.0, 0.0, 1.0), "scale": (1.0, 1.0, 1.0)}


def instance_nodes(draft: Draft) -> None:
    """Draw crowds at once, where the file gets smaller."""
    known = set(draft.json.get("extensionsUsed", [])) <= SILENT
    if draft.survey.frozen or not known or not draft.json.get("nodes"):
        return
    gone: set[int] = set()
    instances = 0
    for crowd in list(_crowds(draft)):
        placed = _placed(draft, crowd)
        nodes = [draft.json["nodes"][index] for index in crowd]
        saved = sum(len(json_text.dumps(node, separators=(",", ":"))) + 4 for node in nodes)
        if saved > NODE_BYTES + sum(coded_bytes(stream) for stream in placed.values()):
            attributes = {name: draft.add_accessor(stream) for name, stream in placed.items()}
            one = {"mesh": nodes[0]["mesh"], "extensions": {INSTANCING: {"attributes": attributes}}}
            stem = _stem(nodes[0])
            draft.json["nodes"][crowd[0]] = ({"name": stem} if stem else {}) | one
            gone |= set(crowd[1:])
            instances += len(crowd)
    if gone:
        remove_nodes(draft.json, gone)
        declare(draft.json, INSTANCING, required=True)
        draft.resurvey()
        draft.notes.append(f"{instances} nodes that show the same meshes became instances; their names are gone.")


def _crowds(draft: Draft) -> Iterator[list[int]]:
    """Nodes under one parent that show one mesh, and that nobody can tell apart or find."""
    json = draft.json
    owners: dict[int, list[tuple[str, int]]] = defaultdict(list)
    named: set[int] = set()
    for kind, holder_index, holder, key in node_references(json):
        if kind in ("children", "scenes"):
            owners[holder[key]].append((kind, holder_index))
        else:
            named.add(node_named(holder[key]))
    groups: dict[tuple, list[int]] = defaultdict(list)
    for index, node in enumerate(json["nodes"]):
        if node.keys() <= PLAIN_KEYS and "mesh" in node and index not in named and index in owners:
            upright = bool(np.prod(node.get("scale", REST["scale"])) > 0)
            if upright and _drawn_in_any_order(draft, node["mesh"]):
                groups[tuple(owners[index]), node["mesh"], _stem(node)].append(index)
    told = _told(json)
    for (_, _, stem), crowd in groups.items():
        names = {json["nodes"][index].get("name") for index in crowd}
        if stem == "" or (len(crowd) >= CROWD and not names & told):
            yield crowd


def _stem(node: dict[str, Any]) -> str:
    """The name without its number; nothing for nameless nodes and for names that are numbers."""
    match = NUMBERED.match(node.get("name") or "")
    assert match  # it matches everything
    return match["stem"] if match["stem"] or not node.get("name") else node["name"]


def _told(document: Any) -> set[str]:
    """Every string in extras: any may be the name of a node."""
    found, left = set[str](), [(document, False)]
    while left:
        value, inside = left.pop()
        if type(value) is dict:
            left += [(item, inside or key == "extras") for key, item in value.items()]
        elif type(value) is list:
            left += [(item, inside) for item in value]
        elif inside and isinstance(value, str):
            found.add(value)
    return found


def _drawn_in_any_order(draft: Draft, mesh: int) -> bool:
    for number, primitive in enumerate(draft.json["meshes"][mesh]["primitives"]):
        materials = materials_of(draft.json, Place(mesh, number, primitive))
        see_through = any(
            m.get("alphaMode") == "BLEND" or "KHR_materials_transmission" in m.get("extensions", {}) for m in materials
        )
        if primitive.get("mode", TRIANGLES) != TRIANGLES or "targets" in primitive or see_through:
            return False
        if "POSITION" not in primitive["attributes"]:
            return False
    return True


def _placed(draft: Draft, crowd: list[int]) -> dict[str, Stream]:
    """Where the instances stand; attributes that say nothing are left out, except for the first."""
    nodes = [draft.json["nodes"][index] for index in crowd]
    move, turn, scale = (
        np.array([node.get(key, rest) for node in nodes], np.float64).reshape(len(nodes), -1)
        for key, rest in REST.items()
    )
    size, reach = _size(draft, nodes[0]["mesh"])
    smallest = float(np.abs(scale).min())
    steps = 2 * MOVED * size * smallest, 2 * MOVED * smallest * min(1.0, size / max(reach, 1e-30))
    fine = TURN_RAD * reach <= TURNED * size and streams.is_rotation(turn)
    found = {"TRANSLATION": _gridded(move, steps[0])}
    if (turn != REST["rotation"]).any():
        exact = streams.lossless(turn.astype("<f4"), {"type": "VEC4"}, None)
        found["ROTATION"] = streams.rotation(turn) if fine else exact
    if (scale != REST["scale"]).any():
        found["SCALE"] = _gridded(scale, steps[1])
    return found


def _gridded(values: np.ndarray, step: float) -> Stream:
    if not step > 0:
        return streams.lossless(values.astype("<f4"), {"type": "VEC3"}, None)
    return Stream(exponential(values, step), "ATTRIBUTES", None)


def _size(draft: Draft, mesh: int) -> tuple[float, float]:
    """The largest side of a mesh, and how far it reaches from its origin."""
    indices = [p["attributes"]["POSITION"] for p in draft.json["meshes"][mesh]["primitives"]]
    points = np.concatenate([_points(draft, index) for index in indices]).astype(np.float64)
    return float(np.ptp(points, axis=0).max()), float(np.linalg.norm(points, axis=1).max())


def _points(draft: Draft, index: int) -> np.ndarray:
    """Positions as they will be; of those that Draco got anew the corners of the box that holds them."""
    if index in draft.streams or index < draft.document.count("accessors"):
        return draft.floats(index)
    accessor = draft.json["accessors"][index]
    return np.array(list(product(*zip(accessor["min"], accessor["max"], strict=True))))
