"""Write the baked asset as GLB: unlit pages, quantised and compressed geometry, the cameras of the source.

All positions lie on one grid of 65,535 steps along the scene's longest side, so neighbours keep meeting exactly; one
root node maps the grid back to metres. What the pages don't need (normals, old UV sets, lights) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from nightproof.pipelines.baking.atlas import Atlas, Surface
from nightproof.pipelines.packing.codec import cache_order, encode_triangles, encode_vertices, fetch_order
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.glb import write_glb

Array = np.ndarray

STEPS = 65535
LIFT_STEPS = 2
"""Between the two sides of a surface that both have texels: 0.3 mm in a room of ten metres."""
_U8, _U16, _U32 = 5121, 5123, 5125


@dataclass
class _Binary:
    """The buffer as it grows, and the fallback that meshopt-compressed views stand for."""

    data: bytearray = field(default_factory=bytearray)
    views: list[dict[str, Any]] = field(default_factory=list)
    unpacked: int = 0

    def plain(self, data: bytes) -> int:
        self.views.append({"buffer": 0, "byteOffset": self._append(data), "byteLength": len(data)})
        return len(self.views) - 1

    def packed(self, data: bytes, count: int, stride: int, mode: str, target: int) -> int:
        view: dict[str, Any] = {"buffer": 1, "byteOffset": self.unpacked, "byteLength": count * stride}
        if mode == "ATTRIBUTES":
            view["byteStride"] = stride
        view["target"] = target
        view["extensions"] = {
            "EXT_meshopt_compression": {
                "buffer": 0,
                "byteOffset": self._append(data),
                "byteLength": len(data),
                "byteStride": stride,
                "count": count,
                "mode": mode,
            }
        }
        self.views.append(view)
        self.unpacked += -(-count * stride // 4) * 4
        return len(self.views) - 1

    def _append(self, data: bytes) -> int:
        self.data.extend(b"\0" * (-len(self.data) % 4))
        start = len(self.data)
        self.data.extend(data)
        return start


@dataclass(frozen=True)
class Picture:
    """An encoded image."""

    data: bytes

    @property
    def mime(self) -> str:
        return "image/jpeg" if self.data.startswith(b"\xff\xd8") else "image/webp"


@dataclass(frozen=True)
class Look:
    """How pages are shown: one material per page, and the pictures that they refer to."""

    materials: list[dict[str, Any]]
    """Texture indices are those of `pictures`."""
    pictures: list[Picture]
    extensions: tuple[str, ...]


def unlit_look(pages: list[Picture], backs: bool = True) -> Look:
    """Output A: the page is what is seen, from behind too where `backs` have no texels of their own."""
    materials = [
        {
            "name": f"page {index}",
            "pbrMetallicRoughness": {"baseColorTexture": {"index": index}, "metallicFactor": 0, "roughnessFactor": 1},
            "extensions": {"KHR_materials_unlit": {}},
            "doubleSided": backs,
        }
        for index in range(len(pages))
    ]
    return Look(materials, pages, ("KHR_materials_unlit",))


def pairs_of_pages(atlas: Atlas, second: Atlas) -> list[tuple[int, int]]:
    """Which pages of two atlases of the same surfaces meet on a triangle: one material each, in this order."""
    met = {
        pair
        for number, surface in enumerate(atlas.surfaces)
        for pair in zip(
            triangle_page(atlas, number, surface).tolist(),
            triangle_page(second, number, surface).tolist(),
            strict=True,
        )
    }
    return sorted(met)


def write_asset(
    flat: FlatScene,
    atlas: Atlas,
    look: Look,
    names: list[str],
    extras: dict[str, Any],
    second: Atlas | None = None,
) -> bytes:
    """The GLB. `names` are those of the instances' nodes.

    With a `second` atlas of the same surfaces, its coordinates are TEXCOORD_1, and materials are those of
    `pairs_of_pages`; else one per page.
    """
    atlases = [atlas] if second is None else [atlas, second]
    groups = [(page,) for page in range(len(atlas.pages))] if second is None else pairs_of_pages(atlas, second)
    binary = _Binary()
    lower, upper = flat.bounds_m
    step = max(float(np.max(upper - lower)), 1e-9) / STEPS
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "nightproof", "extras": {"nightproof": extras}},
        "scene": 0,
        "accessors": [],
        "meshes": [],
        "materials": look.materials,
        "samplers": [{"magFilter": 9729, "minFilter": 9987, "wrapS": 33071, "wrapT": 33071}],
    }
    children: list[int] = []
    nodes: list[dict[str, Any]] = [
        {"name": "scene", "translation": [float(v) for v in lower], "scale": [step] * 3, "children": children}
    ]
    for number, surface in enumerate(atlas.surfaces):
        if not len(surface.charts.triangle):
            continue
        on = np.stack([triangle_page(each, number, surface) for each in atlases], axis=1)
        primitives = [
            _primitive(document, binary, flat, atlases, number, surface, pages, material, lower, step)
            for material, pages in enumerate(groups)
            if (on == pages).all(axis=1).any()
        ]
        children.append(len(nodes))
        nodes.append({"name": names[number], "mesh": len(document["meshes"])})
        document["meshes"].append({"name": names[number], "primitives": primitives})
    roots = [0, *add_cameras(document, flat, nodes)]
    document["nodes"] = nodes
    document["scenes"] = [{"nodes": roots}]
    _add_pictures(document, binary, look)
    document["bufferViews"] = binary.views
    fallback = {"byteLength": binary.unpacked, "extensions": {"EXT_meshopt_compression": {"fallback": True}}}
    document["buffers"] = [{"byteLength": len(binary.data)}, fallback]
    webp = ["EXT_texture_webp"] if any(picture.mime == "image/webp" for picture in look.pictures) else []
    required = ["EXT_meshopt_compression", *webp, "KHR_mesh_quantization"]
    document["extensionsUsed"] = sorted({*required, *look.extensions})
    document["extensionsRequired"] = required
    return write_glb(document, bytes(binary.data))


def triangle_page(atlas: Atlas, number: int, surface: Surface) -> Array:
    return atlas.vertex_page[atlas.first_vertex[number] + surface.charts.corners[:, 0].astype(np.int64)]


def _primitive(
    document: dict[str, Any],
    binary: _Binary,
    flat: FlatScene,
    atlases: list[Atlas],
    number: int,
    surface: Surface,
    pages: tuple[int, ...],
    material: int,
    lower: Float32[Array, "3"],
    step: float,
) -> dict[str, Any]:
    charts, instance = surface.charts, flat.instances[surface.instance]
    on = np.stack([triangle_page(atlas, number, surface) for atlas in atlases], axis=1)
    chosen = charts.corners[(on == pages).all(axis=1)]
    if surface.back:
        chosen = chosen[:, ::-1]
    count = len(charts.vertex)
    indices, order = fetch_order(cache_order(np.ascontiguousarray(chosen, np.uint32).ravel(), count), count)
    world = flat.positions[instance.first_vertex + charts.vertex[order].astype(np.int64)].astype(np.float64)
    position = np.zeros((len(order), 4), np.uint16)
    steps = np.rint((world - lower) / step) + lift(flat, atlases[0], number)[order]
    position[:, :3] = np.clip(steps, 0, STEPS)
    attributes = {"POSITION": _vertices(document, binary, position, "VEC3", False)}
    for index, (atlas, page) in enumerate(zip(atlases, pages, strict=True)):
        uv = np.clip(np.rint(page_uv(atlas, number, page, order) * STEPS), 0, STEPS).astype(np.uint16)
        attributes[f"TEXCOORD_{index}"] = _vertices(document, binary, uv, "VEC2", True)
    return {"attributes": attributes, "indices": _indices(document, binary, indices, len(order)), "material": material}


def page_uv(atlas: Atlas, number: int, page: int, vertex: Array) -> Float[Array, "v 2"]:
    """Texture coordinates of vertices of a surface's charts, in [0, 1] of their page."""
    size = [atlas.pages[page].width_px, atlas.pages[page].height_px]
    uv_px = atlas.vertex_uv_px[atlas.first_vertex[number] + vertex.astype(np.int64)]
    return uv_px.astype(np.float64) / size


