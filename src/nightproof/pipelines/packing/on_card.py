"""What images take on a graphics card: KTX2 stays compressed there, everything else is unpacked."""

from __future__ import annotations

from contextlib import suppress

from nightproof.pipelines.packing.pixels import image_sides
from nightproof.pipelines.packing.texture_uses import sources
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.gltf import GltfDocument, parse_glb
from nightproof.scenes.ktx2 import is_ktx2, is_opaque_etc1s

MIP_CHAIN = 4 / 3
RGBA8 = 4.0
ETC1S_OPAQUE, OTHER_BLOCKS = 0.5, 1.0
"""Bytes per texel as ETC1 or BC1; as BC3, BC7 or ASTC 4 × 4."""


def card_bytes(data: bytes) -> float:
    """With mip maps; 0 where nobody can tell how large it is."""
    width, height = image_sides(data) or (0, 0)
    return width * height * _bytes_per_texel(data) * MIP_CHAIN


def told_of_card(before: GltfDocument, packed: bytes) -> str:
    """How many images became KTX2, why others did not, and what that is worth."""
    images = _shown(parse_glb(packed))
    if not images:
        return "No KTX2: there are no images."
    came = sum(map(card_bytes, _shown(before)))
    others = sum(not is_ktx2(data) for data in images)
    named = f"{len(images) - others} of {len(images)} images are KTX2"
    why = (
        " (the others would take more bytes than they came with, or are not made of blocks of 4 × 4)" if others else ""
    )
    now = sum(map(card_bytes, images))
    return f"{named}{why}; on a graphics card all take {now / 1e6:.1f} MB instead of {came / 1e6:.1f}."


def _bytes_per_texel(data: bytes) -> float:
    if not is_ktx2(data):
        return RGBA8
    return ETC1S_OPAQUE if is_opaque_etc1s(data) else OTHER_BLOCKS


def _shown(document: GltfDocument) -> list[bytes]:
    """Images that textures show, the one that comes first in a viewer; those that cannot be read are left out."""
    offered = (sources(texture) for texture in document.json.get("textures", []))
    found = []
    for index in sorted({each[-1] for each in offered if each}):
        with suppress(BrokenScene):
            found.append(bytes(document.image(index)[0]))
    return found
