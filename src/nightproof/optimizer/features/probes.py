"""Ray probes of a scene: what a point on the surface sees, and what a viewer in free space sees.

All probes are Monte Carlo with fixed seeds on the canonical surface, so their answers are functions of the scene.
Rays are shot in the canonical frame (unit diagonal), which keeps single precision even for scenes in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.optimizer.features.surface import Surface, SurfaceSample

Array = np.ndarray

OFFSET = 1e-5
"""How far off the surface rays start, in diagonals: ten times the rounding of single precision coordinates."""

FAR = 3.0
"""Longer than any ray inside a box of unit diagonal."""


class Hits(Protocol):
    """What `kernels.rays.RayCaster.closest` returns."""

    @property
    def distance_m(self) -> Float[Array, "n"]: ...

    @property
    def triangle(self) -> Int[Array, "n"]: ...


class Caster(Protocol):
    """The part of `kernels.rays.RayCaster` that probes need."""

    def closest(self, origins: Array, directions: Array, max_distance: float | Array) -> Hits: ...

    def occluded(self, origins: Array, directions: Array, max_distance: float | Array) -> Bool[Array, "n"]: ...


def caster_of(surface: Surface, threads: int = 1) -> Caster:
    """A ray caster over the canonical surface; triangle i is row i of `surface`."""
    from nightproof.kernels.rays import RayCaster

    corners = np.ascontiguousarray(surface.corners.reshape(-1, 3), np.float32)
    return RayCaster(corners, np.arange(len(corners), dtype=np.uint32).reshape(-1, 3), threads=threads)


@dataclass(frozen=True)
class SurfaceProbe:
    """Cosine-weighted rays from surface points into the half space before them."""

    origins: Float[Array, "n 3"]
    directions: Float[Array, "n k 3"]
    distance: Float[Array, "n k"]
    """Diagonals; infinite where the ray leaves the scene."""
    row: Int[Array, "n k"]
    """Row of `Surface` that was hit, −1 for none."""

    @property
    def escaped(self) -> Bool[Array, "n k"]:
        return self.row < 0


def probe_surface(caster: Caster, sample: SurfaceSample, backwards: Bool[Array, "n"], rays: int) -> SurfaceProbe:
    """Look out from every sampled point along `rays` directions; `backwards` points look from their back face."""
    side = np.where(backwards, -1.0, 1.0)[:, None] * sample.normals
    directions = _cosine_directions(side, rays)
    origins = sample.points + OFFSET * side
    distance, row = cast(caster, np.repeat(origins, rays, axis=0), directions.reshape(-1, 3))
    return SurfaceProbe(origins, directions, distance.reshape(-1, rays), row.reshape(-1, rays))


@dataclass(frozen=True)
class SpaceProbe:
    """What viewers in the free space of the bounding box see, in evenly spread directions."""

    directions: Float[Array, "k 3"]
    free: Bool[Array, "m"]
    """Whether a point is in free space: hardly any ray from it meets a back face."""
    hit: Bool[Array, "m k"]
    distance: Float[Array, "m k"]


SOLID_SHARE = 0.25
"""A point is inside something solid where more of its hits are back faces. Rooms of real files have a few flipped
or single-sided walls; points in a solid see back faces all round."""


def probe_space(caster: Caster, surface: Surface, two_sided: Bool[Array, "t"], points: int, rays: int) -> SpaceProbe:
    """Look round from `points` places of the bounding box, R3-sequence, along a Fibonacci sphere of `rays`."""
    directions = sphere_directions(rays)
    if not surface.count:
        none = np.zeros((0, rays))
        return SpaceProbe(directions, np.zeros(0, bool), none.astype(bool), none)
    places = surface.bounds[0] + surface.extent * _r3_sequence(points)
    distance, row = cast(caster, np.repeat(places, rays, axis=0), np.tile(directions, (points, 1)))
    hit = row >= 0
    away = np.einsum("nc,nc->n", np.tile(directions, (points, 1)), surface.normals[row]) > 0
    backs = (hit & away & ~two_sided[row]).reshape(points, rays).sum(axis=1)
    hit = hit.reshape(points, rays)
    free = backs <= SOLID_SHARE * np.maximum(hit.sum(axis=1), 1)
    return SpaceProbe(directions, free, hit, distance.reshape(points, rays))


def cast(caster: Caster, origins: Array, directions: Array) -> tuple[Float[Array, "n"], Int[Array, "n"]]:
    """Distance and row of the closest hit of each ray; infinity and −1 for none."""
    if not len(origins):
        return np.zeros(0), np.zeros(0, np.int64)
    hits = caster.closest(origins.astype(np.float32), directions.astype(np.float32), FAR)
    row = np.asarray(hits.triangle, np.int64)
    return np.where(row >= 0, np.asarray(hits.distance_m, np.float64), np.inf), row


def visible(caster: Caster, origins: Array, targets: Array) -> Bool[Array, "n"]:
    """Whether nothing stands between `origins` and `targets`."""
    if not len(origins):
        return np.zeros(0, bool)
    way = targets - origins
    length = np.maximum(np.linalg.norm(way, axis=1), 1e-12)
    reach = np.maximum(length - 2 * OFFSET, 0.0).astype(np.float32)
    directions = (way / length[:, None]).astype(np.float32)
    return ~np.asarray(caster.occluded(origins.astype(np.float32), directions, reach), bool)


def scattered(normals: Float[Array, "n 3"], random: np.random.Generator) -> Float[Array, "n 3"]:
    """One cosine-distributed direction per normal: a unit normal plus a uniform unit vector is that."""
    away = random.normal(size=normals.shape)
    directions = normals + away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
    return np.asarray(directions / np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-9))


def sphere_directions(count: int) -> Float[Array, "count 3"]:
    """A Fibonacci sphere: evenly spread unit vectors."""
    index = np.arange(count) + 0.5
    height, angle = 1 - 2 * index / count, np.pi * (1 + 5**0.5) * index
    radius = np.sqrt(1 - height**2)
    return np.stack([radius * np.cos(angle), height, radius * np.sin(angle)], axis=1)


def _r3_sequence(count: int) -> Float[Array, "count 3"]:
    """Roberts' R3 low-discrepancy sequence in the unit cube."""
    root = 1.2207440846057596  # of x⁴ = x + 1
    return (0.5 + np.arange(1, count + 1)[:, None] / root ** np.array([1, 2, 3])) % 1.0


def _cosine_directions(normals: Float[Array, "n 3"], rays: int) -> Float[Array, "n rays 3"]:
    """Cosine-weighted directions, stratified in the radius within each point."""
    random = np.random.Generator(np.random.Philox(1)).random((len(normals), rays, 2))
    radius = np.sqrt((np.arange(rays) + random[..., 0]) / max(rays, 1))
    angle = 2 * np.pi * random[..., 1]
    local = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(np.maximum(1 - radius**2, 0))], axis=2)
    tangent, bitangent = _frames(normals)
    frame = np.stack([tangent, bitangent, normals], axis=1)
    return np.einsum("nkc,ncd->nkd", local, frame)


def _frames(normals: Float[Array, "n 3"]) -> tuple[Float[Array, "n 3"], Float[Array, "n 3"]]:
    """Two unit vectors square to each normal and each other."""
    helper = np.where(np.abs(normals[:, :1]) < 0.7, [[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]])
    tangent = np.cross(normals, helper)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-12)
    return tangent, np.cross(normals, tangent)
