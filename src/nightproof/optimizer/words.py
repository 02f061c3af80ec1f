"""Lengths, shares, sizes and numbers as hints, reasons and pages say them. Imports nothing: faces use it as well."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST_NAME = 40


def length(metres: float) -> str:
    for unit, scale in (("km", 1e3), ("m", 1.0), ("cm", 1e-2)):
        if metres >= scale:
            return f"{metres / scale:.3g} {unit}"
    return f"{metres * 1e3:.2g} mm"


def percent(share: float) -> str:
    return "less than 1 %" if 0 < share < 0.005 else f"{100 * share:.0f} %"


def plural(count: float, word: str) -> str:
    return word if count == 1 else word + "s"


def size(count: float) -> str:
    """Bytes as people read them, in powers of ten: 4.2 MB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{count / scale:.3g} {unit}"
    return f"{count:.0f} bytes"


def kind_of_scene(scene_class: str, confidence: float, area_per_diagonal2: float) -> str:
    """Its class, and how sure that is; a scene without surface looks like nothing."""
    return f"{scene_class}, {percent(confidence)} sure" if area_per_diagonal2 else "nothing: there is no surface"


def thousands(count: float) -> str:
    return f"{count / 1000:.0f}k" if count >= 10_000 else f"{count / 1000:.1f}k" if count >= 1000 else f"{count:.0f}"


def quoted(name: str) -> str:
    """A name out of the file: short, on one line, with nothing in it that a terminal would obey."""
    plain = "".join(c if c.isprintable() else " " for c in name).strip()
    return f"“{plain[: LONGEST_NAME - 1] + '…' if len(plain) > LONGEST_NAME else plain}”"


def listed(names: Sequence[str], most: int = 3) -> str:
    """“a”, “b” and 4 more."""
    shown = [quoted(name) for name in names[:most]]
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def pixels(width: int, height: int) -> str:
    return f"{width}²" if width == height else f"{width} × {height}"
