"""How triangles hang together once vertices at one place are one vertex: components, edges, repeated parts.

Welding by position makes the answers independent of how a file splits its vertices (seams, flat shading) and its
meshes. Works on the canonical `Surface`, in O(t log t) array operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int32

from nightproof.optimizer.features.surface import Surface

Array = np.ndarray

WELD = 1 << 20
"""Vertices in one cell of a 2^-20 grid (a millionth of the scene's diagonal) are one: single precision cannot
place vertices of a scene more finely."""


FORM_TRIANGLES = 8
"""Parts with fewer triangles have no form to copy: labels, cards, panes."""


@dataclass(frozen=True)
class Topology:
    """Welded triangles."""

    vertices: Int32[Array, "t 3"]
    positions: Float[Array, "v 3"]
    """Where each welded vertex lies: at the first corner, in canonical order, that fell into its cell."""
    component: Int[Array, "t"]
    """Which connected part each triangle belongs to, 0 … component_count − 1."""
    component_count: int
    edges: Edges
    duplicates: int
    """Triangles whose three welded corners another triangle has already, whatever their winding."""

    @property
    def vertex_count(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Edges:
    """Distinct edges, with the two triangles of those that have exactly two."""

    length: Float[Array, "e"]
    start: Int32[Array, "e"]
    """The welded vertex at one of the two ends."""
    faces: Int32[Array, "e"]
    """How many triangles meet there."""
    angle_rad: Float[Array, "e"]
    """Dihedral angle between the two triangles, 0 for coplanar; 0 where there are not exactly two."""
    sides: Int32[Array, "e 2"]
    """Rows of the two triangles; −1 where there are not exactly two."""


def topology_of(surface: Surface) -> Topology:
    vertices, positions = _weld(surface)
    vertex_count = len(positions)
    component, component_count = _components(vertices, vertex_count)
    return Topology(
        vertices=vertices,
        positions=positions,
        component=component,
        component_count=component_count,
        edges=_edges(surface, vertices, vertex_count),
        duplicates=_duplicates(vertices),
    )


def copied_share(surface: Surface, topology: Topology, least: int = 4) -> tuple[float, float]:
    """Share of the area in parts that occur at least `least` times, and in the most widespread such part.

    Connected parts with the same numbers of triangles, vertices and open edges count as copies of one form, at any
    size: so instancing is seen no matter whether the file says it with instances, nodes or copied vertices.
    """
    if not surface.count:
        return 0.0, 0.0
    parts = topology.component_count
    part_of_vertex = np.zeros(topology.vertex_count, np.int64)
    part_of_vertex[topology.vertices] = topology.component[:, None]
    kind = np.stack(
        [
            np.bincount(topology.component, minlength=parts),
            np.bincount(part_of_vertex, minlength=parts),
            np.bincount(part_of_vertex[topology.edges.start[topology.edges.faces == 1]], minlength=parts),
        ],
        axis=1,
    )
    _, group = np.unique(kind, axis=0, return_inverse=True)
    group = group.reshape(-1)
    share = np.bincount(group, np.bincount(topology.component, surface.areas)) / surface.area
    formed = np.bincount(group, kind[:, 0]) >= FORM_TRIANGLES * np.bincount(group)
    shares = share[(np.bincount(group) >= least) & formed]
    return float(shares.sum()), float(shares.max(initial=0.0))


def _weld(surface: Surface) -> tuple[Int32[Array, "t 3"], Float[Array, "v 3"]]:
    """Of each vertex of the file its first corner is looked at: it has one place, and many corners."""
    number = surface.corner.reshape(-1)
    corner_of = np.zeros(int(number.max(initial=-1)) + 1, np.int64)
    corner_of[number[::-1]] = np.arange(len(number))[::-1]
    firsts = np.flatnonzero(corner_of[number] == np.arange(len(number)))
    places = surface.corners.reshape(-1, 3)[firsts]
    keys = np.zeros(len(firsts), np.int64)
    for axis in range(3):
        keys = (keys << 21) | np.rint((places[:, axis] + 0.5) * WELD).astype(np.int64)
    _, first, vertex = np.unique(keys, return_index=True, return_inverse=True)
    corner_of[number[firsts]] = vertex
    return corner_of[surface.corner].astype(np.int32), places[first]


def _components(vertices: Int32[Array, "t 3"], vertex_count: int) -> tuple[Int[Array, "t"], int]:
    """Connected parts by hooking each vertex to the smallest label around it and shortening the paths."""
    label = np.arange(vertex_count)
    while True:
        one, two, three = (label[vertices[:, corner]] for corner in range(3))
        smallest = np.minimum(np.minimum(one, two), three)
        before = label.copy()
        for corner in range(3):
            np.minimum.at(label, before[vertices[:, corner]], smallest)
        while not np.array_equal(shorter := label[label], label):
            label = shorter
        if np.array_equal(before, label):
            break
    if not len(vertices):
        return np.zeros(0, np.int64), 0
    parts, component = np.unique(label[vertices[:, 0]], return_inverse=True)
    return component, len(parts)


def _edges(surface: Surface, vertices: Int32[Array, "t 3"], vertex_count: int) -> Edges:
    first, faces, at = _sides(vertices, vertex_count)
    length, start = _lengths(surface)[at[first]], vertices.reshape(-1)[at[first]]
    pairs = np.flatnonzero(faces == 2)
    one, other = at[first[pairs]], at[first[pairs] + 1]
    # Triangles wound the same way run through a shared edge in opposite directions; otherwise one normal is flipped.
    flip: Bool[Array, "p"] = start[pairs] == vertices.reshape(-1)[other]
    sides = np.full((len(first), 2), -1, np.int32)
    sides[pairs, 0], sides[pairs, 1] = one // 3, other // 3
    cosine = sum(surface.normals[one // 3, axis] * surface.normals[other // 3, axis] for axis in range(3))
    angle = np.zeros(len(first))
    angle[pairs] = np.arccos(np.clip(np.where(flip, -cosine, cosine), -1, 1))
    return Edges(length, start, faces, angle, sides)


def _sides(
    vertices: Int32[Array, "t 3"], vertex_count: int
) -> tuple[Int[Array, "e"], Int32[Array, "e"], Int32[Array, "s"]]:
    """The sides of all triangles that have two ends, those of one edge in a row: where each edge's begin, how many they
    are, and the corner of a triangle at which each starts."""
    start, end = vertices.reshape(-1), np.roll(vertices, -1, axis=1).reshape(-1)
    key = _pair(np.minimum(start, end), np.maximum(start, end), vertex_count)
    at = np.argsort(key, kind="stable").astype(np.int32)
    at = at[start[at] != end[at]]
    key = key[at]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])) if len(key) else np.zeros(0, np.int64)
    return first, np.diff(first, append=len(key)).astype(np.int32), at


def _lengths(surface: Surface) -> Float[Array, "s"]:
    """Of every side, one axis after the other: all at once takes three times the memory."""
    squares = np.zeros((surface.count, 3))
    for axis in range(3):
        along = surface.corners[:, :, axis]
        squares += (np.roll(along, -1, axis=1) - along) ** 2
    return np.sqrt(squares).reshape(-1)


def _duplicates(vertices: Int32[Array, "t 3"]) -> int:
    """Sorted as values: by corner numbers where those of all three fit into one, by edge and third corner elsewhere."""
    low, middle, high = sorted_corners(vertices)
    count = int(high.max(initial=0)) + 1
    pairs = _pair(low, middle, count)
    if count**3 >= 1 << 63:
        pairs = np.unique(pairs, return_inverse=True)[1]
    keys = np.sort(_pair(pairs, high, count))
    return int(np.count_nonzero(keys[1:] == keys[:-1]))


def sorted_corners(vertices: Int32[Array, "t 3"]) -> tuple[Int32[Array, "t"], Int32[Array, "t"], Int32[Array, "t"]]:
    """The lowest, the middle and the highest of each triangle: the same whatever its winding."""
    one, two, three = vertices.T
    low, high = np.minimum(one, two), np.maximum(one, two)
    return np.minimum(low, three), np.maximum(low, np.minimum(high, three)), np.maximum(high, three)


def _pair(low: Array, high: Array, count: int) -> Int[Array, "n"]:
    return low.astype(np.int64) * max(count, 1) + high
