"""The shapes furniture is made of. Metres, +Y up, counter-clockwise fronts, texture coordinates in metres."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Solid:
    """Triangles with normals and texture coordinates."""

    positions: Array
    normals: Array
    uvs: Array
    triangles: Array

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Solid:
        return Solid(self.positions + np.array([x, y, z]), self.normals, self.uvs, self.triangles)

    def turned(self, degrees: float, axis: int = 1) -> Solid:
        """About the x, y or z axis, counter-clockwise seen from its tip."""
        c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = np.eye(3)
        matrix[i, i], matrix[i, j], matrix[j, i], matrix[j, j] = c, -s, s, c
        return Solid(self.positions @ matrix.T, self.normals @ matrix.T, self.uvs, self.triangles)

    def with_uv(self, u: float, v: float) -> Solid:
        """All of it coloured by one spot of its texture."""
        return Solid(self.positions, self.normals, np.tile([u, v], (len(self.uvs), 1)), self.triangles)


def joined(parts: Iterable[Solid]) -> Solid:
    items = list(parts)
    first = np.cumsum([0, *(len(item.positions) for item in items[:-1])])
    return Solid(
        np.concatenate([item.positions for item in items]),
        np.concatenate([item.normals for item in items]),
        np.concatenate([item.uvs for item in items]),
        np.concatenate([item.triangles + start for item, start in zip(items, first, strict=True)]),
    )


def quad(
    corner: Sequence[float], along: Sequence[float], up: Sequence[float], uv: tuple[float, float] = (0, 0)
) -> Solid:
    """A parallelogram whose front is where along × up points; its texture starts at `uv` and runs in metres."""
    o, a, b = np.array(corner, float), np.array(along, float), np.array(up, float)
    normal = np.cross(a, b) / np.linalg.norm(np.cross(a, b))
    width, height = np.linalg.norm(a), np.linalg.norm(b)
    uvs = np.array([[0, height], [width, height], [width, 0], [0, 0]]) + np.array(uv)
    return Solid(np.array([o, o + a, o + a + b, o + b]), np.tile(normal, (4, 1)), uvs, np.array([[0, 1, 2], [0, 2, 3]]))


def box(width: float, height: float, depth: float) -> Solid:
    """Standing on y = 0, centred in x and z."""
    x, z = width / 2, depth / 2
    w, h, d = (width, 0, 0), (0, height, 0), (0, 0, depth)
    return joined(
        [
            quad((-x, 0, z), w, h),
            quad((x, 0, -z), (-width, 0, 0), h),
            quad((x, 0, z), (0, 0, -depth), h),
            quad((-x, 0, -z), d, h),
            quad((-x, height, z), w, (0, 0, -depth)),
            quad((-x, 0, -z), w, d),
        ]
    )


def rounded_box(width: float, height: float, depth: float, radius: float, steps: int = 3, puff: float = 0.0) -> Solid:
    """A box with round edges, and with cushions' bulging faces for `puff` metres."""
    half = np.array([width, height, depth]) / 2
    radius = min(radius, float(half.min()) * 0.999)
    ticks = np.concatenate([np.linspace(-1, 0, steps + 1) - 1, np.linspace(0, 1, steps + 1) + 1]) / 2
    if puff:
        ticks = np.unique(np.concatenate([ticks, np.linspace(-0.5, 0.5, 9)]))
    s, t = np.meshgrid(ticks, ticks, indexing="ij")
    faces = []
    for axis in range(3):
        for sign in (1, -1):
            faces.append(_rounded_face(half, radius, axis, sign, s, t, puff))
    return joined(faces).moved(y=height / 2)


