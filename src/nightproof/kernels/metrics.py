"""SSIM, worst-tile SSIM and PSNR of an image pair, fused in one native kernel.

Definitions and the tile grid: `metrics_reference`, the plain twin. The kernel is bound to agree with it (and with
scikit-image) within 2e-6; it gives the same bits for any number of threads and for every instruction set.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from nightproof import _native
from nightproof.kernels.metrics_reference import WINDOW

Array = np.ndarray

IMAGE_SIDE_LIMIT_PX = 65536


@dataclass(frozen=True, eq=False)
class PairScores:
    """What two images have in common; 8-bit sRGB values, R, G and B alike."""

    ssim: float
    mse: float
    """Mean squared difference of 8-bit values."""
    tiles: Float[Array, "ty tx"]
    """Mean SSIM per tile of 64 × 64 pixels of the valid region."""

    @property
    def psnr_db(self) -> float:
        """10 log10(255² / mse); infinite for equal images."""
        return 10 * math.log10(255**2 / self.mse) if self.mse > 0 else math.inf

    @property
    def worst_tile_ssim(self) -> float:
        return float(self.tiles.min())


def compare(reference: UInt8[Array, "h w 3"], asset: UInt8[Array, "h w 3"], threads: int = 1) -> PairScores:
    """Compare two images of one size, at least 11 × 11 pixels. `threads` 0: as many as the machine has.

    Raises:
        ValueError: sizes differ, an image is too small or too large, or not 8-bit RGB.
    """
    for image in (reference, asset):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"expected an (h, w, 3) uint8 image, got {image.shape} {image.dtype}")
    sums, squares = _native.compare_images(np.ascontiguousarray(reference), np.ascontiguousarray(asset), threads)
    height, width = (size - WINDOW + 1 for size in reference.shape[:2])
    return PairScores(
        ssim=1 - float(sums.sum()) / (3 * height * width),
        mse=squares / reference.size,
        tiles=1 - sums / (3 * np.outer(_tile_sizes(height, sums.shape[0]), _tile_sizes(width, sums.shape[1]))),
    )


def _tile_sizes(size: int, tiles: int) -> Float[Array, "t"]:
    sizes = np.full(tiles, float(_native.ssim_tile_px))
    sizes[-1] = size - (tiles - 1) * _native.ssim_tile_px
    return sizes
