"""Where the asset will be seen from: the cameras, and how finely they see each chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int

from nightproof.kernels.rays import RayCaster
from nightproof.scenes.camera import Camera
from nightproof.scenes.flat import FlatScene

Array = np.ndarray

GRID = (64, 48)
"""Rays per camera that find out what it sees."""
WANTED_QUANTILE = 0.8
"""A chart gets the density that this share of its sightings needs."""
LEAST_SHARE = 0.15
"""No chart gets less than this share of the median density: something may still show it."""


@dataclass(frozen=True)
class Sightings:
    """What a grid of rays from every camera met."""

    triangle: Int[Array, "n"]
    back: Array
    """(n,) bool: whether the back of the triangle was met."""
    pixels_per_m: Float[Array, "n"]
    distance_m: Float[Array, "n"]


def viewers(flat: FlatScene, rays: RayCaster, seed: int, count: int, width_px: int, height_px: int) -> list[Camera]:
    """Views like those that will judge the asset, but other ones: drawn from the same distribution by another seed."""
    from nightproof.scenes.views import ViewSampler

    sampler = ViewSampler(flat, rays, width_px, height_px)
    return [sampler.view(seed ^ 0x62616B65, index) for index in range(count)]


def sightings(flat: FlatScene, rays: RayCaster, cameras: Sequence[Camera]) -> Sightings:
    """Look through all cameras with a coarse grid of rays."""
    parts = [_look(flat, rays, camera) for camera in cameras]
    return Sightings(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _look(flat: FlatScene, rays: RayCaster, camera: Camera) -> tuple[Array, Array, Array, Array]:
    origins, directions = camera.grid_rays(*GRID)
    hits = rays.closest(origins, directions)
    met = hits.triangle >= 0
    triangle = hits.triangle[met].astype(np.int64)
    a, b, c = (flat.positions[flat.triangles[triangle, k]].astype(np.float64) for k in range(3))
    facing = np.einsum("ij,ij->i", np.cross(b - a, c - a), directions[met])
    distance = hits.distance_m[met].astype(np.float64)
    focal_px = camera.height_px / (2 * np.tan(camera.yfov_rad / 2))
    return triangle, facing > 0, focal_px / np.maximum(distance, 1e-6), distance


def chart_densities(seen: Sightings, chart_of_side: Int[Array, "2 t"], charts: int) -> Float[Array, "c"]:
    """Texels per metre (at one texel per pixel) for every chart.

    `chart_of_side`: of the front and the back of each triangle; −1: not in the atlas, and the other side is shown.
    """
    side = seen.back.astype(np.int64)
    chart = chart_of_side[side, seen.triangle]
    chart = np.where(chart >= 0, chart, chart_of_side[1 - side, seen.triangle])
    known = chart >= 0
    chart, density = chart[known], seen.pixels_per_m[known]
    if not len(chart):
        return np.ones(charts)
    order = np.lexsort((density, chart))
    chart, density = chart[order], density[order]
    counts = np.bincount(chart, minlength=charts)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    middle = float(np.median(density))
    wanted = np.full(charts, LEAST_SHARE * middle)
    has = counts > 0
    pick = starts[has] + ((counts[has] - 1) * WANTED_QUANTILE).astype(np.int64)
    wanted[has] = np.maximum(density[pick], LEAST_SHARE * middle)
    return wanted


def camera_rows(cameras: Sequence[Camera]) -> Float32[Array, "k 14"]:
    """Cameras as `bake_light` takes them: right, up, backward, position, half width and height at distance 1."""
    rows = np.zeros((len(cameras), 14), np.float32)
    for row, camera in zip(rows, cameras, strict=True):
        row[:12] = camera.camera_to_world[:3].T.ravel()
        row[13] = np.tan(camera.yfov_rad / 2)
        row[12] = row[13] * camera.width_px / camera.height_px
    return rows
