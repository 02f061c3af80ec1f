"""Pack charts into atlas pages: who gets how many texels, and where.

Every chart comes with the density it wants (texels per metre); when all of it exceeds the texels that the job may
spend, all densities shrink by the same factor, so the balance that the views asked for is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int, UInt32

from nightproof.errors import NightproofError
from nightproof.pipelines.baking.charts import Charts

Array = np.ndarray

PAGE_ALIGN_PX = 4
"""Page sides are multiples of this: block compressors of later stages ask for it."""
EXPECTED_USE = 0.7
"""Share of a page that charts fill in a first guess; the packing itself then says."""


class AtlasImpossible(NightproofError):
    """The charts of a scene do not fit the texels it may have, whatever the density."""

    hint = "Raise the atlas limit (`max_texels`), or use --pipeline packing for this scene."


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
    """One page of its own size where that is small enough, else several of `page_px`."""
    placed = _xatlas_pack(surfaces, density, 0, page_px, padding_px)
    if max(max(size) for size in placed.sizes) <= page_px:
        return placed
    return _xatlas_pack(surfaces, density, page_px, page_px, padding_px)


def _xatlas_pack(
    surfaces: Sequence[Surface], density: Float[Array, "c"], resolution: int, page_px: int, padding_px: int
) -> _Placed:
    import xatlas

    atlas = xatlas.Atlas()
    first = 0
    for surface in surfaces:
        charts = surface.charts
        owner = charts.vertex_chart
        uv = charts.uv_m * density[first : first + charts.count][owner, None]
        # The chart number as material keeps xatlas from joining charts whose corners coincide.
        atlas.add_uv_mesh(uv.astype(np.float32), charts.corners, charts.chart.reshape(-1, 1).astype(np.uint32))
        first += charts.count
    options = xatlas.PackOptions()
    options.create_image = False
    options.texels_per_unit = 1.0
    options.resolution = resolution
    options.padding = padding_px
    options.max_chart_size = page_px - 2 * padding_px
    options.bilinear = True
    options.rotate_charts = True
    options.rotate_charts_to_axis = False
    atlas.generate(xatlas.ChartOptions(), options)
    return _collect(atlas, surfaces)


def _collect(atlas: object, surfaces: Sequence[Surface]) -> _Placed:
    width, height = atlas.width, atlas.height  # type: ignore[attr-defined]
    uv_px, page = [], []
    for index, surface in enumerate(surfaces):
        vertex, _, uv = atlas[index]  # type: ignore[index]
        pages, _ = atlas.get_mesh_vertex_assignment(index)  # type: ignore[attr-defined]
        own = np.zeros((len(surface.charts.vertex), 2), np.float32)
        where = np.zeros(len(surface.charts.vertex), np.int64)
        own[vertex] = np.asarray(uv, np.float64) * [width, height]
        where[vertex] = np.asarray(pages).astype(np.int32)
        uv_px.append(own)
        page.append(np.maximum(where, 0))
    sizes = [_aligned(width, height)] * max(1, int(atlas.atlas_count))  # type: ignore[attr-defined]
    return _Placed(uv_px, page, sizes)


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
