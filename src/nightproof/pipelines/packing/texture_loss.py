"""What may be lost of a texture, and what was: measured on its texels, by how they are read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, UInt8

from nightproof.kernels.texture_loss import errors, worst_block
from nightproof.pipelines.packing.picture import Picture
from nightproof.pipelines.packing.pixels import bands
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray


@dataclass(frozen=True)
class Loss:
    """The smallest quality that may be kept."""

    color_psnr_db: float = 40.0
    """8-bit sRGB, over the channels read."""
    data_psnr_db: float = 38.0
    alpha_psnr_db: float = 44.0
    """Of alpha that is read, where a coder keeps it with loss: edges of cut-outs move by tenths of a texel."""
    normal_rms_deg: float = 2.5
    polished_normal_rms_deg: float = 1.2
    """Of polished metal, whose reflections turn twice as far as its normals do."""
    grain_color_psnr_db: float = 40.0
    """Where WebP reaches the above at no quality (grain of a texel, finer than its half-resolution chroma), this and
    the following are enough at quality 85 and more: what is lost averages out when textures are filtered. Measured:
    docs/decisions/0402."""
    grain_data_psnr_db: float = 27.0
    grain_alpha_psnr_db: float = 44.0
    grain_normal_rms_deg: float = 6.5
    grain_polished_normal_rms_deg: float = 1.2
    judged: bool = False
    """Whether views judge what was made: limits are where to begin then."""

    def stricter(self, more_db: float) -> Loss:
        """Every limit so many decibels of squared error less; looser where negative."""
        turned = 10 ** (-more_db / 20)
        return Loss(
            self.color_psnr_db + more_db,
            self.data_psnr_db + more_db,
            self.alpha_psnr_db + more_db,
            self.normal_rms_deg * turned,
            self.polished_normal_rms_deg * turned,
            self.grain_color_psnr_db + more_db,
            self.grain_data_psnr_db + more_db,
            self.grain_alpha_psnr_db + more_db,
            self.grain_normal_rms_deg * turned,
            self.grain_polished_normal_rms_deg * turned,
            self.judged,
        )

    @property
    def of_grain(self) -> Loss:
        return replace(
            self,
            color_psnr_db=self.grain_color_psnr_db,
            data_psnr_db=self.grain_data_psnr_db,
            alpha_psnr_db=self.grain_alpha_psnr_db,
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
    alpha_psnr_db: float = np.inf

    def margin_db(self, loss: Loss) -> float:
        """How far the loss stays from what is allowed; negative where it is too much."""
        limit_deg = loss.polished_normal_rms_deg if self.polished else loss.normal_rms_deg
        turned = 20 * np.log10(limit_deg / max(self.normal_rms_deg, 1e-3)) if self.normal_rms_deg else np.inf
        color_db, data_db = self.color_psnr_db - loss.color_psnr_db, self.data_psnr_db - loss.data_psnr_db
        return float(min(color_db, data_db, self.alpha_psnr_db - loss.alpha_psnr_db, turned))


AFAR, AFAR_DB = 4, 4.0
"""Blocks of so many texels a side lose so many decibels less."""
WIDE, WIDE_DB = 16, 14.0
"""Likewise where normals are of something polished: it mirrors the tilt of wide areas of one value."""
FULL_SIZE_DB = 3.0
"""What halving has to keep beyond `Loss`, texel by texel: compression takes its part afterwards."""
BLOCK, WORST_BLOCK_DB = 32, 2.0
"""No block of so many texels a side loses so many decibels more than colours may."""
ALPHA_PSNR_DB = 50.0
"""Of alpha that someone reads, through halving: edges of cut-outs move by hundredths of a texel."""


def measured(
    before: Picture, after: UInt8[Array, "h w c"], use: TextureUse, *, rounded: bool = False, alpha: bool = False
) -> Measured:
    """What `after` lost, as it is seen; where values were rounded, from afar as well: grain averages out there, and
    bands of one value don't. `alpha`: whether it may have lost some of that."""
    each, shown = before.each, before.measured_at
    near = _lost(before.pixels, after, (each, each), shown, use)
    if alpha and before.pixels.shape[2] == 4:
        near = replace(near, alpha_psnr_db=_alpha_psnr_db(before.pixels, after))
    if not rounded:
        return near
    found = _worse(near, _afar(before, after, AFAR, shown, use), AFAR_DB)
    return _worse(found, _afar(before, after, WIDE, shown, use), WIDE_DB) if near.polished else found


