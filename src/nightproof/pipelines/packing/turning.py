"""Unit quaternions (x, y, z, w) as rotation vectors and back: slerp is a straight line between them."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float


def turns(first: Float[np.ndarray, "*n 4"], second: Float[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 3"]:
    """Rotation vectors (axis · angle, rad) that lead from some to others, the shorter way."""
    vector = _product(first * (-1, -1, -1, 1), second)
    vector = vector * np.where(vector[..., 3:] < 0, -1.0, 1.0)
    sine = np.linalg.norm(vector[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, vector[..., 3:])
    return vector[..., :3] * np.where(sine > 1e-12, angle / np.maximum(sine, 1e-12), 2.0)


def turned(quaternions: Float[np.ndarray, "*n 4"], by: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 4"]:
    """Quaternions after rotation vectors, each in the frame of its quaternion."""
    half = np.linalg.norm(by, axis=-1, keepdims=True) / 2
    return _product(quaternions, np.concatenate([by * np.sinc(half / math.pi) / 2, np.cos(half)], axis=-1))


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.broadcast_arrays(a, b)
    ax, ay, az, aw = np.moveaxis(a, -1, 0)
    bx, by, bz, bw = np.moveaxis(b, -1, 0)
    x = aw * bx + ax * bw + ay * bz - az * by
    y = aw * by - ax * bz + ay * bw + az * bx
    z = aw * bz + ax * by - ay * bx + az * bw
    return np.stack([x, y, z, aw * bw - ax * bx - ay * by - az * bz], axis=-1)