def lift(flat: FlatScene, atlas: Atlas, number: int) -> Array:
    """(v, 3) steps of the grid that take a surface off its other side: whoever looks meets the side that faces.

    Zero for all but second sides. Whole steps after rounding keep the two apart everywhere.
    """
    surface = atlas.surfaces[number]
    charts = surface.charts
    if all(other.instance != surface.instance for other in atlas.surfaces[:number]):
        return np.zeros((len(charts.vertex), 3))
    first = flat.instances[surface.instance].first_vertex
    places = flat.positions[first + charts.vertex.astype(np.int64)].astype(np.float64)
    corners = charts.corners.astype(np.int64)
    a, b, c = (places[corners[:, k]] for k in range(3))
    facing = np.cross(b - a, c - a) * (-1 if surface.back else 1)
    # Charts cut the mesh apart: copies of one vertex move as one.
    _, owner = np.unique(charts.vertex, return_inverse=True)
    sums = np.zeros((int(owner.max()) + 1, 3))
    for k in range(3):
        np.add.at(sums, owner.reshape(-1)[corners[:, k]], facing)
    normal = sums[owner.reshape(-1)]
    return np.rint(LIFT_STEPS * normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30))


def _vertices(document: dict[str, Any], binary: _Binary, rows: Array, kind: str, normalized: bool) -> int:
    raw = np.ascontiguousarray(rows).view(np.uint8)
    view = binary.packed(encode_vertices(raw), len(rows), raw.shape[1], "ATTRIBUTES", 34962)
    accessor: dict[str, Any] = {"bufferView": view, "componentType": _U16, "count": len(rows), "type": kind}
    if normalized:
        accessor["normalized"] = True
    if kind == "VEC3":
        accessor["min"] = [int(v) for v in rows[:, :3].min(axis=0)]
        accessor["max"] = [int(v) for v in rows[:, :3].max(axis=0)]
    document["accessors"].append(accessor)
    return len(document["accessors"]) - 1


