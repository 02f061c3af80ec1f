"""View dependence as the path tracer sees it: how much the light that leaves a point changes with the direction.

Sixty-four points of the surface are looked at from four directions each, from so near that nothing comes between, in
the light that the scene will be seen in. Every look is traced twice with other random numbers; the covariance between
the two holds no noise. The share of the mean square that changes with the direction, rooted, is 0 for chalk and tends
to 1 for a mirror in varied light:

    v = √(Σ var / Σ (var + mean²)),   var = covariance over directions of the two traces, sums over points

The formula of `material.view_dependence_of` says what materials could do in any light; this is what they do in one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from nightproof.optimizer.features.appearance import LUMINANCE, two_sided
from nightproof.optimizer.features.probes import stage_of
from nightproof.optimizer.features.surface import Surface, sample_surface
from nightproof.scenes.flat import Environment, FlatScene

if TYPE_CHECKING:
    from nightproof.rendering.tracer import Tracer

Array = np.ndarray

POINTS, DIRECTIONS, SAMPLES = 64, 4, 16
MAX_DEPTH = 6
NEAR = 1e-3
"""Distance of the eye, in diagonals."""
TILT = 0.9
"""How far directions lean: normal + 0.9 × a point of the unit sphere, up to 64° off the normal."""
LIMIT = 8.0
"""Radiances are cut at so many times the mean: a reflected lamp on one point would be the whole sum."""


def traced_view_dependence(
    flat: FlatScene, surface: Surface, environment: Environment | None, threads: int = 1
) -> float:
    """In [0, 1]; 0 where there is no surface or no light. The same for any number of threads.

    As for all probes, piles of triangles are thinned, in the scene that is traced as well, and where rays are dear
    fewer points are looked at.
    """
    from nightproof.rendering.tracer import Tracer

    if not surface.count:
        return 0.0
    stage = stage_of(surface)
    shown = flat if stage.surface is surface else _only(flat, stage.surface)
    surface, count = stage.surface, round(stage.share * POINTS)
    tracer = Tracer(replace(shown, environment=environment), threads, few_rays=True)
    sample = sample_surface(surface, count, seed=7)
    sides = two_sided(flat, surface)[sample.row] & (np.arange(count) % 2 == 1)
    normals = np.where(sides, -1.0, 1.0)[:, None] * sample.normals
    random = np.random.Generator(np.random.Philox(6)).normal(size=(count, DIRECTIONS, 3))
    lean = random / np.maximum(np.linalg.norm(random, axis=2, keepdims=True), 1e-12)
    directions = normals[:, None] + TILT * lean
    directions /= np.maximum(np.linalg.norm(directions, axis=2, keepdims=True), 1e-9)
    directions = directions.reshape(-1, 3)
    points = np.repeat(sample.points * surface.diagonal_m + surface.centre_m, DIRECTIONS, axis=0)
    eyes = points + directions * NEAR * surface.diagonal_m
    looks = np.stack([_seen(tracer, eyes, -directions, half) for half in (0, 1)])
    return _dependence(np.nan_to_num(looks, nan=0.0, posinf=0.0).reshape(2, count, DIRECTIONS))


def _only(flat: FlatScene, surface: Surface) -> FlatScene:
    """The scene with the triangles of `surface` alone, in the file's order: what a tracer needs, not whole meshes."""
    kept = np.sort(surface.triangle)
    return replace(
        flat,
        triangles=flat.triangles[kept],
        triangle_material=flat.triangle_material[kept],
        triangle_instance=flat.triangle_instance[kept],
        instances=(),
    )


def _seen(tracer: Tracer, eyes: Float[Array, "n 3"], directions: Float[Array, "n 3"], seed: int) -> Float[Array, "n"]:
    light = tracer.radiance(eyes, directions, samples=SAMPLES, seed=seed, max_depth=MAX_DEPTH)
    return np.asarray(light.astype(np.float64) @ LUMINANCE)


def _dependence(looks: Float[Array, "2 n k"]) -> float:
    mean = float(looks.mean())
    if mean <= 0:
        return 0.0
    one, other = np.minimum(looks, LIMIT * mean)
    middle = one.mean(axis=1) * other.mean(axis=1)
    count = looks.shape[2]
    changes = ((one - one.mean(axis=1, keepdims=True)) * (other - other.mean(axis=1, keepdims=True))).sum(axis=1)
    variance = max(0.0, float(changes.sum()) / (count - 1))
    whole = variance + max(0.0, float(middle.sum()))
    return min(1.0, (variance / whole) ** 0.5) if whole > 0 else 0.0
