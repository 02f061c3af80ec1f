"""What is asked of one image's coding, and what became of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from nightproof.pipelines.packing.covered import SIDE
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray


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


class Had(NamedTuple):
    """Something that the lossy coder made."""

    texels: int
    """Of the picture, at the size that it had."""
    quality: int
    kept_db: float


@dataclass(frozen=True)
class Asked:
    """What is asked of one image's coding."""

    stricter_db: float
    """Squared error less than allowed; negative where grain may lose more."""
    above_db: float = -math.inf
    """What it had before. Where no quality reaches what is asked, the lossy coder's best is taken if it is more than
    that; then the finest rounding if that is; then the very values."""
    had: tuple[Had, ...] = ()
    """What the lossy coder made of it before: tells how well a sample of the picture foretells the whole."""


@dataclass(frozen=True)
class Encoded:
    """What became of one image."""

    data: bytes | None
    """None: it stays as it came, for nothing smaller holds."""
    kept_db: float
    """How much less squared error than allowed; negative where grain lost more."""
    quality: int | None = None
    """Of the lossy coder, if that made it."""
    is_grain: bool = False
    """Whether it lost more than is allowed, for no quality keeps enough."""
    texels: int = 0
    """Of the picture, at the size that the lossy coder made."""

    @property
    def had(self) -> tuple[Had, ...]:
        return () if self.quality is None else (Had(self.texels, self.quality, self.kept_db),)


STAYS = Encoded(None, math.inf)
