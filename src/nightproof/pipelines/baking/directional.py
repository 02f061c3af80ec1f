"""Output C: how the light that leaves a texel changes with the direction in which it leaves.

Rule D3 of docs/spec/outgoing-sh.md: a texel shows `base · (1 + slope · ω)`, ω towards the viewer. Base colour and
slopes come from a least-squares fit of first order over the very paths that output A averages: they leave towards the
viewers that will look, so the fit is good where it is needed and may be wrong where nobody stands.

Slopes are differences, and those of path-traced light drown in noise. Four things keep them calm: paths come in pairs
with the same random numbers, so that whatever both viewers see alike cancels; single paths far brighter than their
texel are dimmed (both in native/bake_light.cpp); the covariances of a texel are pooled with those of its neighbours in
the chart; and a ridge pulls towards zero, harder where the noise is greater. The mean, which comes denoised from output
A, is kept exactly: it is what the fit shows in the mean direction. docs/decisions/0307 has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from nightproof.pipelines.baking.encode import decode, encoded
from nightproof.pipelines.baking.fill import fill
from nightproof.pipelines.baking.light import LitPage
from nightproof.pipelines.baking.smooth import SPECULAR, chart_boxes

Array = np.ndarray

_TENT = np.array([1, 4, 7, 10, 7, 4, 1], np.float64)
POOL_TAPS: Array = _TENT * (_TENT.sum() / np.sum(_TENT**2))
"""Neighbours along one axis whose covariances a texel shares; they sum up to the texels that this is worth, 5."""
POOL_PASSES = 2
USUAL_SLOPE = 0.2
"""Slopes are taken to lie around zero with this deviation."""
LEAST_SPREAD = 0.03
"""Variance of directions below which a slope is not believed, whatever the noise says: a hemisphere has .25 along the
surface and .06 along its normal. Viewers are few, and light is not of first order: what fits some misses others."""
LEAST_BASE = 0.25
"""The base colour keeps this share of the mean: a viewer without the loader shows it, and slopes stay finite."""
STEEPEST = 2.0
WANTED_ERROR = 0.02
"""Root mean square error of slopes that their pictures may add: 2 % of the light, where it is seen along an axis."""
QUALITIES = (75, 85, 92, 96, 99)


@dataclass(frozen=True)
class Directional:
    """One page of the lit atlas."""

    base: Float32[Array, "h w 3"]
    """Light over base colour, for direction zero; filled everywhere."""
    slope: Float32[Array, "h w 3 3"]
    """Relative to `base`: axis, channel; filled everywhere."""


def directional_page(lit: LitPage, calm: Float32[Array, "h w 3"], chart: Int[Array, "h w"]) -> Directional:
    """Fit one page. `calm` is output A's light over base colour, without noise, where texels are valid."""
    mean_direction, slope = _slopes(lit, calm, chart)
    offset = np.einsum("hwi,hwic->hwc", mean_direction, slope)
    # What the fit says beyond the mean is scaled down together until the base keeps its share.
    share = np.where(offset > 0, np.minimum(1, (1 - LEAST_BASE) / np.maximum(offset, 1e-9)), 1)
    slope = slope * share[..., None, :]
    constant = 1 - offset * share
    relative = np.clip(slope / np.maximum(constant, LEAST_BASE)[..., None, :], -STEEPEST, STEEPEST)
    known = lit.valid
    base = fill((calm * constant).astype(np.float32), known)
    flat = relative.reshape(*known.shape, 9).astype(np.float32)
    return Directional(base, fill(np.where(known[..., None], flat, 0), known).reshape(*known.shape, 3, 3))


