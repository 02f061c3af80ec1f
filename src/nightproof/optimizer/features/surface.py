"""The surface of a scene in a canonical form: unit diagonal, fixed triangle and corner order.

Two files that hold the same surface (in other units, split into other meshes, with triangles or vertices in another
order) give the same `Surface` up to rounding, hence the same samples and the same features. That is what makes the
scores properties of the scene rather than of its encoding.

Triangles with non-finite corners and triangles without area are counted and left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.scenes.flat import FlatScene

Array = np.ndarray

AREA_FLOOR = 1e-14
"""Smallest area of a triangle that counts, in squared diagonals: a square of 1e-7 of the scene's size, which is
where single precision stops telling corners apart."""

CORNER_DIRECTION = np.array([0.573, 0.701, 0.425])
"""Corners are ordered along this direction. Any direction will do that no modelled edge is square to."""


@dataclass(frozen=True)
class Surface:
    """Triangles with area, in canonical order; lengths are in diagonals of the scene's bounding box."""

    corners: Float[Array, "t 3 3"]
    normals: Float[Array, "t 3"]
    """Unit, geometric, from the winding."""
    areas: Float[Array, "t"]
    triangle: Int[Array, "t"]
    """Index of each triangle in `FlatScene.triangles`."""
    corner: Int[Array, "t 3"]
    """Index of each corner in the vertex arrays of `FlatScene`."""
    centre_m: Float[Array, "3"]
    diagonal_m: float
    """Where the canonical frame lies: canonical = (world − centre) / diagonal. 1 for a scene without extent."""
    degenerate: int
    """Triangles left out."""

    @property
    def count(self) -> int:
        return len(self.areas)

    @property
    def area(self) -> float:
        """Total, in squared diagonals."""
        return float(self.areas.sum())

    @cached_property
    def extent(self) -> Float[Array, "3"]:
        """Sides of the bounding box, in diagonals."""
        return self.bounds[1] - self.bounds[0]

    @cached_property
    def bounds(self) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
        """Lowest and highest corner of the bounding box; zeros for an empty surface."""
        if not self.count:
            return np.zeros(3), np.zeros(3)
        along = [self.corners[..., axis] for axis in range(3)]  # all at once takes four times as long
        return np.array([it.min() for it in along]), np.array([it.max() for it in along])

    def share(self, chosen: Bool[Array, "t"]) -> float:
        """Share of the area that `chosen` triangles hold; 0 for an empty surface."""
        return float(self.areas[chosen].sum() / self.area) if self.count else 0.0


def surface_of(flat: FlatScene) -> Surface:
    """The canonical surface of `flat`. Empty and broken scenes give an empty surface, never an error."""
    positions = np.asarray(flat.positions, np.float64)
    triangles = np.asarray(flat.triangles).reshape(-1, 3)
    x, y, z = positions.T
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    kept = np.flatnonzero(finite[triangles[:, 0]] & finite[triangles[:, 1]] & finite[triangles[:, 2]])
    centre, diagonal = _frame(positions, triangles[kept])
    placed = (positions - centre) / diagonal
    placed[~finite] = 0
    place, cross = _forms(placed, triangles[kept])
    areas = np.sqrt(np.einsum("tc,tc->t", cross, cross)) / 2
    solid = np.flatnonzero(areas > AREA_FLOOR)
    order = solid[np.argsort(place[solid], kind="stable")]
    areas, cross, kept = areas[order], cross[order], kept[order]
    corner = _turned(triangles[kept], placed @ CORNER_DIRECTION)
    return Surface(
        corners=placed[corner],
        normals=cross / (2 * areas[:, None]),
        areas=areas,
        triangle=kept,
        corner=corner,
        centre_m=centre,
        diagonal_m=diagonal,
        degenerate=len(triangles) - len(kept),
    )


