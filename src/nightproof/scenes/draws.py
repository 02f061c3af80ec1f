"""Random numbers that are the same on every machine and for every NumPy: Philox words, turned into numbers here."""

from __future__ import annotations

import hashlib

import numpy as np

Array = np.ndarray


class Draws:
    """An endless stream of uniform numbers, chosen by a label and any integers."""

    def __init__(self, label: str, *numbers: int) -> None:
        text = ":".join([label, *map(str, numbers)]).encode()
        key = int.from_bytes(hashlib.sha256(text).digest()[:16], "little")
        self._bits = np.random.Philox(key=key)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        return float(self.uniforms(1, low, high)[0])

    def uniforms(self, count: int, low: float = 0.0, high: float = 1.0) -> Array:
        words = np.asarray(self._bits.random_raw(count), np.uint64) >> np.uint64(11)
        return low + (high - low) * (words.astype(np.float64) * 2.0**-53)

    def index(self, count: int) -> int:
        return min(int(self.uniform() * count), count - 1)
