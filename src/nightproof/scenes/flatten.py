"""From a glTF document to the world-space soup that renderers read (`scenes.flat`).

What is drawn is decided first, from the JSON alone, so that a small file that unfolds to a huge scene is refused before
memory is taken; then every primitive is decoded once, and `scenes.soup` places it once per node and GPU instance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from nightproof.scenes import shapes
from nightproof.scenes.broken import SceneTooLarge
from nightproof.scenes.fields import Fields
from nightproof.scenes.flat import Environment, FlatScene, Instance, Material
from nightproof.scenes.frames import normalized, with_normals, with_tangents
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.images import decode_image
from nightproof.scenes.lights import read_cameras, read_lights
from nightproof.scenes.materials import read_materials
from nightproof.scenes.nodes import Placement, copies, copy_count, place_nodes
from nightproof.scenes.selection import scenes_note
from nightproof.scenes.shapes import Shape
from nightproof.scenes.soup import Soup, cofactors
from nightproof.scenes.texcoords import folded
from nightproof.scenes.textures import Decode, TextureTable

Array = np.ndarray
TRIANGLE_LIMIT = 20_000_000
VERTEX_LIMIT = 40_000_000
INSTANCE_LIMIT = 1_000_000
"""What one scene may unfold to; 40 M vertices are 3 GB."""


@dataclass(frozen=True)
class Draw:
    """One primitive of one shown node."""

    node: Fields
    node_index: int
    mesh: Fields
    mesh_index: int
    primitive: Fields
    primitive_index: int
    skin: int | None
    material: int | None


def flatten(document: GltfDocument, environment: Environment | None = None, decode: Decode = decode_image) -> FlatScene:
    """The default scene of a document, ready to render. Raises BrokenScene; SceneTooLarge before memory runs out."""
    notes = [*document.notes, *filter(None, [scenes_note(document)])]
    placement = place_nodes(document)
    draws = _draws(document, placement, notes)
    table = TextureTable(document, decode)
    used = frozenset(draw.material for draw in draws if draw.material is not None)
    materials, sets = zip(*map(folded, read_materials(document, used, table)), strict=True)
    notes += [
        f"material {m.name[:40]!r} reads more than two sets of texture coordinates" for m in materials if _crowded(m)
    ]
    soup = Soup(environment)
    decoded: dict[tuple[int, int, tuple[float, ...]], Shape] = {}
    for draw in draws:
        material = len(materials) - 1 if draw.material is None else draw.material
        weights = shapes.morph_weights(document, draw.node, draw.mesh)
        key = (draw.mesh_index, draw.primitive_index, weights)
        if key not in decoded:
            shape = shapes.read_shape(document, draw.primitive, weights, sets[material])
            notes += shape.notes
            decoded[key] = _prepared(shape, materials[material])
        _add(document, placement, draw, decoded[key], material, soup)
    notes += [f"/nodes/{node}: scaled to nothing, left out" for node in soup.leave_out_lines()]
    return soup.scene(
        materials=materials,
        textures=tuple(table.textures),
        lights=read_lights(document, placement),
        cameras=read_cameras(document, placement, notes),
        notes=tuple(dict.fromkeys([*notes, *table.notes])),
    )


def _crowded(material: Material) -> bool:
    return any(name.startswith("TEXCOORD_") for name in material.unknown)


def _draws(document: GltfDocument, placement: Placement, notes: list[str]) -> list[Draw]:
    draws = []
    vertices = triangles = instances = 0
    for index in placement.shown:
        node = document.fields("nodes", index)
        mesh_index = node.reference("mesh", "meshes")
        if mesh_index is None:
            continue
        mesh = document.fields("meshes", mesh_index)
        mesh.require("primitives")
        times = copy_count(document, index)
        skin = node.reference("skin", "skins")
        for p, primitive in enumerate(mesh.children("primitives")):
            v, t = shapes.counts(document, primitive)
            if t == 0:
                notes.append(f"{primitive.pointer}: points, lines and shapes without triangles are left out")
                continue
            vertices, triangles, instances = vertices + v * times, triangles + t * times, instances + times
            if triangles > TRIANGLE_LIMIT or vertices > VERTEX_LIMIT or instances > INSTANCE_LIMIT:
                raise SceneTooLarge(
                    f"unfolds to more than {TRIANGLE_LIMIT} triangles, {VERTEX_LIMIT} vertices or "
                    f"{INSTANCE_LIMIT} instances",
                    node.pointer,
                )
            material = primitive.reference("material", "materials")
            draws.append(Draw(node, index, mesh, mesh_index, primitive, p, skin, material))
    return draws


def _prepared(shape: Shape, material: Material) -> Shape:
    """The shape with normals, and with tangents exactly where its material's normal map or grain needs them."""
    had_normals = shape.normals is not None
    shape = with_normals(shape)
    if material.tangent_texcoord is None:
        return replace(shape, tangents=None)
    if shape.tangents is not None and had_normals:
        return shape
    return with_tangents(shape, material.tangent_texcoord)


def _add(document: GltfDocument, placement: Placement, draw: Draw, shape: Shape, material: int, soup: Soup) -> None:
    motion = placement.motion
    moved = draw.node_index in motion.moved or draw.node_index in motion.morphed
    instance = Instance(
        draw.node_index, draw.mesh_index, draw.primitive_index, 0, 0, 0, 0, material, np.eye(4),
        animated=moved, morphed="targets" in draw.primitive,
    )  # fmt: skip
    if draw.skin is not None and shape.joints is not None:
        matrices, joints = shapes.skin_matrices(document, draw.skin, placement.worlds)
        blended = shapes.blend_matrices(shape, matrices, draw.primitive.pointer)
        animated = moved or not motion.moved.isdisjoint(joints)
        soup.add(_bent(shape, blended), np.eye(4)[None], replace(instance, skinned=True, animated=animated))
        return
    soup.add(shape, copies(document, draw.node_index, placement.worlds[draw.node_index]), instance)


def _bent(shape: Shape, blended: Float64[Array, "v 4 4"]) -> Shape:
    """A skinned shape at its rest pose, in world space."""
    assert shape.normals is not None
    linear = blended[:, :3, :3]
    positions = np.einsum("vij,vj->vi", linear, shape.positions.astype(np.float64)) + blended[:, :3, 3]
    normals = normalized(np.einsum("vij,vj->vi", cofactors(linear), shape.normals.astype(np.float64)), (0.0, 1.0, 0.0))
    mirrored = bool(np.median(np.linalg.det(linear)) < 0)
    tangents = None
    if shape.tangents is not None:
        turned = np.einsum("vij,vj->vi", linear, shape.tangents[:, :3].astype(np.float64))
        sign = shape.tangents[:, 3:] * (-1 if mirrored else 1)
        tangents = np.concatenate([normalized(turned, (1.0, 0.0, 0.0)), sign], axis=1).astype(np.float32)
    triangles = np.ascontiguousarray(shape.triangles[:, ::-1]) if mirrored else shape.triangles
    return replace(
        shape,
        positions=positions.astype(np.float32),
        normals=normals.astype(np.float32),
        tangents=tangents,
        triangles=triangles,
    )
