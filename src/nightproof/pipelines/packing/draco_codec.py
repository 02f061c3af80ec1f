"""Google's Draco encoder: triangles and attributes in, bytes and what every reader gets from them out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from nightproof.pipelines.packing.draco_grids import Grid

COMPRESSION = 10
"""The most that Draco can do. Decoding takes about as long at every level."""
KINDS = {"POSITION": 0, "NORMAL": 1, "COLOR_0": 2, "TEXCOORD_0": 3}
"""Draco's own attribute types; all other attributes are generic."""
FIRST_GENERIC_ID = 8
GENERIC = ("f4", "u1", "u2", "u4")
"""What generic attributes may hold. None of it loses anything."""


@dataclass(frozen=True)
class Column:
    """One attribute of all vertices."""

    values: np.ndarray
    """(v, c), as the accessor is to store them."""
    grid: Grid | None = None
    """Of positions, which stand on it."""
    bits: int = 0
    """Of normals and of the first texture coordinates; none for normals that are no unit vectors."""


@dataclass(frozen=True)
class Coded:
    """One primitive in Draco's bytes, and decoded again: with vertices and triangles in an order of Draco's own."""

    data: bytes
    ids: dict[str, int]
    """Attribute → Draco's unique id."""
    values: dict[str, np.ndarray]
    """Attribute → (v, c), in its type."""
    indices: np.ndarray


def encode(triangles: Int[np.ndarray, "t 3"], columns: Mapping[str, Column]) -> Coded | None:
    """None where Draco cannot hold an attribute, and where no triangle covers anything."""
    position, grid = columns["POSITION"], columns["POSITION"].grid
    if grid is None:
        return None
    generic = {name: id_ for id_, name in enumerate((n for n in columns if _is_generic(n, columns)), FIRST_GENERIC_ID)}
    if any(columns[name].values.dtype.str[1:] not in GENERIC for name in generic):
        return None
    if any(name in columns and not columns[name].bits for name in ("NORMAL", "TEXCOORD_0")):
        return None
    # The library rounds an origin and a span to six decimals. Numbers of grid points survive that, and the grid is
    # written over theirs: decoders then compute points where the numbers were.
    data = _encoded(grid.numbers(position.values), grid, triangles, columns, generic)
    placed = None if data is None else _placed(data, grid)
    return None if placed is None else _decoded(placed, grid, columns, generic)


def _is_generic(name: str, columns: Mapping[str, Column]) -> bool:
    return name not in KINDS or (name == "COLOR_0" and columns[name].values.dtype.str[1:] != "u1")


def _encoded(
    numbers: np.ndarray,
    grid: Grid,
    triangles: np.ndarray,
    columns: Mapping[str, Column],
    generic: Mapping[str, int],
) -> bytes | None:
    import DracoPy

    normal, uv = columns.get("NORMAL"), columns.get("TEXCOORD_0")
    try:
        return DracoPy.encode(
            numbers.astype(np.float32),
            triangles.astype(np.uint32),
            quantization_bits=grid.bits,
            quantization_origin=np.zeros(3, np.float32),
            quantization_range=float(grid.last),
            compression_level=COMPRESSION,
            normals=None if normal is None else normal.values.astype(np.float64),
            normal_quantization_bits=None if normal is None else normal.bits,
            tex_coord=None if uv is None else uv.values.astype(np.float64),
            tex_coord_quantization_bits=None if uv is None else uv.bits,
            colors=columns["COLOR_0"].values if "COLOR_0" in columns and "COLOR_0" not in generic else None,
            generic_attributes={id_: np.ascontiguousarray(columns[name].values) for name, id_ in generic.items()}
            or None,
        )
    except DracoPy.EncodingFailedException:
        return None


def _placed(data: bytes, grid: Grid) -> bytes | None:
    """The bytes with their whole numbers moved to the points of `grid`; None where the place could be another."""
    written = struct.pack("<4fB", 0.0, 0.0, 0.0, float(grid.last), grid.bits)
    moved = struct.pack("<4fB", *(float(value) for value in grid.origin), grid.span, grid.bits)
    return data.replace(written, moved) if data.count(written) == 1 else None


def _decoded(data: bytes, grid: Grid, columns: Mapping[str, Column], generic: Mapping[str, int]) -> Coded | None:
    import DracoPy

    mesh: Any = DracoPy.decode(data)
    by_kind = {a["attribute_type"]: a for a in mesh.attributes if a["unique_id"] not in generic.values()}
    by_id = {a["unique_id"]: a for a in mesh.attributes}
    found = {name: by_id[generic[name]] if name in generic else by_kind[KINDS[name]] for name in columns}
    values = {name: np.asarray(found[name]["data"]).astype(columns[name].values.dtype) for name in columns}
    if not grid.holds(values["POSITION"]):  # a place that was another one, or a library that computes otherwise
        return None
    return Coded(data, {name: found[name]["unique_id"] for name in columns}, values, np.asarray(mesh.faces).reshape(-1))
