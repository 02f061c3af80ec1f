"""One image at one size and its codings, each made and measured once; much is told from a sample of its texels.

What is known here saves work and decides nothing: what was asked before must not change what is made.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nightproof.kernels.memory import return_free_memory
from nightproof.pipelines.packing.coders import Coder
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.picture import Picture, Rounding
from nightproof.pipelines.packing.pixels import reread, webp
from nightproof.pipelines.packing.texture_loss import Measured, measured
from nightproof.pipelines.packing.texture_uses import TextureUse

Array = np.ndarray
EXACT_SEARCHING, EXACT_KEPT = (2, 40), (5, 40)
"""How hard the lossless coder tries at samples and at what is kept: method and quality, which is effort as well."""

LARGE = 1 << 20
"""Texels from which on a coder takes so much memory that what was freed is worth giving back before."""
STEPS, SPARING_STEPS, NORMAL_STEP = (11, 9, 7, 5, 3), (9, 5, 3), 7
"""That values are rounded to before they are coded without loss, odd so that none is half-way; sparing what is smooth;
and the largest of normals: flattened grain changes what is mirrored."""


@dataclass
class Known:
    """Of an image at one size, whatever may be lost of it."""

    lossy: dict[int, tuple[bytes, Measured]] = field(default_factory=dict)
    lossy_sample: dict[int, tuple[int, Measured]] = field(default_factory=dict)
    exact: dict[Rounding, bytes] = field(default_factory=dict)
    exact_bytes: dict[Rounding, float] = field(default_factory=dict)
    rounded: dict[tuple[Rounding, bool], Measured] = field(default_factory=dict)


@dataclass
class Codings:
    """Of one image at one size, RGB or RGBA."""

    make: Callable[[], Picture]
    """Its texels, whenever they are asked for."""
    use: TextureUse
    coder: Coder
    slack_db: float
    """How far it stays from what may be lost by halving."""
    known: Known = field(default_factory=Known)
    decoded: Decoded | None = None
    """Keeps what the last file of all of it shows, for those who look at it."""
    whole: bool = True
    """Whether it is as large as what came in."""

    @cached_property
    def picture(self) -> Picture:
        return self.make()

    @cached_property
    def sample(self) -> Picture:
        return self.picture.sample()

    def remember(self, picture: Picture) -> None:
        """What `make` would make."""
        self.__dict__["picture"] = picture

    def forget_texels(self) -> None:
        """Until they are asked for again; its sample is small."""
        self.__dict__.pop("picture", None)

    def lossy(self, quality: int) -> tuple[bytes, Measured]:
        known = self.known.lossy
        if quality not in known:
            if self.decoded:
                self.decoded.let_go(other for other, _ in known.values())
            if self.picture.size >= LARGE:
                return_free_memory()
            data = self.coder.encode(self.picture.pixels, quality, self.use.kinds, thorough=True)
            after = self.decoded.pixels(data) if self.decoded else reread(data, self.picture.pixels.shape[2])
            known[quality] = data, measured(self.picture, after, self.use, alpha=self._lossy_alpha)
        return known[quality]

    def lossy_sample(self, quality: int) -> tuple[int, Measured]:
        """Bytes of the sample, and what it loses."""
        known = self.known.lossy_sample
        if quality not in known:
            data = self.coder.encode(self.sample.pixels, quality, self.use.kinds, thorough=False)
            after = reread(data, self.sample.pixels.shape[2])
            known[quality] = len(data), measured(self.sample, after, self.use, alpha=self._lossy_alpha)
        return known[quality]

    def exact(self, way: Rounding) -> bytes:
        """Without loss, after rounding. Chroma is not halved, which normals can't bear."""
        if way not in self.known.exact:
            method, quality = EXACT_KEPT
            rounded = self._round(self.picture, way)
            self.known.exact[way] = webp(rounded, lossless=True, quality=quality, method=method)
        return self.known.exact[way]

    def exact_bytes(self, way: Rounding) -> float:
        """What `exact` would take, by half of the sample: this coder takes long, and tells much from little."""
        if way not in self.known.exact_bytes:
            method, quality = EXACT_SEARCHING
            half = self.sample.pixels[:, : self.sample.pixels.shape[1] // 2] if self.sampled else self.sample.pixels
            data = webp(way.of(half, self.middle), lossless=True, quality=quality, method=method)
            self.known.exact_bytes[way] = len(data) * self.sample.parts * self.sample.pixels.size / half.size
        return self.known.exact_bytes[way]

    def plain_bytes(self, way: Rounding) -> float:
        """`exact_bytes` of a plain rounding, told from the finest and the coarsest one: bytes go as powers of steps."""
        coarsest, *_, finest = self.roundings[0]
        most, least = self.exact_bytes(finest), self.exact_bytes(coarsest)
        return most * (least / most) ** (math.log(way.step / finest.step) / math.log(coarsest.step / finest.step))

    @property
    def sampled(self) -> bool:
        """Whether it is so large that its sample is less than all of it."""
        return self.sample is not self.picture

    def rounded(self, way: Rounding, *, whole: bool) -> Measured:
        """What rounding loses of the picture, or of its sample."""
        if (way, whole) not in self.known.rounded:
            picture = self.picture if whole else self.sample
            self.known.rounded[way, whole] = measured(picture, self._round(picture, way), self.use, rounded=True)
        return self.known.rounded[way, whole]

    @property
    def _lossy_alpha(self) -> bool:
        return self.coder.alpha == "lossy" and "a" in self.use.channels

    @property
    def roundings(self) -> list[list[Rounding]]:
        """Ways of rounding, each from the coarsest."""
        plain = [Rounding(step) for step in STEPS if not self.middle or step <= NORMAL_STEP]
        return [plain, [Rounding(step, sparing=True) for step in SPARING_STEPS]]

    @property
    def middle(self) -> int:
        """127.5 is zero of a normal: 128 stays what it is, and flat stays flat."""
        return 128 if "normal" in self.use.kinds else 0

    def _round(self, picture: Picture, way: Rounding) -> Array:
        return way.of(picture.pixels, self.middle)
