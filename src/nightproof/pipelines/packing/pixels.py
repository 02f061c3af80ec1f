"""Images to pixels and back: 8 bits, at sizes that WebP takes, halved in the light they stand for."""

from __future__ import annotations

import io
from collections.abc import Iterator, Set
from itertools import pairwise

import numpy as np
from jaxtyping import UInt8

from nightproof.kernels import texture_pixels
from nightproof.scenes.images import pixels_of
from nightproof.scenes.ktx2 import decode_ktx2, is_ktx2
from nightproof.scenes.srgb import LINEAR_OF_BYTE, encoded_of

Array = np.ndarray
PIXEL_LIMIT = 2**26
WEBP_SIDE_LIMIT = 16_383
BAND_ROWS = 256
"""A multiple of all blocks that pictures are measured by."""
_PLAIN, _BYTES = (np.arange(256) / 255).astype(np.float32), np.arange(256, dtype=np.uint8)
_LINEAR = LINEAR_OF_BYTE.astype(np.float32)
_STEPS = 1 << 14
_ENCODED = np.rint(255 * encoded_of(np.arange(_STEPS + 1) / _STEPS)).astype(np.uint8)
"""From linear light in 16,384 steps: fine enough that no 8-bit value but the darkest few is missed."""


def image_size(data: bytes) -> int:
    """The longer side in texels, told from the header; 4096 where it cannot be told."""
    return max(image_sides(data) or (4096, 4096))


def image_sides(data: bytes) -> tuple[int, int] | None:
    """Width and height in texels, told from the header; None where it cannot be told."""
    from PIL import Image

    if is_ktx2(data) and len(data) >= 28:
        return int.from_bytes(data[20:24], "little"), int.from_bytes(data[24:28], "little")
    try:
        with Image.open(io.BytesIO(data)) as image:
            return image.size
    except Exception:
        return None


def decoded(data: bytes, alpha: bool, texels: UInt8[Array, "h w 4"] | None = None) -> np.ndarray | None:
    """8-bit RGB or RGBA; None for what must stay: 16 bits, animations, profiles, broken or huge files.

    Args:
        texels: what the image shows, where someone decoded it before.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            known = image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
            small = image.width * image.height <= PIXEL_LIMIT and max(image.size) <= WEBP_SIDE_LIMIT
            if not known or not small or getattr(image, "n_frames", 1) != 1:
                return None
            pixels = pixels_of(image, "RGBA") if texels is None else texels
    except Exception:  # Pillow raises many kinds for broken files; those stay as they are
        return None
    transparent = alpha and pixels[..., 3].min() < 255
    return np.ascontiguousarray(pixels) if transparent else texture_pixels.without_alpha(pixels)


def reread(data: bytes, channels: int) -> np.ndarray:
    """What our own encoder made, with 3 or 4 channels whatever it holds."""
    from PIL import Image

    if is_ktx2(data):
        return np.ascontiguousarray(decode_ktx2(data, "")[..., :channels])
    with Image.open(io.BytesIO(data)) as image:
        return pixels_of(image, "RGBA" if channels == 4 else "RGB")


def webp(pixels: np.ndarray, *, lossless: bool, quality: int, method: int = 4) -> bytes:
    """`method`: how hard the coder tries, 0 to 6."""
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", lossless=lossless, quality=quality, method=method, exact=True)
    return stream.getvalue()


AVIF_SPEED = 6
"""0 to 10. 4 takes five times as long for 3 % fewer bytes; 8 a third, for up to 3 dB less."""


def avif(pixels: UInt8[Array, "h w 3"], *, quality: int) -> bytes:
    """With chroma as fine as luma: half of it costs normals and saturated colours more than it saves."""
    from PIL import Image

    stream = io.BytesIO()
    how = {"speed": AVIF_SPEED, "subsampling": "4:4:4", "max_threads": 1}  # one: any number gives the same bytes
    Image.fromarray(pixels).save(stream, "AVIF", quality=quality, **how)
    return stream.getvalue()


def halved(pixels: UInt8[Array, "h w c"], kinds: Set[str]) -> UInt8[Array, "h2 w2 c"] | None:
    """Each 2 × 2 texels as one, as mip maps have them: colours averaged in linear light and by their alpha, normals as
    vectors. None where a side is odd."""
    if pixels.shape[0] % 2 or pixels.shape[1] % 2:
        return None
    light, codes = (_LINEAR, _ENCODED) if "color" in kinds else (_PLAIN, _BYTES)
    return texture_pixels.halved(pixels, light, codes, normals="normal" in kinds)


def bands(height: int) -> Iterator[slice]:
    """Rows in bands, the last one with what is left: floats of a part of a picture, not of the whole."""
    starts = list(range(0, max(1, height - BAND_ROWS + 1), BAND_ROWS))
    return (slice(start, stop) for start, stop in pairwise([*starts, height]))


def enlarged(pixels: UInt8[Array, "h w c"], height: int, width: int) -> UInt8[Array, "height width c"]:
    """As a viewer magnifies it: bilinear between texel centres."""
    from PIL import Image

    picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(picture)
