"""OpenEXR, the part of it that maps and lightmaps need: one part, scan lines, half or float; none, RLE, ZIPS or ZIP.

Follows the OpenEXR file layout document. PIZ, DWA, tiles and deep data are refused by name.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

Array = np.ndarray
MAGIC = b"\x76\x2f\x31\x01"
PIXELS_LIMIT = 2**26
COMPRESSIONS = ("none", "RLE", "ZIPS", "ZIP", "PIZ", "PXR24", "B44", "B44A", "DWAA", "DWAB")
LINES_PER_BLOCK = {0: 1, 1: 1, 2: 1, 3: 16}
TYPES = {0: "<u4", 1: "<f2", 2: "<f4"}
ZIP = 3
DEFLATE_RATIO_LIMIT = 1100
"""Deflate packs 1032 : 1 at best."""


@dataclass(frozen=True)
class Header:
    channels: tuple[tuple[str, np.dtype], ...]
    compression: int
    width: int
    height: int
    first_line: int

    @property
    def line_bytes(self) -> int:
        return sum(dtype.itemsize for _, dtype in self.channels) * self.width


def read_exr(data: bytes) -> Float32[Array, "h w c"]:
    """R, G, B and, where there is one, A; a single channel of any name comes alone. Raises ValueError."""
    try:
        header, offset = _header(data)
        planes = _planes(data, offset, header)
    except (struct.error, IndexError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"the OpenEXR file is broken: {error}") from None
    names = [name for name in list("RGBA") if name in planes]
    if len(names) < 3:
        names = sorted(planes)[:1]
    return np.ascontiguousarray(np.stack([planes[name] for name in names], axis=2), np.float32)


def _header(data: bytes) -> tuple[Header, int]:
    if data[:4] != MAGIC:
        raise ValueError("is no OpenEXR file")
    (version,) = struct.unpack_from("<I", data, 4)
    if version & 0xFF != 2 or version & 0x1A00:
        raise ValueError("tiled, deep and multi-part OpenEXR files are not read")
    attributes, at = {}, 8
    while data[at]:
        name, at = _name(data, at)
        _, at = _name(data, at)
        (size,) = struct.unpack_from("<I", data, at)
        if at + 4 + size > len(data):
            raise ValueError("the OpenEXR header is cut short")
        attributes[name] = data[at + 4 : at + 4 + size]
        at += 4 + size
    try:
        channels = _channels(attributes["channels"])
        compression, (x0, y0, x1, y1) = attributes["compression"][0], struct.unpack("<4i", attributes["dataWindow"])
    except KeyError as error:
        raise ValueError(f"the OpenEXR header lacks {error}") from None
    return _checked(Header(channels, compression, x1 - x0 + 1, y1 - y0 + 1, y0)), at + 1


def _checked(header: Header) -> Header:
    if header.compression not in LINES_PER_BLOCK:
        names = dict(enumerate(COMPRESSIONS))
        raise ValueError(f"{names.get(header.compression, 'unknown')} compression is not read; save it with ZIP")
    if header.width < 1 or header.height < 1 or header.width * header.height > PIXELS_LIMIT:
        raise ValueError(f"a data window of {header.width} × {header.height} pixels")
    return header


def _name(data: bytes, at: int) -> tuple[str, int]:
    end = data.find(b"\0", at, at + 256)
    if end < 0:
        raise ValueError("a name in the OpenEXR header has no end")
    return data[at:end].decode("ascii"), end + 1


def _channels(data: bytes) -> tuple[tuple[str, np.dtype], ...]:
    found: list[tuple[str, np.dtype]] = []
    at = 0
    while data[at]:
        name, at = _name(data, at)
        kind, _, x_step, y_step = struct.unpack_from("<IIii", data, at)
        if kind not in TYPES or x_step != 1 or y_step != 1 or len(found) >= 64:
            raise ValueError(f"channel {name[:20]} has an unknown type or is sampled more coarsely")
        found.append((name, np.dtype(TYPES[kind])))
        at += 16
    return tuple(found)


def _planes(data: bytes, at: int, header: Header) -> dict[str, Array]:
    lines = LINES_PER_BLOCK[header.compression]
    blocks = -(-header.height // lines)
    total = header.line_bytes * header.height
    if at + 8 * blocks > len(data) or total > DEFLATE_RATIO_LIMIT * len(data):
        raise ValueError("the OpenEXR file is cut short")
    planes = {name: np.zeros((header.height, header.width), np.float32) for name, _ in header.channels}
    for offset in struct.unpack_from(f"<{blocks}Q", data, at):
        line, size = struct.unpack_from("<iI", data, offset) if offset < len(data) else (-1, 0)
        row = line - header.first_line
        if not 0 <= row < header.height or offset + 8 + size > len(data):
            raise ValueError("a block of the OpenEXR file lies outside it")
        count = min(lines, header.height - row)
        raw = _unpacked(data[offset + 8 : offset + 8 + size], count * header.line_bytes, header.compression)
        _spread(raw, row, count, header, planes)
    return planes


def _spread(raw: bytes, row: int, count: int, header: Header, planes: dict[str, Array]) -> None:
    """A block holds, line by line, all samples of one channel after those of another."""
    block = np.frombuffer(raw, np.uint8).reshape(count, header.line_bytes)
    at = 0
    for name, dtype in header.channels:
        size = dtype.itemsize * header.width
        planes[name][row : row + count] = np.ascontiguousarray(block[:, at : at + size]).view(dtype)
        at += size


def _unpacked(data: bytes, size: int, compression: int) -> bytes:
    if len(data) == size or compression == 0:  # what would not shrink is stored as it is
        plain = data
    else:
        packed = _undo_runs(data, size) if compression == 1 else _inflate(data, size)
        plain = _undo_predictor(packed)
    if len(plain) != size:
        raise ValueError(f"a block has {len(plain)} bytes instead of {size}")
    return plain


def _inflate(data: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    return inflater.decompress(data, size + 1)


def _undo_runs(data: bytes, size: int) -> bytes:
    out, at = bytearray(), 0
    while at < len(data) and len(out) <= size:
        count = data[at] - 256 if data[at] > 127 else data[at]
        if count < 0:
            out += data[at + 1 : at + 1 - count]
            at += 1 - count
        else:
            out += data[at + 1 : at + 2] * (count + 1)
            at += 2
    return bytes(out)


def _undo_predictor(data: bytes) -> bytes:
    """Differences summed up (each offset by 128), then the two halves interleaved again."""
    deltas = np.frombuffer(data, np.uint8).astype(np.int64)
    deltas[1:] -= 128
    values = (np.cumsum(deltas) & 0xFF).astype(np.uint8)
    half = (len(values) + 1) // 2
    out = np.empty_like(values)
    out[0::2], out[1::2] = values[:half], values[half:]
    return out.tobytes()


def _predicted(data: bytes) -> bytes:
    values = np.frombuffer(data, np.uint8)
    split = np.concatenate([values[0::2], values[1::2]]).astype(np.int64)
    deltas = np.diff(split, prepend=split[:1])
    deltas[0] = split[0] - 128
    return ((deltas + 128) & 0xFF).astype(np.uint8).tobytes()


def write_exr(pixels: Float32[Array, "h w c"], *, half: bool = True) -> bytes:
    """A ZIP-compressed OpenEXR file of one (Y), three (RGB) or four (RGBA) channels; row 0 at the top.

    Values beyond the range of half floats are clamped to it; NaN must not occur. The same pixels give the same bytes.
    """
    height, width, count = pixels.shape
    names = {1: "Y", 3: "RGB", 4: "RGBA"}[count]
    assert not np.isnan(pixels).any(), "an image to be written holds NaN"
    dtype = np.dtype("<f2" if half else "<f4")
    values = np.clip(pixels, -65504, 65504) if half else pixels
    order = sorted(range(count), key=lambda i: names[i])
    planes = np.ascontiguousarray(values[..., order].transpose(0, 2, 1), dtype)
    lines = LINES_PER_BLOCK[ZIP]
    blocks = [_packed(planes[row : row + lines].tobytes()) for row in range(0, height, lines)]
    header = _written_header(sorted(names), 1 if half else 2, width, height)
    offset = len(header) + 8 * len(blocks)
    table, chunks = [], []
    for i, block in enumerate(blocks):
        table.append(struct.pack("<Q", offset))
        chunks.append(struct.pack("<iI", i * lines, len(block)) + block)
        offset += len(chunks[-1])
    return b"".join([header, *table, *chunks])


def _packed(raw: bytes) -> bytes:
    packed = zlib.compress(_predicted(raw), 6)
    return packed if len(packed) < len(raw) else raw


def _written_header(names: list[str], kind: int, width: int, height: int) -> bytes:
    channels = b"".join(name.encode() + b"\0" + struct.pack("<IIii", kind, 0, 1, 1) for name in names) + b"\0"
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    attributes = (
        ("channels", "chlist", channels),
        ("compression", "compression", bytes([ZIP])),
        ("dataWindow", "box2i", window),
        ("displayWindow", "box2i", window),
        ("lineOrder", "lineOrder", b"\0"),
        ("pixelAspectRatio", "float", struct.pack("<f", 1.0)),
        ("screenWindowCenter", "v2f", struct.pack("<2f", 0.0, 0.0)),
        ("screenWindowWidth", "float", struct.pack("<f", 1.0)),
    )
    body = b"".join(
        f"{name}\0{kind}\0".encode() + struct.pack("<I", len(value)) + value for name, kind, value in attributes
    )
    return MAGIC + struct.pack("<I", 2) + body + b"\0"
