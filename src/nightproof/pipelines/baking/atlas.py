"""Pack charts into atlas pages: who gets how many texels, and where.

Every chart comes with the density it wants (texels per metre); when all of it exceeds the texels that the job may
spend, all densities shrink by the same factor, so the balance that the views asked for is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt32

from nightproof.kernels.bake import pack_charts
from nightproof.pipelines.baking.charts import Charts
from nightproof.pipelines.pipeline import NotBakeable

Array = np.ndarray

PAGE_ALIGN_PX = 4
"""Page sides are multiples of this: block compressors of later stages ask for it."""
EXPECTED_USE = 0.7
"""Share of a page that charts fill in a first guess; the packing itself then says."""


class AtlasImpossible(NotBakeable):
    """The charts of a scene do not fit the texels it may have, whatever the density."""


@dataclass(frozen=True)
class Surface:
    """One side of one instance, with charts of its own: light differs from instance to instance and side to side."""

    instance: int
    """Index into `FlatScene.instances`."""
    back: bool
    """Whether these are the back faces, turned round."""
    charts: Charts


@dataclass(frozen=True)
class Page:
    """One texture: its triangles, where each came from, and its size."""

    width_px: int
    height_px: int
    uv_px: Float32[Array, "v 2"]
    corners: UInt32[Array, "t 3"]
    """Indices into `uv_px`, in the order of the corners in the soup."""
    triangle: UInt32[Array, "t"]
    """Which triangle of the soup each one is."""
    chart: UInt32[Array, "t"]
    """Chart numbers, counted through the whole atlas."""
    back: Array
    """(t,) bool: whether the texels lie on the triangle's back."""


@dataclass(frozen=True)
class Atlas:
    """Where every surface lies. Vertices are those of the surfaces' charts, one surface after the other."""

    surfaces: tuple[Surface, ...]
    pages: tuple[Page, ...]
    vertex_page: UInt32[Array, "v"]
    vertex_uv_px: Float32[Array, "v 2"]
    first_vertex: tuple[int, ...]
    """Where each surface's vertices begin."""
    scale: float
    """What all wanted densities were multiplied by to fit."""

    @property
    def two_sided(self) -> bool:
        """Whether some instance has texels on both of its sides."""
        return len({surface.instance for surface in self.surfaces}) < len(self.surfaces)

    @property
    def texels(self) -> int:
        return sum(page.width_px * page.height_px for page in self.pages)


def pack(
    surfaces: Sequence[Surface],
    first_triangle: Sequence[int],
    density_per_m: Float[Array, "c"],
    *,
    max_texels: int,
    page_px: int,
    padding_px: int,
) -> Atlas:
    """Give every chart its place.

    Args:
        first_triangle: of each surface's instance in the soup.
        density_per_m: wanted texels per metre, for the charts of all surfaces one after the other.
        max_texels: what all pages together may hold.
        page_px: longest side of a page.
        padding_px: free texels between charts.

    Raises:
        AtlasImpossible: even the smallest texels do not fit.
    """
    flat_area = _chart_areas(surfaces)
    wanted = float(np.sum(flat_area * density_per_m**2)) / EXPECTED_USE
    scale = min(1.0, float(np.sqrt(max_texels / max(wanted, 1.0))))
    for _ in range(12):
        placed = _place(surfaces, density_per_m * scale, page_px, padding_px)
        used = sum(w * h for w, h in placed.sizes)
        if used <= max_texels:
            return _assemble(surfaces, first_triangle, placed, scale)
        scale *= min(0.95, float(np.sqrt(max_texels / used)))
    raise AtlasImpossible(
        f"{len(flat_area)} charts do not fit {max_texels} texels: padding of {padding_px} alone fills the pages"
    )


@dataclass(frozen=True)
class _Placed:
    uv_px: list[Float32[Array, "v 2"]]
    page: list[Int[Array, "v"]]
    sizes: list[tuple[int, int]]


def _chart_areas(surfaces: Sequence[Surface]) -> Float[Array, "c"]:
    areas = []
    for surface in surfaces:
        charts = surface.charts
        a, b, c = (charts.uv_m[charts.corners[:, k]] for k in range(3))
        twice = np.abs((b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0]))
        areas.append(np.bincount(charts.chart, twice / 2, charts.count))
    return np.concatenate(areas) if areas else np.zeros(0)


