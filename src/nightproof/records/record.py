"""What every record has in common: canonical bytes, a digest, and a strict way back from JSON.

A record is a frozen dataclass that derives from `Record` and names its `kind` and `version`. Its canonical form is
JSON with sorted keys, no white space, shortest round-trip floats and no NaN or infinity; its digest is SHA-256 over a
line that names kind and version, followed by that form. Two different records therefore never share a digest by
having equal fields.

Reading is strict, because records travel between machines that do not trust each other: unknown and missing
fields, wrong types and non-finite numbers raise `BrokenRecord` with the JSON pointer of the fault.
"""

from __future__ import annotations

import hashlib
import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, Literal, Self, Union, get_args, get_origin, get_type_hints

from nightproof.errors import BrokenRecord

JSON_DEPTH_LIMIT = 64
"""Records are shallow; deeper input is an attack on the parser."""


class Record:
    """Base of all records. Subclasses are frozen dataclasses with `kind` and `version`."""

    __slots__ = ()
    kind: ClassVar[str]
    version: ClassVar[int] = 1

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON values, with `kind` and `version` in front."""
        return {"kind": self.kind, "version": self.version, **_encode_fields(self)}

    def canonical_bytes(self) -> bytes:
        return canonical_json(self.to_json())

    @property
    def digest(self) -> str:
        """SHA-256 of kind, version and canonical form; 64 lower-case hexadecimal digits."""
        header = f"nightproof/{self.kind}/v{self.version}\n".encode()
        return hashlib.sha256(header + self.canonical_bytes()).hexdigest()

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Read what `to_json` wrote. Raises `BrokenRecord` for anything else."""
        if not isinstance(value, dict):
            raise BrokenRecord(f"{cls.kind}: expected a JSON object")
        if value.get("kind") != cls.kind or value.get("version") != cls.version:
            raise BrokenRecord(
                f"expected {cls.kind} version {cls.version}, got {value.get('kind')!r} version {value.get('version')!r}"
            )
        rest = {name: item for name, item in value.items() if name not in ("kind", "version")}
        return _decode_fields(cls, rest, "")

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        return cls.from_json(parse_json(data))


def canonical_json(value: Any) -> bytes:
    """One spelling for every JSON value: sorted keys, no white space, UTF-8, finite numbers only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def parse_json(data: bytes) -> Any:
    """Parse JSON that a stranger may have written. Raises `BrokenRecord`; never recurses deeply."""
    depth = deepest = 0
    for byte in data:
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    if deepest > 4 * JSON_DEPTH_LIMIT:
        raise BrokenRecord(f"JSON nested {deepest} deep")
    try:
        return json.loads(data, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise BrokenRecord(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice in one object")
    return result


def _encode_fields(value: Any) -> dict[str, Any]:
    return {field.name: _encode(getattr(value, field.name)) for field in fields(value)}


def _encode(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if is_dataclass(value) and not isinstance(value, type):
        return _encode_fields(value)
    if isinstance(value, Mapping):
        return {str(key): _encode(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_encode(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(_encode(item) for item in value)
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        assert math.isfinite(value), "records hold finite numbers only"
        return float(value)
    raise AssertionError(f"a record cannot hold a {type(value).__name__}")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _decode_fields(cls: type, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise BrokenRecord(f"{where or '/'}: expected an object")
    hints = _hints(cls)
    names = {field.name for field in fields(cls)}
    if unknown := sorted(set(value) - names):
        raise BrokenRecord(f"{where}/{unknown[0]}: unknown field")
    if missing := sorted(names - set(value)):
        raise BrokenRecord(f"{where}/{missing[0]}: missing")
    decoded = {name: _decode(hints[name], item, f"{where}/{name}") for name, item in value.items()}
    try:
        return cls(**decoded)
    except (ValueError, TypeError) as error:
        raise BrokenRecord(f"{where or '/'}: {error}") from None


def _decode(hint: Any, value: Any, where: str) -> Any:
    origin = get_origin(hint)
    if hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _decode_union(get_args(hint), value, where)
    if origin is Literal:
        if value not in get_args(hint):
            raise BrokenRecord(f"{where}: expected one of {', '.join(map(repr, get_args(hint)))}")
        return value
    if origin is tuple:
        return _decode_tuple(get_args(hint), value, where)
    if origin is frozenset:
        return frozenset(_decode_tuple((get_args(hint)[0], ...), value, where))
    if origin in (dict, Mapping):
        if not isinstance(value, dict):
            raise BrokenRecord(f"{where}: expected an object")
        item_hint = get_args(hint)[1]
        return {key: _decode(item_hint, item, f"{where}/{key}") for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Record):
        return hint.from_json(value)
    if is_dataclass(hint):
        return _decode_fields(hint, value, where)  # type: ignore[arg-type]
    return _decode_plain(hint, value, where)


def _decode_union(hints: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in hints:
        return None
    rest = [hint for hint in hints if hint is not type(None)]
    for hint in rest[:-1]:
        try:
            return _decode(hint, value, where)
        except BrokenRecord:
            continue
    return _decode(rest[-1], value, where)


def _decode_tuple(hints: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise BrokenRecord(f"{where}: expected an array")
    if len(hints) == 2 and hints[1] is ...:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise BrokenRecord(f"{where}: expected {len(hints)} items, got {len(value)}")
    return tuple(_decode(hint, item, f"{where}/{i}") for i, (hint, item) in enumerate(zip(hints, value, strict=True)))


def _decode_plain(hint: Any, value: Any, where: str) -> Any:
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise BrokenRecord(f"{where}: not a finite number")
    if hint is int and isinstance(value, int) and not isinstance(value, bool):
        return value
    if hint in (str, bool) and isinstance(value, hint):
        return value
    if hint is type(None) and value is None:
        return None
    raise BrokenRecord(f"{where}: expected {getattr(hint, '__name__', hint)}, got {type(value).__name__}")
