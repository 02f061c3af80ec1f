"""Are two renderings of one view equal up to their noise and a stated tolerance?

Path-traced pictures never agree pixel by pixel, and a bound wide enough for their noise would let real errors pass.
So pictures are compared as means over squares of several sizes, each with its own standard error: large squares
see small errors of level (a light 3 % brighter), small ones see errors of place (a texture upside down). A square
differs when its difference, less what noise explains (`Z_SQUARE` standard errors), exceeds the tolerance. The
tolerance itself never grows with the noise: where noise is too high to tell, the answer is "undecided".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

Array = np.ndarray

SQUARES_PX = (4, 8, 16, 32)
Z_MEAN = 3.0
Z_SQUARE = 4.0
"""Some thousand squares are looked at: 4 standard errors keep false alarms below one audit in ten."""
DARK_SHARE = 0.1
"""Squares darker than this share of the view's mean are judged against that, not against their own level."""


@dataclass(frozen=True)
class Seen:
    """A picture reduced to what is compared: linear radiance, and the variance of each pixel's grey mean."""

    color: Float32[Array, "h w 3"]
    variance: Float32[Array, "h w"]


@dataclass(frozen=True)
class Tolerance:
    """What two correct renderers may differ by: interpolation, rounding, faceted lamps."""

    mean: float = 0.01
    """Relative difference of the mean over all views."""
    square: float = 0.05
    """Relative difference of one square."""
    area: float = 0.01
    """Share of a view's squares, of any one size, that may differ by more."""
    ssim_slack: float = 0.01
    """By how much the denoised pictures' 1 − SSIM may exceed twice that of Mitsuba with itself."""


def square_means(values: Float[Array, "h w ..."], side: int) -> Float[Array, "m n ..."]:
    """Means over whole squares of `side` pixels; an incomplete rim is left out."""
    rows, columns = values.shape[0] // side, values.shape[1] // side
    cut = values[: rows * side, : columns * side]
    return cut.reshape(rows, side, columns, side, *values.shape[2:]).mean(axis=(1, 3), dtype=np.float64)


def differing_share(native: Seen, mitsuba: Seen, side: int, limit: float) -> float:
    """Share of squares whose difference beyond noise exceeds `limit`, relative; the worst colour channel counts."""
    ours, theirs = square_means(native.color, side), square_means(mitsuba.color, side)
    if not ours.size:
        return 0.0
    # A channel is noisier than the grey mean: by √3 where channels are independent.
    error = np.sqrt(3 * square_means(native.variance + mitsuba.variance, side) / side**2)[..., None]
    level = np.maximum(np.maximum(ours, theirs), DARK_SHARE * max(float(theirs.mean()), 1e-12))
    beyond = np.maximum(np.abs(ours - theirs) - Z_SQUARE * error, 0) / level
    return float(np.mean(beyond.max(axis=-1) > limit))


def mean_difference(native: list[Seen], mitsuba: list[Seen]) -> tuple[float, float]:
    """Relative difference of the mean over all views, and its standard error."""
    ours, theirs = (np.mean([seen.color.mean(dtype=np.float64) for seen in side]) for side in (native, mitsuba))
    pixels = [seen.variance.mean(dtype=np.float64) / seen.variance.size for seen in (*native, *mitsuba)]
    level = max(float(theirs), 1e-12)
    return float(ours - theirs) / level, float(np.sqrt(np.sum(pixels))) / len(native) / level
