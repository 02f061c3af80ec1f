"""Textures to WebP or AVIF: no larger than is seen, at the lowest quality whose measured loss the texture's use allows.

How images are read: `texture_uses`; what may be lost: `texture_loss`.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from nightproof.pipelines.packing.coders import WEBP, Coder
from nightproof.pipelines.packing.picture import Picture, Rounding, picture_of
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
STEPS, SPARING_STEPS, NORMAL_STEP = (11, 9, 7, 5, 3), (7, 5, 3), 7
"""That values are rounded to before they are coded without loss, odd so that none is half-way; sparing what is smooth;
and the largest of normals: flattened grain changes what is mirrored."""
LOSSLESS_PIXELS, LOSSLESS_METHOD = 2**18, 4
"""The lossless coder is tried as well where that costs little, or where the lossy one labours. How hard it tries."""
SMALLEST_PX = 16
"""Textures aren't halved below this side: nothing is left to save."""
CORRECTIONS, TOO_MUCH_DB = 6, 1.0
"""How often the whole is coded where its bands foretold it badly, and what is too good."""
CACHE_VERSION = b"nightproof/webp/6\n"


def encode_texture(data: bytes, work: Work, loss: Loss = Loss(), cache: Path | None = None) -> bytes | None:
    """WebP of a PNG, JPEG or WebP image, or None where none is smaller within `loss`.

    Alpha is lossless wherever it is read and dropped where nobody reads it. Deterministic.
    """
    return TextureCoder(data, work, loss, cache).encoded().data


Tried = dict[int, tuple[Measured, int]]
"""Quality → what bands lose at it, and their bytes."""


