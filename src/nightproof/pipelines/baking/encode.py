"""Pictures small enough: the lowest WebP quality that keeps what the eye and the metrics see."""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from nightproof.rendering.display import to_display

Array = np.ndarray

WANTED_DB = 45.0
"""PSNR of the decoded picture against the float map, in display space, over the charts."""
QUALITIES = (80, 88, 92, 95, 97, 99)


def encode_display(
    radiance: Float32[Array, "h w 3"], known: Bool[Array, "h w"], exposure: float, most_bytes: int
) -> tuple[bytes, float] | None:
    """A WebP file and its PSNR; None where none of sensible quality stays below `most_bytes`."""
    wanted = to_display(radiance, exposure)
    best = None
    for quality in QUALITIES:
        data = webp(wanted, quality)
        if len(data) > most_bytes:
            break
        best = data, psnr(wanted, decode(data), known)
        if best[1] >= WANTED_DB:
            break
    return best


def webp(pixels: UInt8[Array, "h w 3"], quality: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=5)
    return buffer.getvalue()


def decode(data: bytes) -> UInt8[Array, "h w 3"]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def psnr(a: UInt8[Array, "h w 3"], b: UInt8[Array, "h w 3"], known: Bool[Array, "h w"]) -> float:
    if not known.any():
        return 99.0
    squared = np.mean((a[known].astype(np.float64) - b[known]) ** 2)
    return float(min(99.0, 10 * np.log10(255**2 / max(squared, 1e-9))))
