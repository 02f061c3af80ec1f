"""meshoptimizer's codecs, pinned to the bitstreams that EXT_meshopt_compression allows: vertices v0, indices v1."""

from __future__ import annotations

from typing import Any

import numpy as np


def encode_vertices(rows: np.ndarray) -> bytes:
    """(n, stride) uint8, stride a multiple of four up to 256 → mode ATTRIBUTES."""
    library = _library()
    library.encode_vertex_version(0)  # the library would write v1, which only KHR_meshopt_compression reads
    rows = np.ascontiguousarray(rows)
    return library.encode_vertex_buffer(rows, len(rows), rows.shape[1])


def encode_triangles(indices: np.ndarray, vertices: int) -> bytes:
    """(3 t,) uint32 → mode TRIANGLES. Keeps order and winding of triangles, not which corner comes first."""
    library = _library()
    library.encode_index_version(1)
    return library.encode_index_buffer(np.ascontiguousarray(indices, np.uint32), len(indices), vertices)


def encode_sequence(indices: np.ndarray, vertices: int) -> bytes:
    """(n,) uint32 → mode INDICES, for points, lines and strips."""
    library = _library()
    library.encode_index_version(1)
    return library.encode_index_sequence(np.ascontiguousarray(indices, np.uint32), len(indices), vertices)


def weld(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, width) uint8 → for each row the number of its first equal, counted in order of appearance; and those firsts.

    The library compares at most 256 bytes, so wider rows are numbered by parts and then by the numbers of the parts.
    """
    rows = np.ascontiguousarray(rows)
    while rows.shape[1] > 256:
        parts = [weld(rows[:, start : start + 256])[0] for start in range(0, rows.shape[1], 256)]
        rows = np.ascontiguousarray(np.stack(parts, axis=1).astype(np.uint32)).view(np.uint8)
    count, width = rows.shape
    remap = np.empty(count, np.uint32)
    unique = _library().generate_vertex_remap(remap, np.arange(count, dtype=np.uint32), count, rows, count, width)
    first = np.full(unique, count, np.int64)
    np.minimum.at(first, remap, np.arange(count))
    return remap, first


def cache_order(indices: np.ndarray, vertices: int) -> np.ndarray:
    """Triangles in an order that the post-transform cache and the index codec both like."""
    ordered = np.empty(len(indices), np.uint32)
    source = np.ascontiguousarray(indices, np.uint32)
    _library().optimize_vertex_cache_strip(ordered, source, len(source), vertices)
    return ordered


def fetch_order(indices: np.ndarray, vertices: int) -> tuple[np.ndarray, np.ndarray]:
    """Number vertices by first use: (new index per index, old vertex per new vertex). Unused vertices fall away."""
    first = np.full(vertices, len(indices), np.int64)
    np.minimum.at(first, indices, np.arange(len(indices)))
    used = np.flatnonzero(first < len(indices))
    order = used[np.argsort(first[used], kind="stable")]
    renumber = np.zeros(vertices, np.uint32)
    renumber[order] = np.arange(len(order), dtype=np.uint32)
    return renumber[indices], order


LIMIT_IS_ABSOLUTE = 4


def simplify(
    indices: np.ndarray,
    positions: np.ndarray,
    attributes: np.ndarray,
    weights: np.ndarray,
    locked: np.ndarray,
    error: float,
) -> np.ndarray:
    """(3 t,) uint32 → fewer triangles of the same vertices, none of them further off than `error`."""
    import ctypes

    out = np.empty(len(indices), np.uint32)
    # The binding declares no argument types for this one function: sizes and floats must come as C has them.
    count = _library().simplify_with_attributes(
        out,
        np.ascontiguousarray(indices, np.uint32),
        np.ascontiguousarray(positions, np.float32),
        np.ascontiguousarray(attributes, np.float32),
        np.ascontiguousarray(weights, np.float32),
        index_count=ctypes.c_size_t(len(indices)),
        vertex_count=ctypes.c_size_t(len(positions)),
        vertex_positions_stride=ctypes.c_size_t(12),
        vertex_attributes_stride=ctypes.c_size_t(4 * attributes.shape[1]),
        attribute_count=ctypes.c_size_t(attributes.shape[1]),
        vertex_lock=np.ascontiguousarray(locked, np.uint8),
        target_index_count=ctypes.c_size_t(0),
        target_error=ctypes.c_float(error),
        options=ctypes.c_uint(LIMIT_IS_ABSOLUTE),
    )
    return out[:count]


def _library() -> Any:
    import meshoptimizer

    return meshoptimizer
