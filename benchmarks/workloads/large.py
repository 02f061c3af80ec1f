"""Scenes far larger than any shared one, made by rule: the same bytes on every machine with the same NumPy."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, UInt8, UInt32
from PIL import Image

from nightproof.scenes.gltf import write_glb

Array = np.ndarray
FLOAT, UNSIGNED = 5126, 5125
MATERIALS = 50
"""Colours that the many meshes share."""


class Glb:
    """A GLB as it grows: one buffer view per accessor or image, as most exporters write."""

    def __init__(self) -> None:
        self._binary, self._views = bytearray(), list[dict[str, int]]()
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}, "scene": 0, "accessors": []}

    def view(self, data: bytes, target: int | None = None) -> int:
        self._binary += b"\0" * (-len(self._binary) % 4)
        place = {"buffer": 0, "byteOffset": len(self._binary), "byteLength": len(data)}
        self._views.append(place | ({"target": target} if target else {}))
        self._binary += data
        return len(self._views) - 1

    def accessor(self, values: Float32[Array, "n c"] | UInt32[Array, "n"], bounds: bool = False) -> int:
        """Vertices, or a list of indices."""
        lists = values.ndim == 1
        described: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), 34963 if lists else 34962),
            "componentType": UNSIGNED if lists else FLOAT,
            "count": len(values),
            "type": "SCALAR" if lists else f"VEC{values.shape[1]}",
        }
        if bounds:
            described |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.json["accessors"].append(described)
        return len(self.json["accessors"]) - 1

    def data(self) -> bytes:
        self.json |= {"bufferViews": self._views, "buffers": [{"byteLength": len(self._binary)}]}
        return write_glb(self.json, bytes(self._binary))


def one_mesh(triangles: int = 1_000_000, side_px: int = 2048) -> bytes:
    """A ball with hills, of (rings × 2 · rings × 2) triangles, with normals and one colour texture."""
    rings = round((triangles / 4) ** 0.5)
    positions, normals, texcoords, corners = sheet(rings, 2 * rings, ball)
    glb = Glb()
    attributes = {
        "POSITION": glb.accessor(positions, bounds=True),
        "NORMAL": glb.accessor(normals),
        "TEXCOORD_0": glb.accessor(texcoords),
    }
    primitive = {"attributes": attributes, "indices": glb.accessor(corners), "material": 0}
    glb.json |= {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "ball", "mesh": 0}],
        "meshes": [{"name": "ball", "primitives": [primitive]}],
        "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0}}],
        "textures": [{"source": 0}],
        "images": [{"bufferView": glb.view(png(painting(side_px))), "mimeType": "image/png"}],
    }
    return glb.data()


def many_meshes(meshes: int = 1000, triangles: int = 1000) -> bytes:
    """A field of sheets, no two alike, each with accessors of its own and a name for its node."""
    glb, across = Glb(), round(meshes**0.5) + 1
    columns = round((triangles / 2) ** 0.5)
    while triangles // 2 % columns:
        columns -= 1
    made = []
    for number in range(meshes):
        positions, normals, texcoords, corners = sheet(triangles // 2 // columns, columns, hills(number))
        attributes = {
            "POSITION": glb.accessor(positions, bounds=True),
            "NORMAL": glb.accessor(normals),
            "TEXCOORD_0": glb.accessor(texcoords),
        }
        made.append(
            {"attributes": attributes, "indices": glb.accessor(corners), "material": number % min(meshes, MATERIALS)}
        )
    colours = np.random.default_rng(1).random((min(meshes, MATERIALS), 3)).round(3)
    glb.json |= {
        "scenes": [{"nodes": list(range(meshes))}],
        "nodes": [
            {"name": f"sheet {i}", "mesh": i, "translation": [1.1 * (i % across), 0.0, 1.1 * (i // across)]}
            for i in range(meshes)
        ],
        "meshes": [{"primitives": [primitive]} for primitive in made],
        "materials": [
            {"pbrMetallicRoughness": {"baseColorFactor": [*colour, 1.0], "metallicFactor": 0.0}}
            for colour in colours.tolist()
        ],
    }
    return glb.data()


Surface = Callable[[Float[Array, "r c 2"]], Float[Array, "r c 3"]]
"""From the unit square to a place."""


def sheet(rows: int, columns: int, surface: Surface) -> tuple[Array, Array, Array, Array]:
    """Positions, normals, texture coordinates and indices of rows × columns × 2 triangles."""
    v, u = np.meshgrid(np.linspace(0, 1, rows + 1), np.linspace(0, 1, columns + 1), indexing="ij")
    square = np.stack([u, v], axis=-1)
    step = np.array([1e-5, 0.0])
    along = surface(square + step) - surface(square - step)
    down = surface(square + step[::-1]) - surface(square - step[::-1])
    normals = np.cross(down, along)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-30)
    flat = np.linalg.norm(normals, axis=-1) < 0.5  # the poles
    normals[flat] = np.array([0.0, 1.0, 0.0]) * np.where(square[flat][:, 1:] < 0.5, 1, -1)
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    a = (i * (columns + 1) + j).reshape(-1)
    b, c, d = a + columns + 1, a + 1, a + columns + 2
    corners = np.stack([a, b, c, c, b, d], axis=1).reshape(-1)
    vertices = (surface(square), normals, square)
    positions, turned, texcoords = (np.ascontiguousarray(x.reshape(-1, x.shape[-1]), "<f4") for x in vertices)
    return positions, turned, texcoords, corners.astype("<u4")


def ball(square: Float[Array, "r c 2"]) -> Float[Array, "r c 3"]:
    theta, phi = np.pi * square[..., 1], 2 * np.pi * square[..., 0]
    away = np.stack([np.sin(theta) * np.cos(phi), np.cos(theta), -np.sin(theta) * np.sin(phi)], axis=-1)
    height = sum(np.sin(k * away[..., 0] + 1.7 * k * away[..., 1] - 0.6 * k * away[..., 2]) / k for k in (3, 7, 19, 43))
    return away * (1 + 0.08 * np.asarray(height)[..., None])


def hills(seed: int) -> Surface:
    waves = np.random.default_rng(seed).normal(size=(4, 3))

    def surface(square: Float[Array, "r c 2"]) -> Float[Array, "r c 3"]:
        u, v = square[..., 0], square[..., 1]
        height = sum(np.sin(7 * a * u + 7 * b * v + 9 * c) for a, b, c in waves)
        return np.stack([u, 0.03 * np.asarray(height), v], axis=-1)

    return surface


def painting(side_px: int) -> UInt8[Array, "h w 3"]:
    """Soft colours with a little grain."""
    rng = np.random.default_rng(0)
    soft = Image.fromarray(rng.integers(0, 256, (33, 33, 3), np.uint8))
    grown = np.asarray(soft.resize((side_px, side_px), Image.Resampling.BICUBIC), np.float32)
    grain = rng.normal(scale=2.0, size=(side_px, side_px, 1))
    return np.clip(grown + grain, 0, 255).astype(np.uint8)


def png(pixels: UInt8[Array, "h w 3"]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()
