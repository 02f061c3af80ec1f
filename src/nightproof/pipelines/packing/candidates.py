"""Every way of writing a document that might be the smallest, under one set of tolerances."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from nightproof.pipelines.packing import lossless_rest, tidy
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import GeometryStep, Remembered
from nightproof.pipelines.packing.instancing import instance_nodes
from nightproof.pipelines.packing.joining import join_primitives
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.lods import TRIED_LEVELS, LevelsAsked, add_levels
from nightproof.pipelines.packing.recode import Encoder, SeenTextures, load_images, recode_images, texture_sizes
from nightproof.pipelines.packing.redraco import Redraco
from nightproof.pipelines.packing.resample import resample_animations
from nightproof.pipelines.packing.simplify import Leeway
from nightproof.pipelines.packing.texture_options import KeptBytes
from nightproof.pipelines.packing.texture_work import Encoded
from nightproof.pipelines.packing.tolerances import SHAPE_PX, Tolerances
from nightproof.pipelines.packing.undraco import unpack_draco
from nightproof.pipelines.packing.units import Part, primitives
from nightproof.scenes.gltf import GltfDocument

UNTOUCHED = "untouched"
LARGE_BYTES = 1 << 20
MOSTLY = 0.5
"""Of Draco's bytes: where more of them were made anew, meshopt never came near."""
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Candidate:
    """One way."""

    data: bytes
    steps: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """All ways under one set of tolerances."""

    ways: Mapping[str, Candidate]
    """By name; UNTOUCHED leaves every vertex as it came."""
    images: Mapping[int, Encoded]
    """What became smaller, by the document's numbering."""
    simplified: Mapping[Part, float]
    """What lost triangles, and what share of them is left."""
    options: Callable[[int], Sequence[KeptBytes]]
    """What else an image might become."""


@dataclass(frozen=True)
class Seen:
    """What the views of the scene allow: of textures, and metres of each mesh's unit per pixel."""

    textures: SeenTextures
    units_per_px: Mapping[int, float]


NOT_SEEN = Seen(SeenTextures({}, {}), {})


def candidates(
    base: Draft,
    encoder: Encoder,
    tolerances: Tolerances,
    seen: Seen,
    progress: Progress,
    levels: LevelsAsked | None = None,
    remembered: Remembered | None = None,
    hopeless: Set[str] = frozenset(),
    only: str | None = None,
) -> Made:
    """The ways that may be the smallest, not yet compared. Raises NotUnderstood and BrokenScene.

    Args:
        base: the document, `begun`; it stays as it is.
        levels: coarser levels of detail that meshes may get besides.
        hopeless: names of ways that are not gone.
        only: the name of the one that is, however large.
    """

    def goes(way: str) -> bool:
        return way not in hopeless if only is None else way == only

    textured = base.copy()
    progress(0.0, "textures")

    def told(done: float) -> None:
        progress(0.7 * done, "textures")

    images = recode_images(textured, encoder, seen.textures, tolerances, told)
    names = ("textures",) if images else ()
    sizes = texture_sizes(textured)
    leeways, coarser = leeways_of(base.document, tolerances, seen), TRIED_LEVELS if levels else 0
    progress(0.7, "geometry")
    found: dict[str, Candidate] = {}
    simplified: dict[Part, float] = {}
    for kind, geometry, redraco in _geometries(textured):
        names_of = {last: f"{kind}, {last}" for last in ("meshopt", "tidy")}
        if redraco is None and not any(map(goes, names_of.values())):
            continue
        tidy.merge_equal(geometry)
        tidy.drop_unread_attributes(geometry)
        maker = redraco.attribute if redraco else None
        # What may not move at all stands on the grids of what nobody looks at.
        bits, near = tolerances.more_bits, seen.units_per_px if tolerances.shape_px > 0 else NOT_SEEN.units_per_px
        step, made = GeometryStep(geometry, sizes, leeways, bits, maker, near, coarser, remembered), names
        if step.run():
            made = (*made, "geometry")
        if step.simplified:
            made = (*made, "simplification")
        simplified |= step.simplified
        if redraco and redraco.pack(tolerances.more_bits):
            made = (*made, "draco")
        _finish(geometry)
        if levels:
            add_levels(geometry, step.coarser, seen.units_per_px, levels)
        _prune(geometry)
        if geometry.survey.frozen:
            foreign = geometry.survey.foreign[0]
            geometry.notes.append(f"Nothing was removed or renumbered: {foreign} may refer by index.")
        for last, way in names_of.items():
            if goes(way) and not (last == "tidy" and _large(found.values())):
                data = assemble(geometry, meshopt=last == "meshopt")
                found[way] = Candidate(data, (*made, last), tuple(geometry.notes))
    progress(0.9, "assembly")
    if goes(UNTOUCHED) and not (_large(found.values()) and _halved(found.values(), base.document)):
        plain = textured.copy()
        _finish(plain)
        _prune(plain)
        found[UNTOUCHED] = Candidate(assemble(plain, meshopt=False), (*names, "tidy"), tuple(plain.notes))

    def options(image: int) -> Sequence[KeptBytes]:
        return encoder.options(image, tolerances.of_image.get(image))

    return Made(found, images, simplified, options)


def _large(found: Iterable[Candidate]) -> bool:
    """Whether files are so large that what the codec saves is more than what it takes to say so."""
    return min((len(way.data) for way in found), default=0) > LARGE_BYTES


def _halved(found: Iterable[Candidate], document: GltfDocument) -> bool:
    """Whether one takes less than half of what came in, beyond the images: vertices as they came would not."""
    images = sum(len(document.image(index)[0]) for index in range(document.count("images")))
    return min(len(way.data) for way in found) < (len(document.file_bytes or b"") - images) / 2


def begun(document: GltfDocument) -> Draft:
    """What all ways have in common, whatever the tolerances. Raises NotUnderstood and BrokenScene."""
    draft = Draft.of(document)
    resample_animations(draft)
    return draft


def leeways_of(document: GltfDocument, tolerances: Tolerances, seen: Seen) -> dict[Part, Leeway]:
    """By part; those that nobody sees, or that must stay, are left out."""
    parts = [place.part for place in primitives(document.json) if place.mesh in seen.units_per_px]
    moves = {part: tolerances.shape_of(part) for part in parts}
    return {
        part: Leeway(px * seen.units_per_px[part[0]], min(1.0, px / SHAPE_PX)) for part, px in moves.items() if px > 0
    }


def _geometries(textured: Draft) -> Iterator[tuple[str, Draft, Redraco | None]]:
    """The draft with Draco's data as they are, made anew, and unpacked where hardly any could be made anew."""
    yield "as it came", textured.copy(), None
    again = textured.copy()
    redraco = Redraco.of(again)
    if redraco and unpack_draco(again):
        yield "draco again", again, redraco
        if redraco.renewed > MOSTLY:  # by now it was packed
            return
    unpacked = textured.copy()
    if unpack_draco(unpacked):
        yield "unpacked", unpacked, None


def _finish(draft: Draft) -> None:
    lossless_rest.pack_rest(draft)
    tidy.merge_equal(draft)
    join_primitives(draft)
    instance_nodes(draft)


def _prune(draft: Draft) -> None:
    tidy.prune(draft)
    load_images(draft)
