"""Hints about the texture budget: what could be smaller, and what it would lose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from nightproof.optimizer.features.texel_loss import BEST_DB
from nightproof.optimizer.features.textures import TextureFacts
from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.words import length, listed, percent, pixels, plural, size

HEAVY_GPU_BYTES = 128e6
COARSE_TEXELS_PER_DIAGONAL = 200.0
"""Below it texels are visible in a view of the whole scene."""

SMALLEST_PX = 16
"""Smaller textures are swatches of colour, or stand in for a format that could not be decoded."""

WORTH_BYTES = 500_000
UNUSED_SHARE = 0.4
"""Atlases leave a third of their texels empty anyhow."""


def about_textures(seen: Seen) -> Iterator[Hint]:
    total = max(sum(texture.gpu_bytes for texture in seen.textures), 1.0)
    yield from _too_large(seen, total)
    yield from _too_coarse(seen)
    yield from _spare(seen, total)
    if total > HEAVY_GPU_BYTES:
        text = f"Textures take {size(total)} on the GPU; phones give up near 300 MB."
        yield Hint(text, "textures", 0.6)


def _too_large(seen: Seen, total: float) -> Iterator[Hint]:
    """Textures that can shrink alike are one hint."""
    alike: dict[tuple[int, int, int], list[TextureFacts]] = defaultdict(list)
    for texture in seen.textures:
        if texture.smaller.halvings and texture.same_as < 0:
            alike[texture.width_px, texture.height_px, texture.smaller.halvings].append(texture)
    for (width, height, _), group in alike.items():
        saved = sum(texture.spare_gpu_bytes for texture in group)
        if saved < WORTH_BYTES:
            continue
        seen_db = min(texture.smaller.seen_db for texture in group)
        close_db = min(texture.smaller.close_db for texture in group)
        count = f"{len(group)} textures of" if len(group) > 1 else "A texture of"
        side_m = (max(t.area_share for t in group) * seen.traits.geometric.area_m2) ** 0.5
        text = (
            f"{count} {pixels(width, height)} ({listed([t.name for t in group])}) on {length(side_m)} of surface: "
            f"{pixels(*group[0].small_px)} {_loses(seen_db, close_db)} and saves {size(saved)} on the GPU."
        )
        yield Hint(text, "textures", 0.3 + 0.5 * saved / total, _materials(group), saves_gpu_bytes=round(saved))


def _loses(seen_db: float, close_db: float) -> str:
    if seen_db >= BEST_DB:
        nose = "" if close_db >= BEST_DB else f" ({close_db:.0f} dB with the nose at it)"
        return f"loses nothing as near as one looks{nose}"
    return f"keeps {seen_db:.0f} dB as near as one looks ({close_db:.0f} dB with the nose at it)"


def _too_coarse(seen: Seen) -> Iterator[Hint]:
    material, size_m = seen.traits.material, seen.traits.geometric.diagonal_m
    if 0 < material.texels_per_diagonal < COARSE_TEXELS_PER_DIAGONAL and material.largest_texture_px >= SMALLEST_PX:
        text = f"Textures hold {material.texels_per_diagonal:,.0f} texels along {length(size_m)} of scene: blurred."
        yield Hint(text, "textures", 0.5)


def _spare(seen: Seen, total: float) -> Iterator[Hint]:
    groups: tuple[tuple[str, list[TextureFacts], str], ...] = (
        ("repeat another texel by texel", [t for t in seen.textures if t.same_as >= 0], "Refer to one image."),
        ("hold one colour", [t for t in seen.textures if t.constant and t.same_as < 0], "A factor says it."),
    )
    for what, group, then in groups:
        saved = sum(texture.gpu_bytes for texture in group)
        if group:
            verb = what if len(group) > 1 else what.replace("repeat", "repeats", 1).replace("hold", "holds", 1)
            text = f"{len(group)} {plural(len(group), 'texture')} {verb}: {listed([t.name for t in group])}. {then}"
            yield Hint(text, "textures", 0.3 + 0.5 * saved / total, _materials(group), saves_gpu_bytes=round(saved))
    loose = [t for t in seen.textures if t.unused_share > UNUSED_SHARE and t.gpu_bytes > WORTH_BYTES]
    if loose:
        wasted = sum(t.unused_share * t.gpu_bytes for t in loose)
        least, most = min(t.unused_share for t in loose), max(t.unused_share for t in loose)
        share = percent(most) if round(100 * least) == round(100 * most) else f"{percent(least)} to {percent(most)}"
        text = (
            f"No surface shows {share} of {listed([t.name for t in loose])}: {size(wasted)} on the GPU. "
            "Pack the UV charts closer."
        )
        yield Hint(text, "textures", 0.2 + 0.4 * wasted / total, _materials(loose), saves_gpu_bytes=round(wasted))


def _materials(group: Sequence[TextureFacts]) -> tuple[str, ...]:
    return tuple(f"/materials/{index}" for index in sorted({m for texture in group for m in texture.materials}))
