"""Two independent renderings of one view, with more samples where they still disagree.

Noise is no matter of whole pictures: in an interior three quarters of the disagreement sit in a quarter of the pixels
— edges, gaps, reflections. So the picture is cut into tiles; all get a few samples, and whichever tile disagrees more
than the picture as a whole may gets as many again. Every decision is a function of pixel values, hence the same on
every machine and for any number of threads; both renderings always have the same samples everywhere.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float32, Float64, Int32

from nightproof import _native
from nightproof.kernels.metrics_reference import WINDOW
from nightproof.rendering.denoise import clean_guides, denoise
from nightproof.scenes.camera import Camera

Array = np.ndarray

TILE_PX = 16
SECOND_SEED = 0x5EED
FAR = 2.0
"""A picture whose error is this many times what it may be gets four times its samples wherever it is not calm."""
CALM = 0.5
"""A tile whose error is below this share of what the mean may be needs no more while others do."""
GAIN = 0.35
"""The part of a tile's error that doubling its samples removes, as a rule; measured .2 to .45 in an interior."""
ROUND, LEAST = 1.25, 0.1
"""So many times the missing gain is aimed at, and at least this share of what is allowed: another round costs two runs
of the denoiser."""

Box = tuple[int, int, int, int]
"""Left, top, width, height, in pixels."""


class Renderer(Protocol):
    """Who takes the pictures: our tracer, or Mitsuba where a scene has materials that only it knows."""

    threads: int

    def add_samples(
        self,
        camera: Camera,
        sums: Float32[Array, "h w 10"],
        tiles: Int32[Array, "n 6"],
        *,
        seed: int,
        max_depth: int,
        corner: tuple[int, int],
    ) -> None:
        """See `Tracer.add_samples`."""


class TwoRenderings:
    """Sums of samples in flight; `samples` says how many each tile has of either rendering."""

    def __init__(self, tracer: Renderer, camera: Camera, *, seed: int, box: Box, max_depth: int) -> None:
        """Of the part `box` of what `camera` sees; nothing is rendered yet."""
        self._tracer, self._camera, self._seed, self._box, self._max_depth = tracer, camera, seed, box, max_depth
        _, _, width, height = box
        shape = (height, width, _native.PIXEL_FLOATS)
        self._sums = (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
        self.samples: Int32[Array, "ty tx"] = np.zeros((-(-height // TILE_PX), -(-width // TILE_PX)), np.int32)

    def add(self, more: Int32[Array, "ty tx"]) -> None:
        """So many samples more for every tile of either rendering."""
        left, top, width, height = self._box
        rows, columns = np.nonzero(more > 0)
        x, y = columns * TILE_PX, rows * TILE_PX
        tiles = np.stack(
            [
                left + x,
                top + y,
                np.minimum(TILE_PX, width - x),
                np.minimum(TILE_PX, height - y),
                self.samples[rows, columns],
                more[rows, columns],
            ],
            axis=1,
        )
        for sums, seed in zip(self._sums, (self._seed, self._seed ^ SECOND_SEED), strict=True):
            self._tracer.add_samples(
                self._camera, sums, tiles, seed=seed, max_depth=self._max_depth, corner=(left, top)
            )
        self.samples = self.samples + np.maximum(more, 0)

    def denoised(self) -> tuple[Float32[Array, "h w 3"], Float32[Array, "h w 3"]]:
        """Both, each from its own light. They share their guides, which hold no light and take long to clean."""
        _, _, width, height = self._box
        counts = np.kron(self.samples, np.ones((TILE_PX, TILE_PX), np.int32))[:height, :width, None].astype(np.float32)
        first, second = (sums / counts for sums in self._sums)
        threads = self._tracer.threads
        albedo, normal = ((first[..., part] + second[..., part]) / 2 for part in (slice(3, 6), slice(6, 9)))
        albedo, normal = clean_guides(albedo, normal, threads=threads)
        one, two = (
            denoise(picture[..., :3], albedo, normal, threads=threads, guides_are_clean=True)
            for picture in (first, second)
        )
        return one, two


def disagreement(errors: Float64[Array, "h-10 w-10 3"]) -> Float64[Array, "ty tx"]:
    """Mean of every tile, given 1 − SSIM of every pixel that has one.

    SSIM isn't defined within five pixels of the border; what is nearest stands for it.
    """
    errors = np.pad(errors.mean(axis=2), WINDOW // 2, mode="edge")
    down = np.add.reduceat(errors, np.arange(0, errors.shape[0], TILE_PX), axis=0)
    sums = np.add.reduceat(down, np.arange(0, errors.shape[1], TILE_PX), axis=1)
    return np.asarray(sums / _tile_areas(errors.shape[0], errors.shape[1]), np.float64)


def wanted(
    errors: Float64[Array, "ty tx"], samples: Int32[Array, "ty tx"], allowed: float, most: int
) -> Int32[Array, "ty tx"]:
    """How many samples more each tile should get, so that the mean error comes down to `allowed`.

    Doubling a tile's samples takes about a third of its error away. Tiles are doubled in the order of error per sample,
    the cheapest gain first, until the gain should do. While the picture is far off, all that are not calm already get
    four times theirs. None gets more than `most` altogether.
    """
    room = np.maximum(most - samples, 0)
    if errors.mean() > FAR * allowed:
        return np.asarray(np.where(errors > CALM * allowed, np.minimum(3 * samples, room), 0), np.int32)
    worth = np.where(room > 0, errors / samples, 0.0).ravel()
    order = np.argsort(-worth, kind="stable")
    missing = max(ROUND * (errors.mean() - allowed), LEAST * allowed) * errors.size
    before = np.cumsum(GAIN * errors.ravel()[order]) - GAIN * errors.ravel()[order]
    chosen = order[(before <= missing) & (worth[order] > 0)]
    more = np.zeros(errors.size, np.int32)
    more[chosen] = np.minimum(samples, room).ravel()[chosen]
    return more.reshape(errors.shape)


def _tile_areas(height: int, width: int) -> Float64[Array, "ty tx"]:
    rows, columns = (
        np.minimum(TILE_PX, size - np.arange(0, size, TILE_PX)).astype(np.float64) for size in (height, width)
    )
    return np.outer(rows, columns)
