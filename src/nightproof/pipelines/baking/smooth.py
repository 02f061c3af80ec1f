"""Take the noise out of lightmaps, chart by chart: what lies beside a chart in the atlas is elsewhere in the world."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Int

from nightproof.kernels.bake import Cover
from nightproof.pipelines.baking.atlas import Page
from nightproof.pipelines.baking.fill import fill
from nightproof.rendering.denoise import denoise_lightmap

Array = np.ndarray

MARGIN_PX = 12
"""Texels round a chart, extrapolated from it, that the filter sees."""
LEAST_TEXELS = 250
"""Smaller charts get a plain Gaussian: the network has nothing to go by there."""
SPECULAR = 0.04
"""What dielectrics reflect at right angles: keeps the light on black surfaces finite."""


SPECK = 1.3
"""A texel so many times brighter than the second brightest of its neighbours is a speck: rare paths that met a lamp."""


def chart_map(page: Page, found: Cover) -> Int[Array, "h w"]:
    """Which chart each texel belongs to; −1 where none."""
    owner = np.full(page.width_px * page.height_px, -1, np.int64)
    owner[found.texel] = page.chart[found.triangle[found.start[:-1]]]
    return owner.reshape(page.height_px, page.width_px)


NARROW_PX = 16
"""Charts that are on average no wider than this leave the network too little to tell noise from light by."""


def narrow_texels(page: Page, found: Cover) -> Bool[Array, "n"]:
    """Which of the texels in `found` lie on narrow charts: the filter helps them less, so they need more paths."""
    chart = chart_map(page, found)
    width = np.zeros(int(chart.max(initial=-1)) + 1)
    for number, box in chart_boxes(chart):
        width[number] = _mean_width(chart[box] == number)
    return np.asarray(width[chart.ravel()[found.texel]] <= NARROW_PX)


def _mean_width(own: Bool[Array, "h w"]) -> float:
    return float(own.sum()) / max(own.shape)


def smooth(
    radiance: Float32[Array, "h w 3"],
    albedo: Float32[Array, "h w 3"],
    valid: Bool[Array, "h w"],
    chart: Int[Array, "h w"],
    threads: int,
) -> Float32[Array, "h w 3"]:
    """Light without noise: radiance over base colour. Texture detail, known without noise, is divided out before."""
    light = bare_light(radiance, albedo, valid)
    dimmed = without_specks(light, valid, chart)
    result = light.copy()
    for number, box in chart_boxes(chart):
        own = (chart[box] == number) & valid[box]
        if not own.any():
            continue
        margin = (MARGIN_PX, MARGIN_PX)
        # On wide charts the network knows a speck by its strength; a dimmed one it takes for light.
        noisy = dimmed if _mean_width(own) <= NARROW_PX else light
        crop = fill(np.pad(noisy[box], (margin, margin, (0, 0))), np.pad(own, MARGIN_PX))
        inner = (slice(MARGIN_PX, -MARGIN_PX), slice(MARGIN_PX, -MARGIN_PX))
        calm = denoise_lightmap(crop, threads=threads) if own.sum() >= LEAST_TEXELS else _blurred(crop)
        result[box] = np.where(own[..., None], calm[inner], result[box])
    return np.maximum(result, 0)


def without_specks(
    light: Float32[Array, "h w 3"], valid: Bool[Array, "h w"], chart: Int[Array, "h w"]
) -> Float32[Array, "h w 3"]:
    """Single texels that outshine all but one neighbour of their chart, dimmed to `SPECK` times the second brightest.

    On charts a few texels wide (skirting boards) the network took specks for something real. Lines and edges of light
    stay: their texels have two neighbours as bright.
    """
    bright = np.where(valid, light.max(axis=2), 0)
    wide, owner = np.pad(bright, 1), np.pad(np.where(valid, chart, -1), 1, constant_values=-1)
    height, width = bright.shape
    most, second = np.zeros_like(bright), np.zeros_like(bright)
    for y in range(3):
        for x in range(3):
            if y == x == 1:
                continue
            here = (slice(y, y + height), slice(x, x + width))
            value = np.where(owner[here] == chart, wide[here], 0)
            second = np.maximum(second, np.minimum(most, value))
            most = np.maximum(most, value)
    limit = np.float32(SPECK) * second
    dim = np.where((second > 0) & (bright > limit), limit / np.maximum(bright, 1e-30), 1)
    return (light * dim[..., None]).astype(np.float32)


def bare_light(
    radiance: Float32[Array, "h w 3"], albedo: Float32[Array, "h w 3"], valid: Bool[Array, "h w"]
) -> Float32[Array, "h w 3"]:
    """Radiance over base colour; zero where nothing is known."""
    return np.where(valid[..., None], radiance / (albedo + np.float32(SPECULAR)), 0).astype(np.float32)


def chart_boxes(chart: Int[Array, "h w"]) -> list[tuple[int, tuple[slice, slice]]]:
    rows, columns = np.nonzero(chart >= 0)
    owner = chart[rows, columns]
    numbers, inverse = np.unique(owner, return_inverse=True)
    low = np.full((len(numbers), 2), np.iinfo(np.int64).max)
    high = np.zeros((len(numbers), 2), np.int64)
    for axis, values in enumerate((rows, columns)):
        np.minimum.at(low[:, axis], inverse, values)
        np.maximum.at(high[:, axis], inverse, values + 1)
    return [
        (int(n), (slice(int(a[0]), int(b[0])), slice(int(a[1]), int(b[1]))))
        for n, a, b in zip(numbers, low, high, strict=True)
    ]


def _blurred(image: Array) -> Array:
    for axis in (0, 1):
        image = 0.25 * np.roll(image, 1, axis) + 0.5 * image + 0.25 * np.roll(image, -1, axis)
    return image
