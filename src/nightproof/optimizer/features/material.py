"""Material features: what the surface is made of, and how much of its look depends on where one stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from nightproof.optimizer.features.appearance import Appearance
from nightproof.optimizer.features.shading import shading_costs
from nightproof.optimizer.features.surface import Surface, SurfaceSample
from nightproof.scenes.distinct import distinct
from nightproof.scenes.flat import FlatScene, Material, TextureUse
from nightproof.scenes.quantiles import weighted_quantiles

Array = np.ndarray

DIELECTRIC_SPECULAR = 0.15
"""Share of the light from a mid-grey dielectric that leaves by the specular lobe, over all directions: Fresnel
reflectance averages to 0.09 for IOR 1.5, beside 0.5 × 0.91 of diffuse light."""

UNKNOWN_DEPENDENCE = 0.2
"""View dependence that clearcoat, sheen, grain, iridescence and their kin add to what lies below them."""

MIP_CHAIN = 4 / 3
BYTES_PER_TEXEL = 4


@dataclass(frozen=True)
class MaterialFeatures:
    """Shares are of surface area."""

    materials: float
    """Materials that some surface uses."""
    textures: float
    """Textures that those materials use."""
    texels: float
    gpu_bytes: float
    """Uncompressed RGBA8 with mip maps: texels × 4 × 4/3."""
    largest_texture_px: float
    textured_share: float
    """Surface whose base colour comes from a texture."""
    texels_per_diagonal: float
    """Area-weighted median of √(texels over area) of base colour textures; 0 without textures."""
    texels_per_diagonal_p10: float
    """What a tenth of the textured surface stays below."""
    texels_per_diagonal_p90: float
    normal_mapped_share: float
    pbr_share: float
    """Surface shaded by metallic-roughness: all but unlit."""
    shading_cost: float
    """Mean of `shading.shading_cost`; a plain lit material has 1."""
    shading_cost_most: float
    """Of the dearest material in use."""
    unlit_share: float
    blend_share: float
    mask_share: float
    cutout_share: float
    """Surface that alpha removes: mean of 1 − alpha over masked and blended surface."""
    transmission_share: float
    """Mean of the transmission factor."""
    metal_share: float
    """Mean of the metallic factor."""
    roughness: float
    """Mean; 1 for an empty scene."""
    view_dependence: float
    """Mean of `view_dependence_of`."""
    two_sided_share: float
    unknown_share: float
    """Surface with material extensions that the native tracer approximates or ignores."""
    vegetation_share: float
    """Surface of a green base colour: G above 1.15 R and 1.3 B."""
    colors: float
    """Effective number of base colours: 1 / Σ share² over 64 cells of the colour cube."""


def measure_materials(
    flat: FlatScene, surface: Surface, sample: SurfaceSample, appearance: Appearance
) -> MaterialFeatures:
    index = np.asarray(flat.triangle_material, np.int64)[surface.triangle]
    used = [flat.materials[i] for i in distinct(index)]
    textures = sorted(
        {use.texture for material in used for use in material.texture_uses} & set(range(len(flat.textures)))
    )
    sizes = [flat.textures[i].pixels.shape[:2] for i in textures]
    texels = float(sum(height * width for height, width in sizes))

    costs = shading_costs(flat.materials, [len({u.texture for u in m.texture_uses}) for m in flat.materials])
    low, middle, high = _texel_densities(flat, surface, index)

    def share(test: Array) -> float:
        return surface.share(test[index])

    def flags(predicate: Callable[[Material], bool]) -> Array:
        return np.array([predicate(material) for material in flat.materials], bool).reshape(-1)

    return MaterialFeatures(
        materials=float(len(used)),
        textures=float(len(textures)),
        texels=texels,
        gpu_bytes=texels * BYTES_PER_TEXEL * MIP_CHAIN,
        largest_texture_px=float(max((max(size) for size in sizes), default=0)),
        textured_share=share(flags(lambda m: m.base_color_texture is not None)),
        texels_per_diagonal=middle,
        texels_per_diagonal_p10=low,
        texels_per_diagonal_p90=high,
        normal_mapped_share=share(flags(lambda m: m.normal_texture is not None)),
        pbr_share=1.0 - share(flags(lambda m: m.unlit)) if surface.count else 0.0,
        shading_cost=float((surface.areas * costs[index]).sum() / surface.area) if surface.count else 0.0,
        shading_cost_most=float(costs[distinct(index)].max(initial=0.0)),
        unlit_share=share(flags(lambda m: m.unlit)),
        blend_share=share(flags(lambda m: m.alpha_mode == "BLEND")),
        mask_share=share(flags(lambda m: m.alpha_mode == "MASK")),
        cutout_share=_mean(1 - appearance.alpha),
        transmission_share=_mean(appearance.transmission),
        metal_share=_mean(appearance.metallic),
        roughness=_mean(appearance.roughness, empty=1.0),
        view_dependence=_mean(view_dependence_of(flat, appearance)),
        two_sided_share=share(flags(lambda m: m.double_sided)),
        unknown_share=share(flags(lambda m: bool(m.unknown))),
        vegetation_share=_mean(_is_green(appearance.base_color)),
        colors=_effective_colors(appearance.base_color),
    )


def view_dependence_of(flat: FlatScene, appearance: Appearance) -> Float[Array, "n"]:
    """How much of a point's look changes with the viewer, in [0, 1].

    v = 1 − (1 − transmission)(1 − s)(1 − 0.2 u), s = (metallic + 0.15 (1 − metallic))(1 − roughness²), u = 1 under
    any of `Material.layers` or unknown extensions: a mirror gives 1, rough metal and chalk 0, glossy paint 0.1. Unlit
    surface gives 0.
    """
    unlit = np.array([m.unlit for m in flat.materials], bool).reshape(-1)[appearance.material]
    unknown = np.array([bool(m.unknown) or m.layered for m in flat.materials], bool).reshape(-1)[appearance.material]
    specular = appearance.metallic + DIELECTRIC_SPECULAR * (1 - appearance.metallic)
    lobe = specular * (1 - appearance.roughness**2)
    steady = (1 - appearance.transmission) * (1 - lobe) * np.where(unknown, 1 - UNKNOWN_DEPENDENCE, 1.0)
    return np.where(unlit, 0.0, 1 - steady)


def texel_density_of(flat: FlatScene, surface: Surface, rows: Array, use: TextureUse) -> Float[Array, "n"]:
    """Texels per diagonal on each of the canonical triangles `rows`: √(area in texels / area in squared diagonals)."""
    if not 0 <= use.texture < len(flat.textures):
        return np.zeros(len(rows))
    height, width = flat.textures[use.texture].pixels.shape[:2]
    sets, corner = flat.uv1 if use.texcoord == 1 else flat.uv0, surface.corner[rows]
    uv = [sets[corner[:, which]].astype(np.float64) for which in range(3)]
    (u, v), (u1, v1), (u2, v2) = (np.nan_to_num(it, nan=0.0, posinf=0.0, neginf=0.0).T for it in uv)
    a, b, _, d, e, _ = use.transform
    texels = np.abs((u1 - u) * (v2 - v) - (v1 - v) * (u2 - u)) / 2 * abs(a * e - b * d) * height * width
    return np.sqrt(np.minimum(texels, 1e18) / surface.areas[rows])


def _texel_densities(flat: FlatScene, surface: Surface, index: Array) -> tuple[float, float, float]:
    """What a tenth, half and nine tenths of the textured surface stay below; zeros without textures."""
    densities, areas = [np.zeros(0)], [np.zeros(0)]
    for i in distinct(index):
        use = flat.materials[i].base_color_texture
        if use is None:
            continue
        rows = np.flatnonzero(index == i)
        densities.append(texel_density_of(flat, surface, rows, use))
        areas.append(surface.areas[rows])
    low, middle, high = weighted_quantiles(np.concatenate(densities), np.concatenate(areas), (0.1, 0.5, 0.9))
    return low, middle, high


def _is_green(color: Float[Array, "n 3"]) -> Array:
    red, green, blue = color.T if len(color) else np.zeros((3, 0))
    return ((green > 1.15 * red) & (green > 1.3 * blue)).astype(np.float64)


def _effective_colors(color: Float[Array, "n 3"]) -> float:
    if not len(color):
        return 0.0
    cells = np.minimum((np.cbrt(color) * 4).astype(np.int64), 3) @ np.array([16, 4, 1])
    shares = np.bincount(cells, minlength=64) / len(color)
    return float(1 / (shares**2).sum())


def _mean(values: Array, empty: float = 0.0) -> float:
    return float(values.mean()) if len(values) else empty
