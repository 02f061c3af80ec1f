"""How many triangles the form needs: trial simplification of the welded surface at stated errors.

Meshoptimizer's edge collapses by quadric error (Garland and Heckbert, 1997) run on positions alone, so the trial says
what the form would bear; seams of texture coordinates and materials can only make the real thing keep more. Every trial
starts from the one before, which makes three trials cost little more than one, and the errors add up to those stated.

Collapses slow down with the number of triangles at a vertex, and files exist in which it is all of them. Where more
than `CROWD` meet, triangles with the same corners count once (form needs one of them). Those that are still too many
are collapsed in runs, each as if it were a part by itself. What that leaves along the borders of runs is little, and
the next trial finds most of it.

Works on the canonical surface: order, units and the split into meshes leave no trace beyond rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt32

from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.features.topology import Topology, sorted_corners

Array = np.ndarray

ERRORS = (0.001, 0.005, 0.02)
"""Of the diagonal: what a 1080p view of the whole scene cannot show, a level for half a screen, one for far away."""


CROWD = 1024
"""Triangles at one vertex that are too many: several times what modelled forms have, and still quick."""


@dataclass(frozen=True)
class Simplified:
    """What is left after each trial."""

    share: tuple[float, ...]
    """Triangles left over triangles with area, per error; 1 for an empty surface. Repeats at crowded vertices are among
    those with area and not among those left."""
    finest: Float[Array, "c"]
    """The same at the first error for each connected part."""


def simplify_trial(surface: Surface, topology: Topology) -> Simplified:
    if not surface.count:
        return Simplified((1.0,) * len(ERRORS), np.zeros(0))
    indices = np.ascontiguousarray(topology.vertices.reshape(-1), np.uint32)
    positions = np.ascontiguousarray(topology.positions, np.float32)
    shares, before, spent, finest = [], surface.count, 0.0, np.ones(topology.component_count)
    for error in ERRORS:
        indices = _collapsed(indices, positions, error - spent)
        spent = error
        shares.append(len(indices) / 3 / before)
        if len(shares) == 1:
            finest = _left_by_part(indices, topology)
    return Simplified(tuple(shares), finest)


def _left_by_part(indices: UInt32[Array, "i"], topology: Topology) -> Float[Array, "c"]:
    part = np.zeros(topology.vertex_count, np.int64)
    part[topology.vertices] = topology.component[:, None]
    left = np.bincount(part[indices[::3]], minlength=topology.component_count)
    return left / np.bincount(topology.component, minlength=topology.component_count)


def _collapsed(indices: UInt32[Array, "i"], positions: Array, error: float) -> UInt32[Array, "k"]:
    """As few triangles as keep within `error` (in the units of `positions`) of those given."""
    triangles = indices.reshape(-1, 3)
    if (crowded := _crowded(triangles)).any():
        triangles = np.concatenate([triangles[~crowded], _distinct(triangles[crowded])])
        crowded = _crowded(triangles)
    left = [_simplified(triangles[~crowded].reshape(-1), positions, error)]
    for own, vertices in _runs(triangles[crowded]):
        left.append(vertices[_simplified(own, positions[vertices], error)])
    return np.concatenate(left)


def _crowded(triangles: UInt32[Array, "t 3"]) -> Bool[Array, "t"]:
    """Which have a corner where more than `CROWD` meet."""
    return (np.bincount(triangles.reshape(-1)) > CROWD)[triangles].any(axis=1)


def _distinct(triangles: UInt32[Array, "t 3"]) -> UInt32[Array, "k 3"]:
    """The first of those that have the same three corners, whatever their winding; in the order given."""
    low, middle, high = sorted_corners(triangles)
    order = np.lexsort((high, middle, low))  # stable: of equals the first comes first
    sides = np.stack([low, middle, high])[:, order]
    new = np.concatenate([[True], (sides[:, 1:] != sides[:, :-1]).any(axis=0)])
    return triangles[np.sort(order[new])]


def _runs(triangles: UInt32[Array, "t 3"]) -> Iterator[tuple[UInt32[Array, "i"], UInt32[Array, "v"]]]:
    """At most `CROWD` triangles at a time, those of one hub in a row: indices, and the vertices that they count into.

    The hub of a triangle is the corner where most meet. A run may hold several hubs: few starts none of its own.
    """
    meeting = np.bincount(triangles.reshape(-1))
    hub = triangles[np.arange(len(triangles)), meeting[triangles].argmax(axis=1)]
    triangles = triangles[np.argsort(hub, kind="stable")]
    for start in range(0, len(triangles), CROWD):
        vertices, own = np.unique(triangles[start : start + CROWD], return_inverse=True)
        yield own.reshape(-1).astype(np.uint32), vertices.astype(np.uint32)


def _simplified(indices: UInt32[Array, "i"], positions: Array, error: float) -> UInt32[Array, "k"]:
    import meshoptimizer

    if not len(indices):
        return indices
    kept = np.zeros_like(indices)
    count = meshoptimizer.simplify(
        kept,
        indices,
        positions,
        target_index_count=0,
        target_error=error,
        options=meshoptimizer.SIMPLIFY_ERROR_ABSOLUTE,
    )
    return kept[:count].copy()