def _forms(placed: Float[Array, "v 3"], triangles: Int[Array, "t 3"]) -> tuple[Int[Array, "t"], Float[Array, "t 3"]]:
    """Where on the curve the middles of triangles lie, and the cross products of two sides. What is in between is as
    large as the surface itself, so it is gone at the end."""
    one, two, three = (placed[triangles[:, corner]] for corner in range(3))
    middles = one + two
    middles += three
    middles /= 3
    two -= one
    three -= one
    del one
    return _morton(middles), _cross(two, three)


def _turned(triangles: Int[Array, "t 3"], along: Float[Array, "v"]) -> Int[Array, "t 3"]:
    """Each begun at the corner that comes first `along`."""
    one, two, three = (along[triangles[:, corner]] for corner in range(3))
    first = np.where((one <= two) & (one <= three), 0, np.where(two <= three, 1, 2))
    turn = (first[:, None] + np.arange(3)) % 3
    return triangles.reshape(-1)[3 * np.arange(len(triangles))[:, None] + turn].astype(np.int64)


def _frame(positions: Array, triangles: Array) -> tuple[Float[Array, "3"], float]:
    if not len(triangles):
        return np.zeros(3), 1.0
    touched = np.zeros(len(positions), bool)
    touched[triangles] = True
    used = positions[touched]
    lower, upper = used.min(axis=0), used.max(axis=0)
    diagonal = float(np.linalg.norm(upper - lower))
    return (lower + upper) / 2, diagonal if diagonal > 0 else 1.0


def _cross(one: Float[Array, "t 3"], other: Float[Array, "t 3"]) -> Float[Array, "t 3"]:
    """What `np.cross` gives, in a third of its time."""
    (a, b, c), (d, e, f) = one.T, other.T
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)


def _morton(points: Float[Array, "n 3"]) -> Int[Array, "n"]:
    """Place on a space-filling curve, 21 bits per axis: neighbours in space are neighbours in the order."""
    cells = np.clip((points + 0.5) * (1 << 21), 0, (1 << 21) - 1).astype(np.uint64)
    spread = np.zeros(len(points), np.uint64)
    for axis in range(3):
        spread |= _spread_bits(cells[:, axis]) << np.uint64(axis)
    return spread.astype(np.int64)


def _spread_bits(value: Array) -> Array:
    """Put two zeros between the bits of 21-bit integers."""
    for shift, mask in (
        (32, 0x1F00000000FFFF),
        (16, 0x1F0000FF0000FF),
        (8, 0x100F00F00F00F00F),
        (4, 0x10C30C30C30C30C3),
        (2, 0x1249249249249249),
    ):
        value = (value | (value << np.uint64(shift))) & np.uint64(mask)
    return value


@dataclass(frozen=True)
class SurfaceSample:
    """Points spread evenly over the area, the same for every encoding of one surface."""

    points: Float[Array, "n 3"]
    normals: Float[Array, "n 3"]
    row: Int[Array, "n"]
    """Index into the arrays of `Surface`."""
    weights: Float[Array, "n 3"]
    """Barycentric coordinates."""

    @property
    def count(self) -> int:
        return len(self.points)


def sample_surface(surface: Surface, count: int, seed: int = 0) -> SurfaceSample:
    """`count` points, one from each of as many strips of equal area along the canonical order (none if empty).

    Systematic sampling along a space-filling curve: the error of a share falls nearly as 1/n, not 1/√n.
    """
    if not surface.count:
        empty = np.zeros((0, 3))
        return SurfaceSample(empty, empty, np.zeros(0, np.int64), empty)
    random = np.random.Generator(np.random.Philox(seed)).random((count, 3))
    place = (np.arange(count) + random[:, 0]) / count * surface.area
    row = np.minimum(np.searchsorted(np.cumsum(surface.areas), place, side="right"), surface.count - 1)
    root = np.sqrt(random[:, 1])
    weights = np.stack([1 - root, root * (1 - random[:, 2]), root * random[:, 2]], axis=1)
    points = np.einsum("nc,ncd->nd", weights, surface.corners[row])
    return SurfaceSample(points, surface.normals[row], row, weights)
