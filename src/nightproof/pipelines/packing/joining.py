"""Primitives of one mesh with one material and equal attributes become one: fewer draw calls, less JSON.

Nothing can tell them apart: glTF gives primitives neither names nor places. Those that something does distinguish
stay (variants and other extensions, extras, morph targets, pointers into the mesh), and so does what is blended or lets
light through: viewers sort it by primitive. Meshes of different nodes are never joined: nodes stay addressable.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.filters import Filtered
from nightproof.pipelines.packing.geometry import materials_of
from nightproof.pipelines.packing.streams import Stream
from nightproof.pipelines.packing.units import TRIANGLES, Place

JOINED_VERTICES = 65_535
"""At most: indices stay short for the viewer."""
ACCESSOR_BYTES = 105
"""Of JSON, for each accessor that joining saves."""
PLAIN_KEYS = frozenset({"attributes", "indices", "material", "mode"})

Primitive = dict[str, Any]


def join_primitives(draft: Draft) -> None:
    """Join within every mesh what can be; accessors that are left over are pruned later."""
    if draft.survey.frozen:
        return
    uses = Counter(reference.index for reference in draft.survey.references if reference.array == "accessors")
    joined = 0
    for number, mesh in enumerate(draft.json.get("meshes", [])):
        if ("meshes", number) in draft.survey.pointed or len(mesh["primitives"]) < 2:
            continue
        groups: dict[Any, list[Primitive]] = defaultdict(list)
        for place, primitive in enumerate(mesh["primitives"]):
            key = _kind(draft, Place(number, place, primitive), uses)
            groups[place if key is None else key].append(primitive)
        kept = [_joined(draft, part) for group in groups.values() for part in _parts(draft, group)]
        joined += len(mesh["primitives"]) - len(kept)
        mesh["primitives"] = kept
    if joined:
        draft.resurvey()
        draft.notes.append(f"{joined} primitives joined others of their mesh.")


def _kind(draft: Draft, place: Place, uses: Counter[int]) -> tuple | None:
    """What primitives must share to become one; None for those that stay by themselves."""
    value = place.value
    accessors = [*value["attributes"].values(), value.get("indices", -1)]
    plain = (
        value.keys() <= PLAIN_KEYS and value.get("mode", TRIANGLES) == TRIANGLES and "POSITION" in value["attributes"]
    )
    if not plain or not all(index in draft.streams for index in accessors):
        return None
    own = all(uses[index] == 1 for index in value["attributes"].values())
    copied = draft.streams[value["indices"]].filtered.plain.nbytes if uses[value["indices"]] > 1 else 0
    if (
        not own
        or copied > ACCESSOR_BYTES * len(value["attributes"])
        or _sorted_by_viewers(materials_of(draft.json, place))
    ):
        return None
    said = [draft.json["accessors"][index].keys() & {"name", "extras", "extensions"} for index in accessors]
    stored = tuple((name, _stored(draft.streams[index])) for name, index in sorted(value["attributes"].items()))
    return None if any(said) else (value.get("material"), stored, draft.streams[value["indices"]].mode)


def _stored(stream: Stream) -> tuple:
    plain = stream.filtered.plain
    return (stream.target, stream.normalized, stream.kind, stream.filtered.name, plain.dtype.str, plain.shape[1:])


def _sorted_by_viewers(materials: list[dict[str, Any]]) -> bool:
    see_through = {"KHR_materials_transmission", "KHR_materials_diffuse_transmission"}
    return any(m.get("alphaMode") == "BLEND" or see_through & m.get("extensions", {}).keys() for m in materials)


def _parts(draft: Draft, group: list[Primitive]) -> list[list[Primitive]]:
    """The group in order, cut where vertices would be too many."""
    parts: list[list[Primitive]] = []
    room = 0
    for primitive in group:
        index = primitive["attributes"].get("POSITION")
        count = len(draft.streams[index].filtered.plain) if len(group) > 1 else 0
        if count > room:
            parts.append([])
            room = JOINED_VERTICES
        elif not parts:
            parts.append([])
        parts[-1].append(primitive)
        room -= count
    return parts


def _joined(draft: Draft, part: list[Primitive]) -> Primitive:
    first = part[0]
    if len(part) == 1:
        return first
    counts = [len(draft.streams[p["attributes"]["POSITION"]].filtered.plain) for p in part]
    starts = np.cumsum([0, *counts[:-1]])
    lists = [draft.streams[p["indices"]].filtered.plain[:, 0].astype(np.uint32) for p in part]
    shifted = np.concatenate([indices + np.uint32(start) for indices, start in zip(lists, starts, strict=True)])
    triangles = draft.streams[first["indices"]].mode == "TRIANGLES"
    attributes = {
        name: draft.add_accessor(_stacked([draft.streams[p["attributes"][name]] for p in part]))
        for name in first["attributes"]
    }
    indices = draft.add_accessor(streams.indices(shifted, sum(counts), triangles=triangles))
    return first | {"attributes": attributes, "indices": indices}


def _stacked(parts: list[Stream]) -> Stream:
    coded, plain = (np.concatenate([getattr(part.filtered, name) for part in parts]) for name in ("coded", "plain"))
    bounds = any(part.bounds for part in parts)
    return replace(parts[0], filtered=Filtered(parts[0].filtered.name, coded, plain), bounds=bounds)
