"""Runs of triangles as Mitsuba meshes: one per material, texture handedness and glow, with Mitsuba's one UV set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int, UInt32

from nightproof.rendering.mitsuba_materials import VERTEX_ALPHA, VERTEX_COLOR, Surface, texture_uses
from nightproof.rendering.mitsuba_plugins import VERTEX_NORMAL, VERTEX_TANGENT
from nightproof.rendering.mitsuba_textures import linear_rgba
from nightproof.scenes.flat import FlatScene, Material, Wrap

Array = np.ndarray


DARKEST_GLOW = 1e-3
"""Share of the brightest emission that counts as black: JPEG leaves codes of 1 to 3 there."""
FLAT_COSINE = 0.9999


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
    mirrored, count = mirrored_uv(flat), len(flat.triangles)
    for index, material in enumerate(flat.materials):
        of_material = np.flatnonzero(flat.triangle_material == index)
        reversed_ = mirrored[of_material] if material.normal_texture is not None else np.zeros(len(of_material), bool)
        glows = glowing(flat, material, of_material)
        for sense in (False, True):
            for glow in (False, True):
                chosen = of_material[(reversed_ == sense) & (glows == glow)]
                if len(chosen) and count:
                    yield _patch(flat, index, chosen, sense, glow, notes)


def glowing(flat: FlatScene, material: Material, triangles: Int[Array, "k"]) -> Bool[Array, "k"]:
    """Which of these triangles emit light somewhere, told from the texels that their corners span.

    Exporters like to give a whole model one emissive texture that is black but for its lamps: as an emitter all of it
    would be faceted, and light samples would go to waste on it.
    """
    if material.unlit or not any(material.emissive) or material.emissive_texture is None:
        return np.full(len(triangles), material.unlit or any(material.emissive))
    use = material.emissive_texture
    texture = flat.textures[use.texture]
    bright = np.max(linear_rgba(texture)[..., :3] * np.array(material.emissive, np.float32), axis=2)
    lit = bright > DARKEST_GLOW * max(material.emissive)
    if (texture.wrap_u, texture.wrap_v) != (Wrap.REPEAT, Wrap.REPEAT):
        return np.full(len(triangles), bool(lit.any()))
    height, width = lit.shape
    before = np.zeros((2 * height + 1, 2 * width + 1), np.int64)
    before[1:, 1:] = np.tile(lit, (2, 2)).cumsum(axis=0).cumsum(axis=1)
    uv = (flat.uv1 if use.texcoord else flat.uv0)[flat.triangles[triangles]]
    matrix = np.array(use.transform, np.float64).reshape(2, 3)
    texels = (uv @ matrix[:, :2].T + matrix[:, 2]) * (width, height)
    low, high = np.floor(texels.min(axis=1)) - 1, np.ceil(texels.max(axis=1)) + 1
    span = np.minimum(high - low, (width, height)).astype(np.int64)
    x0, y0 = np.mod(low, (width, height)).astype(np.int64).T
    x1, y1 = x0 + span[:, 0], y0 + span[:, 1]
    return (before[y1, x1] - before[y0, x1] - before[y1, x0] + before[y0, x0]) > 0


def mirrored_uv(flat: FlatScene) -> Bool[Array, "t"]:
    """Which triangles carry tangents of handedness −1."""
    if not len(flat.triangles):
        return np.zeros(0, bool)
    return flat.tangents[flat.triangles[:, 0], 3] < 0


def _patch(flat: FlatScene, index: int, chosen: Int[Array, "k"], mirrored: bool, glows: bool, notes: set[str]) -> Patch:
    material = flat.materials[index]
    corners = flat.triangles[chosen]
    used, triangles = np.unique(corners, return_inverse=True)
    colors = flat.colors[used]
    tinted = bool(np.any(colors[:, :3] != 1))
    faded = material.alpha_mode != "OPAQUE" and bool(np.any(colors[:, 3] != 1))
    framed = material.normal_texture is not None or (glows and not material.unlit and _is_smooth(flat, corners))
    surface = Surface(mirrored_uv=mirrored, vertex_colors=tinted, vertex_alpha=faded, framed=framed, glows=glows)
    return Patch(
        name=f"{material.name or 'material'} {index}{' mirrored' if mirrored else ''}{' glowing' if glows else ''}",
        material=index,
        surface=surface,
        positions=flat.positions[used],
        triangles=triangles.reshape(corners.shape).astype(np.uint32),
        normals=flat.normals[used],
        uv=(flat.uv1 if _texcoord(material, notes) == 1 else flat.uv0)[used],
        colors=colors if tinted or faded else None,
        tangents=flat.tangents[used, :3] if material.normal_texture is not None else None,
    )


def _is_smooth(flat: FlatScene, corners: UInt32[Array, "k 3"]) -> bool:
    """Whether vertex normals differ from those of the triangles."""
    a, b, c = (flat.positions[corners[:, corner]] for corner in range(3))
    faces = np.cross(b - a, c - a)
    faces /= np.maximum(np.linalg.norm(faces, axis=1, keepdims=True), 1e-30)
    cosine = np.abs(np.einsum("kcx,kx->kc", flat.normals[corners], faces))
    return bool(np.any(cosine < FLAT_COSINE))


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
    faceted = faceted or patch.surface.framed
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
    if patch.surface.framed:
        mesh.add_attribute(VERTEX_NORMAL, 3, np.ravel(patch.normals).astype(np.float32))
    if patch.tangents is not None:
        mesh.add_attribute(VERTEX_TANGENT, 3, np.ravel(patch.tangents).astype(np.float32))
    return mesh


def turned_over(patch: Patch, lift_m: float) -> Patch:
    """The same triangles seen from behind, `lift_m` off them: the other side of a double-sided emitter.

    glTF negates the whole mapped normal there, x t + y b + z n: on the turned normal that takes a turned tangent, and
    the other handedness.
    """
    return replace(
        patch,
        name=f"{patch.name} back",
        surface=replace(patch.surface, mirrored_uv=not patch.surface.mirrored_uv),
        positions=(patch.positions - lift_m * patch.normals).astype(np.float32),
        triangles=np.ascontiguousarray(patch.triangles[:, ::-1]),
        normals=-patch.normals,
        tangents=None if patch.tangents is None else -patch.tangents,
    )
