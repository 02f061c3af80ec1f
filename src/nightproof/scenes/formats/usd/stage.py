"""From a composed stage to a GLB: a node per prim that places something, meshes shared where prims are instances."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pxr import Gf, Usd, UsdGeom, UsdLux

from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.usd.confined import Confined
from nightproof.scenes.formats.usd.instancers import instanced_nodes
from nightproof.scenes.formats.usd.lights import light_of
from nightproof.scenes.formats.usd.materials import Materials
from nightproof.scenes.formats.usd.meshes import MeshReader
from nightproof.scenes.formats.usd.solids import is_solid

PRIMS_LIMIT = 200_000
"""Prims of a stage, instances unfolded: a few layers that reference one another can make billions."""
Z_UP = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], float)
DRAWN_PURPOSES = ("default", "render")


@dataclass
class Writer:
    """What grows while a stage is walked."""

    stage: Usd.Stage
    confined: Confined
    time: Usd.TimeCode
    assembly: Assembly = field(default_factory=Assembly)
    nodes: dict[str, int] = field(default_factory=dict)
    """Prim path → node."""
    notes: list[str] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    """Type of prim → how many of it are not shown."""

    def node(self, parent: int, prim: Usd.Prim, content: dict[str, Any]) -> int:
        index = self.assembly.push("nodes", {"name": prim.GetName(), **content})
        self.assembly.json["nodes"][parent].setdefault("children", []).append(index)
        return index


def convert(path: Path) -> tuple[bytes, list[str], list[str]]:
    """The GLB, the files it came from beside `path` itself, and notes. Raises BrokenScene."""
    path = path.resolve()
    confined = Confined(path.parent)
    stage = confined.open_stage(path)
    writer = Writer(stage, confined, Usd.TimeCode.EarliestTime())
    root = writer.assembly.push("nodes", {"name": path.stem, "matrix": _to_metres(stage, writer.notes)})
    _walk(writer, root)
    if not writer.assembly.json.get("meshes"):
        raise BrokenScene(
            f"{path.name} holds no mesh that is shown",
            hint="Polygons, subdivision cages and UsdGeom's solids are shown; curves, points and volumes are not.",
        )
    _prune(writer.assembly.json)
    writer.notes += [f"{count} prims of type {kind} are left out" for kind, count in writer.left_out.items()]
    if any(layer.ListAllTimeSamples() for layer in stage.GetUsedLayers()):
        writer.notes.append("animation of USD is left out: the earliest time is shown")
    files = [name for name in confined.files if (path.parent / name).resolve() != path]
    return writer.assembly.glb([root]), files, [*dict.fromkeys([*confined.notes, *writer.notes])]


def _to_metres(stage: Usd.Stage, notes: list[str]) -> list[float]:
    """The matrix (column-major) that turns the stage's units and axis into metres and +Y up."""
    scale = UsdGeom.GetStageMetersPerUnit(stage)
    if not 0 < scale < 1e9:
        raise BrokenScene(f"metersPerUnit is {scale:g}")
    if not UsdGeom.StageHasAuthoredMetersPerUnit(stage):
        notes.append("the stage has no metersPerUnit: one unit is a centimetre, as USD says then")
    turn = Z_UP if UsdGeom.GetStageUpAxis(stage) == UsdGeom.Tokens.z else np.eye(4)
    return (turn @ np.diag([scale, scale, scale, 1.0])).T.reshape(-1).tolist()


