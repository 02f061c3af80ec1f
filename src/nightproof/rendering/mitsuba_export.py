"""A FlatScene as a Mitsuba 3 scene of stock plugins, for the independent auditor.

Nothing of ours renders here: materials, lights, textures and the integrator are Mitsuba's own, so that an error in
our tracer cannot hide behind the same error in the audit. What Mitsuba cannot express is approximated and said so
in `Exported.notes`.

Unlit materials show their base colour to the camera and light nothing, which no Mitsuba material does. A scene that
has both kinds becomes two: LIT, where unlit surfaces are black, and UNLIT, where they glow and all else is black; the
picture is the sum.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from nightproof.rendering import mitsuba_materials as materials
from nightproof.rendering.mitsuba_lights import environment_emitter, punctual_emitter
from nightproof.rendering.mitsuba_meshes import Patch, mitsuba_mesh, patches, turned_over
from nightproof.rendering.mitsuba_textures import Bitmaps
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene, Material

ALPHA_LAYERS = 32
"""How many transparent layers a ray may cross on top of its bounces: Mitsuba counts both alike."""
BACK_LIFT = 2e-5
"""Distance between the two sides of a double-sided emitter, as a share of the scene's diagonal."""


class Part(Enum):
    """Which half of a scene with unlit materials is meant."""

    LIT = "lit"
    UNLIT = "unlit"


@dataclass(frozen=True)
class Exported:
    """A scene loaded into Mitsuba."""

    scene: Any
    part: Part
    alpha: bool
    """Whether rays pass through surfaces: the integrator must look for light behind them."""
    straight: bool
    """Whether light passes volumes or panes on a straight line, which `path` does not look for."""
    notes: tuple[str, ...]

    def integrator(self, max_depth: int) -> dict[str, Any]:
        """The path tracer that this scene needs; `max_depth` 1 is emission seen directly, 2 adds direct light."""
        if self.part is Part.UNLIT:
            return {"type": "path", "max_depth": ALPHA_LAYERS if self.alpha else 1}
        if self.alpha or self.straight:
            return {"type": "volpath", "max_depth": max_depth + ALPHA_LAYERS if self.alpha else max_depth}
        return {"type": "path", "max_depth": max_depth}


def parts(flat: FlatScene) -> tuple[Part, ...]:
    """The halves whose sum is the picture of `flat`."""
    unlit = any(material.unlit for material in flat.materials)
    lit = flat.environment is not None or not all(material.unlit for material in flat.materials)
    return tuple(part for part, there in ((Part.LIT, lit), (Part.UNLIT, unlit)) if there)


def export(mi: Any, flat: FlatScene, part: Part = Part.LIT, beyond: bool = False) -> Exported:
    """Load `flat` into Mitsuba.

    Args:
        mi: the mitsuba module with its variant already set.
        beyond: show clearcoat, sheen and anisotropy, by lobes much like glTF's. Without, they are left out.
    """
    notes: set[str] = set()
    bitmaps = Bitmaps(mi, flat, notes)
    scene: dict[str, Any] = {"type": "scene"}
    if part is Part.LIT:
        scene |= _lights(mi, flat)
    alpha = volumes = panes = False
    surfaces: dict[Any, Any] = {}
    for number, patch in enumerate(patches(flat, notes)):
        material = _as_seen(flat.materials[patch.material], part, beyond)
        alpha = alpha or materials.has_alpha(bitmaps, material, patch.surface)
        volumes = volumes or _interior(material) is not None
        panes = panes or materials.is_pane(material)
        for side, (seen, emitter) in enumerate(_sides(bitmaps, flat, patch, material)):
            key = (patch.material, seen.surface)
            if key not in surfaces:
                surfaces[key] = materials.bsdf(bitmaps, material, seen.surface)
            scene[f"mesh_{number:05}_{side}"] = _shape(bitmaps, seen, material, surfaces[key], emitter)
        bitmaps.forget_texels()
    return Exported(mi.load_dict(scene), part, alpha, volumes or panes, tuple(sorted(notes)))


def _as_seen(material: Material, part: Part, beyond: bool) -> Material:
    """The material as it behaves in `part`: black where it belongs to the other half; unlit ones glow."""
    if not beyond:
        material = replace(material, clearcoat=None, sheen=None, anisotropy=None)
    black = replace(
        material,
        metallic=0.0,
        specular=0.0,
        transmission=0.0,
        metallic_roughness_texture=None,
        normal_texture=None,
        emissive=(0.0, 0.0, 0.0),
        clearcoat=None,
        sheen=None,
        anisotropy=None,
        unknown=frozenset(),
    )
    if part is Part.LIT:
        return _dark(black) if material.unlit else material
    if not material.unlit:
        return _dark(black)
    return black


