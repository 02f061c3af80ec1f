"""From radiance to what a screen shows: scale by one exposure, clip, encode as sRGB, round to 8 bits.

All metrics are taken on the result. There is no tone curve: viewers apply different ones, and a curve would hide
differences in the highlights.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, UInt8

from nightproof.scenes.srgb import encoded_of

Array = np.ndarray

BRIGHT_SHARE = 0.95
"""So much of all pixels stay below `BRIGHT_LEVEL`."""
BRIGHT_LEVEL = 0.8
"""Linear, of 1."""
STEPS_PER_STOP = 8
"""Exposures are rounded to eighths of a stop, so that noise does not change them and they read well."""
EXPOSURE_STOPS = 30
"""Scenes are made for anything between moonlight and the sun; beyond ±30 stops it is an error of units."""


def to_display(radiance: Float32[Array, "h w 3"], exposure: float) -> UInt8[Array, "h w 3"]:
    """Encode by IEC 61966-2-1. What is not a number becomes black, infinity white."""
    return np.rint(display_values(radiance, exposure)).astype(np.uint8)


def display_values(radiance: Float32[Array, "h w 3"], exposure: float) -> Float32[Array, "h w 3"]:
    """What `to_display` rounds: values from 0 to 255."""
    linear = np.clip(np.nan_to_num(radiance * np.float32(exposure), nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    return np.asarray(encoded_of(linear) * 255, np.float32)


def auto_exposure(radiances: Sequence[Float32[Array, "h w 3"]]) -> float:
    """The exposure that shows these pictures well: 95 % of what is not black comes out below 0.8 of white.

    Lamps and reflections of the sun are few pixels and may clip. 1 where everything is black.
    """
    levels = [np.max(np.nan_to_num(picture, nan=0.0, posinf=0.0), axis=-1).ravel() for picture in radiances]
    lit = np.concatenate(levels) if levels else np.zeros(0)
    lit = lit[lit > 0]
    if not lit.size:
        return 1.0
    stops = np.log2(BRIGHT_LEVEL / float(np.quantile(lit.astype(np.float64), BRIGHT_SHARE)))
    stops = np.clip(np.round(stops * STEPS_PER_STOP) / STEPS_PER_STOP, -EXPOSURE_STOPS, EXPOSURE_STOPS)
    return float(2.0**stops)
