"""Our textures as Mitsuba `bitmap` plugins: linear floats, factors multiplied in, wraps and transforms kept.

Everything is decoded here and handed over `raw`, so that Mitsuba's own colour handling has no say: sRGB is undone
before filtering and before the material's factor is applied, as glTF asks. Mitsuba knows one wrap mode for both axes
and one UV set per mesh; `Bitmaps.use` unrolls what needs more, the mesh exporter chooses the UV set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from nightproof.rendering.mitsuba_plugins import PRODUCT
from nightproof.scenes.flat import FlatScene, Texture, TextureUse, Wrap
from nightproof.scenes.srgb import LINEAR_OF_BYTE

Array = np.ndarray

WRAP_NAMES = {Wrap.REPEAT: "repeat", Wrap.CLAMP: "clamp", Wrap.MIRROR: "mirror"}
MAX_UNROLLED_TILES = 8
"""How far a texture that repeats along one axis and clamps along the other is laid out."""


_BYTE_TO_LINEAR = LINEAR_OF_BYTE.astype(np.float32)


def linear_rgba(texture: Texture) -> Float32[Array, "h w 4"]:
    """The texture's texels as linear floats."""
    pixels = texture.pixels
    if pixels.dtype != np.uint8:
        return np.asarray(pixels, np.float32)
    linear = pixels.astype(np.float32) / 255
    if texture.srgb:
        linear[..., :3] = _BYTE_TO_LINEAR[pixels[..., :3]]
    return linear


