"""The search for the lowest quality of a lossy coder that is enough for one image, in few encodings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nightproof.pipelines.packing.codings import Codings
from nightproof.pipelines.packing.quality import CLOSE_DB, lowest_that_holds
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_work import Asked, Encoded

REACH_DB, MORE_DB = 0.3, 0.5
"""The lossy coder's best costs much: so much less is taken for it. What counts as more than before."""
CORRECTIONS, TOO_MUCH_DB = 4, 0.8
"""How often the whole is coded where its sample foretold it badly, and what is too good."""
ROUGHLY_DB = (-1.0, 2.0)
"""So near is near enough at first where views judge."""
SPARED_DB, LEAST_SHARE = 6.0, 0.6
"""Of coders whose files leap in size: how much more may be lost before the leap, where views judge; what part of what a
sample foretells in bytes the whole takes beyond it, at least."""


class Search:
    """The lossy coder's search for one size and what is asked of it. The whole is coded where its sample says; then
    what the whole kept corrects what is foretold."""

    def __init__(self, size: Codings, loss: Loss, asks: Asked, most_bytes: int, *, first: bool) -> None:
        self._size, self._loss, self._asks, self._most_bytes, self._first = size, loss, asks, most_bytes, first
        roughly = first and loss.judged
        self._scale, sparing = size.coder.scale, size.coder.sparing
        if sparing is not None and (roughly or self._leaps_too_far(sparing)):
            self._scale = replace(self._scale, highest=sparing)
        self._near = ROUGHLY_DB if roughly else (-CLOSE_DB, TOO_MUCH_DB)
        self._limit, self._least = loss, size.coder.lowest(loss)
        self._whole: dict[int, float] = {}
        """Quality → margin, of what was coded whole."""
        self._more_db: dict[int, float] = {}
        """Quality → what the whole keeps beyond its sample."""
        for texels, quality, kept_db in asks.had:
            if texels == size.picture.size:
                self._more_db[quality] = kept_db - self._sampled_db(quality)

    def best(self) -> Encoded | None:
        """What the lowest quality makes that is enough. Where none is: by what is allowed of grain, or else the lowest
        that is nearly as good as the best, if that is more than there was."""
        quality = self._lowest(self._asks.stricter_db, self._least)
        if quality is None and self._first:
            self._limit = self._loosened
            self._whole, self._more_db = {}, {}
            quality = self._lowest(0.0, self._size.coder.lowest_of_grain(self._loss))
            sparing = self._size.coder.sparing
            if quality is None and sparing is not None and not self._leaps_too_far(sparing):
                self._limit, self._scale = self._loss, self._size.coder.scale
                self._whole, self._more_db = {}, {}
                quality = self._lowest(0.0, self._least)
        elif quality is None:
            quality = self._nearly_best()
        if quality is None:
            return None
        if len(self._size.lossy(quality)[0]) >= self._most_bytes:
            quality = self._before_leap(quality)
        data, found = self._size.lossy(quality)
        kept_db = min(found.margin_db(self._loss), self._size.slack_db)
        is_grain = self._limit != self._loss
        return Encoded(data, kept_db, quality, is_grain, self._size.picture.size)

    @property
    def _loosened(self) -> Loss:
        """What is allowed of grain; less before a leap: blocks of one colour don't average out as grain does."""
        leaps = self._loss.judged and self._size.coder.sparing is not None
        return self._loss.stricter(-SPARED_DB) if leaps else self._loss.of_grain

    def _leaps_too_far(self, sparing: int) -> bool:
        """Whether a sample tells that whatever is beyond the leap takes more than what came in."""
        foretold = self._size.lossy_sample(sparing + 1)[0] * self._size.sample.parts
        return LEAST_SHARE * foretold >= self._most_bytes

    def _before_leap(self, quality: int) -> int:
        """Where files beyond a leap are too large: the highest before it, if that is more than there was."""
        sparing = self._size.coder.sparing
        if sparing is None or quality <= sparing:
            return quality
        margin_db = self._size.lossy(sparing)[1].margin_db(self._limit)
        return sparing if margin_db > max(self._asks.above_db + MORE_DB, -SPARED_DB) else quality

    def _nearly_best(self) -> int | None:
        top = max(self._whole, key=lambda quality: self._whole[quality])
        if self._whole[top] <= self._asks.above_db + MORE_DB:
            return None
        return self._lowest(self._whole[top] - REACH_DB, self._least)

    def _lowest(self, least_db: float, least: int) -> int | None:
        """None where not even the highest keeps so much."""
        scale = self._scale
        for _ in range(CORRECTIONS):
            quality = min(lowest_that_holds(lambda at: self._foretold_db(at) - least_db, least, scale), scale.highest)
            if quality in self._whole:
                break
            margin_db = self._whole[quality] = self._size.lossy(quality)[1].margin_db(self._limit)
            self._more_db[quality] = margin_db - self._sampled_db(quality)
            if self._near[0] <= margin_db - least_db < self._near[1]:
                break
        least_db += self._near[0]
        return min((quality for quality, kept_db in self._whole.items() if kept_db >= least_db), default=None)

    def _foretold_db(self, quality: int) -> float:
        if quality in self._whole:
            return self._whole[quality]
        known = sorted(self._more_db)
        more_db = float(np.interp(quality, known, [self._more_db[each] for each in known])) if known else 0.0
        return self._sampled_db(quality) + more_db

    def _sampled_db(self, quality: int) -> float:
        return self._size.lossy_sample(quality)[1].margin_db(self._limit)
