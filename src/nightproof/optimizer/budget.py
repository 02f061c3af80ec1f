"""Textures as a budget: how fine they need to be where one sensibly looks from, and the sums of what could go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightproof.optimizer.evidence import place
from nightproof.optimizer.features.textures import TextureFacts
from nightproof.optimizer.traits import Traits
from nightproof.scenes.near_view import PLACE_PX_PER_M, THING_PX_PER_DIAGONAL

LARGEST_PLACE_M = 2000.0
"""Beyond it units are in doubt, and nobody stands a metre from everything."""


def needed_texels_per_diagonal(traits: Traits, evidence: Mapping[str, float]) -> float:
    """One per pixel of the nearest sensible view, along the diagonal of the scene."""
    if place(evidence) < 0.5:
        return THING_PX_PER_DIAGONAL
    metres = min(traits.geometric.diagonal_m, LARGEST_PLACE_M)
    return max(THING_PX_PER_DIAGONAL, PLACE_PX_PER_M * metres)


@dataclass(frozen=True)
class TextureBudget:
    """Sums over the images in use; bytes are those of uncompressed RGBA8 with mip maps."""

    images: float
    spare_gpu_bytes: float
    """Saved by the sizes that are enough, and by dropping constants and duplicates."""
    unused_texel_share: float
    """Of all texels, those that no surface shows."""
    constant_images: float
    duplicate_images: float
    opaque_images: float
    """Images whose alpha is 255 all over, stored or not: they need no alpha channel."""


def texture_budget(textures: Sequence[TextureFacts]) -> TextureBudget:
    total = sum(texture.gpu_bytes for texture in textures)
    unused = sum(texture.gpu_bytes * texture.unused_share for texture in textures)
    return TextureBudget(
        images=float(len(textures)),
        spare_gpu_bytes=sum(texture.spare_gpu_bytes for texture in textures),
        unused_texel_share=unused / total if total else 0.0,
        constant_images=float(sum(texture.constant for texture in textures)),
        duplicate_images=float(sum(texture.same_as >= 0 for texture in textures)),
        opaque_images=float(sum(texture.opaque for texture in textures)),
    )
