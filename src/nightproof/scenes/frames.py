"""Normals where a file has none, tangents where a normal map needs them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float32, Float64, UInt32

from nightproof.scenes.shapes import Shape

Array = np.ndarray


def face_normals(positions: Float32[Array, "v 3"], triangles: UInt32[Array, "t 3"]) -> Float64[Array, "t 3"]:
    """Cross products of the edges: twice the area times the normal."""
    a, b, c = (positions[triangles[:, i]].astype(np.float64) for i in range(3))
    return np.cross(b - a, c - a)


def with_normals(shape: Shape) -> Shape:
    """Flat normals for a shape without any (glTF 2.0, 3.7.2.1: not averaged); broken ones replaced."""
    if shape.normals is None:
        normals = normalized(face_normals(shape.positions, shape.triangles), (0.0, 1.0, 0.0))
        rows = shape.triangles.reshape(-1)
        flat = shape.picked(rows, np.arange(len(rows), dtype=np.uint32).reshape(-1, 3))
        return replace(flat, normals=np.repeat(normals, 3, axis=0).astype(np.float32))
    length = np.linalg.norm(shape.normals.astype(np.float64), axis=1)  # squares of float32 overflow
    if (length > 1e-6).all():
        return shape
    return replace(shape, normals=np.where(length[:, None] > 1e-6, shape.normals, _averaged(shape)))


def _averaged(shape: Shape) -> Float32[Array, "v 3"]:
    """Area-weighted normals, for the vertices whose own are zero."""
    total = np.zeros((len(shape.positions), 3))
    np.add.at(total, shape.triangles.reshape(-1), np.repeat(face_normals(shape.positions, shape.triangles), 3, axis=0))
    return normalized(total, (0.0, 1.0, 0.0)).astype(np.float32)


def normalized(vectors: Array, fallback: tuple[float, float, float]) -> Array:
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.where(length > 1e-30, vectors / np.maximum(length, 1e-30), fallback)


def with_tangents(shape: Shape, texcoord: int) -> Shape:
    """Tangents as MikkTSpace makes them, for a shape that has normals.

    Per corner: the direction of growing u, projected to the plane of the vertex normal, weighted by the corner's
    angle; summed over the corners that share place, normal, texture coordinate and orientation. A vertex whose
    faces are mirrored on one side only is split. (Mikkelsen 2008; his groups also end where faces share no edge.)
    """
    uv = shape.uv0 if texcoord == 0 else shape.uv1
    assert shape.normals is not None
    if uv is None or not len(shape.triangles):
        return replace(shape, tangents=None)
    mirrored = _mirrored(uv, shape.triangles)
    shape, uv, mirrored = _split_by_orientation(shape, uv, mirrored)
    assert shape.normals is not None
    group = _welded(shape.positions, shape.normals, uv, mirrored, shape.triangles)
    total = np.zeros((group.max() + 1, 3))
    np.add.at(total, group[shape.triangles.reshape(-1)], _corner_tangents(shape, uv).reshape(-1, 3))
    normals = shape.normals.astype(np.float64)
    tangents = total[group]
    degenerate = np.linalg.norm(tangents, axis=1) < 1e-12
    tangents[degenerate] = _any_perpendicular(normals[degenerate])
    handedness = np.ones(len(normals))
    handedness[shape.triangles[mirrored].reshape(-1)] = -1.0
    result = np.concatenate([normalized(tangents, (1.0, 0.0, 0.0)), handedness[:, None]], axis=1)
    return replace(shape, tangents=result.astype(np.float32))


def _mirrored(uv: Float32[Array, "v 2"], triangles: UInt32[Array, "t 3"]) -> Array:
    """Whether a face's texture is seen from behind. v runs down the image: upright faces have negative area."""
    a, b, c = (uv[triangles[:, i]].astype(np.float64) for i in range(3))
    area = (b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0]
    return area > 0


def _split_by_orientation(shape: Shape, uv: Array, mirrored: Array) -> tuple[Shape, Array, Array]:
    count = len(shape.positions)
    on_mirrored, on_upright = np.zeros(count, bool), np.zeros(count, bool)
    on_mirrored[shape.triangles[mirrored].reshape(-1)] = True
    on_upright[shape.triangles[~mirrored].reshape(-1)] = True
    both = np.flatnonzero(on_mirrored & on_upright)
    if not len(both):
        return shape, uv, mirrored
    twin = np.arange(count, dtype=np.uint32)
    twin[both] = count + np.arange(len(both), dtype=np.uint32)
    triangles = shape.triangles.copy()
    triangles[mirrored] = twin[triangles[mirrored]]
    rows = np.concatenate([np.arange(count), both])
    return shape.picked(rows, triangles), uv[rows], mirrored


def _welded(positions: Array, normals: Array, uv: Array, mirrored: Array, triangles: Array) -> Array:
    """A group number per vertex; vertices equal in everything that matters share one."""
    side = np.zeros((len(positions), 1), np.float32)
    side[triangles[mirrored].reshape(-1)] = 1
    keys = np.ascontiguousarray(np.concatenate([positions, normals, uv, side], axis=1) + np.float32(0))
    rows = keys.view(np.dtype((np.void, keys.shape[1] * keys.itemsize))).reshape(-1)
    return np.unique(rows, return_inverse=True)[1].reshape(-1)


def _corner_tangents(shape: Shape, uv: Array) -> Float64[Array, "t 3 3"]:
    assert shape.normals is not None
    corners = shape.positions[shape.triangles].astype(np.float64)
    st = uv[shape.triangles].astype(np.float64)
    edge1, edge2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d1, d2 = st[:, 1] - st[:, 0], st[:, 2] - st[:, 0]
    determinant = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    along_u = (edge1 * d2[:, 1:] - edge2 * d1[:, 1:]) * np.sign(determinant)[:, None]
    normals = shape.normals[shape.triangles].astype(np.float64)
    tangents = normalized(_projected(along_u[:, None], normals), (0.0, 0.0, 0.0))
    before = normalized(_projected(np.roll(corners, 1, axis=1) - corners, normals), (0.0, 0.0, 0.0))
    after = normalized(_projected(np.roll(corners, -1, axis=1) - corners, normals), (0.0, 0.0, 0.0))
    angles = np.arccos(np.clip((before * after).sum(axis=2, keepdims=True), -1, 1))
    return tangents * angles


def _projected(vectors: Array, normals: Array) -> Array:
    return vectors - normals * (vectors * normals).sum(axis=-1, keepdims=True)


def _any_perpendicular(normals: Float64[Array, "n 3"]) -> Float64[Array, "n 3"]:
    axis = np.eye(3)[np.abs(normals).argmin(axis=1)]
    return normalized(np.cross(normals, axis), (1.0, 0.0, 0.0))
