"""Runs of triangles as Mitsuba meshes: one per material and texture handedness, with the one UV set Mitsuba has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt32

from nightproof.rendering.mitsuba_materials import VERTEX_ALPHA, VERTEX_COLOR, Surface, texture_uses
from nightproof.rendering.mitsuba_plugins import VERTEX_TANGENT
from nightproof.scenes.flat import FlatScene, Material

Array = np.ndarray


@dataclass(frozen=True)
class Patch:
    """Triangles that become one Mitsuba mesh, with vertices of their own."""

    name: str
    material: int
    surface: Surface
    positions: Float32[Array, "v 3"]
    triangles: UInt32[Array, "t 3"]
    normals: Float32[Array, "v 3"]
    uv: Float32[Array, "v 2"]
    colors: Float32[Array, "v 4"] | None
    tangents: Float32[Array, "v 3"] | None
    """None where no normal map needs them."""


def patches(flat: FlatScene, notes: set[str]) -> Iterator[Patch]:
    """All triangles of the scene, sorted into patches."""
    mirrored = mirrored_uv(flat)
    for index, material in enumerate(flat.materials):
        of_material = flat.triangle_material == index
        senses = (False, True) if material.normal_texture is not None else (None,)
        for sense in senses:
            chosen = np.flatnonzero(of_material if sense is None else of_material & (mirrored == sense))
            if len(chosen):
                yield _patch(flat, index, chosen, bool(sense), notes)


def mirrored_uv(flat: FlatScene) -> Bool[Array, "t"]:
    """Which triangles carry tangents of handedness −1."""
    if not len(flat.triangles):
        return np.zeros(0, bool)
    return flat.tangents[flat.triangles[:, 0], 3] < 0


def _patch(flat: FlatScene, index: int, chosen: Int[Array, "k"], mirrored: bool, notes: set[str]) -> Patch:
    material = flat.materials[index]
    corners = flat.triangles[chosen]
    used, triangles = np.unique(corners, return_inverse=True)
    colors = flat.colors[used]
    tinted = bool(np.any(colors[:, :3] != 1))
    faded = material.alpha_mode != "OPAQUE" and bool(np.any(colors[:, 3] != 1))
    return Patch(
        name=f"{material.name or 'material'} {index}{' mirrored' if mirrored else ''}",
        material=index,
        surface=Surface(mirrored_uv=mirrored, vertex_colors=tinted, vertex_alpha=faded),
        positions=flat.positions[used],
        triangles=triangles.reshape(corners.shape).astype(np.uint32),
        normals=flat.normals[used],
        uv=(flat.uv1 if _texcoord(material, notes) == 1 else flat.uv0)[used],
        colors=colors if tinted or faded else None,
        tangents=flat.tangents[used, :3] if material.normal_texture is not None else None,
    )


def _texcoord(material: Material, notes: set[str]) -> int:
    """The one UV set that the mesh gets."""
    sets = [use.texcoord for use in texture_uses(material)]
    if len(set(sets)) > 1:
        notes.add(f"{material.name}: textures on both UV sets; Mitsuba sees all of them on set {sets[0]}")
    return sets[0] if sets else 0


def mitsuba_mesh(
    mi: Any,
    patch: Patch,
    *,
    bsdf: Any,
    tint: tuple[float, ...],
    emitter: Any = None,
    interior: Any = None,
    faceted: bool = False,
) -> Any:
    """The patch as a `mi.Mesh`.

    Args:
        tint: multiplies the vertex colours.
        faceted: leave the vertex normals out. Needed for emitters: with smooth normals Mitsuba's light sampling and its
            hits disagree about which side a point lies on and by how much it is foreshortened.
    """
    properties = mi.Properties()
    properties["bsdf"] = bsdf
    if emitter is not None:
        properties["emitter"] = emitter
    if interior is not None:
        properties["interior"] = interior
    mesh = mi.Mesh(
        patch.name,
        vertex_count=len(patch.positions),
        face_count=len(patch.triangles),
        has_vertex_normals=not faceted,
        has_vertex_texcoords=True,
        props=properties,
    )
    arrays = mi.traverse(mesh)
    arrays["vertex_positions"] = np.ravel(patch.positions)
    arrays["faces"] = np.ravel(patch.triangles)
    arrays["vertex_texcoords"] = np.ravel(patch.uv)
    if not faceted:
        arrays["vertex_normals"] = np.ravel(patch.normals)
    arrays.update()
    if patch.colors is not None:
        colors = patch.colors[:, :3] * np.asarray(tint[:3], np.float32)
        mesh.add_attribute(VERTEX_COLOR, 3, np.ravel(colors).astype(np.float32))
        mesh.add_attribute(VERTEX_ALPHA, 1, np.ravel(patch.colors[:, 3]).astype(np.float32))
    if patch.tangents is not None:
        mesh.add_attribute(VERTEX_TANGENT, 3, np.ravel(patch.tangents).astype(np.float32))
    return mesh


def turned_over(patch: Patch, lift_m: float) -> Patch:
    """The same triangles seen from behind, `lift_m` off them: the other side of a double-sided emitter."""
    return Patch(
        name=f"{patch.name} back",
        material=patch.material,
        surface=patch.surface,
        positions=(patch.positions - lift_m * patch.normals).astype(np.float32),
        triangles=np.ascontiguousarray(patch.triangles[:, ::-1]),
        normals=-patch.normals,
        uv=patch.uv,
        colors=patch.colors,
        tangents=patch.tangents,
    )
