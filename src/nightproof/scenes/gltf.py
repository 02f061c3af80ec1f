"""Our glTF 2.0 core: the JSON kept untouched, NumPy views on accessors, image bytes, all bounds checked.

No library reads all of glTF and gives it back whole (docs/decisions/0101-own-gltf-core.md), so this one works on the
JSON itself: whoever changes a scene changes the dictionary and writes it back, and what nobody understood survives.
Meaning (nodes, materials, lights) is left to `scenes.flatten` and the files beside it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nightproof.records.record import canonical_json
from nightproof.scenes import accessors, compressed
from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.fields import Fields
from nightproof.scenes.glb import MAGIC, parse_document, split_glb, write_glb
from nightproof.scenes.ktx2 import is_ktx2
from nightproof.scenes.resources import FILE_BYTES_LIMIT, is_remote, read_file, resolve

__all__ = ["BrokenScene", "GltfDocument", "SceneTooLarge", "load_gltf", "parse_glb", "write_glb"]

ARRAYS = (
    *("accessors", "animations", "buffers", "bufferViews", "cameras", "images", "materials", "meshes", "nodes"),
    *("samplers", "scenes", "skins", "textures"),
)
VERSION = re.compile(r"^2\.\d{1,3}$")
"""Minor versions are compatible by their promise."""
GEOMETRY_EXTENSIONS = frozenset(
    {
        *("KHR_draco_mesh_compression", "EXT_meshopt_compression", "KHR_meshopt_compression"),
        *("KHR_mesh_quantization", "EXT_mesh_gpu_instancing"),
    }
)
"""Those that change what the arrays and nodes mean, and that are read here."""
APPROXIMATED = ("material", "texture", "light", "animation", "physics", "collider", "audio", "xmp", "NIGHTPROOF_")
"""An extension with one of these in its name can be required and yet approximated: the shapes stay right."""


@dataclass(eq=False)
class GltfDocument:
    """One glTF asset, opened. Nothing in it is ever written to; decoded arrays are read-only and kept."""

    json: dict[str, Any]
    """The document as the file has it. Copy it before changing it."""
    format: str
    """`glb` or `gltf`; `obj`, `ply`, `stl` or `usd` where the document was converted."""
    source_sha256: str
    """Of the file; for a .gltf with files beside it, of the canonical list of their digests."""
    source_bytes: int
    folder: Path | None = None
    file_bytes: bytes | None = None
    """The GLB as it was given (or as another format was converted to), whole; None for a .gltf with its files."""
    notes: tuple[str, ...] = ()
    """What a conversion left out or assumed, in plain words."""
    _buffers: dict[int, memoryview] = field(default_factory=dict, repr=False)
    _files: dict[str, bytes] = field(default_factory=dict, repr=False)
    _views: dict[int, memoryview] = field(default_factory=dict, repr=False)
    _accessors: dict[int, np.ndarray] = field(default_factory=dict, repr=False)
    _decoded_bytes: int = 0

    @property
    def root(self) -> Fields:
        return Fields(self.json, "", self.json)

    def fields(self, array: str, index: int) -> Fields:
        """Object `index` of a root array, e.g. ("meshes", 0), for checked reading."""
        items = self.json.get(array, [])
        if not isinstance(items, list) or not 0 <= index < len(items):
            raise BrokenScene(f"there is no {array} {index}")
        return Fields.of(items[index], f"/{array}/{index}", self.json)

    def count(self, array: str) -> int:
        return len(self.json.get(array, []))

    def accessor(self, index: int) -> np.ndarray:
        """Accessor `index` as it is stored: (count,) for scalars, else (count, components); matrices column-major.

        Sparse, strided, Draco and meshopt data arrive plain. Integers stay integers: see `floats` for what they mean.
        Read-only, and a view of the file wherever that is possible. Raises BrokenScene.
        """
        if index not in self._accessors:
            places = self._draco_places
            if isinstance(places, BrokenScene):
                raise places.with_traceback(None)
            if (place := places.get(index)) is not None:
                self._accessors.update(compressed.decode_draco(self, *place))
            else:
                self._accessors[index] = accessors.read_accessor(self, index)
        return self._accessors[index]

    def floats(self, index: int) -> np.ndarray:
        """Accessor `index` as float32, `normalized` integers scaled to [0, 1] or [−1, 1]."""
        return accessors.to_floats(self.accessor(index), self.fields("accessors", index).flag("normalized"))

    def buffer_view(self, index: int) -> memoryview:
        """The bytes of a buffer view, decompressed where meshopt packed them. Read-only."""
        if index not in self._views:
            view = self.fields("bufferViews", index)
            packed = view.extension("EXT_meshopt_compression") or view.extension("KHR_meshopt_compression")
            if packed is not None:
                self._views[index] = compressed.decode_meshopt(self, packed)
            else:
                self._views[index] = self.slice_of_buffer(view)
        return self._views[index]

    def slice_of_buffer(self, view: Fields) -> memoryview:
        """The bytes that an object with buffer, byteOffset and byteLength points at."""
        view.require("buffer")
        index = view.reference("buffer", "buffers")
        assert index is not None
        data = self._buffer(index)
        offset, length = view.integer("byteOffset", 0), view.integer("byteLength", low=1)
        if offset + length > len(data):
            raise view.broken("byteLength", f"bytes {offset} to {offset + length} of a buffer of {len(data)}")
        return data[offset : offset + length]

    def image(self, index: int) -> tuple[bytes, str]:
        """The encoded bytes of an image and its MIME type, told from the bytes where they can tell."""
        image = self.fields("images", index)
        if "bufferView" in image:
            view = image.reference("bufferView", "bufferViews")
            assert view is not None
            data, said = bytes(self.buffer_view(view)), image.text("mimeType", "")
        else:
            data, said = self._fetch(image.text("uri"), image.at("uri"))
        return data, sniff_mime(data) or image.text("mimeType", said)

    def take(self, size_bytes: int, pointer: str) -> None:
        """Account for memory that decoding is about to use. Raises SceneTooLarge before any is taken."""
        self._decoded_bytes += size_bytes
        if self._decoded_bytes > FILE_BYTES_LIMIT:
            raise SceneTooLarge(f"decodes to more than {FILE_BYTES_LIMIT} bytes", pointer)

    def held_bytes(self) -> int:
        """Of the file and the buffers that came with it."""
        return len(self.file_bytes or b"") + sum(len(buffer) for buffer in self._buffers.values())

    def _buffer(self, index: int) -> memoryview:
        if index not in self._buffers:
            buffer = self.fields("buffers", index)
            if "uri" not in buffer:
                raise buffer.broken("", "has no data: neither `uri` nor a binary chunk")
            data, _ = self._fetch(buffer.text("uri"), buffer.at("uri"))
            self._buffers[index] = _of_length(data, buffer)
        return self._buffers[index]

    def _fetch(self, uri: str, pointer: str) -> tuple[bytes, str]:
        if uri in self._files:
            return self._files[uri], ""
        data, mime = resolve(uri, self.folder, pointer, FILE_BYTES_LIMIT)
        self.take(len(data), pointer)
        return data, mime

    @cached_property
    def _draco_places(self) -> dict[int, tuple[int, int]] | BrokenScene:
        """What is broken about it is found once: every accessor is asked for."""
        try:
            return compressed.draco_places(self)
        except BrokenScene as error:
            return error


def load_gltf(path: Path) -> GltfDocument:
    """Open a .glb or .gltf file. Raises BrokenScene, or UnusableInput where the file cannot be read at all."""
    data = read_file(path)
    if data[:4] == MAGIC or path.suffix.lower() == ".glb":
        return parse_glb(data, path.parent)
    document = GltfDocument(parse_document(data), "gltf", "", 0, folder=path.parent)
    _check(document)
    _read_files(document, data)
    return document


def parse_glb(data: bytes, folder: Path | None = None) -> GltfDocument:
    """Open a GLB held in memory; `folder` is where files that it may refer to lie."""
    text, binary = split_glb(data)
    digest = hashlib.sha256(data).hexdigest()
    document = GltfDocument(parse_document(text), "glb", digest, len(data), folder=folder, file_bytes=data)
    _check(document)
    if document.count("buffers"):
        first = document.fields("buffers", 0)
        if "uri" not in first and binary is not None:
            document._buffers[0] = _of_length(binary, first)
    _require_data(document)
    return document


def _read_files(document: GltfDocument, text: bytes) -> None:
    """Read every file the document names, once, so that the digest of the source covers them all."""
    digests = {"": hashlib.sha256(text).hexdigest()}
    size = len(text)
    for array in ("buffers", "images"):
        for item in document.root.children(array):
            uri = item.text("uri", "")
            if not uri or uri.startswith("data:") or uri in digests:
                continue
            if is_remote(uri):  # refused where it is used, if it is
                digests[uri] = "remote"
                continue
            data, _ = document._fetch(uri, item.at("uri"))
            document._files[uri] = data
            digests[uri], size = hashlib.sha256(data).hexdigest(), size + len(data)
    document.source_bytes = size
    document.source_sha256 = hashlib.sha256(canonical_json(digests)).hexdigest() if len(digests) > 1 else digests[""]
    _require_data(document)


def _require_data(document: GltfDocument) -> None:
    """Open what has a URI at once; a buffer without any is a fault only when something reads it."""
    for i, buffer in enumerate(document.root.children("buffers")):
        uri = buffer.text("uri", "")
        if uri and not is_remote(uri):
            document._buffer(i)


def _of_length(data: bytes | memoryview, buffer: Fields) -> memoryview:
    length = buffer.integer("byteLength", low=1)
    if length > len(data):
        raise buffer.broken("byteLength", f"says {length} bytes, its data has {len(data)}")
    return memoryview(data)[:length].toreadonly()


def _check(document: GltfDocument) -> None:
    root = document.root
    asset = root.child("asset")
    if asset is None:
        raise BrokenScene("`asset` is missing", "/")
    version, least = asset.text("version"), asset.text("minVersion", "2.0")
    if not VERSION.match(version):
        raise asset.broken("version", f"glTF version {version[:20]!r}; this reads 2.0")
    if not VERSION.match(least) or int(least[2:]) > int(version[2:]):
        raise asset.broken("minVersion", f"{least[:20]!r} for a file of version {version}")
    for array in ARRAYS:
        if array in root:
            list(root.children(array))
    for i, name in enumerate(root.texts("extensionsRequired")):
        if name not in GEOMETRY_EXTENSIONS and not any(part in name for part in APPROXIMATED):
            raise BrokenScene(f"requires {name:.60}, which this version cannot read", f"/extensionsRequired/{i}")


def sniff_mime(data: bytes) -> str:
    """The MIME type that the first bytes of an image say; "" where they say none that glTF uses."""
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "image/png"
    if data[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if is_ktx2(data):
        return "image/ktx2"
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "image/avif"
    return ""
