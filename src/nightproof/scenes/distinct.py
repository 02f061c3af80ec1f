"""Which indices occur in an array: what `np.unique` says, in a tenth of its time where they are small and dense."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

Array = np.ndarray


def distinct(indices: Int[Array, "..."]) -> Int[Array, "n"]:
    """Rising. Memory goes with the largest index: for vertices, triangles and materials, not for keys."""
    seen = np.zeros(int(indices.max()) + 1 if indices.size else 0, bool)
    seen[indices.reshape(-1)] = True
    return np.flatnonzero(seen)
