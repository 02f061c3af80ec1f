"""Radiance RGBE pictures (.hdr): Ward's format as everybody writes it, with both kinds of run lengths."""

from __future__ import annotations

import re

import numpy as np
from jaxtyping import Float32, UInt8

Array = np.ndarray
PIXELS_LIMIT = 2**25
"""8192 × 4096: more than any environment needs."""
HEADER_LIMIT_BYTES = 64 * 1024
RESOLUTION = re.compile(rb"^-Y (\d{1,6}) \+X (\d{1,6})$")


def read_hdr(data: bytes) -> Float32[Array, "h w 3"]:
    """Linear RGB, row 0 at the top. Raises ValueError with what is wrong."""
    height, width, offset = _header(data)
    rest = np.frombuffer(data, np.uint8, offset=offset)
    if width * height > PIXELS_LIMIT:
        raise ValueError(f"{width} × {height} pixels are too many")
    runs = 8 <= width <= 0x7FFF and len(rest) >= 4 and rest[0] == 2 and rest[1] == 2 and rest[2] < 128
    smallest = height * (4 + 8 * -(-width // 127)) if runs else 4
    if len(rest) < smallest:
        raise ValueError("the picture is cut short")
    return _to_float(_scan_lines(rest, height, width) if runs else _flat(rest, height, width))


def _header(data: bytes) -> tuple[int, int, int]:
    if not data.startswith(b"#?"):
        raise ValueError("is no Radiance picture")
    end = data.find(b"\n\n", 0, HEADER_LIMIT_BYTES)
    stop = data.find(b"\n", end + 2, end + 64) if end >= 0 else -1
    if stop < 0:
        raise ValueError("its header has no end")
    for line in data[:end].split(b"\n"):
        if line.startswith(b"FORMAT=") and line.strip() != b"FORMAT=32-bit_rle_rgbe":
            raise ValueError(f"{line[7:40].decode('latin-1')} pictures are not read")
    match = RESOLUTION.match(data[end + 2 : stop].strip())
    if not match or int(match[1]) == 0 or int(match[2]) == 0:
        raise ValueError("its resolution is not `-Y height +X width`")
    return int(match[1]), int(match[2]), stop + 1


def _scan_lines(data: Array, height: int, width: int) -> UInt8[Array, "h w 4"]:
    pixels = np.empty((height, width, 4), np.uint8)
    source = data.tobytes()
    at = 0
    for row in range(height):
        if source[at : at + 2] != b"\x02\x02" or int.from_bytes(source[at + 2 : at + 4], "big") != width:
            raise ValueError(f"row {row} does not begin as one")
        at += 4
        for channel in range(4):
            at = _channel(source, data, at, pixels[row, :, channel])
    return pixels


def _channel(source: bytes, data: Array, at: int, out: Array) -> int:
    """Runs (count above 128, one value) and literals (count, values) until the row is full."""
    filled, width, end = 0, len(out), len(source)
    while filled < width:
        if at + 1 >= end:
            raise ValueError("the picture is cut short")
        count = source[at]
        run = count > 128
        count = count - 128 if run else count
        if count == 0 or filled + count > width or (not run and at + 1 + count > end):
            raise ValueError("a run is longer than its row")
        if run:
            out[filled : filled + count] = source[at + 1]
            at += 2
        else:
            out[filled : filled + count] = data[at + 1 : at + 1 + count]
            at += 1 + count
        filled += count
    return at


def _flat(data: Array, height: int, width: int) -> UInt8[Array, "h w 4"]:
    """Plain pixels, or the old run lengths: (1, 1, 1, n) repeats the pixel before, n in base 256."""
    quads = data[: len(data) // 4 * 4].reshape(-1, 4)
    marks = (quads[:, :3] == 1).all(axis=1)
    if not marks.any():
        if len(quads) < width * height:
            raise ValueError("the picture is cut short")
        return quads[: width * height].reshape(height, width, 4)
    before = np.flatnonzero(~marks)
    position = (
        np.arange(len(quads)) - before[np.maximum(np.searchsorted(before, np.arange(len(quads)), "right") - 1, 0)]
    )
    if marks[0] or position.max() > 3:
        raise ValueError("a run repeats nothing")
    times = np.where(marks, quads[:, 3].astype(np.int64) << (8 * np.maximum(position - 1, 0)), 1)
    reached = np.cumsum(times)
    if reached[-1] < width * height:
        raise ValueError("the picture is cut short")
    used = int(np.searchsorted(reached, width * height)) + 1
    owner = before[np.maximum(np.searchsorted(before, np.arange(used), "right") - 1, 0)]
    clipped = np.diff(np.minimum(reached[:used], width * height), prepend=0)
    return quads[np.repeat(owner, clipped)].reshape(height, width, 4)


def _to_float(pixels: UInt8[Array, "h w 4"]) -> Float32[Array, "h w 3"]:
    exponent = pixels[..., 3:].astype(np.int32)
    scale = np.where(exponent > 0, np.ldexp(np.float32(1), exponent - 136), np.float32(0))
    return (pixels[..., :3].astype(np.float32) + np.float32(0.5) * (exponent > 0)) * scale
