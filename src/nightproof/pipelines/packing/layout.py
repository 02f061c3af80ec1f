"""From a draft to GLB bytes: buffer views rebuilt from streams and images, meshopt where it saves bytes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nightproof.pipelines.packing.concise import make_concise
from nightproof.pipelines.packing.draft import Draft, copied
from nightproof.pipelines.packing.references import REFERENCES, places
from nightproof.pipelines.packing.streams import ARRAY_BUFFER, Stream, encoded
from nightproof.scenes.declared import declare, withdraw
from nightproof.scenes.gltf import write_glb

MESHOPT = "EXT_meshopt_compression"
QUANTIZATION = "KHR_mesh_quantization"
VIEW_OVERHEAD = 190
"""Bytes of JSON that a compressed view costs beyond a plain one."""


@dataclass
class Sheet:
    """The binary chunk and buffer views as they grow."""

    json: dict[str, Any]
    binary: bytearray = field(default_factory=bytearray)
    views: dict[int, dict[str, Any]] = field(default_factory=dict)
    reserved: frozenset[int] = frozenset()
    fallback_bytes: int = 0

    def append(self, data: bytes | memoryview) -> tuple[int, int]:
        self.binary += b"\0" * (-len(self.binary) % 4)
        offset = len(self.binary)
        self.binary += data
        return offset, len(data)

    def add(self, view: dict[str, Any], index: int | None = None) -> int:
        if index is None:
            index = next(i for i in range(len(self.views) + len(self.reserved) + 1) if self._free(i))
        self.views[index] = view
        return index

    def plain(self, data: bytes | memoryview, extra: dict[str, Any] | None = None, index: int | None = None) -> int:
        offset, length = self.append(data)
        return self.add({"buffer": 0, "byteOffset": offset, "byteLength": length} | (extra or {}), index)

    def _free(self, index: int) -> bool:
        return index not in self.views and index not in self.reserved


def assemble(draft: Draft, *, meshopt: bool) -> bytes:
    """The draft as one GLB. The same draft gives the same bytes."""
    kept = _kept_views(draft)
    sheet = Sheet(copied(draft.json), reserved=frozenset(kept) if draft.survey.frozen else frozenset())
    sheet.json.pop("bufferViews", None)
    sheet.json.pop("buffers", None)
    moved = {view: _keep(draft, sheet, view) for view in kept}
    _redirect_views(sheet.json, moved)
    for index in range(len(sheet.json.get("images", []))):
        _place_image(draft, sheet, index, moved)
    for group in _groups(draft):
        _place_group(draft, sheet, group, meshopt)
    return _finish(sheet, frozen=draft.survey.frozen)


def _kept_views(draft: Draft) -> list[int]:
    """Views whose bytes stay: of accessors without stream, of Draco, and those that foreign numbers may mean."""
    rewritten = {id(holder) for holder in _rewritten(draft)}
    kept = {
        ref.index for ref in draft.survey.references if ref.array == "bufferViews" and id(ref.holder) not in rewritten
    }
    count = len(draft.json.get("bufferViews", []))
    return sorted(kept | {index for index in draft.survey.pinned if index < count})


def _rewritten(draft: Draft) -> Iterator[Any]:
    """The objects whose views are made anew: of images, and of accessors with a stream and their sparse parts."""
    yield from draft.json.get("images", [])
    for index in draft.streams:
        accessor = draft.json["accessors"][index]
        yield accessor
        if isinstance(sparse := accessor.get("sparse"), dict):
            yield from (sparse.get("indices"), sparse.get("values"))


def _keep(draft: Draft, sheet: Sheet, index: int) -> int:
    """Copy a view as it is; one that meshopt packed is unpacked, for whoever may read it."""
    view = draft.json["bufferViews"][index]
    rest = {key: value for key, value in view.items() if key not in ("buffer", "byteOffset", "byteLength")}
    extensions = {k: v for k, v in rest.pop("extensions", {}).items() if "meshopt" not in k}
    if extensions:
        rest["extensions"] = extensions
    return sheet.plain(draft.view_bytes(index), rest, index if draft.survey.frozen else None)


def _redirect_views(json: dict[str, Any], moved: dict[int, int]) -> None:
    for path, array in REFERENCES:
        if array == "bufferViews" and not path.startswith("images"):
            for holder, key in list(places(json, path)):
                if holder[key] in moved:
                    holder[key] = moved[holder[key]]


def _place_image(draft: Draft, sheet: Sheet, index: int, moved: dict[int, int]) -> None:
    image = sheet.json["images"][index]
    old = image.get("bufferView")
    if index not in draft.images and old in moved:
        image["bufferView"] = moved[old]
        return
    data, mime = draft.images[index]
    image.pop("uri", None)
    image["bufferView"], image["mimeType"] = sheet.plain(data), mime


def _groups(draft: Draft) -> list[list[int]]:
    """Accessors that can share one view: same kind of elements and the same use."""
    groups: dict[tuple, list[int]] = defaultdict(list)
    for index in sorted(draft.streams):
        stream = draft.streams[index]
        filtered = stream.filtered
        key = (stream.target or 0, stream.mode, filtered.name, filtered.plain.dtype.str, filtered.plain.shape[1:])
        groups[(*key, stream.codable)].append(index)
    return [groups[key] for key in sorted(groups, key=str)]


def _place_group(draft: Draft, sheet: Sheet, group: list[int], meshopt: bool) -> None:
    streams, offsets, rows = [], {}, 0
    placed: dict[bytes, int] = {}
    for index in group:
        stream = draft.streams[index]
        content = stream.filtered.coded.tobytes()
        if content not in placed:
            placed[content] = rows
            streams.append(stream)
            rows += len(stream.filtered.coded)
        offsets[index] = placed[content]
    first = streams[0]
    plain = np.concatenate([stream.plain for stream in streams])
    size = plain.shape[1]
    view = _view(
        sheet, streams, plain, meshopt and first.codable and rows % (3 if first.mode == "TRIANGLES" else 1) == 0
    )
    for index in group:
        described = draft.streams[index].described(sheet.json["accessors"][index])
        sheet.json["accessors"][index] = {"bufferView": view, "byteOffset": offsets[index] * size} | described
    if first.target == ARRAY_BUFFER and first.normalized and first.filtered.name == "OCTAHEDRAL":
        declare(sheet.json, QUANTIZATION, required=True)


def _view(sheet: Sheet, streams: list[Stream], plain: np.ndarray, meshopt: bool) -> int:
    first, (rows, size) = streams[0], plain.shape
    extra: dict[str, Any] = {"target": first.target} if first.target else {}
    if first.target == ARRAY_BUFFER:
        extra["byteStride"] = size
    if meshopt:
        coded = [stream.filtered.coded for stream in streams]
        if first.mode != "ATTRIBUTES":
            coded = [rows.view("<u4") for rows in coded]
        vertices = max(stream.vertices for stream in streams)
        data = encoded(np.concatenate(coded), first.mode, vertices)
        if len(data) + VIEW_OVERHEAD < plain.size:
            return _compressed_view(sheet, data, first, rows, size, extra)
    return sheet.plain(plain.tobytes(), extra)


def _compressed_view(sheet: Sheet, data: bytes, stream: Stream, rows: int, size: int, extra: dict[str, Any]) -> int:
    offset, length = sheet.append(data)
    packed = {"buffer": 0, "byteOffset": offset, "byteLength": length, "byteStride": size, "mode": stream.mode}
    if stream.filtered.name != "NONE":
        packed["filter"] = stream.filtered.name
    packed["count"] = rows
    view = {"buffer": 1, "byteOffset": sheet.fallback_bytes, "byteLength": rows * size} | extra
    sheet.fallback_bytes += rows * size + -(rows * size) % 4
    declare(sheet.json, MESHOPT, required=True)
    return sheet.add(view | {"extensions": {MESHOPT: packed}})


def _finish(sheet: Sheet, *, frozen: bool) -> bytes:
    json = sheet.json
    if sheet.views:
        filler = {"buffer": 0, "byteLength": 1}
        json["bufferViews"] = [sheet.views.get(i, filler) for i in range(max(sheet.views) + 1)]
        json["buffers"] = [{"byteLength": len(sheet.binary)}]
    if sheet.fallback_bytes:
        json["buffers"].append({"byteLength": sheet.fallback_bytes, "extensions": {MESHOPT: {"fallback": True}}})
    else:
        withdraw(json, MESHOPT)
    withdraw(json, "KHR_meshopt_compression")
    if not frozen:
        make_concise(json)
    return write_glb(json, bytes(sheet.binary))
