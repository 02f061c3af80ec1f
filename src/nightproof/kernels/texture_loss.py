"""Squared errors between two textures, as sums of whole numbers: twin `texture_loss_reference`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from nightproof import _native

Array = np.ndarray


@dataclass(frozen=True)
class Errors:
    """Summed over texels, on 8-bit values."""

    texels: int
    squared: tuple[float, float, float]
    """Of red, green and blue."""
    turned_rad2: float
    """Squared angles between what texels say as normals; 0 unless asked for."""


def errors(
    before: UInt8[Array, "h w c"],
    after: UInt8[Array, "h w c2"],
    block: tuple[int, int] = (1, 1),
    shown: Bool[Array, "h2 w2"] | None = None,
    *,
    normals: bool = False,
) -> Errors:
    """Between means of blocks of so many rows and columns; what is left over at the ends is left out. Alpha, which
    either may have, doesn't count.

    Args:
        shown: which blocks count. None: all.

    Raises:
        ValueError: sizes differ.
    """
    texels, squares, turned = _native.texture_errors(
        np.ascontiguousarray(before), np.ascontiguousarray(after), *block, _bytes(shown), normals
    )
    whole = float(block[0] * block[1]) ** 2
    return Errors(texels, (squares[0] / whole, squares[1] / whole, squares[2] / whole), turned)


def worst_block(
    before: UInt8[Array, "h w c"], after: UInt8[Array, "h w c"], shown: Bool[Array, "h w"] | None, side: int
) -> float:
    """The largest sum of squared errors, over all channels, of blocks of side × side texels; the last ones take what
    is left over at the ends."""
    return float(_native.worst_block(np.ascontiguousarray(before), np.ascontiguousarray(after), _bytes(shown), side))


def _bytes(shown: Bool[Array, "h w"] | None) -> UInt8[Array, "h w"] | None:
    return None if shown is None else np.ascontiguousarray(shown).view(np.uint8)
