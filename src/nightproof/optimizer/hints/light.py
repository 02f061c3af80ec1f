"""Hints about what lights the scene."""

from __future__ import annotations

from collections.abc import Iterator

from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.words import percent


def about_light(seen: Seen) -> Iterator[Hint]:
    lighting, environment = seen.traits.lighting, seen.environment
    carried = "No light in the file" if not lighting.own_reach_share else "Hardly any light in the file"
    if environment == "studio" and not lighting.carries_light:
        text = f"{carried}: the studio environment was assumed. Choose another with --environment."
        yield Hint(text, "light", 0.3)
    if environment == "sky" and not lighting.carries_light:
        text = f"{carried}: an overcast sky was assumed. Add lights, or choose another with --environment."
        yield Hint(text, "light", 0.6)
    if environment == "sky" and seen.scene_class == "interior" and lighting.sky_reach_share < 0.1:
        text = (
            f"Daylight reaches only {percent(lighting.sky_reach_share)} of the surface and the room has no lamps: "
            "it will be dark. Add a light or open a window."
        )
        yield Hint(text, "light", 0.9)
    if seen.scene_class == "interior" and lighting.albedo > 0.9:
        text = f"Walls reflect {percent(lighting.albedo)} of the light; real ones 50–80 %. Contrast will be low."
        yield Hint(text, "light", 0.5)
