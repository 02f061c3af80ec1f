"""Hints about animations and rigs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.loose_json import field, items
from nightproof.optimizer.words import percent, plural

MANY_INFLUENCES = 4


def about_movement(seen: Seen) -> Iterator[Hint]:
    dynamic = seen.traits.dynamic
    stored = _channels(seen.json.get("animations"))
    idle = stored - round(dynamic.channels)
    if dynamic.clips and not dynamic.channels:
        text = f"{dynamic.clips:.0f} {plural(dynamic.clips, 'animation')} in the file move nothing; they can go."
        yield Hint(text, "movement", 0.5, ("/animations",))
    elif idle > 0:
        text = f"{idle} of {stored} animation channels hold one value all the time; they can go."
        yield Hint(text, "movement", 0.25, ("/animations",))
    if dynamic.rigged_share > 0.01:
        text = f"{percent(dynamic.rigged_share)} of the surface is rigged but never moved by a clip of this file."
        yield Hint(text, "movement", 0.4)
    if dynamic.influences > MANY_INFLUENCES:
        text = f"Vertices hang on {dynamic.influences:.0f} joints each; most viewers read four and drop the rest."
        yield Hint(text, "movement", 0.5)


def _channels(animations: Any) -> int:
    return sum(len(items(field(clip, "channels"))) for clip in items(animations))
