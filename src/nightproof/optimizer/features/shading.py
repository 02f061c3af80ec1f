"""What a material costs to shade, relative to a plain textured one, and how much of the surface is physically based.

The cost is a sum of what a real-time viewer does per fragment. It is no measurement of one graphics card; it orders
materials, and says how far a scene is from plain:

    0.4                  unlit, else
    1.0                  metallic-roughness under an environment and lights
  + 0.1  per texture     looked up, whatever it is for
  + 0.15 per normal map  tangent frame and renormalisation
  + 0.5  clearcoat       a second lobe, + 0.4 sheen, + 0.3 anisotropy, + 0.4 per extension that our tracer does not know
  + 1.5  transmission    a copy of the screen, blurred and looked up, + 0.3 where the mesh bounds a volume
  × 1.5  blended         what lies behind is shaded too, and nothing is culled; × 1.1 for masks, × 1.2 for both sides
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from nightproof.scenes.flat import Material, TextureUse

Array = np.ndarray

UNLIT, LIT = 0.4, 1.0
PER_TEXTURE, PER_NORMAL_MAP = 0.1, 0.15
COAT, SHEEN, GRAIN, UNKNOWN = 0.5, 0.4, 0.3, 0.4
TRANSMISSION, VOLUME = 1.5, 0.3
BLENDED, MASKED, TWO_SIDED = 1.5, 1.1, 1.2


def shading_cost(material: Material, textures: int) -> float:
    """Relative to a plain lit material without textures; `textures` of them are looked up."""
    if material.unlit:
        cost = UNLIT + PER_TEXTURE * textures
    else:
        cost = LIT + PER_TEXTURE * textures + PER_NORMAL_MAP * _normal_maps(material)
        cost += COAT * (material.clearcoat is not None) + SHEEN * (material.sheen is not None)
        cost += GRAIN * (material.anisotropy is not None) + UNKNOWN * len(material.unknown)
        if material.transmission > 0:
            cost += TRANSMISSION + VOLUME * (material.thickness_m > 0)
    cost *= {"BLEND": BLENDED, "MASK": MASKED}.get(material.alpha_mode, 1.0)
    return cost * (TWO_SIDED if material.double_sided else 1.0)


def shading_costs(materials: tuple[Material, ...], textures: list[int]) -> Float[Array, "m"]:
    return np.array([shading_cost(m, t) for m, t in zip(materials, textures, strict=True)], np.float64).reshape(-1)


def _normal_maps(material: Material) -> int:
    coat: TextureUse | None = material.clearcoat.normal_texture if material.clearcoat else None
    return (material.normal_texture is not None) + (coat is not None)
