"""KHR_materials_pbrSpecularGlossiness (archived) as metallic-roughness.

The conversion of the extension's appendix: metallic solves, per texel, for the mix of a dielectric with F0 .04 and a
metal that has the same perceived diffuse and specular brightness. Exact for dielectrics and metals, near between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import TextureUse
from nightproof.scenes.srgb import LINEAR_OF_BYTE
from nightproof.scenes.textures import TextureTable

Array = np.ndarray
GLOSSINESS = "KHR_materials_pbrSpecularGlossiness"
DIELECTRIC = 0.04
EPSILON = 1e-6


def converted(extension: Fields, table: TextureTable) -> dict[str, Any]:
    diffuse = np.array(extension.numbers("diffuseFactor", 4, (1.0, 1.0, 1.0, 1.0)))
    specular = np.array(extension.numbers("specularFactor", 3, (1.0, 1.0, 1.0)))
    glossiness = extension.number("glossinessFactor", 1.0, 0, 1)
    colors, _ = table.use(extension, "diffuseTexture", "color")
    gloss = extension.child("specularGlossinessTexture")
    if gloss is None:
        return _by_factors(diffuse, specular, glossiness) | {"base_color_texture": colors}
    table.notes.append(f"{extension.pointer}: converted to metallic-roughness per texel; its diffuse colour is kept")
    return _by_texels(extension, diffuse, specular, glossiness, colors, gloss, table)


def _by_factors(diffuse: Array, specular: Array, glossiness: float) -> dict[str, Any]:
    base, metallic = solve(diffuse[None, :3], specular[None])
    return {
        "base_color": (*(float(channel) for channel in base[0]), float(diffuse[3])),
        "metallic": float(metallic[0]),
        "roughness": 1.0 - glossiness,
    }


def _by_texels(
    extension: Fields,
    diffuse: Array,
    specular: Array,
    glossiness: float,
    colors: TextureUse | None,
    gloss: Fields,
    table: TextureTable,
) -> dict[str, Any]:
    texture = gloss.reference("index", "textures")
    use, real = table.use(extension, "specularGlossinessTexture", "color")
    pixels = table.pixels(texture) if texture is not None and real else None
    if pixels is None or use is None or texture is None:
        return _by_factors(diffuse, specular, glossiness) | {"base_color_texture": colors}
    shine = LINEAR_OF_BYTE[pixels[..., :3]] * specular
    # Without the diffuse colour of each texel its strength has to be guessed: what the specular share leaves over.
    rest = np.broadcast_to((1 - shine.max(axis=2, keepdims=True)) * diffuse[:3], shine.shape)
    _, metallic = solve(rest.reshape(-1, 3), shine.reshape(-1, 3))
    made = np.empty_like(pixels)
    made[..., 0], made[..., 3] = 255, 255
    made[..., 1] = np.round(255 * (1 - glossiness * (pixels[..., 3] / 255.0)))
    made[..., 2] = np.round(255 * metallic.reshape(pixels.shape[:2]))
    return {
        "base_color": tuple(float(channel) for channel in diffuse),
        "base_color_texture": colors,
        "metallic": 1.0,
        "roughness": 1.0,
        "metallic_roughness_texture": TextureUse(table.add(made, False, texture), use.texcoord, use.transform),
    }


def solve(diffuse: Array, specular: Array) -> tuple[Array, Array]:
    """Base colours and metalness of (n, 3) linear diffuse and specular colours."""
    one_minus = 1 - specular.max(axis=1)
    metallic = _metallic(_brightness(diffuse), _brightness(specular), one_minus)
    from_diffuse = diffuse * (one_minus / (1 - DIELECTRIC) / np.maximum(1 - metallic, EPSILON))[:, None]
    from_specular = (specular - DIELECTRIC * (1 - metallic)[:, None]) / np.maximum(metallic, EPSILON)[:, None]
    mix = (metallic * metallic)[:, None]
    return np.clip(from_diffuse * (1 - mix) + from_specular * mix, 0, 1), metallic


def _metallic(diffuse: Array, specular: Array, one_minus: Array) -> Array:
    b = diffuse * one_minus / (1 - DIELECTRIC) + specular - 2 * DIELECTRIC
    c = DIELECTRIC - specular
    root = np.sqrt(np.maximum(b * b - 4 * DIELECTRIC * c, 0))
    return np.where(specular < DIELECTRIC, 0.0, np.clip((-b + root) / (2 * DIELECTRIC), 0, 1))


def _brightness(color: Array) -> Array:
    return np.sqrt((color * color) @ np.array([0.299, 0.587, 0.114]))
