"""UsdGeomPointInstancer: each mesh of a prototype once, with EXT_mesh_gpu_instancing where its places are T · R · S."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pxr import Usd, UsdGeom

from nightproof.scenes.broken import BrokenScene, SceneTooLarge
from nightproof.scenes.formats.assembly import Assembly
from nightproof.scenes.formats.usd.meshes import MeshReader
from nightproof.scenes.formats.usd.solids import is_solid

Array = np.ndarray
INSTANCES_LIMIT = 1_000_000
NODES_LIMIT = 20_000
"""Of instances whose places are sheared, each of which takes a node."""
INSTANCING = "EXT_mesh_gpu_instancing"


def instanced_nodes(
    prim: Usd.Prim, meshes: MeshReader, time: Usd.TimeCode, notes: list[str], assembly: Assembly
) -> Iterator[int]:
    """Nodes to hang below the node of the instancer. Raises BrokenScene, and SceneTooLarge."""
    instancer = UsdGeom.PointInstancer(prim)
    which = np.asarray(instancer.GetProtoIndicesAttr().Get(time) or [], np.int64)
    if len(which) > INSTANCES_LIMIT:
        raise SceneTooLarge(f"{prim.GetPath()} has more than {INSTANCES_LIMIT} instances")
    targets = instancer.GetPrototypesRel().GetForwardedTargets()
    if len(which) and (which.min() < 0 or which.max() >= len(targets)):
        raise BrokenScene(f"{prim.GetPath()}: an instance is of prototype {which.max()} of {len(targets)}")
    places = _places(instancer, time, len(which))
    mask = np.asarray(instancer.ComputeMaskAtTime(time) or [], bool)
    shown = mask if len(mask) == len(which) else np.ones(len(which), bool)
    for number, target in enumerate(targets):
        chosen = places[shown & (which == number)]
        prototype = prim.GetStage().GetPrimAtPath(target)
        if not len(chosen) or not prototype:
            continue
        for mesh, matrix in _meshes_of(prototype, meshes, time, notes):
            yield from _nodes(prototype.GetName(), mesh, chosen @ matrix, assembly)


def _places(instancer: UsdGeom.PointInstancer, time: Usd.TimeCode, count: int) -> Array:
    found = instancer.ComputeInstanceTransformsAtTime(
        time, time, UsdGeom.PointInstancer.ExcludeProtoXform, UsdGeom.PointInstancer.IgnoreMask
    )
    places = np.asarray(found, float).reshape(-1, 4, 4).transpose(0, 2, 1)
    if len(places) != count or not np.isfinite(places).all():
        raise BrokenScene(f"{instancer.GetPath()}: its instances have no finite places, or fewer than instances")
    return places


def _meshes_of(
    prototype: Usd.Prim, meshes: MeshReader, time: Usd.TimeCode, notes: list[str]
) -> Iterator[tuple[int, Array]]:
    """The meshes below a prototype with their places in it (its own included), as column-vector matrices."""
    worlds = UsdGeom.XformCache(time)
    outside = np.linalg.pinv(np.array(worlds.GetParentToWorldTransform(prototype), float))
    prims = iter(Usd.PrimRange(prototype, Usd.TraverseInstanceProxies()))
    for prim in prims:
        if prim.IsA(UsdGeom.PointInstancer):
            notes.append(f"{prim.GetPath()}: instancers within instancers are left out")
            prims.PruneChildren()
        elif UsdGeom.Imageable(prim) and (
            UsdGeom.Imageable(prim).GetVisibilityAttr().Get(time) == UsdGeom.Tokens.invisible
        ):
            prims.PruneChildren()
        elif (prim.IsA(UsdGeom.Mesh) or is_solid(prim)) and (mesh := meshes.mesh(prim)) is not None:
            yield mesh, (np.array(worlds.GetLocalToWorldTransform(prim), float) @ outside).T


def _nodes(name: str, mesh: int, places: Array, assembly: Assembly) -> Iterator[int]:
    translations, rotations, scales = decomposed(places)
    if _composed(translations, rotations, scales, places):
        assembly.uses(INSTANCING)
        attributes = {
            "TRANSLATION": assembly.accessor(translations.astype(np.float32), None),
            "ROTATION": assembly.accessor(rotations.astype(np.float32), None),
            "SCALE": assembly.accessor(scales.astype(np.float32), None),
        }
        node: dict[str, Any] = {"name": name, "mesh": mesh, "extensions": {INSTANCING: {"attributes": attributes}}}
        yield assembly.push("nodes", node)
        return
    if len(places) > NODES_LIMIT:
        raise SceneTooLarge(f"more than {NODES_LIMIT} sheared instances of {name}")
    for place in places:
        yield assembly.push("nodes", {"name": name, "mesh": mesh, "matrix": place.T.reshape(-1).tolist()})


def decomposed(places: Array) -> tuple[Array, Array, Array]:
    """Translations, unit quaternions (x, y, z, w) and scales; a mirrored place has its first scale negative."""
    linear = places[:, :3, :3]
    scales = np.linalg.norm(linear, axis=1)
    scales[:, 0] *= np.where(np.linalg.det(linear) < 0, -1, 1)
    turn = linear / np.where(scales == 0, 1, scales)[:, None, :]
    return places[:, :3, 3], quaternions(turn), scales


def quaternions(turns: Array) -> Array:
    """Of rotation matrices (n, 3, 3), by the largest of the four (Shepperd 1978)."""
    m = turns
    xx, yy, zz = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    squares = np.stack([1 + xx - yy - zz, 1 - xx + yy - zz, 1 - xx - yy + zz, 1 + xx + yy + zz], axis=1)
    off = {
        (0, 1): m[:, 0, 1] + m[:, 1, 0], (0, 2): m[:, 0, 2] + m[:, 2, 0], (1, 2): m[:, 1, 2] + m[:, 2, 1],
        (0, 3): m[:, 2, 1] - m[:, 1, 2], (1, 3): m[:, 0, 2] - m[:, 2, 0], (2, 3): m[:, 1, 0] - m[:, 0, 1],
    }  # fmt: skip
    table = np.zeros((len(m), 4, 4))
    for k in range(4):
        table[:, k, k] = squares[:, k]
    for (a, b), value in off.items():
        table[:, a, b] = table[:, b, a] = value
    picked = table[np.arange(len(m)), squares.argmax(axis=1)]
    length = np.linalg.norm(picked, axis=1, keepdims=True)
    return np.where(length > 0, picked / np.where(length > 0, length, 1), (0.0, 0.0, 0.0, 1.0))


def _composed(translations: Array, rotations: Array, scales: Array, places: Array) -> bool:
    """Whether T · R · S says what the matrices say, to a millionth of their size."""
    from nightproof.scenes.nodes import compose

    error = np.abs(compose(translations, rotations, scales) - places)[:, :3, :3].max()
    return bool(error <= 1e-6 * max(np.abs(places[:, :3, :3]).max(), 1e-12))
