"""The lowest quality of a lossy coder that keeps enough, found in few encodings."""

from __future__ import annotations

import math
from collections.abc import Callable

LOWEST, HIGHEST, FIRST = 50, 98, 80
"""Qualities, and where the search begins. 99 and 100 cost more than they keep."""
DB_PER_QUALITY = 0.12
"""What a step gains, on average: foretells where to look next."""
CLOSE_DB, NEAR = 0.15, 3
"""A margin so small, or qualities so near each other, end the search."""


def lowest_that_holds(margin_db: Callable[[int], float], least: int) -> int:
    """The lowest quality from `least` on whose margin is not negative, by what others foretell; it may miss by one or
    two. HIGHEST + 1 where none holds.

    Args:
        margin_db: grows with quality; each call costs an encoding.
    """
    low, high = least - 1, HIGHEST + 1  # below the first none holds that was asked; the second holds or is none
    while high - low > (NEAR if high <= HIGHEST else 1):
        quality = _between(margin_db, low, high, least)
        margin = margin_db(quality)
        if 0 <= margin <= CLOSE_DB or (margin >= 0 and quality == least):
            return quality
        low, high = (low, quality) if margin >= 0 else (quality, high)
    return high


def _between(margin_db: Callable[[int], float], low: int, high: int, least: int) -> int:
    """Where the margin should be zero, strictly between two qualities that were tried, or the ends."""
    if low >= least and high <= HIGHEST:
        below, above = margin_db(low), margin_db(high)
        guess = low + (high - low) * below / min(below - above, -1e-6)
    elif high <= HIGHEST:
        guess = high - margin_db(high) / DB_PER_QUALITY
    elif low >= least:
        guess = low - margin_db(low) / DB_PER_QUALITY
    else:
        guess = FIRST
    return math.ceil(min(max(guess, low + 1), high - 1))
