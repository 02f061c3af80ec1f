"""Reading a TOML table that a stranger wrote: every value checked, every fault named by its place in the file."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nightproof.errors import UnusableInput

SIZE_LIMIT_BYTES = 4 << 20
TEXT_LIMIT = 80


class BrokenPrices(UnusableInput):
    """A price file that cannot be used as it is."""

    hint = "docs/reference/economy.md tells the format; the built-in files are a template to copy."


class Table:
    """One TOML table and where it stands. `done` refuses what nobody asked for."""

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        if not isinstance(values, Mapping):
            raise BrokenPrices(f"{where}: expected a table")
        self._left = dict(values)

    def fault(self, name: str, message: str) -> BrokenPrices:
        return BrokenPrices(f"{self.where}.{name}: {message}")

    def has(self, name: str) -> bool:
        return name in self._left

    def take(self, name: str) -> Any:
        if name not in self._left:
            raise self.fault(name, "missing")
        return self._left.pop(name)

    def number(self, name: str, low: float, high: float) -> float:
        return self.checked(self.take(name), name, low, high)

    def checked(self, value: Any, name: str, low: float, high: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(name, "expected a number")
        if isinstance(value, int) and abs(value) > 10**15:
            raise self.fault(name, f"expected a number from {low:g} to {high:g}")
        if not math.isfinite(value) or not low <= value <= high:
            raise self.fault(name, f"{value:g} is not between {low:g} and {high:g}")
        return float(value)

    def numbers(self, name: str, count: int, low: float, high: float) -> tuple[float, ...]:
        values = self.many(name, count, count)
        return tuple(self.checked(value, f"{name}[{i}]", low, high) for i, value in enumerate(values))

    def text(self, name: str) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not 0 < len(value) <= TEXT_LIMIT or not value.isprintable():
            raise self.fault(name, f"expected 1 to {TEXT_LIMIT} printable characters")
        return value

    def name(self, name: str = "name") -> str:
        value = self.text(name)
        if not value.replace("_", "").replace("-", "").isalnum() or not value.isascii():
            raise self.fault(name, "use letters, digits, - and _")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise self.fault(name, "expected true or false")
        return value

    def many(self, name: str, fewest: int, most: int) -> list[Any]:
        value = self.take(name)
        if not isinstance(value, list) or not fewest <= len(value) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self.fault(name, f"expected an array of {wanted} items")
        return value

    def tables(self, name: str, most: int) -> list[Table]:
        return [Table(item, f"{self.where}.{name}[{i}]") for i, item in enumerate(self.many(name, 1, most))]

    def table(self, name: str) -> Table:
        return Table(self.take(name), f"{self.where}.{name}")

    def done(self) -> None:
        if self._left:
            raise self.fault(min(map(str, self._left)), "unknown key")


def unique(names: Iterable[str], where: str) -> None:
    """Refuse names that occur twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise BrokenPrices(f"{where}: {name!r} occurs twice")
        seen.add(name)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file of at most 4 MiB. Raises `BrokenPrices`."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise BrokenPrices(f"{path.name}: cannot be read: {error.strerror or error}") from None
    if len(data) > SIZE_LIMIT_BYTES:
        raise BrokenPrices(f"{path.name}: larger than {SIZE_LIMIT_BYTES >> 20} MiB")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise BrokenPrices(f"{path.name}: not TOML: {error}") from None
