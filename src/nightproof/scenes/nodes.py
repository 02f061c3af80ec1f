"""Where every node of the default scene stands, how often it is drawn, and whether an animation moves it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.fields import Fields
from nightproof.scenes.gltf import GltfDocument

Array = np.ndarray
INSTANCING = "EXT_mesh_gpu_instancing"
LOD, SCREEN_COVERAGE = "MSFT_lod", "MSFT_screencoverage"
"""Nodes that stand in for another one when it is small on screen; and the extras that say how small."""
POINTED_NODE = re.compile(r"^/nodes/(\d{1,9})/(translation|rotation|scale|weights|extensions)")
IDENTITY = tuple(float(x) for x in np.eye(4).reshape(-1))


@dataclass(frozen=True)
class Motion:
    """What animations touch, by node index."""

    moved: frozenset[int]
    """Nodes whose place changes, their own or through an ancestor."""
    morphed: frozenset[int]
    """Nodes whose morph weights change."""


@dataclass(frozen=True)
class Placement:
    """All nodes of a document, and which of them the default scene shows."""

    worlds: Float64[Array, "n 4 4"]
    shown: tuple[int, ...]
    """In the order of a depth-first walk."""
    motion: Motion


def place_nodes(document: GltfDocument) -> Placement:
    """World matrices of all nodes. Raises BrokenScene for loops, second parents and transforms that overflow."""
    nodes = [Fields.of(node, f"/nodes/{i}", document.json) for i, node in enumerate(document.json.get("nodes", []))]
    parents = _parents(nodes)
    order = _parents_first(nodes, parents)
    worlds = np.zeros((len(nodes), 4, 4))
    with np.errstate(over="ignore", invalid="ignore"):
        for index in order:
            local = local_matrix(nodes[index])
            worlds[index] = local if parents[index] < 0 else worlds[parents[index]] @ local
    if not np.isfinite(worlds).all():
        bad = int(np.flatnonzero(~np.isfinite(worlds).all(axis=(1, 2)))[0])
        raise nodes[bad].broken("", "its place is not finite")
    return Placement(worlds, _shown(document, nodes, parents), _motion(document, order, parents))


def _parents(nodes: list[Fields]) -> list[int]:
    parents = [-1] * len(nodes)
    for index, node in enumerate(nodes):
        for i, child in enumerate(node.references("children", "nodes")):
            if parents[child] >= 0:
                raise BrokenScene(f"node {child} has two parents", f"{node.at('children')}/{i}")
            parents[child] = index
    return parents


def _parents_first(nodes: list[Fields], parents: list[int]) -> list[int]:
    order = [index for index, parent in enumerate(parents) if parent < 0]
    for index in order:  # grows while it is walked
        order.extend(nodes[index].references("children", "nodes"))
    if len(order) != len(nodes):
        looped = min(set(range(len(nodes))) - set(order))
        raise nodes[looped].broken("", "is part of a loop of nodes")
    return order


def _shown(document: GltfDocument, nodes: list[Fields], parents: list[int]) -> tuple[int, ...]:
    """The nodes of the default scene: `scene`, else the first one, else all roots that are no coarser level of another
    node; hidden branches left out."""
    scene = document.root.reference("scene", "scenes")
    if scene is None and not document.count("scenes"):
        levels = {level for node in nodes for level in _levels(node)}
        roots = tuple(index for index, parent in enumerate(parents) if parent < 0 and index not in levels)
    else:
        roots = document.fields("scenes", scene or 0).references("nodes", "nodes")
    found: list[int] = []
    stack, seen = list(reversed(roots)), set()
    while stack:
        index = stack.pop()
        if index in seen:
            raise BrokenScene(f"the scene shows node {index} twice", f"/scenes/{scene or 0}/nodes")
        seen.add(index)
        visibility = nodes[index].extension("KHR_node_visibility")
        if visibility is not None and visibility.value.get("visible") is False:
            continue
        found.append(index)
        stack.extend(reversed(nodes[index].references("children", "nodes")))
    return tuple(found)


def _levels(node: Fields) -> tuple[int, ...]:
    lod = node.extension(LOD)
    return lod.references("ids", "nodes") if lod else ()


def local_matrix(node: Fields) -> Float64[Array, "4 4"]:
    if "matrix" in node:
        return np.array(node.numbers("matrix", 16)).reshape(4, 4).T
    translation = np.array(node.numbers("translation", 3, (0.0, 0.0, 0.0)))
    rotation = np.array(node.numbers("rotation", 4, (0.0, 0.0, 0.0, 1.0)))
    scale = np.array(node.numbers("scale", 3, (1.0, 1.0, 1.0)))
    return compose(translation[None], rotation[None], scale[None])[0]


def compose(
    translations: Float64[Array, "n 3"], rotations: Float64[Array, "n 4"], scales: Float64[Array, "n 3"]
) -> Float64[Array, "n 4 4"]:
    """T · R · S from translations, quaternions (x, y, z, w; normalised here, zero means none) and scales."""
    length = np.linalg.norm(rotations, axis=1, keepdims=True)
    unit = np.where(length > 1e-12, rotations / np.maximum(length, 1e-12), (0.0, 0.0, 0.0, 1.0))
    x, y, z, w = unit.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrices = np.tile(np.eye(4), (len(translations), 1, 1))
    matrices[:, :3, :3] = np.array(rows).transpose(2, 0, 1) * scales[:, None, :]
    matrices[:, :3, 3] = translations
    return matrices


def copies(document: GltfDocument, node: int, world: Float64[Array, "4 4"]) -> Float64[Array, "k 4 4"]:
    """The world matrices of a node's mesh: one, or one per GPU instance."""
    instancing = document.fields("nodes", node).extension(INSTANCING)
    attributes = instancing.child("attributes") if instancing else None
    if attributes is None:
        return world[None]
    parts = {name: attributes.reference(name, "accessors") for name in ("TRANSLATION", "ROTATION", "SCALE")}
    counts = {copy_count(document, node)}
    counts |= {document.fields("accessors", index).integer("count") for index in parts.values() if index is not None}
    if len(counts) > 1:
        raise attributes.broken("", f"its attributes have {sorted(counts)} elements, not one number of them")
    (count,) = counts

    def read(name: str, width: int, default: tuple[float, ...]) -> np.ndarray:
        index = parts[name]
        if index is None:
            return np.tile(default, (count, 1))
        values = document.floats(index).astype(np.float64)
        if values.shape != (count, width):
            raise attributes.broken(name, f"expected {width} components")
        return values

    places = compose(read("TRANSLATION", 3, (0, 0, 0)), read("ROTATION", 4, (0, 0, 0, 1)), read("SCALE", 3, (1, 1, 1)))
    result = world @ places
    if not np.isfinite(result).all():
        raise attributes.broken("", "an instance's place is not finite")
    return result


