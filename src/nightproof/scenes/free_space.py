"""Where a camera can be: how near the next surface is, whether walls surround a point, whether it is inside a solid.

A point inside a wall or a piece of furniture sees back faces all around; a point in a room sees front faces. Rays tell
which, and an exact distance to the triangles nearby makes sure that nothing thin was missed between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

from nightproof.kernels.rays import RayCaster
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.vectors import cross

Array = np.ndarray
PROBE_DIRECTIONS = 96


@dataclass(frozen=True)
class Surroundings:
    """What probing rays in all directions met, per point."""

    enclosed: Float64[Array, "n"]
    """Share of directions that meet the scene."""
    behind: Float64[Array, "n"]
    """Share of the hits that meet a back face which a viewer would cull."""
    behind_any: Float64[Array, "n"]
    """Share of the hits that meet a back face, those of curtains, leaves and other double-sided sheets among them."""
    nearest_m: Float64[Array, "n"]
    median_m: Float64[Array, "n"]
    """Infinite where most directions meet nothing."""
    ceiling: Array
    """Whether something lies overhead."""


@dataclass(frozen=True)
class Sight:
    """What one camera sees on a coarse grid of its pixels."""

    seen: float
    """Share of the picture that shows the scene."""
    behind: float
    """Share that shows back faces which a viewer would cull."""
    close: float
    """Share nearer than the limit asked for."""
    median_m: float


class FreeSpace:
    """Questions about the empty parts of a scene."""

    def __init__(self, flat: FlatScene, rays: RayCaster) -> None:
        self.rays = rays
        corners = flat.positions[flat.triangles] if len(flat.triangles) else np.zeros((0, 3, 3), np.float32)
        self._corners = corners
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]  # along an axis of three it takes far longer
        self._lower, self._upper = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        normals = cross(b - a, c - a).astype(np.float32)
        with np.errstate(over="ignore"):  # triangles of 10^10 metres have no normals then
            length = np.linalg.norm(normals, axis=1, keepdims=True)
        self.normals = np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
        double_sided = np.array([material.double_sided for material in flat.materials] or [False])
        self.culled = ~double_sided[flat.triangle_material] if len(flat.triangles) else np.zeros(0, bool)
        self._directions = fibonacci_sphere(PROBE_DIRECTIONS)

    def probe(self, points: Float[Array, "n 3"]) -> Surroundings:
        count, k = len(points), len(self._directions)
        directions = np.tile(self._directions, (count, 1))
        hits = self.rays.closest(np.repeat(points, k, axis=0), directions)
        distance = hits.distance_m.reshape(count, k).astype(np.float64)
        hit = np.isfinite(distance)
        away = self._away(directions, hits.triangle)
        backs, culled = away.reshape(count, k), (away & self._is_culled(hits.triangle)).reshape(count, k)
        total = np.maximum(hit.sum(axis=1), 1)
        upward = self._directions[:, 1] > 0.8
        return Surroundings(
            hit.mean(axis=1),
            culled.sum(axis=1) / total,
            backs.sum(axis=1) / total,
            distance.min(axis=1),
            np.median(distance, axis=1),
            hit[:, upward].mean(axis=1) > 0.7,
        )

    def sight(self, origins: Array, directions: Array, close_m: float) -> Sight:
        hits = self.rays.closest(origins, directions)
        hit = hits.triangle >= 0
        backs = self._is_culled(hits.triangle) & self._away(directions, hits.triangle)
        median = float(np.median(hits.distance_m[hit])) if hit.any() else np.inf
        return Sight(float(hit.mean()), float(backs.mean()), float((hits.distance_m < close_m).mean()), median)

    def _is_culled(self, triangle: Array) -> Array:
        """Whether each hit triangle is single-sided."""
        return (triangle >= 0) & self.culled[np.maximum(triangle, 0)] if len(self.culled) else triangle >= 0

    def _away(self, directions: Array, triangle: Array) -> Array:
        """Whether each ray met the back of its triangle; False where it met none."""
        normals = self.normals[np.maximum(triangle, 0)] if len(self.normals) else np.zeros((len(triangle), 3))
        return (triangle >= 0) & ((normals * directions).sum(axis=1) > 0)

    def is_clear(self, point: Float[Array, "3"], clearance_m: float) -> bool:
        """Whether no triangle at all comes nearer than `clearance_m`. Exact."""
        above, below = point + clearance_m, point - clearance_m
        near = np.logical_and.reduce(
            [(self._lower[:, i] <= above[i]) & (self._upper[:, i] >= below[i]) for i in range(3)]
        )
        corners = self._corners[near].astype(np.float64)
        return (
            not len(corners)
            or float(distances_to_triangles(np.asarray(point, np.float64), corners).min()) > clearance_m
        )


def fibonacci_sphere(count: int) -> Float64[Array, "n 3"]:
    """Directions spread evenly over the sphere."""
    i = np.arange(count) + 0.5
    up = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - up * up)
    return np.stack([ring * np.cos(angle), up, ring * np.sin(angle)], axis=1)


def distances_to_triangles(point: Float64[Array, "3"], corners: Float64[Array, "t 3 3"]) -> Float64[Array, "t"]:
    """From one point to each triangle: to its face where the foot lies inside, else to the nearest edge."""
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    edges = np.stack([_to_segment(point, a, b), _to_segment(point, b, c), _to_segment(point, c, a)])
    normal = cross(b - a, c - a)
    length = np.linalg.norm(normal, axis=1)
    safe = np.maximum(length, 1e-30)
    height = np.abs(((point - a) * normal).sum(axis=1)) / safe
    inside = length > 1e-30
    for start, end in ((a, b), (b, c), (c, a)):
        inside &= (cross(end - start, point - start) * normal).sum(axis=1) >= 0
    return np.where(inside, height, edges.min(axis=0))


def _to_segment(point: Array, start: Array, end: Array) -> Array:
    along = end - start
    t = ((point - start) * along).sum(axis=1) / np.maximum((along * along).sum(axis=1), 1e-30)
    return np.linalg.norm(start + np.clip(t, 0, 1)[:, None] * along - point, axis=1)
