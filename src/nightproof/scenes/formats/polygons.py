"""Polygons as triangles: fans where the outline is convex, ears cut off where it is not."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

Array = np.ndarray
EARS_LIMIT = 2048
"""Corners of a polygon whose ears are cut, which takes their square; larger ones become fans."""


def triangulate(
    positions: Float64[Array, "v 3"], corners: Int64[Array, "c"], sizes: Int64[Array, "f"]
) -> tuple[Int64[Array, "t 3"], Int64[Array, "t"]]:
    """Triangles of polygons that lie one after another in `corners`.

    Args:
        positions: places of vertices.
        corners: a vertex per corner.
        sizes: corners of each polygon; those of fewer than three have no triangles.

    Returns:
        Triangles as rows of three places in `corners` (not vertices, so that whatever a corner carries stays with it),
        and the polygon of each, in the order of the polygons.
    """
    starts = np.cumsum(sizes) - sizes
    triangles, faces = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int64)]
    for size in np.unique(sizes[sizes >= 3]):
        chosen = np.flatnonzero(sizes == size)
        rows = starts[chosen][:, None] + np.arange(size)
        local = np.tile(_fan(int(size)), (len(chosen), 1, 1))
        if size > 3:
            outlines = positions[corners[rows]]
            for row in np.flatnonzero(~_convex(outlines)):
                local[row] = _ears(outlines[row]) if size <= EARS_LIMIT else local[row]
        picked = np.take_along_axis(rows, local.reshape(len(chosen), -1), axis=1)
        triangles.append(picked.reshape(-1, 3))
        faces.append(np.repeat(chosen, size - 2))
    joined, owners = np.concatenate(triangles), np.concatenate(faces)
    order = np.argsort(owners, kind="stable")
    return joined[order], owners[order]


def _fan(size: int) -> Array:
    i = np.arange(size - 2)
    return np.stack([np.zeros_like(i), i + 1, i + 2], axis=1)


def _newell(outlines: Float64[Array, "f n 3"]) -> Float64[Array, "f 3"]:
    """Twice the area of each outline times its normal, whether or not it is plane."""
    centred = outlines - outlines[:, :1]
    return np.cross(centred, np.roll(centred, -1, axis=1)).sum(axis=1)


def _convex(outlines: Float64[Array, "f n 3"]) -> Array:
    """Whether every corner turns the way of the whole outline, and the outline turns once only."""
    normal = _newell(outlines)
    edges = np.roll(outlines, -1, axis=1) - outlines
    turns = np.einsum("fni,fi->fn", np.cross(np.roll(edges, 1, axis=1), edges), normal)
    return (turns >= -1e-12 * np.abs(turns).max(axis=1, keepdims=True)).all(axis=1) & _turns_once(edges, normal)


def _turns_once(edges: Array, normal: Array) -> Array:
    """A star turns one way at every corner too, but twice round; angles of a simple convex outline sum to 2π."""
    before = np.roll(edges, 1, axis=1)
    length = np.linalg.norm(normal, axis=1)[:, None, None]
    unit = normal[:, None] / np.where(length > 0, length, 1)
    sine = (np.cross(before, edges) * unit).sum(axis=2)
    angle = np.arctan2(sine, (before * edges).sum(axis=2))
    return angle.sum(axis=1) < 3 * np.pi


def _ears(outline: Float64[Array, "n 3"]) -> Int64[Array, "m 3"]:
    """Meisters' ear clipping in the plane of the outline. A corner that is no ear is cut where none is left."""
    flat = _in_plane(outline)
    left = list(range(len(flat)))
    triangles = []
    while len(left) > 3:
        at = next((i for i in range(len(left)) if _is_ear(flat, left, i)), 0)
        triangles.append((left[at - 1], left[at], left[(at + 1) % len(left)]))
        del left[at]
    return np.array([*triangles, left], np.int64)


def _in_plane(outline: Float64[Array, "n 3"]) -> Float64[Array, "n 2"]:
    normal = _newell(outline[None])[0]
    length = np.linalg.norm(normal)
    normal = normal / length if length > 0 else np.array([0.0, 0.0, 1.0])
    right = np.cross(np.eye(3)[np.abs(normal).argmin()], normal)
    right /= np.linalg.norm(right)
    return (outline - outline[0]) @ np.stack([right, np.cross(normal, right)], axis=1)


def _is_ear(flat: Array, left: list[int], at: int) -> bool:
    a, b, c = flat[left[at - 1]], flat[left[at]], flat[left[(at + 1) % len(left)]]
    if _cross(b - a, c - a) <= 0:
        return False
    others = flat[[k for k in left if not any(k == e for e in (left[at - 1], left[at], left[(at + 1) % len(left)]))]]
    sides = [_cross(q - p, others - p) for p, q in ((a, b), (b, c), (c, a))]
    inside = (sides[0] >= 0) & (sides[1] >= 0) & (sides[2] >= 0)
    return not inside.any()


def _cross(u: Array, v: Array) -> Array:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
