"""The statements of a Wavefront OBJ file (Alias|Wavefront, 1995, appendix B1): places, faces, and what they belong to.

Free-form curves, points and lines are counted, not read. Every index is checked against what stands before it or, where
the file is read to its end, against the whole, since some exporters list vertices last.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float64, Int64

from nightproof.scenes.broken import BrokenScene

Array = np.ndarray
HINT = "Export the model again; `nightproof` reads polygons, normals, texture coordinates and materials of OBJ."
MISSING = -1
SKIPPED = frozenset(
    {
        *("p", "l", "vp", "curv", "curv2", "surf", "cstype", "deg", "bmat", "step", "parm", "trim", "hole", "scrv"),
        *(
            "sp",
            "end",
            "con",
            "mg",
            "bevel",
            "c_interp",
            "d_interp",
            "lod",
            "shadow_obj",
            "trace_obj",
            "ctech",
            "stech",
        ),
        *("maplib", "usemap", "call", "csh"),
    }
)
"""Statements of the format that no polygon needs."""
DRAWN = frozenset(("p", "l", "curv", "surf"))


@dataclass(frozen=True)
class ObjFile:
    """Faces one after another; every corner names a place, and a texture coordinate and a normal or `MISSING`."""

    positions: Float64[Array, "v 3"]
    colors: Float64[Array, "v 3"] | None
    texcoords: Float64[Array, "u 2"]
    normals: Float64[Array, "n 3"]
    corners: Int64[Array, "c 3"]
    """Place, texture coordinate, normal."""
    sizes: Int64[Array, "f"]
    part: Int64[Array, "f"]
    """Which object and group (`parts`) a face is of."""
    material: Int64[Array, "f"]
    smoothing: Int64[Array, "f"]
    """Its smoothing group; 0 for none."""
    parts: tuple[str, ...]
    materials: tuple[str, ...]
    libraries: tuple[str, ...]
    left_out: int
    """Points, lines, curves and surfaces."""


@dataclass
class _State:
    numbers: dict[str, array[float]] = field(
        default_factory=lambda: {k: array("d") for k in ("v", "vt", "vn", "color")}
    )
    corners: array[int] = field(default_factory=lambda: array("q"))
    faces: array[int] = field(default_factory=lambda: array("q"))
    parts: dict[str, int] = field(default_factory=dict)
    materials: dict[str, int] = field(default_factory=dict)
    libraries: dict[str, None] = field(default_factory=dict)
    smoothing_names: dict[str, int] = field(default_factory=dict)
    object: str = ""
    group: str = ""
    part: int = -1
    material: int = -1
    smoothing: int = 0
    left_out: int = 0


def parse_obj(data: bytes) -> ObjFile:
    """Raises BrokenScene, with the line."""
    state = _State()
    for number, line in enumerate(_lines(data), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        read = _STATEMENTS.get(words[0])
        try:
            if read is not None:
                read(state, words, line)
            elif words[0] in SKIPPED:
                state.left_out += words[0] in DRAWN
            elif number == 1 or not words[0].isascii() or not words[0].replace("_", "").isalnum():
                raise ValueError(f"no statement of OBJ: {words[0][:20]!r}")
        except (ValueError, OverflowError) as error:
            raise BrokenScene(f"line {number} of the OBJ: {str(error)[:100]}", hint=HINT) from None
    return _finished(state)


def _lines(data: bytes) -> list[str]:
    return data.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").decode("utf-8", "replace").splitlines()


def _vertex(state: _State, words: list[str], line: str) -> None:
    x, y, z = map(float, words[1:4])
    state.numbers["v"].extend((x, y, z))
    if len(words) >= 7:  # x y z r g b; a single fourth number is a weight of rational curves
        count = len(state.numbers["v"]) // 3 - 1
        missing = count - len(state.numbers["color"]) // 3
        state.numbers["color"].extend((1.0, 1.0, 1.0) * missing)
        state.numbers["color"].extend(map(float, words[4:7]))


def _texcoord(state: _State, words: list[str], line: str) -> None:
    state.numbers["vt"].extend((float(words[1]), float(words[2]) if len(words) > 2 else 0.0) if len(words) > 1 else ())
    if len(words) < 2:
        raise ValueError("a texture coordinate without numbers")


def _normal(state: _State, words: list[str], line: str) -> None:
    x, y, z = map(float, words[1:4])
    state.numbers["vn"].extend((x, y, z))


def _face(state: _State, words: list[str], line: str) -> None:
    if len(words) < 4:
        state.left_out += 1
        return
    numbers = state.numbers
    counts = (len(numbers["v"]) // 3, len(numbers["vt"]) // 2, len(numbers["vn"]) // 3)
    extend = state.corners.extend
    for word in words[1:]:
        parts = word.split("/")
        v = int(parts[0])
        t = int(parts[1]) if len(parts) > 1 and parts[1] else 0
        n = int(parts[2]) if len(parts) > 2 and parts[2] else 0
        if v == 0 or len(parts) > 3:
            raise ValueError(f"a corner {word[:30]!r}; indices start at 1")
        # negative ones count back from here; 0 marks what is absent
        extend(
            (
                v - 1 if v > 0 else counts[0] + v,
                t - 1 if t >= 0 else counts[1] + t,
                n - 1 if n >= 0 else counts[2] + n,
            )
        )
        if (v < 0 and counts[0] + v < 0) or (t < 0 and counts[1] + t < 0) or (n < 0 and counts[2] + n < 0):
            raise ValueError(f"a corner {word[:30]!r} counts back beyond the first")
    if state.part < 0:
        _enter(state)
    state.faces.extend((len(words) - 1, state.part, state.material, state.smoothing))


def _enter(state: _State) -> None:
    name = "/".join(dict.fromkeys(filter(None, (state.object, state.group))))
    state.part = state.parts.setdefault(name, len(state.parts))


def _object(state: _State, words: list[str], line: str) -> None:
    state.object, state.group, state.part = " ".join(words[1:]), "", -1


def _group(state: _State, words: list[str], line: str) -> None:
    state.group, state.part = " ".join(words[1:]), -1


def _material(state: _State, words: list[str], line: str) -> None:
    state.material = state.materials.setdefault(" ".join(words[1:]), len(state.materials))


def _library(state: _State, words: list[str], line: str) -> None:
    state.libraries[line.split(None, 1)[1].strip() if len(words) > 1 else ""] = None


def _smooth(state: _State, words: list[str], line: str) -> None:
    name = words[1] if len(words) > 1 else "off"
    off = name.lower() in ("off", "0")
    state.smoothing = 0 if off else state.smoothing_names.setdefault(name, len(state.smoothing_names) + 1)


_STATEMENTS: dict[str, Callable[[_State, list[str], str], None]] = {
    "v": _vertex,
    "vt": _texcoord,
    "vn": _normal,
    "f": _face,
    "fo": _face,
    "o": _object,
    "g": _group,
    "usemtl": _material,
    "mtllib": _library,
    "s": _smooth,
}


def _finished(state: _State) -> ObjFile:
    positions, texcoords, normals = (
        np.frombuffer(state.numbers[name], np.float64).reshape(-1, width)
        if state.numbers[name]
        else np.zeros((0, width))
        for name, width in (("v", 3), ("vt", 2), ("vn", 3))
    )
    corners = np.array(state.corners, np.int64).reshape(-1, 3)
    faces = np.array(state.faces, np.int64).reshape(-1, 4)
    for column, values, what in ((0, positions, "vertex"), (1, texcoords, "coordinate"), (2, normals, "normal")):
        highest = int(corners[:, column].max(initial=-1))
        if highest >= len(values):
            raise BrokenScene(f"a face of the OBJ refers to {what} {highest + 1} of {len(values)}", hint=HINT)
    colors = None
    if state.numbers["color"]:
        colors = np.ones((len(positions), 3))
        held = np.frombuffer(state.numbers["color"], np.float64).reshape(-1, 3)
        colors[: len(held)] = held
    sizes, part, material, smoothing = faces.T.copy()
    return ObjFile(
        positions=positions,
        colors=colors,
        texcoords=texcoords,
        normals=normals,
        corners=corners,
        sizes=sizes,
        part=part,
        material=material,
        smoothing=smoothing,
        parts=tuple(state.parts),
        materials=tuple(state.materials),
        libraries=tuple(state.libraries),
        left_out=state.left_out,
    )