def _afar(
    before: Picture, after: UInt8[Array, "h w c"], side: int, shown: Bool[Array, "h w"] | None, use: TextureUse
) -> Measured:
    """Averaged over blocks of so many texels a side, of those that are seen near by."""
    tall, wide = (min(side, size // before.each) for size in before.pixels.shape[:2])
    mostly = None if shown is None else _mostly(shown, tall, wide)
    return _lost(before.pixels, after, (before.each * tall, before.each * wide), mostly, use)


def slack_at_full_size_db(before: Picture, after: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> float:
    """How far texels, magnified back, stay from what may be lost of those that were there: nothing is averaged."""
    if "a" in use.channels and before.pixels.shape[2] == 4 and _alpha_psnr_db(before.pixels, after) < ALPHA_PSNR_DB:
        return -np.inf
    shown = _any_shown(before)
    lost = worst_block(before.pixels, after, shown, BLOCK) / before.pixels.shape[2]
    worst = _psnr_db(lost / min(BLOCK * BLOCK, before.size)) - (loss.color_psnr_db - WORST_BLOCK_DB)
    return min(worst, _lost(before.pixels, after, (1, 1), shown, use).margin_db(loss) - FULL_SIZE_DB)


def _any_shown(picture: Picture) -> Bool[Array, "h w"] | None:
    """None (all) where nothing of it is: it is looked at all the same."""
    return picture.shown if picture.shown is not None and picture.shown.any() else None


def _mostly(shown: Bool[Array, "h w"], tall: int, wide: int) -> Bool[Array, "h2 w2"]:
    """Blocks of which more than half is shown."""
    rows, columns = shown.shape[0] // tall, shown.shape[1] // wide
    blocks = shown[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide)
    return np.asarray(blocks.sum(axis=(1, 3)) * 2 > tall * wide)


def _worse(near: Measured, far: Measured, more_db: float) -> Measured:
    """Whatever is worse; from afar so many decibels are asked for beyond those near by."""
    return Measured(
        min(near.color_psnr_db, far.color_psnr_db - more_db),
        min(near.data_psnr_db, far.data_psnr_db - more_db),
        max(near.normal_rms_deg, far.normal_rms_deg * 10 ** (more_db / 20)),
        near.polished,
    )


def _lost(
    before: UInt8[Array, "h w c"],
    after: UInt8[Array, "h w c"],
    block: tuple[int, int],
    shown: Bool[Array, "h2 w2"] | None,
    use: TextureUse,
) -> Measured:
    found = errors(before, after, block, shown, normals="normal" in use.kinds)
    count = max(found.texels, 1)
    read = [each / count for each, name in zip(found.squared, "rgb", strict=True) if name in use.channels]
    color = _psnr_db(sum(found.squared) / (3 * count)) if "color" in use.kinds else np.inf
    data = _psnr_db(max(read)) if "data" in use.kinds and read else np.inf
    turned = float(np.degrees(np.sqrt(found.turned_rad2 / count)))
    return Measured(color, data, turned, "polished" in use.kinds)


def _psnr_db(squared_error: float) -> float:
    return float(10 * np.log10(255.0**2 / max(float(squared_error), 1e-9)))


def _alpha_psnr_db(one: UInt8[Array, "h w 4"], other: UInt8[Array, "h w 4"]) -> float:
    sums = [((one[r, :, 3].astype(np.float32) - other[r, :, 3]) ** 2).sum(dtype=np.float64) for r in bands(len(one))]
    return _psnr_db(sum(sums) / one[..., 3].size)
