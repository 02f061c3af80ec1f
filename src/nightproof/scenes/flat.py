"""A scene as a renderer wants it: one triangle soup in world space, materials, decoded textures, lights.

This is the contract between what reads scenes (`scenes.flatten`) and what traces, bakes, analyses and audits them.
It is complete for rendering and deliberately lossy otherwise; the glTF document itself stays untouched beside it.

Conventions are glTF's: metres, +Y up, right-handed, counter-clockwise front faces (mirrored nodes are already wound
the right way round), linear-light factors, texture coordinates with (0, 0) at the upper left of the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt32

from nightproof.scenes.camera import Camera
from nightproof.scenes.distinct import distinct

Array = np.ndarray


class Wrap(IntEnum):
    REPEAT = 0
    CLAMP = 1
    MIRROR = 2


@dataclass(frozen=True)
class Texture:
    """One decoded image with its sampler. `srgb` says how colour channels are stored; alpha is always linear."""

    pixels: UInt8[Array, "h w 4"] | Float32[Array, "h w 4"]
    """8 bits per channel, or linear floats (HDR lightmaps); row 0 is the top."""
    srgb: bool
    wrap_u: Wrap = Wrap.REPEAT
    wrap_v: Wrap = Wrap.REPEAT
    nearest: bool = False
    """Whether magnification takes the nearest texel."""
    name: str = ""
    image: int = -1
    """Which image of the document it shows; −1 where it was made."""


@dataclass(frozen=True)
class TextureUse:
    """A texture as a material uses it."""

    texture: int
    """Index into `FlatScene.textures`."""
    texcoord: int = 0
    """0 or 1: uv0 or uv1 of the soup (`scenes.texcoords` brings higher sets of the file there)."""
    transform: tuple[float, float, float, float, float, float] = (1, 0, 0, 0, 1, 0)
    """Rows of the affine map (u, v, 1) → (u', v') of KHR_texture_transform."""
    scale: float = 1.0
    """Normal map scale; 1 otherwise."""

    def placed(self, uv: Float[Array, "*n 2"]) -> Float[Array, "*n 2"]:
        """Texture coordinates as the texture is read by them."""
        a, b, c, d, e, f = self.transform
        return np.stack([a * uv[..., 0] + b * uv[..., 1] + c, d * uv[..., 0] + e * uv[..., 1] + f], axis=-1)


@dataclass(frozen=True)
class Clearcoat:
    """KHR_materials_clearcoat: a clear dielectric layer of IOR 1.5 with a normal and a roughness of its own."""

    factor: float
    roughness: float = 0.0
    texture: TextureUse | None = None
    """Factor in R."""
    roughness_texture: TextureUse | None = None
    """In G."""
    normal_texture: TextureUse | None = None


@dataclass(frozen=True)
class Sheen:
    """KHR_materials_sheen: light from fibres that stand off cloth."""

    color: tuple[float, float, float]
    roughness: float = 0.0
    color_texture: TextureUse | None = None
    roughness_texture: TextureUse | None = None
    """In A."""


@dataclass(frozen=True)
class Anisotropy:
    """KHR_materials_anisotropy: grain as of brushed metal, rougher along one direction of texture space."""

    strength: float
    rotation_rad: float = 0.0
    texture: TextureUse | None = None
    """Direction in R and G, strength in B."""


@dataclass(frozen=True)
class Iridescence:
    """KHR_materials_iridescence: a film so thin that light from its two faces interferes."""

    factor: float
    ior: float = 1.3
    thickness_nm: tuple[float, float] = (100.0, 400.0)
    """Where the thickness texture is black, and where it is white or missing."""
    texture: TextureUse | None = None
    """Factor in R."""
    thickness_texture: TextureUse | None = None
    """In G."""

    @property
    def ends_nm(self) -> tuple[float, float]:
        """Thickness for 0 and 1 of its texture."""
        return self.thickness_nm if self.thickness_texture else (self.thickness_nm[1],) * 2


@dataclass(frozen=True)
class DiffuseTransmission:
    """KHR_materials_diffuse_transmission: diffuse light that passes a thin sheet, as through leaves and paper."""

    factor: float
    """The share of the diffuse light."""
    color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    texture: TextureUse | None = None
    """Factor in A."""
    color_texture: TextureUse | None = None


def _uses(held: Any) -> Iterator[TextureUse]:
    """In the order of the fields."""
    if isinstance(held, TextureUse):
        yield held
    elif isinstance(held, tuple):
        for item in held:
            yield from _uses(item)
    elif is_dataclass(held):
        for item in fields(held):
            yield from _uses(getattr(held, item.name))


@dataclass(frozen=True)
class Material:
    """glTF metallic-roughness with the extensions that the native tracer knows, and those that Mitsuba knows."""

    name: str = ""
    base_color: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    base_color_texture: TextureUse | None = None
    metallic: float = 1.0
    roughness: float = 1.0
    metallic_roughness_texture: TextureUse | None = None
    """Roughness in G, metallic in B."""
    normal_texture: TextureUse | None = None
    emissive: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Radiance, `KHR_materials_emissive_strength` multiplied in; front face only unless double sided."""
    emissive_texture: TextureUse | None = None
    alpha_mode: str = "OPAQUE"
    """OPAQUE, MASK or BLEND."""
    alpha_cutoff: float = 0.5
    double_sided: bool = False
    unlit: bool = False
    """KHR_materials_unlit: the base colour is outgoing radiance, seen as it is, and lights nothing else."""
    transmission: float = 0.0
    transmission_texture: TextureUse | None = None
    """In R."""
    ior: float = 1.5
    thickness_m: float = 0.0
    """0: thin-walled (no refraction). > 0: the mesh bounds a volume (KHR_materials_volume)."""
    attenuation_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    attenuation_distance_m: float = float("inf")
    dispersion: float = 0.0
    """KHR_materials_dispersion: 20 over the Abbe number of a volume."""
    specular: float = 1.0
    """KHR_materials_specular. 0 with metallic 0 makes the material plainly Lambertian."""
    specular_color: tuple[float, float, float] = (1.0, 1.0, 1.0)
    specular_texture: TextureUse | None = None
    """In A."""
    specular_color_texture: TextureUse | None = None
    sh_textures: tuple[TextureUse, TextureUse, TextureUse] | None = None
    """Slopes of the outgoing radiance along x, y, z (output C of the bake, docs/spec/outgoing-sh.md); unlit only."""
    sh_scale: float = 1.0
    lightmap: TextureUse | None = None
    """MOZ_lightmap: what a viewer adds as diffuse light (output B of the bake). Light transport does not read it."""
    lightmap_intensity: float = 1.0
    """Irradiance = intensity · texel."""
    clearcoat: Clearcoat | None = None
    sheen: Sheen | None = None
    anisotropy: Anisotropy | None = None
    iridescence: Iridescence | None = None
    diffuse_transmission: DiffuseTransmission | None = None
    unknown: frozenset[str] = frozenset()
    """Material extensions in use that our tracer approximates or ignores, those that Mitsuba knows among them."""

    @property
    def layered(self) -> bool:
        """Whether any of `layers` belongs to it."""
        return bool(self.layers)

    @property
    def layers(self) -> tuple[str, ...]:
        """The extensions that take it beyond the plain principled surface, in the order of their names."""
        there = {
            "anisotropy": self.anisotropy,
            "clearcoat": self.clearcoat,
            "diffuse_transmission": self.diffuse_transmission,
            "dispersion": self.dispersion if self.transmission > 0 and self.thickness_m > 0 else None,
            "iridescence": self.iridescence,
            "sheen": self.sheen,
            "specular": self._tinted,
        }
        return tuple(f"KHR_materials_{name}" for name, value in there.items() if value)

    @property
    def _tinted(self) -> bool:
        """Whether an index of refraction alone cannot say what it reflects: by its textures, by colour, or at grazing
        angles."""
        if self.specular == 0:
            return False
        textured = self.specular_texture is not None or self.specular_color_texture is not None
        return textured or self.specular != 1 or len(set(self.specular_color)) > 1

    @property
    def texture_uses(self) -> tuple[TextureUse, ...]:
        """Every texture that it reads, base colour first."""
        return tuple(_uses(self))

    @property
    def layer_textures(self) -> tuple[TextureUse, ...]:
        """Those among them that its layers read."""
        layers = (self.clearcoat, self.sheen, self.anisotropy, self.iridescence, self.diffuse_transmission)
        return tuple(_uses((self.specular_texture, self.specular_color_texture, layers)))

    @property
    def tangent_texcoord(self) -> int | None:
        """The UV set whose directions it needs on its surface, for bumps or for grain; None: it needs none."""
        if self.normal_texture is not None:
            return self.normal_texture.texcoord
        if self.anisotropy is not None:
            return self.anisotropy.texture.texcoord if self.anisotropy.texture else 0
        bumps = None if self.clearcoat is None else self.clearcoat.normal_texture
        return None if bumps is None else bumps.texcoord


