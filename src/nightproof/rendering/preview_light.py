"""What previews light by: an environment's irradiance as a polynomial, its mirrored light as blurred maps."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32

from nightproof.scenes.environment import directions, solid_angles
from nightproof.scenes.flat import Environment
from nightproof.scenes.harmonics import COSINE, NORMS, harmonics

Array = np.ndarray
LEVELS = 5
"""Blurred maps: roughness 0.2, 0.4 … 1."""
WIDTH, HEIGHT = 64, 32
"""Of the blurred maps: a texel is 5.6° wide, as narrow as the narrowest lobe among them."""


@dataclass(frozen=True)
class PreviewLight:
    """An environment as `native/trace_preview.h` and its twin read it."""

    harmonics: Float32[Array, "9 3"]
    sharp: Float32[Array, "h w 3"]
    blurred: Float32[Array, "levels 32 64 3"]


def preview_light(environment: Environment | None) -> PreviewLight:
    """Made once per environment; none is black."""
    if environment is None:
        return _light_of(np.zeros((2, 4, 3), np.float32).tobytes(), 2)
    radiance = np.ascontiguousarray(environment.radiance, np.float32)
    return _light_of(radiance.tobytes(), radiance.shape[0])


@lru_cache(maxsize=4)
def _light_of(data: bytes, height: int) -> PreviewLight:
    radiance = np.frombuffer(data, np.float32).reshape(height, -1, 3)
    return PreviewLight(irradiance_of(radiance), radiance, blurred_maps(radiance))


def irradiance_of(radiance: Float[Array, "h w 3"]) -> Float32[Array, "9 3"]:
    """Irradiance / π of an equirectangular map, by the polynomials of `scenes.harmonics.bands` in the normal."""
    height, width = radiance.shape[:2]
    weighted = radiance.astype(np.float64) * solid_angles(height, width)[..., None]
    gathered = harmonics(directions(height, width)).reshape(-1, 9).T @ weighted.reshape(-1, 3)
    return (gathered * (NORMS * COSINE / np.pi)[:, None]).astype(np.float32)


def blurred_maps(radiance: Float[Array, "h w 3"]) -> Float32[Array, "levels 32 64 3"]:
    """The map as GGX lobes of roughness 0.2 … 1 gather it, seen along the normal (Karis, Real Shading in UE4, 2013)."""
    values = _shrunk(radiance).reshape(-1, 3).astype(np.float32)
    looks = directions(HEIGHT, WIDTH).reshape(-1, 3)
    solid_angle = np.repeat(solid_angles(HEIGHT, WIDTH), WIDTH).astype(np.float32)
    cosine = (looks @ looks.T).astype(np.float32)
    np.clip(cosine, 0.0, 1.0, out=cosine)
    half2 = (1 + cosine) / 2  # squared cosine between normal and half vector
    arriving = np.multiply(cosine, solid_angle, out=cosine)
    weight = np.empty_like(half2)  # all in place: each of these matrices takes 17 MB
    result = []
    for level in range(1, LEVELS + 1):
        alpha2 = np.float32((level / LEVELS) ** 4)
        np.multiply(half2, alpha2 - 1, out=weight)
        weight += 1
        np.divide(arriving, np.square(weight, out=weight), out=weight)
        result.append((weight @ values / weight.sum(axis=1, keepdims=True)).reshape(HEIGHT, WIDTH, 3))
    return np.ascontiguousarray(np.stack(result), np.float32)


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
