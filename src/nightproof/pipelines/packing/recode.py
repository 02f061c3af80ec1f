"""The images of a draft, encoded anew where that is smaller within what may be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from nightproof.pipelines.packing.coders import CODERS, WEBP, Coder
from nightproof.pipelines.packing.codings import Known
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.pixels import image_size
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_options import KeptBytes
from nightproof.pipelines.packing.texture_uses import TextureUse, image_uses, sources
from nightproof.pipelines.packing.texture_work import Asked, Encoded, Work
from nightproof.pipelines.packing.textures import TextureCoder
from nightproof.pipelines.packing.tolerances import Tolerances
from nightproof.scenes.declared import declare, withdraw
from nightproof.scenes.gltf import sniff_mime

EXTENSIONS = {coder.mime: coder.extension for coder in CODERS.values()}
RECODED = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True)
class SeenTextures:
    """What surface shows of images: texels to spare at the nearest view, and which cells."""

    spare: Mapping[int, float]
    cells: Mapping[int, bytes]
    texels: Mapping[int, UInt8[np.ndarray, "h w 4"]] = field(default_factory=dict)
    """Of images that were decoded before."""

    def work(self, image: int, use: TextureUse) -> Work:
        return Work(use, self.spare.get(image), self.cells.get(image))


class Encoder:
    """Encodes the images of one document, each piece of work once, in as many threads as it is given; `cache` outlives
    the process."""

    def __init__(self, threads: int, cache: Path | None, coder: Coder = WEBP, decoded: Decoded | None = None) -> None:
        self._threads, self._cache, self._coder, self._decoded = max(1, threads), cache, coder, decoded
        self._loss: Loss | None = None
        self._coders: dict[int, TextureCoder] = {}
        self._done: dict[tuple[int, Asked | None], Encoded] = {}
        self._known: dict[int, dict[tuple[int, ...], Known]] = {}

    def encode(
        self,
        draft: Draft,
        seen: SeenTextures,
        tolerances: Tolerances,
        progress: Callable[[float], None],
    ) -> dict[int, Encoded]:
        """What became of the images that may change."""
        if self._loss != tolerances.loss:  # files under one loss at a time; what was measured of them stays
            self._loss, self._done = tolerances.loss, {}
            self._coders = self._made(draft, seen, tolerances.loss)
        coders = self._coders
        each = {i: tolerances.of_image.get(i) for i in coders}
        new = [i for i in coders if (i, each[i]) not in self._done]
        with ThreadPoolExecutor(self._threads) as pool:
            # What a thread of its own has freed stays its own: with one, memory was held that nobody used.
            spread = pool.map if self._threads > 1 else map
            made = spread(lambda i: coders[i].encoded(each[i]), new)
            for done, (index, found) in enumerate(zip(new, made, strict=True), 1):
                self._done[index, each[index]] = found
                progress(done / len(new))
        return {i: self._done[i, each[i]] for i in coders}

    def options(self, image: int, asked: Asked | None) -> tuple[KeptBytes, ...]:
        """What else an image that was encoded might become."""
        return self._coders[image].options(asked, self._done[image, asked])

    def _made(self, draft: Draft, seen: SeenTextures, loss: Loss) -> dict[int, TextureCoder]:
        document, survey = draft.document, draft.survey
        uses = image_uses(draft.json, survey.pinned, survey.frozen, lambda index: bytes(document.image(index)[0]))

        def coder(image: int) -> TextureCoder:
            data, work, known = bytes(document.image(image)[0]), seen.work(image, uses[image]), self._known
            texels, mine = seen.texels.get(image), known.setdefault(image, {})
            return TextureCoder(data, work, loss, self._cache, self._coder, texels, mine, self._decoded)

        return {i: coder(i) for i in sorted(uses) if document.image(i)[1] in RECODED and _replaceable(draft.json, i)}


def recode_images(
    draft: Draft,
    encoder: Encoder,
    seen: SeenTextures,
    tolerances: Tolerances,
    progress: Callable[[float], None],
) -> dict[int, Encoded]:
    """Replace images by WebP or AVIF where that is smaller; textures then name them through their extensions. Returns
    what was replaced."""
    made = encoder.encode(draft, seen, tolerances, progress)
    smaller = {i: found for i, found in made.items() if found.data is not None}
    files = {i: found.data or b"" for i, found in smaller.items()}
    draft.images.update({i: (data, sniff_mime(data)) for i, data in files.items()})
    _name_images(draft)
    return smaller


def _replaceable(json: dict[str, Any], image: int) -> bool:
    """Whether every texture that shows the image offers no other."""
    using = [texture for texture in json.get("textures", []) if image in sources(texture)]
    webp = [texture.get("extensions", {}).get(WEBP.extension, {}).get("source") for texture in using]
    named = (texture.get("source", other) == image for texture, other in zip(using, webp, strict=True))
    return all(named) and all(len(sources(texture)) == 1 for texture in using)


def _name_images(draft: Draft) -> None:
    textures = draft.json.get("textures", [])
    for texture in textures:
        offered = sources(texture)
        if offered and offered[0] in draft.images:
            named, wanted = texture.setdefault("extensions", {}), EXTENSIONS[draft.images[offered[0]][1]]
            plain = {"source": texture.pop("source", None)}
            if wanted not in named:
                named[wanted] = named.pop(WEBP.extension, plain)
    for _, mime in draft.images.values():
        declare(draft.json, EXTENSIONS[mime], required=True)
    used = {name for texture in textures for name in texture.get("extensions", {})}
    if draft.images and WEBP.extension not in used:
        withdraw(draft.json, WEBP.extension)
    if draft.images:
        draft.resurvey()


def texture_sizes(draft: Draft) -> dict[int, int]:
    """Longer side of each texture, texels, as it is by now."""
    result = {}
    for index, texture in enumerate(draft.json.get("textures", [])):
        found = [draft.images.get(image) or draft.document.image(image) for image in sources(texture)]
        sides = [image_size(bytes(data)) for data, _ in found]
        result[index] = max(sides, default=1024)
    return result


def load_images(draft: Draft) -> None:
    """Every image that stays as it is, found by its old index before pruning moved it."""
    for index, image in enumerate(draft.json.get("images", [])):
        if index not in draft.images and "bufferView" in image:
            data, said = bytes(draft.document.buffer_view(image["bufferView"])), image.get("mimeType", "")
            draft.images[index] = (data, said or sniff_mime(data))
        elif index not in draft.images:
            data, told = draft.document._fetch(image["uri"], f"/images/{index}/uri")
            draft.images[index] = (data, image.get("mimeType") or told or sniff_mime(data))
