"""Where a room is put together: materials, pieces, cameras and lamps in, a GLB out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nightproof.scenes.camera import look_at
from nightproof.scenes.declared import declare
from nightproof.scenes.glb import write_glb
from nightproof.scenes.interiors.patterns import Color, png
from nightproof.scenes.interiors.solids import Solid
from nightproof.scenes.srgb import linear_of

Array = np.ndarray
Point = tuple[float, float, float]
EXPORTERS_ROUGHNESS = 0.5
"""What modelling programs write unless somebody cares: the hard case for baked light."""


@dataclass
class Interior:
    """One scene in the making. Pieces keep their order; the same calls give the same bytes."""

    name: str
    json: dict[str, Any] = field(default_factory=dict)
    binary: bytearray = field(default_factory=bytearray)
    _meshes: dict[tuple[int, int], int] = field(default_factory=dict)
    _kept: list[Solid] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.json |= {
            "asset": {"version": "2.0", "generator": "nightproof", "copyright": "CC0-1.0, the nightproof authors"},
            "scene": 0,
            "scenes": [{"name": self.name, "nodes": []}],
        }

    def texture(self, name: str, color: Array) -> int:
        """An image of sRGB values in [0, 1]; row 0 is the top."""
        data = png(color)
        image = self._push("images", {"name": name, "mimeType": "image/png", "bufferView": self._view(data)})
        self.json.setdefault("samplers", [{"magFilter": 9729, "minFilter": 9987, "wrapS": 10497, "wrapT": 10497}])
        return self._push("textures", {"name": name, "source": image, "sampler": 0})

    def material(
        self,
        name: str,
        color: Color = (1.0, 1.0, 1.0),
        *,
        texture: int | None = None,
        per_metre: float | tuple[float, float] = 1.0,
        roughness: float = EXPORTERS_ROUGHNESS,
        metallic: float = 0.0,
        glow: float = 0.0,
        double_sided: bool = False,
    ) -> int:
        """`color` in sRGB; `per_metre` is how often a texture repeats; `glow` is emitted radiance."""
        linear = np.round(linear_of(np.array(color)), 5).tolist()
        pbr: dict[str, Any] = {"metallicFactor": metallic, "roughnessFactor": roughness}
        if texture is None or color != (1.0, 1.0, 1.0):
            pbr["baseColorFactor"] = [*linear, 1.0]
        if texture is not None:
            u, v = per_metre if isinstance(per_metre, tuple) else (per_metre, per_metre)
            pbr["baseColorTexture"] = {"index": texture}
            if (u, v) != (1.0, 1.0):
                pbr["baseColorTexture"]["extensions"] = {"KHR_texture_transform": {"scale": [u, v]}}
                declare(self.json, "KHR_texture_transform", required=False)
        found: dict[str, Any] = {"name": name, "pbrMetallicRoughness": pbr}
        if glow:
            found |= {
                "emissiveFactor": linear,
                "extensions": {"KHR_materials_emissive_strength": {"emissiveStrength": glow}},
            }
            declare(self.json, "KHR_materials_emissive_strength", required=False)
        if double_sided:
            found["doubleSided"] = True
        return self._push("materials", found)

    def add(self, name: str, solid: Solid, material: int, at: Point = (0, 0, 0), turn: float = 0.0) -> None:
        """Place a piece, turned about the vertical by `turn` degrees. The same solid is stored once."""
        node: dict[str, Any] = {"name": name, "mesh": self._mesh(name, solid, material)}
        if turn:
            half = np.radians(turn) / 2
            node["rotation"] = [0.0, round(float(np.sin(half)), 7), 0.0, round(float(np.cos(half)), 7)]
        self._show(node, at)

    def camera(self, name: str, position: Point, target: Point, yfov_deg: float) -> None:
        lens = {"yfov": round(float(np.radians(yfov_deg)), 6), "aspectRatio": 1.5, "znear": 0.05}
        index = self._push("cameras", {"name": name, "type": "perspective", "perspective": lens})
        placed = look_at(np.array(position), np.array(target), yfov_rad=1.0, width_px=3, height_px=2)
        matrix = [round(float(x), 7) for x in placed.camera_to_world.T.reshape(-1)]
        self.json["scenes"][0]["nodes"].append(self._push("nodes", {"name": name, "camera": index, "matrix": matrix}))

    def point_light(self, name: str, at: Point, color: Color, candela: float) -> None:
        declare(self.json, "KHR_lights_punctual", required=False)
        lights = self.json.setdefault("extensions", {}).setdefault("KHR_lights_punctual", {"lights": []})["lights"]
        lights.append({"name": name, "type": "point", "color": list(color), "intensity": candela})
        self._show({"name": name, "extensions": {"KHR_lights_punctual": {"light": len(lights) - 1}}}, at)

    def glb(self) -> bytes:
        buffers = {"buffers": [{"byteLength": len(self.binary)}]} if self.binary else {}
        return write_glb(self.json | buffers, bytes(self.binary))

    def _show(self, node: dict[str, Any], at: Point) -> None:
        if any(at):
            node["translation"] = [round(float(x), 5) for x in at]
        self.json["scenes"][0]["nodes"].append(self._push("nodes", node))

    def _mesh(self, name: str, solid: Solid, material: int) -> int:
        key = (id(solid), material)
        if key not in self._meshes:
            self._kept.append(solid)  # so that its id is not given away again
            positions = solid.positions.astype("<f4")
            bounds = {
                "min": [float(x) for x in positions.min(axis=0)],
                "max": [float(x) for x in positions.max(axis=0)],
            }
            attributes = {
                "POSITION": self._accessor(positions, "VEC3", 34962, bounds),
                "NORMAL": self._accessor(solid.normals.astype("<f4"), "VEC3", 34962),
                "TEXCOORD_0": self._accessor(solid.uvs.astype("<f4"), "VEC2", 34962),
            }
            small = len(positions) < 65536
            indices = self._accessor(solid.triangles.reshape(-1).astype("<u2" if small else "<u4"), "SCALAR", 34963)
            primitive = {"attributes": attributes, "indices": indices, "material": material}
            self._meshes[key] = self._push("meshes", {"name": name, "primitives": [primitive]})
        return self._meshes[key]

    def _accessor(self, values: Array, kind: str, target: int, extra: dict[str, Any] | None = None) -> int:
        component = {"<f4": 5126, "<u2": 5123, "<u4": 5125}[values.dtype.str]
        described = {"bufferView": self._view(values.tobytes(), target), "componentType": component}
        return self._push("accessors", described | {"count": len(values), "type": kind} | (extra or {}))

    def _view(self, data: bytes, target: int | None = None) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        view = {"buffer": 0, "byteOffset": len(self.binary), "byteLength": len(data)}
        self.binary += data
        return self._push("bufferViews", view if target is None else view | {"target": target})

    def _push(self, array: str, item: dict[str, Any]) -> int:
        items = self.json.setdefault(array, [])
        items.append(item)
        return len(items) - 1
