"""Pixels of images that were made or came in: whoever looks at one again finds it decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from jaxtyping import UInt8

from nightproof.pipelines.packing.pixels import reread
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.images import decode_image

Array = np.ndarray


class Decoded:
    """Of one document. As many are held as one file has, besides those of the file that came in, which are held by its
    scene: what is let go of is decoded again where it is asked for."""

    def __init__(self, document: GltfDocument, flat: FlatScene) -> None:
        self.texels = {
            each.image: each.pixels for each in flat.textures if each.image >= 0 and each.pixels.dtype == np.uint8
        }
        """Of the document's images that were decoded to be shown."""
        self._came = {_name(document.image(image)[0]): pixels for image, pixels in self.texels.items()}
        self._held: dict[bytes, UInt8[Array, "h w 4"]] = {}
        self._used: set[bytes] = set()

    def decode(self, data: bytes, mime: str, pointer: str) -> UInt8[Array, "h w 4"]:
        """As `decode_image`."""
        name = _name(data)
        if name in self._came:
            return self._came[name]
        self._used.add(name)
        if name not in self._held:
            self._held[name] = decode_image(data, mime, pointer)
        return self._held[name]

    def pixels(self, data: bytes) -> UInt8[Array, "h w 4"]:
        """Of what our own encoder made."""
        name = _name(data)
        if name not in self._held:
            self._held[name] = np.ascontiguousarray(reread(data, 4))
        return self._held[name]

    def let_go(self, of: Iterable[bytes]) -> None:
        """Images that came to nothing."""
        for data in of:
            self._held.pop(_name(data), None)

    def let_others_go(self) -> None:
        """All that were not decoded by `decode` since the last time."""
        for name in self._held.keys() - self._used:
            del self._held[name]
        self._used = set()


def _name(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
