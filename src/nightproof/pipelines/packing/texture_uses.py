"""How each image of a document is read, over all materials: that decides what of it may be lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nightproof.pipelines.packing.pixels import decoded
from nightproof.pipelines.packing.references import LIGHT_IMAGES, TEXTURE_SLOTS, places

POLISHED_ROUGHNESS, POLISHED_METALLIC, POLISHED_SHARE = 0.35, 0.5, 0.2
"""Metal mirrors below that roughness; where it is that much of a material, its normal map is held closer."""
POLISH_SAMPLES = 256


@dataclass(frozen=True)
class TextureUse:
    """How an image is read, over all materials: decides what may be lost."""

    kinds: frozenset[str]
    """Of `color` (sRGB), `normal` and `data`; `polished` beside `normal` where metal mirrors by it."""
    channels: frozenset[str]
    """Of r, g, b, a: those that anyone reads."""


def image_uses(
    json: dict[str, Any], pinned: frozenset[int], frozen: bool, image: Callable[[int], bytes]
) -> dict[int, TextureUse]:
    """Images that may be re-encoded, and how they are read. Images used in unknown ways are left out.

    Args:
        image: the bytes of an image.
    """
    kinds: dict[int, set[str]] = {}
    channels: dict[int, set[str]] = {}
    for slot, (kind, read) in TEXTURE_SLOTS.items():
        for holder, key in places(json, f"materials/*/{slot}/index"):
            for source in sources(json["textures"][holder[key]]):
                kinds.setdefault(source, set()).add(kind)
                channels.setdefault(source, set()).update(read)
    for material in json.get("materials", []):
        if "normalTexture" in material and _polished_share(material, json, image) >= POLISHED_SHARE:
            for source in sources(json["textures"][material["normalTexture"]["index"]]):
                kinds[source].add("polished")
    shining = {holder[key] for holder, key in places(json, LIGHT_IMAGES)}  # their light is in what they hold of alpha
    spoken_for = shining | pinned if frozen else shining
    return {i: TextureUse(frozenset(kinds[i]), frozenset(channels[i])) for i in kinds if i not in spoken_for}


def _polished_share(material: dict[str, Any], json: dict[str, Any], image: Callable[[int], bytes]) -> float:
    """How much of a material is metal that mirrors: 0 or 1 by its factors, a share of texels by its texture."""
    pbr = material.get("pbrMetallicRoughness", {})
    roughness, metallic = np.array(pbr.get("roughnessFactor", 1.0)), np.array(pbr.get("metallicFactor", 1.0))
    if metallic <= POLISHED_METALLIC:
        return 0.0
    offered = sources(json["textures"][found["index"]]) if (found := pbr.get("metallicRoughnessTexture")) else []
    pixels = decoded(image(offered[0]), alpha=False) if offered else None
    if pixels is not None:
        step = max(1, max(pixels.shape) // POLISH_SAMPLES)
        texels = pixels[::step, ::step].astype(np.float32) / 255
        roughness, metallic = roughness * texels[..., 1], metallic * texels[..., 2]
    return float(np.mean((roughness < POLISHED_ROUGHNESS) & (metallic > POLISHED_METALLIC)))


def sources(texture: dict[str, Any]) -> list[int]:
    """All images that a texture offers, its own and those of its extensions."""
    extensions = texture.get("extensions", {}).values()
    offered = [texture.get("source"), *(e.get("source") for e in extensions if isinstance(e, dict))]
    return [index for index in offered if isinstance(index, int)]
