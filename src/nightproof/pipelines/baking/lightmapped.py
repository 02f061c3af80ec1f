"""Output B: the scene's own materials, and their light in a lightmap on a UV set of its own (`MOZ_lightmap`).

The convention is three.js's since r138 and that of Mozilla Hubs, which gave the extension its name:

    irradiance = intensity · texel          (texel decoded from sRGB, linear)
    radiance   = irradiance · base colour · (1 − metallic) / π  +  emission

Light and glow are exposed, as in output A: a viewer shows the asset at exposure 1. Only diffuse light is in the map: a
reflection must come from the viewer, say from an environment map; without one, metals are black and default roughness
lacks its gloss. Lamps of the source are left out, for their light is in the map; occlusion maps too, for so is theirs.

Positions are in world space, one node per instance. What `packing` does to files is done to this one afterwards.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32

from nightproof.pipelines.baking.asset import STEPS, add_cameras, lift, page_uv, triangle_page
from nightproof.pipelines.baking.atlas import Atlas, Surface
from nightproof.pipelines.baking.encode import decode, encoded, page_loss
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.pipeline import Source
from nightproof.rendering.display import to_display
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.glb import write_glb
from nightproof.scenes.gltf import GltfDocument, parse_glb

Array = np.ndarray

LIGHTMAP = "MOZ_lightmap"
BRIGHT_QUANTILE = 0.999
"""So much of the light fits the 8-bit map; the rest, next to lamps, clips there and not in the EXR file."""
LIFT = 4
"""Times the lift of second sides in output A: packing rounds positions four times as coarsely at worst."""
MAP_LOSS = 0.005
"""1 − SSIM: light is smooth, its bytes are few."""
MAP_QUALITIES = (80, 88, 93, 97)
_COMPONENTS = {"f": 5126, "u": 5125}


@dataclass(frozen=True)
class Lightmap:
    """One page, in exposed irradiance."""

    irradiance: Float32[Array, "h w 3"]
    known: Bool[Array, "h w"]


def map_intensity(pages: list[Lightmap]) -> float:
    """What the brightest texel of the 8-bit map stands for; one for all pages."""
    levels = np.concatenate([page.irradiance[page.known].max(axis=-1, initial=0) for page in pages])
    brightest = float(np.quantile(levels, BRIGHT_QUANTILE)) if levels.size else 0.0
    return brightest if brightest > 0 else 1.0


def encode_map(page: Lightmap, intensity: float) -> bytes:
    """WebP, for packing leaves that alone."""
    wanted = to_display(page.irradiance, 1 / intensity)
    data = b""
    for quality in MAP_QUALITIES:
        data = encoded(wanted, "WEBP", quality)
        if page_loss(wanted, decode(data), page.known) <= MAP_LOSS:
            break
    return data


def lightmapped_asset(
    source: Source, atlas: Atlas, maps: list[bytes], intensity: float, names: list[str], extras: dict[str, Any],
    exposure: float, threads: int,
) -> bytes:  # fmt: skip
    """The GLB. `atlas` is the one that is lit; `maps` are its pages as WebP."""
    plain = _plain(source, atlas, maps, intensity, names, extras, exposure)
    return pack(parse_glb(plain), threads=threads).data


@dataclass
class _Writing:
    """A document as it grows."""

    json: dict[str, Any]
    binary: bytearray = field(default_factory=bytearray)

    def view(self, data: bytes) -> int:
        self.binary.extend(b"\0" * (-len(self.binary) % 4))
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)})
        self.binary.extend(data)
        return len(self.json["bufferViews"]) - 1

    def accessor(self, rows: Array, bounds: bool = False) -> int:
        columns = rows.shape[1] if rows.ndim == 2 else 1
        entry: dict[str, Any] = {
            "bufferView": self.view(np.ascontiguousarray(rows).tobytes()),
            "componentType": _COMPONENTS[rows.dtype.kind],
            "count": len(rows),
            "type": "SCALAR" if columns == 1 else f"VEC{columns}",
        }
        if bounds:
            entry |= {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()}
        self.json["accessors"].append(entry)
        return len(self.json["accessors"]) - 1


def _plain(
    source: Source, atlas: Atlas, maps: list[bytes], intensity: float, names: list[str], extras: dict[str, Any],
    exposure: float,
) -> bytes:  # fmt: skip
    flat = source.flat
    writing = _Writing(
        {
            "asset": {"version": "2.0", "generator": "nightproof", "extras": {"nightproof": extras}},
            "scene": 0,
            **{name: [] for name in ("accessors", "bufferViews", "meshes", "materials", "images", "textures")},
            "samplers": copy.deepcopy(source.document.json.get("samplers", [])),
        }
    )
    _copy_textures(writing, source.document)
    first_map = _add_maps(writing, maps)
    materials = _Materials(writing, source, exposure, first_map, intensity, atlas.two_sided)
    nodes: list[dict[str, Any]] = []
    for number, surface in enumerate(atlas.surfaces):
        if not len(surface.charts.triangle):
            continue
        page = triangle_page(atlas, number, surface)
        primitives = [
            _primitive(writing, flat, atlas, number, surface, int(each), materials) for each in np.unique(page)
        ]
        nodes.append({"name": names[number], "mesh": len(writing.json["meshes"])})
        writing.json["meshes"].append({"name": names[number], "primitives": primitives})
    add_cameras(writing.json, flat, nodes)
    writing.json["nodes"] = nodes
    writing.json["scenes"] = [{"nodes": list(range(len(nodes)))}]
    writing.json["buffers"] = [{"byteLength": len(writing.binary)}]
    return write_glb(_tidied(writing.json), bytes(writing.binary))


def _copy_textures(writing: _Writing, document: GltfDocument) -> None:
    for index in range(document.count("images")):
        data, mime = document.image(index)
        writing.json["images"].append({"bufferView": writing.view(bytes(data)), "mimeType": mime})
    writing.json["textures"] = copy.deepcopy(document.json.get("textures", []))


def _add_maps(writing: _Writing, maps: list[bytes]) -> int:
    json = writing.json
    json["samplers"].append({"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071})
    first = len(json["textures"])
    for data in maps:
        json["images"].append({"bufferView": writing.view(data), "mimeType": "image/webp"})
        extension = {"EXT_texture_webp": {"source": len(json["images"]) - 1}}
        json["textures"].append({"sampler": len(json["samplers"]) - 1, "extensions": extension})
    return first


@dataclass
class _Materials:
    """Materials of the source with a page of the lightmap, made as they are asked for."""

    writing: _Writing
    source: Source
    exposure: float
    first_map: int
    intensity: float
    two_sided: bool
    made: dict[tuple[int, int], int] = field(default_factory=dict)

    def index(self, material: int, page: int, texcoord: int) -> int:
        if (material, page) not in self.made:
            self.made[material, page] = len(self.writing.json["materials"])
            self.writing.json["materials"].append(self._with_light(material, page, texcoord))
        return self.made[material, page]

    def original(self, material: int) -> dict[str, Any]:
        known = self.source.document.json.get("materials", [])
        return known[material] if material < len(known) else {}

    def _with_light(self, material: int, page: int, texcoord: int) -> dict[str, Any]:
        result = copy.deepcopy(self.original(material))
        result.pop("occlusionTexture", None)
        if not self.two_sided:  # backs show the light of their fronts; culled, they would be holes
            result["doubleSided"] = True
        extensions = result.setdefault("extensions", {})
        if "KHR_materials_unlit" in extensions:
            factor = result.setdefault("pbrMetallicRoughness", {}).get("baseColorFactor", [1, 1, 1, 1])
            exposed = [min(channel * self.exposure, 1.0) for channel in factor[:3]]
            result["pbrMetallicRoughness"]["baseColorFactor"] = [*exposed, factor[3]]
            return result
        self._expose_glow(result, extensions)
        map_ = {"index": self.first_map + page, "texCoord": texcoord, "intensity": self.intensity}
        extensions[LIGHTMAP] = map_
        return result

    def _expose_glow(self, material: dict[str, Any], extensions: dict[str, Any]) -> None:
        factor = material.get("emissiveFactor", [0, 0, 0])
        strength = extensions.pop("KHR_materials_emissive_strength", {}).get("emissiveStrength", 1.0) * self.exposure
        brightest = max(factor) * strength
        if brightest <= 0:
            return
        material["emissiveFactor"] = [channel * strength / max(brightest, 1.0) for channel in factor]
        if brightest > 1:
            extensions["KHR_materials_emissive_strength"] = {"emissiveStrength": brightest}


def _primitive(
    writing: _Writing, flat: FlatScene, atlas: Atlas, number: int, surface: Surface, page: int, materials: _Materials
) -> dict[str, Any]:
    charts, instance = surface.charts, flat.instances[surface.instance]
    chosen = charts.corners[triangle_page(atlas, number, surface) == page].astype(np.int64)
    if surface.back:
        chosen = chosen[:, ::-1]
    used, corners = np.unique(chosen, return_inverse=True)
    vertex = instance.first_vertex + charts.vertex[used].astype(np.int64)
    turned = -1 if surface.back else 1
    lower, upper = flat.bounds_m
    lifted = lift(flat, atlas, number)[used] * (LIFT * float(np.max(upper - lower)) / STEPS)
    places = flat.positions[vertex].astype(np.float64) + lifted
    attributes = {
        "POSITION": writing.accessor(places.astype(np.float32), bounds=True),
        "NORMAL": writing.accessor(flat.normals[vertex] * np.float32(turned)),
    }
    original = materials.original(instance.material)
    sets = _texcoords(original)
    for index in range(max(sets, default=-1) + 1):
        rows = (flat.uv0, flat.uv1)[min(index, 1)][vertex]
        attributes[f"TEXCOORD_{index}"] = writing.accessor(rows)
    # Hubs and most importers look for lightmaps on the second set, whatever `texCoord` says.
    if "TEXCOORD_0" not in attributes:
        attributes["TEXCOORD_0"] = writing.accessor(np.zeros((len(vertex), 2), np.float32))
    texcoord = 1 if "TEXCOORD_1" not in attributes else 2
    attributes[f"TEXCOORD_{texcoord}"] = writing.accessor(page_uv(atlas, number, page, used).astype(np.float32))
    if "normalTexture" in original and flat.tangents[vertex].any():
        attributes["TANGENT"] = writing.accessor(flat.tangents[vertex])
    if (flat.colors[vertex] != 1).any():
        attributes["COLOR_0"] = writing.accessor(flat.colors[vertex])
    indices = writing.accessor(corners.reshape(-1).astype(np.uint32))
    material = materials.index(instance.material, page, texcoord)
    return {"attributes": attributes, "indices": indices, "material": material}


def _texcoords(value: Any) -> set[int]:
    """The UV sets that a material's textures name (occlusion, which is left out, apart)."""
    found: set[int] = set()
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "occlusionTexture":
                continue
            if name.endswith("Texture") and isinstance(inner, dict) and "index" in inner:
                moved = inner.get("extensions", {}).get("KHR_texture_transform", {})
                found.add(int(moved.get("texCoord", inner.get("texCoord", 0))))
            else:
                found |= _texcoords(inner)
    return found


def _tidied(json: dict[str, Any]) -> dict[str, Any]:
    """Without empty lists, and with the extensions that are really there."""
    json = {name: value for name, value in json.items() if value != []}
    used = sorted(_extensions(json))
    if used:
        json["extensionsUsed"] = used
    if "EXT_texture_webp" in used:
        json["extensionsRequired"] = ["EXT_texture_webp"]
    return json


def _extensions(value: Any) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(_extensions, value)) if value else set()
    if not isinstance(value, dict):
        return set()
    own = set(value["extensions"]) if isinstance(value.get("extensions"), dict) else set()
    return own.union(*map(_extensions, value.values()))