def _walk(writer: Writer, root: int) -> None:
    materials = Materials(writer.confined, writer.assembly, writer.notes, writer.time)
    meshes = MeshReader(writer.assembly, materials, writer.notes, writer.time)
    prims = iter(Usd.PrimRange(writer.stage.GetPseudoRoot(), Usd.TraverseInstanceProxies()))
    scale = UsdGeom.GetStageMetersPerUnit(writer.stage)
    for count, prim in enumerate(prims):
        if count > PRIMS_LIMIT:
            raise SceneTooLarge(f"unfolds to more than {PRIMS_LIMIT} prims")
        if prim.IsPseudoRoot():
            continue
        if not _shown(prim, writer.time):
            prims.PruneChildren()
            continue
        parent = writer.nodes.get(str(prim.GetParent().GetPath()), root)
        content: dict[str, Any] = {}
        xformable = UsdGeom.Xformable(prim)
        if xformable:
            matrix = xformable.GetLocalTransformation(writer.time)
            content = _placed(matrix, prim)
            if xformable.GetResetXformStack():
                parent = root
        if prim.IsA(UsdGeom.PointInstancer):
            node = writer.node(parent, prim, content)
            for child in instanced_nodes(prim, meshes, writer.time, writer.notes, writer.assembly):
                writer.assembly.json["nodes"][node].setdefault("children", []).append(child)
            prims.PruneChildren()
            continue
        if prim.IsA(UsdGeom.Mesh) or is_solid(prim):
            if (mesh := meshes.mesh(prim)) is not None:
                content["mesh"] = mesh
        elif prim.IsA(UsdGeom.Camera):
            content |= _camera(UsdGeom.Camera(prim), writer, scale)
        elif prim.HasAPI(UsdLux.LightAPI):
            content |= light_of(prim, writer.assembly, writer.notes, writer.time, scale)
        elif prim.IsA(UsdGeom.Gprim) or prim.GetTypeName() == "Volume":
            writer.left_out[prim.GetTypeName()] = writer.left_out.get(prim.GetTypeName(), 0) + 1
        if content:
            writer.nodes[str(prim.GetPath())] = writer.node(parent, prim, content)
        elif parent != root or str(prim.GetParent().GetPath()) in writer.nodes:
            writer.nodes[str(prim.GetPath())] = parent


def _shown(prim: Usd.Prim, time: Usd.TimeCode) -> bool:
    imageable = UsdGeom.Imageable(prim)
    if not imageable:
        return True
    if imageable.GetVisibilityAttr().Get(time) == UsdGeom.Tokens.invisible:
        return False
    purpose = imageable.GetPurposeAttr().Get()
    return purpose is None or purpose in DRAWN_PURPOSES


def _placed(matrix: Gf.Matrix4d, prim: Usd.Prim) -> dict[str, Any]:
    """A node's matrix: USD's rows of a row-vector transform are glTF's columns."""
    values = np.array(matrix, float)
    if not np.isfinite(values).all():
        raise BrokenScene(f"{prim.GetPath()} is at no finite place")
    return {} if np.array_equal(values, np.eye(4)) else {"matrix": values.reshape(-1).tolist()}


def _camera(camera: UsdGeom.Camera, writer: Writer, scale: float) -> dict[str, Any]:
    lens = camera.GetCamera(writer.time)
    if lens.projection != Gf.Camera.Perspective or not lens.focalLength > 0 or not lens.verticalAperture > 0:
        writer.notes.append(f"{camera.GetPath()}: only perspective cameras are read")
        return {}
    near = max(float(lens.clippingRange.min) * scale, 1e-3)
    perspective = {
        "yfov": 2 * float(np.arctan(lens.verticalAperture / (2 * lens.focalLength))),
        "aspectRatio": float(lens.horizontalAperture / lens.verticalAperture) or 1.0,
        "znear": near,
    }
    camera_json = {"type": "perspective", "perspective": perspective, "name": camera.GetPrim().GetName()}
    return {"camera": writer.assembly.push("cameras", camera_json)}


def _prune(json: dict[str, Any]) -> None:
    """Empty branches are taken out of their parents; the nodes themselves are renumbered."""
    nodes = json["nodes"]
    full = [bool({"mesh", "camera", "extensions"} & node.keys()) for node in nodes]
    for index in reversed(range(len(nodes))):  # children follow their parents
        full[index] |= any(full[child] for child in nodes[index].get("children", ()))
    new = {old: position for position, old in enumerate(i for i, kept in enumerate(full) if kept)}
    for node in nodes:
        if "children" in node:
            node["children"] = [new[child] for child in node["children"] if full[child]]
            if not node["children"]:
                del node["children"]
    json["nodes"] = [node for index, node in enumerate(nodes) if full[index]]
