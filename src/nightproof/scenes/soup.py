"""Collects what is to be drawn and places it: the last step to a `FlatScene`.

A scene may show one small shape tens of thousands of times. So nothing is placed on arrival: once all is known, the
arrays are made in their final size, and the copies of a shape are placed together, some ten thousand vertices at a
time. Each copy gets the bytes that it would get alone: the products are made per copy, by the same BLAS call.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64, Int64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material, PunctualLight, Texture
from nightproof.scenes.frames import normalized
from nightproof.scenes.shapes import Shape
from nightproof.scenes.vectors import cross

Array = np.ndarray
BLOCK = 16_384
"""Vertices, triangles or matrices that are worked on together: a few megabytes of scratch, near the cache's size."""


@dataclass(frozen=True)
class Run:
    """A shape, drawn once per matrix."""

    shape: Shape
    worlds: Float64[Array, "k 4 4"]
    copies: Int64[Array, "k"]
    instance: Instance
    """What is the same for all copies; ranges, copy and place are filled in later."""


@dataclass(frozen=True)
class Ranges:
    """Where the vertices and triangles of every instance begin, and behind them where the last ones end."""

    vertex: Int64[Array, "n+1"]
    triangle: Int64[Array, "n+1"]
    node: Int64[Array, "n"]


@dataclass
class Soup:
    """Growing list of what one scene shows."""

    environment: Environment | None
    runs: list[Run] = field(default_factory=list)

    def add(self, shape: Shape, worlds: Float64[Array, "k 4 4"], instance: Instance) -> None:
        """Draw `shape` once per matrix; mirrored places turn the triangles round so that fronts stay fronts."""
        self.runs.append(Run(shape, worlds, np.arange(len(worlds)), instance))

    def leave_out_lines(self) -> tuple[int, ...]:
        """Forget the copies whose matrix leaves no area of any triangle. Returns their nodes."""
        if not self.runs:
            return ()
        worlds = np.concatenate([run.worlds for run in self.runs])
        blocks = (worlds[i : i + BLOCK, :3, :3] for i in range(0, len(worlds), BLOCK))
        seen = np.concatenate([cofactors(linear).any(axis=(1, 2)) for linear in blocks])
        if seen.all():
            return ()
        kept, nodes = [], []
        ends = np.cumsum([len(run.worlds) for run in self.runs])
        for run, mask in zip(self.runs, np.split(seen, ends[:-1]), strict=True):
            kept.append(replace(run, worlds=run.worlds[mask], copies=run.copies[mask]))
            if not mask.all():
                nodes.append(run.instance.node)
        self.runs = kept
        return tuple(nodes)

    def scene(
        self,
        *,
        materials: tuple[Material, ...],
        textures: tuple[Texture, ...],
        lights: tuple[PunctualLight, ...],
        cameras: tuple[Camera, ...],
        notes: tuple[str, ...],
    ) -> FlatScene:
        times = np.array([len(run.worlds) for run in self.runs], np.int64)
        ranges = Ranges(
            _starts([len(run.shape.positions) for run in self.runs], times),
            _starts([len(run.shape.triangles) for run in self.runs], times),
            np.repeat(np.array([run.instance.node for run in self.runs], np.int64), times),
        )
        columns = self._columns(ranges, times)  # first, since places may prove impossible
        return FlatScene(
            **columns,
            instances=self._instances(ranges),
            materials=materials,
            textures=textures,
            lights=lights,
            cameras=cameras,
            environment=self.environment,
            notes=notes,
        )

    def _instances(self, ranges: Ranges) -> tuple[Instance, ...]:
        vertex, triangle = ranges.vertex.tolist(), ranges.triangle.tolist()
        found: list[Instance] = []
        for run in self.runs:
            vertex_count, triangle_count = len(run.shape.positions), len(run.shape.triangles)
            for copy, world in zip(run.copies.tolist(), run.worlds, strict=True):
                instance = replace(
                    run.instance,
                    first_triangle=triangle[len(found)],
                    triangle_count=triangle_count,
                    first_vertex=vertex[len(found)],
                    vertex_count=vertex_count,
                    local_to_world=world,
                    copy=copy,
                )
                found.append(instance)
        return tuple(found)

    def _columns(self, ranges: Ranges, times: Int64[Array, "r"]) -> dict[str, Array]:
        vertices, triangles = int(ranges.vertex[-1]), int(ranges.triangle[-1])
        columns: dict[str, Array] = {
            "positions": np.empty((vertices, 3), np.float32),
            "normals": np.empty((vertices, 3), np.float32),
            "tangents": np.zeros((vertices, 4), np.float32),
            "uv0": np.zeros((vertices, 2), np.float32),
            "uv1": np.zeros((vertices, 2), np.float32),
            "colors": np.ones((vertices, 4), np.float32),
            "triangles": np.empty((triangles, 3), np.uint32),
        }
        runs: dict[int, list[int]] = {}  # by the identity of their shape
        for index, run in enumerate(self.runs):
            runs.setdefault(id(run.shape), []).append(index)
        first = np.concatenate([[0], np.cumsum(times)])
        for same in runs.values():
            instances = np.concatenate([np.arange(first[index], first[index + 1]) for index in same])
            worlds = np.concatenate([self.runs[index].worlds for index in same])
            shape = self.runs[same[0]].shape
            step = max(1, BLOCK // max(1, len(shape.positions), len(shape.triangles)))
            for begin in range(0, len(worlds), step):
                block = slice(begin, begin + step)
                _place(shape, worlds[block], instances[block], ranges, columns)
        counts = np.diff(ranges.triangle)
        materials = np.repeat(np.array([run.instance.material for run in self.runs], np.uint32), times)
        columns["triangle_material"] = np.repeat(materials, counts)
        columns["triangle_instance"] = np.repeat(np.arange(len(counts), dtype=np.uint32), counts)
        for values in columns.values():
            values.flags.writeable = False
        return columns


def _starts(sizes: list[int], times: Int64[Array, "r"]) -> Int64[Array, "n+1"]:
    return np.concatenate([[0], np.cumsum(np.repeat(np.array(sizes, np.int64), times))])


def _place(
    shape: Shape,
    worlds: Float64[Array, "k 4 4"],
    instances: Int64[Array, "k"],
    ranges: Ranges,
    columns: dict[str, Array],
) -> None:
    """Write copies of one shape to where their instances begin. Raises BrokenScene where float32 ends."""
    assert shape.normals is not None
    linear, first = worlds[:, :3, :3], ranges.vertex[instances]
    mirrored = (np.linalg.det(linear) < 0)[:, None, None]
    with np.errstate(over="ignore", invalid="ignore"):
        positions = (_turned(shape.positions, linear) + worlds[:, None, :3, 3]).astype(np.float32)
    if not (finite := np.isfinite(positions)).all():
        bad = instances[~finite.all(axis=(1, 2))][0]
        raise BrokenScene("a vertex lands beyond all numbers", f"/nodes/{ranges.node[bad]}")
    _put(columns["positions"], first, positions)
    # Matrices lie row by row: BLAS sums in another order where they do not, and a lone vertex would tell.
    normals = normalized(_turned(shape.normals, np.ascontiguousarray(cofactors(linear))), (0.0, 1.0, 0.0))
    _put(columns["normals"], first, normals)
    if shape.tangents is not None:
        turned = normalized(_turned(shape.tangents[:, :3], linear), (1.0, 0.0, 0.0))
        sign = np.where(shape.tangents[:, 3:] < 0, -1.0, 1.0) * np.where(mirrored, -1, 1)
        _put(columns["tangents"], first, np.concatenate([turned, sign], axis=-1))
    for name, values in (("uv0", shape.uv0), ("uv1", shape.uv1), ("colors", shape.colors)):
        if values is not None:
            _put(columns[name], first, values)
    triangles = np.where(mirrored, shape.triangles[:, ::-1], shape.triangles)
    _put(columns["triangles"], ranges.triangle[instances], triangles + first.astype(np.uint32)[:, None, None])


def _turned(vectors: Array, matrices: Float64[Array, "k 3 3"]) -> Float64[Array, "k v 3"]:
    """Every vector by every matrix."""
    turned: Array = vectors.astype(np.float64) @ matrices.swapaxes(1, 2)
    return turned


def _put(column: Array, first: Int64[Array, "k"], values: Array) -> None:
    """Write one run of rows per copy, or the same rows for every copy; in one piece where the runs are neighbours."""
    count = values.shape[-2]
    if first[-1] - first[0] == (len(first) - 1) * count:
        begin = int(first[0])
        column[begin : begin + len(first) * count].reshape(len(first), count, column.shape[1])[...] = values
    else:
        column[first[:, None] + np.arange(count)] = values


def cofactors(matrices: Float64[Array, "... 3 3"]) -> Float64[Array, "... 3 3"]:
    """What turns normals: M⁻ᵀ up to a positive factor; defined for flattened transforms too."""
    a, b, c = matrices[..., 0, :], matrices[..., 1, :], matrices[..., 2, :]
    rows = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=-2)
    determinant = (a * rows[..., 0, :]).sum(axis=-1)
    return rows * np.where(determinant < 0, -1.0, 1.0)[..., None, None]
