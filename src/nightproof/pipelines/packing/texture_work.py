"""What is asked of one image's coding, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from nightproof.pipelines.packing.covered import SIDE
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray
REACH_DB, MORE_DB = 0.3, 0.5
"""The lossy coder's best costs much: so much less is taken for it. What counts as more than before."""
USUAL_POWER, EXACT_POWER = 1.2, 0.5
"""Of the lossy coder, where nothing is measured, and of the lossless one: bytes double within 2.5 dB and 6 dB."""


@dataclass(frozen=True)
class Work:
    """What is to be made of one image."""

    use: TextureUse
    spare: float | None = None
    """Texels per pixel of the nearest sensible view, nearly everywhere: halved while it is 2 or more, and further while
    its texels come back. None: the size stays."""
    cells: bytes | None = None
    """Which of SIDE × SIDE cells surface shows, row by row, a bit for each. None: all."""

    @property
    def shown(self) -> Bool[Array, "n n"] | None:
        if self.cells is None:
            return None
        return np.unpackbits(np.frombuffer(self.cells, np.uint8)).astype(bool).reshape(SIDE, SIDE)


@dataclass(frozen=True)
class Asked:
    """What is asked of one image's coding."""

    stricter_db: float
    """Squared error less than allowed; negative where grain may lose more."""
    above_db: float = -math.inf
    """What it had before. Where no quality reaches what is asked, the lossy coder's best is taken if it is more than
    that; then the finest rounding if that is; then the very values."""


@dataclass(frozen=True)
class Encoded:
    """What became of one image."""

    data: bytes | None
    """None: it stays as it came, for nothing smaller holds."""
    kept_db: float
    """How much less squared error than allowed; negative where grain lost more."""
    reach_db: float
    """Likewise, of the lossy coder's best; beyond it bytes leap."""
    power: float
    """Bytes grow as error^−power hereabouts."""

    @property
    def at_reach(self) -> bool:
        """Whether the lossy coder has nothing left to give."""
        return self.kept_db >= self.reach_db - REACH_DB - MORE_DB


STAYS = Encoded(None, math.inf, math.inf, USUAL_POWER)
