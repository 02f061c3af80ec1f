"""What may be lost of a texture, and what was: measured on its texels, by how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from nightproof.pipelines.packing.picture import Picture, any_of
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


AFAR, AFAR_DB = 4, 4.0
"""Blocks of so many texels a side lose so many decibels less."""
FULL_SIZE_DB = 3.0
"""What halving has to keep beyond `Loss`, texel by texel: compression takes its part afterwards."""
BLOCK, WORST_BLOCK_DB = 32, 2.0
"""No block of so many texels a side loses so many decibels more than colours may."""
ALPHA_PSNR_DB = 50.0
"""Of alpha that someone reads, through halving: edges of cut-outs move by hundredths of a texel."""


def measured(before: Picture, after: UInt8[Array, "h w c"], use: TextureUse) -> Measured:
    """What `after` lost, as it is seen, and from afar: grain averages out there, and bands of one value don't."""
    one, other, shown = _as_seen(before.pixels), _as_seen(after), before.shown
    if shown is not None and len(one) < len(shown):
        shown = any_of(shown, 2)
    near = _measured(*_only(shown, one, other), use)
    mostly = None if shown is None else _averaged(shown[..., None].astype(np.float32), AFAR)[..., 0] > 0.5
    far = _measured(*_only(mostly, _averaged(one, AFAR), _averaged(other, AFAR)), use)
    return _worse(near, far, AFAR_DB)


def slack_at_full_size_db(before: Picture, after: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> float:
    """How far texels, magnified back, stay from what may be lost of those that were there: nothing is averaged."""
    one, other = before.pixels.astype(np.float32), after.astype(np.float32)
    if "a" in use.channels and one.shape[2] == 4 and _psnr_db(one[..., 3], other[..., 3]) < ALPHA_PSNR_DB:
        return -np.inf
    if before.shown is not None:
        other = np.where(before.shown[..., None], other, one)
    worst = _worst_block_db(one, other) - (loss.color_psnr_db - WORST_BLOCK_DB)
    return min(worst, _measured(*_only(before.shown, one, other), use).margin_db(loss) - FULL_SIZE_DB)


def _only(shown: Bool[Array, "h w"] | None, one: Array, other: Array) -> tuple[Array, Array]:
    """The texels that are seen, all where none is."""
    return (one, other) if shown is None or not shown.any() else (one[shown], other[shown])


def _worst_block_db(before: Array, after: Array) -> float:
    """Of blocks of 32 × 32 texels: a lamp's glow in a black picture counts for nothing in the mean."""
    squared = ((before - after) ** 2).mean(axis=-1)
    height, width = (max(1, side // BLOCK) for side in squared.shape)
    rows = np.add.reduceat(squared, np.arange(height) * BLOCK if height > 1 else [0], axis=0)
    blocks = np.add.reduceat(rows, np.arange(width) * BLOCK if width > 1 else [0], axis=1)
    worst = float(blocks.max()) / min(BLOCK * BLOCK, squared.size)
    return float(10 * np.log10(255.0**2 / max(worst, 1e-9)))


def _worse(near: Measured, far: Measured, more_db: float) -> Measured:
    """Whatever is worse; from afar so many decibels are asked for beyond those near by."""
    return Measured(
        min(near.color_psnr_db, far.color_psnr_db - more_db),
        min(near.data_psnr_db, far.data_psnr_db - more_db),
        max(near.normal_rms_deg, far.normal_rms_deg * 10 ** (more_db / 20)),
        near.polished,
    )


def _measured(before: Array, after: Array, use: TextureUse) -> Measured:
    read = [i for i, name in enumerate("rgb") if name in use.channels]
    color = _psnr_db(before[..., :3], after[..., :3]) if "color" in use.kinds else np.inf
    data = min(_psnr_db(before[..., i], after[..., i]) for i in read) if "data" in use.kinds and read else np.inf
    turned = _angle_rms_deg(before, after) if "normal" in use.kinds else 0.0
    return Measured(color, data, turned, "polished" in use.kinds)


def _as_seen(pixels: np.ndarray) -> np.ndarray:
    height, width = (side - side % 2 for side in pixels.shape[:2])
    if max(height, width) < VIEW_TEXELS or min(height, width) < 2:
        return pixels.astype(np.float32)
    rows = np.add(pixels[:height:2, :width], pixels[1:height:2, :width], dtype=np.uint16)
    return (rows[:, ::2] + rows[:, 1::2]).astype(np.float32) / 4


def _averaged(pixels: Float32[Array, "h w c"], side: int) -> Float32[Array, "h2 w2 c"]:
    """Blocks of so many texels as one; a picture smaller than that is one block."""
    rows, columns = (max(1, size // side) for size in pixels.shape[:2])
    tall, wide = (min(side, size) for size in pixels.shape[:2])
    return pixels[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide, -1).mean(axis=(1, 3))


def _psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / max(float(((a - b) ** 2).mean(dtype=np.float64)), 1e-9)))


def _angle_rms_deg(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (_unit(x[..., :3] / np.float32(127.5) - 1) for x in (a, b))
    chord = np.linalg.norm(first - second, axis=-1)
    angle = 2 * np.arcsin(np.clip(chord / 2, 0, 1))
    return float(np.degrees(np.sqrt((angle**2).mean(dtype=np.float64))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
