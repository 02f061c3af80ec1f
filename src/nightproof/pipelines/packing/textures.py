"""Textures to WebP, AVIF or KTX2: no larger than is seen, of the lowest quality whose measured loss their use allows.

How images are read: `texture_uses`; what may be lost: `texture_loss`; what codings are and lose: `codings`; how a
quality is sought: `lossy_search`.
"""

from __future__ import annotations

import hashlib
import math
import os
import struct
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from nightproof.pipelines.packing.coders import WEBP, Coder
from nightproof.pipelines.packing.codings import Codings, Known
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.lossy_search import MORE_DB, Search
from nightproof.pipelines.packing.picture import Picture, Rounding, picture_of
from nightproof.pipelines.packing.pixels import decoded, enlarged
from nightproof.pipelines.packing.quality import CLOSE_DB
from nightproof.pipelines.packing.texture_loss import Loss, slack_at_full_size_db
from nightproof.pipelines.packing.texture_options import KeptBytes, options
from nightproof.pipelines.packing.texture_work import STAYS, Asked, Encoded, Work
from nightproof.scenes.gltf import sniff_mime

Array = np.ndarray
LIKELY, HOPELESS = 1.05, 1.5
"""So much more than the lossy coder's by a sample, and the lossless coder is tried at the whole; beyond so much for the
coarsest rounding no other is looked at."""
NEARLY_DB = 0.6
"""So much less than views ask for is enough of roundings: the next finer one may take twice the bytes."""
GRAINY = 1.3
"""What the bytes of grain count for that no quality holds: so much more for all of it is well spent."""
SURELY_DB = 1.0
"""Of a sample: so much less than what has to come back tells enough of the whole."""
SMALLEST_PX = 16
"""Textures aren't halved below this side: nothing is left to save."""
CACHE_VERSION = b"nightproof/webp/9\n"
_RECORD = struct.Struct("<di?I")


def encode_texture(data: bytes, work: Work, loss: Loss = Loss(), cache: Path | None = None) -> bytes | None:
    """WebP of a PNG, JPEG or WebP image, or None where none is smaller within `loss`.

    Alpha is lossless wherever it is read and dropped where nobody reads it. Deterministic.
    """
    return TextureCoder(data, work, loss, cache).encoded().data


