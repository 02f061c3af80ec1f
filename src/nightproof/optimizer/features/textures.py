"""The texture budget, image by image: what is stored, what the surface shows of it, and what would do as well.

An image that several textures share counts once. Texel densities are per diagonal of the scene, like all lengths here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from nightproof.optimizer.features.material import texel_density_of
from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.features.texel_loss import AS_IT_IS, SmallerSize, smaller_size
from nightproof.scenes.distinct import distinct
from nightproof.scenes.flat import FlatScene, Material, TextureUse
from nightproof.scenes.quantiles import weighted_quantiles
from nightproof.scenes.uv_cover import uv_cover

Array = np.ndarray

GPU_BYTES_PER_TEXEL = 4 * 4 / 3
"""Uncompressed RGBA8 with mip maps."""

WORTH_PX = 64
"""Smaller images are not worth shrinking."""

KEPT = 64
"""Covers that are remembered, of 64 kB each."""

SURE_SHARE = 0.10
"""Area-weighted: the density that nine tenths of the surface reach decides how large a texture must be."""


@dataclass(frozen=True)
class TextureFacts:
    """One image that materials in use read."""

    texture: int
    """First index in `FlatScene.textures`."""
    name: str
    """The file's, or what it is for, on which material."""
    width_px: int
    height_px: int
    roles: tuple[str, ...]
    materials: tuple[int, ...]
    gpu_bytes: float
    unused_share: float
    """Texels that no surface shows."""
    texels_per_diagonal: tuple[float, float, float]
    """Area-weighted: what a tenth, half and nine tenths of the surface stay below; zeros where it maps nowhere."""
    area_share: float
    """Of the scene's surface."""
    constant: bool
    """One colour all over: a factor would say it."""
    constant_channels: str
    """Of `RGBA`, those that hold one value: what a metallic-roughness texture without metal has in B."""
    opaque: bool
    """Alpha is 255 all over, stored or not."""
    alpha_soft_share: float
    """Texels with alpha between 10 and 245: what a mask would lose."""
    same_as: int
    """Texture with the same texels in another image; −1: none."""
    smaller: SmallerSize

    @property
    def small_px(self) -> tuple[int, int]:
        """The size that is enough."""
        return self.width_px >> self.smaller.halvings, self.height_px >> self.smaller.halvings

    @property
    def spare_gpu_bytes(self) -> float:
        """What can go: all of a duplicate or of a constant, else what the smaller size saves."""
        if self.same_as >= 0 or self.constant:
            return self.gpu_bytes
        return self.gpu_bytes * (1 - 0.25**self.smaller.halvings)


def measure_textures(flat: FlatScene, surface: Surface, needed_per_diagonal: float) -> tuple[TextureFacts, ...]:
    """Facts about every image in use, most bytes first. `needed_per_diagonal`: what the nearest sensible view shows."""
    material = np.asarray(flat.triangle_material, np.int64)[surface.triangle]
    groups: dict[int, list[_Used]] = {}
    for index in distinct(material):
        rows = np.flatnonzero(material == index)
        for role, use in roles_of(flat.materials[index]):
            if 0 <= use.texture < len(flat.textures):
                groups.setdefault(id(flat.textures[use.texture].pixels), []).append(_Used(int(index), role, use, rows))
    copies = _copies(flat, [found[0].use.texture for found in groups.values()])
    covers = _Covers(flat, surface)
    facts = [_facts(flat, surface, found, covers, copies, needed_per_diagonal) for found in groups.values()]
    return tuple(sorted(facts, key=lambda it: (-it.gpu_bytes, it.texture)))


@dataclass(frozen=True)
class _Used:
    material: int
    role: str
    use: TextureUse
    rows: Array


def roles_of(material: Material) -> Iterator[tuple[str, TextureUse]]:
    """What a material reads, and what for."""
    named = (
        ("base colour", material.base_color_texture),
        ("metallic-roughness", material.metallic_roughness_texture),
        ("normals", material.normal_texture),
        ("emission", material.emissive_texture),
        ("transmission", material.transmission_texture),
        ("lightmap", material.lightmap),
        *(("outgoing light", use) for use in material.sh_textures or ()),
        *(("layers", use) for use in material.layer_textures),
    )
    yield from ((role, use) for role, use in named if use is not None)


