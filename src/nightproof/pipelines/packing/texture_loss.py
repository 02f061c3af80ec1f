"""What may be lost of a texture, and what was: measured on its texels, by how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8

from nightproof.pipelines.packing.picture import Picture, any_of
from nightproof.pipelines.packing.pixels import bands
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray
VIEW_TEXELS = 1024
"""A texture is seen by about this many pixels: larger ones are judged after averaging 2 × 2 texels."""


@dataclass(frozen=True)
class Loss:
    """The smallest quality that may be kept."""

    color_psnr_db: float = 40.0
    """8-bit sRGB, over the channels read."""
    data_psnr_db: float = 38.0
    normal_rms_deg: float = 2.5
    polished_normal_rms_deg: float = 1.2
    """Of polished metal, whose reflections turn twice as far as its normals do."""
    grain_color_psnr_db: float = 40.0
    """Where WebP reaches the above at no quality (grain of a texel, finer than its half-resolution chroma), this and
    the following are enough at quality 85 and more: what is lost averages out when textures are filtered. Measured:
    docs/decisions/0402."""
    grain_data_psnr_db: float = 27.0
    grain_normal_rms_deg: float = 6.5
    grain_polished_normal_rms_deg: float = 1.2

    def stricter(self, more_db: float) -> Loss:
        """Every limit so many decibels of squared error less; looser where negative."""
        turned = 10 ** (-more_db / 20)
        return Loss(
            self.color_psnr_db + more_db,
            self.data_psnr_db + more_db,
            self.normal_rms_deg * turned,
            self.polished_normal_rms_deg * turned,
            self.grain_color_psnr_db + more_db,
            self.grain_data_psnr_db + more_db,
            self.grain_normal_rms_deg * turned,
            self.grain_polished_normal_rms_deg * turned,
        )

    @property
    def of_grain(self) -> Loss:
        return replace(
            self,
            color_psnr_db=self.grain_color_psnr_db,
            data_psnr_db=self.grain_data_psnr_db,
            normal_rms_deg=self.grain_normal_rms_deg,
            polished_normal_rms_deg=self.grain_polished_normal_rms_deg,
        )


@dataclass(frozen=True)
class Measured:
    """What a texture lost, by how it is read; infinite or 0 where it is not read so."""

    color_psnr_db: float = np.inf
    data_psnr_db: float = np.inf
    normal_rms_deg: float = 0.0
    polished: bool = False

    def margin_db(self, loss: Loss) -> float:
        """How far the loss stays from what is allowed; negative where it is too much."""
        limit_deg = loss.polished_normal_rms_deg if self.polished else loss.normal_rms_deg
        turned = 20 * np.log10(limit_deg / max(self.normal_rms_deg, 1e-3)) if self.normal_rms_deg else np.inf
        return float(min(self.color_psnr_db - loss.color_psnr_db, self.data_psnr_db - loss.data_psnr_db, turned))


SUMS = 6
"""That errors of a picture are added up in, band by band: see `_sums`."""
AFAR, AFAR_DB = 4, 4.0
"""Blocks of so many texels a side lose so many decibels less."""
FULL_SIZE_DB = 3.0
"""What halving has to keep beyond `Loss`, texel by texel: compression takes its part afterwards."""
BLOCK, WORST_BLOCK_DB = 32, 2.0
"""No block of so many texels a side loses so many decibels more than colours may."""
ALPHA_PSNR_DB = 50.0
"""Of alpha that someone reads, through halving: edges of cut-outs move by hundredths of a texel."""


def measured(before: Picture, after: UInt8[Array, "h w c"], use: TextureUse, *, rounded: bool = False) -> Measured:
    """What `after` lost, as it is seen; where values were rounded, from afar as well: grain averages out there, and
    bands of one value don't."""
    each = 2 if max(before.pixels.shape[:2]) >= VIEW_TEXELS and min(before.pixels.shape[:2]) >= 2 else 1
    shown = before.shown if before.shown is None or each == 1 else any_of(before.shown, each)
    mostly = None if shown is None else _averaged(shown[..., None].astype(np.float32), AFAR)[..., 0] > 0.5
    near, far = np.zeros(SUMS), np.zeros(SUMS)
    for rows in bands(before.pixels.shape[0]):
        one, other = (_as_seen(pixels[rows], each) for pixels in (before.pixels, after))
        near += _sums(*_only(_rows(shown, rows, each), one, other), use)
        if not rounded:
            continue
        one, other = _averaged(one, AFAR), _averaged(other, AFAR)
        far += _sums(*_only(_rows(mostly, rows, each * AFAR), one, other), use)
    return _worse(_measured(near, use), _measured(far, use), AFAR_DB) if rounded else _measured(near, use)


