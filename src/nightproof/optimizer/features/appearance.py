"""What the material says at points of the surface: nearest texels, factors and vertex colours multiplied out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from nightproof.optimizer.features.surface import Surface
from nightproof.scenes.distinct import distinct
from nightproof.scenes.flat import FlatScene, Material, TextureUse, Wrap
from nightproof.scenes.srgb import LINEAR_OF_BYTE

Array = np.ndarray

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Rec. 709, linear."""

RUN = 1 << 16
"""Triangles that are looked up together."""

EMISSION_LIMIT = 1e6
"""Radiance beyond which a file is broken rather than bright; keeps sums finite."""


@dataclass(frozen=True)
class Appearance:
    """Values at n points; colours linear, everything finite."""

    material: Int[Array, "n"]
    base_color: Float[Array, "n 3"]
    alpha: Float[Array, "n"]
    """1 for opaque materials; for MASK 0 or 1, after the cut-off."""
    metallic: Float[Array, "n"]
    roughness: Float[Array, "n"]
    transmission: Float[Array, "n"]
    emission: Float[Array, "n"]
    """Luminance of the emitted radiance."""


def two_sided(flat: FlatScene, surface: Surface) -> Bool[Array, "t"]:
    """Which canonical triangles show from behind as well."""
    flags = np.array([m.double_sided for m in flat.materials], bool).reshape(-1)
    return flags[np.asarray(flat.triangle_material, np.int64)[surface.triangle]]


def appearance_at(flat: FlatScene, surface: Surface, row: Int[Array, "n"], weights: Float[Array, "n 3"]) -> Appearance:
    """Evaluate materials at barycentric `weights` of canonical triangles `row`."""
    count = len(row)
    material = np.asarray(flat.triangle_material, np.int64)[surface.triangle[row]] if count else np.zeros(0, np.int64)
    corner = surface.corner[row].reshape(-1, 3)
    colors = np.einsum("nc,ncd->nd", weights, flat.colors[corner].astype(np.float64)) if count else np.ones((0, 4))
    found = Appearance(
        material=material,
        base_color=np.clip(np.nan_to_num(colors[:, :3], nan=1.0), 0, 1),
        alpha=np.clip(np.nan_to_num(colors[:, 3], nan=1.0), 0, 1),
        metallic=np.zeros(count),
        roughness=np.ones(count),
        transmission=np.zeros(count),
        emission=np.zeros(count),
    )
    for index in distinct(material):
        here = np.flatnonzero(material == index)
        _fill(flat, flat.materials[index], found, here, corner[here], weights[here])
    return found


def emission_at(
    flat: FlatScene, surface: Surface, row: Int[Array, "n"], weights: Float[Array, "n 3"]
) -> Float[Array, "n"]:
    """`Appearance.emission` without the rest."""
    found = np.zeros(len(row))
    material = np.asarray(flat.triangle_material, np.int64)[surface.triangle[row]]
    for index in distinct(material):
        here = np.flatnonzero(material == index)
        found[here] = _emission(flat, flat.materials[index], surface.corner[row[here]], weights[here])
    return found


def appearance_of_triangles(
    flat: FlatScene, surface: Surface, rows: Int[Array, "n"]
) -> Iterator[tuple[Int[Array, "r"], Appearance]]:
    """Of the centres of triangles, a run at a time: of millions at once, the values in between fill gigabytes."""
    for start in range(0, len(rows), RUN):
        here = rows[start : start + RUN]
        yield here, appearance_at(flat, surface, here, np.full((len(here), 3), 1 / 3))


def _fill(flat: FlatScene, material: Material, found: Appearance, here: Array, corner: Array, weights: Array) -> None:
    def texels(use: TextureUse | None) -> Array:
        return _texels(flat, use, corner, weights)

    color = texels(material.base_color_texture) * _finite(material.base_color)
    found.base_color[here] *= np.clip(color[:, :3], 0, 1)
    found.alpha[here] = _alpha(material, found.alpha[here] * color[:, 3])
    surface_texels = texels(material.metallic_roughness_texture)
    found.roughness[here] = np.clip(surface_texels[:, 1] * _finite(material.roughness), 0, 1)
    found.metallic[here] = np.clip(surface_texels[:, 2] * _finite(material.metallic), 0, 1)
    found.transmission[here] = np.clip(
        texels(material.transmission_texture)[:, 0] * _finite(material.transmission), 0, 1
    )
    found.emission[here] = _emission(flat, material, corner, weights)


def _emission(flat: FlatScene, material: Material, corner: Array, weights: Array) -> Float[Array, "n"]:
    emitted = _texels(flat, material.emissive_texture, corner, weights)[:, :3] * _finite(material.emissive)
    return np.asarray(np.clip(emitted @ LUMINANCE, 0, EMISSION_LIMIT))


def _alpha(material: Material, alpha: Array) -> Array:
    if material.alpha_mode == "MASK":
        return (alpha >= material.alpha_cutoff).astype(np.float64)
    return np.clip(alpha, 0, 1) if material.alpha_mode == "BLEND" else np.ones_like(alpha)


def _finite(value: float | tuple[float, ...]) -> Array:
    return np.nan_to_num(np.asarray(value, np.float64), nan=0.0, posinf=EMISSION_LIMIT, neginf=0.0)


def _texels(flat: FlatScene, use: TextureUse | None, corner: Array, weights: Array) -> Float[Array, "n 4"]:
    if use is None or not 0 <= use.texture < len(flat.textures):
        return np.ones((len(corner), 4))
    texture = flat.textures[use.texture]
    height, width = texture.pixels.shape[:2]
    if not height or not width:
        return np.ones((len(corner), 4))
    sets = flat.uv1 if use.texcoord == 1 else flat.uv0
    places = np.einsum("nc,ncd->nd", weights, sets[corner].astype(np.float64))
    uv = np.nan_to_num(places, nan=0.0, posinf=0.0, neginf=0.0)
    placed = use.placed(uv)
    u, v = _wrapped(placed[:, 0], texture.wrap_u), _wrapped(placed[:, 1], texture.wrap_v)
    column = np.minimum((u * width).astype(np.int64), width - 1)
    line = np.minimum((v * height).astype(np.int64), height - 1)
    return _linear(texture.pixels[line, column], texture.srgb)


def _wrapped(value: Array, wrap: Wrap) -> Array:
    value = np.clip(np.nan_to_num(value), -1e9, 1e9)
    if wrap == Wrap.CLAMP:
        return np.clip(value, 0, 1)
    if wrap == Wrap.MIRROR:
        return 1 - np.abs(value % 2 - 1)
    return value % 1.0


def _linear(pixels: Array, srgb: bool) -> Float[Array, "n 4"]:
    if pixels.dtype != np.uint8:
        return np.nan_to_num(pixels.astype(np.float64), nan=0.0, posinf=EMISSION_LIMIT, neginf=0.0)
    linear = pixels / 255.0
    if srgb:
        linear[:, :3] = LINEAR_OF_BYTE[pixels[:, :3]]
    return linear
