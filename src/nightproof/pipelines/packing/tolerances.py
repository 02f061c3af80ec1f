"""What may be lost, part by part and image by image, and how that shrinks where it showed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_work import STAYS, Asked, Encoded
from nightproof.pipelines.packing.units import Part

SHAPE_PX = 0.25
LEAST_SHAPE_PX = 1 / 32
"""Below it a part keeps all its triangles: too few would go."""
CAUTIOUS_PX, CAUTIOUS_BITS = 1 / 16, 2
MOST_MORE_BITS, UNHARMED_BITS = 6, 4
OF_GRIDS = 0.1
"""What the usual grids change, squared, to what the usual tolerance of shape does."""
LOOKED_AT = Loss(
    color_psnr_db=38.0,
    data_psnr_db=36.0,
    alpha_psnr_db=38.0,
    normal_rms_deg=3.0,
    polished_normal_rms_deg=1.8,
    grain_color_psnr_db=24.0,
    grain_data_psnr_db=24.0,
    grain_alpha_psnr_db=28.0,
    grain_normal_rms_deg=9.0,
    grain_polished_normal_rms_deg=4.0,
    judged=True,
)
"""Of textures whose loss is judged by what views show of it: what is left to be seen from nearer."""


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
    of_image: Mapping[int, Asked] = field(default_factory=dict)
    """Of images that showed."""

    def stricter(self, more_db: float) -> Tolerances:
        """To begin with, everything so many decibels less; looser where negative."""
        return replace(self, loss=self.loss.stricter(more_db), shape_px=self.shape_px * 10 ** (-more_db / 20))

    def shape_of(self, part: Part) -> float:
        return self.of_part.get(part, self.shape_px)

    def spent(self, part: Part) -> bool:
        """Whether there is nothing left that a part could lose less of."""
        return self.shape_of(part) == 0 and self.more_bits.get(part, 0) >= MOST_MORE_BITS

    def with_shape(self, part: Part, factor: float) -> Tolerances:
        """The surface of a part may move less."""
        less = self.shape_of(part) * factor
        return replace(self, of_part={**self.of_part, part: less if less >= LEAST_SHAPE_PX else 0.0})

    def tightened(self, part: Part) -> bool:
        """Whether a part was told to lose less before."""
        return part in self.of_part or part in self.more_bits

    def suspicion(self, part: Part) -> float:
        """How much a part may have lost, to one under the usual tolerance: who was told to lose next to nothing is not
        to blame where others show as well."""
        return (self.shape_of(part) / SHAPE_PX) ** 2 + OF_GRIDS * 4.0 ** -self.more_bits.get(part, 0)

    def unharmed(self, part: Part) -> Tolerances:
        """Every triangle, on far finer grids."""
        return self.with_shape(part, 0.0).with_bits(part, 4.0**-UNHARMED_BITS)

    def at_once(self, before: Tolerances) -> Tolerances:
        """Parts that may lose less than before lose next to nothing any more."""
        changed = [
            part
            for part in {**self.of_part, **self.more_bits}
            if (self.shape_of(part), self.more_bits.get(part)) != (before.shape_of(part), before.more_bits.get(part))
        ]
        return reduce(Tolerances.unharmed, changed, self)

    def with_bits(self, part: Part, factor: float) -> Tolerances:
        """Finer grids: a bit is a quarter of the squared error."""
        more = self.more_bits.get(part, 0) + max(1, math.ceil(-math.log(factor, 4)))
        return replace(self, more_bits={**self.more_bits, part: min(MOST_MORE_BITS, more)})

    def with_image(self, image: int, asked: Asked) -> Tolerances:
        return replace(self, of_image={**self.of_image, image: asked})

    def looser(self, less_db: float, found: Mapping[int, Encoded]) -> Tolerances:
        """Of all images that were asked for more than usual, so much less; `found`: what was made of them."""
        asked = {
            image: replace(
                each, stricter_db=round(each.stricter_db - less_db, 1), had=(*each.had, *found.get(image, STAYS).had)
            )
            for image, each in self.of_image.items()
        }
        return replace(self, of_image=asked)


def cautious(parts: Iterable[Part]) -> Tolerances:
    """Of a scene that is looked at, with so many parts that it is better not to tighten."""
    return Tolerances(LOOKED_AT, CAUTIOUS_PX, more_bits=dict.fromkeys(sorted(parts), CAUTIOUS_BITS))