def _facts(
    flat: FlatScene, surface: Surface, used: list[_Used], covers: _Covers, copies: dict[int, int], needed: float
) -> TextureFacts:
    first = min(it.use.texture for it in used)
    texture = flat.textures[first]
    pixels = texture.pixels
    height, width = pixels.shape[:2]
    shown = np.logical_or.reduce([covers.of(it) for it in used])
    densities = np.concatenate([texel_density_of(flat, surface, it.rows, it.use) for it in used])
    areas = np.concatenate([surface.areas[it.rows] for it in used])
    low, middle, high = weighted_quantiles(densities, areas, (SURE_SHARE, 0.5, 1 - SURE_SHARE))
    held = _constant_channels(pixels)
    alpha = pixels[..., 3]
    plain = pixels.dtype == np.uint8
    unwanted = not plain or min(width, height) < WORTH_PX or held == "RGBA" or not low
    rows = distinct(np.concatenate([it.rows for it in used]))
    roles = tuple(dict.fromkeys(it.role for it in used))
    return TextureFacts(
        texture=first,
        name=texture.name or f"{used[0].role} of {_material_name(flat, used[0].material)}",
        width_px=width,
        height_px=height,
        roles=roles,
        materials=tuple(sorted({it.material for it in used})),
        gpu_bytes=width * height * GPU_BYTES_PER_TEXEL * (1 if plain else 4),
        unused_share=1.0 - float(shown.mean()),
        texels_per_diagonal=(low, middle, high),
        area_share=float(surface.areas[rows].sum() / surface.area) if surface.count else 0.0,
        constant=held == "RGBA" and width * height > 1,
        constant_channels=held,
        opaque=bool(plain and "A" in held and alpha.size and alpha.flat[0] == 255),
        alpha_soft_share=_soft_share(alpha[:1, :1] if "A" in held else alpha) if plain else 0.0,
        same_as=copies.get(used[0].use.texture, -1),
        smaller=AS_IT_IS if unwanted else smaller_size(pixels, shown, low / needed, normals="normals" in roles),
    )


def _soft_share(alpha: Array) -> float:
    return float(((alpha > 10) & (alpha < 245)).mean()) if alpha.size else 0.0


def _material_name(flat: FlatScene, index: int) -> str:
    return flat.materials[index].name or f"material {index}"


class _Covers:
    """What materials show of their textures. Most read several in one way: that is looked at once."""

    def __init__(self, flat: FlatScene, surface: Surface) -> None:
        self._flat, self._surface = flat, surface
        self._found: dict[tuple[object, ...], Bool[Array, "g g"]] = {}

    def of(self, used: _Used) -> Bool[Array, "g g"]:
        texture, use = self._flat.textures[used.use.texture], used.use
        way = (used.material, use.texcoord, use.transform, texture.wrap_u, texture.wrap_v)
        if way not in self._found:
            if len(self._found) >= KEPT:
                del self._found[next(iter(self._found))]
            uv = _uv(self._flat, self._surface, _once(self._flat, self._surface, used.rows), use)
            self._found[way] = uv_cover(uv, texture.wrap_u, texture.wrap_v)
        return self._found[way]


def _once(flat: FlatScene, surface: Surface, rows: Array) -> Array:
    """Rows of the first placing of each primitive: its copies have the same texture coordinates."""
    first: dict[tuple[int, int], int] = {}
    instances = flat.instances
    chosen = [first.setdefault((it.mesh, it.primitive), i) == i for i, it in enumerate(instances)]
    kept = rows[np.array(chosen, bool)[np.asarray(flat.triangle_instance, np.int64)[surface.triangle[rows]]]]
    return kept if len(kept) else rows


def _uv(flat: FlatScene, surface: Surface, rows: Array, use: TextureUse) -> Float[Array, "n 3 2"]:
    sets = flat.uv1 if use.texcoord == 1 else flat.uv0
    uv = np.nan_to_num(sets[surface.corner[rows]].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    return use.placed(uv)


def _constant_channels(pixels: Array) -> str:
    """A strided look first: most textures vary at once."""
    few = pixels[:: max(1, pixels.shape[0] // 32), :: max(1, pixels.shape[1] // 32)]
    likely = [c for c in range(4) if few.size and few[..., c].min() == few[..., c].max()]
    return "".join("RGBA"[c] for c in likely if pixels[..., c].min() == pixels[..., c].max())


def _copies(flat: FlatScene, textures: list[int]) -> dict[int, int]:
    """Texture → an earlier one with the same texels in an image of its own."""
    seen: dict[tuple[tuple[int, ...], bytes], int] = {}
    found = {}
    shapes = [flat.textures[i].pixels.shape for i in textures]
    for index in sorted(textures):
        pixels = flat.textures[index].pixels
        if shapes.count(pixels.shape) < 2 or pixels.size <= 4:
            continue
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        earlier = seen.setdefault((pixels.shape, digest), index)
        if earlier != index:
            found[index] = earlier
    return found
