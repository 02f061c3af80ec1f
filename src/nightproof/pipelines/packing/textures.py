"""Textures to WebP, at the lowest quality whose measured loss the texture's use allows; cached by content."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

QUALITIES = (50, 60, 70, 75, 80, 85, 90, 94, 97, 100)
GRAIN_QUALITY = 85
PIXEL_LIMIT = 2**26
WEBP_SIDE_LIMIT = 16_383
VIEW_TEXELS = 1024
"""A texture is seen by about this many pixels: larger ones are judged after averaging 2 × 2 texels."""
LOSSLESS_PIXELS = 2**18
CACHE_VERSION = b"nightproof/webp/3\n"
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


@dataclass(frozen=True)
class Loss:
    """The smallest quality that may be kept."""

    color_psnr_db: float = 40.0
    """8-bit sRGB, over the channels read."""
    data_psnr_db: float = 38.0
    normal_rms_deg: float = 2.5
    polished_normal_rms_deg: float = 1.2
    """Of polished metal, whose reflections turn twice as far as its normals do."""
    grain_data_psnr_db: float = 27.0
    """Where WebP reaches the above at no quality (grain of a texel, finer than its half-resolution chroma), this is
    enough at `GRAIN_QUALITY`: what is lost averages out when textures are filtered. Measured: docs/decisions/0402."""
    grain_normal_rms_deg: float = 6.5

    @property
    def of_grain(self) -> Loss:
        return replace(self, data_psnr_db=self.grain_data_psnr_db, normal_rms_deg=self.grain_normal_rms_deg)


def encode_texture(data: bytes, use: TextureUse, loss: Loss = Loss(), cache: Path | None = None) -> bytes | None:
    """WebP of a PNG, JPEG or WebP image, or None where none is smaller within `loss`.

    Alpha is lossless wherever it is read and dropped where nobody reads it. Deterministic.
    """
    key = hashlib.sha256(CACHE_VERSION + repr((sorted(use.kinds), sorted(use.channels), loss)).encode() + data)
    place = cache / f"{key.hexdigest()}.webp" if cache else None
    if place and place.is_file():
        return place.read_bytes() or None
    result = _encode(data, use, loss)
    if place:
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = place.with_suffix(f".{os.getpid()}.part")
        partial.write_bytes(result or b"")
        partial.replace(place)
    return result


def image_size(data: bytes) -> int:
    """The longer side in texels, told from the header; 4096 where it cannot be told."""
    from PIL import Image

    if data[:12] == b"\xabKTX 20\xbb\r\n\x1a\n" and len(data) >= 28:
        return max(int.from_bytes(data[20:24], "little"), int.from_bytes(data[24:28], "little"))
    try:
        with Image.open(io.BytesIO(data)) as image:
            return max(image.size)
    except Exception:
        return 4096


def _encode(data: bytes, use: TextureUse, loss: Loss) -> bytes | None:
    pixels = _decode(data, "a" in use.channels)
    if pixels is None:
        return None
    candidates = [found] if (found := _lossy(pixels, use, loss)) else []
    if not candidates or pixels.shape[0] * pixels.shape[1] <= LOSSLESS_PIXELS:
        candidates.append(_webp(pixels, lossless=True, quality=80))
    best = min(candidates, key=len)
    return best if len(best) < len(data) else None


def _decode(data: bytes, alpha: bool) -> np.ndarray | None:
    """8-bit RGB or RGBA; None for what must stay: 16 bits, animations, profiles, broken or huge files."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(io.BytesIO(data)) as image:
                known = image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
                small = image.width * image.height <= PIXEL_LIMIT and max(image.size) <= WEBP_SIDE_LIMIT
                if not known or not small or getattr(image, "n_frames", 1) != 1:
                    return None
                pixels = np.asarray(image.convert("RGBA"))
    except Exception:  # Pillow raises many kinds for broken files; those stay as they are
        return None
    transparent = alpha and pixels[..., 3].min() < 255
    return np.ascontiguousarray(pixels if transparent else pixels[..., :3])


