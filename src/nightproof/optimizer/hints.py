"""What a technical artist should know about the file, most important first. Facts and a next step, no scolding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightproof.optimizer.traits import Traits
from nightproof.scenes.flat import FlatScene

DENSE_TEXELS_PER_DIAGONAL = 4096.0
"""Twice what a 1080p view of the whole scene can show; beyond it textures may well be halved."""

SMALLEST_PX = 16
"""Smaller textures are swatches of colour, or stand in for a format that could not be decoded."""

HEAVY_GPU_BYTES = 128e6
COARSE_TEXELS_PER_DIAGONAL = 200.0
"""Below it texels are visible in a view of the whole scene."""

DENSE_TRIANGLES_PER_PX = 0.1
"""200k triangles: several per pixel in the usual view, where an object fills a quarter of the screen at 50 % facing."""


def hints_for(
    traits: Traits, environment: str, scene_class: str, flat: FlatScene, json: Mapping[str, Any]
) -> tuple[str, ...]:
    """Plain sentences; none where there is nothing to say."""
    if not traits.geometric.area_per_diagonal2:
        return ("There is no surface to look at: the scene has no triangles with area. Was the right scene exported?",)
    return (
        *_about_light(traits, environment, scene_class),
        *_about_shape(traits, json),
        *_about_textures(traits),
        *_about_materials(traits, flat),
        *_about_movement(traits),
    )


def _about_light(traits: Traits, environment: str, scene_class: str) -> Iterator[str]:
    lighting = traits.lighting
    carried = "No light in the file" if not lighting.own_reach_share else "Hardly any light in the file"
    if environment == "studio" and not lighting.carries_light:
        yield f"{carried}: the studio environment was assumed. Choose another with --environment."
    if environment == "sky" and not lighting.carries_light:
        yield f"{carried}: an overcast sky was assumed. Add lights, or choose another with --environment."
    if environment == "sky" and scene_class == "interior" and lighting.sky_reach_share < 0.1:
        yield (
            f"Daylight reaches only {_percent(lighting.sky_reach_share)} of the surface and the room has no lamps: "
            "it will be dark. Add a light or open a window."
        )
    if scene_class == "interior" and lighting.albedo > 0.9:
        yield f"Walls reflect {_percent(lighting.albedo)} of the light; real ones 50–80 %. Contrast will be low."


def _about_shape(traits: Traits, json: Mapping[str, Any]) -> Iterator[str]:
    geometric = traits.geometric
    if geometric.degenerate_share > 0.005:
        yield f"{_percent(geometric.degenerate_share)} of the triangles have no area; they cost and show nothing."
    if geometric.duplicate_share > 0.005:
        yield f"{_percent(geometric.duplicate_share)} of the triangles lie on others and flicker. Merge doubles."
    if geometric.triangles_per_px > DENSE_TRIANGLES_PER_PX:
        yield f"{geometric.triangles:,.0f} triangles are more than a screen can tell apart; simplify before exporting."
    without = _primitives_without(json, "NORMAL")
    if without:
        yield f"Normals missing on {without} {_plural(without, 'primitive')}: shown faceted. Export them."
    if geometric.copied_share > 0.5 and geometric.parts > 64:
        yield f"{_percent(geometric.copied_share)} of the surface is copies of a few forms; GPU instancing would suit."


def _about_textures(traits: Traits) -> Iterator[str]:
    material, size = traits.material, traits.geometric.diagonal_m
    # Tiled textures look dense on the surface without being large: what is stored counts.
    stored = (material.texels / traits.geometric.area_per_diagonal2) ** 0.5
    if min(material.texels_per_diagonal, stored) > DENSE_TEXELS_PER_DIAGONAL:
        yield (
            f"{material.textures:.0f} textures up to {material.largest_texture_px:.0f} px hold "
            f"{material.texels_per_diagonal:,.0f} texels along {_length(size)} of scene; "
            "about 2,000 can be seen at once. Halve their size unless viewers come close."
        )
    if 0 < material.texels_per_diagonal < COARSE_TEXELS_PER_DIAGONAL and material.largest_texture_px >= SMALLEST_PX:
        yield f"Textures hold {material.texels_per_diagonal:,.0f} texels along {_length(size)} of scene: blurred."
    if material.gpu_bytes > HEAVY_GPU_BYTES:
        yield (
            f"{material.textures:.0f} textures up to {material.largest_texture_px:.0f} px take "
            f"{material.gpu_bytes / 1e6:.0f} MB on the GPU; phones give up near 300 MB."
        )


def _about_materials(traits: Traits, flat: FlatScene) -> Iterator[str]:
    material = traits.material
    if material.materials > 30:
        yield f"{material.materials:.0f} materials mean as many draw calls; merge those that differ in colour only."
    used = {name for m in flat.materials for name in m.unknown}
    if used and material.unknown_share > 0:
        yield (
            f"{', '.join(sorted(used))}: approximated in our renderer on {_percent(material.unknown_share)} of the "
            "surface, so the independent auditor renders every view."
        )
    if material.blend_share > 0.3:
        yield f"{_percent(material.blend_share)} of the surface is alpha-blended, which viewers sort badly. Use masks."


def _about_movement(traits: Traits) -> Iterator[str]:
    dynamic = traits.dynamic
    if dynamic.clips and not dynamic.channels:
        yield f"{dynamic.clips:.0f} {_plural(dynamic.clips, 'animation')} in the file move nothing; they can go."
    if dynamic.rigged_share > 0.01:
        yield f"{_percent(dynamic.rigged_share)} of the surface is rigged but never moved by a clip of this file."


def _primitives_without(json: Mapping[str, Any], attribute: str) -> int:
    meshes = json.get("meshes")
    primitives = [
        primitive
        for mesh in (meshes if isinstance(meshes, list) else [])
        for primitive in (mesh.get("primitives") or [] if isinstance(mesh, dict) else [])
    ]
    return sum(
        isinstance(p, dict) and isinstance(p.get("attributes"), dict) and attribute not in p["attributes"]
        for p in primitives
    )


def _length(metres: float) -> str:
    for unit, scale in (("km", 1e3), ("m", 1.0), ("cm", 1e-2)):
        if metres >= scale:
            return f"{metres / scale:.3g} {unit}"
    return f"{metres * 1e3:.3g} mm"


def _percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def _plural(count: float, word: str) -> str:
    return word if count == 1 else word + "s"
