"""How strongly a surface bends, from the angles along its edges: independent of how finely it is cut.

Along an edge of length l where two faces meet at angle θ, a polyhedron holds the mean curvature ½ l θ, and the sum over
all edges tends to the integral of |H| over the smooth surface (Steiner's formula; Cohen-Steiner and Morvan, Restricted
Delaunay Triangulations and Normal Cycle, 2003). Dividing by the area gives the mean |H|; a sphere of unit diagonal of
its box (radius 1/√12) has √12.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.features.topology import Edges

FLAT_RAD = np.radians(0.2)
"""Edges below it are flat: single precision makes no plane flatter."""

SMOOTH_RAD = np.radians(1.0)
CREASE_RAD = np.radians(40.0)
"""Edges below the first angle bend too little to be called curved, above the second they are creases, between them they
approximate a curve."""

STRONG = 20.0
"""Mean curvature, over one diagonal, that counts as strong: bends of a radius of a twentieth of the scene."""


@dataclass(frozen=True)
class Curvature:
    """Over one diagonal."""

    mean: float
    """Area-weighted mean of |H|, creases and all."""
    smooth: float
    """The same of edges below 40°."""
    strong_share: float
    """Share of the area in triangles that bend as strongly as `STRONG` or more; an edge's bend is halved between the
    two triangles at it."""


def curvature_of(surface: Surface, edges: Edges) -> Curvature:
    """Zeros for an empty surface."""
    if not surface.count:
        return Curvature(0.0, 0.0, 0.0)
    bent = np.flatnonzero((edges.angle_rad > FLAT_RAD) & (edges.sides[:, 0] >= 0))
    held = edges.length[bent] * edges.angle_rad[bent] / 2
    smooth = edges.angle_rad[bent] <= CREASE_RAD
    by_triangle = np.zeros(surface.count)
    for side in range(2):
        by_triangle += np.bincount(edges.sides[bent, side], held / 2, minlength=surface.count)
    return Curvature(
        mean=float(held.sum()) / surface.area,
        smooth=float(held[smooth].sum()) / surface.area,
        strong_share=surface.share(by_triangle >= STRONG * surface.areas),
    )
