"""Where the triangles are: by mesh of the file, with what a trial simplification leaves of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from nightproof.optimizer.features.simplification import Simplified
from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.loose_json import entry, field
from nightproof.scenes.flat import FlatScene

Array = np.ndarray


@dataclass(frozen=True)
class MeshFacts:
    """One mesh, in all places where it is drawn."""

    mesh: int
    name: str
    triangles: int
    """Drawn, degenerate ones left out."""
    placed: int
    """How often."""
    needed: int
    """Of `triangles`, what form needs within 0.1 % of the scene's diagonal."""
    area_share: float


def measure_meshes(
    flat: FlatScene, surface: Surface, component: Int[Array, "t"], simplified: Simplified, json: Mapping[str, Any]
) -> tuple[MeshFacts, ...]:
    """Most triangles first. `component` says which connected part each triangle belongs to."""
    if not surface.count or not flat.instances:
        return ()
    owner = np.array([instance.mesh for instance in flat.instances], np.int64)
    mesh = owner[np.asarray(flat.triangle_instance, np.int64)[surface.triangle]]
    index, back = np.unique(mesh, return_inverse=True)
    triangles = np.bincount(back)
    needed = np.bincount(back, simplified.finest[component])
    areas = np.bincount(back, surface.areas) / surface.area
    placed = Counter(m for m, _, _ in {(it.mesh, it.node, it.copy) for it in flat.instances})
    facts = [
        MeshFacts(
            mesh=int(m),
            name=_name(json, int(m)),
            triangles=int(triangles[i]),
            placed=placed[int(m)],
            needed=round(float(needed[i])),
            area_share=float(areas[i]),
        )
        for i, m in enumerate(index)
    ]
    return tuple(sorted(facts, key=lambda it: (-it.triangles, it.mesh)))


def _name(json: Mapping[str, Any], index: int) -> str:
    name = field(entry(json, "meshes", index), "name")
    return name if isinstance(name, str) and name.strip() else f"mesh {index}"
