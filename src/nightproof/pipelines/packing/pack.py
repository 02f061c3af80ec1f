"""A whole document in fewer bytes, or the bytes that it came in. What is not understood is left alone."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightproof.pipelines.packing import lossless_rest, tidy
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.geometry import GeometryStep
from nightproof.pipelines.packing.layout import assemble
from nightproof.pipelines.packing.references import NotUnderstood
from nightproof.pipelines.packing.textures import Loss, encode_texture, image_size, image_uses, sources
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb

WEBP = "EXT_texture_webp"
RECODED = ("image/png", "image/jpeg")


@dataclass(frozen=True)
class PackedFile:
    data: bytes
    steps: tuple[str, ...]
    """What was kept: `textures`, `geometry`, `meshopt`; none where the input itself is the smallest."""
    notes: tuple[str, ...]


def pack(
    document: GltfDocument,
    *,
    threads: int = 1,
    cache: Path | None = None,
    loss: Loss = Loss(),
    progress: Callable[[float, str], None] = lambda fraction, message: None,
) -> PackedFile:
    """The smallest of what the steps make of `document`, with its own bytes among the candidates."""
    original = document.file_bytes or _as_glb(document)
    try:
        candidates, notes = _candidates(document, threads, cache, loss, progress)
    except (NotUnderstood, BrokenScene) as reason:
        return PackedFile(original, (), (f"Left as it is: {reason}.",))
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        # A stranger's JSON of another shape than the schema's. What cannot be walked is not understood.
        return PackedFile(original, (), (f"Left as it is: not shaped as glTF says ({type(error).__name__}).",))
    candidates.insert(0, (original, ()))  # first, so that it wins a tie
    data, steps = min(candidates, key=lambda item: len(item[0]))
    if steps and not _opens(data):
        return PackedFile(original, (), ("Left as it is: the packed file did not open.",))
    return PackedFile(data, steps, tuple(notes))


def _candidates(
    document: GltfDocument, threads: int, cache: Path | None, loss: Loss, progress: Callable[[float, str], None]
) -> tuple[list[tuple[bytes, tuple[str, ...]]], list[str]]:
    found = []
    textured = Draft.of(document)
    progress(0.0, "textures")
    changed = recode_textures(textured, threads, cache, loss, lambda done: progress(0.7 * done, "textures"))
    names = ("textures",) if changed else ()
    sizes = texture_sizes(textured)
    progress(0.7, "geometry")
    geometry = Draft(document, textured.json, textured.survey, {}, textured.images, textured.notes)
    plain = Draft.of(document)
    plain.json, plain.images = _copied(textured.json), dict(textured.images)
    plain.resurvey()
    tidy.merge_equal(geometry)
    tidy.drop_unread_attributes(geometry)
    if GeometryStep(geometry, sizes).run():
        names = (*names, "geometry")
    for draft in (geometry, plain):
        lossless_rest.pack_rest(draft)
        tidy.merge_equal(draft)
        tidy.prune(draft)
        _load_images(draft)
    progress(0.9, "assembly")
    found.append((assemble(geometry, meshopt=True), (*names, "meshopt")))
    found.append((assemble(geometry, meshopt=False), (*names, "tidy")))
    found.append((assemble(plain, meshopt=False), (*names[: int(changed)], "tidy")))
    if textured.survey.frozen:
        geometry.notes.append(f"Nothing was removed or renumbered: {textured.survey.foreign[0]} may refer by index.")
    return found, geometry.notes


def recode_textures(
    draft: Draft, threads: int, cache: Path | None, loss: Loss, progress: Callable[[float], None]
) -> bool:
    """Replace images by WebP where that is smaller; textures then name them through EXT_texture_webp."""
    uses = image_uses(
        draft.json, draft.survey.pinned, draft.survey.frozen, lambda index: bytes(draft.document.image(index)[0])
    )
    work = [i for i in sorted(uses) if draft.document.image(i)[1] in RECODED and _replaceable(draft.json, i)]
    done = 0
    with ThreadPoolExecutor(max(1, threads)) as pool:
        encoded = pool.map(lambda i: encode_texture(draft.document.image(i)[0], uses[i], loss, cache), work)
        for index, data in zip(work, encoded, strict=True):
            done += 1
            progress(done / len(work))
            if data is not None:
                draft.images[index] = (data, "image/webp")
    _name_webp(draft)
    return bool(draft.images)


def _replaceable(json: dict[str, Any], image: int) -> bool:
    """Whether every texture that shows the image has it as its plain source and offers no other."""
    using = [texture for texture in json.get("textures", []) if image in sources(texture)]
    return all(texture.get("source") == image and len(sources(texture)) == 1 for texture in using)


def _name_webp(draft: Draft) -> None:
    for texture in draft.json.get("textures", []):
        if texture.get("source") in draft.images:
            texture.setdefault("extensions", {})[WEBP] = {"source": texture.pop("source")}
    if draft.images:
        draft.use_extension(WEBP, required=True)
        draft.resurvey()


def texture_sizes(draft: Draft) -> dict[int, int]:
    """Longer side of each texture, texels."""
    result = {}
    for index, texture in enumerate(draft.json.get("textures", [])):
        sides = [image_size(draft.document.image(image)[0]) for image in sources(texture)]
        result[index] = max(sides, default=1024)
    return result


def _load_images(draft: Draft) -> None:
    """Every image that stays as it is, found by its old index before pruning moved it."""
    for index, image in enumerate(draft.json.get("images", [])):
        if index not in draft.images and "bufferView" in image:
            draft.images[index] = (bytes(draft.document.buffer_view(image["bufferView"])), image["mimeType"])
        elif index not in draft.images:
            draft.images[index] = draft.document._fetch(image["uri"], f"/images/{index}/uri")


def _copied(json: dict[str, Any]) -> dict[str, Any]:
    import copy

    return copy.deepcopy(json)


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
    json = _copied(document.json)
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
