"""Products of three-vectors."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def cross(a: Float[Array, "... 3"], b: Float[Array, "... 3"]) -> Float[Array, "... 3"]:
    """As `np.cross`, bit for bit, which takes most of its time to move axes: for few vectors, called often."""
    return a[..., [1, 2, 0]] * b[..., [2, 0, 1]] - a[..., [2, 0, 1]] * b[..., [1, 2, 0]]
