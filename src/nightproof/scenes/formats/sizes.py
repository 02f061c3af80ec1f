"""What can be said of the size of a scene whose format carries no unit: a sentence, never a silent rescale."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
SMALLEST_THING, LARGEST_THING = 0.005, 30.0
"""Units across. Things smaller than 5 mm are rarely modelled in metres, and larger than 30 m are mostly millimetres."""


def unit_note(name: str, positions: Array) -> str:
    """How the numbers of a format without units were read, and a doubt where they look like millimetres."""
    sides = positions.max(axis=0) - positions.min(axis=0)
    spoken = " × ".join(f"{side:.3g}" for side in sides)
    read = f"{name} carries no unit: one unit is read as a metre, so the scene measures {spoken} m"
    across = float(np.linalg.norm(sides))
    if across > LARGEST_THING:
        in_mm = " × ".join(f"{side / 10:.3g}" for side in sides)
        return f"{read}. If it was drawn in millimetres ({in_mm} cm), export it in metres"
    if across < SMALLEST_THING:
        return f"{read}, which is tiny: export it in metres if it was drawn in a larger unit"
    return read