def _indices(document: dict[str, Any], binary: _Binary, indices: Array, vertices: int) -> int:
    stride, component = (2, _U16) if vertices < STEPS else (4, _U32)
    view = binary.packed(encode_triangles(indices, vertices), len(indices), stride, "TRIANGLES", 34963)
    document["accessors"].append(
        {"bufferView": view, "componentType": component, "count": len(indices), "type": "SCALAR"}
    )
    return len(document["accessors"]) - 1


def add_cameras(document: dict[str, Any], flat: FlatScene, nodes: list[dict[str, Any]]) -> list[int]:
    added = []
    for camera in flat.cameras:
        document.setdefault("cameras", []).append(
            {
                "type": "perspective",
                "perspective": {
                    "yfov": camera.yfov_rad,
                    "aspectRatio": camera.width_px / camera.height_px,
                    "znear": max(camera.near_m, 1e-4),
                },
            }
        )
        matrix = [float(v) for v in np.asarray(camera.camera_to_world).T.ravel()]
        added.append(len(nodes))
        nodes.append({"name": camera.name or "camera", "camera": len(document["cameras"]) - 1, "matrix": matrix})
    return added


def _add_pictures(document: dict[str, Any], binary: _Binary, look: Look) -> None:
    document["images"], document["textures"] = [], []
    for picture in look.pictures:
        image = len(document["images"])
        document["images"].append({"bufferView": binary.plain(picture.data), "mimeType": picture.mime})
        webp = picture.mime == "image/webp"
        source = {"extensions": {"EXT_texture_webp": {"source": image}}} if webp else {"source": image}
        document["textures"].append({"sampler": 0, **source})
