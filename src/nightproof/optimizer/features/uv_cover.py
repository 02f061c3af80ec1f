"""Which part of a texture the surface shows: UV triangles drawn into a coarse grid, wrapped as the sampler wraps."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from nightproof.kernels.bake import count_cover
from nightproof.scenes.flat import Wrap

Array = np.ndarray

GRID = 256
"""Cells along a side; shares are good to about 1 %."""

MOST_TILES = 4
"""A triangle that spans more repeats than this is taken to show everything."""

MOST_COVER = 64.0
"""Triangles are thinned out evenly where they cover the texture more often than this."""


def uv_cover(uv: Float[Array, "t 3 2"], wrap_u: Wrap, wrap_v: Wrap) -> Bool[Array, "g g"]:
    """Cells that a triangle covers, and their neighbours: bilinear lookup and padding need those."""
    uv = np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(uv, -1e6, 1e6, out=uv)
    for axis, wrap in enumerate((wrap_u, wrap_v)):
        if wrap == Wrap.CLAMP:
            uv[..., axis] = np.clip(uv[..., axis], 0, 1)
    if not len(uv):
        return np.zeros((GRID, GRID), bool)
    if (np.ptp(uv, axis=1) > MOST_TILES).any():
        return np.ones((GRID, GRID), bool)
    uv = _thinned(uv)
    base = np.floor(uv.min(axis=1))
    local = uv - base[:, None]
    shown = np.zeros((GRID, GRID), bool)
    reach = np.ceil(local.max(axis=(0, 1)) - 1e-9).astype(int)
    for tile_v in range(max(1, reach[1])):
        for tile_u in range(max(1, reach[0])):
            tile = np.array([tile_u, tile_v])
            hit = (local.max(axis=1) >= tile).all(axis=1)
            if hit.any():
                shown |= _drawn(_folded(local[hit] - tile, base[hit] + tile, wrap_u, wrap_v))
    return _widened(shown)


def _thinned(uv: Array) -> Array:
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    total = float(np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()) / 2
    return uv[:: max(1, int(np.ceil(total / MOST_COVER)))]


def _folded(local: Array, tile: Array, wrap_u: Wrap, wrap_v: Wrap) -> Array:
    for axis, wrap in enumerate((wrap_u, wrap_v)):
        if wrap == Wrap.MIRROR:
            odd = (tile[:, axis] % 2 == 1)[:, None]
            local[..., axis] = np.where(odd, 1 - local[..., axis], local[..., axis])
    return local


def _drawn(uv: Array) -> Bool[Array, "g g"]:
    corners = np.arange(3 * len(uv), dtype=np.uint32).reshape(-1, 3)
    return np.asarray(count_cover((uv.reshape(-1, 2) * GRID).astype(np.float32), corners, GRID, GRID) > 0)


def _widened(shown: Bool[Array, "g g"]) -> Bool[Array, "g g"]:
    wide = shown.copy()
    for axis in (0, 1):
        wide |= np.roll(wide, 1, axis) | np.roll(wide, -1, axis)
    return wide
