"""Ray probes of a scene: what a point on the surface sees, and what a viewer in free space sees.

All probes are Monte Carlo with fixed seeds on the canonical surface, so their answers are functions of the scene.
Rays are shot in the canonical frame (unit diagonal), which keeps single precision even for scenes in millimetres.

A ray through thousands of triangles that lie in one another is slow in any structure, and what it meets is said by a
few of them: piles are thinned before rays are shot. Where boxes overlap so without being piles, rays are fewer
(`stage_of`). Both go by sums over the surface and not by the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.optimizer.features.surface import Surface, SurfaceSample

Array = np.ndarray

OFFSET = 1e-5
"""How far off the surface rays start, in diagonals: ten times the rounding of single precision coordinates."""

FAR = 3.0
"""Longer than any ray inside a box of unit diagonal."""


PILED = 64.0
"""Layers of surface in one place beyond which it is a pile: three times the most that modelled scenes hold."""

LAYERS = 16.0
"""What stays of a pile: enough that hardly a ray gets through."""

OVERLAP = 1024.0
"""Boxes of triangles on the way of a ray that are dear: modelled scenes have up to a hundred or two."""

LEAST_SHARE = 1 / 16
"""Of the usual rays: with fewer the answers would say nothing."""

GOLDEN = 0.6180339887498949
"""Multiples of it fill the unit interval evenly and in step with nothing."""


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
class Stage:
    """What rays are shot at, and how many to shoot."""

    surface: Surface
    share: float
    """Of the usual number of points to shoot rays from."""


def stage_of(surface: Surface) -> Stage:
    """`surface` without most of what lies in piles, and a share of rays that is affordable there. Of ordinary scenes
    `surface` itself, and 1.

    Triangles of about one size (an octave of the longest side of their box) whose middles share a cell of that size
    are in one place. Their areas over that of a side of the cell are the layers there. Where these are more than
    `PILED`, an even choice along the canonical order stays, as many as make `LAYERS` of them. So copies upon copies
    look as before, and a dense soup stays opaque, with gaps of up to a sixteenth of its triangles' size.

    Thin triangles that lie askew are no pile, but have large boxes, and a ray looks at all triangles whose boxes it
    meets: a disc of ten thousand sectors covers itself thousands of times with them. Counted are the boxes that a line
    through the scene meets on average (Cauchy: their surfaces over that of the scene's box), and those where the
    surface is, likewise in each place. Beyond `OVERLAP` of the larger, the share falls in proportion, down to
    `LEAST_SHARE`.
    """
    if not surface.count:
        return Stage(surface, 1.0)
    place, cells = _places(surface)
    layers = np.bincount(place, surface.areas) / cells**2
    if (layers > PILED).any():
        share = np.where(layers > PILED, LAYERS / layers, 1.0)[place]
        kept = np.arange(1, surface.count + 1) * GOLDEN % 1 < share
        surface, place = chosen(surface, kept), place[kept]
    return Stage(surface, max(LEAST_SHARE, min(1.0, OVERLAP / max(_overlap(surface, place, cells), 1e-9))))


def _overlap(surface: Surface, place: Int[Array, "t"], cells: Float[Array, "p"]) -> float:
    """How many boxes of triangles a ray meets."""
    boxes = _half_surface(*(high - low for low, high in _spans(surface)))
    here = np.bincount(place, boxes, minlength=len(cells)) / cells**2
    around = float(surface.areas @ here[place]) / surface.area
    through = float(boxes.sum() / _half_surface(*surface.extent))
    return max(around, through)


def _spans(surface: Surface) -> Iterator[tuple[Float[Array, "t"], Float[Array, "t"]]]:
    """From where to where each triangle reaches, one axis after the other: all at once is as large as the surface."""
    for axis in range(3):
        one, two, three = (surface.corners[:, corner, axis] for corner in range(3))
        yield np.minimum(np.minimum(one, two), three), np.maximum(np.maximum(one, two), three)


def _half_surface(x: Array, y: Array, z: Array) -> Array:
    """Of boxes with these sides."""
    return x * y + y * z + z * x


def chosen(surface: Surface, kept: Bool[Array, "t"]) -> Surface:
    """The rows of `surface` that are `kept`, in the same frame."""
    return replace(
        surface,
        corners=surface.corners[kept],
        normals=surface.normals[kept],
        areas=surface.areas[kept],
        triangle=surface.triangle[kept],
        corner=surface.corner[kept],
    )


def _places(surface: Surface) -> tuple[Int[Array, "t"], Float[Array, "p"]]:
    """Number of the place that each triangle is in, and how long the sides of each place's cell are."""
    longest = np.zeros(surface.count)
    for low, high in _spans(surface):
        np.maximum(longest, high - low, out=longest)
    # The longest side is in [2^(octave−1), 2^octave). Below 2^-19 all are of one size: 19 bits an axis and 5 for the
    # octave fit into one number.
    octave = np.maximum(np.frexp(longest)[1], -19)
    side = np.ldexp(1.0, octave)
    keys = octave.astype(np.int64) + 19
    for low, high in _spans(surface):
        cell = (((low + high) / 2 + 0.5) / side).astype(np.int64)
        keys = keys << 19 | np.clip(cell, 0, (1 << 19) - 1)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return place.reshape(-1), side[first]


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
