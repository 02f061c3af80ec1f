"""Functions of time that are constant between given instants, integrated exactly.

Time is whole Unix seconds, values are integers (see `economy.units`), so every integral is exact and every machine
finds the same one: prices that are equal compare equal, and the planner's ties are ties.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

Array = np.ndarray


@dataclass(frozen=True, eq=False)
class Steps:
    """Value `values[i]` from `edges_s[i]` (inclusive) to `edges_s[i + 1]` (exclusive)."""

    edges_s: Int[Array, " n+1"]
    values: Int[Array, " n"]

    def __post_init__(self) -> None:
        assert len(self.edges_s) == len(self.values) + 1 >= 2
        assert np.all(np.diff(self.edges_s) > 0)

    def at(self, times_s: Int[Array, " k"]) -> Int[Array, " k"]:
        """The value at each instant; instants lie within the edges."""
        return self.values[self._piece(times_s)]

    def integral(self, starts_s: Int[Array, " k"], ends_s: Int[Array, " k"]) -> Int[Array, " k"]:
        """∫ value dt over each [start, end], which lie within the edges."""
        return self._since_begin(ends_s) - self._since_begin(starts_s)

    def on(self, edges_s: Int[Array, " m+1"]) -> Steps:
        """The same function, written on finer edges within its own."""
        return Steps(edges_s, self.at(edges_s[:-1]))

    def _piece(self, times_s: Array) -> Array:
        assert np.all((times_s >= self.edges_s[0]) & (times_s <= self.edges_s[-1]))
        return np.minimum(np.searchsorted(self.edges_s, times_s, side="right") - 1, len(self.values) - 1)

    def _since_begin(self, times_s: Array) -> Array:
        until = np.concatenate([[0], np.cumsum(self.values * np.diff(self.edges_s))])
        piece = self._piece(times_s)
        return until[piece] + self.values[piece] * (times_s - self.edges_s[piece])


def common_edges(*edges_s: Int[Array, " n"]) -> Int[Array, " m"]:
    """All edges, once each, in order."""
    return np.unique(np.concatenate(edges_s))
