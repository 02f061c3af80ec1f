"""Polygons as triangles: fans where the outline is convex, ears cut off where it is not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float64, Int64

Array = np.ndarray
EAR_TESTS = 100_000
"""How many ears one call looks for, some three seconds; what is left is covered by fans, as hostile outlines would be.

An outline that does not cross itself takes a few tests a corner.
"""


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
    tests_left = EAR_TESTS
    for size in np.unique(sizes[sizes >= 3]):
        chosen = np.flatnonzero(sizes == size)
        rows = starts[chosen][:, None] + np.arange(size)
        local = np.tile(_fan(int(size)), (len(chosen), 1, 1))
        if size > 3:
            outlines = positions[corners[rows]]
            turns, convex = _turns(outlines)
            if size == 4:  # from the corner that points inwards, if one does
                local = (local + np.where(convex, 0, turns.argmin(axis=1))[:, None, None]) % 4
            else:
                for row in np.flatnonzero(~convex):
                    local[row], tests_left = _ears(outlines[row], tests_left)
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


def _turns(outlines: Float64[Array, "f n 3"]) -> tuple[Float64[Array, "f n"], Array]:
    """How far each corner turns the way of its outline, and whether all do and the outline turns once only."""
    normal = _newell(outlines)
    edges = np.roll(outlines, -1, axis=1) - outlines
    turns = np.einsum("fni,fi->fn", np.cross(np.roll(edges, 1, axis=1), edges), normal)
    same = (turns >= -1e-12 * np.abs(turns).max(axis=1, keepdims=True)).all(axis=1)
    return turns, same & _turns_once(edges, normal)


def _turns_once(edges: Array, normal: Array) -> Array:
    """A star turns one way at every corner too, but twice round; angles of a simple convex outline sum to 2π."""
    before = np.roll(edges, 1, axis=1)
    length = np.linalg.norm(normal, axis=1)[:, None, None]
    unit = normal[:, None] / np.where(length > 0, length, 1)
    sine = (np.cross(before, edges) * unit).sum(axis=2)
    angle = np.arctan2(sine, (before * edges).sum(axis=2))
    return angle.sum(axis=1) < 3 * np.pi


def _ears(outline: Float64[Array, "n 3"], tests_left: int) -> tuple[Int64[Array, "m 3"], int]:
    """Meisters' ear clipping in the plane of the outline, on from the last ear; a fan where no ear is left."""
    flat = _in_plane(outline)
    left = list(range(len(flat)))
    triangles = []
    at = misses = 0
    while len(left) > 3 and misses < len(left) and tests_left > 0:
        at %= len(left)
        tests_left -= 1
        before, here, after = left[at - 1], left[at], left[(at + 1) % len(left)]
        outward = _cross(flat[here] - flat[before], flat[after] - flat[before]) > 0
        if outward and _holds_none(flat, left, before, here, after):
            triangles.append((before, here, after))
            del left[at]
            at, misses = at - 1, 0
            continue
        at, misses = at + 1, misses + 1
    triangles += [(left[0], b, c) for b, c in pairwise(left[1:])]
    return np.array(triangles, np.int64), tests_left


def _in_plane(outline: Float64[Array, "n 3"]) -> Float64[Array, "n 2"]:
    normal = _newell(outline[None])[0]
    length = np.linalg.norm(normal)
    normal = normal / length if length > 0 else np.array([0.0, 0.0, 1.0])
    right = np.cross(np.eye(3)[np.abs(normal).argmin()], normal)
    right /= np.linalg.norm(right)
    return (outline - outline[0]) @ np.stack([right, np.cross(normal, right)], axis=1)


def _holds_none(flat: Array, left: list[int], before: int, here: int, after: int) -> bool:
    """Whether no other corner of the outline lies in the triangle, its rim included."""
    a, b, c = flat[before], flat[here], flat[after]
    others = np.array(left)
    points = flat[others[(others != before) & (others != here) & (others != after)]]
    inside = np.ones(len(points), bool)
    for p, q in ((a, b), (b, c), (c, a)):
        inside &= _cross(q - p, points - p) >= 0
    return not inside.any()


def _cross(u: Array, v: Array) -> Array:
    return u[..., 0] * v[..., 1] - u[..., 1] * v[..., 0]