class TextureCoder:
    """One image, encoded as often as its tolerance changes; what was measured of it is kept. `cache` outlives it."""

    def __init__(
        self,
        data: bytes,
        work: Work,
        loss: Loss,
        cache: Path | None = None,
        coder: Coder = WEBP,
        texels: UInt8[Array, "h w 4"] | None = None,
        known: dict[tuple[int, ...], Known] | None = None,
        decoded: Decoded | None = None,
    ) -> None:
        """
        Args:
            texels: what the image shows, where someone decoded it before.
            known: by height and width; shared by coders of one image under other losses.
            decoded: keeps what is found decoded for those who look at it.
        """
        self._data, self._work, self._loss, self._cache, self._texels = data, work, loss, cache, texels
        self._coder, self._known, self._decoded = coder, {} if known is None else known, decoded

    def encoded(self, asked: Asked | None = None) -> Encoded:
        """The smallest that holds; None asks for `loss`, or for what it says of grain."""
        place = self._place(asked)
        if place and place.is_file():
            stored = place.read_bytes()
            kept_db, quality, is_grain, texels = _RECORD.unpack(stored[: _RECORD.size])
            data, lossy = stored[_RECORD.size :] or None, None if quality < 0 else quality
            return Encoded(data, kept_db, lossy, is_grain, texels)
        made = self._encode(asked)
        self._forget_texels(but=made.data)
        if place:
            place.parent.mkdir(parents=True, exist_ok=True)
            part = place.with_suffix(f".{os.getpid()}.part")
            quality = -1 if made.quality is None else made.quality
            part.write_bytes(_RECORD.pack(made.kept_db, quality, made.is_grain, made.texels) + (made.data or b""))
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
        asks = asked or Asked(0.0)
        if not self._sizes:
            return STAYS
        size = self._sizes[self._size_for(asks)]
        found = Search(size, self._loss, asks, len(self._data), first=asked is None).best()
        exact = self._exact(size, asks, found)
        best = min([one for one in (found, exact) if one and one.data], key=_worth, default=STAYS)
        best = best if len(best.data or b"") < len(self._data) else STAYS
        return best if best is found or size.coder is WEBP else self._smaller_webp(best, asked)

    def _smaller_webp(self, best: Encoded, asked: Asked | None) -> Encoded:
        """Where the coder that was asked for has no quality, or none that is smaller than what came in, WebP may."""
        self._forget_texels(but=best.data)  # the other makes its own
        # Qualities of the one say nothing to the other: neither hears what the other had.
        asks = asked and replace(asked, had=())
        webp = self._webp.encoded(asks)
        smaller = webp.data and len(webp.data) < len(best.data or self._data)
        return replace(webp, quality=None) if smaller else best

    @cached_property
    def _webp(self) -> TextureCoder:
        """Whose answer is taken where the coder that was asked for has none."""
        return TextureCoder(self._data, self._work, self._loss, texels=self._texels)

    def _forget_texels(self, but: bytes | None) -> None:
        """Halves take little memory and their time to make: they stay."""
        for size in self._sizes:
            if size.whole:
                size.forget_texels()
            if self._decoded:
                self._decoded.let_go(data for data, _ in size.known.lossy.values() if data != but)

    def options(self, asked: Asked | None, found: Encoded) -> tuple[KeptBytes, ...]:
        """What else it might become that keeps more than what was found, as its sample foretells."""
        number = self._size_for(asked or Asked(0.0))
        is_webp = self._coder.alone and found.data is not None and sniff_mime(found.data) == WEBP.mime
        offered = () if is_webp else options(self._sizes[: number + 1], self._loss, found)
        self._forget_texels(but=found.data)
        return self._with_webps(offered, asked, found) if self._coder.alone else offered

    def _with_webps(self, offered: tuple[KeptBytes, ...], asked: Asked | None, found: Encoded) -> tuple[KeptBytes, ...]:
        """Where its own coder has no more to offer that is smaller than what came in, WebP will."""
        small = tuple(option for option in offered if option.bytes < len(self._data))
        if small and len(small) == len(offered):
            return offered
        most_db = max((option.kept_db for option in small), default=found.kept_db)
        webps = self._webp.options(asked, replace(found, quality=None))
        return small + tuple(option for option in webps if option.kept_db > most_db)

    def _size_for(self, asks: Asked) -> int:
        """The smallest whose halving left enough."""
        return max(number for number, size in enumerate(self._sizes) if size.slack_db >= asks.stricter_db)

    @cached_property
    def _sizes(self) -> list[Codings]:
        """From the largest that is worth keeping to the smallest that comes back; none where the image must stay."""
        use, spare = self._work.use, self._work.spare
        picture, first = self._whole(), 0
        if picture is None:
            return []
        if spare is None:
            return [self._codings(picture, 0, math.inf)]
        while spare >= 2 and (smaller := self._halved(picture)) is not None:
            picture, spare, first = smaller, spare / 2, first + 1
        seen, found = picture, [self._codings(picture, first, math.inf)]
        if self._surely_loses(seen):
            return found
        while (smaller := self._halved(picture)) is not None:
            larger = enlarged(smaller.pixels, *seen.pixels.shape[:2])
            slack_db = slack_at_full_size_db(seen, larger, use, self._loss)
            if slack_db < 0:
                break
            picture = smaller
            found.append(self._codings(picture, first + len(found), slack_db))
        return found

    def _surely_loses(self, picture: Picture) -> bool:
        """Whether a sample tells that not even half the size comes back."""
        tiles = picture.sample()
        smaller = None if tiles is picture else tiles.halved(self._work.use.kinds)
        if smaller is None:
            return False
        larger = enlarged(smaller.pixels, *tiles.pixels.shape[:2])
        return slack_at_full_size_db(tiles, larger, self._work.use, self._loss) < -SURELY_DB

    def _codings(self, picture: Picture, halvings: int, slack_db: float) -> Codings:
        """By WebP what the coder that was asked for does not take."""
        height, width = picture.pixels.shape[:2]
        coder = self._coder if self._coder.takes(picture.pixels, self._work.use.kinds) else WEBP
        known = self._known.setdefault((height, width), Known())
        make, whole = partial(self._at, halvings), halvings == 0
        found = Codings(make, self._work.use, coder, slack_db, known, self._decoded, whole)
        found.remember(picture)
        return found

    def _whole(self) -> Picture | None:
        pixels = decoded(self._data, "a" in self._work.use.channels, self._texels)
        return None if pixels is None else picture_of(pixels, self._work.shown)

    def _at(self, halvings: int) -> Picture:
        picture = self._whole()
        for _ in range(halvings):
            picture = picture and self._halved(picture)
        assert picture is not None  # it was made before
        return picture

    def _halved(self, picture: Picture) -> Picture | None:
        return None if min(picture.pixels.shape[:2]) <= SMALLEST_PX else picture.halved(self._work.use.kinds)

    def _exact(self, size: Codings, asks: Asked, lossy: Encoded | None) -> Encoded | None:
        """By the lossless coder, of the coarsest rounding that holds; None where that is likely to be larger, or not
        what is wanted."""
        if size.coder.alone:
            return None
        least_db = asks.stricter_db if lossy is None else min(lossy.kept_db, asks.stricter_db)
        least_db -= NEARLY_DB if asks.above_db > -math.inf else 0.0
        if lossy and size.exact_bytes(size.roundings[0][0]) * _share_of(size, lossy) > HOPELESS * _worth(lossy):
            return None
        ways = self._roundings(size, least_db, asks.above_db, whole=False)
        way = _smallest(size, ways)
        if lossy and size.exact_bytes(way) * _share_of(size, lossy) > LIKELY * _worth(lossy):
            return None
        if size.sampled and self._margin_db(size, way, whole=True) < min(least_db, ways[way]) - CLOSE_DB:
            way = _smallest(size, self._roundings(size, least_db, asks.above_db, whole=True))
        kept_db = min(self._margin_db(size, way, whole=True), size.slack_db)
        return Encoded(size.exact(way), kept_db)

    def _roundings(self, size: Codings, least_db: float, above_db: float, *, whole: bool) -> dict[Rounding, float]:
        """Of each way of rounding the coarsest that holds, and its margin; where none does the best that is above what
        there was, or the very values."""
        found: dict[Rounding, float] = {}
        best, best_db = Rounding(1), above_db + MORE_DB
        for ways in size.roundings:
            for way in ways:
                margin_db = self._margin_db(size, way, whole=whole)
                if margin_db >= least_db:
                    found[way] = margin_db
                    break
                if margin_db > best_db > -math.inf:
                    best, best_db = way, margin_db
        return found or {best: math.inf if best.step == 1 else best_db}

    def _margin_db(self, size: Codings, way: Rounding, *, whole: bool) -> float:
        return math.inf if way.step == 1 else size.rounded(way, whole=whole).margin_db(self._loss)


def _smallest(size: Codings, ways: dict[Rounding, float]) -> Rounding:
    return min(ways, key=size.exact_bytes) if len(ways) > 1 else next(iter(ways))


def _share_of(size: Codings, lossy: Encoded) -> float:
    """What part of the bytes that its sample foretold the whole took."""
    assert lossy.data is not None and lossy.quality is not None
    return len(lossy.data) / (size.lossy_sample(lossy.quality)[0] * size.sample.parts)


def _worth(found: Encoded) -> float:
    """Bytes, and more for grain that lost more than is allowed."""
    return len(found.data or b"") * (GRAINY if found.is_grain else 1.0)
