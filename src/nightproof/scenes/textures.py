"""Textures as materials use them, decoded once per image and shared between uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import UInt8

from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import Texture, TextureUse, Wrap
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.images import KTX2, decode_image, image_size, is_decodable

Array = np.ndarray
SOURCES = ("EXT_texture_webp", "EXT_texture_avif")
BASISU = "KHR_texture_basisu"
WRAPS = {10497: Wrap.REPEAT, 33071: Wrap.CLAMP, 33648: Wrap.MIRROR}
NEUTRAL = {"normal": (128, 128, 255, 255), "emissive": (0, 0, 0, 255), "color": (188, 188, 188, 255)}
"""What stands in for an image that cannot be decoded: a flat surface, dark, of linear grey .5; else white."""


Decode = Callable[[bytes, str, str], UInt8[Array, "h w 4"]]
"""Of a file of an image, its type and where it stands in the document, the pixels; as `images.decode_image`."""


@dataclass
class TextureTable:
    """The textures of one scene while its materials are being read."""

    document: GltfDocument
    decode: Decode = decode_image
    textures: list[Texture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _indices: dict[tuple[int, str, bool], int] = field(default_factory=dict)
    _pixels: dict[int, Array | None] = field(default_factory=dict)

    def use(self, parent: Fields | None, name: str, slot: str) -> tuple[TextureUse | None, bool]:
        """The texture that field `name` of `parent` names, and whether its pixels are the real ones.

        `slot` says what it is for: `color` and `emissive` are sRGB, `normal` and `value` are linear.
        """
        info = parent.child(name) if parent else None
        if info is None:
            return None, True
        info.require("index")
        texture = info.reference("index", "textures")
        assert texture is not None
        index, real = self._texture(texture, slot)
        texcoord, transform = coordinates(info)
        return TextureUse(index, texcoord, transform, info.number("scale", 1.0)), real

    def kind_of(self, parent: Fields, name: str) -> str:
        """What a texture is that cannot be decoded here."""
        info = parent.child(name)
        texture = info.reference("index", "textures") if info is not None else None
        coded = texture is not None and self.document.fields("textures", texture).extension(BASISU) is not None
        return BASISU if coded else "images of another kind"

    def add(self, pixels: Array, srgb: bool, like: int) -> int:
        """A made texture with the sampler of texture `like` of the document."""
        self.textures.append(_sampled(self.document.fields("textures", like), pixels, srgb, ""))
        return len(self.textures) - 1

    def pixels(self, texture: int) -> Array | None:
        """The decoded image of a document's texture; None where it cannot be decoded."""
        fields = self.document.fields("textures", texture)
        image = self._source(fields)
        return None if image is None else self._decoded(image)

    def _texture(self, texture: int, slot: str) -> tuple[int, bool]:
        srgb = slot in ("color", "emissive")
        pixels = self.pixels(texture)
        key = (texture, "" if pixels is not None else slot, srgb)
        if key not in self._indices:
            fields = self.document.fields("textures", texture)
            shown = pixels if pixels is not None else np.array(NEUTRAL.get(slot, (255,) * 4), np.uint8).reshape(1, 1, 4)
            self._indices[key] = len(self.textures)
            self.textures.append(_sampled(fields, shown, srgb, self._name(fields), self._image(fields, pixels)))
        return self._indices[key], pixels is not None

    def _image(self, texture: Fields, pixels: Array | None) -> int:
        source = None if pixels is None else self._source(texture)
        return -1 if source is None else source

    def _source(self, texture: Fields) -> int | None:
        """The image to decode: WebP and AVIF before the plain one, the plain one before KTX2."""
        for extension in SOURCES:
            if (alternative := texture.extension(extension)) is not None:
                return alternative.reference("source", "images")
        if "source" in texture:
            return texture.reference("source", "images")
        basis = texture.extension(BASISU)
        return basis.reference("source", "images") if basis else None

    def _decoded(self, image: int) -> Array | None:
        if image not in self._pixels:
            data, mime = self.document.image(image)
            pointer = f"/images/{image}"
            if is_decodable(mime):
                width, height = image_size(data, mime, pointer)
                self.document.take(4 * width * height, pointer)
                self._pixels[image] = self.decode(data, mime, pointer)
            else:
                what = mime or "an unknown image format"
                more = "; `pip install nightproof[ktx2]` shows it" if mime == KTX2 else ""
                self.notes.append(f"{pointer}: {what} cannot be decoded here; a flat colour is shown{more}")
                self._pixels[image] = None
        return self._pixels[image]

    def _name(self, texture: Fields) -> str:
        source = self._source(texture)
        own = texture.text("name", "")
        return own or ("" if source is None else self.document.fields("images", source).text("name", ""))


def _sampled(texture: Fields, pixels: Array, srgb: bool, name: str, image: int = -1) -> Texture:
    index = texture.reference("sampler", "samplers")
    sampler = (
        Fields.of(texture.root["samplers"][index], f"/samplers/{index}", texture.root) if index is not None else None
    )
    wraps = wraps_of(sampler)
    nearest = sampler is not None and sampler.integer("magFilter", 9729) == 9728
    return Texture(pixels, srgb, wraps[0], wraps[1], nearest, name, image)


def wraps_of(sampler: Fields | None) -> tuple[Wrap, Wrap]:
    """Along u and v."""
    u, v = (sampler.integer(side, 10497) if sampler else 10497 for side in ("wrapS", "wrapT"))
    return WRAPS.get(u, Wrap.REPEAT), WRAPS.get(v, Wrap.REPEAT)


def coordinates(info: Fields) -> tuple[int, tuple[float, float, float, float, float, float]]:
    """Which UV set, and KHR_texture_transform as T · R · S with its clockwise-in-(u, v) rotation."""
    texcoord = info.integer("texCoord", 0)
    moved = info.extension("KHR_texture_transform")
    if moved is None:
        return texcoord, (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    (x, y), (sx, sy) = moved.numbers("offset", 2, (0.0, 0.0)), moved.numbers("scale", 2, (1.0, 1.0))
    angle = moved.number("rotation", 0.0)
    c, s = float(np.cos(angle)), float(np.sin(angle))
    return moved.integer("texCoord", texcoord), (c * sx, s * sy, x, -s * sx, c * sy, y)
