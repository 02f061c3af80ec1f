"""A whole document in fewer bytes, or the bytes that it came in. What is not understood is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import NOT_SEEN, Candidate, Made, Progress, Seen, candidates
from nightproof.pipelines.packing.covered import packed_cells
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.lods import LevelsAsked
from nightproof.pipelines.packing.nearness import nearness_of, spare_texels
from nightproof.pipelines.packing.recode import Encoder, SeenTextures
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.shape import well_shaped
from nightproof.pipelines.packing.sight import SIDE_PX
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.tolerances import LOOKED_AT, Tolerances
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.nodes import LOD
from nightproof.scenes.views import ViewSampler

LEAST_PSNR_DB = 40.3
"""In every view that is looked at: 40 dB with a margin, since others look elsewhere."""
CAREFUL = Tolerances(shape_px=0.0)
"""What is tried where no tightening was enough: every triangle, and textures as where nothing is looked at."""
TOO_GOOD_DB, AIMED_DB, STEPS_BACK = 0.5, 0.2, 2
"""So far beyond, tightening went too far, and steps back are tried that aim at that much beyond, so many at most."""
WORTHWHILE = 0.99
"""What part of the bytes a step back may leave to be looked at."""
NO_LEVELS = "No coarser levels of detail: no mesh of the packed file is large and plain enough."
ROUNDS = 8
"""How often tolerances are tightened before the input is given back."""


@dataclass(frozen=True)
class PackedFile:
    data: bytes
    steps: tuple[str, ...]
    """What was kept: `textures`, `geometry`, `simplification`, `meshopt`, `levels`; none: left as it was."""
    notes: tuple[str, ...]
    psnr_db: tuple[float, ...] = ()
    """Of the views that were looked at, if they were."""


def pack(
    document: GltfDocument,
    *,
    flat: FlatScene | None = None,
    threads: int = 1,
    cache: Path | None = None,
    tolerances: Tolerances | None = None,
    least_psnr_db: float = LEAST_PSNR_DB,
    levels: int = 0,
    progress: Progress = lambda fraction, message: None,
) -> PackedFile:
    """The smallest of what the steps make of `document`, with its own bytes among the candidates.

    Args:
        flat: the document as it is shown, in the light it is shown in. With it textures shrink to what is seen, meshes
            are simplified, and the result is looked at: every view keeps `least_psnr_db`. Without it, sizes and
            triangles stay.
        levels: of detail, coarser than what is shown otherwise, that every large mesh may get besides, if `flat` is
            given. Which way is the smallest is decided without them.
    """
    original = document.file_bytes or _as_glb(document)
    looked_at = flat is not None and len(flat.triangles) > 0
    tolerances = tolerances or Tolerances(loss=LOOKED_AT if looked_at else Loss())
    encoders: dict[Loss, Encoder] = {}
    asked = LevelsAsked(levels, flat.environment, threads) if levels and flat is not None else None
    tried: dict[bytes, Callable[[], Candidate]] = {}

    def made(tolerances: Tolerances, seen: Seen) -> tuple[Made, Candidate]:
        encoder = encoders.setdefault(tolerances.loss, Encoder(tolerances.loss, threads, cache))
        ways = candidates(document, encoder, tolerances, seen, progress)
        best = _smallest(original, ways)
        if asked and best in ways.ways:
            number = ways.ways.index(best)
            tried[best.data] = lambda: candidates(document, encoder, tolerances, seen, progress, asked).ways[number]
        return replace(ways, ways=()), best  # the bytes of the others are held no longer

    try:
        document = well_shaped(document)
        if flat is None or not looked_at:
            _, best = made(tolerances, NOT_SEEN)
            found = PackedFile(best.data, best.steps, best.notes)
        else:
            shown = _as_far_as_nothing_shows(document, flat, made, tolerances, least_psnr_db, threads)
            found = shown or PackedFile(original, (), ("Left as it is: every smaller file showed.",))
            if levels:
                found = _with_levels(found, tried.get(found.data))
    except (NotUnderstood, BrokenScene) as reason:
        return PackedFile(original, (), (f"Left as it is: {reason}.",))
    if found.steps and not _opens(found.data):
        return PackedFile(original, (), ("Left as it is: the packed file did not open.",))
    return found


def _as_far_as_nothing_shows(
    document: GltfDocument,
    flat: FlatScene,
    made: Callable[[Tolerances, Seen], tuple[Made, Candidate]],
    tolerances: Tolerances,
    least_psnr_db: float,
    threads: int,
) -> PackedFile | None:
    """None where everything smaller showed."""
    rays = RayCaster(flat.positions, flat.triangles, threads)
    sampler = ViewSampler(flat, rays, SIDE_PX, SIDE_PX)
    nearness = nearness_of(flat, sampler, rays)
    draft = Draft.of(document)
    texels = {each.image: each.pixels for each in flat.textures if each.image >= 0 and each.pixels.dtype == np.uint8}
    textures = SeenTextures(spare_texels(draft, nearness), packed_cells(draft), texels)
    seen = Seen(textures, nearness.units_per_px())

    def remake(tolerances: Tolerances) -> Candidate:
        return made(tolerances, seen)[1]

    ways, best = made(tolerances, seen)
    if not best.steps:
        return PackedFile(best.data, (), best.notes)
    judge = Judge(flat, sampler, rays, threads)
    del rays, sampler, draft  # as large as the scene, and asked no more
    look, psnr_db = judge.look(best.data)
    for rounds in range(ROUNDS + 1):
        if min(psnr_db) >= least_psnr_db:
            found = PackedFile(best.data, best.steps, best.notes, psnr_db)
            return _nearer(found, tolerances, remake, judge, least_psnr_db)
        tighter = judge.tightened(tolerances, look, ways, least_psnr_db, rounds)
        if tighter == tolerances or rounds == ROUNDS:
            break
        before = best.data
        ways, best = made(tighter, seen)
        if not best.steps:
            break
        if best.data == before:  # no step made anything else of it
            tolerances = tighter.at_once(tolerances)
            continue
        tolerances = tighter
        look, psnr_db = judge.look(best.data)
    return _smaller(None, remake(CAREFUL), judge, least_psnr_db)


def _nearer(
    found: PackedFile,
    tolerances: Tolerances,
    remake: Callable[[Tolerances], Candidate],
    judge: Judge,
    least_psnr_db: float,
) -> PackedFile:
    """Where tightening went too far, back as far as that foretells is enough."""
    part = 1.0
    for _ in range(STEPS_BACK):
        spare_db = min(found.psnr_db) - least_psnr_db
        looser = tolerances.looser(part * (spare_db - AIMED_DB))
        if spare_db < TOO_GOOD_DB or looser == tolerances:
            break
        made = remake(looser)
        if not made.steps or len(made.data) > WORTHWHILE * len(found.data):
            break
        _, psnr_db = judge.look(made.data)
        if min(psnr_db) >= least_psnr_db:
            found, tolerances = PackedFile(made.data, made.steps, made.notes, psnr_db), looser
        else:
            part /= 2
    return found


def _smaller(found: PackedFile | None, other: Candidate, judge: Judge, least_psnr_db: float) -> PackedFile | None:
    """The other where it is, and shows no more than it may."""
    if not other.steps or (found and len(other.data) >= len(found.data)):
        return found
    _, psnr_db = judge.look(other.data)
    return PackedFile(other.data, other.steps, other.notes, psnr_db) if min(psnr_db) >= least_psnr_db else found


def _with_levels(found: PackedFile, again: Callable[[], Candidate] | None) -> PackedFile:
    """The same file made again with coarser levels; a file that stays as it came gets none."""
    made = again() if again else Candidate(found.data, ())
    if LOD not in parse_glb(made.data).json.get("extensionsUsed", []):
        return replace(found, notes=(*found.notes, NO_LEVELS))
    return replace(found, data=made.data, steps=(*made.steps, "levels"), notes=made.notes)


def _smallest(original: bytes, made: Made) -> Candidate:
    return min([Candidate(original, ()), *made.ways], key=lambda candidate: len(candidate.data))  # the input wins a tie


def _opens(data: bytes) -> bool:
    try:
        document = parse_glb(data)
        for index in range(document.count("accessors")):
            document.accessor(index)
    except BrokenScene:
        return False
    return True


def _as_glb(document: GltfDocument) -> bytes:
    """A .gltf and its files as one GLB, otherwise unchanged."""
    json = copy.deepcopy(document.json)
    binary = bytearray()
    starts = []
    for index in range(document.count("buffers")):
        binary += b"\0" * (-len(binary) % 4)
        starts.append(len(binary))
        binary += document._buffer(index)
    for index, view in enumerate(json.get("bufferViews", [])):
        said = document.fields("bufferViews", index)
        if (buffer := said.reference("buffer", "buffers")) is None:
            raise BrokenScene("names no buffer", said.pointer)
        view |= {"buffer": 0, "byteOffset": said.integer("byteOffset", 0) + starts[buffer]}
    for index, image in enumerate(json.get("images", [])):
        if "uri" in image:
            data, mime = document.image(index)
            del image["uri"]
            binary += b"\0" * (-len(binary) % 4)
            json.setdefault("bufferViews", []).append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
            image["bufferView"] = len(json["bufferViews"]) - 1
            image["mimeType"] = mime or "image/png"
            binary += data
    if binary:
        json["buffers"] = [{"byteLength": len(binary)}]
    return write_glb(json, bytes(binary))
