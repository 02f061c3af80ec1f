"""From encoded images to pixels, after asking how large they are: by Pillow, or by Basis Universal's transcoder."""

from __future__ import annotations

import io
import warnings

import numpy as np
from jaxtyping import UInt8

from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.ktx2 import can_decode_ktx2, decode_ktx2, ktx2_size

Array = np.ndarray
SIDE_LIMIT_PX = 16384
PIXELS_LIMIT = 2**26
"""Of one image: 8192 × 8192, which is 256 MB decoded."""
BAND_ROWS = 256
KTX2 = "image/ktx2"
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP", "image/avif": "AVIF"}


def is_decodable(mime: str) -> bool:
    """Whether pixels can be had here: of KTX2 where its transcoder is installed, never of what no viewer knows."""
    return mime in FORMATS or (mime == KTX2 and can_decode_ktx2())


def image_size(data: bytes, mime: str, pointer: str) -> tuple[int, int]:
    """Width and height in pixels, from the header alone. Raises BrokenScene and SceneTooLarge."""
    if mime == KTX2:
        return _bounded(*ktx2_size(data, pointer), pointer)
    with _opened(data, mime, pointer) as image:
        return image.size


def decode_image(data: bytes, mime: str, pointer: str) -> UInt8[Array, "h w 4"]:
    """The pixels as RGBA, 8 bits each; row 0 is the top. No colour management: glTF ignores profiles."""
    if mime == KTX2:
        image_size(data, mime, pointer)
        pixels = decode_ktx2(data, pointer)
        pixels.flags.writeable = False
        return pixels
    with _opened(data, mime, pointer) as image:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pixels = _rgba(image)
        except Exception as error:  # Pillow raises many kinds on hostile bytes
            raise BrokenScene(f"the image cannot be decoded: {str(error)[:80]}", pointer) from None
    pixels.flags.writeable = False
    return pixels


def _opened(data: bytes, mime: str, pointer: str):  # type: ignore[no-untyped-def]
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of bombs at its own limit; ours follows
            image = Image.open(io.BytesIO(data), formats=[FORMATS[mime]])
    except Image.DecompressionBombError:
        raise SceneTooLarge("an image of more pixels than any scene needs", pointer) from None
    except Exception as error:
        reason = "cannot identify it" if "cannot identify" in str(error) else str(error)[:80]
        raise BrokenScene(f"the image cannot be read: {reason}", pointer) from None
    try:
        _bounded(*image.size, pointer)
    except SceneTooLarge:
        image.close()
        raise
    return image


def _bounded(width: int, height: int, pointer: str) -> tuple[int, int]:
    if max(width, height) > SIDE_LIMIT_PX or width * height > PIXELS_LIMIT:
        raise SceneTooLarge(f"an image of {width} × {height} pixels", pointer)
    return width, height


def _rgba(image) -> UInt8[Array, "h w 4"]:  # type: ignore[no-untyped-def]
    if image.mode.startswith("I"):  # 16 bit grey: Pillow would clip instead of scaling
        grey = (np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8)
        return np.dstack([grey, grey, grey, np.full_like(grey, 255)])
    return pixels_of(image, "RGBA")


def pixels_of(image, mode: str) -> UInt8[Array, "h w c"]:  # type: ignore[no-untyped-def]
    """A Pillow image converted to `mode`, RGB or RGBA, by bands: its ways out copy the whole picture four times."""
    result = np.empty((image.height, image.width, len(mode)), np.uint8)
    image.load()
    for top in range(0, image.height, BAND_ROWS):
        bottom = min(top + BAND_ROWS, image.height)
        result[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)).convert(mode))
    return result
