"""Triangle meshes: attributes on invisibly fine grids, vertices welded, both orders made for the codecs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt32

from nightproof.pipelines.packing import streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.simplify import (
    GLOSSY_NORMAL_RAD,
    NORMAL_RAD,
    Leeway,
    Shape,
    shared_places,
    slide_of,
)
from nightproof.pipelines.packing.streams import Stream, Tolerance
from nightproof.pipelines.packing.units import Part, Place, Unit, find_units
from nightproof.pipelines.packing.welded import Reduction, pack_unit
from nightproof.scenes.nodes import LOD

POSITION_BITS = 14
"""Positions resolve at least this fraction of a mesh's extent: a twentieth of a pixel where it fills a screen."""
FINEST_POSITION_BITS = 18
GRID_PX = 0.125
"""Where it is known how near one comes, no grid is finer than this part of a pixel there."""
EDGE_FRACTION = 0.02
"""… and this fraction of its short edges, so that small parts of large meshes keep their shape."""
EDGE_PERCENTILE = 10
TEXEL_FRACTION = 0.125
"""Texture coordinates resolve this part of a texel of the largest texture that they place."""
ROUGH_BITS, SMOOTH_BITS = 8, 10
"""Of normals and tangents: errors of at most 0.83° and 0.15°; the latter where a reflection could show it."""
SMOOTH_ROUGHNESS = 0.35
AttributeMaker = Callable[[int, str, np.ndarray, np.ndarray, dict[str, Any], Tolerance], Stream]
"""As `streams.attribute`, told which accessor it is."""
WEIGHT_ATTRIBUTE = "WEIGHTS_0"
MOST_REMEMBERED_BYTES = 6 << 20
"""Of what is kept from one set of tolerances to the next."""
FEWER = 0.98
"""Of the corners: what is left when simplification is worth naming."""


def position_step(positions: Float[np.ndarray, "v 3"], indices: UInt32[np.ndarray, "i"]) -> float:
    """The power of two that positions of one mesh may be rounded to, in its units. Half of it is the largest error."""
    used = positions[indices].astype(np.float64)
    extent = float(np.ptp(used, axis=0).max(initial=0.0))
    if extent == 0.0:
        return 2.0**-20
    corners = used.reshape(-1, 3, 3)
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2).reshape(-1)
    edges = edges[edges > 0]
    short = float(np.percentile(edges, EDGE_PERCENTILE)) if len(edges) else extent
    step = min(extent * 2.0**-POSITION_BITS, short * EDGE_FRACTION)
    return power_of_two(max(step, extent * 2.0**-FINEST_POSITION_BITS))


def power_of_two(value: float) -> float:
    """The largest power of two not above `value`."""
    return math.ldexp(1.0, math.floor(math.log2(max(value, 1e-30))))


class UnitMade(NamedTuple):
    """What became of a unit, and of what."""

    of: Any
    vertices: dict[int, Stream]
    indices: list[Stream]
    coarser: list[list[Stream]]

    @property
    def nbytes(self) -> int:
        return sum(_bytes_of(stream) for stream in (*self.vertices.values(), *self.indices))


@dataclass
class Remembered:
    """Of one document's geometry, from one set of tolerances to the next: what was made last, as much of it as
    `most_bytes` allow. What is not kept is made again."""

    most_bytes: int = MOST_REMEMBERED_BYTES
    steps: dict[tuple[int, int | None], float] = field(default_factory=dict)
    """Position steps, by accessors of positions and indices."""
    units: dict[tuple[Part, ...], UnitMade] = field(default_factory=dict)
    held_bytes: int = 0

    def keep(self, name: tuple[Part, ...], made: UnitMade) -> None:
        if self.held_bytes + made.nbytes <= self.most_bytes:
            self.held_bytes += made.nbytes
            self.units[name] = made

    def forget(self, name: tuple[Part, ...]) -> None:
        if name in self.units:
            self.held_bytes -= self.units.pop(name).nbytes