def _lossy(pixels: np.ndarray, use: TextureUse, loss: Loss) -> bytes | None:
    """Bisect the qualities; loss shrinks as quality grows. Grain that none of them holds is measured as such."""
    low, high, best = 0, len(QUALITIES) - 1, None
    while low <= high:
        middle = (low + high) // 2
        candidate = _webp(pixels, lossless=False, quality=QUALITIES[middle])
        if _good(pixels, candidate, use, loss):
            best, high = candidate, middle - 1
        else:
            low = middle + 1
    if best is None:
        candidate = _webp(pixels, lossless=False, quality=GRAIN_QUALITY)
        best = candidate if _good(pixels, candidate, use, loss.of_grain) else None
    return best


def _webp(pixels: np.ndarray, *, lossless: bool, quality: int) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "WEBP", lossless=lossless, quality=quality, method=4, exact=True)
    return stream.getvalue()


def _good(pixels: np.ndarray, candidate: bytes, use: TextureUse, loss: Loss) -> bool:
    decoded = _decode(candidate, pixels.shape[2] == 4)
    if decoded is None or decoded.shape != pixels.shape:
        return False
    before, after = _as_seen(pixels), _as_seen(decoded)
    read = [i for i, name in enumerate("rgb") if name in use.channels]
    checks = []
    if "color" in use.kinds:
        checks.append(_psnr_db(before[..., :3], after[..., :3]) >= loss.color_psnr_db)
    if "data" in use.kinds and read:
        checks.append(min(_psnr_db(before[..., i], after[..., i]) for i in read) >= loss.data_psnr_db)
    if "normal" in use.kinds:
        limit_deg = loss.polished_normal_rms_deg if "polished" in use.kinds else loss.normal_rms_deg
        checks.append(_angle_rms_deg(before, after) <= limit_deg)
    return all(checks)


def _as_seen(pixels: np.ndarray) -> np.ndarray:
    seen = pixels.astype(np.float32)
    height, width = (side - side % 2 for side in seen.shape[:2])
    if max(height, width) < VIEW_TEXELS or min(height, width) < 2:
        return seen
    seen = seen[:height, :width]
    return (seen[::2, ::2] + seen[1::2, ::2] + seen[::2, 1::2] + seen[1::2, 1::2]) / 4


def _psnr_db(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255.0**2 / max(float(((a - b) ** 2).mean(dtype=np.float64)), 1e-9)))


def _angle_rms_deg(a: np.ndarray, b: np.ndarray) -> float:
    first, second = (_unit(x[..., :3] / np.float32(127.5) - 1) for x in (a, b))
    chord = np.linalg.norm(first - second, axis=-1)
    angle = 2 * np.arcsin(np.clip(chord / 2, 0, 1))
    return float(np.degrees(np.sqrt((angle**2).mean(dtype=np.float64))))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)


def image_uses(
    json: dict[str, Any], pinned: frozenset[int], frozen: bool, image: Callable[[int], bytes]
) -> dict[int, TextureUse]:
    """Images that may be re-encoded, and how they are read. Images used in unknown ways are left out.

    Args:
        image: the bytes of an image.
    """
    from nightproof.pipelines.packing.references import TEXTURE_SLOTS, places

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
    spoken_for = pinned if frozen else frozenset()
    return {i: TextureUse(frozenset(kinds[i]), frozenset(channels[i])) for i in kinds if i not in spoken_for}


def _polished_share(material: dict[str, Any], json: dict[str, Any], image: Callable[[int], bytes]) -> float:
    """How much of a material is metal that mirrors: 0 or 1 by its factors, a share of texels by its texture."""
    pbr = material.get("pbrMetallicRoughness", {})
    roughness, metallic = np.array(pbr.get("roughnessFactor", 1.0)), np.array(pbr.get("metallicFactor", 1.0))
    if metallic <= POLISHED_METALLIC:
        return 0.0
    offered = sources(json["textures"][found["index"]]) if (found := pbr.get("metallicRoughnessTexture")) else []
    pixels = _decode(image(offered[0]), alpha=False) if offered else None
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
