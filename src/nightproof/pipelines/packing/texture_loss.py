"""What may be lost of a texture, and what was: measured on its texels, by how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

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
    grain_data_psnr_db: float = 27.0
    """Where WebP reaches the above at no quality (grain of a texel, finer than its half-resolution chroma), this is
    enough at quality 85: what is lost averages out when textures are filtered. Measured: docs/decisions/0402."""
    grain_normal_rms_deg: float = 6.5

    def stricter(self, db: float) -> Loss:
        """Less squared error, by so many decibels."""
        angle = 10 ** (-db / 20)
        return Loss(
            self.color_psnr_db + db,
            self.data_psnr_db + db,
            self.normal_rms_deg * angle,
            self.polished_normal_rms_deg * angle,
            self.grain_data_psnr_db + db,
            self.grain_normal_rms_deg * angle,
        )

    @property
    def of_grain(self) -> Loss:
        return replace(self, data_psnr_db=self.grain_data_psnr_db, normal_rms_deg=self.grain_normal_rms_deg)


FULL_SIZE_DB = 3.0
"""What halving has to keep beyond `Loss`, texel by texel: compression takes its part afterwards."""
BLOCK, WORST_BLOCK_DB = 32, 2.0
"""No block of so many texels a side loses so many decibels more than colours may."""
ALPHA_PSNR_DB = 50.0
"""Of alpha that someone reads, through halving: edges of cut-outs move by hundredths of a texel."""


def margin_db(before: UInt8[Array, "h w c"], after: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> float:
    """How far the loss stays from what is allowed, in dB; negative where it is too much."""
    return _least(_as_seen(before), _as_seen(after), use, loss)


def holds_at_full_size(
    before: UInt8[Array, "h w c"], after: UInt8[Array, "h w c"], use: TextureUse, loss: Loss
) -> bool:
    """Whether texels, magnified back, are near enough to those that were there: nothing is averaged."""
    one, other = before.astype(np.float32), after.astype(np.float32)
    if _worst_block_db(one, other) < loss.color_psnr_db - WORST_BLOCK_DB:
        return False
    alpha = "a" not in use.channels or before.shape[2] < 4 or _psnr_db(one[..., 3], other[..., 3]) >= ALPHA_PSNR_DB
    return alpha and _least(one, other, use, loss) >= FULL_SIZE_DB


def _worst_block_db(before: Array, after: Array) -> float:
    """Of blocks of 32 × 32 texels: a lamp's glow in a black picture counts for nothing in the mean."""
    squared = ((before - after) ** 2).mean(axis=-1)
    height, width = (max(1, side // BLOCK) for side in squared.shape)
    rows = np.add.reduceat(squared, np.arange(height) * BLOCK if height > 1 else [0], axis=0)
    blocks = np.add.reduceat(rows, np.arange(width) * BLOCK if width > 1 else [0], axis=1)
    worst = float(blocks.max()) / min(BLOCK * BLOCK, squared.size)
    return float(10 * np.log10(255.0**2 / max(worst, 1e-9)))


def _least(before: Array, after: Array, use: TextureUse, loss: Loss) -> float:
    read = [i for i, name in enumerate("rgb") if name in use.channels]
    margins = [np.inf]
    if "color" in use.kinds:
        margins.append(_psnr_db(before[..., :3], after[..., :3]) - loss.color_psnr_db)
    if "data" in use.kinds and read:
        margins.append(min(_psnr_db(before[..., i], after[..., i]) for i in read) - loss.data_psnr_db)
    if "normal" in use.kinds:
        limit_deg = loss.polished_normal_rms_deg if "polished" in use.kinds else loss.normal_rms_deg
        margins.append(20 * np.log10(limit_deg / max(_angle_rms_deg(before, after), 1e-3)))
    return float(min(margins))


def _as_seen(pixels: np.ndarray) -> np.ndarray:
    seen = pixels.astype(np.float32)
    height, width = (side - side % 2 for side in seen.shape[:2])
    if max(height, width) < VIEW_TEXELS or min(height, width) < 2:
        return seen
    seen = seen[:height, :width]
    return (seen[::2, ::2] + seen[1::2, ::2] + seen[::2, 1::2] + seen[1::2, 1::2]) / 4


def _psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / max(float(((a - b) ** 2).mean(dtype=np.float64)), 1e-9)))


def _angle_rms_deg(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (_unit(x[..., :3] / np.float32(127.5) - 1) for x in (a, b))
    chord = np.linalg.norm(first - second, axis=-1)
    angle = 2 * np.arcsin(np.clip(chord / 2, 0, 1))
    return float(np.degrees(np.sqrt((angle**2).mean(dtype=np.float64))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
