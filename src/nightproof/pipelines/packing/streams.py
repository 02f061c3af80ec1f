"""What one accessor becomes in the packed file: its stored numbers, and how meshopt may code them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nightproof.pipelines.packing import codec
from nightproof.pipelines.packing.filters import (
    Filtered,
    as_bytes,
    exponential,
    octahedral,
    padded,
    quaternion,
    unfiltered,
)

COMPONENTS = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
STRIDE_LIMIT = 256
"""Bytes per element that the vertex codec takes."""
UNIT_TOLERANCE = 0.02
"""Vectors whose length is further than this from 1 keep their length: no octahedron for them."""
JOINT_WEIGHT_STEP = 2.0**-12
DIRECTION_DELTA_STEP = 2.0**-9
COLOR_STEP = 2.0**-12
"""Linear; the darkest 8-bit sRGB step is 2^-11.7."""


@dataclass(frozen=True)
class Stream:
    """The elements of one accessor."""

    filtered: Filtered
    mode: str
    """ATTRIBUTES, TRIANGLES or INDICES."""
    target: int | None
    """Of its buffer view: vertices, indices, or neither."""
    normalized: bool = False
    bounds: bool = False
    """Whether the accessor tells its minimum and maximum."""
    kind: str = ""
    """MAT4 and the like; empty where the number of columns says it."""
    vertices: int = 0
    """For indices: how many vertices there are."""

    @property
    def plain(self) -> np.ndarray:
        """(n, size) uint8, padded to four bytes where it is vertices: what an uncompressed layout stores."""
        raw = as_bytes(self.filtered.plain)
        return padded(raw) if self.target == ARRAY_BUFFER else raw

    @property
    def codable(self) -> bool:
        """Whether a meshopt mode can hold it: elements as they are stored must have the codec's stride."""
        if self.mode != "ATTRIBUTES":
            return self.filtered.plain.dtype.itemsize in (2, 4)
        stride = self.filtered.coded.shape[1]
        return stride <= STRIDE_LIMIT and stride == self.plain.shape[1]

    def take(self, rows: np.ndarray) -> Stream:
        """The same stream with its elements picked and ordered by `rows`."""
        old = self.filtered
        picked = Filtered(old.name, old.coded[rows], old.plain[rows])
        return Stream(picked, self.mode, self.target, self.normalized, self.bounds, self.kind, self.vertices)

    def described(self, accessor: dict[str, Any]) -> dict[str, Any]:
        """The accessor's JSON for these elements; its name, extras and unknown properties stay."""
        values = self.filtered.plain
        gone = ("bufferView", "byteOffset", "sparse", "normalized", "min", "max")
        result = {key: value for key, value in accessor.items() if key not in gone}
        result |= {"componentType": COMPONENTS[values.dtype.str[1:]], "count": len(values)}
        result["type"] = self.kind or KINDS[values.shape[1]]
        if self.normalized:
            result["normalized"] = True
        if self.bounds and np.isfinite(bounds := np.stack([values.min(axis=0), values.max(axis=0)])).all():
            result["min"], result["max"] = bounds.tolist()  # of what is no number, JSON can say none
        return result


def lossless(values: np.ndarray, accessor: dict[str, Any], target: int | None) -> Stream:
    """The accessor with its very values and types."""
    columns = values.reshape(len(values), -1)
    bounds = "min" in accessor or "max" in accessor
    return Stream(unfiltered(columns), "ATTRIBUTES", target, bool(accessor.get("normalized")), bounds, accessor["type"])


def indices(values: np.ndarray, vertices: int, triangles: bool) -> Stream:
    narrow = values.astype("<u2" if vertices <= 65_535 else "<u4")  # 65 535 itself restarts primitives
    filtered = Filtered("NONE", values.astype("<u4")[:, None], narrow[:, None])
    return Stream(filtered, "TRIANGLES" if triangles else "INDICES", ELEMENT_ARRAY_BUFFER, vertices=vertices)


@dataclass(frozen=True)
class Tolerance:
    """How far the attributes of one primitive may move."""

    position_step: float
    """Model units; positions and their morph deltas move by at most half of it per axis."""
    texcoord_step: float
    normal_bits: int


