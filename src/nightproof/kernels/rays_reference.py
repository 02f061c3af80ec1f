"""Rays against triangles in plain NumPy: every ray with every triangle, in double precision."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int, UInt32

Array = np.ndarray


def closest(
    positions: Float[Array, "v 3"],
    triangles: UInt32[Array, "t 3"],
    origins: Float[Array, "n 3"],
    directions: Float[Array, "n 3"],
    max_distance: float = np.inf,
) -> tuple[Float[Array, "n"], Int[Array, "n"], Float[Array, "n 2"]]:
    """Distance (∞: nothing), triangle (−1) and barycentrics (u, v) of what each ray meets first.

    Möller and Trumbore, Fast, Minimum Storage Ray/Triangle Intersection, 1997; both sides count.
    """
    a, b, c = (positions[triangles[:, i]].astype(np.float64) for i in range(3))
    ab, ac = b - a, c - a
    along = directions.astype(np.float64)[:, None]
    from_a = origins.astype(np.float64)[:, None] - a
    across = np.cross(along, ac)
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.einsum("tk,ntk->nt", ab, across)
        u = np.einsum("ntk,ntk->nt", from_a, across) * inverse
        turned = np.cross(from_a, ab)
        v = np.einsum("nok,ntk->nt", along, turned) * inverse
        distance = np.einsum("tk,ntk->nt", ac, turned) * inverse
        met = (u >= 0) & (v >= 0) & (u + v <= 1) & (distance >= 0) & (distance <= max_distance)
    distance = np.where(met, distance, np.inf)
    nearest = distance.argmin(axis=1)
    row = np.arange(len(origins))
    found = np.isfinite(distance[row, nearest])
    uv = np.stack([u[row, nearest], v[row, nearest]], axis=1)
    return distance[row, nearest], np.where(found, nearest, -1), np.where(found[:, None], uv, 0)
