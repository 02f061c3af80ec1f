"""Coarser levels of detail beside large meshes: nodes that stand in for another one when it is small (MSFT_lod).

A level shares the vertices of the mesh it stands in for, so a chain costs index lists and JSON. How small is said as
viewers that read the extension ask: by the part of the view that the bounding sphere's disc covers, which is
π (f r / d)² / (w h) for a sphere of radius r at distance d, in a view of w × h pixels with a focal length of f pixels.

The most that may be follows from the error. A unit of the mesh is q pixels at the nearest sensible view (`nearness`),
where the finest level moves its surface by at most e pixels. A level moves it by g e more (`error_growth`), hence by
(1 + g) e as seen there, and by e where a unit is q / (1 + g) pixels. The nearest point of a sphere is d − r away, so
that is so from f / (d − r) = q / (1 + g) on, where the disc covers

    π / (w h) / (1 / f + (1 + g) / (r q))²

of the view. Narrower views show the same disc from further off, and less of the error. From there `level_sight` looks
for the size at which the pictures agree.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.level_sight import FOCAL_PX, LEAST_COVERAGE, VIEW_PX2, LevelSight, bounding_sphere
from nightproof.pipelines.packing.node_numbers import node_named, node_references
from nightproof.pipelines.packing.recode import load_images
from nightproof.pipelines.packing.simplify import error_growth
from nightproof.pipelines.packing.streams import Stream
from nightproof.pipelines.packing.units import DRACO, TRIANGLES, Part
from nightproof.scenes.declared import declare
from nightproof.scenes.flat import Environment
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.nodes import LOD, SCREEN_COVERAGE

TRIED_LEVELS = 4
"""Each with twice the error of the one before. Those that are useful are taken from the finest on."""
LEAST_TRIANGLES = 512
"""Of the finest level: smaller meshes cost a draw call, however few triangles they have."""
USEFUL = 0.6
"""Of the triangles of the level before: a level that has more is left out."""
PLACES = ("translation", "rotation", "scale", "matrix")
PLAIN_KEYS = frozenset({"mesh", "name", "extras", *PLACES})
COVERAGE_DIGITS = 6


@dataclass(frozen=True)
class LevelsAsked:
    """How many levels a mesh may get, and the light in which they are looked at."""

    most: int
    environment: Environment | None
    threads: int


@dataclass(frozen=True)
class Level:
    """A coarser mesh of the draft."""

    mesh: int
    triangles: int
    coverage: float
    """Of the view, by the bounding sphere's disc: what the level is shown below."""


def switching_coverage(radius_px: float, growth: float) -> float:
    """The most that a level may cover whose error is `growth` times the finest one's; 1 where it may fill the view.

    Args:
        radius_px: of the mesh's bounding sphere, at the nearest sensible view.
    """
    inverse_px = 1 / FOCAL_PX + (1 + growth) / radius_px
    return min(1.0, math.pi / VIEW_PX2 / inverse_px**2)


def add_levels(
    draft: Draft, coarser: Mapping[Part, list[Stream]], units_per_px: Mapping[int, float], asked: LevelsAsked
) -> None:
    """Give every plain node of a large mesh the levels that are useful.

    Args:
        coarser: index lists by part, level k within `error_growth(k)`.
        units_per_px: of each mesh that is shown, at the nearest sensible view.
    """
    # A file without scenes shows whatever has no parent, so to most readers its levels too.
    if draft.survey.frozen or not draft.json.get("scenes") or not any(coarser.values()):
        return
    nodes = plain_nodes(draft)
    meshes = sorted({node["mesh"] for node in nodes} & units_per_px.keys())
    made = {mesh: _levels(draft, mesh, coarser, units_per_px[mesh]) for mesh in meshes}
    chains = _useful(draft, {mesh: levels for mesh, levels in made.items() if levels}, asked)
    for node in nodes:
        if chain := chains.get(node["mesh"]):
            _stand_in(draft, node, chain)
    if any(chains.values()):
        declare(draft.json, LOD, required=False)
        draft.notes.append(f"Meshes with coarser levels of detail: {sum(map(bool, chains.values()))}.")
    draft.resurvey()


def plain_nodes(draft: Draft) -> list[dict[str, Any]]:
    """Those that another node can stand in for: they show a mesh, hold nothing else, and nothing but a parent or a
    scene refers to them."""
    owned, named = set[int](), set[int]()
    for kind, _, holder, key in node_references(draft.json):
        (owned if kind in ("children", "scenes") else named).add(node_named(holder[key]))
    return [
        node
        for index, node in enumerate(draft.json.get("nodes", []))
        if index in owned - named
        and "mesh" in node
        and node.keys() <= PLAIN_KEYS
        and isinstance(node.get("extras", {}), dict)
    ]


