"""Small scenes of known form."""

import numpy as np

from nightproof.scenes.flat import FlatScene, Instance, Material


def flat_of(positions, triangles) -> FlatScene:
    positions, triangles = np.asarray(positions, np.float32), np.asarray(triangles, np.uint32)
    vertices, count = len(positions), len(triangles)
    return FlatScene(
        positions=positions, normals=np.tile(np.float32([0, 1, 0]), (vertices, 1)),
        tangents=np.zeros((vertices, 4), np.float32), uv0=np.zeros((vertices, 2), np.float32),
        uv1=np.zeros((vertices, 2), np.float32), colors=np.ones((vertices, 4), np.float32), triangles=triangles,
        triangle_material=np.zeros(count, np.uint32), triangle_instance=np.zeros(count, np.uint32),
        instances=(Instance(0, 0, 0, 0, count, 0, vertices, 0, np.eye(4)),), materials=(Material(metallic=0.0),),
    )  # fmt: skip


def sphere(rings: int) -> FlatScene:
    theta, phi = np.linspace(0, np.pi, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(p), np.cos(t), np.sin(t) * np.sin(p)], axis=2).reshape(-1, 3)
    return flat_of(points, quads(rings, 2 * rings))


def plane(cells: int) -> FlatScene:
    x, z = np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1), indexing="ij")
    return flat_of(np.stack([x, np.zeros_like(x), z], axis=2).reshape(-1, 3), quads(cells, cells))


def quads(rows: int, columns: int):
    i, j = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    a = (i * (columns + 1) + j).reshape(-1)
    b, c, d = a + 1, a + columns + 1, a + columns + 2
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])
