"""The images of a draft, encoded anew where that is smaller within what may be lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.pixels import image_size
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_uses import image_uses, sources
from nightproof.pipelines.packing.textures import Work, encode_texture
from nightproof.scenes.declared import declare

WEBP = "EXT_texture_webp"
RECODED = ("image/png", "image/jpeg", "image/webp")


class Encoder:
    """Encodes images, each piece of work once, in as many threads as it is given; `cache` outlives the process."""

    def __init__(self, threads: int, cache: Path | None) -> None:
        self._threads, self._cache = max(1, threads), cache
        self._done: dict[tuple[int, Work, Loss], bytes | None] = {}

    def encode(
        self, draft: Draft, works: Mapping[int, tuple[Work, Loss]], progress: Callable[[float], None]
    ) -> dict[int, bytes]:
        """The images that become smaller, as WebP."""
        new = [i for i, asked in works.items() if (i, *asked) not in self._done]
        with ThreadPoolExecutor(self._threads) as pool:
            made = pool.map(lambda i: encode_texture(draft.document.image(i)[0], *works[i], self._cache), new)
            for done, (index, data) in enumerate(zip(new, made, strict=True), 1):
                self._done[index, *works[index]] = data
                progress(done / len(new))
        found = {i: self._done[i, *asked] for i, asked in works.items()}
        return {i: data for i, data in found.items() if data is not None}


def recode_images(
    draft: Draft,
    encoder: Encoder,
    spare: Mapping[int, float],
    loss_of: Callable[[int], Loss],
    progress: Callable[[float], None],
) -> bool:
    """Replace images by WebP where that is smaller; textures then name them through EXT_texture_webp."""
    uses = image_uses(
        draft.json, draft.survey.pinned, draft.survey.frozen, lambda index: bytes(draft.document.image(index)[0])
    )
    works = {
        i: (Work(uses[i], spare.get(i)), loss_of(i))
        for i in sorted(uses)
        if draft.document.image(i)[1] in RECODED and _replaceable(draft.json, i)
    }
    draft.images.update({i: (data, "image/webp") for i, data in encoder.encode(draft, works, progress).items()})
    _name_webp(draft)
    return bool(draft.images)


def _replaceable(json: dict[str, Any], image: int) -> bool:
    """Whether every texture that shows the image offers no other."""
    using = [texture for texture in json.get("textures", []) if image in sources(texture)]
    webp = [texture.get("extensions", {}).get(WEBP, {}).get("source") for texture in using]
    named = (texture.get("source", other) == image for texture, other in zip(using, webp, strict=True))
    return all(named) and all(len(sources(texture)) == 1 for texture in using)


def _name_webp(draft: Draft) -> None:
    for texture in draft.json.get("textures", []):
        if texture.get("source") in draft.images:
            texture.setdefault("extensions", {})[WEBP] = {"source": texture.pop("source")}
    if draft.images:
        declare(draft.json, WEBP, required=True)
        draft.resurvey()


def texture_sizes(draft: Draft) -> dict[int, int]:
    """Longer side of each texture, texels."""
    result = {}
    for index, texture in enumerate(draft.json.get("textures", [])):
        sides = [image_size(draft.document.image(image)[0]) for image in sources(texture)]
        result[index] = max(sides, default=1024)
    return result


def load_images(draft: Draft) -> None:
    """Every image that stays as it is, found by its old index before pruning moved it."""
    for index, image in enumerate(draft.json.get("images", [])):
        if index not in draft.images and "bufferView" in image:
            draft.images[index] = (bytes(draft.document.buffer_view(image["bufferView"])), image["mimeType"])
        elif index not in draft.images:
            draft.images[index] = draft.document._fetch(image["uri"], f"/images/{index}/uri")