def _dark(material: Material) -> Material:
    """No colour, same alpha."""
    return replace(material, base_color=(0.0, 0.0, 0.0, material.base_color[3]))


def _sides(bitmaps: Bitmaps, flat: FlatScene, patch: Patch, material: Material) -> list[tuple[Patch, Any]]:
    """The patch, and once more seen from behind where it glows on both sides; each with its emitter."""
    radiance = _radiance(bitmaps, material, patch)
    if radiance is None:
        return [(patch, None)]
    both = material.double_sided or material.unlit
    sides = [patch, turned_over(patch, BACK_LIFT * flat.diagonal_m)] if both else [patch]
    return [(side, bitmaps.mi.load_dict({"type": "area", "radiance": radiance})) for side in sides]


def _shape(bitmaps: Bitmaps, patch: Patch, material: Material, bsdf: Any, emitter: Any) -> Any:
    mi = bitmaps.mi
    interior = _interior(material)
    if emitter is not None and material.unlit:
        black = mi.load_dict({"type": "diffuse", "reflectance": {"type": "rgb", "value": 0.0}})
        bsdf = materials.masked(bitmaps, material, patch.surface, black)
    return mitsuba_mesh(
        mi,
        patch,
        bsdf=bsdf,
        tint=patch.surface.tint(material),
        emitter=emitter,
        interior=mi.load_dict(interior) if interior else None,
        faceted=emitter is not None,
    )


def _radiance(bitmaps: Bitmaps, material: Material, patch: Patch) -> Any:
    if material.unlit:
        if not any(material.base_color[:3]):
            return None
        color = materials.base_color(bitmaps, material, patch.surface)
        varies = material.base_color_texture is not None or patch.surface.vertex_colors
        return bitmaps.spread_evenly(color) if varies else color
    if not patch.surface.glows or not any(material.emissive):
        return None
    if material.emissive_texture is not None:
        return bitmaps.spread_evenly(bitmaps.color(material.emissive_texture, material.emissive))
    return {"type": "rgb", "value": list(material.emissive)}


def _interior(material: Material) -> dict[str, Any] | None:
    """The absorbing medium inside a volume (Beer–Lambert), None where it absorbs nothing."""
    clear = all(channel >= 1 for channel in material.attenuation_color) or not np.isfinite(
        material.attenuation_distance_m
    )
    if material.thickness_m <= 0 or material.transmission <= 0 or clear:
        return None
    color = np.clip(material.attenuation_color, 1e-4, 1.0)
    extinction = (-np.log(color) / material.attenuation_distance_m).tolist()
    return {"type": "homogeneous", "albedo": 0.0, "sigma_t": {"type": "rgb", "value": extinction}}


def _lights(mi: Any, flat: FlatScene) -> dict[str, Any]:
    lights = {f"light_{number:04}": punctual_emitter(mi, light) for number, light in enumerate(flat.lights)}
    if flat.environment is not None:
        lights["environment"] = environment_emitter(mi, flat.environment)
    return lights


def sensor(mi: Any, camera: Camera, crop: tuple[int, int, int, int] | None = None) -> Any:
    """Our camera as a `perspective` sensor with a box filter.

    Args:
        crop: left, top, width, height in pixels; the whole image if None.
    """
    film: dict[str, Any] = {
        "type": "hdrfilm",
        "width": camera.width_px,
        "height": camera.height_px,
        "rfilter": {"type": "box"},
        "pixel_format": "rgb",
        "component_format": "float32",
    }
    if crop is not None:
        left, top, width, height = crop
        film |= {"crop_offset_x": left, "crop_offset_y": top, "crop_width": width, "crop_height": height}
    # Mitsuba looks along +z with +x to the left.
    to_world = np.asarray(camera.camera_to_world, np.float64) @ np.diag([-1.0, 1.0, -1.0, 1.0])
    return mi.load_dict(
        {
            "type": "perspective",
            "fov_axis": "y",
            "fov": float(np.degrees(camera.yfov_rad)),
            "near_clip": camera.near_m,
            "far_clip": 1e8,
            "to_world": mi.ScalarTransform4f(to_world),
            "film": film,
            "sampler": {"type": "independent"},
        }
    )
