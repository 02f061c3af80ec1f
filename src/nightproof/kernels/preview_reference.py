"""The shading of previews in plain NumPy, twin of `native/trace_preview.h`: one opaque surface without coat or sheen,
under an environment's tables (`rendering/preview_light.py` makes them) and no punctual lights.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Array = np.ndarray


def shade(
    base: Float[Array, "n 3"],
    metallic: Float[Array, "n"],
    roughness: Float[Array, "n"],
    normal: Float[Array, "n 3"],
    viewer: Float[Array, "n 3"],
    harmonics: Float[Array, "9 3"],
    maps: list[Float[Array, "h w 3"]],
    ior: float = 1.5,
) -> Float[Array, "n 3"]:
    """Radiance towards `viewer` (unit, from the surface) of an opaque surface.

    Args:
        harmonics: irradiance / π, by 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y² of the normal.
        maps: mirrored light from roughness 0 to 1 in even steps, equirectangular.
    """
    cosine = np.clip(np.einsum("nc,nc->n", normal, viewer), 0, 1)
    f0 = ((ior - 1) / (ior + 1)) ** 2 * (1 - metallic)[:, None] + base * metallic[:, None]
    glossy = lobe_reflectance(f0, roughness, cosine)
    mirrored = 2 * cosine[:, None] * normal - viewer
    x, y, z = normal.T
    bands = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1)
    diffuse = base * (1 - metallic)[:, None] * (1 - glossy) * np.maximum(bands @ harmonics, 0)
    return diffuse + glossy * _mirrored_light(maps, mirrored, roughness)


def lobe_reflectance(f0: Float[Array, "n 3"], roughness: Float[Array, "n"], cosine: Float[Array, "n"]) -> Array:
    """Reflectance summed over the lobe (Karis, Physically Based Shading on Mobile, 2014)."""
    x, y = 1 - roughness, 0.0425 - 0.0275 * roughness
    z, w = 1.04 - 0.572 * roughness, 0.022 * roughness - 0.04
    a = np.minimum(x * x, np.exp2(-9.28 * cosine)) * x + y
    return f0 * (-1.04 * a + z)[:, None] + np.maximum(1.04 * a + w, 0)[:, None]  # the fit dips below zero


def _mirrored_light(maps: list[Array], direction: Array, roughness: Array) -> Array:
    level = np.clip(roughness, 0, 1) * (len(maps) - 1)
    lower = np.minimum(level.astype(int), len(maps) - 2)
    looked = np.stack([_look_up(values, direction) for values in maps])
    row = np.arange(len(direction))
    t = (level - lower)[:, None]
    return looked[lower, row] * (1 - t) + looked[lower + 1, row] * t


def _look_up(values: Array, direction: Array) -> Array:
    height, width = values.shape[:2]
    x = (np.arctan2(direction[:, 0], -direction[:, 2]) / (2 * np.pi) + 0.5) * width - 0.5
    y = np.clip(np.arccos(np.clip(direction[:, 1], -1, 1)) / np.pi * height - 0.5, 0, height - 1)
    x0, y0 = np.floor(x).astype(int), np.floor(y).astype(int)
    y1, s, t = np.minimum(y0 + 1, height - 1), (x - x0)[:, None], (y - y0)[:, None]
    upper = values[y0, x0 % width] * (1 - s) + values[y0, (x0 + 1) % width] * s
    return upper * (1 - t) + (values[y1, x0 % width] * (1 - s) + values[y1, (x0 + 1) % width] * s) * t