@dataclass(frozen=True)
class PunctualLight:
    """KHR_lights_punctual in world space."""

    kind: str
    """directional, point or spot."""
    color: tuple[float, float, float]
    intensity: float
    """lux for directional, candela for point and spot. Radiometric use as in Mitsuba: no 683 lm/W factor."""
    position_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, float, float] = (0.0, 0.0, -1.0)
    """Where the light shines to, unit."""
    range_m: float = float("inf")
    inner_cone_rad: float = 0.0
    outer_cone_rad: float = float(np.pi / 4)


@dataclass(frozen=True)
class Environment:
    """Light from infinitely far away, as an equirectangular map of radiance.

    Row 0 is straight up (+Y). The direction of (u, v) in [0, 1]² is
    (sin θ · sin φ, cos θ, −sin θ · cos φ) with θ = π v and φ = 2π (u − ½), so that the centre of the map is −Z.
    """

    radiance: Float32[Array, "h w 3"]
    name: str = ""


@dataclass(frozen=True)
class Instance:
    """One primitive of one node: a run of triangles of its own, sharing nothing with its neighbours."""

    node: int
    mesh: int
    primitive: int
    first_triangle: int
    triangle_count: int
    first_vertex: int
    vertex_count: int
    material: int
    local_to_world: Float[Array, "4 4"]
    animated: bool = False
    """Whether an animation moves this node, its skin or its morph weights."""
    skinned: bool = False
    morphed: bool = False
    copy: int = 0
    """Which of several GPU instances of the node this is."""


