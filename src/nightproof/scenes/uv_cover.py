"""Which part of a texture the surface shows: UV triangles drawn into a coarse grid, wrapped as the sampler wraps."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, UInt32

from nightproof.kernels.bake import count_cover, touched
from nightproof.scenes.flat import Wrap

Array = np.ndarray
Draw = Callable[[Array, int], Array]

GRID = 256
"""Cells along a side; shares are good to about 1 %."""

MOST_TILES = 4
"""A triangle that spans more repeats than this is taken to show everything."""

MOST_COVER = 64.0
"""Triangles are thinned out evenly where they cover the texture more often than this."""

RUN = 1 << 16
"""Triangles that are drawn together."""


def uv_cover(uv: Float[Array, "t 3 2"], wrap_u: Wrap, wrap_v: Wrap, grid: int = GRID) -> Bool[Array, "g g"]:
    """Cells whose centres triangles cover, and their neighbours: bilinear lookup and padding need those. For shares."""
    uv = np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0)
    np.clip(uv, -1e6, 1e6, out=uv)
    for axis, wrap in enumerate((wrap_u, wrap_v)):
        if wrap == Wrap.CLAMP:
            uv[..., axis] = np.clip(uv[..., axis], 0, 1)
    return _cover(_thinned(uv), wrap_u, wrap_v, grid, _centres)


def uv_touched(uv: Float[Array, "t 3 2"], wrap_u: Wrap, wrap_v: Wrap, grid: int) -> Bool[Array, "g g"]:
    """No cell is missed that a triangle touches, or that lies beside one: what may be done without. All, where
    coordinates are not numbers, reach beyond a clamped side, or cover the texture more than MOST_COVER times."""
    beyond = [((uv[..., axis] < 0) | (uv[..., axis] > 1)).any() for axis in (0, 1)]
    clamped = any(wrap == Wrap.CLAMP and out for wrap, out in zip((wrap_u, wrap_v), beyond, strict=True))
    if clamped or not np.isfinite(uv).all() or np.abs(uv).max(initial=0) > 1e6 or _times(uv) > MOST_COVER:
        return np.ones((grid, grid), bool)
    return _cover(uv, wrap_u, wrap_v, grid, _touched)


def _cover(uv: Array, wrap_u: Wrap, wrap_v: Wrap, grid: int, drawn: Draw) -> Bool[Array, "g g"]:
    """A run at a time: of millions at once, the values in between take a multiple of the scene."""
    shown = np.zeros((grid, grid), bool)
    for start in range(0, len(uv), RUN):
        if not _draw(uv[start : start + RUN], wrap_u, wrap_v, drawn, shown):
            return np.ones_like(shown)
    return _widened(shown)


def _draw(uv: Array, wrap_u: Wrap, wrap_v: Wrap, drawn: Draw, shown: Bool[Array, "g g"]) -> bool:
    """Into what is shown. Not where a triangle spans too many repeats."""
    a, b, c = uv[:, 0], uv[:, 1], uv[:, 2]  # along an axis of three it takes far longer
    lowest, highest = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
    if (highest - lowest > MOST_TILES).any():
        return False
    base = np.floor(lowest)
    local, highest = uv - base[:, None], highest - base
    reach = np.ceil(highest.max(axis=0) - 1e-9).astype(int)
    for tile_v in range(max(1, reach[1])):
        for tile_u in range(max(1, reach[0])):
            tile = np.array([tile_u, tile_v])
            hit = (highest[:, 0] >= tile_u) & (highest[:, 1] >= tile_v)
            if hit.any():
                shown |= drawn(_folded(local[hit] - tile, base[hit] + tile, wrap_u, wrap_v), len(shown))
    return True


def _times(uv: Array) -> float:
    """How many times triangles cover the texture."""
    one, other = uv[:, 1] - uv[:, 0], uv[:, 2] - uv[:, 0]
    return float(np.abs(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum()) / 2


def _thinned(uv: Array) -> Array:
    return uv[:: max(1, int(np.ceil(_times(uv) / MOST_COVER)))]


def _folded(local: Array, tile: Array, wrap_u: Wrap, wrap_v: Wrap) -> Array:
    for axis, wrap in enumerate((wrap_u, wrap_v)):
        if wrap == Wrap.MIRROR:
            odd = (tile[:, axis] % 2 == 1)[:, None]
            local[..., axis] = np.where(odd, 1 - local[..., axis], local[..., axis])
    return local


def _centres(uv: Array, grid: int) -> Bool[Array, "g g"]:
    return np.asarray(count_cover((uv.reshape(-1, 2) * grid).astype(np.float32), _corners(uv), grid, grid) > 0)


def _touched(uv: Array, grid: int) -> Bool[Array, "g g"]:
    return touched((uv.reshape(-1, 2) * grid).astype(np.float32), _corners(uv), grid, grid)


def _corners(uv: Array) -> UInt32[Array, "t 3"]:
    return np.arange(3 * len(uv), dtype=np.uint32).reshape(-1, 3)


def _widened(shown: Bool[Array, "g g"]) -> Bool[Array, "g g"]:
    wide = shown.copy()
    for axis in (0, 1):
        wide |= np.roll(wide, 1, axis) | np.roll(wide, -1, axis)
    return wide
