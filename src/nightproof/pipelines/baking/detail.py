"""Light is smooth and costs paths; texture detail is fine and costs a lookup: each gets the density that it needs.

The lit atlas holds light alone (radiance over base colour). Here every texel of the much finer atlas that is shown
takes its base colour, averaged over points within it, times the light at its centre. Viewers look pages up bilinearly,
which blurs them once more: texels are sharpened by as much beforehand (docs/decisions/0304).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

from nightproof import _native
from nightproof.kernels.bake import Cover
from nightproof.pipelines.baking.atlas import Atlas
from nightproof.pipelines.baking.smooth import SPECULAR
from nightproof.rendering.tracer import Tracer

Array = np.ndarray

DETAIL_SAMPLES = 8
SHARPENING = 1 / 6
"""Of the second difference along each axis. A texel is a mean over its square (variance 1/12 texel²), bilinear lookups
spread it over a tent (1/6): the second difference times half their sum, 1/8, takes that back to second order. What is
lost beyond asks for a little more; 1/6 was better than 1/12 in every view measured."""


def detailed_page(
    tracer: Tracer,
    shown: Atlas,
    number: int,
    found: Cover,
    lit: Atlas,
    light: list[Float32[Array, "h w 3"]],
    threads: int,
) -> tuple[Array, Array]:
    """Radiance of a page of the shown atlas, and where surfaces are. `light`: the lit atlas's pages, filled."""
    page = shown.pages[number]
    colour, local, place = _native.bake_detail(
        scene=tracer.native,
        uv=page.uv_px,
        corners=page.corners,
        triangle=page.triangle,
        back=np.ascontiguousarray(page.back, np.uint8),
        width=page.width_px,
        number=number,
        texel=found.texel,
        start=found.start,
        cover_triangle=found.triangle,
        samples=DETAIL_SAMPLES,
        threads=threads,
    )
    where, uv = _lit_place(lit, page.triangle[local], page.back[local], place.reshape(-1, 2))
    arriving = np.zeros((len(found.texel), 3), np.float32)
    for index, image in enumerate(light):
        here = where == index
        arriving[here] = bilinear(image, uv[here])
    radiance = np.zeros((page.height_px * page.width_px, 3), np.float32)
    radiance[found.texel] = arriving * (colour.reshape(-1, 3) + np.float32(SPECULAR))
    known = np.zeros(page.height_px * page.width_px, bool)
    known[found.texel] = True
    shape = (page.height_px, page.width_px)
    return sharpened(radiance.reshape(*shape, 3), known.reshape(shape)), known.reshape(shape)


def sharpened(image: Float32[Array, "h w c"], known: Bool[Array, "h w"]) -> Float32[Array, "h w c"]:
    """Texels whose bilinear interpolation is as sharp as they were; along an axis where both neighbours are known."""
    result = image.copy()
    for axis in (0, 1):
        inner: list[slice] = [slice(None)] * 2
        before, after = inner.copy(), inner.copy()
        inner[axis], before[axis], after[axis] = slice(1, -1), slice(None, -2), slice(2, None)
        middle, low, high = tuple(inner), tuple(before), tuple(after)
        whole = (known[low] & known[middle] & known[high])[..., None]
        bend = np.where(whole, 2 * image[middle] - image[low] - image[high], 0)
        result[middle] += np.float32(SHARPENING) * bend
    return np.maximum(result, 0)


def _lit_place(lit: Atlas, triangle: Array, back: Array, place: Array) -> tuple[Array, Array]:
    """Page and texel coordinates in the lit atlas of points on sides of triangles of the soup."""
    count = max(int(page.triangle.max(initial=0)) for page in lit.pages) + 1
    owner, local = np.zeros((2, count), np.int64), np.zeros((2, count), np.int64)
    for index, page in enumerate(lit.pages):
        owner[page.back.astype(np.int64), page.triangle] = index
        local[page.back.astype(np.int64), page.triangle] = np.arange(len(page.triangle))
    side = back.astype(np.int64)
    where = owner[side, triangle]
    uv = np.zeros((len(triangle), 2), np.float32)
    for index, page in enumerate(lit.pages):
        here = where == index
        a, b, c = (page.uv_px[page.corners[local[side[here], triangle[here]], k]] for k in range(3))
        u, v = place[here, :1], place[here, 1:]
        uv[here] = a * (1 - u - v) + b * u + c * v
    return where, uv


def bilinear(image: Float32[Array, "h w c"], uv_px: Float32[Array, "n 2"]) -> Float32[Array, "n c"]:
    """The image at texel coordinates (the first texel's centre is .5, .5), clamped at its borders."""
    height, width = image.shape[:2]
    x, y = uv_px[:, 0] - 0.5, uv_px[:, 1] - 0.5
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = (x - x0)[:, None].astype(np.float32), (y - y0)[:, None].astype(np.float32)
    left, right = np.clip(x0, 0, width - 1), np.clip(x0 + 1, 0, width - 1)
    upper, lower = np.clip(y0, 0, height - 1), np.clip(y0 + 1, 0, height - 1)
    above = image[upper, left] * (1 - fx) + image[upper, right] * fx
    below = image[lower, left] * (1 - fx) + image[lower, right] * fx
    return (above * (1 - fy) + below * fy).astype(np.float32)