def _bytes_of(stream: Stream) -> int:
    return stream.filtered.coded.nbytes + stream.filtered.plain.nbytes


class GeometryStep:
    """All units of a draft, each with the tolerance that its mesh and materials allow."""

    def __init__(
        self,
        draft: Draft,
        texture_sizes: dict[int, int],
        leeways: Mapping[Part, Leeway] | None = None,
        more_bits: Mapping[Part, int] | None = None,
        attribute: AttributeMaker | None = None,
        units_per_px: Mapping[int, float] | None = None,
        levels: int = 0,
        remembered: Remembered | None = None,
    ) -> None:
        """By mesh and primitive: what simplification may do (others keep every vertex), and by how many bits its grids
        are finer than usual. `levels`: how many coarser index lists are wanted of each that may be simplified."""
        self._attribute = attribute or (lambda _, *described: streams.attribute(*described))
        self._remembered = Remembered() if remembered is None or attribute else remembered
        self._more_bits = more_bits or {}
        self._units_per_px = units_per_px or {}
        """Of meshes that are seen: at the nearest sensible view."""
        self.simplified: dict[Part, float] = {}
        """Parts that lost triangles, and what share of them is left."""
        self.coarser: dict[Part, list[Stream]] = {}
        """Their index lists for smaller sizes on screen, finest first, of the vertices that they have."""
        self._levels = levels
        self._draft = draft
        self._sizes = texture_sizes
        self._leeways = leeways or {}

    def run(self) -> int:
        """Returns how many units were packed."""
        units = find_units(self._draft)
        steps = self._mesh_steps(units)
        meeting = self._meeting(units)
        for number, unit in enumerate(units):
            self._pack(unit, min(steps[place.mesh] for place in unit.places), meeting.get(number))
        self._draft.resurvey()
        return len(units)

    def _mesh_steps(self, units: list[Unit]) -> dict[int, float]:
        """One step per mesh, the finest of its parts', so that no seam opens between them."""
        steps: dict[int, float] = {}
        for place in (place for unit in units for place in unit.places):
            step = self._position_step(place)
            if place.mesh in self._units_per_px and "JOINTS_0" not in place.value["attributes"]:
                step = max(step, power_of_two(GRID_PX * self._units_per_px[place.mesh]))
            step *= 2.0 ** -self._more_bits.get(place.part, 0)
            steps[place.mesh] = min(step, steps.get(place.mesh, math.inf))
        return steps

    def _position_step(self, place: Place) -> float:
        known, key = self._remembered.steps, (place.value["attributes"]["POSITION"], place.value.get("indices"))
        if key not in known:
            positions = self._draft.document.floats(key[0])
            known[key] = position_step(positions, self._indices(place, len(positions)))
        return known[key]

    def _meeting(self, units: list[Unit]) -> dict[int, Bool[np.ndarray, "v"]]:
        """Of each unit in a mesh of several: the vertices at which it meets another."""
        by_mesh: dict[int, list[int]] = {}
        for number, unit in enumerate(units):
            for mesh in sorted({place.mesh for place in unit.places}):
                by_mesh.setdefault(mesh, []).append(number)
        found: dict[int, Bool[np.ndarray, "v"]] = {}
        for mesh, numbers in by_mesh.items():
            if len(numbers) < 2 or not any(key[0] == mesh for key in self._leeways):
                continue
            places = [units[number].places[0].value["attributes"]["POSITION"] for number in numbers]
            shared = shared_places([self._draft.document.floats(index) for index in places])
            for number, rows in zip(numbers, shared, strict=True):
                found[number] = rows | found[number] if number in found else rows
        return found

    def _pack(self, unit: Unit, step: float, meeting: Bool[np.ndarray, "v"] | None) -> None:
        first = unit.places[0]
        allowed = Tolerance(step, self._texcoord_step(unit), self._normal_bits(unit))
        count = self._draft.json["accessors"][first.vertex_accessors[0]]["count"]
        alike: dict[tuple[int | None, bool], list[Place]] = {}
        for place in unit.places:
            alike.setdefault((place.value.get("indices"), self._blended(place)), []).append(place)
        lists = [self._indices(places[0], count) for places in alike.values()]
        name, of = tuple(place.part for place in unit.places), self._described(unit, allowed, tuple(alike), meeting)
        if (made := self._remembered.units.get(name)) is None or made.of != of:
            self._remembered.forget(name)
            vertices = self._vertices(first, allowed)
            reduction = self._reduction(unit, vertices, lists, meeting)
            packed = pack_unit(list(vertices.values()), lists, [is_blended for _, is_blended in alike], reduction)
            kept = dict(zip(vertices, packed.vertices, strict=True))
            made = UnitMade(of, kept, packed.indices, packed.coarser)
            self._remembered.keep(name, made)
        self._draft.streams.update(made.vertices)
        for places, before, indices, coarser in zip(alike.values(), lists, made.indices, made.coarser, strict=True):
            accessor, left = self._draft.add_accessor(indices), len(indices.filtered.plain) / len(before)
            for place in places:
                place.value["indices"] = accessor
                self.coarser[place.part] = coarser
            if left < FEWER:
                self.simplified |= {place.part: left for place in places if place.part in self._leeways}

    def _described(self, unit: Unit, allowed: Tolerance, alike: Any, meeting: Bool[np.ndarray, "v"] | None) -> Any:
        """All that the packed unit depends on, but for the document's data."""
        value = unit.places[0].value
        named = [value["attributes"], *value.get("targets", [])]
        leeways = [self._leeways.get(place.part) for place in unit.places]
        locked, smooth = None if meeting is None else meeting.tobytes(), self._smooth(unit)
        return [list(each.items()) for each in named], allowed, alike, leeways, smooth, locked, self._levels

    def _reduction(
        self,
        unit: Unit,
        vertices: dict[int, Stream],
        lists: list[UInt32[np.ndarray, "i"]],
        meeting: Bool[np.ndarray, "v"] | None,
    ) -> Reduction | None:
        """None where nothing may move: skins bend surfaces further than their rest pose tells."""
        attributes = unit.places[0].value["attributes"]
        found = [self._leeways[place.part] for place in unit.places if place.part in self._leeways]
        if len(found) < len(unit.places) or any(name.startswith(("JOINTS", "WEIGHTS")) for name in attributes):
            return None
        shape = self._shape(unit.places[0], vertices, np.concatenate(lists))
        locked = np.zeros(len(shape.positions), bool) if meeting is None else meeting
        least = min(leeway.error for leeway in found)
        usual_rad = GLOSSY_NORMAL_RAD if self._smooth(unit) else NORMAL_RAD
        normal_rad = usual_rad * min(leeway.share for leeway in found)
        wanted = Reduction(shape, locked, least, normal_rad, self._levels)
        return wanted if shape.simplifiable and least > 0 else None

    def _shape(self, place: Place, vertices: dict[int, Stream], indices: UInt32[np.ndarray, "i"]) -> Shape:
        """Positions as they will be stored, so that what is welded there is welded here; the rest as it was."""
        floats, attributes = self._draft.document.floats, place.value["attributes"]
        positions = np.ascontiguousarray(vertices[attributes["POSITION"]].filtered.plain, np.float32)
        texcoords = tuple(floats(attributes[name]) for name in sorted(attributes) if name.startswith("TEXCOORD_"))
        targets = [target["POSITION"] for target in place.value.get("targets", []) if "POSITION" in target]
        return Shape(
            positions,
            floats(attributes["NORMAL"]) if "NORMAL" in attributes else None,
            texcoords,
            tuple(slide_of(positions, uv, indices) for uv in texcoords),
            floats(attributes["COLOR_0"]) if "COLOR_0" in attributes else None,
            tuple(floats(index) for index in targets),
        )

    def _vertices(self, place: Place, allowed: Tolerance) -> dict[int, Stream]:
        document, accessors = self._draft.document, self._draft.json["accessors"]
        result: dict[int, Stream] = {}
        skinned = "WEIGHTS_1" in place.value["attributes"]  # sums run over both sets then: leave them exact
        for name, index in place.value["attributes"].items():
            floats, raw = document.floats(index), document.accessor(index)
            exact = skinned and name == WEIGHT_ATTRIBUTE
            result[index] = (
                streams.lossless(raw, accessors[index], streams.ARRAY_BUFFER)
                if exact
                else self._attribute(index, name, floats, raw, accessors[index], allowed)
            )
        for target in place.value.get("targets", []):
            for name, index in target.items():
                floats, raw = document.floats(index), document.accessor(index)
                result[index] = streams.morph_delta(name, floats, raw, accessors[index], allowed)
        return result

    def _indices(self, place: Place, count: int) -> np.ndarray:
        if "indices" not in place.value:
            return np.arange(count - count % 3, dtype=np.uint32)
        found = self._draft.document.accessor(place.value["indices"]).astype(np.uint32)
        found = found[: len(found) - len(found) % 3]
        if len(found) == 0 or found.max() >= count:
            raise streams_error(place)
        return found

    def _materials(self, place: Place) -> list[dict[str, Any]]:
        return materials_of(self._draft.json, place)

    def _blended(self, place: Place) -> bool:
        return any(material.get("alphaMode") == "BLEND" for material in self._materials(place))

    def _normal_bits(self, unit: Unit) -> int:
        return (SMOOTH_BITS if self._smooth(unit) else ROUGH_BITS) + self._bits(unit)

    def _smooth(self, unit: Unit) -> bool:
        return any(_is_smooth(material) for place in unit.places for material in self._materials(place))

    def _bits(self, unit: Unit) -> int:
        return max(self._more_bits.get(place.part, 0) for place in unit.places)

    def _texcoord_step(self, unit: Unit) -> float:
        texels = 256.0
        for place in unit.places:
            for material in self._materials(place):
                for use in texture_infos(material):
                    scale = use.get("extensions", {}).get("KHR_texture_transform", {}).get("scale", [1, 1])
                    size = self._sizes.get(use["index"], 4096)
                    texels = max(texels, size * max(1.0, *(abs(float(s)) for s in scale)))
        return power_of_two(TEXEL_FRACTION / texels) * 2.0 ** -self._bits(unit)