def _place(surfaces: Sequence[Surface], density: Float[Array, "c"], page_px: int, padding_px: int) -> _Placed:
    """One page about as wide as high where `page_px` allows it, else several."""
    uv_px, corners, chart, owner = _in_texels(surfaces, density, page_px - 2 * padding_px)
    extent = np.zeros((len(density), 2))
    np.maximum.at(extent, owner, uv_px)
    room = float(np.sum(np.prod(np.ceil(extent) + padding_px, axis=1)))
    widest = int(np.ceil(extent[:, 0].max(initial=0.0))) + 2 * padding_px + 1
    width = min(page_px, max(widest, int(np.sqrt(room)) + padding_px))
    width = min(page_px, -(-width // PAGE_ALIGN_PX) * PAGE_ALIGN_PX)
    packed = pack_charts(uv_px, corners, chart, len(density), width=width, height=page_px, padding=padding_px)
    if (packed.page < 0).any():
        raise AtlasImpossible(f"a chart is larger than a page of {page_px} texels")
    placed = (uv_px + packed.offset_px[owner]).astype(np.float32)
    counts = np.cumsum([len(s.charts.vertex) for s in surfaces])[:-1]
    return _Placed(
        np.split(placed, counts),
        np.split(packed.page[owner].astype(np.int64), counts),
        [_aligned(width, int(height)) for height in packed.page_height_px] or [(PAGE_ALIGN_PX, PAGE_ALIGN_PX)],
    )


def _in_texels(
    surfaces: Sequence[Surface], density: Float[Array, "c"], longest_px: int
) -> tuple[Float32[Array, "v 2"], UInt32[Array, "t 3"], UInt32[Array, "t"], Int[Array, "v"]]:
    """All charts in texels, standing upright, at least a texel wide, their sides whole texels so that borders meet
    texel borders; with one numbering for all of them."""
    uv_parts, corner_parts, chart_parts, owner_parts = [], [], [], []
    first, start = 0, 0
    for surface in surfaces:
        charts = surface.charts
        owner = charts.vertex_chart.astype(np.int64)
        uv = charts.uv_m * density[first : first + charts.count][owner, None]
        size = np.zeros((charts.count, 2))
        np.maximum.at(size, owner, uv)
        lying = size[:, 0] > size[:, 1]
        uv = np.where(lying[owner, None], uv[:, ::-1], uv)
        size = np.where(lying[:, None], size[:, ::-1], size)
        whole = np.clip(np.round(size), 1, longest_px)
        uv_parts.append((uv * (whole / np.maximum(size, 1e-12))[owner]).astype(np.float32))
        corner_parts.append(charts.corners.astype(np.int64) + start)
        chart_parts.append(charts.chart.astype(np.int64) + first)
        owner_parts.append(owner + first)
        first, start = first + charts.count, start + len(charts.vertex)
    return (
        np.concatenate(uv_parts),
        np.concatenate(corner_parts).astype(np.uint32),
        np.concatenate(chart_parts).astype(np.uint32),
        np.concatenate(owner_parts),
    )


def _aligned(width: int, height: int) -> tuple[int, int]:
    up = PAGE_ALIGN_PX
    return max(up, -(-width // up) * up), max(up, -(-height // up) * up)


def _assemble(surfaces: Sequence[Surface], first_triangle: Sequence[int], placed: _Placed, scale: float) -> Atlas:
    starts = np.concatenate([[0], np.cumsum([len(s.charts.vertex) for s in surfaces])]).astype(np.int64)
    uv_px = np.concatenate(placed.uv_px) if surfaces else np.zeros((0, 2), np.float32)
    vertex_page = np.concatenate(placed.page).astype(np.uint32) if surfaces else np.zeros(0, np.uint32)
    corners, triangle, chart, back, chart_start = [], [], [], [], 0
    for surface, start, first in zip(surfaces, starts, first_triangle, strict=False):
        corners.append(surface.charts.corners.astype(np.int64) + start)
        triangle.append(surface.charts.triangle.astype(np.int64) + first)
        chart.append(surface.charts.chart.astype(np.int64) + chart_start)
        back.append(np.full(len(surface.charts.triangle), surface.back))
        chart_start += surface.charts.count
    joined = [np.concatenate(parts) for parts in (corners, triangle, chart, back)]
    page_of = vertex_page[joined[0][:, 0]]
    pages = tuple(
        _page(size, uv_px, *(part[page_of == index] for part in joined)) for index, size in enumerate(placed.sizes)
    )
    return Atlas(tuple(surfaces), pages, vertex_page, uv_px, tuple(int(s) for s in starts[:-1]), scale)


def _page(size: tuple[int, int], uv_px: Array, corners: Array, triangle: Array, chart: Array, back: Array) -> Page:
    used, renumbered = np.unique(corners, return_inverse=True)
    return Page(
        size[0],
        size[1],
        np.ascontiguousarray(uv_px[used], np.float32),
        renumbered.reshape(corners.shape).astype(np.uint32),
        triangle.astype(np.uint32),
        chart.astype(np.uint32),
        np.asarray(back, bool),
    )
