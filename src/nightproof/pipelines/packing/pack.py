"""A whole document in fewer bytes, or the bytes that it came in. What is not understood is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import NOT_SEEN, Candidate, Made, Progress, Seen, candidates
from nightproof.pipelines.packing.coders import WEBP, Coder
from nightproof.pipelines.packing.covered import packed_cells
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.nearness import nearness_of, spare_texels
from nightproof.pipelines.packing.recode import Encoder, SeenTextures
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.sight import SIDE_PX
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.tolerances import LOOKED_AT, Tolerances
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.views import ViewSampler

T = TypeVar("T")
USUAL_DB, MARGIN_DB = 40.0, 0.3
LEAST_PSNR_DB = USUAL_DB + MARGIN_DB
"""In every view that is looked at: with a margin, since others look elsewhere."""
TOO_GOOD_DB = 0.8
"""So far beyond, tightening went too far: half-way back is tried."""
ROUNDS = 8
"""How often tolerances are tightened before the input is given back."""


@dataclass(frozen=True)
class PackedFile:
    data: bytes
    steps: tuple[str, ...]
    """What was kept: `textures`, `geometry`, `simplification`, `meshopt`; none where the input is the smallest."""
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
    progress: Progress = lambda fraction, message: None,
) -> PackedFile:
    """The smallest of what the steps make of `document`, with its own bytes among the candidates.

    Args:
        flat: the document as it is shown, in the light it is shown in. With it textures shrink to what is seen, meshes
            are simplified, and the result is looked at: every view keeps `least_psnr_db`. Without it, sizes and
            triangles stay.
    """
    packer = Packer(document, flat=flat, threads=threads, cache=cache, coder=coder)
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
    ) -> None:
        self.document = document
        self._flat = flat if flat is not None and len(flat.triangles) > 0 else None
        self._threads = threads
        self._encoder = Encoder(threads, cache, coder)

    @property
    def usual(self) -> Tolerances:
        """Of LEAST_PSNR_DB."""
        return Tolerances(loss=Loss() if self._flat is None else LOOKED_AT)

    @cached_property
    def original(self) -> bytes:
        return self.document.file_bytes or _as_glb(self.document)

    def packed(self, tolerances: Tolerances, least_psnr_db: float, progress: Progress) -> PackedFile:
        """The smallest within `tolerances` that keeps every view; the input where nothing smaller does."""
        try:
            if self._flat is None:
                _, best = self._made(tolerances, NOT_SEEN, progress)
                found = PackedFile(best.data, best.steps, best.notes)
            else:
                shown = self._as_far_as_nothing_shows(tolerances, least_psnr_db, progress)
                found = shown or self._as_it_came("every smaller file showed")
        except (NotUnderstood, BrokenScene) as reason:
            return self._as_it_came(str(reason))
        if found.steps and not _opens(found.data):
            return self._as_it_came("the packed file did not open")
        return found

    def _as_it_came(self, reason: str) -> PackedFile:
        return PackedFile(self.original, (), (f"Left as it is: {reason}.",))

    def _made(self, tolerances: Tolerances, seen: Seen, progress: Progress) -> tuple[Made, Candidate]:
        ways = _walked(lambda: candidates(self.document, self._encoder, tolerances, seen, progress))
        return ways, _smallest(self.original, ways)

    @cached_property
    def _views(self) -> tuple[ViewSampler, RayCaster]:
        assert self._flat is not None
        rays = RayCaster(self._flat.positions, self._flat.triangles, self._threads)
        return ViewSampler(self._flat, rays, SIDE_PX, SIDE_PX), rays

    @cached_property
    def _seen(self) -> Seen:
        assert self._flat is not None
        nearness = nearness_of(self._flat, *self._views)
        draft = _walked(lambda: Draft.of(self.document))
        textures = _walked(lambda: SeenTextures(spare_texels(draft, nearness), packed_cells(draft)))
        return Seen(textures, nearness.units_per_px())

    @cached_property
    def _judge(self) -> Judge:
        assert self._flat is not None
        return Judge(self._flat, *self._views, self._threads)

    def _as_far_as_nothing_shows(
        self, tolerances: Tolerances, least_psnr_db: float, progress: Progress
    ) -> PackedFile | None:
        """None where everything smaller showed."""
        ways, best = self._made(tolerances, self._seen, progress)
        if not best.steps:
            return PackedFile(best.data, (), best.notes)
        showed: Tolerances | None = None
        for _ in range(ROUNDS):
            look, psnr_db = self._judge.look(best.data)
            if min(psnr_db) >= least_psnr_db:
                found = PackedFile(best.data, best.steps, best.notes, psnr_db)
                if showed is None or min(psnr_db) < least_psnr_db + TOO_GOOD_DB:
                    return found
                _, between = self._made(tolerances.towards(showed), self._seen, progress)
                return _smaller(found, between, self._judge, least_psnr_db)
            tighter = self._judge.tightened(tolerances, look, ways, least_psnr_db)
            if tighter == tolerances:
                break
            tolerances, showed = tighter, tolerances
            ways, best = self._made(tolerances, self._seen, progress)
            if not best.steps:
                break
        return self._untouched(ways.plain, least_psnr_db)

    def _untouched(self, plain: Candidate, least_psnr_db: float) -> PackedFile | None:
        """With every vertex as it came, where that is smaller and does not show."""
        if len(plain.data) >= len(self.original):
            return None
        _, psnr_db = self._judge.look(plain.data)
        found = PackedFile(plain.data, plain.steps, plain.notes, psnr_db)
        return found if min(psnr_db) >= least_psnr_db else None


def _smaller(found: PackedFile, other: Candidate, judge: Judge, least_psnr_db: float) -> PackedFile:
    """The other where it is, and shows no more."""
    if not other.steps or len(other.data) >= len(found.data):
        return found
    _, psnr_db = judge.look(other.data)
    return PackedFile(other.data, other.steps, other.notes, psnr_db) if min(psnr_db) >= least_psnr_db else found


def _walked(walk: Callable[[], T]) -> T:
    """A stranger's JSON of another shape than the schema's: what cannot be walked is not understood."""
    try:
        return walk()
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise NotUnderstood(f"not shaped as glTF says ({type(error).__name__})") from error


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
        if document.fields("bufferViews", index).reference("buffer", "buffers") is None:
            raise BrokenScene("names no buffer", f"/bufferViews/{index}")
        view["byteOffset"] = view.get("byteOffset", 0) + starts[view["buffer"]]
        view["buffer"] = 0
    for image in json.get("images", []):
        if "uri" in image:
            data, mime = document._fetch(image.pop("uri"), "/images")
            binary += b"\0" * (-len(binary) % 4)
            json.setdefault("bufferViews", []).append({"buffer": 0, "byteOffset": len(binary), "byteLength": len(data)})
            image["bufferView"] = len(json["bufferViews"]) - 1
            image["mimeType"] = image.get("mimeType") or mime or "image/png"
            binary += data
    if binary:
        json["buffers"] = [{"byteLength": len(binary)}]
    return write_glb(json, bytes(binary))
