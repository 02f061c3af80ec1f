"""UsdGeomMesh to glTF meshes: polygons and subdivision cages, primvars of every interpolation, subsets by material."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom, UsdShade

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.mesh import Corners, face_normals, primitive, require_places, smooth_normals, unit
from nightproof.scenes.formats.polygons import triangulate
from nightproof.scenes.formats.usd.materials import Look, Materials
from nightproof.scenes.formats.usd.solids import is_solid, solid

Array = np.ndarray


@dataclass
class Face:
    """The triangles of one mesh; per corner where it stands in the polygons, and per corner its polygon."""

    rows: Array
    """Place among the face-vertices."""
    point: Array
    face: Array
    counts: tuple[int, int, int]
    """Points, faces, face-vertices."""

    def chosen(self, keep: Array) -> Face:
        corners = np.repeat(keep, 3)
        return Face(self.rows[corners], self.point[corners], self.face[corners], self.counts)

    def spread(self, values: Array, interpolation: str, what: str) -> Array | None:
        """A primvar as a value per corner; None where it has fewer values than its interpolation asks for."""
        points, faces, corners = self.counts
        index, needed = {
            UsdGeom.Tokens.constant: (np.zeros_like(self.rows), 1),
            UsdGeom.Tokens.uniform: (self.face, faces),
            UsdGeom.Tokens.varying: (self.point, points),
            UsdGeom.Tokens.vertex: (self.point, points),
            UsdGeom.Tokens.faceVarying: (self.rows, corners),
        }.get(interpolation, (self.rows, -1))
        if len(values) < needed or needed < 0 or not len(values):
            return None
        return values[index]


@dataclass
class MeshReader:
    """Reads meshes once per prototype; instances share them."""

    assembly: Assembly
    materials: Materials
    notes: list[str]
    time: Usd.TimeCode
    _known: dict[str, int | None] = field(default_factory=dict)

    def mesh(self, prim: Usd.Prim) -> int | None:
        """The glTF mesh of a prim; None where it has no triangle. Raises BrokenScene."""
        own = prim.GetPrimInPrototype() if prim.IsInstanceProxy() else prim
        key = str(own.GetPath())
        if key not in self._known:
            self._known[key] = self._solid(prim) if is_solid(prim) else self._read(prim)
        return self._known[key]

    def _solid(self, prim: Usd.Prim) -> int:
        """A sphere, cube or the like, in its material or its displayColor; it has no texture coordinates."""
        places, normals = solid(prim, self.time)
        look = self.materials.look(prim)
        if look.texcoords:
            self.notes.append(f"{prim.GetPath()}: primitives have no texture coordinates, which its material reads")
        rows = np.arange(len(places))
        part = Face(rows, np.zeros_like(rows), np.zeros_like(rows), (1, 1, 1))
        tint = self._colors(UsdGeom.PrimvarsAPI(prim), part)[1] if look.wants_colors else None
        blank = tuple(np.zeros((len(rows), 2)) for _ in look.texcoords)
        corners = Corners(rows, places, normals, blank)
        sides = bool(UsdGeom.Gprim(prim).GetDoubleSidedAttr().Get())
        made = primitive(self.assembly, corners, self.materials.index(look, double_sided=sides, tint=tint))
        return self.assembly.push("meshes", {"name": prim.GetName(), "primitives": [made]})

    def _read(self, prim: Usd.Prim) -> int | None:
        mesh = UsdGeom.Mesh(prim)
        positions, faces = self._faces(mesh)
        if faces is None:
            return None
        primitives = []
        for look, keep in self._parts(mesh, faces):
            part = faces.chosen(keep)
            if len(part.rows):
                corners, tinted = self._corners(mesh, positions, part, look)
                material = self.materials.index(look, double_sided=bool(mesh.GetDoubleSidedAttr().Get()), tint=tinted)
                primitives.append(primitive(self.assembly, corners, material))
        return self.assembly.push("meshes", {"name": prim.GetName(), "primitives": primitives}) if primitives else None

    def _faces(self, mesh: UsdGeom.Mesh) -> tuple[Array, Face | None]:
        path = mesh.GetPath()
        positions = _array(mesh.GetPointsAttr().Get(self.time), 3, np.float64)
        sizes = _array(mesh.GetFaceVertexCountsAttr().Get(self.time), 0, np.int64)
        corners = _array(mesh.GetFaceVertexIndicesAttr().Get(self.time), 0, np.int64)
        if not len(positions) or not len(sizes):
            return positions, None
        if sizes.min() < 0 or sizes.sum() != len(corners):
            raise BrokenScene(f"{path}: its faces have {sizes.sum()} corners, its indices are {len(corners)}")
        if len(corners) and (corners.min() < 0 or corners.max() >= len(positions)):
            raise BrokenScene(f"{path}: a face refers to point {corners.max()} of {len(positions)}")
        require_places(positions, corners, f"{path}: point")
        triangles, face = triangulate(positions, corners, sizes)
        holes = _array(mesh.GetHoleIndicesAttr().Get(self.time), 0, np.int64)
        if len(holes):
            solid = ~np.isin(face, holes)
            triangles, face = triangles[solid], face[solid]
        if mesh.GetOrientationAttr().Get() == UsdGeom.Tokens.leftHanded:
            triangles = triangles[:, ::-1]
        if not len(triangles):
            return positions, None
        rows = triangles.reshape(-1)
        return positions, Face(rows, corners[rows], np.repeat(face, 3), (len(positions), len(sizes), len(corners)))

    def _parts(self, mesh: UsdGeom.Mesh, faces: Face) -> list[tuple[Look, Array]]:
        """Looks, and which triangles wear them: subsets first, the rest by the mesh's own binding."""
        owner = faces.face[::3]
        left = np.ones(len(owner), bool)
        parts = []
        for subset in UsdGeom.Subset.GetGeomSubsets(mesh, UsdGeom.Tokens.face, UsdShade.Tokens.materialBind):
            indices = _array(subset.GetIndicesAttr().Get(self.time), 0, np.int64)
            keep = left & np.isin(owner, indices)
            left &= ~keep
            parts.append((self.materials.look(subset.GetPrim()), keep))
        return [*parts, (self.materials.look(mesh.GetPrim()), left)]

    def _corners(
        self, mesh: UsdGeom.Mesh, positions: Array, part: Face, look: Look
    ) -> tuple[Corners, tuple[float, ...] | None]:
        """The corners; and the colour of the whole part where it has one and no material: (r, g, b, a)."""
        api = UsdGeom.PrimvarsAPI(mesh)
        texcoords = []
        for name in look.texcoords:
            values = self._primvar(api, name, 2, part)
            if values is None:
                self.notes.append(f"{mesh.GetPath()}: no texture coordinates {name!r}, which its material reads")
                values = np.zeros((len(part.rows), 2))
            texcoords.append(np.stack([values[:, 0], 1 - values[:, 1]], axis=1))
        tint: tuple[float, ...] | None = None
        colors = None
        if look.wants_colors:
            colors, tint = self._colors(api, part)
        corners = Corners(part.point, positions, self._normals(mesh, api, positions, part), tuple(texcoords), colors)
        return corners, (1.0, 1.0, 1.0, 1.0) if colors is not None else tint

    def _primvar(self, api: UsdGeom.PrimvarsAPI, name: str, width: int, part: Face) -> Array | None:
        primvar = api.FindPrimvarWithInheritance(name)
        if not primvar or not primvar.HasValue():
            return None
        values = _array(primvar.ComputeFlattened(self.time), width, np.float64)
        if not len(values):
            return None
        spread = part.spread(values, primvar.GetInterpolation(), name)
        if spread is None:
            self.notes.append(f"{primvar.GetAttr().GetPath()}: too few values for its interpolation, left out")
        return None if spread is None else np.nan_to_num(spread, nan=0, posinf=0, neginf=0)

    def _colors(self, api: UsdGeom.PrimvarsAPI, part: Face) -> tuple[Array | None, tuple[float, ...] | None]:
        """displayColor and displayOpacity, linear; as one colour where they are constant."""
        color = self._primvar(api, "displayColor", 3, part)
        opacity = self._primvar(api, "displayOpacity", 0, part)
        if color is None and opacity is None:
            return None, None
        rgb = np.full((len(part.rows), 3), 0.18) if color is None else color
        alpha = np.ones(len(part.rows)) if opacity is None else opacity.reshape(-1)
        both = np.clip(np.concatenate([rgb, alpha[:, None]], axis=1), 0, 1)
        if (both == both[0]).all():
            return None, tuple(both[0].tolist())
        return both, None

    def _normals(self, mesh: UsdGeom.Mesh, api: UsdGeom.PrimvarsAPI, positions: Array, part: Face) -> Array | None:
        """Those of the file on polygons; on a subdivision cage those of its points, since its surface is smooth."""
        if mesh.GetSubdivisionSchemeAttr().Get() != UsdGeom.Tokens.none:
            self.notes.append("subdivision surfaces are shown as their cages, with the normals of their points")
            _, group = np.unique(part.point, return_inverse=True)
            return smooth_normals(positions[part.point], group.reshape(-1))
        values = self._primvar(api, "normals", 3, part) if api.HasPrimvar("normals") else None
        if values is None and mesh.GetNormalsAttr().HasAuthoredValue():
            held = _array(mesh.GetNormalsAttr().Get(self.time), 3, np.float64)
            values = part.spread(held, mesh.GetNormalsInterpolation(), "normals")
        if values is None:
            return None
        values = np.nan_to_num(values, nan=0, posinf=0, neginf=0)
        flat = np.repeat(unit(face_normals(positions[part.point])), 3, axis=0)
        return np.where((np.linalg.norm(values, axis=1) > 1e-12)[:, None], unit(values), flat)


def _array(values: Any, width: int, dtype: type) -> Array:
    """A Vt array (or one value, or none) as (n,) for width 0, else (n, width); empty where it has another width."""
    if values is None:
        return np.zeros((0, width) if width else 0, dtype)
    try:
        found: Array = np.asarray(values, dtype)
    except (TypeError, ValueError):
        return np.zeros((0, width) if width else 0, dtype)
    if width == 0:
        return found.reshape(-1)
    if found.ndim == 1:
        found = found[None]
    return found if found.ndim == 2 and found.shape[1] == width else np.zeros((0, width), dtype)
