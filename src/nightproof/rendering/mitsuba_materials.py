"""glTF materials as stock Mitsuba 3 BSDFs.

| material | Mitsuba |
|---|---|
| plain Lambert: specular 0, metallic 0 | `diffuse` |
| metallic-roughness | `principled` (base_color, roughness, metallic, eta) |
| … with clearcoat, sheen or anisotropy, where these are asked for | the same plugin's lobes: close to glTF's, noted |
| thin transmission, smooth and whole | `thindielectric` |
| other thin transmission | `blendbsdf` of `principledthin`, all clear, and `principled` |
| transmission into a volume | `principled` with `spec_trans`, Beer–Lambert inside |

Round it: our `mitsuba_plugins` frame, `twosided`, `mask`. docs/reference/auditor.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from nightproof.rendering.mitsuba_plugins import FRAME
from nightproof.rendering.mitsuba_textures import Bitmaps
from nightproof.scenes.flat import Material, TextureUse

MAX_F0 = 0.9
"""Dielectric reflectances beyond have no sensible index of refraction."""
VERTEX_COLOR, VERTEX_ALPHA = "vertex_color", "vertex_alpha"
SMOOTH = 0.03
"""Roughness below which thin glass is a perfect plate; `principledthin` clamps alpha at 0.001 anyway."""


@dataclass(frozen=True)
class Surface:
    """What differs between meshes of one material."""

    mirrored_uv: bool = False
    """Texture coordinates run against the sense of the surface (handedness −1)."""
    vertex_colors: bool = False
    """The mesh carries an attribute `VERTEX_COLOR`: the base colour, or what multiplies a texture of it."""
    vertex_alpha: bool = False
    """Vertex colours carry an alpha that counts."""

    framed: bool = False
    """The mesh is faceted and carries its normals, and tangents for a normal map, as attributes."""
    glows: bool = False
    """Its triangles emit light somewhere."""

    def tint(self, material: Material) -> tuple[float, ...]:
        """What multiplies the vertex colours: a texture holds the factor already."""
        return (1.0, 1.0, 1.0) if material.base_color_texture is not None else material.base_color


def dielectric_eta(material: Material) -> float:
    """Index of refraction whose normal reflectance is F0 = ((ior − 1)/(ior + 1))² · specular · max(specular_color)."""
    f0 = ((material.ior - 1) / (material.ior + 1)) ** 2 * material.specular * max(material.specular_color)
    root = min(max(f0, 0.0), MAX_F0) ** 0.5
    return (1 + root) / (1 - root)


def is_lambertian(material: Material) -> bool:
    return material.specular == 0 and material.metallic == 0 and material.transmission == 0


def is_pane(material: Material) -> bool:
    """Smooth, thin and clear all over: light passes straight through."""
    thin = material.transmission == 1 and material.transmission_texture is None and material.thickness_m <= 0
    return thin and material.roughness < SMOOTH and material.metallic == 0


def texture_uses(material: Material) -> list[TextureUse]:
    """The textures a material reads, most visible first."""
    uses = (
        material.base_color_texture,
        material.emissive_texture,
        material.normal_texture,
        material.metallic_roughness_texture,
        material.transmission_texture,
        *_extra_uses(material),
    )
    return [use for use in uses if use is not None]


def _extra_uses(material: Material) -> list[TextureUse | None]:
    coat, sheen, grain = material.clearcoat, material.sheen, material.anisotropy
    uses = [] if coat is None else [coat.texture, coat.roughness_texture]
    return uses + ([] if sheen is None else [sheen.color_texture]) + ([] if grain is None else [grain.texture])


def bsdf(bitmaps: Bitmaps, material: Material, surface: Surface) -> Any:
    """The whole BSDF of a lit material."""
    mi = bitmaps.mi
    lobes = _lobes(bitmaps, material, surface)
    if material.transmission > 0 and material.thickness_m > 0:
        wrapped = _framed(bitmaps, lobes, material, surface, back=False)  # has two sides of its own
    else:
        front = _framed(bitmaps, lobes, material, surface, back=False)
        back = _framed(bitmaps, lobes, material, surface, back=True)
        wrapped = front if material.transmission > 0 else {"type": "twosided", "front": front, "back": back}
    loaded = mi.load_dict(wrapped) if isinstance(wrapped, dict) else wrapped
    return masked(bitmaps, material, surface, loaded)


def masked(bitmaps: Bitmaps, material: Material, surface: Surface, inner: Any) -> Any:
    """`inner` seen through the material's alpha; inner itself where it is opaque everywhere."""
    opacity = _opacity(bitmaps, material, surface)
    if opacity is None:
        return inner
    return bitmaps.mi.load_dict({"type": "mask", "opacity": opacity, "inner": inner})


