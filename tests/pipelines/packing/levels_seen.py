"""Coarser levels of detail beside what they stand in for, looked at from where a viewer would switch to them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Previewer
from nightproof.scenes.camera import look_at
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.nodes import LOD, SCREEN_COVERAGE

HEIGHT_PX, WIDTH_PX = 1080, 1920
FOCAL_PX = HEIGHT_PX / 2 / np.tan(np.radians(60) / 2)
SIDES = ((0.5, 0.3, 1.0), (-1.0, 0.4, 0.2), (0.2, 1.0, 0.1), (-0.6, -0.3, -1.0), (1.0, -0.2, -0.3))
"""Others than packing looks from."""
SUPERSAMPLES = 4


@dataclass(frozen=True)
class Chain:
    """A mesh and what stands in for it, finest first."""

    host: int
    meshes: tuple[int, ...]
    coverages: tuple[float, ...]
    triangles: tuple[int, ...]
    """Of the mesh itself, then of each level."""


def chains(document: GltfDocument) -> Iterator[Chain]:
    """Of each mesh with levels, once."""
    json, seen = document.json, set[int]()
    for node in json.get("nodes", []):
        ids = node.get("extensions", {}).get(LOD, {}).get("ids", [])
        if ids and node["mesh"] not in seen:
            seen.add(node["mesh"])
            meshes = tuple(json["nodes"][index]["mesh"] for index in ids)
            triangles = tuple(triangles_of(document, mesh) for mesh in (node["mesh"], *meshes))
            yield Chain(node["mesh"], meshes, tuple(node["extras"][SCREEN_COVERAGE]), triangles)


def triangles_of(document: GltfDocument, mesh: int) -> int:
    json = document.json
    return sum(json["accessors"][p["indices"]]["count"] // 3 for p in json["meshes"][mesh]["primitives"])


def psnr_db(document: GltfDocument, host: int, level: int, coverage: float) -> list[float]:
    """From each side: the level beside its host, as large as `coverage` says, over the disc of the bounding sphere."""
    flats = [alone(document, mesh) for mesh in (host, level)]
    lower, upper = flats[0].positions.min(axis=0), flats[0].positions.max(axis=0)
    middle = (lower.astype(float) + upper) / 2
    radius = float(np.linalg.norm(flats[0].positions - middle, axis=1).max())
    distance = FOCAL_PX * radius * np.sqrt(np.pi / (coverage * HEIGHT_PX * WIDTH_PX))
    side = int(min(HEIGHT_PX, 2 * FOCAL_PX * radius / np.sqrt(max(distance**2 - radius**2, 1e-12)) + 4))
    previewers = [Previewer(flat) for flat in flats]
    found = []
    for direction in SIDES:
        eye = middle + np.array(direction) / np.linalg.norm(direction) * distance
        camera = look_at(eye, middle, yfov_rad=2 * np.arctan(side / 2 / FOCAL_PX), width_px=side, height_px=side)
        one, other = (previewer.picture(camera, supersamples=SUPERSAMPLES) for previewer in previewers)
        exposure = auto_exposure([one.color])
        first, second = (to_display(shown.color, exposure).astype(float) for shown in (one, other))
        squared = ((first - second) ** 2).mean(axis=2).sum() / (coverage * HEIGHT_PX * WIDTH_PX)
        found.append(float(10 * np.log10(255.0**2 / max(squared, 1e-6))))
    return found


def alone(document: GltfDocument, mesh: int) -> FlatScene:
    """One mesh by itself at the origin, in studio light."""
    json = copy.copy(document.json) | {"nodes": [{"mesh": mesh}], "scenes": [{"nodes": [0]}], "scene": 0}
    for name in ("animations", "skins"):
        json.pop(name, None)
    return flatten(replace(document, json=json), named_environment("studio"))
