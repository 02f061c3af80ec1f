"""Texture maps of MTL: their options, and what glTF wants in one image (alpha in colour, roughness with metalness)."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np

from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.beside import Beside, Picture
from nightproof.scenes.images import decode_image

Array = np.ndarray
OPTIONS = {"-blendu": 1, "-blendv": 1, "-boost": 1, "-mm": 2, "-o": 3, "-s": 3, "-t": 3, "-texres": 1, "-clamp": 1}
OPTIONS |= {"-bm": 1, "-imfchan": 1, "-type": 1, "-cc": 1, "-colorspace": 1}
"""Numbers or words that follow an option; -o, -s and -t may have fewer than three."""
CLAMP = 33071
SHARP_SHARE = 0.98
"""An alpha map with so many texels near black or white is a mask."""


@dataclass(frozen=True)
class Map:
    """One image and how it lies on the surface."""

    file: str
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    clamp: bool = False
    bump: float = 1.0

    @property
    def laid(self) -> tuple[tuple[float, float], tuple[float, float], bool]:
        return self.scale, self.offset, self.clamp


def parse_map(text: str) -> Map | None:
    """The file is what is left after the options, spaces and all; None where nothing is."""
    words = text.split()
    found: dict[str, list[str]] = {}
    at = 0
    while at < len(words) and words[at].lower() in OPTIONS:
        option = words[at].lower()
        at += 1
        values: list[str] = []
        while (
            at < len(words) - 1
            and len(values) < OPTIONS[option]
            and (option not in ("-o", "-s", "-t") or _is(words[at]))
        ):
            values.append(words[at])
            at += 1
        found[option] = values
    rest = text
    for word in words[:at]:
        rest = rest.lstrip()[len(word) :]
    if not rest.strip():
        return None
    return Map(
        rest.strip().strip('"'),
        _pair(found.get("-s", []), 1.0),
        _pair(found.get("-o", []), 0.0),
        found.get("-clamp", ["off"])[:1] == ["on"],
        next((float(v) for v in found.get("-bm", []) if _is(v)), 1.0),
    )


def _is(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _pair(words: list[str], default: float) -> tuple[float, float]:
    values = [float(word) for word in words] + [default] * 2
    return values[0], values[1]


@dataclass
class Textures:
    """Makes the glTF textures of one material."""

    beside: Beside
    assembly: Assembly
    material: str

    def plain(self, held: Map | None) -> dict[str, Any] | None:
        picture = self._picture(held)
        return None if picture is None or held is None else self._used(picture, held)

    def color(self, color: Map | None, alpha: Map | None) -> tuple[dict[str, Any] | None, str]:
        """The base colour texture with the alpha map in it, and MASK or BLEND where it has one."""
        mask = self._pixels(alpha)
        if mask is None or alpha is None:
            return self.plain(color), ""
        own = color is not None and alpha.file == color.file
        opacity = mask[..., 3] if own or mask[..., 3].min() < 255 else mask[..., 0]
        pixels = self._pixels(color)
        if pixels is None:
            pixels = np.full((*opacity.shape, 4), 255, np.uint8)
        joined = np.dstack([pixels[..., :3], resized(opacity, *pixels.shape[:2])])
        sharp = ((opacity < 16) | (opacity > 239)).mean() >= SHARP_SHARE
        return self._used(png(joined), color or alpha), "MASK" if sharp else "BLEND"

    def surface(self, roughness: Map | None, metalness: Map | None) -> dict[str, Any] | None:
        """Roughness in G and metalness in B, at the size of the larger."""
        rough, metal = self._pixels(roughness), self._pixels(metalness)
        given = [pixels for pixels in (rough, metal) if pixels is not None]
        held = roughness if rough is not None else metalness
        if not given or held is None:
            return None
        height, width = max(p.shape[0] for p in given), max(p.shape[1] for p in given)
        one = np.full((height, width), 255, np.uint8)
        green, blue = (one if p is None else resized(p[..., 0], height, width) for p in (rough, metal))
        return self._used(png(np.dstack([one, green, blue])), held)

    def normal(self, normal: Map | None, bump: Map | None) -> dict[str, Any] | None:
        """A normal map as it is; a bump map turned into one unless it is one by its colours, as many are."""
        held = normal or bump
        pixels = self._pixels(held)
        picture = self._picture(held)
        if pixels is None or picture is None or held is None:
            return None
        colorful = normal is not None or int(np.abs(pixels[..., 0].astype(int) - pixels[..., 2]).max()) > 8
        return self._used(picture if colorful else png(normals_of(pixels[..., 0], held.bump)), held)

    def _picture(self, held: Map | None) -> Picture | None:
        return None if held is None else self.beside.picture(held.file, f"a texture of {self.material[:40]!r}")

    def _pixels(self, held: Map | None) -> Array | None:
        picture = self._picture(held)
        return None if picture is None else decode_image(picture.data, picture.mime, f"{self.material[:40]}")

    def _used(self, picture: Picture, held: Map) -> dict[str, Any]:
        name = held.file.replace("\\", "/").rsplit("/", 1)[-1]
        wrap = (CLAMP, CLAMP) if held.clamp else (10497, 10497)
        use: dict[str, Any] = {"index": self.assembly.texture(picture.data, picture.mime, name, wrap)}
        if held.scale != (1.0, 1.0) or held.offset != (0.0, 0.0):
            self.assembly.uses("KHR_texture_transform")
            (sx, sy), (ox, oy) = held.scale, held.offset  # v runs up there and down here
            moved = {"scale": [sx, sy], "offset": [ox, 1 - sy - oy]}
            use["extensions"] = {"KHR_texture_transform": moved}
        return use


def normals_of(height: Array, strength: float) -> Array:
    """A tangent-space normal map of a height map that repeats: central differences, one texel as the step.

    MTL leaves open how deep a bump of 1 is: here white stands above black by an eighth of a hundred texels.
    """
    deep = height.astype(np.float64) / 255 * strength * 12.5
    across = (np.roll(deep, -1, axis=1) - np.roll(deep, 1, axis=1)) / 2
    down = (np.roll(deep, -1, axis=0) - np.roll(deep, 1, axis=0)) / 2
    vectors = np.dstack([-across, down, np.ones_like(deep)])  # green points up the image
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    return np.round(vectors * 127.5 + 127.5).astype(np.uint8)


def resized(channel: Array, height: int, width: int) -> Array:
    if channel.shape == (height, width):
        return channel
    from PIL import Image

    return np.asarray(Image.fromarray(channel).resize((width, height), Image.Resampling.BILINEAR))


def png(pixels: Array) -> Picture:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(stream, "PNG")
    return Picture(stream.getvalue(), "image/png")
