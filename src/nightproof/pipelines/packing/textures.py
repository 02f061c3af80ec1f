"""Textures to WebP or AVIF: no larger than is seen, at the lowest quality whose measured loss the texture's use allows.

How images are read: `texture_uses`; what may be lost: `texture_loss`.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from nightproof.pipelines.packing.coders import WEBP, Coder
from nightproof.pipelines.packing.picture import Picture, picture_of
from nightproof.pipelines.packing.pixels import decoded, enlarged, reread, webp
from nightproof.pipelines.packing.quality import CLOSE_DB, lowest_that_holds
from nightproof.pipelines.packing.texture_loss import Loss, Measured, measured, slack_at_full_size_db
from nightproof.pipelines.packing.texture_work import (
    EXACT_POWER,
    MORE_DB,
    REACH_DB,
    STAYS,
    USUAL_POWER,
    Asked,
    Encoded,
    Work,
)

Array = np.ndarray
STEPS, NORMAL_STEP = (11, 9, 7, 5, 3, 2), 7
"""That values are rounded to before they are coded without loss, odd so that none is half-way, and the largest that
normals are: flattened grain
changes what is mirrored."""
LOSSLESS_PIXELS, LOSSLESS_METHOD = 2**18, 4
"""The lossless coder is tried as well where that costs little, or where the lossy one labours."""
SMALLEST_PX = 16
"""Textures aren't halved below this side: nothing is left to save."""
CACHE_VERSION = b"nightproof/webp/6\n"


def encode_texture(data: bytes, work: Work, loss: Loss = Loss(), cache: Path | None = None) -> bytes | None:
    """WebP of a PNG, JPEG or WebP image, or None where none is smaller within `loss`.

    Alpha is lossless wherever it is read and dropped where nobody reads it. Deterministic.
    """
    return TextureCoder(data, work, loss, cache).encoded().data


Tried = dict[int, tuple[Measured, int]]
"""Quality → what bands lose at it, and their bytes."""


@dataclass
class Known:
    """What was measured of one size of an image. Saves work and decides nothing: what was asked before must not change
    what is made."""

    bands: Tried = field(default_factory=dict)
    whole: dict[int, tuple[bytes, Measured]] = field(default_factory=dict)


@dataclass
class _Size:
    """An image at one size, and what is known of its codings."""

    picture: Picture
    slack_db: float
    """How far it stays from what may be lost by halving."""
    known: Known = field(default_factory=Known)

    @cached_property
    def bands(self) -> Picture:
        return self.picture.bands()


