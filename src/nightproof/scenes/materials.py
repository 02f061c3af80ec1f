"""glTF materials as the tracer knows them; what it does not know is named, never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import (
    Anisotropy,
    Clearcoat,
    DiffuseTransmission,
    Iridescence,
    Material,
    Sheen,
    TextureUse,
)
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.specular_glossiness import GLOSSINESS, converted
from nightproof.scenes.textures import TextureTable

ALPHA_MODES = ("OPAQUE", "MASK", "BLEND")
OUTGOING_SH = "NIGHTPROOF_outgoing_sh"
LIGHTMAP = "MOZ_lightmap"
WORKFLOW = frozenset(
    "KHR_materials_" + name
    for name in ("unlit", "emissive_strength", "transmission", "ior", "volume", "specular", "pbrSpecularGlossiness")
) | {"KHR_materials_variants", "KHR_texture_transform", OUTGOING_SH, LIGHTMAP}
OFF_BY_DEFAULT: dict[str, tuple[str, ...]] = {
    "KHR_materials_clearcoat": ("clearcoatFactor",),
    "KHR_materials_sheen": ("sheenColorFactor",),
    "KHR_materials_iridescence": ("iridescenceFactor",),
    "KHR_materials_anisotropy": ("anisotropyStrength",),
    "KHR_materials_dispersion": ("dispersion",),
    "KHR_materials_diffuse_transmission": ("diffuseTransmissionFactor",),
}
"""Extensions beside the workflow, and the factor that is zero while they do nothing."""
SPECULAR = "KHR_materials_specular"
LAYERS = frozenset(
    f"KHR_materials_{name}" for name in ("clearcoat", "sheen", "anisotropy", "iridescence", "diffuse_transmission")
)
"""Those of them that the tracer knows on opaque surfaces."""
MITSUBA_KNOWS = frozenset(f"KHR_materials_{name}" for name in ("clearcoat", "sheen", "anisotropy"))
"""Those that Mitsuba can show anywhere, by lobes much like glTF's (docs/reference/auditor.md)."""


def read_materials(document: GltfDocument, used: frozenset[int], table: TextureTable) -> tuple[Material, ...]:
    """All materials in the file's order; those not in `used` keep their names only, so that no image is decoded idly.

    One more follows at the end: what glTF gives to primitives without a material.
    """
    found = [
        read_material(fields, table) if i in used else Material(name=fields.text("name", ""))
        for i, fields in enumerate(document.root.children("materials"))
    ]
    return (*found, Material(name=""))


def read_material(fields: Fields, table: TextureTable) -> Material:
    reader = _Reader(fields, table, set())
    glossy = fields.extension(GLOSSINESS)
    values = reader.surface() | (converted(glossy, table) if glossy else reader.metallic_roughness())
    material = Material(**values)
    unknown = _not_traced(material, reader.unknown | _unknown_extensions(fields))
    return replace(material, unknown=frozenset(unknown))


def _not_traced(material: Material, unknown: set[str]) -> set[str]:
    """Of the extensions in use and what could not be read, what the tracer does not show as glTF says."""
    unknown = unknown - {"KHR_materials_dispersion"}  # traced in volumes, and nothing elsewhere
    if material.transmission > 0:  # layers are left out there, and one index of refraction stands for what is reflected
        return unknown | ({SPECULAR} & set(material.layers))
    # A body that scatters within is more than a sheet.
    body = {"KHR_materials_diffuse_transmission"} if material.thickness_m > 0 else set()
    return unknown - (LAYERS - body)


