"""Collects placed shapes and joins them into a `FlatScene`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material, PunctualLight, Texture
from nightproof.scenes.frames import normalized
from nightproof.scenes.shapes import Shape
from nightproof.scenes.vectors import cross

Array = np.ndarray


@dataclass
class Soup:
    """Growing arrays of one scene."""

    environment: Environment | None
    columns: dict[str, list[Array]] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)
    vertices: int = 0
    triangles: int = 0

    def add(self, shape: Shape, world: Float64[Array, "4 4"], instance: Instance) -> None:
        """Place `shape` by `world`; mirrored places turn the triangles round so that fronts stay fronts."""
        count, linear = len(shape.positions), world[:3, :3]
        mirrored = bool(np.linalg.det(linear) < 0)
        triangles = shape.triangles[:, ::-1] if mirrored else shape.triangles
        with np.errstate(over="ignore", invalid="ignore"):
            positions = (shape.positions.astype(np.float64) @ linear.T + world[:3, 3]).astype(np.float32)
        if not np.isfinite(positions).all():
            raise BrokenScene("a vertex lands beyond all numbers", f"/nodes/{instance.node}")
        self._append("positions", positions)
        self._append("normals", _turned_normals(shape, linear))
        self._append("tangents", _turned_tangents(shape, linear, mirrored))
        self._append("uv0", _or_zeros(shape.uv0, count, 2))
        self._append("uv1", _or_zeros(shape.uv1, count, 2))
        self._append("colors", np.ones((count, 4), np.float32) if shape.colors is None else shape.colors)
        self._append("triangles", (triangles + np.uint32(self.vertices)).astype(np.uint32))
        self._append("triangle_material", np.full(len(triangles), instance.material, np.uint32))
        self._append("triangle_instance", np.full(len(triangles), len(self.instances), np.uint32))
        self.instances.append(
            replace(
                instance,
                first_triangle=self.triangles,
                triangle_count=len(triangles),
                first_vertex=self.vertices,
                vertex_count=count,
                local_to_world=world,
            )
        )
        self.vertices, self.triangles = self.vertices + count, self.triangles + len(triangles)

    def scene(
        self,
        *,
        materials: tuple[Material, ...],
        textures: tuple[Texture, ...],
        lights: tuple[PunctualLight, ...],
        cameras: tuple[Camera, ...],
        notes: tuple[str, ...],
    ) -> FlatScene:
        joined = {name: self._joined(name, width, dtype) for name, width, dtype in _COLUMNS}
        return FlatScene(
            **joined,
            instances=tuple(self.instances),
            materials=materials,
            textures=textures,
            lights=lights,
            cameras=cameras,
            environment=self.environment,
            notes=notes,
        )

    def _append(self, name: str, values: Array) -> None:
        self.columns.setdefault(name, []).append(values)

    def _joined(self, name: str, width: int, dtype: type) -> Array:
        parts = self.columns.pop(name, [np.zeros((0, width) if width else 0, dtype)])
        result: Array = np.ascontiguousarray(np.concatenate(parts), dtype)
        result.flags.writeable = False
        return result


_COLUMNS: tuple[tuple[str, int, type], ...] = (
    ("positions", 3, np.float32),
    ("normals", 3, np.float32),
    ("tangents", 4, np.float32),
    ("uv0", 2, np.float32),
    ("uv1", 2, np.float32),
    ("colors", 4, np.float32),
    ("triangles", 3, np.uint32),
    ("triangle_material", 0, np.uint32),
    ("triangle_instance", 0, np.uint32),
)


def _turned_normals(shape: Shape, linear: Float64[Array, "3 3"]) -> Array:
    assert shape.normals is not None
    turned = shape.normals.astype(np.float64) @ cofactors(linear).T
    return normalized(turned, (0.0, 1.0, 0.0)).astype(np.float32)


def _turned_tangents(shape: Shape, linear: Float64[Array, "3 3"], mirrored: bool) -> Array:
    if shape.tangents is None:
        return np.zeros((len(shape.positions), 4), np.float32)
    turned = normalized(shape.tangents[:, :3].astype(np.float64) @ linear.T, (1.0, 0.0, 0.0))
    sign = np.where(shape.tangents[:, 3:] < 0, -1.0, 1.0) * (-1 if mirrored else 1)
    return np.concatenate([turned, sign], axis=1).astype(np.float32)


def cofactors(matrices: Float64[Array, "... 3 3"]) -> Float64[Array, "... 3 3"]:
    """What turns normals: M⁻ᵀ up to a positive factor; defined for flattened transforms too."""
    a, b, c = matrices[..., 0, :], matrices[..., 1, :], matrices[..., 2, :]
    rows = np.stack([cross(b, c), cross(c, a), cross(a, b)], axis=-2)
    determinant = (a * rows[..., 0, :]).sum(axis=-1)
    return rows * np.where(determinant < 0, -1.0, 1.0)[..., None, None]


def _or_zeros(values: Array | None, count: int, width: int) -> Array:
    return np.zeros((count, width), np.float32) if values is None else values
