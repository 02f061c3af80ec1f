"""Triangles whose corners carry places, normals, texture coordinates and colours of their own, as a glTF primitive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import ELEMENT_ARRAY_BUFFER, Assembly

Array = np.ndarray
LARGEST = 1e30
"""Coordinates from here on overflow float32 soon."""


@dataclass(frozen=True)
class Corners:
    """Three rows per triangle; equal rows become one vertex."""

    place: Int64[Array, "c"]
    positions: Float64[Array, "v 3"]
    normals: Float64[Array, "c 3"] | None = None
    """None: flat, as glTF shows primitives without normals."""
    texcoords: tuple[Float64[Array, "c 2"], ...] = ()
    """v runs down, as glTF has it."""
    colors: Float64[Array, "c 4"] | None = None
    """Linear."""


def primitive(assembly: Assembly, corners: Corners, material: int | None) -> dict[str, Any]:
    """Vertices welded where everything they carry is equal, and indices over them."""
    columns = {"POSITION": corners.positions[corners.place].astype(np.float32)}
    if corners.normals is not None:
        columns["NORMAL"] = corners.normals.astype(np.float32)
    columns |= {f"TEXCOORD_{i}": uv.astype(np.float32) for i, uv in enumerate(corners.texcoords)}
    if corners.colors is not None:
        columns["COLOR_0"] = np.round(np.clip(corners.colors, 0, 1) * 65535).astype(np.uint16)
    first, index = _welded(columns)
    attributes = {
        name: assembly.accessor(values[first], bounds=name == "POSITION", normalized=name == "COLOR_0")
        for name, values in columns.items()
    }
    small = index.astype(np.uint16 if len(first) < 65535 else np.uint32)
    found: dict[str, Any] = {"attributes": attributes, "indices": assembly.accessor(small, ELEMENT_ARRAY_BUFFER)}
    return found if material is None else found | {"material": material}


def require_places(positions: Float64[Array, "v 3"], used: Int64[Array, "c"], what: str) -> None:
    """Raises BrokenScene where a vertex that is `used` is no place that float32 holds."""
    fine = (np.abs(positions) < LARGEST).all(axis=1)
    if not fine.all() and not fine[used].all():
        raise BrokenScene(f"{what} {int(used[~fine[used]][0])} is at no finite place", hint="Export the model again.")


def plain_material(name: str = "", *, tinted: bool = False) -> dict[str, Any]:
    """What has no material: mild grey (white under vertex colours), seen from both sides, as windings are mixed."""
    grey = 1.0 if tinted else 0.6
    pbr = {"baseColorFactor": [grey, grey, grey, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.6}
    return ({"name": name} if name else {}) | {"doubleSided": True, "pbrMetallicRoughness": pbr}


def _welded(columns: dict[str, Array]) -> tuple[Int64[Array, "u"], Int64[Array, "c"]]:
    """The corner that first shows each vertex, in order of appearance, and the vertex of each corner."""
    # −0 and 0 are one place
    rows = np.concatenate([(c + c.dtype.type(0)).view(np.uint8).reshape(len(c), -1) for c in columns.values()], axis=1)
    keys = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.shape[1]))).reshape(-1)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    return first[order], rank[inverse.reshape(-1)]


def face_normals(corners: Float64[Array, "c 3"]) -> Float64[Array, "t 3"]:
    """Twice the area of each triangle times its normal; `corners` are places, three rows per triangle."""
    a, b, c = corners[0::3], corners[1::3], corners[2::3]
    return np.cross(b - a, c - a)


def corner_angles(corners: Float64[Array, "c 3"]) -> Float64[Array, "c"]:
    """The inner angle at each corner."""
    places = corners.reshape(-1, 3, 3)
    ahead, behind = np.roll(places, -1, axis=1) - places, np.roll(places, 1, axis=1) - places
    length = np.linalg.norm(ahead, axis=2) * np.linalg.norm(behind, axis=2)
    cosine = (ahead * behind).sum(axis=2) / np.where(length > 0, length, 1)
    return np.arccos(np.clip(cosine, -1, 1)).reshape(-1)


def smooth_normals(corners: Float64[Array, "c 3"], group: Int64[Array, "c"]) -> Float64[Array, "c 3"]:
    """Face normals averaged over the corners of one group, weighted by their angles."""
    faces = face_normals(corners)
    length = np.linalg.norm(faces, axis=1, keepdims=True)
    weighted = np.repeat(faces / np.where(length > 0, length, 1), 3, axis=0) * corner_angles(corners)[:, None]
    total = np.zeros((int(group.max(initial=-1)) + 1, 3))
    np.add.at(total, group, weighted)
    return unit(total)[group]


def unit(vectors: Float64[Array, "n 3"]) -> Float64[Array, "n 3"]:
    """Of length one; what has no length points up."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.where(length > 1e-30, vectors / np.maximum(length, 1e-30), (0.0, 1.0, 0.0))
