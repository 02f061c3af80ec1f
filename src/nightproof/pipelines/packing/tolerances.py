"""What may be lost, part by part and image by image, and how that shrinks where it showed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any

from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.units import Part

SHAPE_PX = 0.5
LEAST_SHAPE_PX = 1 / 32
"""Below it a part keeps all its triangles: too few would go."""
MOST_MORE_BITS = 4
AIM = 0.9
"""What tightening aims at: that part of what a picture may lose."""
MOST, LEAST = 0.4, 0.8
"""How much less a part or image may lose after one round, at most and at least."""
MOST_DB = 2.0
"""Likewise for an image: between the qualities of the lossy coder, bytes double within three decibels."""
COUNTED = 0.2
"""Of the worst error: who is to blame for less is left alone."""


@dataclass(frozen=True)
class Tolerances:
    """What each step may lose."""

    loss: Loss = field(default_factory=Loss)
    shape_px: float = SHAPE_PX
    """How far surface may move, in pixels of the nearest sensible view."""
    of_part: Mapping[Part, float] = field(default_factory=dict)
    """`shape_px` of parts where it is less."""
    more_bits: Mapping[Part, int] = field(default_factory=dict)
    """Of parts whose grids are finer than usual: positions, normals, texture coordinates."""
    stricter_db: Mapping[int, float] = field(default_factory=dict)
    """By image: how much less squared error it may have."""

    def shape_of(self, part: Part) -> float:
        return self.of_part.get(part, self.shape_px)

    def loss_of(self, image: int) -> Loss:
        return self.loss.stricter(self.stricter_db[image]) if image in self.stricter_db else self.loss

    def tightened(self, parts: Mapping[Part, float], images: Mapping[int, float], simplified: Set[Part]) -> Tolerances:
        """Less where it showed: the squared error of each part and of each image, times the factor given. Parts that
        lost no triangles get finer grids."""
        of_part, more_bits, stricter_db = dict(self.of_part), dict(self.more_bits), dict(self.stricter_db)
        for part, factor in parts.items():
            if part in simplified:
                less = self.shape_of(part) * factor
                of_part[part] = less if less >= LEAST_SHAPE_PX else 0.0
            else:
                more_bits[part] = min(MOST_MORE_BITS, more_bits.get(part, 0) + 2)
        for image, factor in images.items():
            stricter_db[image] = stricter_db.get(image, 0.0) + min(MOST_DB, round(-20 * math.log10(factor)) / 2)
        return replace(self, of_part=of_part, more_bits=more_bits, stricter_db=stricter_db)


def factors(blame: Mapping[Any, float], allowed: float) -> dict[Any, float]:
    """By how much each must lose less for the whole to lose less than is allowed; what hardly matters is left alone.

    Args:
        blame: squared error that each is to blame for.
        allowed: squared error of the whole.
    """
    worst = max(blame.values(), default=0.0)
    counted = {key: error for key, error in blame.items() if error >= COUNTED * worst}
    rest = sum(blame.values()) - sum(counted.values())
    if not counted:
        return {}
    factor = (AIM * allowed - rest) / sum(counted.values())
    return dict.fromkeys(counted, min(LEAST, max(MOST, factor)))
