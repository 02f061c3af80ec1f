"""How much of the light on a surface has bounced: paths of plain diffuse scattering, followed until little is left.

A ratio of one bounce to the one before, summed as a series, is not enough: light that gets into a white room stays in
it, while most of what an open scene scatters is gone at once, and a mean over both says little about either. Paths are
followed for some bounces, and only the last ratio is extrapolated.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from nightproof.optimizer.features.probes import OFFSET, Caster, cast, scattered
from nightproof.optimizer.features.surface import Surface

Array = np.ndarray

PATHS = 6144
BOUNCES = 8
SERIES_LIMIT = 0.95
"""Largest ratio of one bounce to the one before that the rest is summed with."""

Irradiance = Callable[[Array, Array], Float[Array, "n"]]
"""At points with normals, from the file's own lights."""

Albedo = Callable[[Int[Array, "n"]], Float[Array, "n"]]


def followed(
    caster: Caster,
    blockers: Surface,
    albedo: Albedo,
    points: Float[Array, "n 3"],
    normals: Float[Array, "n 3"],
    throughput: Float[Array, "n"],
    own: Irradiance,
    paths: int = PATHS,
) -> tuple[list[float], list[float]]:
    """Follow paths from where they first met a surface.

    Args:
        albedo: of rows of `blockers`.
        points, normals: those first places, a little off the surface.
        throughput: what the surface there passes on.
        paths: how many to follow at most.

    Returns:
        Means over the n paths, bounce by bounce: of the irradiance by own lights that arrives over it, and of the share
        of the sky's radiance.
    """
    count = min(paths, len(points))
    picked = np.arange(count) * len(points) // max(count, 1)
    points, normals, throughput = points[picked], normals[picked], throughput[picked]
    random = np.random.Generator(np.random.Philox(8))
    by_own, by_sky = [], []
    for _ in range(BOUNCES):
        by_own.append(float((throughput * own(points, normals)).sum()) / max(count, 1))
        directions = scattered(normals, random)
        distance, row = cast(caster, points, directions)
        by_sky.append(float(throughput[row < 0].sum()) / max(count, 1))
        met = np.flatnonzero(row >= 0)
        row, directions = row[met], directions[met]
        facing = np.einsum("nc,nc->n", blockers.normals[row], directions) < 0
        normals = np.where(facing, 1.0, -1.0)[:, None] * blockers.normals[row]
        points = points[met] + distance[met, None] * directions + OFFSET * normals
        throughput = throughput[met] * albedo(row)
    return by_own, by_sky


def indirect_share(direct: float, bounces: list[float]) -> float:
    """Light after the first bounce, of all light."""
    if direct <= 0:
        return 0.0
    before, last = bounces[-2], bounces[-1]
    ratio = min(SERIES_LIMIT, last / before) if before > 0 else 0.0
    later = sum(bounces) + last * ratio / (1 - ratio)
    return later / (direct + later)