def _rounded_face(half: Array, radius: float, axis: int, sign: int, s: Array, t: Array, puff: float) -> Solid:
    """One sixth of a rounded box: flat in the middle, bent to 45° at its rim, where the next sixth goes on."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    bend = np.zeros((*s.shape, 3))
    bend[..., i], bend[..., j], bend[..., axis] = _bent(s), _bent(t) * sign, sign
    normals = bend / np.linalg.norm(bend, axis=2, keepdims=True)
    inner = half - radius
    core = np.zeros_like(bend)
    core[..., i] = np.clip(2 * s, -1, 1) * inner[i]
    core[..., j] = np.clip(2 * t, -1, 1) * inner[j] * sign
    core[..., axis] = inner[axis] * sign
    positions = core + radius * normals
    if puff:
        swell = (1 - np.clip(2 * s, -1, 1) ** 2) * (1 - np.clip(2 * t, -1, 1) ** 2)
        positions[..., axis] += sign * puff * swell
    uvs = np.stack([positions[..., i], positions[..., j]], axis=2)
    return _grid(positions, normals, uvs)


def _bent(ticks: Array) -> Array:
    """0 on the flat part, out to ±1 (45°) over the round rim."""
    over = np.clip(np.abs(ticks) * 2 - 1, 0, 1)
    return np.sign(ticks) * np.tan(over * np.pi / 4)


def _grid(positions: Array, normals: Array, uvs: Array) -> Solid:
    rows, columns = positions.shape[:2]
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]
    triangles = np.concatenate([np.stack([a, b, c], 2).reshape(-1, 3), np.stack([a, c, d], 2).reshape(-1, 3)])
    return Solid(positions.reshape(-1, 3), normals.reshape(-1, 3), uvs.reshape(-1, 2), triangles)


def sheet(shape: Callable[[Array, Array], Array], columns: int, rows: int, size: tuple[float, float]) -> Solid:
    """A surface from (u, v) in the unit square; `size` is its extent in metres, for the texture."""
    u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows), indexing="ij")
    positions = shape(u, v)
    step = 1e-4
    across = shape(u + step, v) - shape(u - step, v)
    along = shape(u, v + step) - shape(u, v - step)
    normals = np.cross(across, along)
    length = np.linalg.norm(normals, axis=2, keepdims=True)
    normals = np.where(length > 1e-14, normals / np.maximum(length, 1e-14), (0.0, 1.0, 0.0))
    return _grid(positions, normals, np.stack([u * size[0], v * size[1]], axis=2))


def lathe(profile: Sequence[tuple[float, float]], segments: int = 32) -> Solid:
    """A profile of (radius, height), from the bottom outside upwards, turned about the y axis; edges stay sharp."""
    return joined(_ring(r0, y0, r1, y1, segments) for (r0, y0), (r1, y1) in pairwise(profile))


def _ring(r0: float, y0: float, r1: float, y1: float, segments: int) -> Solid:
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    outward = np.stack([np.sin(angle), np.zeros_like(angle), np.cos(angle)], axis=1)
    slope = np.array([y1 - y0, r0 - r1])
    slope = slope / max(float(np.linalg.norm(slope)), 1e-12)
    normals = outward * slope[0] + np.array([0.0, slope[1], 0.0])
    low, high = outward * r0 + np.array([0, y0, 0]), outward * r1 + np.array([0, y1, 0])
    positions = np.stack([low, high], axis=1)
    around = angle * max(r0, r1)
    uvs = np.stack([np.stack([around, np.full_like(angle, y0)], 1), np.stack([around, np.full_like(angle, y1)], 1)], 1)
    return _grid(positions, np.stack([normals, normals], axis=1), uvs)


def turned_smooth(points: Sequence[tuple[float, float]], segments: int = 40, rows: int = 28) -> Solid:
    """A lathe through a smooth curve (Catmull-Rom) of (radius, height): vases, bowls, lamps."""
    knots = np.array([points[0], *points, points[-1]], float)

    def curve(t: Array) -> Array:
        x = np.clip(t, 0, 1) * (len(points) - 1)
        i = np.minimum(x.astype(int), len(points) - 2)
        f = (x - i)[..., None]
        a, b, c, d = (knots[i + k] for k in range(4))
        return 0.5 * (2 * b + (c - a) * f + (2 * a - 5 * b + 4 * c - d) * f**2 + (3 * b - a - 3 * c + d) * f**3)

    def shape(u: Array, v: Array) -> Array:
        radius, height = np.moveaxis(curve(v), -1, 0)
        angle = 2 * np.pi * u
        return np.stack([np.maximum(radius, 0) * np.sin(angle), height, np.maximum(radius, 0) * np.cos(angle)], axis=-1)

    return sheet(shape, segments + 1, rows + 1, (1.0, 1.0))


def cylinder(radius: float, height: float, segments: int = 24) -> Solid:
    return lathe([(0, 0), (radius, 0), (radius, height), (0, height)], segments)


def sphere(radius: float, segments: int = 32) -> Solid:
    def shape(u: Array, v: Array) -> Array:
        theta, phi = np.pi * v, 2 * np.pi * u
        y = -radius * np.cos(theta)
        return np.stack([radius * np.sin(theta) * np.sin(phi), y, radius * np.sin(theta) * np.cos(phi)], axis=-1)

    ball = sheet(shape, segments + 1, segments // 2 + 1, (1.0, 1.0))
    return Solid(ball.positions, ball.positions / radius, ball.uvs, ball.triangles)


Hole = tuple[float, float, float, float]
"""left, right, bottom, top"""


def wall(width: float, height: float, thickness: float, holes: Sequence[Hole] = ()) -> Solid:
    """A slab of wall from x = −width/2, its front at z = 0 facing +z, its back at −thickness; openings with reveals."""
    x0, x1 = -width / 2, width / 2
    xs = sorted({x0, x1, *(edge for hole in holes for edge in hole[:2])})
    ys = sorted({0.0, height, *(edge for hole in holes for edge in hole[2:])})
    parts = []
    for left, right in pairwise(xs):
        for bottom, top in pairwise(ys):
            if any(hole[0] <= left and right <= hole[1] and hole[2] <= bottom and top <= hole[3] for hole in holes):
                continue
            w, h = right - left, top - bottom
            parts.append(quad((left, bottom, 0), (w, 0, 0), (0, h, 0), (left, -top)))
            parts.append(quad((right, bottom, -thickness), (-w, 0, 0), (0, h, 0), (-right, -top)))
    for left, right, bottom, top in holes:
        parts += _reveals(left, right, bottom, top, thickness)
    parts.append(quad((x0, height, 0), (width, 0, 0), (0, 0, -thickness)))
    parts.append(quad((x1, 0, 0), (0, 0, -thickness), (0, height, 0)))
    parts.append(quad((x0, 0, -thickness), (0, 0, thickness), (0, height, 0)))
    return joined(parts)


def _reveals(left: float, right: float, bottom: float, top: float, thickness: float) -> list[Solid]:
    w, h = right - left, top - bottom
    sides = [
        quad((left, bottom, 0), (0, 0, -thickness), (0, h, 0)),
        quad((right, bottom, -thickness), (0, 0, thickness), (0, h, 0)),
        quad((left, top, 0), (0, 0, -thickness), (w, 0, 0)),
    ]
    return sides if bottom <= 0 else [*sides, quad((left, bottom, -thickness), (0, 0, thickness), (w, 0, 0))]
