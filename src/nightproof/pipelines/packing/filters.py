"""The filters of EXT_meshopt_compression, forwards: numbers in, the integers that compress well and mean the same out.

Each returns what the file holds (`coded`, before its filter is undone) together with what a viewer will see (`plain`),
so that bounds, errors and uncompressed layouts speak of the very values that arrive. Undoing them: `scenes`'
`meshopt_filters`, written independently from the specification; a test holds both together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

MANTISSA_LIMIT = 2**23 - 1
"""EXPONENTIAL keeps 24 signed bits."""
EXPONENT_LIMIT = 100
"""Both ways; the codec allows 127, and 2^±100 leaves room for the mantissa within float32."""


@dataclass(frozen=True)
class Filtered:
    """One array through one filter."""

    name: str
    """NONE, EXPONENTIAL, OCTAHEDRAL or QUATERNION."""
    coded: np.ndarray
    """(n, stride) uint8: what is handed to the codec."""
    plain: np.ndarray
    """(n, c): the numbers that come out of it, in their stored type."""


def exponential(values: Float[np.ndarray, "n c"], step: float) -> Filtered:
    """Floats on the grid of the multiples of `step`, which is rounded down to a power of two; error ≤ step / 2.

    One exponent for all: the top byte is then constant and costs nothing, the lower three hold the multiple. The grid
    runs through zero whatever the array's range, so neighbouring meshes with one step share their seams exactly. A
    step too fine for 24 bits is coarsened, where float32 itself was no finer.
    """
    wide = np.asarray(values, np.float64)
    largest = float(np.abs(wide).max(initial=0.0))
    exponent = exponent_of(step, largest)
    multiple = np.rint(wide * math.ldexp(1.0, -exponent)).astype(np.int32)
    coded = (np.uint32((exponent & 0xFF) << 24) | (multiple.view(np.uint32) & np.uint32(0xFFFFFF))).astype("<u4")
    plain = (multiple * math.ldexp(1.0, exponent)).astype("<f4")
    return Filtered("EXPONENTIAL", as_bytes(coded), plain)


def exponent_of(step: float, largest: float) -> int:
    """Of the power of two not above `step`, or the least that numbers up to `largest` allow 24 bits."""
    exponent = max(math.floor(math.log2(step)), -EXPONENT_LIMIT)
    while largest > MANTISSA_LIMIT * math.ldexp(1.0, exponent):
        exponent += 1
    return exponent


def octahedral(vectors: Float[np.ndarray, "n c"], bits: int) -> Filtered:
    """Unit vectors (c = 3) or tangents (c = 4, the last ±1) with `bits` per component on the unfolded octahedron.

    Up to 8 bits are stored in bytes, more in shorts.
    """
    dtype = np.dtype("<i1" if bits <= 8 else "<i2")
    one = 2 ** (bits - 1) - 1
    best = nearest_on_octahedron(vectors[:, :3], one)
    largest = np.iinfo(dtype).max
    coded = np.zeros((len(best), 4), dtype)
    coded[:, :2], coded[:, 2] = best, one
    plain = np.rint(folded(best, one) * largest).astype(dtype)
    if vectors.shape[1] == 4:
        coded[:, 3] = np.where(vectors[:, 3] < 0, -largest, largest)
        plain = np.concatenate([plain, coded[:, 3:]], axis=1)
    return Filtered("OCTAHEDRAL", as_bytes(coded), plain)


def nearest_on_octahedron(vectors: Float[np.ndarray, "n 3"], one: int) -> Float[np.ndarray, "n 2"]:
    """Grid points, −one to one, on the octahedron unfolded around +z.

    Of the four around each vector the nearest by angle is taken, which halves the largest error against plain rounding.
    """
    unit = np.asarray(vectors, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    floor = np.floor(_unfold(unit) * one)
    best, closest = floor, np.full(len(unit), -np.inf)
    for corner in ((0, 0), (0, 1), (1, 0), (1, 1)):
        candidate = np.clip(floor + corner, -one, one)
        cosine = np.einsum("ij,ij->i", folded(candidate, one), unit)
        best = np.where((cosine > closest)[:, None], candidate, best)
        closest = np.maximum(cosine, closest)
    return best


def quaternion(rotations: Float[np.ndarray, "n 4"]) -> Filtered:
    """Unit quaternions: the three smaller components of 16 bits and which one is missing; turned by 1.2e-4 rad at most.

    q and −q are one rotation, and the sign is not kept: the specification's interpolation takes the shorter way.
    """
    unit = np.asarray(rotations, np.float64)
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    missing = np.abs(unit).argmax(axis=1)
    rows = np.arange(len(unit))
    unit = unit * np.where(unit[rows, missing] < 0, -1.0, 1.0)[:, None]
    one = 2**15 - 1
    order = (missing[:, None] + np.arange(1, 5)) % 4
    three = np.rint(unit[rows[:, None], order[:, :3]] * math.sqrt(2.0) * one)
    coded = np.empty((len(unit), 4), "<i2")
    coded[:, :3], coded[:, 3] = three, (one & ~3) | missing
    scaled = three / (one * math.sqrt(2.0))
    last = np.sqrt(np.maximum(1.0 - (scaled**2).sum(axis=1), 0.0))
    plain = np.empty((len(unit), 4), "<i2")
    plain[rows[:, None], order] = np.rint(np.concatenate([scaled, last[:, None]], axis=1) * one)
    return Filtered("QUATERNION", as_bytes(coded), plain)


def unfiltered(values: np.ndarray) -> Filtered:
    """The array as it is, each element padded to a multiple of four bytes."""
    plain = np.ascontiguousarray(values.reshape(len(values), -1))
    raw = as_bytes(plain)
    return Filtered("NONE", padded(raw), plain)


def padded(raw: UInt8[np.ndarray, "n s"]) -> UInt8[np.ndarray, "n s4"]:
    """With zeros, to multiples of four bytes a row."""
    missing = -raw.shape[1] % 4
    return raw if missing == 0 else np.concatenate([raw, np.zeros((len(raw), missing), np.uint8)], axis=1)


def as_bytes(values: np.ndarray) -> np.ndarray:
    """(n, c) of any type → (n, size) uint8, little-endian."""
    contiguous = np.ascontiguousarray(values)
    return contiguous.view(np.uint8).reshape(len(contiguous), -1)


def _unfold(unit: np.ndarray) -> np.ndarray:
    """Unit vectors → [−1, 1]² (Cigolle et al., A Survey of Efficient Representations for Independent Unit Vectors)."""
    flat = unit / np.abs(unit).sum(axis=1, keepdims=True)
    folded = (1 - np.abs(flat[:, [1, 0]])) * np.where(flat[:, :2] < 0, -1.0, 1.0)
    return np.where(unit[:, 2:] < 0, folded, flat[:, :2])


def folded(grid: Float[np.ndarray, "n 2"], one: int) -> Float[np.ndarray, "n 3"]:
    """Grid points → unit vectors, as the filter is undone."""
    z = one - np.abs(grid).sum(axis=1)
    fold = np.minimum(z, 0)[:, None]
    vectors = np.concatenate([grid - np.copysign(fold, grid), z[:, None]], axis=1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
