"""Real spherical harmonics up to l = 2: light that varies slowly with direction, in nine numbers.

Ramamoorthi and Hanrahan, An Efficient Representation for Irradiance Environment Maps, 2001.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

Array = np.ndarray
NORMS = np.sqrt(np.array([4, 12, 12, 12, 60, 60, 5, 60, 15]) / (16 * np.pi))
"""What makes each polynomial of `bands` a harmonic of unit square integral."""
COSINE = np.repeat([math.pi, 2 * math.pi / 3, math.pi / 4], [1, 3, 5])
"""Irradiance over radiance, by harmonic."""


def bands(looks: Float64[Array, "... 3"]) -> Float64[Array, "... 9"]:
    """1, y, z, x, xy, yz, 3z² − 1, xz, x² − y²: in the order of l, then m."""
    x, y, z = np.moveaxis(looks, -1, 0)
    return np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=-1)


def harmonics(looks: Float64[Array, "... 3"]) -> Float64[Array, "... 9"]:
    return bands(looks) * NORMS
