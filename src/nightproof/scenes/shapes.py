"""One primitive of a mesh in its own space: triangles with everything a vertex carries, decoded and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt32

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.fields import Fields
from nightproof.scenes.gltf import GltfDocument

Array = np.ndarray
TRIANGLES, TRIANGLE_STRIP, TRIANGLE_FAN = 4, 5, 6


@dataclass(frozen=True)
class Shape:
    """Triangles with indexed vertices; absent attributes are None."""

    positions: Float32[Array, "v 3"]
    triangles: UInt32[Array, "t 3"]
    normals: Float32[Array, "v 3"] | None = None
    tangents: Float32[Array, "v 4"] | None = None
    uv0: Float32[Array, "v 2"] | None = None
    uv1: Float32[Array, "v 2"] | None = None
    colors: Float32[Array, "v 4"] | None = None
    joints: UInt32[Array, "v k"] | None = None
    weights: Float32[Array, "v k"] | None = None
    notes: tuple[str, ...] = ()
    """What was not as it should be, for people."""

    def picked(self, rows: Array, triangles: UInt32[Array, "t 3"]) -> Shape:
        """The shape with vertices `rows` of this one and new triangles over them."""
        names = ("positions", "normals", "tangents", "uv0", "uv1", "colors", "joints", "weights")
        values = {name: getattr(self, name) for name in names}
        picked: dict[str, Any] = {name: value[rows] for name, value in values.items() if value is not None}
        return replace(self, triangles=triangles, **picked)


CLEANED = {
    "normals": "normals",
    "tangents": "tangents",
    "uv0": "texture coordinates",
    "uv1": "texture coordinates",
    "colors": "colours",
    "weights": "joint weights",
}


def counts(document: GltfDocument, primitive: Fields) -> tuple[int, int]:
    """Vertices and triangles of a primitive, read off without decoding anything; zeros for points and lines."""
    mode = primitive.integer("mode", TRIANGLES, high=6)
    attributes = primitive.child("attributes")
    if attributes is None:
        raise primitive.broken("", "`attributes` is missing")
    position = attributes.reference("POSITION", "accessors")
    if mode < TRIANGLES or position is None:
        return 0, 0
    vertices = document.fields("accessors", position).integer("count", low=1)
    indices = primitive.reference("indices", "accessors")
    corners = vertices if indices is None else document.fields("accessors", indices).integer("count", low=1)
    triangles = corners // 3 if mode == TRIANGLES else max(corners - 2, 0)
    return vertices if "NORMAL" in attributes else 3 * triangles, triangles


def read_shape(
    document: GltfDocument, primitive: Fields, morph_weights: tuple[float, ...], sets: tuple[int, int] = (0, 1)
) -> Shape:
    """Decode a triangle primitive with its morph targets mixed in; `sets` become uv0 and uv1. Raises BrokenScene."""
    attributes = primitive.child("attributes")
    assert attributes is not None  # `counts` looked
    positions = _floats(document, attributes, "POSITION", (3,))
    assert positions is not None
    triangles = _triangles(document, primitive, len(positions))
    shape = Shape(
        positions,
        triangles,
        normals=_floats(document, attributes, "NORMAL", (3,), len(positions)),
        tangents=_floats(document, attributes, "TANGENT", (4,), len(positions)),
        uv0=_floats(document, attributes, f"TEXCOORD_{sets[0]}", (2,), len(positions)),
        uv1=_floats(document, attributes, f"TEXCOORD_{sets[1]}", (2,), len(positions)),
        colors=_colors(_floats(document, attributes, "COLOR_0", (3, 4), len(positions))),
    )
    shape = _with_joints(document, attributes, shape)
    if any(morph_weights):
        shape = _morphed(document, primitive, shape, morph_weights, sets)
    return _finite(shape, attributes)


def _floats(
    document: GltfDocument, attributes: Fields, name: str, widths: tuple[int, ...], count: int | None = None
) -> np.ndarray | None:
    index = attributes.reference(name, "accessors")
    if index is None:
        return None
    values = document.floats(index)
    if values.ndim != 2 or values.shape[1] not in widths:
        raise attributes.broken(name, f"expected {' or '.join(map(str, widths))} components")
    if count is not None and len(values) != count:
        raise attributes.broken(name, f"has {len(values)} elements for {count} positions")
    return values


def _colors(values: np.ndarray | None) -> np.ndarray | None:
    if values is None:
        return None
    if values.shape[1] == 3:
        values = np.concatenate([values, np.ones((len(values), 1), np.float32)], axis=1)
    return np.clip(values, 0, 1)


def _triangles(document: GltfDocument, primitive: Fields, vertices: int) -> UInt32[Array, "t 3"]:
    index = primitive.reference("indices", "accessors")
    if index is None:
        corners = np.arange(vertices, dtype=np.uint32)
    else:
        corners = document.accessor(index)
        if corners.ndim != 1 or corners.dtype.kind != "u":
            raise primitive.broken("indices", "indices are unsigned scalars")
        if len(corners) and corners.max() >= vertices:
            raise primitive.broken("indices", f"index {corners.max()} of {vertices} vertices")
    return to_triangles(corners.astype(np.uint32), primitive.integer("mode", TRIANGLES))


def to_triangles(corners: UInt32[Array, "c"], mode: int) -> UInt32[Array, "t 3"]:
    """Lists, strips and fans as plain triangles (glTF 2.0, 3.7.2.1). Strips lose the triangles that only join them."""
    if mode == TRIANGLES:
        return np.ascontiguousarray(corners[: len(corners) // 3 * 3].reshape(-1, 3))
    count = max(len(corners) - 2, 0)
    i = np.arange(count)
    if mode == TRIANGLE_FAN:
        picks = np.stack([i + 1, i + 2, np.zeros_like(i)], axis=1)
    else:
        odd = i % 2
        picks = np.stack([i, i + 1 + odd, i + 2 - odd], axis=1)
    triangles = corners[picks].reshape(-1, 3)
    a, b, c = triangles.T
    return np.ascontiguousarray(triangles[(a != b) & (b != c) & (a != c)])


def _with_joints(document: GltfDocument, attributes: Fields, shape: Shape) -> Shape:
    joints, weights = [], []
    for i in range(16):
        if f"JOINTS_{i}" not in attributes or f"WEIGHTS_{i}" not in attributes:
            break
        index = attributes.reference(f"JOINTS_{i}", "accessors")
        assert index is not None
        joint, weight = (
            document.accessor(index),
            _floats(document, attributes, f"WEIGHTS_{i}", (4,), len(shape.positions)),
        )
        if joint.dtype.kind != "u" or joint.shape != (len(shape.positions), 4):
            raise attributes.broken(f"JOINTS_{i}", "expected four unsigned integers per vertex")
        assert weight is not None
        joints.append(joint.astype(np.uint32))
        weights.append(weight)
    if not joints:
        return shape
    return replace(shape, joints=np.concatenate(joints, axis=1), weights=np.concatenate(weights, axis=1))


def morph_weights(document: GltfDocument, node: Fields, mesh: Fields) -> tuple[float, ...]:
    """The default weights: the node's own, else the mesh's."""
    return node.numbers("weights", None, ()) or mesh.numbers("weights", None, ())


def _morphed(
    document: GltfDocument, primitive: Fields, shape: Shape, weights: tuple[float, ...], sets: tuple[int, int]
) -> Shape:
    targets = list(primitive.children("targets"))
    names = {
        "POSITION": "positions",
        "NORMAL": "normals",
        "TANGENT": "tangents",
        f"TEXCOORD_{sets[0]}": "uv0",
        f"TEXCOORD_{sets[1]}": "uv1",
        "COLOR_0": "colors",
    }
    mixed: dict[str, Any] = {}
    for target, weight in zip(targets, weights, strict=False):
        if weight == 0:
            continue
        for name, attribute in names.items():
            base = mixed.get(attribute, getattr(shape, attribute))
            width = 2 if name.startswith("TEXCOORD") else 3
            widths = (3, 4) if name == "COLOR_0" else (width,)
            offset = _floats(document, target, name, widths, len(shape.positions))
            if base is None or offset is None:
                continue
            mixed[attribute] = base = np.array(base)
            base[:, : offset.shape[1]] += np.float32(weight) * offset
    if "colors" in mixed:
        mixed["colors"] = np.clip(mixed["colors"], 0, 1)
    return replace(shape, **mixed) if mixed else shape


def _finite(shape: Shape, attributes: Fields) -> Shape:
    """Refuse triangles with places that are no numbers; anything else that is none becomes zero, and is noted."""
    bad = ~np.isfinite(shape.positions).all(axis=1)
    if bad.any() and bad[shape.triangles].any():
        raise attributes.broken("POSITION", "a triangle has a corner that is not finite")
    cleaned: dict[str, Any] = {}
    notes: list[str] = []
    for name, word in {"positions": "", **CLEANED}.items():
        values = getattr(shape, name)
        if values is not None and not (finite := np.isfinite(values)).all():
            cleaned[name] = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
            if word:  # places that no triangle uses are none of anybody's business
                count = int((~finite.all(axis=1)).sum())
                notes.append(f"{attributes.pointer}: {word} of {count} vertices are not finite, taken as 0")
    return replace(shape, notes=tuple(notes), **cleaned) if cleaned else shape


def skin_matrices(
    document: GltfDocument, skin: int, worlds: Float64[Array, "n 4 4"]
) -> tuple[Float64[Array, "j 4 4"], tuple[int, ...]]:
    """What each joint does to a vertex at the rest pose, and the joints' nodes."""
    fields = document.fields("skins", skin)
    joints = fields.references("joints", "nodes")
    if not joints:
        raise fields.broken("joints", "a skin needs joints")
    matrices = worlds[list(joints)]
    index = fields.reference("inverseBindMatrices", "accessors")
    if index is not None:
        inverse = document.floats(index)
        if inverse.ndim != 2 or inverse.shape[1] != 16 or len(inverse) < len(joints):
            raise fields.broken("inverseBindMatrices", f"expected {len(joints)} matrices")
        matrices = matrices @ inverse[: len(joints)].reshape(-1, 4, 4).transpose(0, 2, 1).astype(np.float64)
    if not np.isfinite(matrices).all():
        raise fields.broken("", "a joint's place is not finite")
    return matrices, joints


def blend_matrices(shape: Shape, matrices: Float64[Array, "j 4 4"], pointer: str) -> Float64[Array, "v 4 4"]:
    """The matrix that moves each vertex of a skinned shape to the world."""
    assert shape.joints is not None and shape.weights is not None
    weights = np.maximum(shape.weights.astype(np.float64), 0)
    if shape.joints[weights > 0].max(initial=0) >= len(matrices):
        raise BrokenScene(f"a vertex hangs on a joint beyond the {len(matrices)} of its skin", pointer)
    joints = np.minimum(shape.joints, len(matrices) - 1)
    total = weights.sum(axis=1, keepdims=True)
    weights = np.where(total > 1e-9, weights / np.maximum(total, 1e-9), np.eye(1, weights.shape[1]))
    result = np.zeros((len(joints), 4, 4))
    for k in range(joints.shape[1]):
        result += weights[:, k, None, None] * matrices[joints[:, k]]
    return result
