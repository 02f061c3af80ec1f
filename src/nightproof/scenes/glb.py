"""The binary container of glTF 2.0 (specification, section 4): twelve bytes of header, then chunks."""

from __future__ import annotations

import json
import math
import re
import struct
from typing import Any

from nightproof.scenes.broken import BrokenScene

MAGIC = b"glTF"
HEADER = struct.Struct("<4sII")
CHUNK = struct.Struct("<I4s")
JSON_CHUNK, BINARY_CHUNK = b"JSON", b"BIN\0"
HALF_ESCAPED = re.compile(rb"\\u[dD][89a-fA-F]")
HALF = re.compile("[\ud800-\udfff]")
CUT_SHORT = "The file was cut short or changed on its way here. Fetch or export it again."


def split_glb(data: bytes) -> tuple[bytes, memoryview | None]:
    """The JSON bytes and the binary chunk (None where there is none) of a GLB. Unknown chunks are skipped."""
    length = _checked_length(data)
    chunks, offset = [], HEADER.size
    while offset < length:
        kind, chunk = _chunk(data, offset, length)
        chunks.append((kind, chunk))
        offset += CHUNK.size + len(chunk)
    if not chunks or chunks[0][0] != JSON_CHUNK:
        raise BrokenScene("the first chunk of the GLB is not JSON", hint=CUT_SHORT)
    kinds = [kind for kind, _ in chunks]
    if kinds.count(JSON_CHUNK) > 1 or kinds.count(BINARY_CHUNK) > 1:
        raise BrokenScene("the GLB has two chunks of one kind")
    if BINARY_CHUNK in kinds[2:]:
        raise BrokenScene("the binary chunk of the GLB is not its second chunk")
    return bytes(chunks[0][1]), chunks[1][1] if len(chunks) > 1 and kinds[1] == BINARY_CHUNK else None


def _checked_length(data: bytes) -> int:
    if len(data) < HEADER.size:
        raise BrokenScene(f"the file has {len(data)} bytes, a GLB header has {HEADER.size}", hint=CUT_SHORT)
    magic, version, length = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BrokenScene("the file does not begin as a GLB does", hint="Give a .glb or .gltf file, glTF 2.0.")
    if version != 2:
        raise BrokenScene(f"GLB version {version}", hint="Convert the file to glTF 2.0.")
    if length > len(data):
        raise BrokenScene(f"the GLB says it has {length} bytes, the file has {len(data)}", hint=CUT_SHORT)
    if length < HEADER.size + CHUNK.size:
        raise BrokenScene(f"the GLB says it has {length} bytes, too few for a scene", hint=CUT_SHORT)
    return int(length)


def _chunk(data: bytes, offset: int, end: int) -> tuple[bytes, memoryview]:
    if offset + CHUNK.size > end:
        raise BrokenScene(f"a chunk header is cut short at byte {offset}", hint=CUT_SHORT)
    size, kind = CHUNK.unpack_from(data, offset)
    if offset + CHUNK.size + size > end:
        raise BrokenScene(f"the chunk at byte {offset} reaches beyond the end of the file", hint=CUT_SHORT)
    return kind, memoryview(data)[offset + CHUNK.size : offset + CHUNK.size + size]


def parse_document(data: bytes) -> dict[str, Any]:
    """The JSON of a glTF asset. Refuses NaN, infinities, repeated keys, half characters and what is not an object."""
    try:
        value = json.loads(
            data.decode(),
            parse_constant=_refuse_constant,
            parse_float=_finite,
            object_pairs_hook=_unique_keys,
        )
    except (ValueError, RecursionError) as error:
        raise BrokenScene(f"the JSON cannot be read: {str(error)[:160]}", hint=CUT_SHORT) from None
    if not isinstance(value, dict):
        raise BrokenScene("the JSON is not an object")
    if HALF_ESCAPED.search(data) and (place := _half_character(value)) is not None:
        raise BrokenScene("a text with half a character (a surrogate on its own), which no file can hold", place)
    return value


def _half_character(value: Any) -> str | None:
    """JSON pointer of a name or a text that is no Unicode; None: there is none."""
    waiting: list[tuple[str, Any]] = [("", value)]
    while waiting:
        pointer, item = waiting.pop()
        if isinstance(item, str) and HALF.search(item):
            return pointer or "/"
        if isinstance(item, dict):
            if any(HALF.search(key) for key in item):
                return pointer or "/"
            waiting.extend((f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", it) for key, it in item.items())
        elif isinstance(item, list):
            waiting.extend((f"{pointer}/{i}", it) for i, it in enumerate(item))
    return None


def write_glb(document: dict[str, Any], binary: bytes | memoryview = b"") -> bytes:
    """A GLB of `document` and its one binary chunk. The same arguments give the same bytes; key order is kept.

    The caller sets `buffers[0].byteLength`; an empty `binary` leaves the chunk out.
    """
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    chunks = [_padded(JSON_CHUNK, text, b" ")]
    if len(binary):
        chunks.append(_padded(BINARY_CHUNK, bytes(binary), b"\0"))
    body = b"".join(chunks)
    return HEADER.pack(MAGIC, 2, HEADER.size + len(body)) + body


def _padded(kind: bytes, data: bytes, filler: bytes) -> bytes:
    padding = filler * (-len(data) % 4)
    return CHUNK.pack(len(data) + len(padding), kind) + data + padding


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} does not fit a double")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return result
