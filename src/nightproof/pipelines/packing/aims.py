"""Packing with an aim: a PSNR that every view keeps, a size that is not exceeded, or both.

Less PSNR is not always less bytes (an image may leap from one way of coding to another), so the search compares what
it made, and takes nothing on trust but where to look next. It has no clock and no chance in it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nightproof.errors import NightproofError
from nightproof.pipelines.packing.candidates import Progress
from nightproof.pipelines.packing.coders import WEBP, Coder, coder_named
from nightproof.pipelines.packing.pack import MARGIN_DB, USUAL_DB, PackedFile, Packer
from nightproof.scenes.gltf import GltfDocument

TARGET_PSNR_DB, TARGET_BYTES, TEXTURE_FORMAT = "target_psnr_db", "target_bytes", "texture_format"
PARAMETERS = frozenset({TARGET_PSNR_DB, TARGET_BYTES, TEXTURE_FORMAT})
"""What a route tells packing besides the scene."""
LOOSEST_DB, STRICTEST_DB = 20.0, 60.0
BEYOND_DB = (4.0, 12.0)
"""Where eight rounds of tightening do not end well, they do from there, if stricter."""
DB_PER_HALVING = 8.0
"""What bytes cost in decibels before two sizes tell."""
CLOSE, FINE_DB, TRIES = 0.97, 0.2, 7
"""Ends of the search: so much of the size is used, targets lie so near each other, so many files were made."""
AIMED_AT = 0.985
"""Of the size: in the middle of what ends the search."""


class TooLargeStill(NightproofError):
    """Even what shows clearly takes more bytes than were asked for."""


@dataclass(frozen=True)
class Aim:
    """What is asked of packing."""

    psnr_db: float = USUAL_DB
    """Of every view that is looked at; at most that, where a size is asked for as well."""
    most_bytes: int | None = None
    coder: Coder = WEBP


def aim_of(parameters: Mapping[str, float | str], scratch: Path | None = None) -> Aim:
    """What a route asks for. Raises `NotOnThisMachine` where an encoder is missing."""
    most_bytes = parameters.get(TARGET_BYTES)
    return Aim(
        float(parameters.get(TARGET_PSNR_DB, USUAL_DB)),
        None if most_bytes is None else int(most_bytes),
        coder_named(str(parameters.get(TEXTURE_FORMAT, WEBP.name)), scratch),
    )


def packed_for(packer: Packer, aim: Aim, progress: Progress) -> PackedFile:
    """The file of that PSNR; where it is too large, that of the best PSNR among those tried that is not. Raises
    `TooLargeStill`. Where nothing holds with the textures that were asked for, WebP's are taken."""
    found = _packed_for(packer, aim, progress)
    if found.steps or not aim.coder.alone:
        return found
    return _packed_for(packer.with_coder(WEBP), replace(aim, coder=WEBP), progress)


def _packed_for(packer: Packer, aim: Aim, progress: Progress) -> PackedFile:
    if aim.most_bytes is None:
        found = _packed_at(packer, aim.psnr_db, progress)
        return found if aim.psnr_db >= USUAL_DB else _smaller(found, _packed_at(packer, USUAL_DB, progress))
    found = _packed_at(packer, aim.psnr_db, _part(progress, 0))
    if len(found.data) <= aim.most_bytes:
        return found
    return _best_within(packer, aim.most_bytes, aim.psnr_db, len(found.data), progress)


def _packed_at(packer: Packer, psnr_db: float, progress: Progress) -> PackedFile:
    """Where the rounds of tightening end without packed geometry that holds, others begin from stricter tolerances."""

    def made(more_db: float) -> PackedFile:
        return packer.packed(packer.usual.stricter(more_db), psnr_db + MARGIN_DB, progress)

    more_db = psnr_db - USUAL_DB
    found = made(more_db)
    for beyond_db in BEYOND_DB if more_db else ():
        if "geometry" in found.steps:
            break
        found = _smaller(found, made(more_db + beyond_db))
    return found