def cut_out(alpha: Float32[Array, "h w"], cutoff: float, wrap_u: Wrap, wrap_v: Wrap) -> Float32[Array, "H W"]:
    """Opacity 0 or 1 of glTF's MASK mode: filtered bilinearly first, then compared, as viewers do.

    Mitsuba compares nothing while rendering, so the comparison is made on a finer grid which is then read `nearest`.
    """
    finer = max(1, min(8, 4096 // max(alpha.shape)))
    height, width = alpha.shape
    v = (np.arange(height * finer) + 0.5) / finer - 0.5
    u = (np.arange(width * finer) + 0.5) / finer - 0.5
    rows = _lerp_axis(alpha, v, wrap_v)
    fine = _lerp_axis(rows.T, u, wrap_u).T
    return (fine >= cutoff).astype(np.float32)


def _lerp_axis(values: Float32[Array, "n m"], at: Float[Array, "k"], wrap: Wrap) -> Float32[Array, "k m"]:
    low = np.floor(at).astype(np.int64)
    weight = (at - low).astype(np.float32)[:, None]
    count = len(values)
    first, second = (wrapped(low + step, count, wrap) for step in (0, 1))
    return values[first] * (1 - weight) + values[second] * weight


def wrapped(index: Array, count: int, wrap: Wrap) -> Array:
    """Texel indices brought into 0…count-1 as the sampler says."""
    if wrap == Wrap.CLAMP:
        return np.clip(index, 0, count - 1)
    if wrap == Wrap.REPEAT:
        return index % count
    folded = index % (2 * count)
    return np.minimum(folded, 2 * count - 1 - folded)


@dataclass
class Bitmaps:
    """Makes and remembers the Mitsuba textures of one scene. `mi` is the mitsuba module with its variant set."""

    mi: Any
    flat: FlatScene
    notes: set[str] = field(default_factory=set)
    _made: dict[Any, Any] = field(default_factory=dict)
    _decoded: dict[int, Float32[Array, "h w 4"]] = field(default_factory=dict)

    def texels(self, use: TextureUse) -> Float32[Array, "h w 4"]:
        """Linear texels, remembered for the scene's lifetime."""
        if use.texture not in self._decoded:
            self._decoded[use.texture] = linear_rgba(self.flat.textures[use.texture])
        return self._decoded[use.texture]

    def color(self, use: TextureUse, factor: tuple[float, ...]) -> Any:
        """RGB times `factor`."""
        scale = np.asarray(factor[:3], np.float32)
        return self._remember(("color", use, tuple(scale)), use, lambda: self.texels(use)[..., :3] * scale)

    def channel(self, use: TextureUse, channel: int, factor: float) -> Any:
        """One channel times `factor`."""
        return self._remember(
            ("channel", use, channel, factor), use, lambda: self.texels(use)[..., channel : channel + 1] * factor
        )

    def made(self, name: str, use: TextureUse, key: Any, texels: Callable[[Any], Any]) -> Any:
        """What `texels` makes of the linear texels; `name` and `key` say what that is."""
        return self._remember((name, use, key), use, lambda: texels(self.texels(use)))

    def normals(self, use: TextureUse, mirrored: bool) -> Any:
        """A tangent-space normal map, scaled; green is flipped where the texture lies `mirrored` on the surface."""
        signs = np.array([use.scale, use.scale * (-1 if mirrored else 1), 1], np.float32)
        return self._remember(
            ("normals", use, mirrored), use, lambda: ((self.texels(use)[..., :3] * 2 - 1) * signs + 1) / 2
        )

    def opacity(self, use: TextureUse, factor: float, cutoff: float | None) -> Any:
        """Alpha times `factor`; compared with `cutoff` where there is one. None where it is 1 everywhere."""
        alpha = self.texels(use)[..., 3] * factor
        if alpha.min() >= (1.0 if cutoff is None else cutoff):
            return None
        if cutoff is None:
            return self._remember(("alpha", use, factor), use, lambda: alpha[..., None])
        texture = self.flat.textures[use.texture]
        return self._remember(
            ("mask", use, factor, cutoff),
            use,
            lambda: cut_out(alpha, cutoff, texture.wrap_u, texture.wrap_v)[..., None],
            nearest=True,
        )

    def product(self, first: Any, second: Any) -> Any:
        """Two textures multiplied; `first` may be a number."""
        if isinstance(first, float):
            first = self.mi.load_dict({"type": "uniform", "value": first})
        return self.mi.load_dict({"type": PRODUCT, "first": first, "second": second})

    def spread_evenly(self, texture: Any) -> Any:
        """The same texture for a lamp that is sampled by area."""
        first = self.mi.load_dict(texture) if isinstance(texture, dict) else texture
        return self.mi.load_dict({"type": PRODUCT, "first": first})

    def forget_texels(self) -> None:
        """Give the decoded texels back; what was made of them stays."""
        self._decoded.clear()

    def _remember(self, key: Any, use: TextureUse, texels: Any, nearest: bool = False) -> Any:
        if key not in self._made:
            texture = self.flat.textures[use.texture]
            self._made[key] = self._plugin(texels(), use, texture, nearest or texture.nearest)
        return self._made[key]

    def _plugin(self, texels: Float32[Array, "h w c"], use: TextureUse, texture: Texture, nearest: bool) -> Any:
        transform = np.array([use.transform[:3], use.transform[3:], (0, 0, 1)], np.float64)
        wrap = texture.wrap_u
        if texture.wrap_u != texture.wrap_v:
            texels, layout, wrap = unrolled(texels, texture.wrap_u, texture.wrap_v)
            transform = layout @ transform
        texels = np.repeat(texels, 2, axis=0) if texels.shape[0] < 2 else texels  # Mitsuba wants 2 × 2 at least
        texels = np.repeat(texels, 2, axis=1) if texels.shape[1] < 2 else texels
        return self.mi.load_dict(
            {
                "type": "bitmap",
                "bitmap": self.mi.Bitmap(np.ascontiguousarray(texels, np.float32)),
                "raw": True,
                "filter_type": "nearest" if nearest else "bilinear",
                "wrap_mode": WRAP_NAMES[wrap],
                "to_uv": self.mi.ScalarTransform3f(transform),
            }
        )


def unrolled(
    texels: Float32[Array, "h w c"], wrap_u: Wrap, wrap_v: Wrap
) -> tuple[Float32[Array, "H W c"], Float[Array, "3 3"], Wrap]:
    """A layout of `texels` that looks the same under one wrap mode for both axes, and the UV map that goes with it.

    Mirroring becomes a doubled image that repeats. Beside clamping, the other axis is laid out over
    `MAX_UNROLLED_TILES` tiles round [0, 1] and clamped at their end.
    """
    layout = np.eye(3)
    both = Wrap.CLAMP if Wrap.CLAMP in (wrap_u, wrap_v) else Wrap.REPEAT
    for axis, wrap in ((1, wrap_u), (0, wrap_v)):
        if wrap == both:
            continue
        count = texels.shape[axis]
        tiles = 2 if both == Wrap.REPEAT else MAX_UNROLLED_TILES
        first = 0 if both == Wrap.REPEAT else -(tiles // 2)
        index = wrapped(np.arange(first * count, (first + tiles) * count), count, wrap)
        texels = np.take(texels, index, axis=axis)
        row = 0 if axis == 1 else 1
        shift = np.eye(3)
        shift[row, row], shift[row, 2] = 1 / tiles, -first / tiles
        layout = shift @ layout
    return texels, layout, both