def has_alpha(bitmaps: Bitmaps, material: Material, surface: Surface) -> bool:
    return _opacity(bitmaps, material, surface) is not None


def _opacity(bitmaps: Bitmaps, material: Material, surface: Surface) -> Any:
    if material.alpha_mode == "OPAQUE":
        return None
    plain = _plain_opacity(bitmaps, material)
    if not surface.vertex_alpha:
        return plain
    if material.alpha_mode == "MASK":
        bitmaps.notes.add(f"{material.name}: the alpha of vertex colours is left out of a mask")
        return plain
    fading = bitmaps.mi.load_dict({"type": "mesh_attribute", "name": VERTEX_ALPHA})
    return fading if plain is None else bitmaps.product(plain, fading)


def _plain_opacity(bitmaps: Bitmaps, material: Material) -> Any:
    cutoff = material.alpha_cutoff if material.alpha_mode == "MASK" else None
    factor = material.base_color[3]
    if material.base_color_texture is not None:
        return bitmaps.opacity(material.base_color_texture, factor, cutoff)
    opacity = factor if cutoff is None else float(factor >= cutoff)
    return None if opacity >= 1 else opacity


def _lobes(bitmaps: Bitmaps, material: Material, surface: Surface) -> dict[str, Any]:
    base = base_color(bitmaps, material, surface)
    if is_lambertian(material):
        return {"type": "diffuse", "reflectance": base}
    roughness, metallic = _roughness_metallic(bitmaps, material)
    common = {"base_color": base, "roughness": roughness}
    eta = dielectric_eta(material)
    if material.transmission == 0:
        lobes = {"type": "principled", **common, "metallic": metallic, "eta": eta}
        return lobes | _extra_lobes(bitmaps, material)
    transmission = _transmission(bitmaps, material)
    if material.thickness_m > 0:
        return {"type": "principled", **common, "metallic": metallic, "eta": eta, "spec_trans": transmission}
    if is_pane(material):
        return {"type": "thindielectric", "int_ior": eta, "ext_ior": 1.0, "specular_transmittance": base}
    return _thin(common | {"eta": eta}, metallic, transmission)


def _thin(common: dict[str, Any], metallic: Any, transmission: Any) -> dict[str, Any]:
    """Panes that are rough, clear in part only, or metal in part: metal lets nothing pass, the rest its share.

    Smooth ones take the least roughness of `principledthin`: `thindielectric` blended with an opaque lobe comes out
    about 10 % too dark under a sky.
    """
    pane = {"type": "principledthin", **common, "spec_trans": 1.0}
    if transmission != 1.0:
        pane = _mixed(_opaque(common, 0.0), pane, transmission)
    return pane if metallic == 0.0 else _mixed(pane, _opaque(common, 1.0), metallic)


def _opaque(common: dict[str, Any], metallic: float) -> dict[str, Any]:
    lobes = {"type": "principled", **common, "metallic": metallic}
    return {"type": "twosided", "inner": lobes}


def _mixed(first: dict[str, Any], second: dict[str, Any], weight: Any) -> dict[str, Any]:
    return {"type": "blendbsdf", "first": first, "second": second, "weight": weight}