def _smaller(one: PackedFile, other: PackedFile) -> PackedFile:
    return other if len(other.data) < len(one.data) else one


def _best_within(packer: Packer, most_bytes: int, top_db: float, top_bytes: int, progress: Progress) -> PackedFile:
    """Between the loosest target and one whose file is too large."""
    sizes = {top_db: top_bytes}
    best: tuple[float, float, PackedFile] | None = None  # by what its worst view has
    while len(sizes) <= TRIES:
        target_db = _next_target(sizes, most_bytes)
        if target_db is None:
            break
        made = _packed_at(packer, target_db, _part(progress, len(sizes)))
        sizes[target_db] = len(made.data)
        least_db = min(made.psnr_db, default=target_db)
        if len(made.data) <= most_bytes and (best is None or (least_db, target_db) > best[:2]):
            best = least_db, target_db, made
    if best is None:
        raise _too_large(packer.document, min(sizes.values()), most_bytes)
    _, target_db, found = best
    note = f"Made for {target_db:.1f} dB, the best found that fits into {most_bytes:,} bytes."
    return replace(found, notes=(note, *found.notes))


def _next_target(sizes: Mapping[float, int], most_bytes: int) -> float | None:
    """Where to look next, dB; None where the search ends. The last try without a file small enough is the loosest."""
    fitting = [target_db for target_db, size in sizes.items() if size <= most_bytes]
    low_db = max(fitting, default=LOOSEST_DB)
    high_db = min(target_db for target_db, size in sizes.items() if size > most_bytes and target_db >= low_db)
    if fitting and (sizes[low_db] >= CLOSE * most_bytes or high_db - low_db <= FINE_DB):
        return None
    if not fitting and high_db <= LOOSEST_DB:
        return None
    if not fitting and len(sizes) == TRIES:
        return LOOSEST_DB
    wanted = math.log2(AIMED_AT * most_bytes)
    guess_db = high_db + (wanted - math.log2(sizes[high_db])) * _db_per_halving(sizes, low_db, high_db)
    if not fitting and guess_db <= LOOSEST_DB + 1:
        return LOOSEST_DB
    edge_db = 0.1 * (high_db - low_db)
    return round(min(max(guess_db, low_db + edge_db), high_db - edge_db), 2)


def _db_per_halving(sizes: Mapping[float, int], low_db: float, high_db: float) -> float:
    """By the two targets about the one that is sought, or by the two lowest that were tried."""
    others = [low_db] if low_db in sizes else sorted(target_db for target_db in sizes if target_db > high_db)[:1]
    for other_db in others:
        halvings = math.log2(sizes[high_db] / sizes[other_db])
        if halvings * (high_db - other_db) > 0:
            return (high_db - other_db) / halvings
    return DB_PER_HALVING


def _part(progress: Progress, done: int) -> Progress:
    """The progress of one of several files."""
    return lambda fraction, message: progress((done + fraction) / (TRIES + 1), f"file {done + 1}, {message}")


def _too_large(document: GltfDocument, smallest: int, most_bytes: int) -> TooLargeStill:
    return TooLargeStill(
        f"{most_bytes:,} bytes are too few for packing: at {LOOSEST_DB:.0f} dB, where loss shows clearly, it still "
        f"takes {smallest:,}",
        hint=_advice(document, smallest),
    )


def _advice(document: GltfDocument, smallest: int) -> str:
    images = sum(len(document.image(index)[0]) for index in range(document.count("images")))
    whole = len(document.file_bytes or b"") or images
    used = document.json.get("extensionsUsed", [])
    found = [f"Ask for --target-bytes {smallest} or more."]
    if "KHR_texture_basisu" in used:
        found.append("KTX2 images stay as they came: give the scene with PNG or JPEG images instead.")
    elif 2 * images > whole:
        found.append("Most of the scene is images: try --texture-format avif, or fewer and smaller ones.")
    else:
        found.append("Most of the scene is geometry: remove or simplify meshes before; skinned ones stay as they are.")
    found.append("A still scene may be smaller baked: --pipeline baking, without a target.")
    return " ".join(found)
