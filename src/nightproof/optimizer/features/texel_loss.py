"""What a texture loses when it is made smaller: measured on its own texels, seen from afar and from close up.

A texture is halved k times by averaging 2 × 2 texels and read back bilinearly, as a viewer does; the error against the
original is weighted by what the surface shows. *Seen* means: after both were filtered to the texels that the nearest
sensible view can tell apart, which is what a mip map does there. A mean hides lettering on a plain ground, so the worst
block of 32 × 32 texels has a say too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8

from nightproof.kernels.texture_pixels import without_alpha
from nightproof.scenes.uv_cover import GRID

Array = np.ndarray

BLOCK = 32

BEST_DB = 99.0
"""Said where nothing is lost."""

KEEP_DB, KEEP_WORST_DB = 45.0, 38.0
"""A size is enough where the nearest sensible view keeps this on average, an error of 1.4 of 255, and in the worst
block, 3.2 of 255."""

NORMALS_DB = 5.0
"""Normal maps must keep so much more: gloss makes slopes visible."""

SMALLEST_PX = 16
MOST_HALVINGS = 6
WINDOW_PX, WINDOWS = 1024, 16
"""Textures are compared window by window, of the largest in so many evenly spread ones."""


@dataclass(frozen=True)
class SmallerSize:
    """The smallest size that still is enough."""

    halvings: int
    """0: the texture has the size it needs."""
    seen_db: float
    """PSNR in the nearest sensible view."""
    worst_db: float
    """Of the worst block there."""
    close_db: float
    """PSNR of the texels themselves: what a viewer with his nose at the surface loses."""


AS_IT_IS = SmallerSize(0, BEST_DB, BEST_DB, BEST_DB)


def smaller_size(
    pixels: UInt8[Array, "h w 4"], shown: Bool[Array, "g g"], excess: float, normals: bool = False
) -> SmallerSize:
    """How far a texture can shrink.

    Args:
        pixels: as stored; compared so.
        shown: which cells of the texture the surface shows.
        excess: texels along the surface per texel that the nearest sensible view can tell apart, where the texture is
            coarsest.
        normals: whether it holds normals.
    """
    sides = pixels.shape[:2]
    most = min(MOST_HALVINGS, *(int(np.log2(max(side // SMALLEST_PX, 1))) for side in sides))
    filtered = min(most, max(0, int(np.floor(np.log2(max(excess, 1.0))))))
    kept = np.ascontiguousarray(pixels) if _uses_alpha(pixels) else without_alpha(pixels)
    seen = _halved(kept, filtered)
    more = NORMALS_DB if normals else 0.0
    best, found = filtered, (BEST_DB, BEST_DB)
    for halvings in range(filtered + 1, most + 1):
        tried = _loss(seen, shown, halvings - filtered)
        if tried[0] < KEEP_DB + more or tried[1] < KEEP_WORST_DB + more:
            break
        best, found = halvings, tried
    if not best:
        return AS_IT_IS
    close = found[0] if not filtered else _loss(kept, shown, best)[0]
    return SmallerSize(best, found[0], found[1], close)


def _uses_alpha(pixels: Array) -> bool:
    return bool(pixels[::16, ::16, 3].min() < 255 or pixels[..., 3].min() < 255)


def _halved(pixels: UInt8[Array, "h w c"], times: int) -> UInt8[Array, "h w c"]:
    from PIL import Image

    if times <= 0:
        return pixels
    factor = (min(1 << times, pixels.shape[1]), min(1 << times, pixels.shape[0]))
    return np.asarray(Image.fromarray(pixels).reduce(factor))


def _loss(pixels: UInt8[Array, "h w c"], shown: Bool[Array, "g g"], halvings: int) -> tuple[float, float]:
    """PSNR, mean and worst block, of texels averaged over 2^halvings and read back bilinearly."""
    if halvings <= 0:
        return BEST_DB, BEST_DB
    measured = [_by_block(_squared_error(pixels[window], halvings), shown[part]) for window, part in _windows(pixels)]
    blocks = np.concatenate([found.reshape(-1) for found, _ in measured])
    weights = np.concatenate([found.reshape(-1) for _, found in measured])
    if not weights.any():
        weights = np.ones_like(weights)
    mean = float((blocks * weights).sum() / weights.sum())
    return _decibels(mean), _decibels(float(blocks[weights >= min(0.5, float(weights.max()))].max()))


def _windows(pixels: Array) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Where to look: in the texels, and in the grid of what is shown."""
    counts = [max(1, round(side / WINDOW_PX)) for side in pixels.shape[:2]]
    places = [(y, x) for y in range(counts[0]) for x in range(counts[1])]
    few = min(WINDOWS, len(places))
    picked = [places[i * len(places) // few] for i in range(few)]

    def cut(sides: tuple[int, ...], place: tuple[int, int]) -> tuple[slice, slice]:
        rows, columns = (
            slice(at * side // count, (at + 1) * side // count)
            for at, side, count in zip(place, sides, counts, strict=True)
        )
        return rows, columns

    return [(cut(pixels.shape[:2], place), cut((GRID, GRID), place)) for place in picked]


def _squared_error(pixels: UInt8[Array, "h w c"], halvings: int) -> Float[Array, "h w"]:
    from PIL import Image

    small = Image.fromarray(_halved(np.ascontiguousarray(pixels), halvings))
    back = np.asarray(small.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BILINEAR))
    total = np.zeros(pixels.shape[:2], np.int32)
    for channel in range(pixels.shape[2]):  # all at once takes five times the memory
        total += np.square(pixels[..., channel].astype(np.int16) - back[..., channel], dtype=np.int32)
    return total / pixels.shape[2]


def _by_block(squared: Array, shown: Bool[Array, "a b"]) -> tuple[Float[Array, "r c"], Float[Array, "r c"]]:
    """Mean squared error of what is shown of each block, and the share of it that is shown."""
    height, width = squared.shape
    side = min(BLOCK, height, width)
    rows, columns = height // side, width // side
    cells = [np.arange(length) * grid // length for length, grid in zip(squared.shape, shown.shape, strict=True)]
    mask = shown[np.ix_(*cells)]

    def summed(values: Array) -> Array:
        whole = values[: rows * side, : columns * side]
        return np.asarray(whole.reshape(rows, side, columns, side).sum(axis=(1, 3), dtype=np.float64))

    counts = summed(mask)
    if not counts.any():
        return summed(squared) / side**2, np.zeros_like(counts)
    return summed(squared * mask) / np.maximum(counts, 1), counts / side**2


def _decibels(mean_square: float) -> float:
    return BEST_DB if mean_square <= 0 else min(BEST_DB, 10 * float(np.log10(255.0**2 / mean_square)))
