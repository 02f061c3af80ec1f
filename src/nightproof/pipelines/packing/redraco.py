"""Meshes that came in Draco's bytes, simplified and put back into them.

A file that requires KHR_draco_mesh_compression asks nothing new of a viewer when its meshes come back so, and Draco
holds connectivity in fewer bits than meshopt does. Each primitive keeps its first bytes where new ones are no smaller,
where Draco cannot hold an attribute within its bound, and where the order of vertices or triangles matters: Draco
keeps neither, so primitives with morph targets and blended ones stay.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draco_codec import Coded, Column, encode
from nightproof.pipelines.packing.draco_grids import Grid, normals_on_grid, position_grid, texcoord_bits
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.filters import unfiltered
from nightproof.pipelines.packing.geometry import materials_of
from nightproof.pipelines.packing.streams import Stream, Tolerance
from nightproof.pipelines.packing.units import DRACO, Part, Place, draco_accessors, primitives
from nightproof.records.record import canonical_json
from nightproof.scenes.declared import REQUIRED, declare


@dataclass(frozen=True)
class Came:
    """What of a primitive's JSON belongs to its Draco bytes, and those."""

    attributes: dict[str, int]
    indices: int
    extension: dict[str, Any]
    data: bytes


class Redraco:
    """The Draco primitives of a draft, to be made before they are unpacked."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._came: dict[Part, Came] = {}
        for place in primitives(draft.json):
            if DRACO in place.value.get("extensions", {}):
                extension = copy.deepcopy(place.value["extensions"][DRACO])
                data = bytes(draft.view_bytes(extension["bufferView"]))
                attributes = dict(place.value["attributes"])
                self._came[place.part] = Came(attributes, place.value["indices"], extension, data)
        self._data = {index: came.data for came in self._came.values() for index in came.attributes.values()}
        self._held = draco_accessors(draft.json)
        self._grids: dict[int, Grid] = {}
        self._bits: dict[int, int] = {}
        self._texcoord_steps: dict[int, float] = {}
        self.renewed = 0.0
        """Which part of the bytes that came was replaced. Known after packing."""
        self._coded: dict[tuple, Coded | None] = {}
        self._made: dict[bytes, dict[str, Any]] = {}
        """Draco bytes and how they are described → what a primitive says, so that equal ones are kept once."""

    @classmethod
    def of(cls, draft: Draft) -> Redraco | None:
        """None where a viewer may read other data than Draco's, or something else means Draco's accessors."""
        packed = [place for place in primitives(draft.json) if DRACO in place.value.get("extensions", {})]
        if DRACO not in draft.json.get(REQUIRED, []) or not all("indices" in place.value for place in packed):
            return None
        inside = Counter(index for place in packed for index in (*place.vertex_accessors, place.value["indices"]))
        uses = Counter(reference.index for reference in draft.survey.references if reference.array == "accessors")
        alone = all(uses[index] == times for index, times in inside.items())
        own = {index for place in packed for index in (*place.value["attributes"].values(), place.value["indices"])}
        plain = not any("bufferView" in draft.json["accessors"][index] for index in own)
        return cls(draft) if alone and plain else None

    def attribute(
        self,
        index: int,
        name: str,
        floats: np.ndarray,
        raw: np.ndarray,
        accessor: dict[str, Any],
        allowed: Tolerance,
    ) -> Stream:
        """As `streams.attribute`, but on the grids that Draco has.

        Texture coordinates stay as they are: their grid follows from what is left of them.
        """
        if index in self._data and name == "POSITION":
            return self._positions(index, floats, accessor, allowed)
        elif index in self._data and name == "NORMAL" and streams.is_unit(floats):
            normals, self._bits[index] = normals_on_grid(floats, allowed.normal_bits)
            return _vertices(normals)
        elif index in self._data and name == "TEXCOORD_0":
            self._texcoord_steps[index] = allowed.texcoord_step
            return _vertices(floats)
        return streams.attribute(name, floats, raw, accessor, allowed)

    def _positions(self, index: int, floats: np.ndarray, accessor: dict[str, Any], allowed: Tolerance) -> Stream:
        grid = position_grid(floats, allowed.position_step, self._data[index])
        if grid is None:
            return streams.attribute("POSITION", floats, floats, accessor, allowed)
        self._grids[index] = grid
        return _vertices(grid.points(grid.numbers(floats)), bounds=True)

    def pack(self, finer: Container[Part]) -> bool:
        """Give every primitive its new Draco bytes or its first ones back; False where none got new ones.

        Args:
            finer: parts that showed although they lost no triangle. Their first bytes lose nothing.
        """
        draft, replaced = self._draft, 0
        for place in primitives(draft.json):
            if (came := self._came.get(place.part)) is None:
                continue
            coded = None if place.part in finer else self._coded_once(place)
            if coded is not None and len(coded.data) < len(came.data):
                told = self._told(place, coded)
                replaced += len(came.data)
            else:
                told = {"attributes": came.attributes, "indices": came.indices, "extension": came.extension}
            place.value["attributes"], place.value["indices"] = dict(told["attributes"]), told["indices"]
            place.value.setdefault("extensions", {})[DRACO] = copy.deepcopy(told["extension"])
        for index in self._held:
            draft.streams.pop(index, None)
        draft.unpacked -= self._held
        declare(draft.json, DRACO, required=True)
        draft.resurvey()
        self.renewed = replaced / max(1, sum(len(came.data) for came in self._came.values()))
        return replaced > 0

    def _coded_once(self, place: Place) -> Coded | None:
        """Equal meshes share their accessors."""
        if not self._plain(place):
            return None
        key = (*sorted(place.value["attributes"].items()), place.value["indices"])
        if key not in self._coded:
            self._coded[key] = self._encoded(place)
        return self._coded[key]

    def _plain(self, place: Place) -> bool:
        """Whether its order means nothing: targets follow vertices, and blended surfaces are drawn in it."""
        blended = any(material.get("alphaMode") == "BLEND" for material in materials_of(self._draft.json, place))
        return "targets" not in place.value and not blended

    def _encoded(self, place: Place) -> Coded | None:
        attributes, found = place.value["attributes"], self._draft.streams
        needed = {*attributes.values(), place.value["indices"]}
        if not needed <= found.keys():  # something shares a part of them, and they were left alone
            return None
        corners = found[place.value["indices"]].filtered.plain.reshape(-1)
        used, renumbered = np.unique(corners, return_inverse=True)
        columns = {name: self._column(index, name, used) for name, index in attributes.items()}
        fits = {name: column for name, column in columns.items() if column is not None}
        return encode(renumbered.reshape(-1, 3), fits) if len(fits) == len(columns) else None

    def _column(self, index: int, name: str, used: np.ndarray) -> Column | None:
        values = self._draft.streams[index].filtered.plain[used]
        bits: int | None = self._bits.get(index, 0)
        if name == "TEXCOORD_0":
            bits = texcoord_bits(values, self._texcoord_steps[index])
        return None if bits is None else Column(values, self._grids.get(index), bits)

    def _told(self, place: Place, coded: Coded) -> dict[str, Any]:
        draft, came = self._draft, self._came[place.part]
        accessors, attributes = draft.json["accessors"], {}
        for name, index in place.value["attributes"].items():
            decoded = replace(draft.streams[index], filtered=unfiltered(coded.values[name]))
            attributes[name] = decoded.described(accessors[index])
        triangles = streams.indices(coded.indices, len(coded.values["POSITION"]), triangles=True)
        indices = triangles.described(accessors[came.indices])
        extension = {k: v for k, v in came.extension.items() if k != "bufferView"} | {"attributes": coded.ids}
        key = canonical_json([attributes, indices, extension]) + coded.data
        if key not in self._made:
            self._made[key] = {
                "attributes": {name: _new_accessor(draft, described) for name, described in attributes.items()},
                "indices": _new_accessor(draft, indices),
                "extension": extension | {"bufferView": draft.add_view(coded.data)},
            }
        return self._made[key]


def _vertices(values: np.ndarray, bounds: bool = False) -> Stream:
    values = np.ascontiguousarray(values, "<f4") + np.float32(0)  # −0 is 0
    return Stream(unfiltered(values), "ATTRIBUTES", streams.ARRAY_BUFFER, bounds=bounds)


def _new_accessor(draft: Draft, described: dict[str, Any]) -> int:
    draft.json["accessors"].append(described)
    return len(draft.json["accessors"]) - 1
