"""Which primitives share vertices, and which may therefore be welded and reordered together.

A unit is a set of triangle primitives with exactly the same attributes and morph targets, whose accessors nobody else
uses. Within a unit vertices can be merged and moved freely. Everything else keeps its order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.references import UNDERSTOOD

DRACO = "KHR_draco_mesh_compression"
TRIANGLES = 4
Part = tuple[int, int]
"""Mesh and primitive."""


@dataclass(frozen=True)
class Place:
    """One primitive."""

    mesh: int
    primitive: int
    value: dict[str, Any]

    @property
    def part(self) -> Part:
        return self.mesh, self.primitive

    @property
    def vertex_accessors(self) -> tuple[int, ...]:
        """Attributes, then those of every morph target."""
        targets = [index for target in self.value.get("targets", []) for index in target.values()]
        return (*self.value["attributes"].values(), *targets)

    @property
    def meanings(self) -> Iterator[tuple[int, str]]:
        """Each vertex accessor and what it is read as; morph deltas are deltas of something."""
        yield from ((index, name) for name, index in self.value["attributes"].items())
        for target in self.value.get("targets", []):
            yield from ((index, f"delta {name}") for name, index in target.items())


@dataclass(frozen=True)
class Unit:
    places: tuple[Place, ...]


def primitives(json: dict[str, Any]) -> Iterator[Place]:
    for m, mesh in enumerate(json.get("meshes", [])):
        for p, value in enumerate(mesh["primitives"]):
            yield Place(m, p, value)


def draco_accessors(json: dict[str, Any]) -> set[int]:
    """Accessors that describe what Draco holds."""
    held: set[int] = set()
    for place in primitives(json):
        if DRACO in place.value.get("extensions", {}):
            held |= {*place.vertex_accessors, *([place.value["indices"]] if "indices" in place.value else [])}
    return held


def draco_views(json: dict[str, Any]) -> set[int]:
    """Views that hold Draco's bytes."""
    packed = [place.value.get("extensions", {}).get(DRACO) for place in primitives(json)]
    return {extension["bufferView"] for extension in packed if extension is not None}


def find_units(draft: Draft) -> list[Unit]:
    uses = Counter(ref.index for ref in draft.survey.references if ref.array == "accessors")
    groups: dict[tuple, list[Place]] = defaultdict(list)
    for place in primitives(draft.json):
        groups[_shape(place)].append(place)
    return [Unit(tuple(places)) for places in groups.values() if _free(draft, places, uses)]


def _shape(place: Place) -> tuple:
    targets = tuple(tuple(sorted(target.items())) for target in place.value.get("targets", []))
    return (tuple(sorted(place.value["attributes"].items())), targets)


def _free(draft: Draft, places: list[Place], uses: Counter[int]) -> bool:
    inside: Counter[int] = Counter(index for place in places for index in place.vertex_accessors)
    meanings = {meaning for place in places for meaning in place.meanings}
    accessors = draft.json.get("accessors", [])
    counts = {accessors[index].get("count") for index in inside}
    return (
        all(place.value.get("mode", TRIANGLES) == TRIANGLES and _plain(place.value) for place in places)
        and "POSITION" in places[0].value["attributes"]
        and len(counts) == 1
        and len(meanings) == len(inside)  # what is read as two things has no one grid
        and all(uses[index] == times and index not in draft.survey.pinned for index, times in inside.items())
        and all(np.isfinite(draft.document.floats(index)).all() for index in inside)  # else no grid holds them
    )


def _plain(primitive: dict[str, Any]) -> bool:
    """Draco's own bytes are smaller than ours; unknown extensions may give the vertices another meaning."""
    extensions = primitive.get("extensions", {})
    return DRACO not in extensions and extensions.keys() <= UNDERSTOOD
