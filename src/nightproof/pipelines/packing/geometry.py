"""Triangle meshes: attributes on invisibly fine grids, vertices welded, both orders made for the codecs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, UInt32

from nightproof.pipelines.packing import codec, streams
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.streams import Stream, Tolerance
from nightproof.pipelines.packing.units import Place, Unit, find_units, primitives

POSITION_BITS = 14
"""Positions resolve at least this fraction of a mesh's extent: a twentieth of a pixel where it fills a screen."""
FINEST_POSITION_BITS = 18
EDGE_FRACTION = 0.02
"""… and this fraction of its short edges, so that small parts of large meshes keep their shape."""
EDGE_PERCENTILE = 10
TEXEL_FRACTION = 0.125
"""Texture coordinates resolve this part of a texel of the largest texture that they place."""
ROUGH_BITS, SMOOTH_BITS = 8, 10
"""Of normals and tangents: errors of at most 0.83° and 0.15°; the latter where a reflection could show it."""
SMOOTH_ROUGHNESS = 0.35
WEIGHT_ATTRIBUTE = "WEIGHTS_0"


@dataclass(frozen=True)
class Packed:
    """Vertices shared by several index lists, welded and in order of first use."""

    vertices: list[Stream]
    indices: list[Stream]


def pack_unit(vertices: list[Stream], lists: list[UInt32[np.ndarray, "i"]], keep_order: list[bool]) -> Packed:
    """Weld equal vertices, drop unused ones and collapsed triangles, order for the caches.

    Args:
        vertices: the streams of all attributes, of equal length.
        lists: triangle indices, one list per primitive.
        keep_order: per list, whether triangles must stay in order (blended surfaces are drawn in it).
    """
    remap, first = codec.weld(np.concatenate([stream.filtered.coded for stream in vertices], axis=1))
    count = len(first)
    ordered = []
    for indices, fixed in zip(lists, keep_order, strict=True):
        welded = without_collapsed(remap[indices])
        ordered.append(welded if fixed else codec.cache_order(welded, count))
    renumbered, order = codec.fetch_order(np.concatenate(ordered), count)
    parts = np.split(renumbered, np.cumsum([len(part) for part in ordered])[:-1])
    kept = [stream.take(first[order]) for stream in vertices]
    return Packed(kept, [streams.indices(part, len(order), triangles=True) for part in parts])


def without_collapsed(indices: UInt32[np.ndarray, "i"]) -> UInt32[np.ndarray, "i"]:
    """Triangles with two equal corners cover nothing; one stays where all are such, for a primitive can't be empty."""
    corners = indices.reshape(-1, 3)
    collapsed = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
    return indices if collapsed.all() else corners[~collapsed].reshape(-1)


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


class GeometryStep:
    """All units of a draft, each with the tolerance that its mesh and materials allow."""

    def __init__(self, draft: Draft, texture_sizes: dict[int, int]) -> None:
        self._draft = draft
        self._sizes = texture_sizes

    def run(self) -> int:
        """Returns how many units were packed."""
        units = find_units(self._draft)
        steps = self._mesh_steps(units)
        for unit in units:
            self._pack(unit, min(steps[place.mesh] for place in unit.places))
        self._draft.resurvey()
        return len(units)

    def _mesh_steps(self, units: list[Unit]) -> dict[int, float]:
        """One step per mesh, the finest of its parts', so that no seam opens between them."""
        steps: dict[int, float] = {}
        for place in (place for unit in units for place in unit.places):
            positions = self._draft.document.floats(place.value["attributes"]["POSITION"])
            step = position_step(positions, self._indices(place, len(positions)))
            steps[place.mesh] = min(step, steps.get(place.mesh, math.inf))
        return steps

    def _pack(self, unit: Unit, step: float) -> None:
        first = unit.places[0]
        allowed = Tolerance(step, self._texcoord_step(unit), self._normal_bits(unit))
        vertices, count = self._vertices(first, allowed), 0
        count = len(vertices[first.vertex_accessors[0]].filtered.plain)
        lists = [self._indices(place, count) for place in unit.places]
        blended = [self._blended(place) for place in unit.places]
        packed = pack_unit(list(vertices.values()), lists, blended)
        self._draft.streams.update(zip(vertices, packed.vertices, strict=True))
        for place, indices in zip(unit.places, packed.indices, strict=True):
            place.value["indices"] = self._draft.add_accessor(indices)

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
                else streams.attribute(name, floats, raw, accessors[index], allowed)
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
        smooth = any(_is_smooth(material) for place in unit.places for material in self._materials(place))
        return SMOOTH_BITS if smooth else ROUGH_BITS

    def _texcoord_step(self, unit: Unit) -> float:
        texels = 256.0
        for place in unit.places:
            for material in self._materials(place):
                for use in texture_infos(material):
                    scale = use.get("extensions", {}).get("KHR_texture_transform", {}).get("scale", [1, 1])
                    size = self._sizes.get(use["index"], 4096)
                    texels = max(texels, size * max(1.0, *(abs(float(s)) for s in scale)))
        return power_of_two(TEXEL_FRACTION / texels)


def streams_error(place: Place) -> Exception:
    from nightproof.pipelines.packing.references import NotUnderstood

    return NotUnderstood(f"mesh {place.mesh} has no triangles, or indices beyond its vertices")


def materials_of(json: dict[str, Any], place: Place) -> list[dict[str, Any]]:
    """Every material a primitive may wear: its own and those of its variants."""
    wears = [place.value.get("material")]
    mappings = place.value.get("extensions", {}).get("KHR_materials_variants", {}).get("mappings", [])
    wears += [mapping["material"] for mapping in mappings]
    return [json["materials"][index] for index in wears if index is not None]


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


__all__ = ["GeometryStep", "Packed", "pack_unit", "position_step", "primitives", "texture_infos", "without_collapsed"]
