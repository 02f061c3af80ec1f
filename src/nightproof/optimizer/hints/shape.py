"""Hints about triangles: too many, useless, repeated, without normals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightproof.optimizer.features.simplification import ERRORS
from nightproof.optimizer.hints.hint import Hint, Seen
from nightproof.optimizer.loose_json import field, items
from nightproof.optimizer.words import length, listed, percent, plural, thousands

DENSE_TRIANGLES_PER_PX = 0.1
"""200k triangles: several per pixel in the usual view, where an object fills a quarter of the screen at 50 % facing."""

WORTH_TRIANGLES, WORTH_SHARE, WORTH_LEFT = 5000, 0.1, 0.7
"""A mesh is worth simplifying where it has so many triangles, such a share of all, and keeps no more than this."""

NEAR_ENOUGH_M = 0.02
"""In places one stands in the middle: deviations beyond this would be seen, whatever their share of the whole."""

MANY_DRAWS = 500

UNFOLDED_TIMES, UNFOLDED_TRIANGLES = 8, 100_000
"""From here on it is said how much larger a scene is than its file."""


def about_shape(seen: Seen) -> Iterator[Hint]:
    geometric = seen.traits.geometric
    if geometric.degenerate_share > 0.005:
        text = f"{percent(geometric.degenerate_share)} of the triangles have no area; they cost and show nothing."
        yield Hint(text, "shape", 0.4, saves_triangles=round(geometric.degenerate_share * geometric.triangles))
    if geometric.duplicate_share > 0.005:
        text = f"{percent(geometric.duplicate_share)} of the triangles lie on others and flicker. Merge doubles."
        yield Hint(text, "shape", 0.75, saves_triangles=round(geometric.duplicate_share * geometric.triangles))
    without = primitives_without(seen.json, "NORMAL")
    if without:
        listed = tuple(f"/meshes/{mesh}/primitives/{primitive}" for mesh, primitive in without[:16])
        text = f"Normals missing on {len(without)} {plural(len(without), 'primitive')}: shown faceted. Export them."
        yield Hint(text, "shape", 0.55, listed)
    yield from _dense(seen)
    yield from _repeated(seen)
    yield from _unfolded(seen)


def _dense(seen: Seen) -> Iterator[Hint]:
    geometric, diagonal_m = seen.traits.geometric, seen.traits.geometric.diagonal_m
    total = max(sum(mesh.triangles for mesh in seen.meshes), 1)
    if seen.environment != "studio" and ERRORS[0] * diagonal_m > NEAR_ENOUGH_M:
        return
    within = length(ERRORS[0] * diagonal_m)
    worth = [
        mesh
        for mesh in seen.meshes
        if mesh.triangles >= max(WORTH_TRIANGLES, WORTH_SHARE * total) and mesh.needed <= WORTH_LEFT * mesh.triangles
    ]
    if worth:
        held, needed = sum(mesh.triangles for mesh in worth), sum(mesh.needed for mesh in worth)
        one = len(worth) == 1
        text = (
            f"{'Mesh' if one else 'Meshes'} {listed([mesh.name for mesh in worth])} {'holds' if one else 'hold'} "
            f"{percent(held / total)} of the triangles; {thousands(needed)} of {thousands(held)} keep "
            f"{'its' if one else 'their'} form within {within}, 0.1 % of the scene."
        )
        saved = held - needed
        subjects = tuple(f"/meshes/{mesh.mesh}" for mesh in worth)
        yield Hint(text, "shape", 0.3 + 0.5 * saved / total, subjects, saves_triangles=saved)
    if not worth and geometric.triangles_per_px > DENSE_TRIANGLES_PER_PX:
        text = (
            f"{geometric.triangles:,.0f} triangles are more than a screen can tell apart; "
            f"{percent(geometric.lod_share_fine)} of them keep the form within {within}."
        )
        yield Hint(text, "shape", 0.5, saves_triangles=round((1 - geometric.lod_share_fine) * geometric.triangles))


def _repeated(seen: Seen) -> Iterator[Hint]:
    geometric, draws = seen.traits.geometric, len(seen.flat.instances)
    copies = sum(1 for instance in seen.flat.instances if instance.copy)
    if geometric.copied_share > 0.5 and geometric.parts > 64 and copies < draws / 2:
        text = f"{percent(geometric.copied_share)} of the surface is copies of a few forms; GPU instancing would suit."
        yield Hint(text, "shape", 0.5)
    elif draws - copies > MANY_DRAWS:
        yield Hint(f"{draws - copies:,} draw calls; join what shares a material and stands still.", "shape", 0.5)


def _unfolded(seen: Seen) -> Iterator[Hint]:
    """How far copies, of nodes and of GPU instancing, amplify what the file holds."""
    placed = seen.flat.instances
    held = sum({(one.mesh, one.primitive): one.triangle_count for one in placed}.values())
    shown = sum(one.triangle_count for one in placed)
    if held and shown >= max(UNFOLDED_TRIANGLES, UNFOLDED_TIMES * held):
        text = (
            f"{thousands(held)} triangles of the file unfold to {thousands(shown)}, {shown / held:.0f} times as many, "
            f"by {len(placed):,} placings: viewers without instancing hold them all."
        )
        yield Hint(text, "shape", 0.35)


def primitives_without(json: Mapping[str, Any], attribute: str) -> list[tuple[int, int]]:
    """(mesh, primitive) of those that lack it."""
    found = []
    for m, mesh in enumerate(items(json.get("meshes"))):
        for p, primitive in enumerate(items(field(mesh, "primitives"))):
            attributes = field(primitive, "attributes")
            if isinstance(attributes, dict) and attribute not in attributes:
                found.append((m, p))
    return found
