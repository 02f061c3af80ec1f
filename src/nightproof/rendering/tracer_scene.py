"""A FlatScene as plain arrays and dictionaries for the native tracer, checked."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float32

from nightproof.scenes.flat import (
    Anisotropy,
    Clearcoat,
    DiffuseTransmission,
    FlatScene,
    Iridescence,
    Material,
    PunctualLight,
    Sheen,
    Texture,
    TextureUse,
)
from nightproof.scenes.srgb import LINEAR_OF_BYTE

Array = np.ndarray

LAMBERT, PRINCIPLED, VOLUME, THIN_ROUGH, PLATE, UNLIT, LAYERED = range(7)
"""`Kind` in native/tracer.h."""
ALPHA_MODES = {"OPAQUE": 0, "MASK": 1, "BLEND": 2}
LIGHT_KINDS = {"point": 1, "spot": 2, "directional": 3}
SMOOTH_ROUGHNESS = 0.03
"""Below, a thin pane lets light straight through."""
MAX_F0 = 0.9
"""Dielectric reflectances beyond have no sensible index of refraction."""


def scene_parts(flat: FlatScene, emitters: bool = True, few_rays: bool = False) -> dict[str, Any]:
    """What `make_trace_scene` takes. Raises `ValueError` for indices that point outside."""
    _check(flat)
    colors = np.ascontiguousarray(flat.colors, np.float32)
    return {
        "positions": _floats(flat.positions),
        "normals": _floats(flat.normals),
        "tangents": _floats(flat.tangents),
        "uv0": _floats(flat.uv0),
        "uv1": _floats(flat.uv1),
        "colors": None if (colors == 1).all() else colors,
        "triangles": np.ascontiguousarray(flat.triangles, np.uint32),
        "triangle_material": np.ascontiguousarray(flat.triangle_material, np.uint32),
        "materials": [_material(material) for material in flat.materials],
        "textures": [texture_part(texture) for texture in flat.textures],
        "emitters": emitters,
        "few_rays": few_rays,
        "lights": [_light(light) for light in flat.lights if light.intensity > 0 and max(light.color) > 0],
        "environment": None if flat.environment is None else _floats(flat.environment.radiance),
        "srgb": LINEAR_OF_BYTE.astype(np.float32),
    }


def dielectric_eta(material: Material) -> float:
    """Index of refraction whose normal reflectance is F0 = ((ior − 1)/(ior + 1))² · specular · max(specular_color).

    Of layered materials without the two factors.
    """
    f0 = ((material.ior - 1) / (material.ior + 1)) ** 2
    if kind_of(material) != LAYERED:  # there the tracer has both factors
        f0 *= material.specular * max(material.specular_color)
    root = min(max(f0, 0.0), MAX_F0) ** 0.5
    return (1 + root) / (1 - root)


def kind_of(material: Material) -> int:
    """Which scattering function a material has."""
    if material.unlit:
        return UNLIT
    if material.transmission > 0:
        if material.thickness_m > 0:
            return VOLUME
        return PLATE if material.roughness < SMOOTH_ROUGHNESS else THIN_ROUGH
    if material.layered:
        return LAYERED
    return LAMBERT if material.specular == 0 and material.metallic == 0 else PRINCIPLED


def _material(material: Material) -> dict[str, Any]:
    return {
        "kind": kind_of(material),
        "alpha_mode": ALPHA_MODES[material.alpha_mode],
        "base_color": material.base_color,
        "metallic": material.metallic,
        "roughness": material.roughness,
        "eta": dielectric_eta(material),
        "transmission": material.transmission,
        "alpha_cutoff": material.alpha_cutoff,
        "emissive": material.emissive,
        "extinction": _extinction(material),
        "spread": 0.025 * material.dispersion * (material.ior - 1) if kind_of(material) == VOLUME else 0.0,
        "double_sided": material.double_sided,
        "base_texture": _use(material.base_color_texture),
        "metal_rough_texture": _use(material.metallic_roughness_texture),
        "normal_texture": _use(material.normal_texture),
        "emissive_texture": _use(material.emissive_texture),
        "transmission_texture": _use(material.transmission_texture),
        "sh_textures": [_use(use) for use in material.sh_textures or (None, None, None)],
        "sh_scale": material.sh_scale,
        "lightmap": _use(material.lightmap),
        "lightmap_intensity": material.lightmap_intensity,
        **_layers(material),
    }


def _layers(material: Material) -> dict[str, Any]:
    coat = material.clearcoat or Clearcoat(0.0)
    sheen = material.sheen or Sheen((0.0, 0.0, 0.0))
    grain = material.anisotropy or Anisotropy(0.0)
    film = material.iridescence or Iridescence(0.0)
    passing = material.diffuse_transmission or DiffuseTransmission(0.0)
    return {
        "grain": grain.strength,
        "grain_turn": (float(np.cos(grain.rotation_rad)), float(np.sin(grain.rotation_rad))),
        "grain_texture": _use(grain.texture),
        "sheen": sheen.color,
        "sheen_roughness": sheen.roughness,
        "sheen_texture": _use(sheen.color_texture),
        "sheen_roughness_texture": _use(sheen.roughness_texture),
        "coat": coat.factor,
        "coat_roughness": coat.roughness,
        "coat_texture": _use(coat.texture),
        "coat_roughness_texture": _use(coat.roughness_texture),
        "coat_normal_texture": _use(coat.normal_texture),
        "specular": material.specular,
        "specular_color": material.specular_color,
        "specular_texture": _use(material.specular_texture),
        "specular_color_texture": _use(material.specular_color_texture),
        "film": film.factor,
        "film_ior": film.ior,
        "film_nm": film.ends_nm,
        "film_texture": _use(film.texture),
        "film_thickness_texture": _use(film.thickness_texture),
        "passing": passing.factor,
        "passing_color": passing.color,
        "passing_texture": _use(passing.texture),
        "passing_color_texture": _use(passing.color_texture),
    }


def _extinction(material: Material) -> tuple[float, ...]:
    """Per metre: light is `attenuation_color` after `attenuation_distance_m` (Beer–Lambert)."""
    if material.thickness_m <= 0 or not np.isfinite(material.attenuation_distance_m):
        return 0.0, 0.0, 0.0
    distance = max(material.attenuation_distance_m, 1e-6)
    return tuple(float(-np.log(min(max(channel, 1e-4), 1.0)) / distance) for channel in material.attenuation_color)


def _use(use: TextureUse | None) -> tuple[Any, ...] | None:
    return None if use is None else (use.texture, use.texcoord, use.transform, use.scale)


def texture_part(texture: Texture) -> dict[str, Any]:
    """One texture as the native scene takes it."""
    pixels = texture.pixels
    kind = np.uint8 if pixels.dtype == np.uint8 else np.float32
    return {
        "pixels": np.ascontiguousarray(pixels, kind),
        "srgb": texture.srgb and kind is np.uint8,
        "wrap_u": int(texture.wrap_u),
        "wrap_v": int(texture.wrap_v),
        "nearest": texture.nearest,
    }


def _light(light: PunctualLight) -> dict[str, Any]:
    direction = np.asarray(light.direction, np.float64)
    direction = direction / max(float(np.linalg.norm(direction)), 1e-30)
    cos_outer = np.cos(light.outer_cone_rad)
    scale = 1 / max(np.cos(min(light.inner_cone_rad, light.outer_cone_rad)) - cos_outer, 1e-3)  # glTF's own floor
    return {
        "kind": LIGHT_KINDS[light.kind],
        "position": tuple(map(float, light.position_m)),
        "direction": tuple(map(float, direction)),
        "intensity": tuple(float(channel * light.intensity) for channel in light.color),
        "spot_scale": float(scale),
        "spot_offset": float(-cos_outer * scale),
    }


def _floats(values: Array) -> Float32[Array, "..."]:
    return np.ascontiguousarray(values, np.float32)


def _check(flat: FlatScene) -> None:
    vertices = len(flat.positions)
    for name in ("normals", "tangents", "uv0", "uv1", "colors"):
        if len(getattr(flat, name)) != vertices:
            raise ValueError(f"{len(getattr(flat, name))} {name} for {vertices} positions")
    if len(flat.triangle_material) != len(flat.triangles):
        raise ValueError(f"{len(flat.triangle_material)} material indices for {len(flat.triangles)} triangles")
    if len(flat.triangles):
        if int(np.max(flat.triangles)) >= vertices:
            raise ValueError(f"triangle index {int(np.max(flat.triangles))} with {vertices} positions")
        if int(np.max(flat.triangle_material)) >= len(flat.materials):
            raise ValueError(f"material {int(np.max(flat.triangle_material))} of {len(flat.materials)}")
    for texture in flat.textures:
        if texture.pixels.ndim != 3 or texture.pixels.shape[2] != 4 or not texture.pixels.size:
            raise ValueError(f"texture {texture.name!r} has shape {texture.pixels.shape}")
    for material in flat.materials:
        for use in material.texture_uses:
            if not 0 <= use.texture < len(flat.textures) or use.texcoord not in (0, 1):
                raise ValueError(f"{material.name}: texture {use.texture}, UV set {use.texcoord}")
    if flat.environment is not None and (flat.environment.radiance.ndim != 3 or not flat.environment.radiance.size):
        raise ValueError(f"environment has shape {flat.environment.radiance.shape}")