@dataclass
class _Size:
    """An image at one size, and what is known of its codings. Its texels are made when they are asked for."""

    make: Callable[[], Picture]
    slack_db: float
    """How far it stays from what may be lost by halving."""
    coder: Coder
    """WebP where transparency is read: it keeps alpha as it is."""
    known: Tried
    """Saves work and decides nothing: what was asked before must not change what is made."""

    @cached_property
    def picture(self) -> Picture:
        return self.make()

    def forget_texels(self) -> None:
        """Until they are asked for again."""
        for name in ("picture", "bands"):
            self.__dict__.pop(name, None)

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
        known: dict[tuple[int, ...], Tried] | None = None,
    ) -> None:
        """`known`: by height and width; shared by coders of one image under other losses."""
        self._data, self._work, self._loss, self._cache = data, work, loss, cache
        self._coder, self._known = coder, {} if known is None else known

    def encoded(self, asked: Asked | None = None) -> Encoded:
        """The smallest that holds; None asks for `loss`, or for what it says of grain."""
        place = self._place(asked)
        if place and place.is_file():
            stored = place.read_bytes()
            return Encoded(stored[24:] or None, *struct.unpack("<ddd", stored[:24]))
        made = self._encode(asked)
        self._forget_texels()
        if place:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_suffix(f".{os.getpid()}.part")
            part.write_bytes(struct.pack("<ddd", made.kept_db, made.reach_db, made.power) + (made.data or b""))
            part.replace(place)
        return made

    def _place(self, asked: Asked | None) -> Path | None:
        if self._cache is None:
            return None
        use, spare = self._work.use, self._work.spare
        text = repr((sorted(use.kinds), sorted(use.channels), spare, self._work.cells, self._loss, asked))
        version = CACHE_VERSION + self._coder.version
        return self._cache / f"{hashlib.sha256(version + text.encode() + self._data).hexdigest()}.{self._coder.name}"

    def _encode(self, asked: Asked | None) -> Encoded:
        least_db = asked.stricter_db if asked else 0.0
        above_db = asked.above_db if asked else -math.inf
        size = next((size for size in reversed(self._sizes) if size.slack_db >= least_db), None)
        if size is None:
            return STAYS
        tried: Tried = {}
        lowest, grain = size.coder.lowest(self._loss), size.coder.lowest_of_grain(self._loss)
        found, quality = self._lossy(size, self._loss, least_db, lowest, tried)
        if found is None and asked is None:
            found, quality = self._lossy(size, self._loss.of_grain, 0.0, grain, tried)
        elif found is None and (best_db := self._reach_db(size, tried) - REACH_DB) > above_db + MORE_DB:
            found, quality = self._lossy(size, self._loss, best_db, lowest, tried)
        if found is None and asked is not None:
            found, quality = self._top(size, above_db, tried), size.coder.top
        best = found
        if found is None or self._lossless_pays(size, found, quality):
            exact = self._lossless(size, min(found.kept_db, least_db) if found else least_db, above_db, tried)
            best = exact if found is None or len(exact.data or b"") < len(found.data or b"") else found
        best = best if best and len(best.data or b"") < len(self._data) else STAYS
        return best if best is found or size.coder is WEBP else self._smaller_webp(best, asked)

    def _smaller_webp(self, best: Encoded, asked: Asked | None) -> Encoded:
        """Where the coder that was asked for has no quality, WebP may: it keeps grain better."""
        self._forget_texels()  # the other makes its own
        webp = TextureCoder(self._data, self._work, self._loss).encoded(asked)
        return webp if webp.data and len(webp.data) < len(best.data or self._data) else best

    def _forget_texels(self) -> None:
        for size in self._sizes:
            size.forget_texels()

    @cached_property
    def _sizes(self) -> list[_Size]:
        """From the largest that is worth keeping to the smallest that comes back; none where the image must stay."""
        picture, spare, first = self._whole(), self._work.spare, 0
        if picture is None:
            return []
        if spare is None:
            return [self._size(picture, 0, math.inf)]
        while spare >= 2 and (smaller := self._halved(picture)) is not None:
            picture, spare, first = smaller, spare / 2, first + 1
        seen, found = picture, [self._size(picture, first, math.inf)]
        while (smaller := self._halved(picture)) is not None:
            some = picture.bands()  # most large pictures end there, at a quarter of the cost
            if some is not picture and self._slack(some, self._halved(some)) < 0:
                break
            if (slack := self._slack(seen, smaller)) < 0:
                break
            picture = smaller
            found.append(self._size(picture, first + len(found), slack))
        return found

    def _size(self, picture: Picture, halvings: int, slack_db: float) -> _Size:
        height, width, channels = picture.pixels.shape
        coder = WEBP if channels == 4 else self._coder
        return _Size(partial(self._at, halvings), slack_db, coder, self._known.setdefault((height, width), {}))

    def _whole(self) -> Picture | None:
        pixels = decoded(self._data, "a" in self._work.use.channels)
        return None if pixels is None else picture_of(pixels, self._work.shown)

    def _at(self, halvings: int) -> Picture:
        picture = self._whole()
        for _ in range(halvings):
            picture = picture and self._halved(picture)
        assert picture is not None  # it was made before
        return picture

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
        quality, found = self._search(size, limit, least_db, lowest, tried), None
        scale = size.coder.scale
        for _ in range(CORRECTIONS):
            if quality > scale.highest:
                break
            data = size.coder.encode(size.picture.pixels, quality, thorough=True)
            loss = self._measured(size.picture, data)
            missing_db = least_db - loss.margin_db(limit)
            if missing_db <= CLOSE_DB:
                kept_db = min(loss.margin_db(self._loss), size.slack_db)
                found = Encoded(data, kept_db, self._reach_db(size, tried), self._power(tried, quality)), quality
            elif found:
                break  # a step too far back
            step = missing_db / scale.db_per_quality / 2
            if -TOO_MUCH_DB < missing_db <= CLOSE_DB or quality + step < lowest:
                break
            quality += max(1, round(step)) if missing_db > 0 else min(-1, round(step))
        return found or (None, scale.highest + 1)

    def _top(self, size: _Size, above_db: float, tried: Tried) -> Encoded | None:
        """The lossy coder's best of the whole, whatever its bands foretold, if that is more than before."""
        data = size.coder.encode(size.picture.pixels, size.coder.top, thorough=False)
        kept_db = min(self._measured(size.picture, data).margin_db(self._loss), size.slack_db)
        more = kept_db > above_db + MORE_DB
        return Encoded(data, kept_db, self._reach_db(size, tried), USUAL_POWER) if more else None

    def _search(self, size: _Size, limit: Loss, least_db: float, lowest: int, tried: Tried) -> int:
        """The quality by bands, nearly: `_lossy` says the rest."""

        def margin_db(quality: int) -> float:
            if quality not in size.known:
                data = size.coder.encode(size.bands.pixels, quality, thorough=False)
                size.known[quality] = self._measured(size.bands, data), len(data)
            tried[quality] = size.known[quality]
            return tried[quality][0].margin_db(limit) - least_db

        return lowest_that_holds(margin_db, lowest, size.coder.scale)

    def _reach_db(self, size: _Size, tried: Tried) -> float:
        """Infinite where the search never came to the highest quality."""
        highest = size.coder.scale.highest
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
        """Its chroma is not halved, which normals can't bear. Of the roundings that hold, the smaller by bands."""
        way, kept_db = self._smallest(size.bands, self._roundings(size.bands, least_db, above_db))
        if size.bands is not size.picture:
            foretold_db, kept_db = kept_db, self._margin_db(size.picture, way)
            if kept_db < min(least_db, foretold_db) - CLOSE_DB:
                way, kept_db = self._smallest(size.bands, self._roundings(size.picture, least_db, above_db))
        data = self._exact(size.picture, way)
        return Encoded(data, min(kept_db, size.slack_db), self._reach_db(size, tried), EXACT_POWER)

    def _smallest(self, bands: Picture, ways: list[tuple[Rounding, float]]) -> tuple[Rounding, float]:
        return min(ways, key=lambda each: len(self._exact(bands, each[0]))) if len(ways) > 1 else ways[0]

    def _margin_db(self, picture: Picture, way: Rounding) -> float:
        if way.step == 1:
            return math.inf
        pixels = way.of(picture.pixels, self._middle)
        return measured(picture, pixels, self._work.use, rounded=True).margin_db(self._loss)

    def _lossless_pays(self, size: _Size, found: Encoded, quality: int) -> bool:
        """Likely where pictures are small or flat or the lossy coder labours; asked of the bands of large ones."""
        if size.picture.size <= LOSSLESS_PIXELS:
            return True
        if quality <= size.coder.labours and found.kept_db >= 0 and not size.bands.is_flat:
            return False
        ways = self._roundings(size.bands, found.kept_db, -math.inf)
        lossy = size.coder.encode(size.bands.pixels, quality, thorough=False)
        return min(len(self._exact(size.bands, way)) for way, _ in ways) < len(lossy)

    def _roundings(self, picture: Picture, least_db: float, above_db: float) -> list[tuple[Rounding, float]]:
        """Of each way of rounding the coarsest that holds, and its margin; where none does the best that is above what
        there was, or the very values."""
        found: list[tuple[Rounding, float]] = []
        best: tuple[Rounding, float] = (Rounding(1), math.inf)
        best_db = above_db + MORE_DB
        for steps, sparing in ((self._steps, False), (SPARING_STEPS, True)):
            for way in (Rounding(step, sparing) for step in steps):
                margin_db = self._margin_db(picture, way)
                if margin_db >= least_db:
                    found.append((way, margin_db))
                    break
                if margin_db > best_db > -math.inf:
                    best, best_db = (way, margin_db), margin_db
        return found or [best]

    @property
    def _steps(self) -> tuple[int, ...]:
        return tuple(step for step in STEPS if not self._middle or step <= NORMAL_STEP)

    @property
    def _middle(self) -> int:
        """127.5 is zero of a normal: 128 stays what it is, and flat stays flat."""
        return 128 if "normal" in self._work.use.kinds else 0

    def _exact(self, picture: Picture, way: Rounding) -> bytes:
        return webp(way.of(picture.pixels, self._middle), lossless=True, quality=80, method=LOSSLESS_METHOD)

    def _measured(self, picture: Picture, data: bytes) -> Measured:
        return measured(picture, reread(data, picture.pixels.shape[2]), self._work.use)
