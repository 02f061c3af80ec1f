"""PLY (Greg Turk, 1994), ASCII and binary: one mesh with normals, colours and texture coordinates where it has them.

What a header promises is held against the bytes that follow before memory is taken. Splats and bare point clouds come
in PLY too; they are no surfaces, and are refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import Assembly, SourceFiles, document_from
from nightproof.scenes.formats.beside import Beside
from nightproof.scenes.formats.mesh import Corners, plain_material, primitive, require_places, unit
from nightproof.scenes.formats.ply_file import Column, PlyFile, Ragged, parse_ply
from nightproof.scenes.formats.polygons import triangulate
from nightproof.scenes.formats.sizes import unit_note
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.resources import read_file
from nightproof.scenes.shapes import TRIANGLE_STRIP, to_triangles
from nightproof.scenes.srgb import linear_of

Array = np.ndarray
COLORS = (("red", "green", "blue"), ("r", "g", "b"), ("diffuse_red", "diffuse_green", "diffuse_blue"))
TEXCOORDS = (("s", "t"), ("u", "v"), ("texture_u", "texture_v"))
INDEX_NAMES = ("vertex_indices", "vertex_index")


def load_ply(path: Path) -> GltfDocument:
    """A PLY file as a glTF document. Raises BrokenScene."""
    data = read_file(path)
    files = SourceFiles()
    files.add("", data)
    ply = parse_ply(data)
    _refuse_what_is_no_mesh(ply)
    beside = Beside(path.parent, files)
    assembly = Assembly()
    corners, notes = _corners(ply)
    material = plain_material(tinted=corners.colors is not None)
    pbr = material["pbrMetallicRoughness"]
    if corners.colors is not None and corners.colors[:, 3].min() < 1:
        material["alphaMode"] = "BLEND"
    texture = beside.picture(ply.texture, "the texture of the PLY") if ply.texture and corners.texcoords else None
    if texture is not None:
        use = {"index": assembly.texture(texture.data, texture.mime, ply.texture)}
        pbr |= {"baseColorTexture": use, "baseColorFactor": [1, 1, 1, 1]}
    assembly.push("materials", material)
    mesh = assembly.push("meshes", {"primitives": [primitive(assembly, corners, 0)]})
    root = assembly.push("nodes", {"name": path.stem, "mesh": mesh})
    notes += [unit_note("PLY", corners.positions[corners.place]), *beside.notes]
    return document_from(assembly.glb([root]), "ply", files, notes)


def _refuse_what_is_no_mesh(ply: PlyFile) -> None:
    vertex = ply.elements.get("vertex", {})
    count = ply.counts.get("vertex", 0)
    if "packed_position" in vertex or {"opacity", "scale_0", "rot_0"} <= set(vertex) or "f_dc_0" in vertex:
        raise BrokenScene(
            f"the PLY holds {count} Gaussian splats, not a mesh",
            hint="Give the scene that the splats were made from; splats are an output here, not an input.",
        )
    if not ({"face", "tristrips"} & set(ply.elements)) or not any(ply.counts.get(n) for n in ("face", "tristrips")):
        raise BrokenScene(
            f"the PLY is a cloud of {count} points without faces",
            hint="Make a surface of it first, e.g. by Poisson reconstruction in MeshLab or Blender.",
        )


@dataclass(frozen=True)
class _Faces:
    triangles: Array
    """Rows of three places in `corners`."""
    face: Array
    corners: Array


def _corners(ply: PlyFile) -> tuple[Corners, list[str]]:
    vertex = ply.elements.get("vertex", {})
    positions = _columns(vertex, (("x", "y", "z"),))
    if positions is None:
        raise BrokenScene("the vertices of the PLY have no x, y and z")
    faces = _faces(ply, positions)
    if not len(faces.triangles):
        raise BrokenScene("the faces of the PLY hold no triangle")
    rows = faces.triangles.reshape(-1)
    place = faces.corners[rows]
    require_places(positions, place, "vertex")
    normals = _columns(vertex, (("nx", "ny", "nz"),))
    face = ply.elements.get("face", {})
    texcoord = _columns(vertex, TEXCOORDS)
    per_corner = _face_texcoords(face, faces, rows)
    if per_corner is None and texcoord is not None:
        per_corner = texcoord[place]
    colors = _colors(vertex, place)
    if colors is None and "face" in ply.elements:
        colors = _colors(face, np.repeat(faces.face, 3))
    notes = [] if normals is not None else ["the PLY has no normals: its faces are shown flat"]
    return Corners(
        place,
        positions,
        normals=None if normals is None else unit(np.nan_to_num(normals[place], nan=0, posinf=0, neginf=0)),
        texcoords=() if per_corner is None else (_flipped(per_corner),),
        colors=colors,
    ), notes


def _faces(ply: PlyFile, positions: Array) -> _Faces:
    lists = []
    for element, strip in (("face", False), ("tristrips", True)):
        held = ply.elements.get(element, {})
        found = next((held[name] for name in INDEX_NAMES if name in held), None)
        if isinstance(found, Ragged):
            lists.append(_unstripped(found) if strip else found)
    if not lists:
        raise BrokenScene("the faces of the PLY have no list `vertex_indices`")
    flat = lists[0]
    corners = flat.values.astype(np.int64)
    if len(corners) and (corners.min() < 0 or corners.max() >= len(positions)):
        bad = corners.min() if corners.min() < 0 else corners.max()
        raise BrokenScene(f"a face of the PLY refers to vertex {bad} of {len(positions)}")
    triangles, face = triangulate(positions, corners, flat.sizes)
    return _Faces(triangles, face, corners)


def _unstripped(strips: Ragged) -> Ragged:
    """Triangles of strips in which −1 starts a new one."""
    found = [np.zeros((0, 3), np.uint32)]
    for strip in np.split(strips.values.astype(np.int64), np.cumsum(strips.sizes)[:-1]):
        if len(strip) and (strip.min() < -1 or strip.max() >= 2**32):
            raise BrokenScene(f"a strip of the PLY refers to vertex {strip.min()}")
        for run in np.split(strip, np.flatnonzero(strip == -1)):
            found.append(to_triangles(run[run >= 0].astype(np.uint32), TRIANGLE_STRIP))
    triangles = np.concatenate(found)
    return Ragged(np.full(len(triangles), 3, np.int64), triangles.reshape(-1).astype(np.int64))


def _columns(element: dict[str, Column], names: tuple[tuple[str, ...], ...]) -> Array | None:
    """The first group of names that the element has all of, as float64 columns."""
    for group in names:
        columns = [element.get(name) for name in group]
        plain = [column for column in columns if isinstance(column, np.ndarray)]
        if len(plain) == len(group):
            return np.stack(plain, axis=1).astype(np.float64)
    return None


def _colors(element: dict[str, Column], rows: Array) -> Array | None:
    """Linear colours with alpha. Whole numbers are of 255 (or of their type), fractions of 1; both follow sRGB."""
    for group in COLORS:
        columns = [element.get(name) for name in (*group, "alpha" if group[0] != "r" else "a")]
        plain = [column for column in columns if isinstance(column, np.ndarray)]
        if len(plain) < 3 or not all(isinstance(column, np.ndarray) for column in columns[:3]):
            continue
        scaled = [column[rows] / _one(column) for column in plain]
        rgb = linear_of(np.clip(np.nan_to_num(np.stack(scaled[:3], axis=1)), 0, 1))
        alpha = np.clip(np.nan_to_num(scaled[3], nan=1), 0, 1) if len(scaled) > 3 else np.ones(len(rows))
        return np.concatenate([rgb, alpha[:, None]], axis=1)
    return None


def _one(column: Array) -> float:
    return 1.0 if column.dtype.kind == "f" else 65535.0 if column.dtype.itemsize == 2 else 255.0


def _face_texcoords(face: dict[str, Column], faces: _Faces, rows: Array) -> Array | None:
    """MeshLab's `texcoord`: u and v of every corner, in a list per face."""
    found = face.get("texcoord")
    if not isinstance(found, Ragged) or len(found.values) != 2 * len(faces.corners):
        return None
    return found.values.reshape(-1, 2).astype(np.float64)[rows]


def _flipped(texcoords: Array) -> Array:
    clean = np.nan_to_num(texcoords, nan=0, posinf=0, neginf=0)
    return np.stack([clean[:, 0], 1 - clean[:, 1]], axis=1)