@dataclass(frozen=True)
class FlatScene:
    """Everything a renderer needs. Arrays are C-contiguous and never written to."""

    positions: Float32[Array, "v 3"]
    normals: Float32[Array, "v 3"]
    """Unit shading normals; computed flat where the file has none."""
    tangents: Float32[Array, "v 4"]
    """Unit tangent and handedness; zero where no normal map or grain needs them."""
    uv0: Float32[Array, "v 2"]
    uv1: Float32[Array, "v 2"]
    colors: Float32[Array, "v 4"]
    """Linear vertex colours, ones where the file has none."""
    triangles: UInt32[Array, "t 3"]
    triangle_material: UInt32[Array, "t"]
    triangle_instance: UInt32[Array, "t"]
    instances: tuple[Instance, ...]
    materials: tuple[Material, ...]
    textures: tuple[Texture, ...] = ()
    lights: tuple[PunctualLight, ...] = ()
    cameras: tuple[Camera, ...] = ()
    environment: Environment | None = None
    notes: tuple[str, ...] = field(default=())
    """What was left out or approximated on the way here, in plain words."""

    @property
    def bounds_m(self) -> tuple[Float[Array, "3"], Float[Array, "3"]]:
        """Lower and upper corner; zeros for a scene without triangles."""
        if not len(self.triangles):
            return np.zeros(3), np.zeros(3)
        used = self.positions[distinct(self.triangles)]
        return used.min(axis=0).astype(np.float64), used.max(axis=0).astype(np.float64)

    @property
    def diagonal_m(self) -> float:
        lower, upper = self.bounds_m
        return float(np.linalg.norm(upper - lower))
