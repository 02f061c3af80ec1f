"""Irradiance on texels by Mitsuba 3, from the arrays that Cycles gets (see cycles_bake.py). Needs its LLVM variant.

    python benchmarks/peers/mitsuba_bake.py scene.npz texels.npy lightmap.npy --samples 64

texels.npy holds the numbers y · width + x of texels that lie in triangles wholly; for each, `lightmap.npy` gets
irradiance / π as (n, 3). Rays start a hair above points in the middle half of a texel and look straight down; Mitsuba's
own path integrator does all the rest, and its answer is divided by the surface's colour.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray
ABOVE_M = 1e-4
AT_ONCE = 1 << 20


def load(mi: Any, arrays: dict[str, Array]) -> Any:
    scene: dict[str, Any] = {"type": "scene"}
    for index, (albedo, emission) in enumerate(zip(arrays["albedo"], arrays["emission"], strict=True)):
        corners = arrays["triangles"][arrays["triangle_material"] == index]
        if len(corners):
            scene[f"mesh{index}"] = mesh(mi, f"mesh{index}", arrays["positions"], corners, albedo, emission)
    for index, (place, strength) in enumerate(zip(arrays["point_position"], arrays["point_intensity"], strict=True)):
        light = {"type": "rgb", "value": strength.tolist()}
        scene[f"point{index}"] = {"type": "point", "position": place.tolist(), "intensity": light}
    if arrays["sky"].any():
        scene["sky"] = {"type": "constant", "radiance": {"type": "rgb", "value": arrays["sky"].tolist()}}
    return mi.load_dict(scene)


def mesh(mi: Any, name: str, positions: Array, corners: Array, albedo: Array, emission: Array) -> Any:
    diffuse = {"type": "diffuse", "reflectance": {"type": "rgb", "value": albedo.tolist()}}
    properties = mi.Properties()
    properties["bsdf"] = mi.load_dict({"type": "twosided", "bsdf": diffuse})
    if emission.any():
        radiance = {"type": "rgb", "value": emission.tolist()}
        properties["emitter"] = mi.load_dict({"type": "area", "radiance": radiance})
    used, faces = np.unique(corners, return_inverse=True)
    made = mi.Mesh(name, vertex_count=len(used), face_count=len(corners), props=properties)
    parameters = mi.traverse(made)
    parameters["vertex_positions"] = np.ravel(positions[used]).astype(np.float32)
    parameters["faces"] = np.ravel(faces).astype(np.uint32)
    parameters.update()
    return made


def candidates(uv_px: Array, texels: Array, width: int) -> tuple[Array, Array]:
    """Pairs (position in `texels`, triangle) whose squares and bounding boxes meet, sorted by texel."""
    place = np.full(int(texels.max()) + 1, -1)
    place[texels] = np.arange(len(texels))
    low, high = np.floor(uv_px.min(axis=1)).astype(int), np.floor(uv_px.max(axis=1)).astype(int)
    found: list[Array] = []
    for triangle in np.flatnonzero((low >= 0).all(axis=1)):
        (x0, y0), (x1, y1) = low[triangle], high[triangle]
        numbers = (np.arange(y0, y1 + 1)[:, None] * width + np.arange(x0, x1 + 1)).ravel()
        inside = place[numbers[numbers < len(place)]]
        inside = inside[inside >= 0]
        found.append(np.stack([inside, np.full(len(inside), triangle)], axis=1))
    pairs = np.concatenate(found)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    return pairs[:, 0], pairs[:, 1]


def weights(point: Array, corners: Array) -> Array:
    """Barycentric (u, v) of points in the plane."""
    a, b, c = corners[:, 0], corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    d = point - a
    area = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    area = np.where(np.abs(area) > 1e-12, area, np.nan)
    u, v = d[:, 0] * c[:, 1] - d[:, 1] * c[:, 0], b[:, 0] * d[:, 1] - b[:, 1] * d[:, 0]
    return np.stack([u, v], axis=1) / area[:, None]


class Texels:
    """Where samples of texels lie in the world."""

    def __init__(self, arrays: dict[str, Array], texels: Array) -> None:
        width, height = (int(s) for s in arrays["size"])
        corners = arrays["triangles"].astype(np.int64)
        self.uv_px = arrays["uv"][corners].astype(np.float64) * (width, height)
        self.positions = arrays["positions"][corners].astype(np.float64)
        self.corner = np.stack([texels % width, texels // width], axis=1)
        owner, self.triangle = candidates(self.uv_px, texels, width)
        self.first = np.searchsorted(owner, np.arange(len(texels) + 1))

    def places(self, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """One point of each texel, the normal there, the triangle (−1: none)."""
        point = self.corner + 0.25 + 0.5 * rng.random(self.corner.shape)
        chosen = np.full(len(point), -1)
        best = np.zeros((len(point), 2))
        for turn in range(int(np.diff(self.first).max())):
            open_ones = np.flatnonzero((chosen < 0) & (self.first[:-1] + turn < self.first[1:]))
            triangle = self.triangle[self.first[open_ones] + turn]
            uv = weights(point[open_ones], self.uv_px[triangle])
            inside = (uv >= -1e-9).all(axis=1) & (uv.sum(axis=1) <= 1 + 1e-9)
            chosen[open_ones[inside]], best[open_ones[inside]] = triangle[inside], uv[inside]
        a, b, c = (self.positions[chosen, k] for k in range(3))
        u, v = best.T[:, :, None]
        normal = np.cross(b - a, c - a)
        return a + u * (b - a) + v * (c - a), normal / np.linalg.norm(normal, axis=1, keepdims=True), chosen


def bake(mi: Any, arrays: dict[str, Array], texels: Array, samples: int, depth: int, seed: int) -> tuple[Array, float]:
    """Irradiance / π of the texels, and the CPU-seconds that Mitsuba itself took."""
    scene = load(mi, arrays)
    integrator = mi.load_dict({"type": "path", "max_depth": depth})
    where, rng = Texels(arrays, texels), np.random.default_rng(seed)
    total, count, spent_s = np.zeros((len(texels), 3)), np.zeros(len(texels)), 0.0
    together = max(1, AT_ONCE // len(texels))
    for first in range(0, samples, together):
        drawn = [where.places(rng) for _ in range(min(together, samples - first))]
        point, normal, triangle = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
        started_s = time.process_time()
        sampler = mi.load_dict({"type": "independent"})
        sampler.seed(seed * 7919 + first, len(point))
        ray = mi.Ray3f(mi.Point3f((point + ABOVE_M * normal).T), mi.Vector3f(-normal.T))
        radiance = np.array(integrator.sample(scene, sampler, ray)[0]).T
        spent_s += time.process_time() - started_s
        albedo = arrays["albedo"][arrays["triangle_material"][triangle]]
        value = np.where((triangle >= 0)[:, None], radiance / np.maximum(albedo, 1e-9), 0)
        total += value.reshape(len(drawn), len(texels), 3).sum(axis=0)
        count += (triangle >= 0).reshape(len(drawn), len(texels)).sum(axis=0)
    return (total / np.maximum(count, 1)[:, None]).astype(np.float32), spent_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path)
    parser.add_argument("texels", type=Path)
    parser.add_argument("lightmap", type=Path)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    import mitsuba as mi

    mi.set_variant("llvm_ad_rgb")
    found, spent_s = bake(mi, dict(np.load(given.scene)), np.load(given.texels), given.samples, given.depth, given.seed)
    np.save(given.lightmap, found)
    print(json.dumps({"cpu_seconds": spent_s, "mitsuba": mi.__version__}))


if __name__ == "__main__":
    main()
