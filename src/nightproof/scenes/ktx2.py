"""KTX2 images of KHR_texture_basisu as pixels, by the `opengl_basisu` wheel of Basis Universal's own transcoder.

The wheel is an extra (`nightproof[ktx2]`): without it such images are shown as a flat colour and named.
"""

from __future__ import annotations

import struct
from importlib.util import find_spec

import numpy as np
from jaxtyping import UInt8

from nightproof.scenes.broken import BrokenScene

Array = np.ndarray
MAGIC = b"\xabKTX 20\xbb\r\n\x1a\n"
HEADER_BYTES = 80
BLOCK_BYTES, BLOCK_PX = 16, 4
"""Of UASTC, the larger of the two codecs."""
ZSTANDARD = 2
MODEL, PRIMARIES, TRANSFER = 12, 13, 14
"""Bytes of a data format descriptor (Khronos Data Format 1.3, section 5)."""
ETC1S = 163
DESCRIPTOR_HEAD_BYTES, SAMPLE_BYTES = 24, 16


def is_ktx2(data: bytes) -> bool:
    return data[: len(MAGIC)] == MAGIC


def descriptor_at(data: bytes) -> int | None:
    """Where the data format descriptor begins; None where the image ends before it does."""
    place = int.from_bytes(data[48:52], "little")
    return place if HEADER_BYTES <= place <= len(data) - DESCRIPTOR_HEAD_BYTES - 4 else None


def is_opaque_etc1s(data: bytes) -> bool:
    """Whether it is ETC1S without alpha, which is a second sample of the descriptor."""
    place = descriptor_at(data)
    if place is None or data[place + MODEL] != ETC1S:
        return False
    block_bytes = int.from_bytes(data[place + 10 : place + 12], "little")
    return (block_bytes - DESCRIPTOR_HEAD_BYTES) // SAMPLE_BYTES == 1


def can_decode_ktx2() -> bool:
    return find_spec("opengl_basisu") is not None


def ktx2_size(data: bytes, pointer: str) -> tuple[int, int]:
    """Width and height in pixels, from the header alone (KTX 2.0, section 3). Raises BrokenScene."""
    if len(data) < HEADER_BYTES + 24:
        raise BrokenScene("the image ends within its header", pointer)
    width, height, depth, layers, faces, _, scheme = struct.unpack_from("<7I", data, 20)
    if not width or not height or depth or layers > 1 or faces != 1:
        raise BrokenScene("a texture must be one two-dimensional image (KHR_texture_basisu)", pointer)
    (unpacked,) = struct.unpack_from("<Q", data, HEADER_BYTES + 16)
    blocks = -(-width // BLOCK_PX) * -(-height // BLOCK_PX)
    if scheme == ZSTANDARD and unpacked > BLOCK_BYTES * blocks:
        raise BrokenScene(f"the first level unpacks to {unpacked} bytes, more than its pixels need", pointer)
    return width, height


def decode_ktx2(data: bytes, pointer: str) -> UInt8[Array, "h w 4"]:
    """The largest level as RGBA, 8 bits each; row 0 is the top. Raises BrokenScene."""
    import opengl_basisu

    try:
        pixels = opengl_basisu.open(data).transcode(opengl_basisu.Target.RGBA8).data
    except (opengl_basisu.BasisuError, opengl_basisu.UnsupportedError) as error:
        raise BrokenScene(f"the image cannot be decoded: {str(error)[:80]}", pointer) from None
    return np.array(pixels, np.uint8)
