"""The grids on which Draco stores numbers, so that what is handed to it comes back as it was.

Positions stand on points `origin + n · span / (2^bits − 1)` per axis, computed in float32. Data that came out of Draco
stand on such a grid already: put back on the same one they lose nothing, however coarse it is. Normals stand on the
octahedron unfolded around +x, with as many points as `filters` has around +z.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from nightproof.pipelines.packing import filters

MOST_BITS = 22
"""Finer than this, and the float32 arithmetic of encoders no longer tells neighbours apart."""
LEAST_NORMAL_BITS = 2
SAME_NORMAL = 2e-6
"""Length of the difference that float32 makes between decoders."""
TRIED = 64
"""Places in a file where a grid may be written."""


@dataclass(frozen=True)
class Grid:
    """Points at which positions may stand."""

    origin: Float32[np.ndarray, "3"]
    span: float
    """From the first to the last point along each axis; a float32."""
    bits: int

    @property
    def last(self) -> int:
        return 2**self.bits - 1

    def numbers(self, positions: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
        """Of the nearest points: whole numbers, 0 to `last` on the grid."""
        return np.rint((positions.astype(np.float64) - self.origin) * (self.last / self.span))

    def points(self, numbers: Float[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
        """As decoders compute them."""
        return numbers.astype(np.float32) * (np.float32(self.span) / np.float32(self.last)) + self.origin

    def holds(self, positions: Float32[np.ndarray, "v 3"]) -> bool:
        """Whether they stand on it, to the bit."""
        numbers = self.numbers(positions)
        return bool(numbers.max() <= self.last) and np.array_equal(self.points(numbers), positions)


def position_grid(positions: Float32[np.ndarray, "v 3"], step: float, data: bytes) -> Grid | None:
    """The grid they came on where that has no more points than needed, else the multiples of `step`, a power of two.

    None where the positions span too many steps for Draco or stand too far from zero for float32.

    Args:
        data: the Draco bytes that the positions were decoded from.
    """
    own, new = _grid_in(data, positions), _multiples(positions, step)
    return own if own and (new is None or own.bits <= new.bits) else new


def _grid_in(data: bytes, positions: Float32[np.ndarray, "v 3"]) -> Grid | None:
    """Draco writes the smallest coordinates, the span and the bits in a row: where all positions agree it is those."""
    low = positions.min(axis=0).astype("<f4")
    end = len(data)
    for _ in range(TRIED):
        at = data.rfind(low.tobytes(), 0, end)
        if at < 0 or at + 17 > len(data):
            return None
        end = at + 11
        span, bits = struct.unpack_from("<fB", data, at + 12)
        if not 0 < span < math.inf or not 1 <= bits <= MOST_BITS:
            continue
        grid = Grid(low, span, bits)
        if grid.holds(positions):
            return grid
    return None


def _multiples(positions: Float32[np.ndarray, "v 3"], step: float) -> Grid | None:
    wide = positions.astype(np.float64)
    if math.ldexp(1.0, filters.exponent_of(step, float(np.abs(wide).max()))) > step:
        return None  # so far from zero that float32 is coarser
    low = np.rint(wide.min(axis=0) / step)
    most = int((np.rint(wide.max(axis=0) / step) - low).max())
    bits = max(1, most.bit_length())
    span = step * (2**bits - 1)
    fits = bits <= MOST_BITS and span <= float(np.finfo(np.float32).max)
    return Grid((low * step).astype(np.float32), span, bits) if fits else None


def normals_on_grid(normals: Float32[np.ndarray, "v 3"], most_bits: int) -> tuple[Float32[np.ndarray, "v 3"], int]:
    """Unit vectors on the coarsest grid that holds them as they are, or the nearest ones on that of `most_bits`."""
    sample = normals[:: max(1, len(normals) // 64)]
    for bits in range(LEAST_NORMAL_BITS, most_bits):
        if _moved(sample, _nearest(sample, bits)) < SAME_NORMAL:
            found = _nearest(normals, bits)
            if _moved(normals, found) < SAME_NORMAL:
                return found, bits
    return _nearest(normals, most_bits), most_bits


def _nearest(normals: np.ndarray, bits: int) -> np.ndarray:
    one = 2 ** (bits - 1) - 1
    return filters.folded(filters.nearest_on_octahedron(normals[:, [1, 2, 0]], one), one)[:, [2, 0, 1]].astype("<f4")


def _moved(some: np.ndarray, others: np.ndarray) -> float:
    return float(np.abs(some - others).max(initial=0.0))


def texcoord_bits(texcoords: Float32[np.ndarray, "v 2"], step: float) -> int | None:
    """The fewest with which none moves by more than half a step; None where Draco cannot do it.

    The grid runs from the smallest coordinates over the larger of both spans: what is left of a mesh has its own.
    """
    wide = texcoords.astype(np.float64)
    low, span = wide.min(axis=0), float(np.ptp(wide, axis=0).max())
    if span == 0.0:
        return 1
    for bits in range(1, MOST_BITS + 1):
        last = 2**bits - 1
        if np.abs(np.rint((wide - low) * (last / span)) * (span / last) + low - wide).max() <= step / 2:
            return bits
    return None