def streams_error(place: Place) -> Exception:
    return NotUnderstood(f"mesh {place.mesh} has no triangles, or indices beyond its vertices")


def materials_of(json: dict[str, Any], place: Place) -> list[dict[str, Any]]:
    """Every material a primitive may wear: its own, those of its variants, and what stands in for these when small."""
    wears = [place.value.get("material")]
    mappings = place.value.get("extensions", {}).get("KHR_materials_variants", {}).get("mappings", [])
    wears += [mapping["material"] for mapping in mappings]
    worn = [json["materials"][index] for index in wears if index is not None]
    levels = [material.get("extensions", {}).get(LOD, {}).get("ids", []) for material in worn]
    return worn + [json["materials"][index] for ids in levels for index in ids]


def texture_infos(value: Any) -> list[dict[str, Any]]:
    """The texture references anywhere in a material."""
    found = []
    for key, item in value.items() if isinstance(value, dict) else ():
        if key != "extras" and isinstance(item, dict):
            is_use = key.endswith("Texture") or key == "MOZ_lightmap"
            found += [item] if is_use and isinstance(item.get("index"), int) else []
            found += texture_infos(item)
    return found


def _is_smooth(material: dict[str, Any]) -> bool:
    pbr, extensions = material.get("pbrMetallicRoughness", {}), material.get("extensions", {})
    glossy = {"KHR_materials_clearcoat", "KHR_materials_transmission", "KHR_materials_pbrSpecularGlossiness"}
    return float(pbr.get("roughnessFactor", 1.0)) < SMOOTH_ROUGHNESS or bool(glossy & extensions.keys())
