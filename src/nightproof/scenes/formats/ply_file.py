"""The elements of a PLY file as NumPy columns, in any of its three encodings."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Int64

from nightproof.scenes.broken import BrokenScene

Array = np.ndarray
HEADER_LIMIT_BYTES = 1 << 16
TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"float": "f4", "double": "f8", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2"},
    **{"int32": "i4", "uint32": "u4", "float32": "f4", "float64": "f8"},
}
ORDERS = {"binary_little_endian": "<", "binary_big_endian": ">", "ascii": "="}
HINT = "The file was cut short or written by a broken tool. Fetch or export it again."


@dataclass(frozen=True)
class Ragged:
    """A list per row, one after another."""

    sizes: Int64[Array, "n"]
    values: Array


Column = np.ndarray | Ragged


@dataclass(frozen=True)
class Property:
    name: str
    dtype: str
    count_dtype: str = ""
    """Of the length before a list; "" for a plain value."""


@dataclass
class Element:
    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class PlyFile:
    elements: dict[str, dict[str, Column]]
    counts: dict[str, int]
    texture: str = ""
    """The image that a comment names, as MeshLab writes it."""


def parse_ply(data: bytes) -> PlyFile:
    """Raises BrokenScene."""
    form, elements, texture, start = _header(data)
    found: dict[str, dict[str, Column]] = {}
    reader = _Ascii(data, start) if form == "ascii" else _Binary(data, start, ORDERS[form])
    for element in elements:
        if element.name in found:
            raise BrokenScene(f"the PLY has two elements {element.name[:40]!r}", hint=HINT)
        found[element.name] = reader.read(element)
    return PlyFile(found, {element.name: element.count for element in elements}, texture)


def _header(data: bytes) -> tuple[str, list[Element], str, int]:
    end = data.find(b"end_header", 0, HEADER_LIMIT_BYTES)
    if not data.startswith((b"ply\n", b"ply\r")) or end < 0:
        raise BrokenScene("the file has no header of a PLY", hint=HINT)
    newline = data.find(b"\n", end)
    start = newline + 1 if newline >= 0 else len(data)
    form, texture = "", ""
    elements: list[Element] = []
    for line in data[:end].decode("latin-1").splitlines()[1:]:
        words = line.split()
        match words:
            case ["format", name, _] if name in ORDERS:
                form = name
            case ["comment", "TextureFile", *rest]:
                texture = texture or " ".join(rest)
            case [] | ["comment" | "obj_info", *_]:
                pass
            case ["element", name, count] if count.isdecimal() and len(count) < 16:
                elements.append(Element(name, int(count)))
            case ["property", "list", counter, kind, name] if elements and {counter, kind} <= TYPES.keys():
                elements[-1].properties.append(Property(name, TYPES[kind], TYPES[counter]))
            case ["property", kind, name] if elements and kind in TYPES:
                elements[-1].properties.append(Property(name, TYPES[kind]))
            case _:
                raise BrokenScene(f"the header of the PLY has a line {line[:60]!r}", hint=HINT)
    if not form:
        raise BrokenScene("the header of the PLY names no format", hint=HINT)
    if any(element.count and not element.properties for element in elements):
        raise BrokenScene("the PLY has an element without properties", hint=HINT)
    return form, elements, texture, start


def _short(element: Element, what: str) -> BrokenScene:
    return BrokenScene(f"the PLY promises {element.count} of {element.name[:40]!r} and has {what}", hint=HINT)


class _Binary:
    def __init__(self, data: bytes, start: int, order: str) -> None:
        self._data, self._at, self._order = data, start, order

    def read(self, element: Element) -> dict[str, Column]:
        parts = [(p, np.dtype(self._order + p.dtype), p.count_dtype) for p in element.properties]
        least = sum(np.dtype(count).itemsize if count else kind.itemsize for _, kind, count in parts)
        if element.count * least > len(self._data) - self._at:
            raise _short(element, f"{len(self._data) - self._at} bytes left for them")
        if not any(count for _, _, count in parts):
            return self._rows(element, {})
        sizes = self._first_sizes(element)
        whole = self._uniform(element, sizes)
        return whole if whole is not None else self._walk(element)

    def _first_sizes(self, element: Element) -> dict[str, int]:
        """The lengths of the lists of the first row: mostly those of all rows."""
        sizes, at = {}, self._at
        for p in element.properties if element.count else ():
            if p.count_dtype:
                sizes[p.name], at = self._length(p, at, element)
            at += np.dtype(p.dtype).itemsize * sizes.get(p.name, 1)
        return sizes

    def _length(self, p: Property, at: int, element: Element) -> tuple[int, int]:
        kind = np.dtype(self._order + p.count_dtype)
        if at + kind.itemsize > len(self._data):
            raise _short(element, "ended before")
        size = float(np.frombuffer(self._data, kind, 1, at)[0])
        at += kind.itemsize
        if not 0 <= size <= (len(self._data) - at) / np.dtype(p.dtype).itemsize or size != int(size):
            raise BrokenScene(f"a list of {size:g} in {element.name[:40]!r} of the PLY reaches beyond it", hint=HINT)
        return int(size), at

    def _row_type(self, element: Element, sizes: dict[str, int]) -> np.dtype:
        fields: list[Any] = []
        for i, p in enumerate(element.properties):
            if p.count_dtype:
                fields += [(f"n{i}", self._order + p.count_dtype), (f"v{i}", self._order + p.dtype, (sizes[p.name],))]
            else:
                fields.append((f"v{i}", self._order + p.dtype))
        return np.dtype(fields)

    def _uniform(self, element: Element, sizes: dict[str, int]) -> dict[str, Column] | None:
        kind = self._row_type(element, sizes)
        if element.count * kind.itemsize > len(self._data) - self._at:
            return None
        rows = np.frombuffer(self._data, kind, element.count, self._at)
        for i, p in enumerate(element.properties):
            if p.count_dtype and (rows[f"n{i}"] != sizes[p.name]).any():
                return None
        return self._rows(element, sizes)

    def _rows(self, element: Element, sizes: dict[str, int]) -> dict[str, Column]:
        kind = self._row_type(element, sizes or {p.name: 0 for p in element.properties})
        rows = np.frombuffer(self._data, kind, element.count, self._at)
        self._at += element.count * kind.itemsize
        found: dict[str, Column] = {}
        for i, p in enumerate(element.properties):
            native = rows[f"v{i}"].astype(p.dtype)
            found[p.name] = (
                Ragged(np.full(element.count, sizes.get(p.name, 0), np.int64), native.reshape(-1))
                if p.count_dtype
                else native
            )
        return found

    def _walk(self, element: Element) -> dict[str, Column]:
        """Row by row, for lists of differing lengths; chunks are copied, not Python numbers."""
        chunks: dict[str, list[bytes]] = {p.name: [] for p in element.properties}
        sizes: dict[str, list[int]] = {p.name: [] for p in element.properties if p.count_dtype}
        at = self._at
        for _ in range(element.count):
            for p in element.properties:
                size = 1
                if p.count_dtype:
                    size, at = self._length(p, at, element)
                    sizes[p.name].append(size)
                end = at + size * np.dtype(p.dtype).itemsize
                if end > len(self._data):
                    raise _short(element, "ended before")
                chunks[p.name].append(self._data[at:end])
                at = end
        self._at = at
        found: dict[str, Column] = {}
        for p in element.properties:
            values = np.frombuffer(b"".join(chunks[p.name]), self._order + p.dtype).astype(p.dtype)
            found[p.name] = Ragged(np.array(sizes[p.name], np.int64), values) if p.count_dtype else values
        return found


class _Ascii:
    """All numbers of the body at once; PLY's ASCII form is nothing but numbers and white space."""

    def __init__(self, data: bytes, start: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # what NumPy says where the text is no number
            try:
                self._numbers = np.fromstring(data[start:].decode("latin-1"), np.float64, sep=" ")
            except (DeprecationWarning, ValueError):
                raise BrokenScene("the body of the PLY holds something that is no number", hint=HINT) from None
        self._at = 0

    def read(self, element: Element) -> dict[str, Column]:
        left = len(self._numbers) - self._at
        if element.count * len(element.properties) > left:
            raise _short(element, f"{left} numbers left for them")
        if not any(p.count_dtype for p in element.properties):
            rows = self._numbers[self._at : self._at + element.count * len(element.properties)]
            self._at += len(rows)
            table = rows.reshape(element.count, len(element.properties))
            return {p.name: _as(table[:, i], p.dtype) for i, p in enumerate(element.properties)}
        return self._walk(element)

    def _walk(self, element: Element) -> dict[str, Column]:
        places: dict[str, list[tuple[int, int]]] = {p.name: [] for p in element.properties}
        at, end = self._at, len(self._numbers)
        for _ in range(element.count):
            for p in element.properties:
                size = 1
                if p.count_dtype:
                    if at >= end:
                        raise _short(element, "ended before")
                    length = self._numbers[at]
                    if not 0 <= length <= end - at - 1 or length != int(length):
                        raise BrokenScene(f"a list of {length:g} in {element.name[:40]!r} of the PLY", hint=HINT)
                    size, at = int(length), at + 1
                places[p.name].append((at, at + size))
                at += size
        if at > end:
            raise _short(element, "ended before")
        self._at = at
        found: dict[str, Column] = {}
        for p in element.properties:
            spans = places[p.name]
            parts = [self._numbers[a:b] for a, b in spans]
            values = _as(np.concatenate([np.zeros(0), *parts]), p.dtype)
            sizes = np.array([b - a for a, b in spans], np.int64)
            found[p.name] = Ragged(sizes, values) if p.count_dtype else values
        return found


def _as(values: Array, dtype: str) -> Array:
    """Colours keep their type, which says what full is; other whole numbers stay wide, so that −1 and 2³² do too."""
    if dtype[0] == "f":
        return values
    whole = np.nan_to_num(values, nan=-1, posinf=-1, neginf=-1)
    if dtype in ("u1", "u2"):
        return np.clip(whole, 0, np.iinfo(dtype).max).astype(dtype)
    return np.clip(whole, -(2**53), 2**53).astype(np.int64)