def _extra_lobes(bitmaps: Bitmaps, material: Material) -> dict[str, Any]:
    """Lobes that our tracer lacks. What Disney's lack of glTF's is said in the notes."""
    extra: dict[str, Any] = {}
    if (coat := material.clearcoat) is not None:
        bitmaps.notes.add(f"{material.name}: clearcoat by Disney's lobe, on the mapped normal, base not darkened")
        extra |= {"clearcoat": coat.factor, "clearcoat_gloss": float(_gloss(np.float64(coat.roughness)))}
        if coat.texture is not None:
            extra["clearcoat"] = bitmaps.channel(coat.texture, 0, coat.factor)
        if coat.roughness_texture is not None:
            gloss = partial(_gloss_of_texels, factor=coat.roughness)
            extra["clearcoat_gloss"] = bitmaps.made("gloss", coat.roughness_texture, coat.roughness, gloss)
    if (sheen := material.sheen) is not None:
        bitmaps.notes.add(f"{material.name}: sheen by Disney's lobe, white and of one roughness")
        strength = float(max(sheen.color))
        extra["sheen"] = min(strength, 1.0)
        if sheen.color_texture is not None:
            color = np.asarray(sheen.color, np.float32)
            brightest = partial(_brightest, color=color)
            extra["sheen"] = bitmaps.made("sheen", sheen.color_texture, tuple(sheen.color), brightest)
    if (grain := material.anisotropy) is not None:
        bitmaps.notes.add(f"{material.name}: anisotropy along the tangent, by Disney's parameter")
        extra["anisotropic"] = grain.strength
        if grain.texture is not None:
            extra["anisotropic"] = bitmaps.channel(grain.texture, 2, grain.strength)
    return extra


def _gloss(roughness: Any) -> Any:
    """Disney's gloss runs over alpha 0.1 … 0.001; glTF's roughness gives alpha = roughness²."""
    return (0.1 - np.clip(roughness**2, 0.001, 0.1)) / 0.099


def _gloss_of_texels(texels: Any, factor: float) -> Any:
    return _gloss(texels[..., 1:2] * factor)


def _brightest(texels: Any, color: Any) -> Any:
    return np.minimum((texels[..., :3] * color).max(axis=2, keepdims=True), 1)


def base_color(bitmaps: Bitmaps, material: Material, surface: Surface) -> Any:
    """Base colour as a texture object or an `rgb` dictionary."""
    if material.base_color_texture is not None:
        color = bitmaps.color(material.base_color_texture, material.base_color)
        if surface.vertex_colors:
            return bitmaps.product(color, bitmaps.mi.load_dict({"type": "mesh_attribute", "name": VERTEX_COLOR}))
        return color
    if surface.vertex_colors:
        return {"type": "mesh_attribute", "name": VERTEX_COLOR}
    return {"type": "rgb", "value": list(material.base_color[:3])}


def _roughness_metallic(bitmaps: Bitmaps, material: Material) -> tuple[Any, Any]:
    use = material.metallic_roughness_texture
    if use is None:
        return material.roughness, material.metallic
    roughness = bitmaps.channel(use, 1, material.roughness)
    return roughness, bitmaps.channel(use, 2, material.metallic) if material.metallic > 0 else 0.0


def _transmission(bitmaps: Bitmaps, material: Material) -> Any:
    if material.transmission_texture is None:
        return material.transmission
    return bitmaps.channel(material.transmission_texture, 0, material.transmission)


def _framed(bitmaps: Bitmaps, lobes: dict[str, Any], material: Material, surface: Surface, back: bool) -> Any:
    if not surface.framed:
        return lobes
    framed = {
        "type": FRAME,
        "inner": bitmaps.mi.load_dict(lobes),
        "back": back,
        "strict": material.transmission == 0 or material.thickness_m <= 0,
    }
    if material.normal_texture is not None:
        framed["normals"] = bitmaps.normals(material.normal_texture, surface.mirrored_uv)
    return bitmaps.mi.load_dict(framed)
