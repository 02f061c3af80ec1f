"""A whole document in fewer bytes, or the bytes that it came in. What is not understood is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Set
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import (
    NOT_SEEN,
    UNTOUCHED,
    Candidate,
    Made,
    Progress,
    Seen,
    begun,
    candidates,
)
from nightproof.pipelines.packing.coders import WEBP, Coder
from nightproof.pipelines.packing.covered import packed_cells
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import Remembered
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.lods import LevelsAsked
from nightproof.pipelines.packing.nearness import nearness_of, spare_texels
from nightproof.pipelines.packing.recode import Encoder, SeenTextures
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.shape import well_shaped
from nightproof.pipelines.packing.sight import Look
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.tolerances import LOOKED_AT, Tolerances, cautious
from nightproof.pipelines.packing.viewpoint import SIDE_PX
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.nodes import LOD
from nightproof.scenes.views import ViewSampler

USUAL_DB, MARGIN_DB = 40.0, 0.3
LEAST_PSNR_DB = USUAL_DB + MARGIN_DB
"""In every view that is looked at: with a margin, since others look elsewhere."""
CAREFUL = Tolerances(shape_px=0.0)
"""What is tried where no tightening was enough: every triangle, and textures as where nothing is looked at."""
TOO_GOOD_DB, AIMED_DB, STEPS_BACK = 0.3, 0.1, 3
"""So far beyond, tightening went too far, and steps back are tried that aim at that much beyond, so many at most."""
WORTHWHILE, LESS_FAR = 0.99, 0.97
"""What part of the bytes a step back may leave to be made and looked at; how far the next goes of what a bad one
foretells."""
DB_PER_HALVING = 6.0
"""What images lose where they take half of the bytes."""
MANY_PARTS = 4000
"""Beyond it rounds take too long, and the first tolerances are such that none follows, mostly."""
HOPELESS = 1.2
"""A way that takes so many times the bytes of the smallest is not gone again under other tolerances."""
NO_LEVELS = "No coarser levels of detail: no mesh of the packed file is large and plain enough."
ROUNDS, STUCK_ROUNDS, STUCK_DB = 8, 3, 0.1
"""How often tolerances are tightened, and how often in a row for less than that, before what is left is tried."""
Making = Callable[[Tolerances, Seen], tuple[Made, Candidate]]
"""What was made under some tolerances, and the smallest of it."""


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
    coder: Coder = WEBP,
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
        coder: of textures.
        levels: of detail, coarser than what is shown otherwise, that every large mesh may get besides, if `flat` is
            given. Which way is the smallest is decided without them.
    """
    packer = Packer(document, flat=flat, threads=threads, cache=cache, coder=coder, levels=levels)
    return packer.packed(tolerances or packer.usual, least_psnr_db, progress)