def _slopes(
    lit: LitPage, calm: Float32[Array, "h w 3"], chart: Int[Array, "h w"]
) -> tuple[Float32[Array, "h w 3"], Float32[Array, "h w 3 3"]]:
    """Mean direction, and slope (axis, channel) of the light over its mean; zero where nothing is known."""
    assert lit.moments is not None
    direction = np.zeros((*chart.shape, 3), np.float32)
    slope = np.zeros((*chart.shape, 3, 3), np.float32)
    for number, box in chart_boxes(chart):
        own = (chart[box] == number) & lit.valid[box]
        pooled = _sums(lit.moments[box], lit.albedo[box], own)
        for _ in range(POOL_PASSES):
            pooled = _along(_along(pooled, 0), 1)
        found = _fitted(pooled, np.maximum(calm[box], 1e-9))
        direction[box][own], slope[box][own] = found[0][own], found[1][own]
    return direction, slope


def _sums(
    moments: Float32[Array, "h w 23"], albedo: Float32[Array, "h w 3"], own: Bool[Array, "h w"]
) -> Float[Array, "h w 26"]:
    """Per texel, of light over base colour: n, Σω, n cov(ω, ω), ΣL, n cov(ω, L) by axis and channel, n var(L)."""
    told = moments.astype(np.float64)
    bare = 1 / (albedo.astype(np.float64) + SPECULAR)
    spread = told[..., [4, 5, 6, 5, 7, 8, 6, 8, 9]]
    noise = told[..., 22:] * bare.mean(axis=-1, keepdims=True) ** 2
    parts = [told[..., :4], spread, told[..., 10:13] * bare, told[..., 13:22] * np.tile(bare, 3), noise]
    return np.where(own[..., None], np.concatenate(parts, axis=-1), 0)


def _fitted(
    pooled: Float[Array, "h w 26"], mean: Float32[Array, "h w 3"]
) -> tuple[Float[Array, "h w 3"], Float[Array, "h w 3 3"]]:
    shape = pooled.shape[:2]
    total = np.maximum(pooled[..., 0], 1e-9)
    level = np.maximum(pooled[..., 13:16].mean(axis=-1) / total, 1e-9)
    ridge = np.maximum(pooled[..., 25] / total / (USUAL_SLOPE * level) ** 2, LEAST_SPREAD * total) + 1e-9
    matrix = pooled[..., 4:13].reshape(*shape, 3, 3) + ridge[..., None, None] * np.eye(3)
    slope = np.linalg.solve(matrix, pooled[..., 16:25].reshape(*shape, 3, 3))
    return pooled[..., 1:4] / total[..., None], slope / mean[..., None, :]


def _along(image: Float[Array, "h w c"], axis: int) -> Float[Array, "h w c"]:
    reach = len(POOL_TAPS) // 2
    pad = [(0, 0)] * image.ndim
    pad[axis] = (reach, reach)
    wide = np.pad(image, pad)
    total = np.zeros_like(image)
    for tap, weight in enumerate(POOL_TAPS):
        part = [slice(None)] * image.ndim
        part[axis] = slice(tap, tap + image.shape[axis])
        total += weight * wide[tuple(part)]
    return total


def slope_scale(pages: Sequence[Directional]) -> float:
    """One for the asset: few slopes are steeper, and those are clipped."""
    steep = np.concatenate([np.abs(page.slope).max(axis=(2, 3)).ravel() for page in pages])
    steepest: float = np.clip(np.quantile(steep, 0.999), 0.05, STEEPEST)
    return float(steepest)


def encode_slopes(slope: Float32[Array, "h w 3 3"], scale: float) -> list[bytes]:
    """Three WebP pictures, along x, y and z. Code 128 is zero, exactly (rule D2)."""
    return [_encoded(np.clip(np.rint(128 + slope[..., axis, :] * (127 / scale)), 1, 255), scale) for axis in range(3)]


def _encoded(codes: Array, scale: float) -> bytes:
    wanted = codes.astype(np.uint8)
    data = b""
    for quality in QUALITIES:
        data = encoded(wanted, "WEBP", quality)
        error = float(np.sqrt(np.mean((decode(data).astype(np.float64) - wanted) ** 2)))
        if error * scale / 127 <= WANTED_ERROR:
            break
    return data