class TextureCoder:
    """One image, encoded as often as its tolerance changes; what was measured of it is kept. `cache` outlives it."""

    def __init__(
        self,
        data: bytes,
        work: Work,
        loss: Loss,
        cache: Path | None = None,
        coder: Coder = WEBP,
        known: dict[tuple[int, ...], Known] | None = None,
    ) -> None:
        """`known`: by height and width; shared by coders of one image under other losses."""
        self._data, self._work, self._loss, self._cache = data, work, loss, cache
        self._asked_coder, self._known = coder, {} if known is None else known

    @property
    def _coder(self) -> Coder:
        """WebP where transparency is read: it keeps alpha as it is."""
        return WEBP if self._sizes[0].picture.pixels.shape[2] == 4 else self._asked_coder

    def encoded(self, asked: Asked | None = None) -> Encoded:
        """The smallest that holds; None asks for `loss`, or for what it says of grain."""
        place = self._place(asked)
        if place and place.is_file():
            stored = place.read_bytes()
            return Encoded(stored[24:] or None, *struct.unpack("<ddd", stored[:24]))
        made = self._encode(asked)
        if place:
            place.parent.mkdir(parents=True, exist_ok=True)
            partial = place.with_suffix(f".{os.getpid()}.part")
            partial.write_bytes(struct.pack("<ddd", made.kept_db, made.reach_db, made.power) + (made.data or b""))
            partial.replace(place)
        return made

    def _place(self, asked: Asked | None) -> Path | None:
        if self._cache is None:
            return None
        use, spare = self._work.use, self._work.spare
        text = repr((sorted(use.kinds), sorted(use.channels), spare, self._work.cells, self._loss, asked))
        name, version = self._asked_coder.name, CACHE_VERSION + self._asked_coder.version
        return self._cache / f"{hashlib.sha256(version + text.encode() + self._data).hexdigest()}.{name}"

    def _encode(self, asked: Asked | None) -> Encoded:
        least_db = asked.stricter_db if asked else 0.0
        above_db = asked.above_db if asked else -math.inf
        size = next((size for size in reversed(self._sizes) if size.slack_db >= least_db), None)
        if size is None:
            return STAYS
        tried: Tried = {}
        lowest, grain = self._coder.lowest(self._loss), self._coder.lowest_of_grain(self._loss)
        found, quality = self._lossy(size, self._loss, least_db, lowest, tried)
        if found is None and asked is None:
            found, quality = self._lossy(size, self._loss.of_grain, 0.0, grain, tried)
        elif found is None and (best_db := self._reach_db(tried) - REACH_DB) > above_db + MORE_DB:
            found, quality = self._lossy(size, self._loss, best_db, lowest, tried)
        best = found
        if found is None or self._lossless_pays(size, found, quality):
            exact = self._lossless(size, min(found.kept_db, least_db) if found else least_db, above_db, tried)
            best = exact if found is None or len(exact.data or b"") < len(found.data or b"") else found
        best = best if best and len(best.data or b"") < len(self._data) else STAYS
        return best if best is found or self._coder is WEBP else self._smaller_webp(best, asked)

    def _smaller_webp(self, best: Encoded, asked: Asked | None) -> Encoded:
        """Where the coder that was asked for has no quality, WebP may: it keeps grain better."""
        webp = TextureCoder(self._data, self._work, self._loss).encoded(asked)
        return webp if webp.data and len(webp.data) < len(best.data or self._data) else best

    @cached_property
    def _sizes(self) -> list[_Size]:
        """From the largest that is worth keeping to the smallest that comes back; none where the image must stay."""
        use, spare = self._work.use, self._work.spare
        pixels = decoded(self._data, "a" in use.channels)
        if pixels is None:
            return []
        picture = picture_of(pixels, self._work.shown)
        if spare is None:
            return [self._size(picture, math.inf)]
        while spare >= 2 and (smaller := self._halved(picture)) is not None:
            picture, spare = smaller, spare / 2
        seen, found = picture, [self._size(picture, math.inf)]
        while (smaller := self._halved(picture)) is not None:
            some = picture.bands()  # most large pictures end there, at a quarter of the cost
            if some is not picture and self._slack(some, self._halved(some)) < 0:
                break
            if (slack := self._slack(seen, smaller)) < 0:
                break
            picture = smaller
            found.append(self._size(picture, slack))
        return found

    def _size(self, picture: Picture, slack_db: float) -> _Size:
        return _Size(picture, slack_db, self._known.setdefault(picture.pixels.shape[:2], Known()))

    def _halved(self, picture: Picture) -> Picture | None:
        return None if min(picture.pixels.shape[:2]) <= SMALLEST_PX else picture.halved(self._work.use.kinds)

    def _slack(self, picture: Picture, smaller: Picture | None) -> float:
        if smaller is None:
            return -math.inf
        larger = enlarged(smaller.pixels, *picture.pixels.shape[:2])
        return slack_at_full_size_db(picture, larger, self._work.use, self._loss)

    def _lossy(
        self, size: _Size, limit: Loss, least_db: float, lowest: int, tried: Tried
    ) -> tuple[Encoded | None, int]:
        """What the lowest quality makes whose margin to `limit` is enough, and that quality; None and one beyond
        the highest if none."""
        quality = self._search(size, limit, least_db, lowest, tried)
        scale = self._coder.scale
        while quality <= scale.highest:
            data, found = self._whole(size, quality)
            missing_db = least_db - found.margin_db(limit)
            if missing_db <= CLOSE_DB:
                kept_db = min(found.margin_db(self._loss), size.slack_db)
                return Encoded(data, kept_db, self._reach_db(tried), self._power(tried, quality)), quality
            quality += max(1, round(missing_db / scale.db_per_quality / 2))
        return None, scale.highest + 1

    def _whole(self, size: _Size, quality: int) -> tuple[bytes, Measured]:
        known = size.known.whole
        if quality not in known:
            data = self._coder.encode(size.picture.pixels, quality, thorough=True)
            known[quality] = data, self._measured(size.picture, data)
        return known[quality]

    def _search(self, size: _Size, limit: Loss, least_db: float, lowest: int, tried: Tried) -> int:
        """The quality by bands, nearly: `_lossy` says the rest."""

        def margin_db(quality: int) -> float:
            known = size.known.bands
            if quality not in known:
                data = self._coder.encode(size.bands.pixels, quality, thorough=False)
                known[quality] = self._measured(size.bands, data), len(data)
            tried[quality] = known[quality]
            return tried[quality][0].margin_db(limit) - least_db

        return lowest_that_holds(margin_db, lowest, self._coder.scale)

    def _reach_db(self, tried: Tried) -> float:
        """Infinite where the search never came to the highest quality."""
        highest = self._coder.scale.highest
        return tried[highest][0].margin_db(self._loss) if highest in tried else math.inf

    def _power(self, tried: Tried, quality: int) -> float:
        """By the nearest qualities on either side that were tried."""
        low = max((each for each in tried if each <= quality), default=min(tried))
        high = min((each for each in tried if each > low), default=low)
        (one, few), (other, many) = tried[low], tried[high]
        gained_db = other.margin_db(self._loss) - one.margin_db(self._loss)
        if not 0.05 < gained_db < 50 or many <= few:
            return USUAL_POWER
        return 10 * math.log10(many / few) / gained_db

    def _lossless(self, size: _Size, least_db: float, above_db: float, tried: Tried) -> Encoded:
        pixels, kept_db = self._coarsened(size.picture, least_db, above_db)
        data = webp(pixels, lossless=True, quality=80, method=LOSSLESS_METHOD)
        return Encoded(data, min(kept_db, size.slack_db), self._reach_db(tried), EXACT_POWER)

    def _lossless_pays(self, size: _Size, found: Encoded, quality: int) -> bool:
        """Likely where pictures are small, or where the lossy coder labours; asked of the bands of large ones."""
        if size.picture.size <= LOSSLESS_PIXELS:
            return True
        if quality <= self._coder.labours and found.kept_db >= 0:
            return False
        coarse, _ = self._coarsened(size.bands, found.kept_db, -math.inf)
        exact = webp(coarse, lossless=True, quality=80, method=LOSSLESS_METHOD)
        return len(exact) < len(self._coder.encode(size.bands.pixels, quality, thorough=False))

    def _coarsened(self, picture: Picture, least_db: float, above_db: float) -> tuple[UInt8[Array, "h w c"], float]:
        """Values rounded to the coarsest step that holds, alpha as it is, and the margin: what the lossless coder is
        handed; the best that is above, where none holds. Its chroma is not halved, which normals can't bear."""
        kept = (
            128 if "normal" in self._work.use.kinds else 0
        )  # 127.5 is zero: 128 stays what it is, and flat stays flat
        pixels = picture.pixels
        values = pixels[..., :3].astype(np.float32) - kept
        best: tuple[Array, float] = (pixels, -math.inf)
        for step in (step for step in STEPS if not kept or step <= NORMAL_STEP):
            rounded = pixels.copy()
            rounded[..., :3] = np.clip(np.rint(values / step) * step + kept, 0, 255)
            margin_db = measured(picture, rounded, self._work.use).margin_db(self._loss)
            if margin_db >= least_db:
                return rounded, margin_db
            best = max(best, (rounded, margin_db), key=lambda each: each[1])
        return best if best[1] > above_db + MORE_DB > -math.inf else (pixels, math.inf)

    def _measured(self, picture: Picture, data: bytes) -> Measured:
        return measured(picture, reread(data, picture.pixels.shape[2]), self._work.use)
