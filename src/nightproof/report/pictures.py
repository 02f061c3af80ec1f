"""Images as data URIs, within a byte budget."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from nightproof.report.facts import ViewImages

Array = np.ndarray

BUDGET_BYTES = 2_800_000
"""For all images before base64 makes them a third larger: the page stays below 4 MB."""
WIDTHS_PX = (960, 720, 512, 384, 256)
QUALITIES = (88, 80, 70)
MOST_VIEWS = 12
INFERNO = (
    (0, 0, 4),
    (40, 11, 84),
    (101, 21, 110),
    (159, 42, 99),
    (212, 72, 66),
    (245, 125, 21),
    (250, 193, 39),
    (252, 255, 164),
)
"""Stops of the heat map, dark to bright."""


@dataclass(frozen=True)
class Pictures:
    """A view's images, ready to embed."""

    reference: str
    asset: str
    flip: str
    width_px: int
    height_px: int


def embed(views: Sequence[ViewImages], budget_bytes: int = BUDGET_BYTES) -> tuple[Pictures, ...]:
    """Encode at the largest width and quality that fit the budget."""
    views = views[:MOST_VIEWS]
    for width in WIDTHS_PX:
        for quality in QUALITIES:
            encoded = [_encode(view, width, quality) for view in views]
            if sum(len(data) for images in encoded for data in images[0]) <= budget_bytes:
                return tuple(_pictures(*images) for images in encoded)
    return tuple(_pictures(*images) for images in encoded) if views else ()


def heat(flip: Float[Array, "h w"]) -> UInt8[Array, "h w 3"]:
    """FLIP in [0, 1] as colours."""
    stops = np.array(INFERNO, float)
    place = np.nan_to_num(np.clip(flip, 0, 1)) * (len(stops) - 1)
    low = np.minimum(place.astype(int), len(stops) - 2)
    share = (place - low)[..., None]
    return np.round(stops[low] * (1 - share) + stops[low + 1] * share).astype(np.uint8)


def _encode(view: ViewImages, width: int, quality: int) -> tuple[tuple[bytes, bytes, bytes], tuple[int, int]]:
    height, full = view.reference.shape[:2]
    size = (min(width, full), max(1, round(height * min(width, full) / full)))
    flip = b"" if view.flip is None else _webp(heat(view.flip), size, quality)
    return (_webp(view.reference, size, quality), _webp(view.asset, size, quality), flip), size


def _webp(pixels: UInt8[Array, "h w 3"], size: tuple[int, int], quality: int) -> bytes:
    from PIL import Image

    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3, "images are 8-bit RGB"
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


def _pictures(data: tuple[bytes, bytes, bytes], size: tuple[int, int]) -> Pictures:
    reference, asset, flip = ("data:image/webp;base64," + base64.b64encode(d).decode() if d else "" for d in data)
    return Pictures(reference, asset, flip, *size)
