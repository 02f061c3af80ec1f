"""The maths of previews in plain NumPy: tables of light, made once per environment, and the shading that reads them.

The tables are what the native code (`native/trace_preview.h`) is handed; the shading here is its twin, for one opaque
surface without coat or sheen under an environment and no punctual lights.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32

Array = np.ndarray
LEVELS = 5
"""Blurred maps: roughness 0.2, 0.4 … 1."""
WIDTH, HEIGHT = 64, 32
"""Of the blurred maps: a texel is 5.6° wide, as narrow as the narrowest lobe among them."""


def harmonics_of(radiance: Float[Array, "h w 3"]) -> Float32[Array, "9 3"]:
    """Irradiance / π of an equirectangular map as a polynomial in the normal.

    In the order 1, y, z, x, xy, yz, 3z² − 1, xz, x² − y² (Ramamoorthi and Hanrahan, An Efficient Representation for
    Irradiance Environment Maps, 2001).
    """
    directions, solid_angle = _texels(*radiance.shape[:2])
    x, y, z = directions.T
    bands = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y])
    norm = np.array([0.282095, *[0.488603] * 3, 1.092548, 1.092548, 0.315392, 1.092548, 0.546274])
    lobe = np.array([1.0, *[2 / 3] * 3, *[0.25] * 5])  # of the cosine, over π
    gathered = (bands * solid_angle) @ radiance.reshape(-1, 3).astype(np.float64)
    return (gathered * (norm**2 * lobe)[:, None]).astype(np.float32)


def blurred_maps(radiance: Float[Array, "h w 3"]) -> Float32[Array, "levels 32 64 3"]:
    """The map as GGX lobes of roughness 0.2 … 1 gather it, seen along the normal (Karis, Real Shading in UE4, 2013)."""
    small = _shrunk(radiance)
    directions, solid_angle = _texels(HEIGHT, WIDTH)
    cosine = np.clip((directions @ directions.T).astype(np.float32), 0.0, 1.0)
    values = small.reshape(-1, 3).astype(np.float32)
    result = []
    for level in range(1, LEVELS + 1):
        alpha2 = np.float32((level / LEVELS) ** 4)
        half2 = (1 + cosine) / 2  # squared cosine between normal and half vector
        weight = cosine * solid_angle.astype(np.float32) / np.square(half2 * (alpha2 - 1) + 1)
        result.append((weight @ values / weight.sum(axis=1, keepdims=True)).reshape(HEIGHT, WIDTH, 3))
    return np.ascontiguousarray(np.stack(result), np.float32)


def shade(
    base: Float[Array, "n 3"],
    metallic: Float[Array, "n"],
    roughness: Float[Array, "n"],
    normal: Float[Array, "n 3"],
    viewer: Float[Array, "n 3"],
    radiance: Float[Array, "h w 3"],
    ior: float = 1.5,
) -> Float[Array, "n 3"]:
    """Radiance towards `viewer` (unit, from the surface) of an opaque surface."""
    cosine = np.clip(np.einsum("nc,nc->n", normal, viewer), 0, 1)
    f0 = ((ior - 1) / (ior + 1)) ** 2 * (1 - metallic)[:, None] + base * metallic[:, None]
    glossy = lobe_reflectance(f0, roughness, cosine)
    mirrored = 2 * cosine[:, None] * normal - viewer
    x, y, z = normal.T
    bands = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, x * z, x * x - y * y], axis=1)
    diffuse = base * (1 - metallic)[:, None] * (1 - glossy) * np.maximum(bands @ harmonics_of(radiance), 0)
    return diffuse + glossy * _mirrored_light(radiance, mirrored, roughness)


def lobe_reflectance(f0: Float[Array, "n 3"], roughness: Float[Array, "n"], cosine: Float[Array, "n"]) -> Array:
    """Reflectance summed over the lobe (Karis, Physically Based Shading on Mobile, 2014)."""
    x, y = 1 - roughness, 0.0425 - 0.0275 * roughness
    z, w = 1.04 - 0.572 * roughness, 0.022 * roughness - 0.04
    a = np.minimum(x * x, np.exp2(-9.28 * cosine)) * x + y
    return f0 * (-1.04 * a + z)[:, None] + np.maximum(1.04 * a + w, 0)[:, None]  # the fit dips below zero


def _mirrored_light(radiance: Array, direction: Array, roughness: Array) -> Array:
    maps = [radiance, *blurred_maps(radiance)]
    level = np.clip(roughness, 0, 1) * LEVELS
    lower = np.minimum(level.astype(int), LEVELS - 1)
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


def _texels(height: int, width: int) -> tuple[Array, Array]:
    """Directions (n, 3) and solid angles (n,) of an equirectangular map's texels, as `scenes.flat.Environment` has."""
    theta = np.pi * (np.arange(height) + 0.5) / height
    phi = 2 * np.pi * ((np.arange(width) + 0.5) / width - 0.5)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    directions = np.stack([np.sin(t) * np.sin(p), np.cos(t), -np.sin(t) * np.cos(p)], -1).reshape(-1, 3)
    return directions, (np.sin(t) * (np.pi / height) * (2 * np.pi / width)).reshape(-1)


def _shrunk(radiance: Array) -> Array:
    """To HEIGHT × WIDTH by area average; maps that are smaller are repeated."""
    height, width = radiance.shape[:2]
    rows = (np.arange(height) * HEIGHT) // height if height >= HEIGHT else None
    if rows is None or width < WIDTH:
        return radiance[(np.arange(HEIGHT) * height) // HEIGHT][:, (np.arange(WIDTH) * width) // WIDTH]
    starts = np.searchsorted(rows, np.arange(HEIGHT))
    columns = np.searchsorted((np.arange(width) * WIDTH) // width, np.arange(WIDTH))
    total = np.add.reduceat(np.add.reduceat(radiance.astype(np.float64), starts, axis=0), columns, axis=1)
    counts = np.diff([*starts, height])[:, None] * np.diff([*columns, width])[None, :]
    return total / counts[..., None]