class Packer:
    """Packs one document as often as it takes under other tolerances; what was measured of it is kept and changes
    nothing of what is made."""

    def __init__(
        self,
        document: GltfDocument,
        *,
        flat: FlatScene | None = None,
        threads: int = 1,
        cache: Path | None = None,
        coder: Coder = WEBP,
        levels: int = 0,
    ) -> None:
        self.document = document
        self.original = document.file_bytes or _as_glb(document)
        self._flat = flat if flat is not None and len(flat.triangles) > 0 else None
        self._threads, self._cache = threads, cache
        self._decoded = None if self._flat is None else Decoded(document, self._flat)
        self._encoder, self._remembered = Encoder(threads, cache, coder, self._decoded), Remembered()
        self._levels = LevelsAsked(levels, flat.environment, threads) if levels and flat is not None else None

    def with_coder(self, coder: Coder) -> Packer:
        """Another one of the same document, that has measured nothing yet."""
        levels = self._levels.most if self._levels else 0
        return Packer(
            self.document, flat=self._flat, threads=self._threads, cache=self._cache, coder=coder, levels=levels
        )

    @property
    def usual(self) -> Tolerances:
        """Of LEAST_PSNR_DB."""
        if self._flat is None:
            return Tolerances(loss=Loss())
        parts = {(instance.mesh, instance.primitive) for instance in self._flat.instances}
        return Tolerances(loss=LOOKED_AT) if len(parts) <= MANY_PARTS else cautious(parts)

    def packed(self, tolerances: Tolerances, least_psnr_db: float, progress: Progress) -> PackedFile:
        """The smallest within `tolerances` that keeps every view; the input where nothing smaller does."""
        tried: dict[bytes, Callable[[], Candidate]] = {}
        hopeless: set[str] = set()
        self._remembered = Remembered()

        def made(tolerances: Tolerances, seen: Seen) -> tuple[Made, Candidate]:
            ways = self._ways(tolerances, seen, progress, hopeless=hopeless)
            best = _smallest(self.original, ways)
            for name, way in ways.ways.items():
                if self._levels and way is best:
                    tried[best.data] = partial(self._way, name, tolerances, seen, progress, self._levels)
                if len(way.data) > HOPELESS * len(best.data):
                    hopeless.add(name)
            return replace(ways, ways={}), best  # the bytes of the others are held no longer

        try:
            if self._flat is None:
                _, best = made(tolerances, NOT_SEEN)
                found = PackedFile(best.data, best.steps, best.notes)
            else:
                shown = self._as_far_as_nothing_shows(made, tolerances, least_psnr_db)
                found = shown or self._as_it_came("every smaller file showed")
                if self._levels:
                    found = _with_levels(found, tried.get(found.data))
        except (NotUnderstood, BrokenScene) as reason:
            return self._as_it_came(str(reason))
        if found.steps and not _opens(found.data):
            return self._as_it_came("the packed file did not open")
        return found

    def _as_it_came(self, reason: str) -> PackedFile:
        return PackedFile(self.original, (), (f"Left as it is: {reason}.",))

    def _ways(
        self,
        tolerances: Tolerances,
        seen: Seen,
        progress: Progress,
        levels: LevelsAsked | None = None,
        hopeless: Set[str] = frozenset(),
        only: str | None = None,
    ) -> Made:
        how = levels, self._remembered, hopeless, only
        return candidates(self._begun, self._encoder, tolerances, seen, progress, *how)

    def _way(
        self, name: str, tolerances: Tolerances, seen: Seen, progress: Progress, levels: LevelsAsked | None = None
    ) -> Candidate:
        return self._ways(tolerances, seen, progress, levels, only=name).ways[name]

    @cached_property
    def _shaped(self) -> GltfDocument:
        """Raises BrokenScene."""
        return well_shaped(self.document)

    @cached_property
    def _begun(self) -> Draft:
        """Raises NotUnderstood and BrokenScene."""
        return begun(self._shaped)

    @cached_property
    def _views(self) -> tuple[ViewSampler, RayCaster]:
        assert self._flat is not None
        rays = RayCaster(self._flat.positions, self._flat.triangles, self._threads)
        return ViewSampler(self._flat, rays, SIDE_PX, SIDE_PX), rays

    @cached_property
    def _seen(self) -> Seen:
        assert self._flat is not None and self._decoded is not None
        nearness = nearness_of(self._flat, *self._views)
        spare, cells = spare_texels(self._begun, nearness), packed_cells(self._begun)
        textures = SeenTextures(spare, cells, self._decoded.texels)
        return Seen(textures, nearness.units_per_px())

    @cached_property
    def _judge(self) -> Judge:
        assert self._flat is not None and self._decoded is not None
        judge = Judge(self._flat, self._views[0], self._decoded, self._threads)
        del self._views  # as large as the scene, and asked no more
        return judge

    def _as_far_as_nothing_shows(self, made: Making, tolerances: Tolerances, least_psnr_db: float) -> PackedFile | None:
        """None where everything smaller showed."""
        seen = self._seen
        ways, best = made(tolerances, seen)
        if not best.steps:
            return PackedFile(best.data, (), best.notes)
        look, psnr_db = self._judge.look(best.data, least_psnr_db)
        most_db, stuck = min(psnr_db), 0
        for rounds in range(ROUNDS + 1):
            if min(psnr_db) >= least_psnr_db:  # of all views then
                found = PackedFile(best.data, best.steps, best.notes, psnr_db)
                return self._nearer(found, look, ways, made, tolerances, least_psnr_db)
            tighter = self._judge.tightened(tolerances, look, ways, least_psnr_db, rounds)
            if tighter == tolerances or rounds == ROUNDS or stuck == STUCK_ROUNDS:
                break
            before = best.data
            ways, best = made(tighter, seen)
            if not best.steps:
                break
            if best.data == before:  # no step made anything else of it
                tighter = tighter.at_once(tolerances)
                ways, best = made(tighter, seen)
            tolerances = tighter
            if best.data == before:
                continue
            look, psnr_db = self._judge.look(best.data, least_psnr_db, look)
            stuck = 0 if min(psnr_db) > most_db + STUCK_DB else stuck + 1
            most_db = max(most_db, min(psnr_db))
        return self._last(made, tolerances, least_psnr_db)

    def _nearer(
        self, found: PackedFile, look: Look, ways: Made, made: Making, tolerances: Tolerances, least_psnr_db: float
    ) -> PackedFile:
        """Where tightening went too far, back as far as that foretells is enough."""
        part = 1.0
        for _ in range(STEPS_BACK):
            spare_db = min(found.psnr_db) - least_psnr_db
            looser = tolerances.looser(part * (spare_db - AIMED_DB), ways.images)
            if spare_db < TOO_GOOD_DB or not _pays(looser, ways, part * spare_db, len(found.data)):
                break
            ways, other = made(looser, self._seen)
            if not other.steps or len(other.data) > WORTHWHILE * len(found.data):
                break
            look, psnr_db = self._judge.look(other.data, least_psnr_db, look)
            if min(psnr_db) >= least_psnr_db:
                found, tolerances = PackedFile(other.data, other.steps, other.notes, psnr_db), looser
            else:  # as if what views lost by it had grown evenly
                lost_db = max(min(found.psnr_db) - min(psnr_db), spare_db)
                part *= LESS_FAR * (spare_db - AIMED_DB) / lost_db
        return found

    def _last(self, made: Making, tolerances: Tolerances, least_psnr_db: float) -> PackedFile | None:
        """What is left to try where no tightening was enough."""
        more_db = least_psnr_db - LEAST_PSNR_DB
        self._remembered = Remembered(most_bytes=0)  # every part changes now, and takes more than before
        if more_db <= 0:
            _, careful = made(CAREFUL, self._seen)
            return _smaller(None, careful, self._judge, least_psnr_db)
        untouched = self._untouched(tolerances)  # while images under this loss are at hand
        _, careful = made(replace(CAREFUL.stricter(more_db), more_bits=tolerances.more_bits), self._seen)
        found = _smaller(None, careful, self._judge, least_psnr_db)
        return _smaller(found, untouched, self._judge, least_psnr_db)

    def _untouched(self, tolerances: Tolerances) -> Candidate:
        """With every vertex as it came: where more is asked than usual, even grids may show."""
        return self._way(UNTOUCHED, tolerances, self._seen, lambda fraction, message: None)


