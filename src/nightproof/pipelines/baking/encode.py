"""Pictures small enough: the fewest bytes that keep what the eye and the metrics see.

WebP is the smallest where a little may be lost, but halves the resolution of colour: above quality 97 its bytes buy
nothing. JPEG with full colour goes on from there (docs/decisions/0305). Loss is 1 − SSIM of the decoded page over its
charts, a few times what views of it lose; PSNR says little there, for SSIM minds the faint grain of plaster.
"""

from __future__ import annotations

import io

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from nightproof.kernels.metrics import compare
from nightproof.kernels.metrics_reference import WINDOW
from nightproof.rendering.display import to_display

Array = np.ndarray

LOSS = 0.008
"""Wanted 1 − SSIM, where nothing else is asked for."""
QUALITIES = {"WEBP": (80, 88, 93, 97), "JPEG": (88, 91, 93, 95, 97)}


def encode_display(
    radiance: Float32[Array, "h w 3"],
    known: Bool[Array, "h w"],
    exposure: float,
    most_bytes: int,
    loss: float = LOSS,
) -> tuple[bytes, float] | None:
    """An image file and its loss: of those that lose no more than `loss` the smallest, else the best that fits.

    None where none stays below `most_bytes`.
    """
    wanted = to_display(radiance, exposure)
    tried = [found for kind in QUALITIES if (found := _by_bisection(wanted, known, kind, most_bytes, loss))]
    good = [found for found in tried if found[1] <= loss]
    if good:
        return min(good, key=lambda found: len(found[0]))
    return min(tried, key=lambda found: found[1]) if tried else None


def _by_bisection(
    wanted: UInt8[Array, "h w 3"], known: Bool[Array, "h w"], kind: str, most_bytes: int, loss: float
) -> tuple[bytes, float] | None:
    """Within one format both bytes and fidelity grow with quality."""
    best: tuple[bytes, float] | None = None
    low, high = 0, len(QUALITIES[kind]) - 1
    while low <= high:
        middle = (low + high) // 2
        data = encoded(wanted, kind, QUALITIES[kind][middle])
        fits, lost = len(data) <= most_bytes, page_loss(wanted, decode(data), known)
        if fits and (best is None or (lost <= loss) >= (best[1] <= loss)):
            best = data, lost
        if not fits or lost <= loss:
            high = middle - 1
        else:
            low = middle + 1
    return best


def encoded(pixels: UInt8[Array, "h w 3"], kind: str, quality: int) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    if kind == "WEBP":
        Image.fromarray(pixels).save(buffer, "WEBP", quality=quality, method=4)
    else:
        Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True, progressive=True)
    return buffer.getvalue()


def decode(data: bytes) -> UInt8[Array, "h w 3"]:
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGB"))


def page_loss(a: UInt8[Array, "h w 3"], b: UInt8[Array, "h w 3"], known: Bool[Array, "h w"]) -> float:
    """1 − SSIM over the charts: what lies between them is shown to nobody, and counts as lossless."""
    if min(a.shape[:2]) < WINDOW or not known.any():
        return 0.0
    lost = 1 - compare(a, np.where(known[..., None], b, a)).ssim
    return lost / float(np.mean(known))
