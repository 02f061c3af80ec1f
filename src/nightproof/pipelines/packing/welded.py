"""The vertices of one unit welded, its triangles simplified and ordered for the codecs: arrays in, streams out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt32

from nightproof.pipelines.packing import codec, streams
from nightproof.pipelines.packing.simplify import Shape, error_growth, simplified
from nightproof.pipelines.packing.streams import Stream


@dataclass(frozen=True)
class Packed:
    """Vertices shared by several index lists, welded and in order of first use."""

    vertices: list[Stream]
    indices: list[Stream]
    coarser: list[list[Stream]]
    """Of each list: the same surface in fewer triangles of the same vertices, ever coarser."""


@dataclass(frozen=True)
class Reduction:
    """What simplification needs to know of a unit."""

    shape: Shape
    locked: Bool[np.ndarray, "v"]
    error: float
    """In units of the positions."""
    normal_rad: float
    """Turning a normal by this much counts as much."""
    levels: int = 0
    """How many coarser lists are wanted besides."""


def pack_unit(
    vertices: list[Stream],
    lists: list[UInt32[np.ndarray, "i"]],
    keep_order: list[bool],
    reduction: Reduction | None = None,
) -> Packed:
    """Weld equal vertices, drop unused ones and collapsed triangles, simplify where asked, order for the caches.

    Args:
        vertices: the streams of all attributes, of equal length.
        lists: triangle indices, one list per primitive.
        keep_order: per list, whether triangles must stay in order (blended surfaces are drawn in it).
    """
    remap, first = codec.weld(np.concatenate([stream.filtered.coded for stream in vertices], axis=1))
    count = len(first)
    welded = [without_collapsed(remap[indices]) for indices in lists]
    levels: list[list[UInt32[np.ndarray, "i"]]] = []
    if reduction is not None:
        shape, locked = reduction.shape.take(first), reduction.locked[first]
        welded = simplified(shape, welded, locked, reduction.error, reduction.normal_rad)
        levels = _coarser(reduction, shape, welded, locked)
    ordered = [
        indices if fixed else codec.cache_order(indices, count)
        for found in (welded, *levels)
        for indices, fixed in zip(found, keep_order, strict=True)
    ]
    # The lists of the finest level come first and use every vertex that any level uses: its order is theirs alone.
    renumbered, order = codec.fetch_order(np.concatenate(ordered), count)
    parts = np.split(renumbered, np.cumsum([len(part) for part in ordered])[:-1])
    kept = [stream.take(first[order]) for stream in vertices]
    made = [streams.indices(part, len(order), triangles=True) for part in parts]
    return Packed(kept, made[: len(lists)], [made[len(lists) + i :: len(lists)] for i in range(len(lists))])


def _coarser(
    reduction: Reduction,
    shape: Shape,
    lists: list[UInt32[np.ndarray, "i"]],
    locked: Bool[np.ndarray, "v"],
) -> list[list[UInt32[np.ndarray, "i"]]]:
    """Level by level, each list; errors count from the lists as they are. Normals may turn further by the root of what
    surface may move: it leaves the longest chains of those that then look alike (0406)."""
    return [
        simplified(shape, lists, locked, reduction.error * growth, reduction.normal_rad * math.sqrt(growth))
        for growth in map(error_growth, range(1, reduction.levels + 1))
    ]


def without_collapsed(indices: UInt32[np.ndarray, "i"]) -> UInt32[np.ndarray, "i"]:
    """Triangles with two equal corners cover nothing; one stays where all are such, for a primitive can't be empty."""
    corners = indices.reshape(-1, 3)
    collapsed = (corners == np.roll(corners, 1, axis=1)).any(axis=1)
    return indices if collapsed.all() else corners[~collapsed].reshape(-1)
