"""Twin of `texture_loss` in plain NumPy: what it says is right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, UInt8

Array = np.ndarray


def errors(
    before: UInt8[Array, "h w c"],
    after: UInt8[Array, "h w c"],
    block: tuple[int, int],
    shown: Bool[Array, "h2 w2"] | None,
    normals: bool,
) -> tuple[int, Float64[Array, "3"], float]:
    one, other = (_averaged(pixels, block) for pixels in (before, after))
    if shown is not None:
        one, other = one[shown], other[shown]
    else:
        one, other = one.reshape(-1, 3), other.reshape(-1, 3)
    turned = float((_angles(one, other) ** 2).sum()) if normals else 0.0
    return len(one), ((one - other) ** 2).sum(axis=0), turned


def worst_block(
    before: UInt8[Array, "h w c"], after: UInt8[Array, "h w c"], shown: Bool[Array, "h w"] | None, side: int
) -> float:
    squared = ((before.astype(np.float64) - after) ** 2).sum(axis=-1)
    if shown is not None:
        squared[~shown] = 0
    down, across = (np.arange(max(1, size // side)) * side for size in squared.shape)
    return float(np.add.reduceat(np.add.reduceat(squared, down, axis=0), across, axis=1).max())


def _averaged(pixels: UInt8[Array, "h w c"], block: tuple[int, int]) -> Float64[Array, "h2 w2 3"]:
    (tall, wide), (rows, columns) = block, (pixels.shape[0] // block[0], pixels.shape[1] // block[1])
    whole = pixels[: rows * tall, : columns * wide, :3].astype(np.float64)
    return whole.reshape(rows, tall, columns, wide, 3).mean(axis=(1, 3))


def _angles(one: Float64[Array, "n 3"], other: Float64[Array, "n 3"]) -> Float64[Array, "n"]:
    """Between normals, radians."""
    first, second = (_unit(texels / 127.5 - 1) for texels in (one, other))
    chord = np.linalg.norm(first - second, axis=-1)
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def _unit(vectors: Float64[Array, "n 3"]) -> Float64[Array, "n 3"]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6))
