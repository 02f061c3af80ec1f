"""The filters of EXT_meshopt_compression (appendix B) and KHR_meshopt_compression, undone in NumPy.

Written from the specification's formulas rather than called in the library, whose Python wrapper declares no argument
types for them and lacks COLOR.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Filter:
    strides: tuple[int, ...]
    undo: Callable[[np.ndarray], np.ndarray]
    types: tuple[str, ...]
    """The component type for each stride."""

    def apply(self, raw: np.ndarray, stride: int) -> np.ndarray:
        dtype = np.dtype(self.types[self.strides.index(stride)])
        return self.undo(np.frombuffer(raw.tobytes(), dtype).reshape(-1, stride // dtype.itemsize))


def _octahedral(values: np.ndarray) -> np.ndarray:
    """Normals and tangents: x, y on the octahedron, z holds the scale of 1, w stays."""
    x, y, one = (values[:, i].astype(np.float32) for i in range(3))
    z = one - np.abs(x) - np.abs(y)
    fold = np.minimum(z, 0)
    x, y = x - np.copysign(fold, x), y - np.copysign(fold, y)
    largest = np.float32(np.iinfo(values.dtype).max)
    length = np.sqrt(x * x + y * y + z * z)
    scale = np.divide(largest, length, out=np.zeros_like(length), where=length > 0)
    result = np.array(values)
    for i, axis in enumerate((x, y, z)):
        result[:, i] = _rounded(axis * scale).astype(values.dtype)
    return result


def _quaternion(values: np.ndarray) -> np.ndarray:
    """Rotations: three components, and in the fourth the scale and which component was left out."""
    one = (values[:, 3] | 3).astype(np.float32)
    xyz = values[:, :3].astype(np.float32) * (np.float32(np.sqrt(0.5)) / one)[:, None]
    w = np.sqrt(np.maximum(1 - (xyz * xyz).sum(axis=1, dtype=np.float32), 0))
    largest = values[:, 3] & 3
    rows = np.arange(len(values))
    result = np.empty_like(values)
    for i in range(3):
        result[rows, (largest + 1 + i) % 4] = _rounded(xyz[:, i] * np.float32(32767)).astype(np.int16)
    result[rows, largest] = _rounded(w * np.float32(32767)).astype(np.int16)
    return result


def _exponential(values: np.ndarray) -> np.ndarray:
    """Floats: 24 bits of mantissa below 8 bits of exponent."""
    exponent, mantissa = values >> 24, (values << 8) >> 8
    return np.ldexp(mantissa.astype(np.float32), exponent).astype(np.float32)


def _color(values: np.ndarray) -> np.ndarray:
    """YCoCg with the bit depth hidden in alpha (KHR_meshopt_compression)."""
    largest = np.iinfo(values.dtype).max
    wide = values.astype(np.int64)
    signed = values.view(values.dtype.str.replace("u", "i")).astype(np.int64)
    y, co, cg, alpha = wide[:, 0], signed[:, 1], signed[:, 2], wide[:, 3]
    bits = np.floor(np.log2(np.maximum(alpha, 1))).astype(np.int64) + 1
    top = (np.int64(1) << bits) - 1
    alpha = ((alpha << 1) & top) | (alpha & 1)
    scale = np.float32(largest) / np.maximum(top, 1).astype(np.float32)
    channels = (y + co - cg, y + cg, y - co - cg, alpha)
    result = np.stack([channel.astype(np.float32) * scale for channel in channels], axis=1)
    return np.clip(np.floor(result + np.float32(0.5)), 0, largest).astype(values.dtype)


def _rounded(values: np.ndarray) -> np.ndarray:
    """Half away from zero, as the library does."""
    return np.trunc(values + np.copysign(np.float32(0.5), values))


FILTERS: dict[str, Filter | None] = {
    "NONE": None,
    "OCTAHEDRAL": Filter((4, 8), _octahedral, ("<i1", "<i2")),
    "QUATERNION": Filter((8,), _quaternion, ("<i2",)),
    "EXPONENTIAL": Filter(tuple(range(4, 257, 4)), _exponential, ("<i4",) * 64),
    "COLOR": Filter((4, 8), _color, ("<u1", "<u2")),
}
