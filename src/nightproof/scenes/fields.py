"""Reading the JSON of a stranger: every value is checked for type and range where it is taken, with its pointer.

`Fields` never copies and never changes the document. It reads what the work needs; what nobody asks for is never
looked at, so that unknown properties and extensions survive and harmless faults stay harmless.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nightproof.scenes.broken import BrokenScene

LARGEST_INTEGER = 2**53


@dataclass(frozen=True)
class Fields:
    """One JSON object of a glTF document, and where it stands."""

    value: dict[str, Any]
    pointer: str
    root: dict[str, Any]

    @classmethod
    def of(cls, value: Any, pointer: str, root: dict[str, Any]) -> Fields:
        if not isinstance(value, dict):
            raise BrokenScene(f"expected an object, found {_kind(value)}", pointer)
        return cls(value, pointer, root)

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def at(self, name: str) -> str:
        """The pointer of a field of this object."""
        if "~" in name or "/" in name:
            name = name.replace("~", "~0").replace("/", "~1")
        return f"{self.pointer}/{name}"

    def broken(self, name: str, rule: str) -> BrokenScene:
        return BrokenScene(rule, self.at(name) if name else self.pointer)

    def require(self, name: str) -> Any:
        if name not in self.value:
            raise self.broken("", f"`{name}` is missing")
        return self.value[name]

    def number(self, name: str, default: float | None = None, low: float = -math.inf, high: float = math.inf) -> float:
        """A finite number; `None` as default makes it required."""
        value: Any = self.value.get(name, default)
        finite = -LARGEST_INTEGER <= value <= LARGEST_INTEGER if type(value) in (int, float) else False
        if finite and low <= value <= high:  # what is right needs no pointer
            return float(value)
        if default is not None and name not in self.value:
            return default
        return _number(self.require(name), self.at(name), low, high)

    def integer(self, name: str, default: int | None = None, low: int = 0, high: int = LARGEST_INTEGER) -> int:
        number = self.number(name, default, low, high)
        if number != int(number):
            raise self.broken(name, f"expected an integer, found {number}")
        return int(number)

    def text(self, name: str, default: str | None = None) -> str:
        if default is not None and name not in self.value:
            return default
        value = self.require(name)
        if not isinstance(value, str):
            raise self.broken(name, f"expected a string, found {_kind(value)}")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of an array; an absent array has none."""
        for i, item in enumerate(items := _array(self.value.get(name, []), self.at(name))):
            if not isinstance(item, str):
                raise BrokenScene(f"expected a string, found {_kind(item)}", f"{self.at(name)}/{i}")
        return tuple(items)

    def flag(self, name: str) -> bool:
        value = self.value.get(name, False)
        if not isinstance(value, bool):
            raise self.broken(name, f"expected true or false, found {_kind(value)}")
        return value

    def numbers(self, name: str, length: int | None, default: tuple[float, ...] | None = None) -> tuple[float, ...]:
        """`length` finite numbers, or any count of them for None."""
        if default is not None and name not in self.value:
            return default
        items = _array(self.require(name), self.at(name))
        if length is not None and len(items) != length:
            raise self.broken(name, f"expected {length} numbers, found {len(items)}")
        return tuple(_number(item, f"{self.at(name)}/{i}") for i, item in enumerate(items))

    def child(self, name: str) -> Fields | None:
        return Fields.of(self.value[name], self.at(name), self.root) if name in self.value else None

    def children(self, name: str) -> Iterator[Fields]:
        """The objects of an array; an absent array has none."""
        for i, item in enumerate(_array(self.value.get(name, []), self.at(name))):
            yield Fields.of(item, f"{self.at(name)}/{i}", self.root)

    def extension(self, name: str) -> Fields | None:
        extensions = self.child("extensions")
        return extensions.child(name) if extensions else None

    def reference(self, name: str, array: str) -> int | None:
        """An index into the root's `array`, checked; None where the field is absent."""
        if name not in self.value:
            return None
        value, there = self.value[name], self.root.get(array)
        if type(value) is int and type(there) is list and 0 <= value < len(there):
            return value
        return self._resolved(value, self.at(name), array)

    def references(self, name: str, array: str) -> tuple[int, ...]:
        items = _array(self.value.get(name, []), self.at(name))
        return tuple(self._resolved(item, f"{self.at(name)}/{i}", array) for i, item in enumerate(items))

    def _resolved(self, value: Any, pointer: str, array: str) -> int:
        size = len(_array(self.root.get(array, []), f"/{array}"))
        index = _number(value, pointer)
        if index != int(index) or not 0 <= index < size:
            raise BrokenScene(f"refers to {array} {value!r:.40}, of which there are {size}", pointer)
        return int(index)


def _number(value: Any, pointer: str, low: float = -math.inf, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BrokenScene(f"expected a number, found {_kind(value)}", pointer)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise BrokenScene("is not a finite number", pointer)
    if not low <= number <= high:
        raise BrokenScene(f"{value} is outside [{low:g}, {high:g}]", pointer)
    return number


def _array(value: Any, pointer: str) -> list[Any]:
    if not isinstance(value, list):
        raise BrokenScene(f"expected an array, found {_kind(value)}", pointer)
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