def slack_at_full_size_db(before: Picture, after: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> float:
    """How far texels, magnified back, stay from what may be lost of those that were there: nothing is averaged."""
    if "a" in use.channels and before.pixels.shape[2] == 4 and _alpha_psnr_db(before.pixels, after) < ALPHA_PSNR_DB:
        return -np.inf
    worst_db, sums = np.inf, np.zeros(SUMS)
    for rows in bands(before.pixels.shape[0]):
        one, other = before.pixels[rows].astype(np.float32), after[rows].astype(np.float32)
        if before.shown is not None:
            other = np.where(before.shown[rows][..., None], other, one)
        worst_db = min(worst_db, _worst_block_db(one, other, before.size))
        sums += _sums(*_only(_rows(before.shown, rows, 1), one, other), use)
    worst = worst_db - (loss.color_psnr_db - WORST_BLOCK_DB)
    return min(worst, _measured(sums, use).margin_db(loss) - FULL_SIZE_DB)


def _rows(shown: Bool[Array, "h w"] | None, rows: slice, each: int) -> Bool[Array, "h2 w"] | None:
    """What is shown of a band of a picture `each` times as high; None (all) where nothing of the picture is."""
    if shown is None or not shown.any():
        return None
    return shown[rows.start // each : max(rows.stop // each, 1)]


def _only(shown: Bool[Array, "h w"] | None, one: Array, other: Array) -> tuple[Array, Array]:
    """The texels that are seen."""
    return (one, other) if shown is None else (one[shown], other[shown])


def _worst_block_db(before: Array, after: Array, texels: int) -> float:
    """Of blocks of 32 × 32 texels: a lamp's glow in a black picture counts for nothing in the mean."""
    squared = ((before - after) ** 2).mean(axis=-1)
    height, width = (max(1, side // BLOCK) for side in squared.shape)
    rows = np.add.reduceat(squared, np.arange(height) * BLOCK if height > 1 else [0], axis=0)
    blocks = np.add.reduceat(rows, np.arange(width) * BLOCK if width > 1 else [0], axis=1)
    worst = float(blocks.max()) / min(BLOCK * BLOCK, texels)
    return float(10 * np.log10(255.0**2 / max(worst, 1e-9)))


def _worse(near: Measured, far: Measured, more_db: float) -> Measured:
    """Whatever is worse; from afar so many decibels are asked for beyond those near by."""
    return Measured(
        min(near.color_psnr_db, far.color_psnr_db - more_db),
        min(near.data_psnr_db, far.data_psnr_db - more_db),
        max(near.normal_rms_deg, far.normal_rms_deg * 10 ** (more_db / 20)),
        near.polished,
    )


def _sums(before: Array, after: Array, use: TextureUse) -> Float64[Array, "6"]:
    """Texels; squared errors of all colours, of red, green and blue; squared angles. 0 where it is not read so."""
    squared = (before[..., :3] - after[..., :3]) ** 2
    color = squared.sum(dtype=np.float64) if "color" in use.kinds else 0.0
    each = [squared[..., i].sum(dtype=np.float64) if "data" in use.kinds else 0.0 for i in range(3)]
    turned = (_angles(before, after) ** 2).sum(dtype=np.float64) if "normal" in use.kinds else 0.0
    return np.array([squared[..., 0].size, color, *each, turned])


def _measured(sums: Float64[Array, "6"], use: TextureUse) -> Measured:
    count = max(sums[0], 1.0)
    read = [i for i, name in enumerate("rgb") if name in use.channels]
    color = _psnr_db(sums[1] / (3 * count)) if "color" in use.kinds else np.inf
    data = min(_psnr_db(sums[2 + i] / count) for i in read) if "data" in use.kinds and read else np.inf
    turned = float(np.degrees(np.sqrt(sums[5] / count)))
    return Measured(color, data, turned, "polished" in use.kinds)


def _as_seen(pixels: UInt8[Array, "h w c"], each: int) -> Float32[Array, "h2 w2 c"]:
    """Means of `each` × `each` texels, 1 or 2."""
    if each == 1:
        return pixels.astype(np.float32)
    height, width = (side - side % 2 for side in pixels.shape[:2])
    rows = np.add(pixels[:height:2, :width], pixels[1:height:2, :width], dtype=np.uint16)
    return (rows[:, ::2] + rows[:, 1::2]).astype(np.float32) / 4


def _averaged(pixels: Float32[Array, "h w c"], side: int) -> Float32[Array, "h2 w2 c"]:
    """Blocks of so many texels as one; a picture smaller than that is one block."""
    rows, columns = (max(1, size // side) for size in pixels.shape[:2])
    tall, wide = (min(side, size) for size in pixels.shape[:2])
    return pixels[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide, -1).mean(axis=(1, 3))


def _psnr_db(squared_error: float) -> float:
    return float(10 * np.log10(255.0**2 / max(float(squared_error), 1e-9)))


def _alpha_psnr_db(one: UInt8[Array, "h w 4"], other: UInt8[Array, "h w 4"]) -> float:
    sums = [((one[r, :, 3].astype(np.float32) - other[r, :, 3]) ** 2).sum(dtype=np.float64) for r in bands(len(one))]
    return _psnr_db(sum(sums) / one[..., 3].size)


def _angles(a: Array, b: Array) -> Array:
    """Between normals, radians."""
    first, second = (_unit(x[..., :3] / np.float32(127.5) - 1) for x in (a, b))
    chord = np.linalg.norm(first - second, axis=-1)
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
