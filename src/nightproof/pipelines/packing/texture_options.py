"""What an image might become that keeps more: bytes by how much is kept, foretold from samples."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from nightproof.pipelines.packing.codings import Codings
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_work import Encoded

BETWEEN = 3
"""Options between two qualities that were tried: the coder comes near any."""
USUAL_SHARE = 0.85
"""What part of the bytes that a sample foretells the whole takes: less is known of other tiles' surroundings there."""
EXACT_SHARE = 0.9
"""Likewise of the lossless coder, whatever the lossy one takes: 0.6 to 1.05 on seventeen textures of five scenes."""
ALL_DB = 60.0
"""What counts as keeping everything."""
EVERY_WAY = 2
"""One of so many roundings is tried, from the finest."""


class KeptBytes(NamedTuple):
    kept_db: float
    """How much less squared error than allowed."""
    bytes: float


def options(sizes: Sequence[Codings], loss: Loss, found: Encoded) -> tuple[KeptBytes, ...]:
    """Those that keep more than `found`, in no order.

    Args:
        sizes: of the image, from the largest to the one that was `found`.
    """
    last, all_of_them = len(sizes) - 1, list[KeptBytes]()
    for number, size in enumerate(sizes):
        more_db, share, least = 0.0, USUAL_SHARE, 0
        if number == last and found.quality is not None and found.data:
            least = found.quality
            sampled, lost = size.lossy_sample(least)
            more_db = found.kept_db - lost.margin_db(loss)
            share = len(found.data) / (sampled * size.sample.parts)
        runs = [_lossy(size, qualities, loss, more_db, share, least) for qualities in size.coder.spread(least)]
        lossy = [option for run in runs for option in (*run, *_between(run))]
        each = [*lossy, *([] if size.coder.alone else _exact(size, loss))]
        all_of_them += [KeptBytes(min(kept_db, size.slack_db), taken) for kept_db, taken in each]
    return tuple(option for option in all_of_them if option.kept_db > found.kept_db)


def _lossy(
    size: Codings, qualities: Sequence[int], loss: Loss, more_db: float, share: float, least: int
) -> list[KeptBytes]:
    """`share` is of the quality `least`; towards the highest it becomes the usual one."""
    scale = size.coder.scale
    found = []
    for quality in qualities:
        (taken, lost), way = size.lossy_sample(quality), (quality - least) / max(scale.highest - least, 1)
        whole = taken * size.sample.parts * (share + way * (USUAL_SHARE - share))
        found.append(KeptBytes(lost.margin_db(loss) + more_db, whole))
    return found


def _between(lossy: Sequence[KeptBytes]) -> list[KeptBytes]:
    return [
        KeptBytes(one.kept_db + part * (other.kept_db - one.kept_db), one.bytes * (other.bytes / one.bytes) ** part)
        for one, other in pairwise(lossy)
        for part in (step / (BETWEEN + 1) for step in range(1, BETWEEN + 1))
    ]


def _exact(size: Codings, loss: Loss) -> list[KeptBytes]:
    """Some roundings of each way, as samples take time; those that spare slopes only where the coder is any good."""
    plain, sparing = (ways[-1::-EVERY_WAY] for ways in size.roundings)
    taken = {way: size.plain_bytes(way) for way in plain}
    if min(taken.values()) < size.lossy_sample(size.coder.scale.highest)[0] * size.sample.parts:
        taken |= {way: size.exact_bytes(way) for way in sparing}
    kept = {way: min(size.rounded(way, whole=False).margin_db(loss), ALL_DB) for way in taken}
    return [KeptBytes(kept[way], taken[way] * EXACT_SHARE) for way in taken]
