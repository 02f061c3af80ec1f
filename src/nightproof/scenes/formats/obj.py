"""Wavefront OBJ with its materials and textures: a node per object and group, a primitive per material."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import Assembly, SourceFiles, document_from
from nightproof.scenes.formats.beside import Beside
from nightproof.scenes.formats.mesh import (
    Corners,
    face_normals,
    primitive,
    require_places,
    smooth_normals,
    unit,
)
from nightproof.scenes.formats.mtl import MaterialBook
from nightproof.scenes.formats.obj_file import HINT, MISSING, ObjFile, parse_obj
from nightproof.scenes.formats.polygons import triangulate
from nightproof.scenes.formats.sizes import unit_note
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.resources import read_file
from nightproof.scenes.srgb import linear_of

Array = np.ndarray


def load_obj(path: Path) -> GltfDocument:
    """An OBJ file as a glTF document. Raises BrokenScene."""
    data = read_file(path)
    files = SourceFiles()
    files.add("", data)
    obj = parse_obj(data)
    beside = Beside(path.parent, files)
    assembly = Assembly()
    book = MaterialBook.read(obj.libraries, beside, assembly)
    roots = list(_nodes(obj, assembly, book, path.stem))
    if not roots:
        raise BrokenScene("the OBJ holds no face", hint=HINT)
    notes = [unit_note("OBJ", obj.positions[obj.corners[:, 0]]), *beside.notes, *book.notes]
    if obj.left_out:
        notes.append(f"{obj.left_out} points, lines, curves or surfaces of the OBJ are left out")
    return document_from(assembly.glb(roots), "obj", files, notes)


def _nodes(obj: ObjFile, assembly: Assembly, book: MaterialBook, name: str) -> Iterator[int]:
    require_places(obj.positions, obj.corners[:, 0], "vertex (counted from 0)")
    triangles, face = triangulate(obj.positions, obj.corners[:, 0], obj.sizes)
    for part in np.unique(obj.part[face]) if len(face) else ():
        here = obj.part[face] == part
        primitives = []
        for material in np.unique(obj.material[face[here]]):
            chosen = here & (obj.material[face] == material)
            corners = _corners(obj, triangles[chosen].reshape(-1), np.repeat(obj.smoothing[face[chosen]], 3))
            index = book.index(obj.materials[material] if material >= 0 else "", tinted=corners.colors is not None)
            primitives.append(primitive(assembly, corners, index))
        mesh = assembly.push("meshes", {"primitives": primitives})
        yield assembly.push("nodes", {"name": obj.parts[part] or name, "mesh": mesh})


def _corners(obj: ObjFile, rows: Array, smoothing: Array) -> Corners:
    place, texcoord, normal = obj.corners[rows].T
    texcoords: tuple[Array, ...] = ()
    if (texcoord != MISSING).any():
        u, v = np.nan_to_num(obj.texcoords, nan=0, posinf=0, neginf=0)[np.maximum(texcoord, 0)].T
        texcoords = (np.where((texcoord == MISSING)[:, None], 0, np.stack([u, 1 - v], axis=1)),)
    colors = None
    if obj.colors is not None:
        rgb = linear_of(np.clip(np.nan_to_num(obj.colors[place]), 0, 1))
        colors = np.concatenate([rgb, np.ones((len(rgb), 1))], axis=1)
    return Corners(place, obj.positions, _normals(obj, place, normal, smoothing), texcoords, colors)


def _normals(obj: ObjFile, place: Array, normal: Array, smoothing: Array) -> Array | None:
    """The file's own; where it has none, averaged within smoothing groups, and flat outside of them."""
    given = normal != MISSING
    if not given.any() and not smoothing.any():
        return None
    places = obj.positions[place]
    found = np.repeat(unit(face_normals(places)), 3, axis=0)
    smoothed = ~given & (smoothing > 0)
    if smoothed.any():
        _, group = np.unique(np.stack([place, smoothing], axis=1), axis=0, return_inverse=True)
        found[smoothed] = smooth_normals(places, group.reshape(-1))[smoothed]
    if given.any():
        held = np.nan_to_num(obj.normals, nan=0, posinf=0, neginf=0)[normal[given]]
        usable = np.linalg.norm(held, axis=1) > 1e-12
        found[np.flatnonzero(given)[usable]] = unit(held[usable])
    return found