def attribute(name: str, floats: np.ndarray, raw: np.ndarray, accessor: dict[str, Any], allowed: Tolerance) -> Stream:
    """A vertex attribute by its meaning: `floats` are its values, `raw` what is stored."""
    if name == "POSITION":
        return Stream(exponential(floats, allowed.position_step), "ATTRIBUTES", ARRAY_BUFFER, bounds=True)
    if name in ("NORMAL", "TANGENT") and is_unit(floats):
        return Stream(octahedral(floats, allowed.normal_bits), "ATTRIBUTES", ARRAY_BUFFER, normalized=True)
    if name.startswith("TEXCOORD_"):
        return Stream(exponential(floats, allowed.texcoord_step), "ATTRIBUTES", ARRAY_BUFFER)
    if name.startswith("COLOR_") and raw.dtype.kind != "u":
        return _color(floats)
    if name.startswith("JOINTS_") and raw.max(initial=0) < 256:
        return Stream(unfiltered(raw.astype("u1")), "ATTRIBUTES", ARRAY_BUFFER)
    if name == "WEIGHTS_0" and raw.dtype.kind == "f":
        return Stream(exponential(_weights(floats), JOINT_WEIGHT_STEP), "ATTRIBUTES", ARRAY_BUFFER)
    return lossless(raw, accessor, ARRAY_BUFFER)


def morph_delta(name: str, floats: np.ndarray, raw: np.ndarray, accessor: dict[str, Any], allowed: Tolerance) -> Stream:
    if name == "POSITION":
        return Stream(exponential(floats, allowed.position_step), "ATTRIBUTES", ARRAY_BUFFER, bounds=True)
    if name in ("NORMAL", "TANGENT"):
        return Stream(exponential(floats, DIRECTION_DELTA_STEP), "ATTRIBUTES", ARRAY_BUFFER)
    return lossless(raw, accessor, ARRAY_BUFFER)


def rotation(floats: np.ndarray) -> Stream:
    """Animated unit quaternions."""
    return Stream(quaternion(floats), "ATTRIBUTES", None, normalized=True)


def is_rotation(floats: np.ndarray) -> bool:
    if floats.ndim != 2 or floats.shape[1] != 4:
        return False
    with np.errstate(over="ignore"):
        return bool((np.abs((floats**2).sum(1) - 1) < UNIT_TOLERANCE).all())


def encoded(stream_rows: np.ndarray, mode: str, vertices: int) -> bytes:
    """Coded rows of one or several streams of a kind → the compressed bytes."""
    if mode == "TRIANGLES":
        return codec.encode_triangles(stream_rows[:, 0], vertices)
    if mode == "INDICES":
        return codec.encode_sequence(stream_rows[:, 0], vertices)
    return codec.encode_vertices(stream_rows)


def coded_bytes(stream: Stream) -> int:
    """What a stream adds to a view that it shares, by the vertex codec or plain."""
    rows = stream.filtered.coded
    header_and_tail = 1 + max(32, rows.shape[1])
    plain = stream.filtered.plain.nbytes
    return min(plain, len(codec.encode_vertices(rows)) - header_and_tail) if rows.shape[1] <= STRIDE_LIMIT else plain


def is_unit(vectors: np.ndarray) -> bool:
    lengths = np.linalg.norm(vectors[:, :3], axis=1)
    return bool((np.abs(lengths - 1) < UNIT_TOLERANCE).all())


def _color(floats: np.ndarray) -> Stream:
    """Bytes where they say it exactly, else floats on a fine grid (values above 1 survive)."""
    scaled = floats * np.float32(255)
    nearest = np.rint(scaled)
    if np.abs(scaled - nearest).max(initial=0) < 1e-3 and nearest.min() >= 0 and nearest.max() <= 255:
        return Stream(unfiltered(nearest.astype("u1")), "ATTRIBUTES", ARRAY_BUFFER, normalized=True)
    return Stream(exponential(floats, COLOR_STEP), "ATTRIBUTES", ARRAY_BUFFER)


def _weights(floats: np.ndarray) -> np.ndarray:
    """Joint weights on the grid, their sum kept by the largest of each vertex."""
    grid = np.rint(floats / JOINT_WEIGHT_STEP)
    missing = np.rint(floats.sum(axis=1) / JOINT_WEIGHT_STEP) - grid.sum(axis=1)
    grid[np.arange(len(grid)), floats.argmax(axis=1)] += missing
    return grid * JOINT_WEIGHT_STEP
