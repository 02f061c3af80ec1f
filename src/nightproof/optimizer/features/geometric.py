"""Geometric features: how much surface there is, how finely it is cut, how it curves and repeats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nightproof.optimizer.features.curvature import CREASE_RAD, SMOOTH_RAD, curvature_of
from nightproof.optimizer.features.simplification import Simplified
from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.features.topology import Topology, copied_share
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.quantiles import weighted_quantiles

SCREEN_PX = 1920 * 1080
"""The screen that densities refer to."""

USUAL_PX = 1080
"""Pixels along the diagonal in the usual view: the whole scene fills the height of the screen."""

SMALL_PART = 1e-3
"""Parts with a smaller share of the surface are small: leaves, screws, pebbles."""


@dataclass(frozen=True)
class GeometricFeatures:
    """Shares are of surface area unless stated; lengths are in diagonals of the bounding box."""

    triangles: float
    instances: float
    area_m2: float
    """Both sides of nothing: each triangle once."""
    diagonal_m: float
    area_per_diagonal2: float
    """Surface over squared diagonal: 2 for a closed cube, more for folded and hidden surface."""
    triangles_per_px: float
    """Triangles over the pixels of a 1080p screen."""
    triangles_per_covered_px: float
    """In the usual view, over the pixels that the surface would cover: ½ t / (¼ A · 1080²), as half of the triangles
    face the viewer and a convex surface covers a quarter of its area on average (Cauchy). Hidden surface cancels."""
    subpixel_share: float
    """Triangles that cover less than a pixel in the usual view, averaged over directions: ½ area · 1080² < 1."""
    triangles_per_area: float
    """Over the area in squares of a hundredth of the diagonal."""
    median_edge: float
    """Area-weighted median of √(area of a triangle): the grain a lightmap or a splat has to match."""
    grain_spread: float
    """Standard deviation of ln √(triangle area), each triangle once: 0.4 for remeshed captures, 1 for modelled."""
    degenerate_share: float
    """Triangles without area or with non-finite corners, of all triangles."""
    duplicate_share: float
    """Triangles that repeat another's corners, of all with area."""
    parts: float
    """Connected parts after welding."""
    small_parts_share: float
    """Area in parts that hold less than a thousandth of the area each."""
    largest_part_share: float
    copied_share: float
    """Area in parts that occur four times or more."""
    most_copied_share: float
    """Area of the most widespread part and its copies."""
    boundary_share: float
    """Open edges (one triangle), of all edges by length."""
    curved_share: float
    """Edges of 1–40°, of all edges by length: smooth or organic form."""
    crease_share: float
    """Edges above 40°."""
    curvature: float
    """Area-weighted mean of |mean curvature| × diagonal: ½ Σ l θ / A over all edges. A sphere has 3.5."""
    curvature_smooth: float
    """The part of it that edges below 40° hold."""
    strongly_curved_share: float
    """Area in triangles that bend with a radius of a twentieth of the diagonal or less."""
    lod_share_fine: float
    """Triangles left, of all with area, where form may deviate by 0.1 % of the diagonal."""
    lod_share_middle: float
    """By 0.5 %."""
    lod_share_coarse: float
    """By 2 %."""
    upward_share: float
    """Area that faces up within 25°."""
    axis_aligned_share: float
    """Area square to an axis within 5°: walls, floors, boxes."""
    height_ratio: float
    """Height of the bounding box over its longer horizontal side."""


def measure_geometry(
    flat: FlatScene, surface: Surface, topology: Topology, simplified: Simplified
) -> GeometricFeatures:
    part_areas = np.bincount(topology.component, surface.areas) if surface.count else np.zeros(0)
    shares = part_areas / surface.area if surface.count else part_areas
    grain = np.log(np.sqrt(surface.areas))
    x, y, z = np.abs(surface.normals).T
    upright = np.maximum(np.maximum(x, y), z)
    extent = surface.extent
    copied, most_copied = copied_share(surface, topology)
    length, angle, faces = topology.edges.length, topology.edges.angle_rad, topology.edges.faces
    total = max(len(flat.triangles), 1)
    bend = curvature_of(surface, topology.edges)
    fine, middle, coarse = simplified.share
    return GeometricFeatures(
        triangles=float(len(flat.triangles)),
        instances=float(len(flat.instances)),
        area_m2=float(surface.area * surface.diagonal_m**2),
        diagonal_m=surface.diagonal_m if surface.count else 0.0,
        area_per_diagonal2=surface.area,
        triangles_per_px=surface.count / SCREEN_PX,
        triangles_per_covered_px=2 * surface.count / max(surface.area * USUAL_PX**2, 1e-9) if surface.count else 0.0,
        subpixel_share=float((surface.areas * USUAL_PX**2 < 2).mean()) if surface.count else 0.0,
        triangles_per_area=surface.count / (surface.area * 1e4) if surface.count else 0.0,
        median_edge=weighted_quantiles(np.sqrt(surface.areas), surface.areas, (0.5,))[0],
        grain_spread=float(grain.std()) if surface.count else 0.0,
        degenerate_share=surface.degenerate / total,
        duplicate_share=topology.duplicates / max(surface.count, 1),
        parts=float(topology.component_count),
        small_parts_share=float(shares[shares < SMALL_PART].sum()),
        largest_part_share=float(shares.max(initial=0.0)),
        copied_share=copied,
        most_copied_share=most_copied,
        boundary_share=_length_share(length, faces == 1),
        curved_share=_length_share(length, (angle > SMOOTH_RAD) & (angle <= CREASE_RAD)),
        crease_share=_length_share(length, angle > CREASE_RAD),
        curvature=bend.mean,
        curvature_smooth=bend.smooth,
        strongly_curved_share=bend.strong_share,
        lod_share_fine=fine,
        lod_share_middle=middle,
        lod_share_coarse=coarse,
        upward_share=surface.share(surface.normals[:, 1] > np.cos(np.radians(25))),
        axis_aligned_share=surface.share(upright > np.cos(np.radians(5))),
        height_ratio=float(extent[1] / max(extent[0], extent[2], 1e-9)),
    )


def _length_share(length: np.ndarray, chosen: np.ndarray) -> float:
    total = float(length.sum())
    return float(length[chosen].sum()) / total if total > 0 else 0.0
