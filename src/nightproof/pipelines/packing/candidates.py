"""Every way of writing a document that might be the smallest, under one set of tolerances."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nightproof.pipelines.packing import lossless_rest, tidy
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import GeometryStep
from nightproof.pipelines.packing.instancing import instance_nodes
from nightproof.pipelines.packing.joining import join_primitives
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.recode import Encoder, load_images, recode_images, texture_sizes
from nightproof.pipelines.packing.resample import resample_animations
from nightproof.pipelines.packing.tolerances import Tolerances
from nightproof.pipelines.packing.undraco import unpack_draco
from nightproof.pipelines.packing.units import Part, primitives
from nightproof.scenes.gltf import GltfDocument

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

    ways: tuple[Candidate, ...]
    plain: Candidate
    """The one whose geometry is untouched, among them."""
    images: Mapping[int, bytes]
    """What became smaller, by the document's numbering."""
    simplified: frozenset[Part]
    """What lost triangles."""


@dataclass(frozen=True)
class Seen:
    """What the views of the scene allow: textures' texels to spare, and metres of each mesh's unit per pixel."""

    spare: Mapping[int, float]
    units_per_px: Mapping[int, float]


NOT_SEEN = Seen({}, {})


def candidates(
    document: GltfDocument, encoder: Encoder, tolerances: Tolerances, seen: Seen, progress: Progress
) -> Made:
    """The ways, not yet compared. Raises NotUnderstood, BrokenScene and what a stranger's JSON makes Python raise."""
    textured = Draft.of(document)
    progress(0.0, "textures")

    def told(done: float) -> None:
        progress(0.7 * done, "textures")

    changed = recode_images(textured, encoder, seen.spare, tolerances.loss_of, told)
    names = ("textures",) if changed else ()
    sizes = texture_sizes(textured)
    errors = shape_errors(document, tolerances, seen)
    progress(0.7, "geometry")
    found: list[Candidate] = []
    simplified: set[Part] = set()
    for geometry in _geometries(textured):
        tidy.merge_equal(geometry)
        tidy.drop_unread_attributes(geometry)
        step, made = GeometryStep(geometry, sizes, errors, tolerances.more_bits), names
        if step.run():
            made = (*made, "geometry")
        if step.simplified:
            made = (*made, "simplification")
        simplified |= step.simplified
        _finish(geometry)
        if geometry.survey.frozen:
            foreign = geometry.survey.foreign[0]
            geometry.notes.append(f"Nothing was removed or renumbered: {foreign} may refer by index.")
        found.append(Candidate(assemble(geometry, meshopt=True), (*made, "meshopt"), tuple(geometry.notes)))
        found.append(Candidate(assemble(geometry, meshopt=False), (*made, "tidy"), tuple(geometry.notes)))
    progress(0.9, "assembly")
    plain = textured.copy()
    _finish(plain)
    untouched = Candidate(assemble(plain, meshopt=False), (*names, "tidy"), tuple(plain.notes))
    images = {index: data for index, (data, _) in textured.images.items()}
    return Made((*found, untouched), untouched, images, frozenset(simplified))


def shape_errors(document: GltfDocument, tolerances: Tolerances, seen: Seen) -> dict[Part, float]:
    """By part: how far its surface may move, in units of its mesh; parts that nobody sees are left out."""
    parts = [(place.mesh, place.primitive) for place in primitives(document.json) if place.mesh in seen.units_per_px]
    return {part: error for part in parts if (error := tolerances.shape_of(part) * seen.units_per_px[part[0]]) > 0}


def _geometries(textured: Draft) -> Iterator[Draft]:
    """The draft with Draco's data as they are, and with them unpacked."""
    yield textured.copy()
    unpacked = textured.copy()
    if unpack_draco(unpacked):
        yield unpacked


def _finish(draft: Draft) -> None:
    resample_animations(draft)
    lossless_rest.pack_rest(draft)
    tidy.merge_equal(draft)
    join_primitives(draft)
    instance_nodes(draft)
    tidy.prune(draft)
    load_images(draft)