@dataclass(frozen=True)
class _Reader:
    fields: Fields
    table: TextureTable
    unknown: set[str]

    def texture(self, parent: Fields | None, name: str, slot: str, why: str = "") -> TextureUse | None:
        use, real = self.table.use(parent, name, slot)
        if not real and parent is not None:
            self.unknown.add(why or self.table.kind_of(parent, name))
        return use

    def metallic_roughness(self) -> dict[str, Any]:
        pbr = self.fields.child("pbrMetallicRoughness") or Fields({}, self.fields.pointer, self.fields.root)
        return {
            "base_color": pbr.numbers("baseColorFactor", 4, (1.0, 1.0, 1.0, 1.0)),
            "base_color_texture": self.texture(pbr, "baseColorTexture", "color"),
            "metallic": pbr.number("metallicFactor", 1.0, 0, 1),
            "roughness": pbr.number("roughnessFactor", 1.0, 0, 1),
            "metallic_roughness_texture": self.texture(pbr, "metallicRoughnessTexture", "value"),
        }

    def surface(self) -> dict[str, Any]:
        mode = self.fields.text("alphaMode", "OPAQUE")
        if mode not in ALPHA_MODES:
            raise self.fields.broken("alphaMode", f"{mode[:20]!r} is no alpha mode")
        values: dict[str, Any] = {
            "name": self.fields.text("name", ""),
            "normal_texture": self.texture(self.fields, "normalTexture", "normal"),
            "alpha_mode": mode,
            "alpha_cutoff": self.fields.number("alphaCutoff", 0.5, 0),
            "double_sided": self.fields.flag("doubleSided"),
            "unlit": self.fields.extension("KHR_materials_unlit") is not None,
            **self.emission(),
        }
        for name, read in _EXTENSIONS.items():
            if (extension := self.fields.extension(name)) is not None:
                values |= read(self, extension)
        return values

    def emission(self) -> dict[str, Any]:
        extension = self.fields.extension("KHR_materials_emissive_strength")
        strength = extension.number("emissiveStrength", 1.0, 0) if extension else 1.0
        factor = self.fields.numbers("emissiveFactor", 3, (0.0, 0.0, 0.0))
        emissive = tuple(max(channel, 0.0) * strength for channel in factor)
        texture = self.texture(self.fields, "emissiveTexture", "emissive") if any(emissive) else None
        return {"emissive": emissive, "emissive_texture": texture}

    def transmission(self, extension: Fields) -> dict[str, Any]:
        factor = extension.number("transmissionFactor", 0.0, 0, 1)
        texture = self.texture(extension, "transmissionTexture", "value") if factor > 0 else None
        return {"transmission": factor, "transmission_texture": texture}

    def ior(self, extension: Fields) -> dict[str, Any]:
        ior = extension.number("ior", 1.5, 0)
        if ior < 1:  # 0 stands for a full Fresnel reflection, for converted materials only
            self.unknown.add("KHR_materials_ior")
        return {"ior": ior if ior >= 1 else 1.5}

    def volume(self, extension: Fields) -> dict[str, Any]:
        distance = extension.number("attenuationDistance", float("inf"), 0) if extension.value else float("inf")
        return {
            "thickness_m": extension.number("thicknessFactor", 0.0, 0),
            "attenuation_color": extension.numbers("attenuationColor", 3, (1.0, 1.0, 1.0)),
            "attenuation_distance_m": distance if distance > 0 else float("inf"),
        }

    def dispersion(self, extension: Fields) -> dict[str, Any]:
        return {"dispersion": extension.number("dispersion", 0.0, 0)}

    def specular(self, extension: Fields) -> dict[str, Any]:
        factor = extension.number("specularFactor", 1.0, 0, 1)
        color = tuple(max(channel, 0.0) for channel in extension.numbers("specularColorFactor", 3, (1.0, 1.0, 1.0)))
        values: dict[str, Any] = {"specular": factor, "specular_color": color}
        if factor > 0:
            values["specular_texture"] = self.texture(extension, "specularTexture", "value")
            values["specular_color_texture"] = self.texture(extension, "specularColorTexture", "color")
        return values

    def clearcoat(self, extension: Fields) -> dict[str, Any]:
        factor = extension.number("clearcoatFactor", 0.0, 0, 1)
        if not factor:
            return {}
        coat = Clearcoat(
            factor,
            extension.number("clearcoatRoughnessFactor", 0.0, 0, 1),
            self.texture(extension, "clearcoatTexture", "value"),
            self.texture(extension, "clearcoatRoughnessTexture", "value"),
            self.texture(extension, "clearcoatNormalTexture", "normal"),
        )
        return {"clearcoat": coat}

    def sheen(self, extension: Fields) -> dict[str, Any]:
        red, green, blue = extension.numbers("sheenColorFactor", 3, (0.0, 0.0, 0.0))
        if not (red or green or blue):
            return {}
        sheen = Sheen(
            (red, green, blue),
            extension.number("sheenRoughnessFactor", 0.0, 0, 1),
            self.texture(extension, "sheenColorTexture", "color"),
            self.texture(extension, "sheenRoughnessTexture", "value"),
        )
        return {"sheen": sheen}

    def anisotropy(self, extension: Fields) -> dict[str, Any]:
        strength = extension.number("anisotropyStrength", 0.0, 0, 1)
        if not strength:
            return {}
        rotation = extension.number("anisotropyRotation", 0.0)
        return {"anisotropy": Anisotropy(strength, rotation, self.texture(extension, "anisotropyTexture", "value"))}

    def iridescence(self, extension: Fields) -> dict[str, Any]:
        factor = extension.number("iridescenceFactor", 0.0, 0, 1)
        if not factor:
            return {}
        least = extension.number("iridescenceThicknessMinimum", 100.0, 0)
        most = extension.number("iridescenceThicknessMaximum", 400.0, 0)
        film = Iridescence(
            factor,
            extension.number("iridescenceIor", 1.3, 1),
            (least, most),
            self.texture(extension, "iridescenceTexture", "value"),
            self.texture(extension, "iridescenceThicknessTexture", "value"),
        )
        return {"iridescence": film}

    def diffuse_transmission(self, extension: Fields) -> dict[str, Any]:
        factor = extension.number("diffuseTransmissionFactor", 0.0, 0, 1)
        if not factor:
            return {}
        red, green, blue = extension.numbers("diffuseTransmissionColorFactor", 3, (1.0, 1.0, 1.0))
        passing = DiffuseTransmission(
            factor,
            (max(red, 0.0), max(green, 0.0), max(blue, 0.0)),
            self.texture(extension, "diffuseTransmissionTexture", "value"),
            self.texture(extension, "diffuseTransmissionColorTexture", "color"),
        )
        return {"diffuse_transmission": passing}

    def outgoing_sh(self, extension: Fields) -> dict[str, Any]:
        """Output C of the bake: how the outgoing radiance changes along each axis (docs/spec/outgoing-sh.md)."""
        uses = [self.texture(extension, name, "value", OUTGOING_SH) for name in ("x", "y", "z")]
        if any(use is None for use in uses):
            raise extension.broken("", "needs the textures x, y and z")
        return {"sh_textures": tuple(uses), "sh_scale": extension.number("scale", 1.0, 0)}

    def lightmap(self, extension: Fields) -> dict[str, Any]:
        """Output B of the bake, and what Mozilla Hubs reads: the extension is a textureInfo with an intensity."""
        use, _ = self.table.use(self.fields.child("extensions"), LIGHTMAP, "color")
        return {"lightmap": use, "lightmap_intensity": extension.number("intensity", 1.0, 0)}


