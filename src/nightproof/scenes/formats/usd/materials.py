"""UsdPreviewSurface as glTF's metallic-roughness, textures joined where glTF wants them in one image.

A texture's scale goes into the factor where glTF has one; a bias, another colour space or another channel than glTF
reads is worked into the pixels. Materials of other kinds (MaterialX, renderers' own) are shown in the mesh's
displayColor.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pxr import Usd, UsdShade

from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.beside import Picture, as_picture
from nightproof.scenes.formats.mtl_maps import png, resized
from nightproof.scenes.formats.usd.confined import Confined
from nightproof.scenes.formats.usd.shaders import Colored, Sampled, Value, alike, value_of
from nightproof.scenes.images import decode_image
from nightproof.scenes.srgb import encoded_of, linear_of

Array = np.ndarray
GREY = 0.18
"""UsdPreviewSurface's own default colour, and what displayColor falls back to."""


@dataclass(frozen=True)
class Look:
    """The material that a prim is bound to, and what its mesh must bring along."""

    path: str
    texcoords: tuple[str, ...]
    """Primvars, in the order of their TEXCOORD sets."""
    wants_colors: bool


@dataclass
class Materials:
    """Materials of one stage, read as meshes ask for them."""

    confined: Confined
    assembly: Assembly
    notes: list[str]
    time: Usd.TimeCode
    _surfaces: dict[str, Surface] = field(default_factory=dict)
    _indices: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _pictures: dict[str, Picture | None] = field(default_factory=dict)

    def look(self, prim: Usd.Prim) -> Look:
        """What the prim is bound to, through its parents and collections."""
        bound = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()[0]
        if not bound:
            return Look("", (), True)
        path = str(bound.GetPath())
        if path not in self._surfaces:
            self._surfaces[path] = self._surface(bound)
        surface = self._surfaces[path]
        return Look(path, surface.texcoords, not surface.inputs or Colored() in surface.inputs.values())

    def index(self, look: Look, *, double_sided: bool, tint: tuple[float, ...] | None) -> int:
        """The glTF material. `tint` is the mesh's displayColor where that is one colour."""
        surface = self._surfaces.get(look.path, Surface("", {}))
        tint = tint if not surface.inputs or Colored() in surface.inputs.values() else None
        key = (look.path, double_sided, tint)
        if key not in self._indices:
            made = Maker(self, surface, tint).material()
            self._indices[key] = self.assembly.push("materials", made | ({"doubleSided": True} if double_sided else {}))
        return self._indices[key]

    def picture(self, held: Sampled) -> Picture | None:
        key = held.asset.resolvedPath or f"{held.layer.identifier if held.layer else ''}:{held.asset.path}"
        if key not in self._pictures:
            data = self.confined.read(held.asset, held.layer)
            if data is None:
                self.notes.append(f"the texture {held.asset.path[:80]} is not beside the scene: its fallback is shown")
            self._pictures[key] = None if data is None else as_picture(data, f"the texture {held.asset.path[:60]}")
        return self._pictures[key]

    def _surface(self, material: UsdShade.Material) -> Surface:
        shader = material.ComputeSurfaceSource()[0]
        kind = shader.GetIdAttr().Get() if shader else None
        if kind != "UsdPreviewSurface":
            self.notes.append(f"{material.GetPath()}: a material of kind {kind or 'unknown'} is shown in plain colour")
            return Surface(material.GetPrim().GetName(), {})
        names = [held.GetBaseName() for held in shader.GetInputs()]
        inputs = {name: value_of(shader, name, self.time) for name in names}
        if inputs.get("displacement"):
            self.notes.append(f"{material.GetPath()}: displacement is left out")
        return Surface(material.GetPrim().GetName(), {"": None} | inputs)


@dataclass(frozen=True)
class Surface:
    """The inputs of one UsdPreviewSurface; none at all for what is not one."""

    name: str
    inputs: dict[str, Value]

    @property
    def texcoords(self) -> tuple[str, ...]:
        used = (value.texcoord for value in self.inputs.values() if isinstance(value, Sampled))
        return tuple(dict.fromkeys(used))