def _stand_in(draft: Draft, node: dict[str, Any], chain: list[Level]) -> None:
    """Nodes of their own in the same place, in no scene and no parent's list."""
    place = {key: node[key] for key in PLACES if key in node}
    first, nodes = len(draft.json["nodes"]), [{"mesh": level.mesh} | copy.deepcopy(place) for level in chain]
    draft.json["nodes"] += nodes
    node["extensions"] = {LOD: {"ids": list(range(first, first + len(nodes)))}}
    never = 0.0  # is it too small to be shown
    node["extras"] = node.get("extras", {}) | {
        SCREEN_COVERAGE: [*(round(level.coverage, COVERAGE_DIGITS) for level in chain), never]
    }


def _levels(draft: Draft, index: int, coarser: Mapping[Part, list[Stream]], units_per_px: float) -> list[Level]:
    """All of a mesh, finest first, each as large as its error allows."""
    mesh = draft.json["meshes"][index]
    lists = [coarser.get((index, number), []) for number in range(len(mesh["primitives"]))]
    if _triangles(draft, mesh) < LEAST_TRIANGLES or not _plain_mesh(draft, index):
        return []
    radius_px = _radius(draft, mesh) / units_per_px
    found = []
    for number in range(max(map(len, lists)) if radius_px > 0 else 0):
        coarse = _with_indices(draft, mesh, [streams[number] if streams else None for streams in lists])
        draft.json["meshes"].append(coarse)
        coverage = switching_coverage(radius_px, error_growth(number + 1))
        found.append(Level(len(draft.json["meshes"]) - 1, _triangles(draft, coarse), coverage))
    return found


def _useful(draft: Draft, made: Mapping[int, list[Level]], asked: LevelsAsked) -> dict[int, list[Level]]:
    """Of each mesh, the levels with few enough triangles that are shown somewhere."""
    if not made:
        return {}
    load_images(draft)
    draft.resurvey()
    sight = LevelSight(parse_glb(assemble(draft, meshopt=False)), asked.environment, asked.threads)
    found: dict[int, list[Level]] = {}
    for mesh, levels in made.items():
        last = _triangles(draft, draft.json["meshes"][mesh])
        few = [level for level in levels if level.triangles <= USEFUL * last and level.coverage >= LEAST_COVERAGE]
        seen = [replace(level, coverage=sight.coverage(mesh, level.mesh, level.coverage)) for level in few]
        chain: list[Level] = []
        for number, level in enumerate(seen):
            shows = level.coverage > max((other.coverage for other in seen[number + 1 :]), default=0.0)
            if shows and level.triangles <= USEFUL * last:
                chain.append(level)
                last = level.triangles
        found[mesh] = chain[: asked.most]
    return found


def _plain_mesh(draft: Draft, index: int) -> bool:
    """Whether its primitives are those that were simplified, and their vertices in the open and moved by nothing."""
    mesh, came = draft.json["meshes"][index], draft.document.json["meshes"][index]
    joined = len(mesh["primitives"]) != len(came["primitives"])
    pointed = ("meshes", index) in draft.survey.pointed
    odd = any("targets" in p or DRACO in p.get("extensions", {}) for p in mesh["primitives"])
    return not (joined or pointed or odd)


def _with_indices(draft: Draft, mesh: dict[str, Any], lists: list[Stream | None]) -> dict[str, Any]:
    """The mesh with other index lists, where there are some. Those that no mesh comes to use are pruned later."""
    primitives = copy.deepcopy(mesh["primitives"])
    for primitive, stream in zip(primitives, lists, strict=True):
        if stream is not None:
            primitive["indices"] = draft.add_accessor(stream)
    return {"primitives": primitives}


def _triangles(draft: Draft, mesh: dict[str, Any]) -> int:
    lists = [p.get("indices", p["attributes"]["POSITION"]) for p in mesh["primitives"] if p.get("mode", 4) == TRIANGLES]
    return sum(_count(draft, index) // 3 for index in lists)


def _count(draft: Draft, accessor: int) -> int:
    stream = draft.streams.get(accessor)
    return draft.json["accessors"][accessor]["count"] if stream is None else len(stream.filtered.plain)


def _radius(draft: Draft, mesh: dict[str, Any]) -> float:
    """Of its bounding sphere, in units of the mesh."""
    indices = {p["attributes"]["POSITION"] for p in mesh["primitives"]}
    return bounding_sphere(np.concatenate([draft.floats(index) for index in sorted(indices)]))[1]
