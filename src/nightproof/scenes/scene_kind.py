"""Is it a room, a place outside, or a thing? Told from geometry alone, by looking out from points inside its bounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightproof.scenes.free_space import FreeSpace, Surroundings

Array = np.ndarray
POINTS = 400
ROOM_SHARE = 0.05
"""Of the bounding box: less room than this is a cavity of a thing."""
HEADROOM_M = 1.9
GROUND_SHARE = 0.75
FLATNESS = 0.45
EXTERIOR_M = 10.0


@dataclass(frozen=True)
class SceneKind:
    """What views are drawn by."""

    kind: str
    headroom_m: float
    """Floor to ceiling, at least, where one can stand."""
    fronts_face_in: bool
    """Whether rooms show front faces; some are boxes seen from their double-sided backs."""


def scene_kind(lower: Array, upper: Array, space: FreeSpace) -> SceneKind:
    points = lower + (upper - lower) * (0.03 + 0.94 * _spread(POINTS))
    around = space.probe(points)
    roomy = _roomy(around) & _floored(points, space)
    inward = roomy & (around.behind <= 0.12) & (around.behind_any <= 0.5)
    if inward.mean() >= ROOM_SHARE:
        return SceneKind("interior", HEADROOM_M, True)
    outward = roomy & (around.behind_any >= 0.6)
    if outward.mean() >= 8 * ROOM_SHARE and space.culled.mean() < 0.5:
        return SceneKind("interior", HEADROOM_M, False)
    return SceneKind("exterior" if _has_ground(lower, upper, space) else "object", HEADROOM_M, True)


def _roomy(around: Surroundings) -> Array:
    """Walls on nearly all sides and overhead, far enough away for a person."""
    return (around.enclosed >= 0.8) & around.ceiling & (around.median_m >= 0.8) & (around.nearest_m >= 0.1)


def _floored(points: Array, space: FreeSpace) -> Array:
    """Whether something level lies below: rooms have floors, the gaps between many things have not."""
    hits = space.rays.closest(points, np.tile([0.0, -1.0, 0.0], (len(points), 1)))
    if not len(space.normals):
        return np.zeros(len(points), bool)
    return (hits.triangle >= 0) & (np.abs(space.normals[hits.triangle, 1]) > 0.95)


def _has_ground(lower: Array, upper: Array, space: FreeSpace) -> bool:
    """Wide, flat, and with something underfoot nearly everywhere, most of it low."""
    size = upper - lower
    if max(size[0], size[2]) < EXTERIOR_M or size[1] > FLATNESS * max(size[0], size[2]):
        return False
    points = lower + size * _spread(POINTS)
    points[:, 1] = upper[1] + 0.01 * size[1]
    hits = space.rays.closest(points, np.tile([0.0, -1.0, 0.0], (POINTS, 1)))
    hit = hits.triangle >= 0
    low = points[:, 1] - hits.distance_m < lower[1] + 0.4 * size[1]
    return bool(hit.mean() >= GROUND_SHARE and low[hit].mean() >= 0.5)


def _spread(count: int) -> Array:
    """Points that fill the unit cube evenly (Roberts' R3 sequence)."""
    g = 1.2207440846057596
    return (0.5 + np.arange(1, count + 1)[:, None] * np.array([1 / g, 1 / g**2, 1 / g**3])) % 1.0
