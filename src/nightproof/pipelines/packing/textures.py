"""Textures to WebP: no larger than is seen, at the lowest quality whose measured loss the texture's use allows.

Cached by content. How images are read: `texture_uses`; what may be lost: `texture_loss`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from nightproof.pipelines.packing.pixels import decoded, enlarged, halved, webp
from nightproof.pipelines.packing.texture_loss import Loss, holds_at_full_size, margin_db
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray
QUALITIES = (50, 60, 70, 75, 80, 85, 88, 91, 94, 96, 98, 100)
FIRST = 4
"""Where the search for a quality begins."""
STEP_DB = 0.9
"""What a step of the ladder gains, on average: foretells where to look next."""
GRAIN = QUALITIES.index(85)
"""Where the search begins for grain that no quality holds."""
STEPS = (12, 10, 8, 6, 5, 4, 3, 2)
"""That values are rounded to before they are coded without loss."""
BAND, BANDED_PIXELS = 64, 2**20
"""Pictures of so many pixels are tried by bands of so many rows first."""
LOSSLESS_PIXELS, HIGH = 2**18, 91
"""The lossless coder is tried as well where that costs little, or where the lossy one needs a quality above that."""
SMALLEST_PX = 16
"""Textures aren't halved below this side: nothing is left to save."""
CACHE_VERSION = b"nightproof/webp/4\n"


@dataclass(frozen=True)
class Work:
    """What is to be made of one image."""

    use: TextureUse
    spare: float | None = None
    """Texels per pixel of the nearest sensible view, nearly everywhere: halved while it is 2 or more, and further while
    its texels come back. None: the size stays."""


def encode_texture(data: bytes, work: Work, loss: Loss = Loss(), cache: Path | None = None) -> bytes | None:
    """WebP of a PNG, JPEG or WebP image, or None where none is smaller within `loss`.

    Alpha is lossless wherever it is read and dropped where nobody reads it. Deterministic.
    """
    asked = repr((sorted(work.use.kinds), sorted(work.use.channels), work.spare, loss))
    key = hashlib.sha256(CACHE_VERSION + asked.encode() + data)
    place = cache / f"{key.hexdigest()}.webp" if cache else None
    if place and place.is_file():
        return place.read_bytes() or None
    result = _encode(data, work, loss)
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}.part")
        partial.write_bytes(result or b"")
        partial.replace(place)
    return result


def _encode(data: bytes, work: Work, loss: Loss) -> bytes | None:
    pixels = decoded(data, "a" in work.use.channels)
    if pixels is None:
        return None
    if work.spare is not None:
        pixels = _as_small_as_seen(pixels, work.use, work.spare, loss)
    lossy, quality = _lossy(pixels, work.use, loss)
    candidates = [] if lossy is None else [lossy]
    if quality > HIGH or pixels.shape[0] * pixels.shape[1] <= LOSSLESS_PIXELS:
        candidates.append(webp(_coarsened(pixels, work.use, loss), lossless=True, quality=80))
    best = min(candidates, key=len)
    return best if len(best) < len(data) else None


def _as_small_as_seen(
    pixels: UInt8[Array, "h w c"], use: TextureUse, spare: float, loss: Loss
) -> UInt8[Array, "h2 w2 c"]:
    """Halved while two texels share a pixel; then while its texels, magnified, are what they were."""
    while spare >= 2 and (smaller := _halved(pixels, use)) is not None:
        pixels, spare = smaller, spare / 2
    seen = pixels
    while (smaller := _halved(pixels, use)) is not None:
        some = _bands(pixels)  # most large pictures end there, at a quarter of the cost
        if some is not pixels and not _comes_back(some, _halved(some, use), use, loss):
            break
        if not _comes_back(seen, smaller, use, loss):
            break
        pixels = smaller
    return pixels


def _comes_back(
    pixels: UInt8[Array, "h w c"], smaller: UInt8[Array, "h2 w2 c"] | None, use: TextureUse, loss: Loss
) -> bool:
    if smaller is None:
        return False
    return holds_at_full_size(pixels, enlarged(smaller, *pixels.shape[:2]), use, loss)


def _halved(pixels: UInt8[Array, "h w c"], use: TextureUse) -> UInt8[Array, "h2 w2 c"] | None:
    return None if min(pixels.shape[:2]) <= SMALLEST_PX else halved(pixels, use.kinds)


def _bands(pixels: UInt8[Array, "h w c"]) -> UInt8[Array, "h2 w c"]:
    """Every fourth band of rows of a large picture, evenly spread; small ones whole."""
    height, width = pixels.shape[:2]
    if height * width < BANDED_PIXELS or height < 4 * BAND:
        return pixels
    return np.ascontiguousarray(pixels[(np.arange(height) // BAND) % 4 == 1])


def _lossy(pixels: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> tuple[bytes | None, int]:
    """What the lowest quality that holds makes, and that quality; None and 101 where none holds.

    Grain that no quality holds is measured as such, from GRAIN on.
    """
    some = _bands(pixels)
    for limit, least in ((loss, 0), (loss.of_grain, GRAIN)):
        place = _search(some, use, limit, least)
        while place < len(QUALITIES):
            candidate = webp(pixels, lossless=False, quality=QUALITIES[place])
            if _margin_db(pixels, candidate, use, limit) >= 0:
                return candidate, QUALITIES[place]
            place += 1
    return None, QUALITIES[-1] + 1


def _coarsened(pixels: UInt8[Array, "h w c"], use: TextureUse, loss: Loss) -> UInt8[Array, "h w c"]:
    """Values rounded to the coarsest step that holds, alpha as it is: what the lossless coder is handed. Its chroma is
    not halved as the lossy one's is, which normals can't bear."""
    kept = 128 if "normal" in use.kinds else 0  # 127.5 is zero: 128 stays what it is, and flat stays flat
    values = pixels[..., :3].astype(np.float32) - kept
    for step in STEPS:
        rounded = pixels.copy()
        rounded[..., :3] = np.clip(np.rint(values / step) * step + kept, 0, 255)
        if margin_db(pixels, rounded, use, loss) >= 0:
            return rounded
    return pixels


def _search(pixels: UInt8[Array, "h w c"], use: TextureUse, loss: Loss, least: int) -> int:
    """The place of the lowest quality that holds, none below `least`; beyond the last where none does."""
    low, high, place = least, len(QUALITIES) - 1, max(FIRST, least)
    while low <= high:
        place = min(max(place, low), high)
        margin = _margin_db(pixels, webp(pixels, lossless=False, quality=QUALITIES[place]), use, loss)
        if margin >= 0:
            high = place - 1
        else:
            low = place + 1
        place -= round(np.clip(margin / STEP_DB, -9, 9)) or (1 if margin >= 0 else -1)
    return low


def _margin_db(pixels: UInt8[Array, "h w c"], candidate: bytes, use: TextureUse, loss: Loss) -> float:
    found = decoded(candidate, pixels.shape[2] == 4)
    return -np.inf if found is None or found.shape != pixels.shape else margin_db(pixels, found, use, loss)