@dataclass
class Maker:
    """Makes one glTF material of a surface."""

    book: Materials
    surface: Surface
    tint: tuple[float, ...] | None

    def material(self) -> dict[str, Any]:
        pbr: dict[str, Any] = {"metallicFactor": 0.0, "roughnessFactor": 0.5}
        material: dict[str, Any] = {"name": self.surface.name} if self.surface.name else {}
        material["pbrMetallicRoughness"] = pbr
        base, alpha, mode = self._base(pbr)
        pbr["baseColorFactor"] = [*(_clamped(c) for c in base), alpha]
        if mode != "OPAQUE":
            material["alphaMode"] = mode
        if mode == "MASK":
            material["alphaCutoff"] = _clamped(self._number("opacityThreshold", 0.0))
        self._surface_maps(pbr)
        self._normal(material)
        self._occlusion(material)
        self._emission(material)
        self._extensions(material)
        return material

    def _number(self, name: str, default: float) -> float:
        value = self.surface.inputs.get(name)
        if isinstance(value, Sampled):
            if self.book.picture(value) is not None:
                return default
            value = value.fallback["rgba".find(value.channels[0])]
        return value if isinstance(value, float) else default

    def _color(self, name: str, default: tuple[float, float, float]) -> tuple[float, ...]:
        value = self.surface.inputs.get(name)
        if isinstance(value, Sampled):
            value = (1.0, 1.0, 1.0) if self.book.picture(value) is not None else value.fallback[:3]
        if isinstance(value, Colored):
            return (self.tint or (1.0, 1.0, 1.0))[:3]
        return value if isinstance(value, tuple) and len(value) == 3 else default

    def _sampled(self, name: str) -> Sampled | None:
        value = self.surface.inputs.get(name)
        return value if isinstance(value, Sampled) and self.book.picture(value) is not None else None

    def _base(self, pbr: dict[str, Any]) -> tuple[tuple[float, ...], float, str]:
        """Colour and alpha factors, alpha mode; the texture goes into `pbr`."""
        if not self.surface.inputs:
            tint = self.tint or (GREY, GREY, GREY, 1.0)
            return tint[:3], tint[3], "OPAQUE" if tint[3] >= 1 else "BLEND"
        color, opacity = self._sampled("diffuseColor"), self._sampled("opacity")
        factor = self._color("diffuseColor", (GREY, GREY, GREY))
        alpha = _clamped(self._number("opacity", 1.0))
        if color is not None:
            factor = (1.0, 1.0, 1.0)
            if min(color.scale[:3]) >= 0 and max(color.scale[:3]) <= 1:
                factor = color.scale[:3]
        if color is not None or opacity is not None:
            pbr["baseColorTexture"] = self._colored(color, opacity, factor)
        mode = "OPAQUE"
        if opacity is not None or alpha < 1:
            mode = "MASK" if self._number("opacityThreshold", 0.0) > 0 else "BLEND"
        return factor, alpha, mode

    def _colored(
        self, color: Sampled | None, opacity: Sampled | None, factor: tuple[float, ...] = (1, 1, 1)
    ) -> dict[str, Any]:
        """A colour texture of which alpha is the opacity's channel; as it is where the file has it so."""
        held = color or opacity
        assert held is not None
        same = opacity is None or (color is not None and opacity.asset == color.asset and opacity.channels == "a")
        plain = color is None or (
            color.bias[:3] == (0, 0, 0) and color.scale[:3] == tuple(factor) and color.space != "raw"
        )
        unmoved = opacity is None or (opacity.scale[3], opacity.bias[3]) == (1, 0)
        if color is not None and color.channels == "rgb" and same and plain and unmoved:
            picture = self.book.picture(color)
            assert picture is not None
            return self._use(picture, color)
        if color is None:
            pixels = np.full((1, 1, 4), 255, np.uint8)
        else:
            pixels = self._baked_color(color, factor)
        if opacity is not None:
            mask = self._channel(opacity)
            height, width = max(mask.shape[0], pixels.shape[0]), max(mask.shape[1], pixels.shape[1])
            planes = [resized(np.ascontiguousarray(pixels[..., i]), height, width) for i in range(3)]
            pixels = np.dstack([*planes, resized(mask, height, width)])
        else:
            pixels = np.dstack([pixels[..., :3], np.full(pixels.shape[:2], 255, np.uint8)])
        return self._use(png(pixels), held)

    def _baked_color(self, held: Sampled, factor: tuple[float, ...] = (1, 1, 1)) -> Array:
        """Scale and bias in linear light, on the sRGB curve again, without what the factor multiplies later."""
        pixels = self._pixels(held)
        if held.channels != "rgb":
            pixels = np.dstack([pixels[..., "rgba".index(held.channels)]] * 3 + [pixels[..., 3]])
        values = pixels[..., :3] / 255
        values = values if held.space == "raw" else linear_of(values)
        values = values * np.array(held.scale[:3]) + np.array(held.bias[:3])
        values = np.clip(values / np.where(np.array(factor) > 0, factor, 1), 0, 1)
        return np.dstack([np.round(encoded_of(values) * 255).astype(np.uint8), pixels[..., 3]])

    def _channel(self, held: Sampled) -> Array:
        """One channel as 8 bits, scale and bias applied."""
        index = max("rgba".find(held.channels[0]), 0)
        values = self._pixels(held)[..., index] / 255
        if held.space == "sRGB" and index < 3:
            values = linear_of(values)
        return np.round(np.clip(values * held.scale[index] + held.bias[index], 0, 1) * 255).astype(np.uint8)

    def _pixels(self, held: Sampled) -> Array:
        picture = self.book.picture(held)
        assert picture is not None
        return decode_image(picture.data, picture.mime, held.asset.path[:60])

    def _surface_maps(self, pbr: dict[str, Any]) -> None:
        """Roughness in G, metalness in B. With useSpecularWorkflow there is no metal."""
        specular = self._number("useSpecularWorkflow", 0.0) > 0
        rough, metal = self._sampled("roughness"), None if specular else self._sampled("metallic")
        pbr["roughnessFactor"] = 1.0 if rough else _clamped(self._number("roughness", 0.5))
        pbr["metallicFactor"] = 0.0 if specular else 1.0 if metal else _clamped(self._number("metallic", 0.0))
        if rough is not None and metal is not None and not alike(rough, metal):
            self.book.notes.append(f"{self.surface.name}: roughness and metalness lie differently; the latter follows")
        if (held := rough or metal) is not None:
            pbr["metallicRoughnessTexture"] = self._use(self._joined({1: rough, 2: metal}), held)

    def _joined(self, channels: dict[int, Sampled | None]) -> Picture:
        """One image with each channel where glTF reads it; white elsewhere. The file's own where it has them so."""
        given = {at: held for at, held in channels.items() if held is not None}
        first = next(iter(given.values()))
        if all(
            held.asset == first.asset and held.channels == "rgba"[at] and held.space != "sRGB"
            and (held.scale[at], held.bias[at]) == (1, 0)
            for at, held in given.items()
        ):  # fmt: skip
            picture = self.book.picture(first)
            assert picture is not None
            return picture
        planes = {at: self._channel(held) for at, held in given.items()}
        height, width = (max(plane.shape[axis] for plane in planes.values()) for axis in (0, 1))
        white = np.full((height, width), 255, np.uint8)
        return png(np.dstack([resized(planes[at], height, width) if at in planes else white for at in range(3)]))

    def _normal(self, material: dict[str, Any]) -> None:
        """USD asks for scale 2 and bias −1; files that leave them out mean the same. Others are worked in."""
        held = self._sampled("normal")
        if held is None:
            return
        picture = self.book.picture(held)
        assert picture is not None
        scale, bias = np.array(held.scale[:3]), np.array(held.bias[:3])
        usual = ((scale == 2).all() and (bias == -1).all()) or ((scale == 1).all() and (bias == 0).all())
        if not usual:
            values = self._pixels(held)[..., :3] / 255 * scale + bias
            length = np.linalg.norm(values, axis=2, keepdims=True)
            unit = values / np.where(length > 0, length, 1)
            picture = png(np.round(np.clip(unit * 127.5 + 127.5, 0, 255)).astype(np.uint8))
        material["normalTexture"] = self._use(picture, held)

    def _occlusion(self, material: dict[str, Any]) -> None:
        held = self._sampled("occlusion")
        if held is not None:
            material["occlusionTexture"] = self._use(self._joined({0: held}), held)

    def _emission(self, material: dict[str, Any]) -> None:
        held = self._sampled("emissiveColor")
        factor = self._color("emissiveColor", (0.0, 0.0, 0.0))
        if held is not None:
            factor = held.scale[:3] if min(held.scale[:3]) >= 0 and held.bias[:3] == (0, 0, 0) else (1.0, 1.0, 1.0)
            material["emissiveTexture"] = self._colored(held, None, factor)
        strength = max(1.0, *factor)
        if any(channel > 0 for channel in factor):
            material["emissiveFactor"] = [_clamped(channel / strength) for channel in factor]
            if strength > 1:
                self._extend(material, "KHR_materials_emissive_strength", {"emissiveStrength": strength})
        else:
            material.pop("emissiveTexture", None)

    def _extensions(self, material: dict[str, Any]) -> None:
        ior = self._number("ior", 1.5)
        if 1.0 <= ior <= 10 and ior != 1.5 and self.surface.inputs:
            self._extend(material, "KHR_materials_ior", {"ior": ior})
        if self._number("useSpecularWorkflow", 0.0) > 0:
            if self._sampled("specularColor") is not None:
                self.book.notes.append(f"{self.surface.name}: the map of its specular colour is left out")
            ior = ior if ior > 1 else 1.5
            normal = ((ior - 1) / (ior + 1)) ** 2
            color = [max(channel, 0.0) / normal for channel in self._color("specularColor", (0.0, 0.0, 0.0))]
            self._extend(material, "KHR_materials_specular", {"specularColorFactor": color})
        coat, coat_map = self._number("clearcoat", 0.0), self._sampled("clearcoat")
        rough_map = self._sampled("clearcoatRoughness")
        if coat > 0 or coat_map is not None:
            layer: dict[str, Any] = {
                "clearcoatFactor": 1.0 if coat_map else _clamped(coat),
                "clearcoatRoughnessFactor": 1.0 if rough_map else _clamped(self._number("clearcoatRoughness", 0.01)),
            }
            if coat_map is not None:
                layer["clearcoatTexture"] = self._use(self._joined({0: coat_map}), coat_map)
            if rough_map is not None:
                layer["clearcoatRoughnessTexture"] = self._use(self._joined({1: rough_map}), rough_map)
            self._extend(material, "KHR_materials_clearcoat", layer)

    def _extend(self, material: dict[str, Any], name: str, value: dict[str, Any]) -> None:
        self.book.assembly.uses(name)
        material.setdefault("extensions", {})[name] = value

    def _use(self, picture: Picture, held: Sampled) -> dict[str, Any]:
        name = held.asset.path.replace("\\", "/").rsplit("/", 1)[-1].rstrip("]")
        use: dict[str, Any] = {"index": self.book.assembly.texture(picture.data, picture.mime, name, held.wraps)}
        if texcoord := self.surface.texcoords.index(held.texcoord):
            use["texCoord"] = texcoord
        if held.placement != type(held.placement)():
            self.book.assembly.uses("KHR_texture_transform")
            use["extensions"] = {"KHR_texture_transform": held.placement.as_gltf()}
        return use


def _clamped(value: float) -> float:
    return min(max(float(value), 0.0), 1.0)
