"""What only packing can aim at: a PSNR, a size, a format of textures. Checked here, and carried in the route."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nightproof.errors import NightproofError
from nightproof.records.route import Alternative, Route

if TYPE_CHECKING:
    from nightproof.jobs.asking import Wishes

PACKING = "packing"
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "k": 10**3,
    "mb": 10**6,
    "m": 10**6,
    "gb": 10**9,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
}
_MOST_BYTES = 2**40


class BadTarget(NightproofError):
    """A target that cannot be meant, or that the chosen pipeline cannot aim at."""

    hint = "Run the command with --help to see what it takes."


def parse_bytes(text: str) -> int:
    """Bytes in `2MB`, `500kB`, `1.5 MiB`, `1_000_000`. Raises `BadTarget`."""
    match = re.fullmatch(r"\s*(\d[\d_]*(?:\.\d+)?)\s*([kmg]?i?b?)\s*", text.lower())
    unit = _UNITS.get(match[2]) if match else None
    size = int(float(match[1].replace("_", "")) * unit) if match and unit else 0
    if not 0 < size <= _MOST_BYTES:
        raise BadTarget(f"--target-bytes {text[:40]}: not a size", hint="Write it as 2MB, 500kB or 1_000_000.")
    return size


def require_sensible(wishes: Wishes) -> None:
    """Raises `BadTarget`, and `NotOnThisMachine` where that format of textures cannot be written here."""
    named = asked_by(wishes)
    if not named:
        return
    from nightproof.pipelines.packing.aims import LOOSEST_DB, STRICTEST_DB
    from nightproof.pipelines.packing.coders import CODERS, coder_named

    if wishes.pipeline not in ("auto", PACKING):
        raise BadTarget(
            f"--pipeline {wishes.pipeline} cannot aim at {' and '.join(named)}",
            hint="Only packing can: leave --pipeline out, or ask for --pipeline packing.",
        )
    psnr_db, most_bytes = wishes.target_psnr_db, wishes.target_bytes
    if psnr_db is not None and not LOOSEST_DB <= psnr_db <= STRICTEST_DB:
        raise BadTarget(
            f"--target-psnr {psnr_db:g}: not between {LOOSEST_DB:.0f} and {STRICTEST_DB:.0f} dB",
            hint="40 is usual, loss of 32 shows from near, and beyond 50 few files become smaller.",
        )
    if most_bytes is not None and most_bytes <= 0:
        raise BadTarget(f"--target-bytes {most_bytes}: not a size")
    if wishes.texture_format not in CODERS:
        raise BadTarget(f"--texture-format {wishes.texture_format[:40]}: not one of {', '.join(CODERS)}")
    coder_named(wishes.texture_format)


def asked_by(wishes: Wishes) -> list[str]:
    """The options that only packing serves."""
    given = {
        "--target-psnr": wishes.target_psnr_db is not None,
        "--target-bytes": wishes.target_bytes is not None,
        "--texture-format": wishes.texture_format != "webp",
    }
    return [option for option, is_given in given.items() if is_given]


def parameters_of(wishes: Wishes) -> Mapping[str, float | str]:
    """What the route tells packing."""
    from nightproof.pipelines.packing.aims import TARGET_BYTES, TARGET_PSNR_DB, TEXTURE_FORMAT

    told: dict[str, float | str] = {}
    if wishes.target_psnr_db is not None:
        told[TARGET_PSNR_DB] = float(wishes.target_psnr_db)
    if wishes.target_bytes is not None:
        told[TARGET_BYTES] = float(wishes.target_bytes)  # as records read numbers back: whole up to 2⁵³
    if wishes.texture_format != "webp":
        told[TEXTURE_FORMAT] = wishes.texture_format
    return told


def aimed(route: Route, wishes: Wishes, texels: float = 0.0) -> Route:
    """The route for these wishes: packing, where something is asked that only packing serves, and why.

    Args:
        texels: of the scene's images, as far as packing makes them anew: other formats take longer.
    """
    named = " and ".join(asked_by(wishes))
    if not named:
        return route
    against = f"It cannot aim at {named}."
    weighed = tuple(
        _foretold(each, wishes.texture_format, texels)
        if each.pipeline == PACKING
        else replace(each, reasons_against=(against, *each.reasons_against))
        for each in route.alternatives
    )
    told = replace(route, alternatives=weighed, parameters={**route.parameters, **parameters_of(wishes)})
    if route.pipeline == PACKING:
        return told
    return replace(told, pipeline=PACKING, fallback_reason=f"only packing can aim at {named}.")


def _foretold(packing: Alternative, texture_format: str, texels: float) -> Alternative:
    """With the time that the format takes."""
    from nightproof.pipelines.packing.coders import CODERS
    from nightproof.pipelines.packing.pipeline import CPU_SECONDS_PER_MEGATEXEL

    if packing.estimate is None:
        return packing
    more_s = (CODERS[texture_format].pace - 1) * CPU_SECONDS_PER_MEGATEXEL * texels / 1e6
    return replace(packing, estimate=replace(packing.estimate, cpu_seconds=packing.estimate.cpu_seconds + more_s))
