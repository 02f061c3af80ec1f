"""Fill what no surface covers: filters and mip maps read there, and black would bleed into the charts."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32

Array = np.ndarray


RINGS = 2
"""So many texels round what is known come from their known neighbours alone. Charts lie more than twice as far apart:
bilinear lookups at a border never read light from another chart."""


def fill(image: Float32[Array, "h w c"], known: Bool[Array, "h w"]) -> Float32[Array, "h w c"]:
    """Unknown texels take the mean of known ones near them; known ones stay as they are."""
    image = image.astype(np.float32, copy=True)
    known = known.copy()
    for _ in range(RINGS):
        image, known = dilate(image, known)
    return _pull(image, known)


def dilate(image: Float32[Array, "h w c"], known: Bool[Array, "h w"]) -> tuple[Array, Array]:
    """One ring more: unknown texels with known ones among their eight neighbours take the mean of those."""
    weight = np.pad(known.astype(np.float32), 1)
    values = np.pad(np.where(known[..., None], image, 0).astype(np.float32), ((1, 1), (1, 1), (0, 0)))
    height, width = known.shape
    count = np.zeros((height, width), np.float32)
    total = np.zeros_like(image)
    for y in range(3):
        for x in range(3):
            count += weight[y : y + height, x : x + width]
            total += values[y : y + height, x : x + width]
    grown = known | (count > 0)
    return np.where(known[..., None], image, total / np.maximum(count, 1)[..., None]), grown


def _pull(image: Float32[Array, "h w c"], known: Bool[Array, "h w"]) -> Float32[Array, "h w c"]:
    """From the nearest level of a pyramid that knows anything (push–pull: Gortler et al., The Lumigraph, 1996)."""
    if known.all() or not known.any():
        return image
    coarse, present = _halved(image, known)
    below = _pull(coarse, present)
    grown = np.repeat(np.repeat(below, 2, axis=0), 2, axis=1)[: image.shape[0], : image.shape[1]]
    # One tent over the doubled picture takes the steps out of it.
    return np.where(known[..., None], image, _tent(grown)).astype(np.float32)


def _halved(image: Array, known: Array) -> tuple[Array, Array]:
    height, width = known.shape
    pad = ((0, height % 2), (0, width % 2))
    weight = np.pad(known.astype(np.float32), pad)
    values = np.pad(np.where(known[..., None], image, 0).astype(np.float32), (*pad, (0, 0)))
    quads = (slice(0, None, 2), slice(1, None, 2))
    total = np.sum([values[y, x] for y in quads for x in quads], axis=0)
    count = np.sum([weight[y, x] for y in quads for x in quads], axis=0)
    return total / np.maximum(count, 1)[..., None], count > 0


def _tent(image: Array) -> Array:
    for axis in (0, 1):
        before, after = np.roll(image, 1, axis), np.roll(image, -1, axis)
        edge = [slice(None)] * image.ndim
        edge[axis] = 0  # type: ignore[call-overload]
        before[tuple(edge)] = image[tuple(edge)]
        edge[axis] = -1  # type: ignore[call-overload]
        after[tuple(edge)] = image[tuple(edge)]
        image = (before + 2 * image + after) / 4
    return image
