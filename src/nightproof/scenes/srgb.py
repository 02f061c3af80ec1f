"""The sRGB curve (IEC 61966-2-1) and back, for values of 0 to 1 in any shape; float32 stays float32."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def linear_of(encoded: Float[Array, "..."]) -> Float[Array, "..."]:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((np.maximum(encoded, 0) + 0.055) / 1.055) ** 2.4)


def encoded_of(linear: Float[Array, "..."]) -> Float[Array, "..."]:
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055)


LINEAR_OF_BYTE = linear_of(np.arange(256) / 255)