_EXTENSIONS: dict[str, Callable[[_Reader, Fields], dict[str, Any]]] = {
    "KHR_materials_transmission": _Reader.transmission,
    "KHR_materials_ior": _Reader.ior,
    "KHR_materials_volume": _Reader.volume,
    "KHR_materials_specular": _Reader.specular,
    "KHR_materials_dispersion": _Reader.dispersion,
    "KHR_materials_clearcoat": _Reader.clearcoat,
    "KHR_materials_sheen": _Reader.sheen,
    "KHR_materials_anisotropy": _Reader.anisotropy,
    "KHR_materials_iridescence": _Reader.iridescence,
    "KHR_materials_diffuse_transmission": _Reader.diffuse_transmission,
    OUTGOING_SH: _Reader.outgoing_sh,
    LIGHTMAP: _Reader.lightmap,
}


def _unknown_extensions(fields: Fields) -> set[str]:
    extensions = fields.child("extensions")
    if extensions is None:
        return set()
    return {name for name in extensions.value if name not in WORKFLOW and _in_use(extensions, name)}


def _in_use(extensions: Fields, name: str) -> bool:
    if name not in OFF_BY_DEFAULT:
        return "material" in name.lower()  # others describe physics, variants, provenance: nothing to see
    value = extensions.child(name)
    assert value is not None
    factors = [value.value.get(factor, 0) for factor in OFF_BY_DEFAULT[name]]
    return any(any(factor) if isinstance(factor, list) else bool(factor) for factor in factors)
