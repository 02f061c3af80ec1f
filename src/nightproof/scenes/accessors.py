"""From an accessor's description to a NumPy array: bounds first, then views, copies only where glTF demands them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nightproof.scenes.broken import SceneTooLarge
from nightproof.scenes.fields import Fields

if TYPE_CHECKING:
    from nightproof.scenes.gltf import GltfDocument

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
SHAPES = {
    "SCALAR": (1, 1),
    "VEC2": (2, 1),
    "VEC3": (3, 1),
    "VEC4": (4, 1),
    "MAT2": (2, 2),
    "MAT3": (3, 3),
    "MAT4": (4, 4),
}
"""Rows and columns."""
COUNT_LIMIT = 2**28
"""Elements of one accessor; what is larger than this is no scene for one machine."""

ZEROS_LIMIT, ZEROS_PER_BYTE = 2**16, 8
"""Elements of an accessor without data, or so many per byte of the file where that is more."""


def read_accessor(document: GltfDocument, index: int) -> np.ndarray:
    accessor = document.fields("accessors", index)
    count, dtype, rows, columns = layout(accessor)
    column_bytes = _column_bytes(dtype, rows, columns)
    view_index = accessor.reference("bufferView", "bufferViews")
    if view_index is None:
        _check_zeros(document, accessor, count)
        base = np.broadcast_to(np.zeros((), dtype), (count, columns, rows))
    else:
        base = _strided(document, accessor, view_index, (count, columns, rows), dtype, column_bytes)
    flat = _flattened(base)
    if (sparse := accessor.child("sparse")) is not None:
        flat = _with_sparse(document, sparse, flat)
    flat.flags.writeable = False
    return flat


def layout(accessor: Fields) -> tuple[int, np.dtype, int, int]:
    """Count, component type, rows and columns of an accessor."""
    count = accessor.integer("count", low=1)
    if count > COUNT_LIMIT:
        raise SceneTooLarge(f"{count} elements; at most {COUNT_LIMIT} are read", accessor.at("count"))
    component, kind = accessor.integer("componentType"), accessor.text("type")
    if component not in COMPONENTS:
        raise accessor.broken("componentType", f"{component} is no component type")
    if kind not in SHAPES:
        raise accessor.broken("type", f"{kind[:20]!r} is no accessor type")
    return count, np.dtype(COMPONENTS[component]), *SHAPES[kind]


def _check_zeros(document: GltfDocument, accessor: Fields, count: int) -> None:
    """Zeros out of nothing cost a file no bytes, and whoever shows them as much as others."""
    limit = max(ZEROS_LIMIT, ZEROS_PER_BYTE * document.held_bytes())
    if count > limit:
        rule = f"{count} elements without data; of this file at most {limit} are read"
        raise SceneTooLarge(rule, accessor.at("count"))


def to_floats(values: np.ndarray, normalized: bool) -> np.ndarray:
    """Integers as glTF means them (specification, 3.11): c / max for normalised ones, signed ones clamped at −1."""
    if not normalized or values.dtype.kind == "f":
        return np.asarray(values, np.float32)
    scaled = values.astype(np.float32) / np.float32(np.iinfo(values.dtype).max)
    return np.maximum(scaled, np.float32(-1.0)) if values.dtype.kind == "i" else scaled


def _column_bytes(dtype: np.dtype, rows: int, columns: int) -> int:
    """Columns of matrices start at multiples of four bytes."""
    size = rows * dtype.itemsize
    return size if columns == 1 else size + -size % 4


def _strided(
    document: GltfDocument,
    accessor: Fields,
    view_index: int,
    shape: tuple[int, ...],
    dtype: np.dtype,
    column_bytes: int,
) -> np.ndarray:
    count, columns, rows = shape
    data = document.buffer_view(view_index)
    element_bytes = column_bytes * (columns - 1) + rows * dtype.itemsize
    stride = document.fields("bufferViews", view_index).integer("byteStride", column_bytes * columns, low=1, high=2**16)
    offset = accessor.integer("byteOffset", 0)
    if stride < element_bytes:
        raise accessor.broken("", f"a stride of {stride} bytes for elements of {element_bytes}")
    if offset + stride * (count - 1) + element_bytes > len(data):
        raise accessor.broken("count", f"{count} elements do not fit buffer view {view_index} of {len(data)} bytes")
    return np.ndarray(shape, dtype, data, offset, (stride, column_bytes, dtype.itemsize))


def _flattened(base: np.ndarray) -> np.ndarray:
    count, columns, rows = base.shape
    if columns == 1:
        return base[:, 0, 0] if rows == 1 else base[:, 0]
    return base.reshape(count, columns * rows)


def _with_sparse(document: GltfDocument, sparse: Fields, base: np.ndarray) -> np.ndarray:
    document.take(base.size * base.itemsize, sparse.pointer)
    values = np.array(base)
    count = sparse.integer("count", low=1, high=len(base))
    where, what = sparse.child("indices"), sparse.child("values")
    if where is None or what is None:
        raise sparse.broken("", "needs both `indices` and `values`")
    rows = _packed(document, where, (count,), np.dtype(COMPONENTS.get(where.integer("componentType"), "<f4")))
    if rows.dtype.kind != "u":
        raise where.broken("componentType", "sparse indices are unsigned integers")
    if rows.max() >= len(base):
        raise where.broken("", f"replaces element {rows.max()} of {len(base)}")
    values[rows] = _packed(document, what, (count, *base.shape[1:]), base.dtype)
    return values


def _packed(document: GltfDocument, place: Fields, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    place.require("bufferView")
    view = place.reference("bufferView", "bufferViews")
    assert view is not None
    data, offset = document.buffer_view(view), place.integer("byteOffset", 0)
    if offset + int(np.prod(shape)) * dtype.itemsize > len(data):
        raise place.broken("bufferView", f"{shape[0]} sparse elements do not fit {len(data)} bytes")
    return np.ndarray(shape, dtype, data, offset)
