"""Which texels a mesh covers. The native front of the bake's geometry; `bake_reference` is its slow twin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int32, UInt8, UInt32

from nightproof import _native

Array = np.ndarray


@dataclass(frozen=True)
class Cover:
    """The texels of one page that triangles touch, in row order, each with its triangles."""

    texel: UInt32[Array, "n"]
    """y · width + x, ascending."""
    start: UInt32[Array, "n+1"]
    """Where each texel's run in `triangle` begins."""
    triangle: UInt32[Array, "m"]
    """Ascending within a texel."""


def cover(uv_px: Float32[Array, "v 2"], corners: UInt32[Array, "t 3"], width: int, height: int) -> Cover:
    """Conservative rasterisation: every texel whose square shares area with a triangle.

    Args:
        uv_px: texel coordinates; the first texel covers [0, 1]². Rounded to 1/256 texel.
        corners: indices into `uv_px`. A triangle that rounding flattens claims the texels of its bounding box.
        width, height: of the page; what lies outside is cut off.
    """
    return Cover(
        *_native.bake_cover(
            np.ascontiguousarray(uv_px, np.float32), np.ascontiguousarray(corners, np.uint32), width, height
        )
    )


def touched(uv_px: Float32[Array, "v 2"], corners: UInt32[Array, "t 3"], width: int, height: int) -> Bool[Array, "h w"]:
    """The texels of `cover`, without whose they are: where triangles lie on each other, in a fraction of the time."""
    found = _native.bake_touched(
        np.ascontiguousarray(uv_px, np.float32), np.ascontiguousarray(corners, np.uint32), width, height
    )
    return np.asarray(found.view(bool).reshape(height, width))


def count_cover(
    uv_px: Float32[Array, "v 2"], corners: UInt32[Array, "t 3"], width: int, height: int
) -> UInt8[Array, "h w"]:
    """How many triangles hold each texel's centre (at most 255). A centre on a shared edge counts once."""
    counts = _native.bake_count_centres(
        np.ascontiguousarray(uv_px, np.float32), np.ascontiguousarray(corners, np.uint32), width, height
    )
    return counts.reshape(height, width)


@dataclass(frozen=True)
class Packing:
    """Where charts came to lie."""

    offset_px: Int32[Array, "c 2"]
    """Added to the chart's own texel coordinates."""
    page: Int32[Array, "c"]
    """−1: larger than a page."""
    page_height_px: Int32[Array, "p"]
    """Rows in use on each page, padding included."""


def pack_charts(
    uv_px: Float32[Array, "v 2"],
    corners: UInt32[Array, "t 3"],
    chart: UInt32[Array, "t"],
    charts: int,
    *,
    width: int,
    height: int,
    padding: int,
) -> Packing:
    """Let charts fall onto pages, tall ones first (Lévy et al., Least Squares Conformal Maps, 2002).

    Args:
        uv_px: texel coordinates, each chart's lower corner at (0, 0).
        chart: of each triangle.
        padding: free texels between the texels that `cover` gives to two charts; half of it to the page's border.
    """
    place, heights = _native.bake_pack(
        np.ascontiguousarray(uv_px, np.float32),
        np.ascontiguousarray(corners, np.uint32),
        np.ascontiguousarray(chart, np.uint32),
        charts,
        width,
        height,
        padding,
    )
    place = place.reshape(-1, 3)
    return Packing(place[:, :2], place[:, 2], heights)
