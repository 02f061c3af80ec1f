"""A whole document in fewer bytes, or the bytes that it came in. What is not understood is left alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.candidates import NOT_SEEN, Candidate, Made, Progress, Seen, candidates
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.nearness import nearness_of, spare_texels
from nightproof.pipelines.packing.pixels import decoded
from nightproof.pipelines.packing.recode import Encoder
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.sight import SIDE_PX, Look, Sight, squared_error
from nightproof.pipelines.packing.tolerances import COUNTED, Tolerances, factors
from nightproof.pipelines.packing.units import Part
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.views import ViewSampler

T = TypeVar("T")
LEAST_PSNR_DB = 40.5
"""In every view that is looked at: 40 dB with a margin, since others look elsewhere."""
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
    tolerances: Tolerances = Tolerances(),
    least_psnr_db: float = LEAST_PSNR_DB,
    progress: Progress = lambda fraction, message: None,
) -> PackedFile:
    """The smallest of what the steps make of `document`, with its own bytes among the candidates.

    Args:
        flat: the document as it is shown, in the light it is shown in. With it textures shrink to what is seen, meshes
            are simplified, and the result is looked at: every view keeps `least_psnr_db`. Without it, sizes and
            triangles stay.
    """
    original = document.file_bytes or _as_glb(document)
    try:
        found = _packed(document, original, flat, Encoder(threads, cache), tolerances, least_psnr_db, threads, progress)
    except (NotUnderstood, BrokenScene) as reason:
        return PackedFile(original, (), (f"Left as it is: {reason}.",))
    if found.steps and not _opens(found.data):
        return PackedFile(original, (), ("Left as it is: the packed file did not open.",))
    return found


def _packed(
    document: GltfDocument,
    original: bytes,
    flat: FlatScene | None,
    encoder: Encoder,
    tolerances: Tolerances,
    least_psnr_db: float,
    threads: int,
    progress: Progress,
) -> PackedFile:
    if flat is None or not len(flat.triangles):
        best = _smallest(original, _made(document, encoder, tolerances, NOT_SEEN, progress))
        return PackedFile(best.data, best.steps, best.notes)
    rays = RayCaster(flat.positions, flat.triangles, threads)
    sampler = ViewSampler(flat, rays, SIDE_PX, SIDE_PX)
    nearness = nearness_of(flat, sampler, rays)
    seen = _walked(lambda: Seen(spare_texels(Draft.of(document), nearness), nearness.units_per_px()))
    sight: Sight | None = None
    for _ in range(ROUNDS):
        made = _made(document, encoder, tolerances, seen, progress)
        best = _smallest(original, made)
        if not best.steps:
            return PackedFile(best.data, (), best.notes)
        if sight is None:
            sight = Sight(flat, sampler, rays, threads)
            witness = _Witness(sight)
        look = sight.look(best.data)
        psnr_db = sight.psnr_db(look)
        if min(psnr_db) >= least_psnr_db:
            return PackedFile(best.data, best.steps, best.notes, psnr_db)
        tighter = _tightened(tolerances, sight, witness, look, made, least_psnr_db)
        if tighter == tolerances:
            break
        tolerances = tighter
    return PackedFile(original, (), ("Left as it is: every smaller file showed.",))


def _made(document: GltfDocument, encoder: Encoder, tolerances: Tolerances, seen: Seen, progress: Progress) -> Made:
    return _walked(lambda: candidates(document, encoder, tolerances, seen, progress))


def _walked(walk: Callable[[], T]) -> T:
    """A stranger's JSON of another shape than the schema's: what cannot be walked is not understood."""
    try:
        return walk()
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise NotUnderstood(f"not shaped as glTF says ({type(error).__name__})") from error


class _Witness:
    """What the textures change together, and each image by itself; looked at once."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._errors: dict[tuple[int, bytes], list[float]] = {}
        self._plain: tuple[bytes, Look] | None = None

    def plain(self, data: bytes) -> Look:
        if self._plain is None or self._plain[0] != data:
            self._plain = data, self._sight.look(data)
        return self._plain[1]

    def errors(self, image: int, data: bytes) -> list[float]:
        if (image, data) not in self._errors:
            pixels = decoded(data, alpha=True)
            assert pixels is not None  # our own encoder made it
            if pixels.shape[2] == 3:
                pixels = np.concatenate([pixels, np.full((*pixels.shape[:2], 1), 255, np.uint8)], axis=2)
            self._errors[image, data] = self._sight.errors(self._sight.look_with(image, pixels))
        return self._errors[image, data]


def _tightened(
    tolerances: Tolerances, sight: Sight, witness: _Witness, look: Look, made: Made, least_psnr_db: float
) -> Tolerances:
    """Less of what showed: images by what each changes by itself, parts by what changes beyond the textures."""
    plain = witness.plain(made.plain.data)
    parts: dict[Part, float] = {}
    images: dict[int, float] = {}
    for number, psnr_db in enumerate(sight.psnr_db(look)):
        if psnr_db >= least_psnr_db:
            continue
        shapes, _ = sight.blame(number, plain, look)
        _, materials = sight.blame(number, None, plain)
        heavy = [m for m, error in materials.items() if error >= COUNTED * max(materials.values())]
        changed = {image for material in heavy for image in sight.images_of(material) if image in made.images}
        blame: dict[Any, float] = {("part", part): error for part, error in shapes.items()}
        blame |= {("image", image): witness.errors(image, made.images[image])[number] for image in sorted(changed)}
        for (kind, key), factor in factors(blame, squared_error(least_psnr_db)).items():
            into: dict[Any, float] = parts if kind == "part" else images
            into[key] = min(factor, into.get(key, 1.0))
    return tolerances.tightened(parts, images, made.simplified)


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
