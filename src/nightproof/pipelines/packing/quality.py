"""The lowest quality of a lossy coder that keeps enough, found in few encodings."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

LOWEST, HIGHEST, FIRST = 50, 98, 80
"""Qualities of WebP, and where the search begins. 99 and 100 cost more than they keep."""
DB_PER_QUALITY = 0.12
"""What a step gains, on average: foretells where to look next."""
SPREAD = (0.0, 0.31, 0.62, 0.83, 0.94, 1.0)
CLOSE_DB, NEAR = 0.15, 3
"""A margin so small, or qualities so near each other, end the search."""


@dataclass(frozen=True)
class Scale:
    """The qualities of a coder; WebP's as they stand."""

    lowest: int = LOWEST
    """Below it pictures break into blocks whatever their mean error, so it is not searched."""
    highest: int = HIGHEST
    first: int = FIRST
    db_per_quality: float = DB_PER_QUALITY

    def spread(self) -> tuple[int, ...]:
        """Some qualities from the lowest to the highest, nearer each other where bytes grow faster."""
        return tuple(round(self.lowest + part * (self.highest - self.lowest)) for part in SPREAD)


WEBP_SCALE = Scale()


def lowest_that_holds(margin_db: Callable[[int], float], least: int, scale: Scale = WEBP_SCALE) -> int:
    """The lowest quality from `least` on whose margin is not negative, by what others foretell; it may miss by one or
    two. One beyond the highest where none holds.

    Args:
        margin_db: grows with quality; each call costs an encoding.
    """
    low, high = least - 1, scale.highest + 1  # below the first none holds that was asked; the second holds or is none
    while high - low > (NEAR if high <= scale.highest else 1):
        quality = _between(margin_db, low, high, least, scale)
        margin = margin_db(quality)
        if 0 <= margin <= CLOSE_DB or (margin >= 0 and quality == least):
            return quality
        low, high = (low, quality) if margin >= 0 else (quality, high)
    return high


def _between(margin_db: Callable[[int], float], low: int, high: int, least: int, scale: Scale) -> int:
    """Where the margin should be zero, strictly between two qualities that were tried, or the ends."""
    if low >= least and high <= scale.highest:
        below, above = margin_db(low), margin_db(high)
        guess = low + (high - low) * below / min(below - above, -1e-6)
    elif high <= scale.highest:
        guess = high - margin_db(high) / scale.db_per_quality
    elif low >= least:
        guess = low - margin_db(low) / scale.db_per_quality
    else:
        guess = scale.first
    return math.ceil(min(max(guess, low + 1), high - 1))
