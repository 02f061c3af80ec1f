"""glTF materials as stock Mitsuba 3 BSDFs.

| material | Mitsuba |
|---|---|
| plain Lambert: specular 0, metallic 0 | `diffuse` |
| metallic-roughness | `principled` (base_color, roughness, metallic, eta) |
| … with clearcoat or sheen | the same plugin's lobes: an approximation, noted |
| thin transmission, smooth and whole | `thindielectric` |
| other thin transmission | `principledthin` |
| transmission into a volume | `principled` with `spec_trans`, Beer–Lambert inside |

Round it: `normalmap`, `twosided`, `mask`. docs/reference/auditor.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightproof.rendering.mitsuba_textures import Bitmaps
from nightproof.scenes.flat import Material, TextureUse

MAX_F0 = 0.9
"""Dielectric reflectances beyond have no sensible index of refraction."""
SMOOTH = 0.03
"""Roughness below which thin glass is a perfect plate; `principledthin` clamps alpha at 0.001 anyway."""


@dataclass(frozen=True)
class Surface:
    """What differs between meshes of one material."""

    mirrored_uv: bool = False
    """Texture coordinates run against the sense of the surface (handedness −1)."""
    vertex_colors: bool = False
    """The mesh carries a `vertex_color` attribute that multiplies the base colour."""


def dielectric_eta(material: Material) -> float:
    """Index of refraction whose normal reflectance is F0 = ((ior − 1)/(ior + 1))² · specular · max(specular_color)."""
    f0 = ((material.ior - 1) / (material.ior + 1)) ** 2 * material.specular * max(material.specular_color)
    root = min(max(f0, 0.0), MAX_F0) ** 0.5
    return (1 + root) / (1 - root)


def is_lambertian(material: Material) -> bool:
    return material.specular == 0 and material.metallic == 0 and material.transmission == 0


def texture_uses(material: Material) -> list[TextureUse]:
    """The textures a material reads, most visible first."""
    uses = (
        material.base_color_texture,
        material.emissive_texture,
        material.normal_texture,
        material.metallic_roughness_texture,
        material.transmission_texture,
    )
    return [use for use in uses if use is not None]


def bsdf(bitmaps: Bitmaps, material: Material, surface: Surface) -> Any:
    """The whole BSDF of a lit material."""
    mi = bitmaps.mi
    lobes = _lobes(bitmaps, material, surface)
    if material.transmission > 0 and material.thickness_m > 0:
        wrapped = _normal_mapped(bitmaps, lobes, material, surface, back=False)  # has two sides of its own
    else:
        front = _normal_mapped(bitmaps, lobes, material, surface, back=False)
        back = _normal_mapped(bitmaps, lobes, material, surface, back=True)
        wrapped = front if material.transmission > 0 else {"type": "twosided", "front": front, "back": back}
    loaded = mi.load_dict(wrapped) if isinstance(wrapped, dict) else wrapped
    return masked(bitmaps, material, loaded)


def masked(bitmaps: Bitmaps, material: Material, inner: Any) -> Any:
    """`inner` seen through the material's alpha; inner itself where it is opaque everywhere."""
    opacity = _opacity(bitmaps, material)
    if opacity is None:
        return inner
    return bitmaps.mi.load_dict({"type": "mask", "opacity": opacity, "inner": inner})


def has_alpha(bitmaps: Bitmaps, material: Material) -> bool:
    return _opacity(bitmaps, material) is not None


def _opacity(bitmaps: Bitmaps, material: Material) -> Any:
    if material.alpha_mode == "OPAQUE":
        return None
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
        return lobes | _extra_lobes(material)
    transmission = _transmission(bitmaps, material)
    if material.thickness_m > 0:
        return {"type": "principled", **common, "metallic": metallic, "eta": eta, "spec_trans": transmission}
    partial = material.transmission < 1 or material.transmission_texture is not None
    if material.roughness >= SMOOTH or partial:
        # `blendbsdf` of a plate and an opaque lobe comes out about 10 % too dark under a sky; this is within 2 %.
        return {"type": "principledthin", **common, "eta": eta, "spec_trans": transmission}
    return {"type": "thindielectric", "int_ior": eta, "ext_ior": 1.0, "specular_transmittance": base}


def _extra_lobes(material: Material) -> dict[str, Any]:
    """Clearcoat and sheen, where the scene carries their parameters."""
    extra: dict[str, Any] = {}
    clearcoat = getattr(material, "clearcoat", 0.0)
    if clearcoat > 0:
        # Disney's gloss runs over alpha 0.1 … 0.001; glTF's roughness gives alpha = roughness².
        alpha = min(max(getattr(material, "clearcoat_roughness", 0.0) ** 2, 0.001), 0.1)
        extra |= {"clearcoat": clearcoat, "clearcoat_gloss": (0.1 - alpha) / 0.099}
    sheen = max(getattr(material, "sheen_color", (0.0,)))
    return extra | ({"sheen": min(sheen, 1.0)} if sheen > 0 else {})


def base_color(bitmaps: Bitmaps, material: Material, surface: Surface) -> Any:
    """Base colour as a texture object or an `rgb` dictionary."""
    if material.base_color_texture is not None:
        if surface.vertex_colors:
            bitmaps.notes.add(f"{material.name}: vertex colours under a texture are left out")
        return bitmaps.color(material.base_color_texture, material.base_color)
    if surface.vertex_colors:
        return {"type": "mesh_attribute", "name": "vertex_color"}
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


def _normal_mapped(
    bitmaps: Bitmaps, lobes: dict[str, Any], material: Material, surface: Surface, back: bool
) -> dict[str, Any]:
    if material.normal_texture is None:
        return lobes
    return {
        "type": "normalmap",
        "normalmap": bitmaps.normals(material.normal_texture, surface.mirrored_uv, back),
        "use_shadowing_function": False,
        "flip_invalid_normals": False,
        "inner": lobes,
    }
