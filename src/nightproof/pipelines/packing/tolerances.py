"""What may be lost, part by part and image by image, and how that shrinks where it showed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_work import Asked
from nightproof.pipelines.packing.units import Part

SHAPE_PX = 0.5
LEAST_SHAPE_PX = 1 / 32
"""Below it a part keeps all its triangles: too few would go."""
MOST_MORE_BITS = 4
LOOKED_AT = Loss(
    color_psnr_db=38.0,
    data_psnr_db=36.0,
    normal_rms_deg=3.0,
    polished_normal_rms_deg=1.8,
    grain_color_psnr_db=24.0,
    grain_data_psnr_db=24.0,
    grain_normal_rms_deg=9.0,
    grain_polished_normal_rms_deg=4.0,
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

    def with_bits(self, part: Part, factor: float) -> Tolerances:
        """Finer grids: a bit is a quarter of the squared error."""
        more = self.more_bits.get(part, 0) + max(2, math.ceil(-math.log(factor, 4)))
        return replace(self, more_bits={**self.more_bits, part: min(MOST_MORE_BITS, more)})

    def with_image(self, image: int, asked: Asked) -> Tolerances:
        return replace(self, of_image={**self.of_image, image: asked})

    def towards(self, other: Tolerances) -> Tolerances:
        """Half-way to looser ones, where both say something of a part or image."""
        shapes = {part: math.sqrt(px * other.shape_of(part)) for part, px in self.of_part.items()}
        bits = {part: (more + other.more_bits.get(part, 0)) // 2 for part, more in self.more_bits.items()}
        images = {
            image: Asked(
                round((asked.stricter_db + other.of_image[image].stricter_db) / 2, 1), other.of_image[image].above_db
            )
            for image, asked in self.of_image.items()
            if image in other.of_image
        }
        return replace(self, of_part=shapes, more_bits=bits, of_image={**self.of_image, **images})
