"""STL, ASCII and binary: triangles and nothing else. Z is up, as in the CAD and printing tools that write it.

The facet normals of the file are not read: they say what the corners say already, or are wrong. Neither are the two
attribute bytes, in which two vendors keep colours in contradictory ways.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import Assembly, SourceFiles, document_from
from nightproof.scenes.formats.mesh import Corners, plain_material, primitive, require_places
from nightproof.scenes.formats.sizes import unit_note
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.resources import read_file

Array = np.ndarray
HEADER_BYTES, FACET_BYTES = 84, 50
FACET = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
Z_UP = [1, 0, 0, 0, 0, 0, -1, 0, 0, 1, 0, 0, 0, 0, 0, 1]
"""Column-major: (x, y, z) to (x, z, −y)."""
HINT = "Export the model again, as binary STL or better as glTF."


def load_stl(path: Path) -> GltfDocument:
    """An STL file as a glTF document. Raises BrokenScene."""
    data = read_file(path)
    files = SourceFiles()
    files.add("", data)
    corners = binary_corners(data) if is_binary(data) else ascii_corners(data)
    if not len(corners):
        raise BrokenScene("the STL holds no facet", hint=HINT)
    require_places(corners, np.arange(len(corners)), "corner")
    assembly = Assembly()
    places = Corners(np.arange(len(corners)), corners)
    assembly.push("materials", plain_material())
    mesh = assembly.push("meshes", {"primitives": [primitive(assembly, places, 0)]})
    root = assembly.push("nodes", {"name": path.stem, "mesh": mesh, "matrix": Z_UP})
    turned = corners[:, [0, 2, 1]]
    return document_from(assembly.glb([root]), "stl", files, [unit_note("STL", turned)])


def is_binary(data: bytes) -> bool:
    """Binary files may begin with `solid` too: their length decides, and then whether the words of the other follow."""
    if len(data) >= HEADER_BYTES and len(data) == HEADER_BYTES + FACET_BYTES * _promised(data):
        return True
    return not (data.lstrip()[:5].lower() == b"solid" and (b"facet" in data[:4096].lower() or len(data) < 4096))


def _promised(data: bytes) -> int:
    return int.from_bytes(data[80:84], "little")


def binary_corners(data: bytes) -> Float64[Array, "c 3"]:
    if len(data) < HEADER_BYTES:
        raise BrokenScene(f"the file has {len(data)} bytes, the header of an STL has {HEADER_BYTES}", hint=HINT)
    count, room = _promised(data), (len(data) - HEADER_BYTES) // FACET_BYTES
    if count > room:
        raise BrokenScene(f"the STL promises {count} facets and has bytes for {room}", hint=HINT)
    facets = np.frombuffer(data, FACET, count, HEADER_BYTES)
    return facets["corners"].reshape(-1, 3).astype(np.float64)


def ascii_corners(data: bytes) -> Float64[Array, "c 3"]:
    """The numbers behind every `vertex`; three to a facet, facets in the order of the file."""
    numbers: list[float] = []
    for number, line in enumerate(data.splitlines(), 1):
        words = line.split()
        if not words or words[0].lower() != b"vertex":
            if words and words[0].lower() == b"endloop" and len(numbers) % 9:
                raise BrokenScene(f"line {number} of the STL ends a facet that has not three corners", hint=HINT)
            continue
        try:
            x, y, z = words[1:4]
            numbers += (float(x), float(y), float(z))
        except ValueError:
            raise BrokenScene(f"line {number} of the STL is no vertex of three numbers", hint=HINT) from None
    if len(numbers) % 9:
        raise BrokenScene("the STL ends within a facet", hint=HINT)
    return np.array(numbers, np.float64).reshape(-1, 3)
