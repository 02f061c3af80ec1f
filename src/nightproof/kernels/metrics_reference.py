"""SSIM and squared error of image pairs in plain NumPy: slow, short, and what `kernels.metrics` must agree with.

The one SSIM of this project (Wang et al., Image Quality Assessment, 2004): 8-bit sRGB values, an 11 × 11 Gaussian
window with σ = 1.5, population covariance, the valid region only, mean over R, G and B.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from jaxtyping import Float, UInt8

Array = np.ndarray

WINDOW = 11
SIGMA = 1.5
TILE_PX = 64
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ssim_map(
    reference: UInt8[Array, "h w 3"] | Float[Array, "h w 3"], asset: UInt8[Array, "h w 3"] | Float[Array, "h w 3"]
) -> Float[Array, "h-10 w-10 3"]:
    """SSIM at every pixel whose whole window lies inside the image; values from 0 to 255, rounded or not."""
    x, y = reference.astype(np.float64), asset.astype(np.float64)
    mean_x, mean_y = _blur(x), _blur(y)
    var_x, var_y = _blur(x * x) - mean_x**2, _blur(y * y) - mean_y**2
    covariance = _blur(x * y) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + C1) * (2 * covariance + C2)
    return numerator / ((mean_x**2 + mean_y**2 + C1) * (var_x + var_y + C2))


def tile_ssim(values: Float[Array, "h w 3"]) -> Float[Array, "ty tx"]:
    """Mean SSIM per tile of 64 × 64 pixels; the last tile of a row or column takes the remainder."""
    rows, columns = (_tile_edges(size) for size in values.shape[:2])
    return np.array(
        [[values[top:bottom, left:right].mean() for left, right in pairwise(columns)] for top, bottom in pairwise(rows)]
    )


def mean_squared_error(reference: UInt8[Array, "h w 3"], asset: UInt8[Array, "h w 3"]) -> float:
    """Over all pixels and channels, of 8-bit sRGB values."""
    return float(np.mean((reference.astype(np.float64) - asset) ** 2))


def _tile_edges(size: int) -> list[int]:
    return [TILE_PX * i for i in range(max(1, size // TILE_PX))] + [size]


def _blur(image: Float[Array, "h w 3"]) -> Float[Array, "h-10 w-10 3"]:
    offsets = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(offsets**2) / (2 * SIGMA**2))
    taps /= taps.sum()
    height, width = (size - WINDOW + 1 for size in image.shape[:2])
    rows = sum(tap * image[i : i + height] for i, tap in enumerate(taps))
    return sum(tap * rows[:, i : i + width] for i, tap in enumerate(taps))
