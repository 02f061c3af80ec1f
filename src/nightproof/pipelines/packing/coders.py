"""The lossy coders of textures, each with its own scale of qualities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nightproof.errors import NotOnThisMachine
from nightproof.pipelines.packing.pixels import avif, webp
from nightproof.pipelines.packing.quality import WEBP_SCALE, Scale
from nightproof.pipelines.packing.texture_loss import Loss

USUAL_COLOR_DB, LOWER_PER_DB, LEAST_QUALITY = 38.0, 5, 5
"""Where colours may lose more than usual, the lowest qualities go down by that much per decibel, to that."""


class Encode(Protocol):
    """8-bit RGB, or RGBA where the coder keeps alpha exactly, to a file. Same pixels and quality, same bytes."""

    def __call__(self, pixels: np.ndarray, quality: int, *, thorough: bool) -> bytes:
        """`thorough`: for the file that is kept, where that is worth its time."""


@dataclass(frozen=True)
class Coder:
    """A way of writing images with loss."""

    name: str
    mime: str
    extension: str
    """By which a texture names such images."""
    version: bytes
    """Of what `encode` does, for caches; empty for the first."""
    encode: Encode
    scale: Scale
    grain: int
    """The least quality of grain that no quality holds."""

    def lowest(self, loss: Loss) -> int:
        """From where qualities are searched."""
        return _lowered(self.scale.lowest, loss)

    def lowest_of_grain(self, loss: Loss) -> int:
        return _lowered(self.grain, loss)


def coder_named(name: str) -> Coder:
    """`webp` or `avif`. Raises `NotOnThisMachine` where its encoder is missing."""
    from PIL import features

    if name == "avif" and not features.check("avif"):
        raise NotOnThisMachine(
            "this Pillow writes no AVIF",
            hint="Install Pillow 11.3 or later from a wheel, or leave --texture-format at webp.",
        )
    return CODERS[name]


def _lowered(quality: int, loss: Loss) -> int:
    looser_db = max(0.0, USUAL_COLOR_DB - loss.color_psnr_db)
    return max(LEAST_QUALITY, quality - round(LOWER_PER_DB * looser_db))


SEARCHING, KEPT, KEPT_FINE, KEPT_WITH_ALPHA = 2, 6, 5, 4
FINE_QUALITY = 80
"""How hard WebP's coder tries at samples and at what is kept. From that quality on 5 takes 1.6 % more bytes than 6 in
half the time, at 50 it takes 4 % more in three quarters; alpha would take ten times as long for a per mille."""


def _webp(pixels: np.ndarray, quality: int, *, thorough: bool) -> bytes:
    kept = KEPT_WITH_ALPHA if pixels.shape[2] == 4 else KEPT_FINE if quality >= FINE_QUALITY else KEPT
    return webp(pixels, lossless=False, quality=quality, method=kept if thorough else SEARCHING)


def _avif(pixels: np.ndarray, quality: int, *, thorough: bool) -> bytes:
    """The search goes at the pace of what is kept: a faster one loses up to 3 dB at the same quality."""
    return avif(pixels, quality=quality)


WEBP = Coder("webp", "image/webp", "EXT_texture_webp", b"", _webp, WEBP_SCALE, grain=85)
AVIF = Coder(
    "avif",
    "image/avif",
    "EXT_texture_avif",
    b"avif/1\n",
    _avif,
    Scale(lowest=35, highest=97, first=65, db_per_quality=0.18),
    grain=70,
)
"""Of qualities: what 512² textures of three scenes gained from 30 to 97; 98 and more double the bytes."""
CODERS = {coder.name: coder for coder in (WEBP, AVIF)}
