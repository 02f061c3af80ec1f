"""A glTF document while it is being put together from another format, and the files that it was made from.

What leaves here goes through the same door as a stranger's GLB (`parse_glb`): a converter that errs is found by the
same checks as a file that lies.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nightproof.records.record import canonical_json
from nightproof.scenes.broken import SceneTooLarge
from nightproof.scenes.declared import declare
from nightproof.scenes.gltf import GltfDocument, parse_glb, write_glb
from nightproof.scenes.resources import FILE_BYTES_LIMIT

Array = np.ndarray
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
CODES = {"f4": 5126, "u1": 5121, "u2": 5123, "u4": 5125}


@dataclass
class SourceFiles:
    """Every file that a scene was read from, so that its digest and its size cover them all."""

    digests: dict[str, str] = field(default_factory=dict)
    size_bytes: int = 0

    def add(self, name: str, data: bytes) -> None:
        """Name "" is the scene file itself; others stand as it spells them."""
        if name not in self.digests:
            self.digests[name] = hashlib.sha256(data).hexdigest()
            self.size_bytes += len(data)
            if self.size_bytes > FILE_BYTES_LIMIT:
                raise SceneTooLarge(f"the scene and its files are larger than {FILE_BYTES_LIMIT} bytes")

    @property
    def sha256(self) -> str:
        """Of the file; where it names others, of the canonical list of their digests, as for a .gltf."""
        if len(self.digests) == 1:
            return self.digests[""]
        return hashlib.sha256(canonical_json(self.digests)).hexdigest()


@dataclass
class Assembly:
    """Growing JSON and its one binary chunk."""

    json: dict[str, Any] = field(default_factory=lambda: {"asset": {"version": "2.0"}})
    binary: bytearray = field(default_factory=bytearray)
    images: dict[tuple[bytes, str], int] = field(default_factory=dict)
    """Encoded bytes and MIME type → image, for those who want each image once."""
    textures: dict[tuple[int, tuple[int, int]], int] = field(default_factory=dict)
    """Image and wraps → texture."""

    def push(self, array: str, item: dict[str, Any]) -> int:
        """Append to a root array; returns the index."""
        items = self.json.setdefault(array, [])
        items.append(item)
        return len(items) - 1

    def view(self, data: bytes, target: int | None = None) -> int:
        self.binary += b"\0" * (-len(self.binary) % 4)
        start = len(self.binary)
        self.binary += data
        if len(self.binary) > FILE_BYTES_LIMIT:
            raise SceneTooLarge(f"converts to more than {FILE_BYTES_LIMIT} bytes")
        view = {"buffer": 0, "byteOffset": start, "byteLength": len(data)}
        return self.push("bufferViews", view if target is None else view | {"target": target})

    def accessor(
        self, values: Array, target: int | None = ARRAY_BUFFER, *, bounds: bool = False, normalized: bool = False
    ) -> int:
        """An accessor over (count,) or (count, width) values of type float32, uint8, uint16 or uint32."""
        values = np.ascontiguousarray(values)
        width = 1 if values.ndim == 1 else values.shape[1]
        accessor: dict[str, Any] = {
            "bufferView": self.view(values.tobytes(), target),
            "componentType": CODES[values.dtype.str[1:]],
            "count": len(values),
            "type": KINDS[width],
        }
        if normalized:
            accessor["normalized"] = True
        if bounds:
            accessor |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        return self.push("accessors", accessor)

    def texture(self, data: bytes, mime: str, name: str = "", wraps: tuple[int, int] = (10497, 10497)) -> int:
        """A texture of an image, each kept once; WebP and AVIF are named by their extensions."""
        if (data, mime) not in self.images:
            image = {"bufferView": self.view(data), "mimeType": mime} | ({"name": name} if name else {})
            self.images[data, mime] = self.push("images", image)
        source = self.images[data, mime]
        if (source, wraps) not in self.textures:
            self.textures[source, wraps] = self.push("textures", self._texture(source, mime, wraps))
        return self.textures[source, wraps]

    def _texture(self, source: int, mime: str, wraps: tuple[int, int]) -> dict[str, Any]:
        texture: dict[str, Any] = {"source": source}
        if extension := {"image/webp": "EXT_texture_webp", "image/avif": "EXT_texture_avif"}.get(mime):
            texture = {"extensions": {extension: {"source": source}}}
            self.uses(extension, required=True)
        if wraps != (10497, 10497):
            sampler = {"wrapS": wraps[0], "wrapT": wraps[1]}
            samplers = self.json.setdefault("samplers", [])
            if sampler not in samplers:
                samplers.append(sampler)
            texture["sampler"] = samplers.index(sampler)
        return texture

    def uses(self, extension: str, *, required: bool = False) -> None:
        declare(self.json, extension, required=required)

    def glb(self, roots: Sequence[int]) -> bytes:
        """The finished GLB; `roots` are the nodes of its one scene."""
        self.json |= {"scene": 0, "scenes": [{"nodes": list(roots)}]}
        if self.binary:
            self.json["buffers"] = [{"byteLength": len(self.binary)}]
        return write_glb(self.json, bytes(self.binary))


def document_from(glb: bytes, form: str, files: SourceFiles, notes: Sequence[str]) -> GltfDocument:
    """The converted scene as a document that names the files it came from as its source."""
    document = parse_glb(glb)
    document.format = form
    document.source_sha256, document.source_bytes = files.sha256, files.size_bytes
    document.notes = tuple(dict.fromkeys(notes))
    return document
