"""What images take on a graphics card: KTX2 stays compressed there, everything else is unpacked."""

from __future__ import annotations

import struct

from nightproof.pipelines.packing.pixels import image_sides
from nightproof.scenes.gltf import GltfDocument, parse_glb
from nightproof.scenes.ktx2 import is_ktx2

MIP_CHAIN = 4 / 3
RGBA8 = 4.0
ETC1S_OPAQUE, OTHER_BLOCKS = 0.5, 1.0
"""Bytes per texel as ETC1 or BC1; as BC3, BC7 or ASTC 4 × 4."""
ETC1S_MODEL = 163


def card_bytes(data: bytes) -> float:
    """With mip maps; 0 where nobody can tell how large it is."""
    width, height = image_sides(data) or (0, 0)
    return width * height * _bytes_per_texel(data) * MIP_CHAIN


def told_of_card(before: GltfDocument, packed: bytes) -> str:
    """How many images became KTX2, why others did not, and what that is worth."""
    after = parse_glb(packed)
    images = [bytes(after.image(index)[0]) for index in range(after.count("images"))]
    if not images:
        return "No KTX2: there are no images."
    came = sum(card_bytes(bytes(before.image(index)[0])) for index in range(before.count("images")))
    others = sum(not is_ktx2(data) for data in images)
    named = f"{len(images) - others} of {len(images)} images are KTX2"
    why = (
        " (the others would take more bytes than they came with, or are not made of blocks of 4 × 4)" if others else ""
    )
    now = sum(map(card_bytes, images))
    return f"{named}{why}; on a graphics card all take {now / 1e6:.1f} MB instead of {came / 1e6:.1f}."


def _bytes_per_texel(data: bytes) -> float:
    """Of KTX2 by its data format descriptor, whose samples tell of alpha (Khronos Data Format 1.3, section 5)."""
    if not is_ktx2(data):
        return RGBA8
    (place,) = struct.unpack_from("<I", data, 48)
    (block_bytes,) = struct.unpack_from("<H", data, place + 10)
    samples = (block_bytes - 24) // 16
    return ETC1S_OPAQUE if data[place + 12] == ETC1S_MODEL and samples == 1 else OTHER_BLOCKS
