"""Draco and meshopt: decoded by their own libraries, after checking how much memory they would take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nightproof.scenes import accessors, meshopt_filters
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.fields import Fields

if TYPE_CHECKING:
    from nightproof.scenes.gltf import GltfDocument

DRACO = "KHR_draco_mesh_compression"
MESHOPT_RATIO_LIMIT = 1100
"""A block of 256 vertices takes at least one byte per four bytes of stride (vertex codec v1), hence 1024 and change."""
DRACO_RATIO_LIMIT = 4096
"""Bytes out per byte in. Real meshes reach some 30, degenerate ones (all vertices equal) a few hundred."""


def draco_places(document: GltfDocument) -> dict[int, tuple[int, int]]:
    """Which accessors Draco holds: accessor → (mesh, primitive)."""
    places: dict[int, tuple[int, int]] = {}
    for m, mesh in enumerate(document.root.children("meshes")):
        if not isinstance(mesh.value.get("primitives"), list):
            continue
        for p, primitive in enumerate(mesh.children("primitives")):
            if (packed := primitive.extension(DRACO)) is not None:
                for index in _draco_accessors(primitive, packed).values():
                    places[index] = (m, p)
    return places


def _draco_accessors(primitive: Fields, packed: Fields) -> dict[str, int]:
    """Attribute name (or "" for the indices) → accessor, for what the Draco buffer holds."""
    inside, outside = packed.child("attributes"), primitive.child("attributes")
    if inside is None or outside is None:
        raise packed.broken("", "needs `attributes`")
    found = {name: outside.reference(name, "accessors") for name in inside.value}
    found[""] = primitive.reference("indices", "accessors")
    return {name: index for name, index in found.items() if index is not None}


def decode_draco(document: GltfDocument, mesh: int, primitive: int) -> dict[int, np.ndarray]:
    """All accessors of one Draco primitive, with the component types that their accessors promise."""
    place = list(document.fields("meshes", mesh).children("primitives"))[primitive]
    packed = place.extension(DRACO)
    assert packed is not None
    packed.require("bufferView")
    view = packed.reference("bufferView", "bufferViews")
    assert view is not None
    data = bytes(document.buffer_view(view))
    wanted = _draco_accessors(place, packed)
    _bound_draco(document, packed, wanted, len(data))
    decoded = _draco_mesh(data, packed)
    names = packed.child("attributes")
    assert names is not None
    result = {}
    for name, index in wanted.items():
        found = _draco_indices(decoded) if name == "" else _draco_attribute(decoded, names, name)
        result[index] = _as_promised(document.fields("accessors", index), found, packed)
    return result


def _bound_draco(document: GltfDocument, packed: Fields, wanted: dict[str, int], size: int) -> None:
    total = 0
    for index in wanted.values():
        count, dtype, rows, columns = accessors.layout(document.fields("accessors", index))
        total += count * dtype.itemsize * rows * columns
    if total > DRACO_RATIO_LIMIT * (size + 64):
        raise SceneTooLarge(f"{size} bytes of Draco are said to hold {total}", packed.pointer)
    document.take(total, packed.pointer)


def _draco_mesh(data: bytes, packed: Fields) -> Any:
    import DracoPy

    try:
        return DracoPy.decode(data)
    except MemoryError:
        raise SceneTooLarge("the Draco data takes more memory than there is", packed.pointer) from None
    except Exception as error:
        raise BrokenScene(f"the Draco data cannot be decoded: {str(error)[:80]}", packed.pointer) from None


def _draco_indices(decoded: Any) -> np.ndarray:
    faces = getattr(decoded, "faces", None)
    return np.zeros(0, np.uint32) if faces is None else np.ascontiguousarray(faces).reshape(-1)


def _draco_attribute(decoded: Any, names: Fields, name: str) -> np.ndarray:
    wanted = names.integer(name)
    for attribute in decoded.attributes:
        if attribute["unique_id"] == wanted:
            return np.asarray(attribute["data"])
    raise names.broken(name, f"there is no attribute {wanted} in the Draco data")


def _as_promised(accessor: Fields, found: np.ndarray, packed: Fields) -> np.ndarray:
    count, dtype, rows, _ = accessors.layout(accessor)
    values = found.reshape(-1) if rows == 1 else found
    shape = (count,) if rows == 1 else (count, rows)
    if values.shape != shape:
        raise packed.broken("", f"holds {values.shape} values for {accessor.pointer}, which promises {shape}")
    values = np.ascontiguousarray(values.astype(dtype))
    values.flags.writeable = False
    return values


def decode_meshopt(document: GltfDocument, packed: Fields) -> memoryview:
    """A buffer view that meshoptimizer packed (EXT_meshopt_compression, KHR_meshopt_compression)."""
    data = document.slice_of_buffer(packed)
    stride, count = packed.integer("byteStride", low=1, high=256), packed.integer("count", low=1, high=2**31)
    if count * stride > MESHOPT_RATIO_LIMIT * len(data):
        raise SceneTooLarge(f"{len(data)} packed bytes are said to hold {count * stride}", packed.pointer)
    document.take(count * stride, packed.pointer)
    mode = packed.text("mode")
    if mode not in _MODES:
        raise packed.broken("mode", f"{mode[:20]!r} is no meshopt mode")
    raw = _MODES[mode](packed, data, count, stride)
    name = packed.text("filter", "NONE")
    if name not in meshopt_filters.FILTERS:
        raise packed.broken("filter", f"{name[:20]!r} is no meshopt filter")
    if (undo := meshopt_filters.FILTERS[name]) is not None:
        if stride not in undo.strides:
            raise packed.broken("byteStride", f"{name} works on {undo.strides} bytes, not {stride}")
        raw = undo.apply(raw, stride)
    return memoryview(np.ascontiguousarray(raw).tobytes())


def _attributes(packed: Fields, data: memoryview, count: int, stride: int) -> np.ndarray:
    if stride % 4:
        raise packed.broken("byteStride", "is no multiple of 4")
    return _decode("decode_vertex_buffer", packed, count, stride, data, np.dtype((np.void, stride)))


def _triangles(packed: Fields, data: memoryview, count: int, stride: int) -> np.ndarray:
    if count % 3:
        raise packed.broken("count", "is no multiple of 3")
    return _indices("decode_index_buffer", packed, data, count, stride)


def _sequence(packed: Fields, data: memoryview, count: int, stride: int) -> np.ndarray:
    return _indices("decode_index_sequence", packed, data, count, stride)


def _indices(codec: str, packed: Fields, data: memoryview, count: int, stride: int) -> np.ndarray:
    if stride not in (2, 4):
        raise packed.broken("byteStride", "indices take 2 or 4 bytes")
    wide = _decode(codec, packed, count, 4, data)
    if stride == 2 and len(wide) and wide.max() > 0xFFFF:
        raise packed.broken("byteStride", "an index does not fit 2 bytes")
    return wide.astype("<u2" if stride == 2 else "<u4")


def _decode(codec: str, packed: Fields, count: int, size: int, data: memoryview, *dtype: np.dtype) -> np.ndarray:
    import meshoptimizer

    try:
        return getattr(meshoptimizer, codec)(count, size, bytes(data), *dtype)
    except (ValueError, RuntimeError) as error:
        raise BrokenScene(f"the meshopt data cannot be decoded: {str(error)[:80]}", packed.pointer) from None


_MODES = {"ATTRIBUTES": _attributes, "TRIANGLES": _triangles, "INDICES": _sequence}