def copy_count(document: GltfDocument, node: int) -> int:
    """How often a node's mesh is drawn, read off without decoding anything."""
    instancing = document.fields("nodes", node).extension(INSTANCING)
    attributes = instancing.child("attributes") if instancing else None
    if attributes is None or not attributes.value:
        return 1
    index = attributes.reference(next(iter(attributes.value)), "accessors")
    assert index is not None
    return document.fields("accessors", index).integer("count", low=1)


def _motion(document: GltfDocument, order: list[int], parents: list[int]) -> Motion:
    moved, morphed = set[int](), set[int]()
    for animation in document.root.children("animations"):
        for channel in animation.children("channels"):
            node, path = _target(channel)
            if node is not None:
                (morphed if path == "weights" else moved).add(node)
    for index in order:
        if parents[index] in moved:
            moved.add(index)
    return Motion(frozenset(moved), frozenset(morphed))


def _target(channel: Fields) -> tuple[int | None, str]:
    target = channel.child("target")
    if target is None:
        return None, ""
    if (pointer := target.extension("KHR_animation_pointer")) is not None:
        match = POINTED_NODE.match(pointer.text("pointer", ""))
        return (int(match[1]), match[2]) if match else (None, "")
    return target.reference("node", "nodes"), target.text("path", "")
