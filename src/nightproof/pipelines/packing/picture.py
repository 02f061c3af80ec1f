"""An image and which of its texels are ever seen; the others take on their surroundings, which costs least."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
from jaxtyping import Bool, UInt8

from nightproof.kernels import texture_pixels
from nightproof.pipelines.packing.pixels import halved

Array = np.ndarray
VIEW_TEXELS = 1024
"""A texture is seen by about this many pixels: larger ones are judged after averaging 2 × 2 texels."""
TILE, TILES_ACROSS, SAMPLED = 64, 8, 2**18
"""Texels a side of what samples are made of, tiles a row of them, and texels in all, at most."""
RIM = 2
"""Texels at the edges of tiles that are not measured: decoders mix the chroma of neighbours."""
GOLDEN = 0.6180339887498949
"""Its multiples are spread evenly however many there are: tiles form no columns."""


@dataclass(frozen=True)
class Picture:
    """8-bit RGB or RGBA."""

    pixels: UInt8[Array, "h w c"]
    shown: Bool[Array, "h w"] | None = None
    """None: every texel."""
    of_side: int = 0
    """The longer side of the picture that it is a sample of."""
    parts: float = 1.0
    """How many times as much of that is shown."""

    @property
    def size(self) -> int:
        """Texels."""
        return self.pixels.shape[0] * self.pixels.shape[1]

    @property
    def each(self) -> int:
        """How many texels a side are seen as one."""
        sides = self.pixels.shape[:2]
        return 2 if max(*sides, self.of_side) >= VIEW_TEXELS and min(sides) >= 2 else 1

    @cached_property
    def measured_at(self) -> Bool[Array, "h w"] | None:
        """Which texels count, or which 2 × 2 of them where so many are seen as one. None, all, where nothing of it is
        shown: it is looked at all the same."""
        if self.shown is None or not self.shown.any():
            return None
        return self.shown if self.each == 1 else any_of(self.shown, self.each)

    def halved(self, kinds: Set[str]) -> Picture | None:
        """None where a side is odd."""
        smaller = halved(self.pixels, kinds)
        return None if smaller is None else Picture(smaller, None if self.shown is None else any_of(self.shown, 2))

    def sample(self) -> Picture:
        """Some tiles of a large picture, evenly spread over what is shown, side by side; small ones whole."""
        height, width = self.pixels.shape[:2]
        down, across = height // TILE, width // TILE
        if self.size <= SAMPLED or min(down, across) < 2:
            return self
        places = np.arange(down * across) if self.shown is None else np.flatnonzero(any_of(self.shown, TILE))
        count = min(len(places), SAMPLED // TILE**2) // TILES_ACROSS * TILES_ACROSS
        if count == 0:
            return self
        turns = np.arange(count) + np.arange(count) * GOLDEN % 1
        chosen = places[(turns * (len(places) / count)).astype(np.int64).clip(max=len(places) - 1)]

        def tiles(values: Array) -> Array:
            cells = values[: down * TILE, : across * TILE].reshape(down, TILE, across, TILE, -1).swapaxes(1, 2)
            rows = cells[chosen // across, chosen % across].reshape(-1, TILES_ACROSS, TILE, TILE, cells.shape[-1])
            return np.ascontiguousarray(rows.swapaxes(1, 2).reshape(-1, TILES_ACROSS * TILE, cells.shape[-1]))

        shown = np.ones((height, width), bool) if self.shown is None else self.shown
        inside = np.pad(np.ones((TILE - 2 * RIM, TILE - 2 * RIM), bool), RIM)
        across_them = np.tile(inside, (count // TILES_ACROSS, TILES_ACROSS))
        return Picture(tiles(self.pixels), tiles(shown)[..., 0] & across_them, max(height, width), len(places) / count)


@dataclass(frozen=True)
class Rounding:
    """Values to multiples of a step, alpha as it is: for the lossless coder, which then has fewer to tell apart."""

    step: int
    """1: the very values."""
    sparing: bool = False
    """Whether texels that differ from none of their neighbours by a step stay what they are: slopes keep their
    values, which show as bands otherwise (libwebp's near-lossless mode does the like)."""

    def of(self, pixels: UInt8[Array, "h w c"], middle: int = 0) -> UInt8[Array, "h w c"]:
        """`middle` stays itself."""
        if self.step == 1:
            return pixels
        values = np.arange(256) - middle + self.step // 2
        coarse = np.clip(values // self.step * self.step + middle, 0, 255).astype(np.uint8)
        return texture_pixels.rounded(pixels, coarse, sparing=self.step if self.sparing else 0)


def picture_of(pixels: UInt8[Array, "h w c"], cells: Bool[Array, "n n"] | None) -> Picture:
    """With what lies in no shown cell filled; images whose sides are no multiples of n, or its parts, stay."""
    height, width = pixels.shape[:2]
    if cells is None:
        return Picture(pixels)
    side = len(cells)
    if height % side == 0 and width % side == 0:
        return Picture(_filled(pixels, cells), cells.repeat(height // side, axis=0).repeat(width // side, axis=1))
    if side % height == 0 and side % width == 0 and height == width:
        fewer = any_of(cells, side // height)
        return Picture(_filled(pixels, fewer), fewer)
    return Picture(pixels)


def any_of(cells: Bool[Array, "h w"], block: int) -> Bool[Array, "h2 w2"]:
    """Blocks of which any part is shown."""
    height, width = (side // block * block for side in cells.shape)
    # Slices by slices: along two axes at once it takes twenty times as long.
    rows = reduce(np.logical_or, (cells[first:height:block, :width] for first in range(block)))
    return np.asarray(reduce(np.logical_or, (rows[:, first::block] for first in range(block))))


def _filled(pixels: UInt8[Array, "h w c"], cells: Bool[Array, "n m"]) -> UInt8[Array, "h w c"]:
    """Cells that aren't shown in one colour each, the mean of the shown ones in the smallest square about them."""
    rows, columns = cells.shape
    texels = pixels.shape[0] // rows * (pixels.shape[1] // columns)
    means = texture_pixels.cell_sums(pixels, rows, columns) / np.float32(texels)
    colors = np.rint(texture_pixels.surroundings(means * cells[..., None], cells.astype(np.float32))).astype(np.uint8)
    return texture_pixels.filled(pixels, cells, colors)
