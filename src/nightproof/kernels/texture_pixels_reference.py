"""Twin of `texture_pixels` in plain NumPy: what it says is right."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int16, UInt8, UInt32

Array = np.ndarray
LEAST = np.float32(1e-6)
"""Of alphas and of lengths that something is divided by."""


def halved(
    pixels: UInt8[Array, "h w c"], light: Float32[Array, "256"], codes: UInt8[Array, "n"], *, normals: bool
) -> UInt8[Array, "h2 w2 c"]:
    values = light[pixels]
    if pixels.shape[2] == 4:
        values[..., 3] = pixels[..., 3] / np.float32(255)
        values[..., :3] *= values[..., 3:] + LEAST
    mean = (values[::2, ::2] + values[1::2, ::2] + values[::2, 1::2] + values[1::2, 1::2]) / 4
    if pixels.shape[2] == 4:
        mean[..., :3] /= mean[..., 3:] + LEAST
    if normals:
        vectors = mean[..., :3] * 2 - 1
        vectors /= np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), LEAST)
        mean[..., :3] = (vectors + 1) / 2
    result = np.rint(np.clip(mean, 0, 1) * 255).astype(np.uint8)
    result[..., :3] = codes[np.rint(np.clip(mean[..., :3], 0, 1) * (len(codes) - 1)).astype(np.int64)]
    return result


def without_alpha(pixels: UInt8[Array, "h w 4"]) -> UInt8[Array, "h w 3"]:
    return np.ascontiguousarray(pixels[..., :3])


def rounded(pixels: UInt8[Array, "h w c"], table: UInt8[Array, "256"], *, sparing: int = 0) -> UInt8[Array, "h w c"]:
    result = table[pixels]
    result[..., 3:] = pixels[..., 3:]
    if sparing:
        smooth = _smooth(pixels[..., :3].astype(np.int16), sparing)
        result[smooth] = pixels[smooth]
    return result


def _smooth(values: Int16[Array, "h w 3"], step: int) -> Bool[Array, "h w"]:
    smooth = np.ones(values.shape[:2], bool)
    for axis in (0, 1):
        near = (np.abs(values - np.roll(values, 1, axis)) < step).all(axis=-1)
        smooth &= near & np.roll(near, -1, axis)
    return smooth


def cell_sums(pixels: UInt8[Array, "h w c"], rows: int, columns: int) -> UInt32[Array, "rows columns c"]:
    height, width, channels = pixels.shape
    cells = pixels.reshape(rows, height // rows, columns, width // columns, channels)
    return cells.sum(axis=(1, 3), dtype=np.uint32)


def surroundings(sums: Float32[Array, "n m c"], counts: Float32[Array, "n m"]) -> Float32[Array, "n m c"]:
    here = sums / np.maximum(counts, 1)[..., None]
    if min(counts.shape) < 2 or counts.all():
        return here
    height, width = (side - side % 2 for side in counts.shape)
    coarse_sums, coarse_counts = (
        part[:height:2, :width:2]
        + part[1:height:2, :width:2]
        + part[:height:2, 1:width:2]
        + part[1:height:2, 1:width:2]
        for part in (sums, counts)
    )
    coarse = surroundings(coarse_sums, coarse_counts).repeat(2, axis=0).repeat(2, axis=1)
    pad = [(0, have - got) for have, got in zip(counts.shape, coarse.shape, strict=False)]
    coarse = np.pad(coarse, [*pad, (0, 0)], mode="edge")
    return np.where(counts[..., None] > 0, here, coarse)


def filled(
    pixels: UInt8[Array, "h w c"], kept: Bool[Array, "rows columns"], colors: UInt8[Array, "rows columns c"]
) -> UInt8[Array, "h w c"]:
    tall, wide = pixels.shape[0] // kept.shape[0], pixels.shape[1] // kept.shape[1]
    shown, of_texel = (part.repeat(tall, axis=0).repeat(wide, axis=1) for part in (kept, colors))
    return np.where(shown[..., None], pixels, of_texel)