def _pays(looser: Tolerances, ways: Made, less_db: float, now_bytes: int) -> bool:
    """Whether images that may lose so much more make a difference to the file: of those that the lossless coder made it
    is not told."""
    lossy = [found for image, found in ways.images.items() if image in looser.of_image and found.quality is not None]
    saved = sum(len(found.data or b"") for found in lossy) * (1 - 2 ** (-less_db / DB_PER_HALVING))
    return saved > (1 - WORTHWHILE) * now_bytes


def _smaller(found: PackedFile | None, other: Candidate, judge: Judge, least_psnr_db: float) -> PackedFile | None:
    """The other where it is, and shows no more than it may."""
    if not other.steps or (found and len(other.data) >= len(found.data)):
        return found
    _, psnr_db = judge.look(other.data, least_psnr_db)
    return PackedFile(other.data, other.steps, other.notes, psnr_db) if min(psnr_db) >= least_psnr_db else found


def _with_levels(found: PackedFile, again: Callable[[], Candidate] | None) -> PackedFile:
    """The same file made again with coarser levels; a file that stays as it came gets none."""
    made = again() if again else None
    if made is None or LOD not in parse_glb(made.data).json.get("extensionsUsed", []):
        return replace(found, notes=(*found.notes, NO_LEVELS))
    return replace(found, data=made.data, steps=(*made.steps, "levels"), notes=made.notes)


def _smallest(original: bytes, made: Made) -> Candidate:
    return min(
        [Candidate(original, ()), *made.ways.values()], key=lambda candidate: len(candidate.data)
    )  # the input wins a tie


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
