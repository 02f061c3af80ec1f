"""Textures halved as mip maps are, rounded, and cells of them filled: twin `texture_pixels_reference`."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt32

from nightproof import _native

Array = np.ndarray


def halved(
    pixels: UInt8[Array, "h w c"], light: Float32[Array, "256"], codes: UInt8[Array, "n"], *, normals: bool
) -> UInt8[Array, "h2 w2 c"]:
    """Each 2 × 2 texels as one: their light averaged by alpha, alpha itself as it is.

    Args:
        pixels: of even sides.
        light: that each byte stands for.
        codes: bytes that stand for lights from 0 to 1, evenly spaced.
        normals: whether what is averaged are unit vectors, and made such again.

    Raises:
        ValueError: a side is odd, or there are other than three or four channels.
    """
    height, width, channels = pixels.shape
    half = np.empty((height // 2, width // 2, channels), np.uint8)
    _native.halve_texture(np.ascontiguousarray(pixels), light, codes, normals, half)
    return half


def without_alpha(pixels: UInt8[Array, "h w 4"]) -> UInt8[Array, "h w 3"]:
    """The colours, in a seventh of the time that NumPy takes. Raises ValueError for other than four channels."""
    result = np.empty((*pixels.shape[:2], 3), np.uint8)
    _native.drop_alpha(np.ascontiguousarray(pixels), result)
    return result


def rounded(pixels: UInt8[Array, "h w c"], table: UInt8[Array, "256"], *, sparing: int = 0) -> UInt8[Array, "h w c"]:
    """Colours as the table says; alpha stays.

    Args:
        sparing: texels that differ from all four neighbours by less than that in every channel stay; borders wrap.

    Raises:
        ValueError: there are other than three or four channels.
    """
    result = np.empty(pixels.shape, np.uint8)
    _native.round_texels(np.ascontiguousarray(pixels), table, sparing, result)
    return result


def cell_sums(pixels: UInt8[Array, "h w c"], rows: int, columns: int) -> UInt32[Array, "rows columns c"]:
    """Of rows × columns equal parts the sum of their texels. Raises ValueError where they aren't equal."""
    sums = np.empty((rows, columns, pixels.shape[2]), np.uint32)
    _native.cell_sums(np.ascontiguousarray(pixels), sums)
    return sums


def surroundings(sums: Float32[Array, "n m c"], counts: Float32[Array, "n m"]) -> Float32[Array, "n m c"]:
    """Means where there is something to count, else of the squares around, twice as large each time."""
    found = np.empty(sums.shape, np.float32)
    _native.surroundings(np.ascontiguousarray(sums), np.ascontiguousarray(counts), found)
    return found


def filled(
    pixels: UInt8[Array, "h w c"], kept: Bool[Array, "rows columns"], colors: UInt8[Array, "rows columns c"]
) -> UInt8[Array, "h w c"]:
    """With cells that aren't `kept` in one color each. Raises ValueError where parts aren't equal."""
    result = np.array(pixels, order="C")
    _native.fill_cells(result, np.ascontiguousarray(kept).view(np.uint8), np.ascontiguousarray(colors))
    return result
