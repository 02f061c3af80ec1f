"""Small scenes built by hand for the rendering tests."""

from __future__ import annotations

import numpy as np

from nightproof.scenes.flat import Environment, FlatScene, Material

LAMBERT = Material(metallic=0.0, specular=0.0)


def quad(a, b, c, d):
    """Two triangles a b c, a c d; front where they run counter-clockwise."""
    return np.array([a, b, c, d], np.float32), np.array([[0, 1, 2], [0, 2, 3]])


def box(lower, upper, inward=False):
    """Twelve triangles; faces outwards, or inwards for a room."""
    (x0, y0, z0), (x1, y1, z1) = lower, upper
    sides = [
        ([x0, y0, z1], [x1, y0, z1], [x1, y1, z1], [x0, y1, z1]),
        ([x1, y0, z0], [x0, y0, z0], [x0, y1, z0], [x1, y1, z0]),
        ([x0, y0, z0], [x0, y0, z1], [x0, y1, z1], [x0, y1, z0]),
        ([x1, y0, z1], [x1, y0, z0], [x1, y1, z0], [x1, y1, z1]),
        ([x0, y1, z1], [x1, y1, z1], [x1, y1, z0], [x0, y1, z0]),
        ([x0, y0, z0], [x1, y0, z0], [x1, y0, z1], [x0, y0, z1]),
    ]
    return merge([quad(*(side[::-1] if inward else side)) for side in sides])


def sphere(centre, radius, rings=48):
    """A finely divided sphere, faces outwards; its corners carry smooth normals when `smooth` asks for them."""
    theta = np.linspace(0, np.pi, rings + 1)
    phi = np.linspace(0, 2 * np.pi, 2 * rings + 1)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    points = np.stack([np.sin(t) * np.cos(p), np.cos(t), -np.sin(t) * np.sin(p)], -1).reshape(-1, 3)
    row = 2 * rings + 1
    i, j = np.meshgrid(np.arange(rings), np.arange(2 * rings), indexing="ij")
    a = (i * row + j).ravel()
    faces = np.concatenate([np.stack([a, a + row, a + 1], 1), np.stack([a + 1, a + row, a + row + 1], 1)])
    return (points * radius + np.asarray(centre)).astype(np.float32), faces


def merge(parts):
    positions, triangles, start = [], [], 0
    for points, faces in parts:
        positions.append(points)
        triangles.append(faces + start)
        start += len(points)
    return np.concatenate(positions), np.concatenate(triangles)


def scene(*parts, environment=None, lights=(), textures=(), uv=None, colors=None, smooth=False):
    """A FlatScene of (mesh, material) pairs."""
    if not parts:
        parts = (((np.zeros((0, 3), np.float32), np.zeros((0, 3), int)), LAMBERT),)
    positions, triangles = merge([mesh for mesh, _ in parts])
    corners = positions[triangles].reshape(-1, 3)  # no sharing: flat normals
    faces = np.arange(len(corners), dtype=np.uint32).reshape(-1, 3)
    a, b, c = corners[0::3], corners[1::3], corners[2::3]
    normals = np.cross(b - a, c - a)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-30)
    normals = np.repeat(normals, 3, axis=0)
    if smooth:
        centre = positions.mean(axis=0)
        normals = (corners - centre) / np.linalg.norm(corners - centre, axis=1, keepdims=True)
    count = len(corners)
    uv = np.zeros((count, 2), np.float32) if uv is None else np.asarray(uv, np.float32)
    material = np.repeat(np.arange(len(parts)), [len(mesh[1]) for mesh, _ in parts]).astype(np.uint32)
    return FlatScene(
        positions=corners.astype(np.float32),
        normals=normals.astype(np.float32),
        tangents=np.zeros((count, 4), np.float32),
        uv0=uv,
        uv1=uv,
        colors=np.ones((count, 4), np.float32) if colors is None else np.asarray(colors, np.float32),
        triangles=faces,
        triangle_material=material,
        triangle_instance=np.zeros(len(faces), np.uint32),
        instances=(),
        materials=tuple(material for _, material in parts),
        textures=tuple(textures),
        lights=tuple(lights),
        environment=environment,
    )


def uniform_environment(radiance=1.0):
    return Environment(np.full((8, 16, 3), radiance, np.float32), "uniform")
