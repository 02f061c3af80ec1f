"""How large the things are that a node moves: what its translation may be rounded to."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.gltf import GltfDocument
from nightproof.scenes.nodes import place_nodes


def moved_sizes(document: GltfDocument) -> dict[int, float]:
    """By node: the largest side of the smallest mesh that hangs at it or is skinned to it or below it, at rest.

    In the units of the node's translation (its parent's). Nodes that move no mesh are left out.
    """
    try:
        worlds = place_nodes(document).worlds
    except BrokenScene:  # not what packing is asked about: without sizes bounds come from the motion itself
        return {}
    nodes = document.json.get("nodes", [])
    sizes = np.full(len(nodes), np.inf)
    for index, node in enumerate(nodes):
        if "mesh" not in node:
            continue
        extent = _extent(document, node["mesh"])
        for mover, matrix in _movers(document, index, worlds):
            sizes[mover] = min(sizes[mover], float(np.linalg.norm(matrix[:3, :3] * extent, axis=0).max()))
    parents = {child: index for index, node in enumerate(nodes) for child in node.get("children", [])}
    for index in np.flatnonzero(np.isfinite(sizes)).tolist():
        above = parents.get(index)
        while above is not None:
            sizes[above] = min(sizes[above], sizes[index])
            above = parents.get(above)
    scales = {
        i: float(np.linalg.norm(worlds[parents[i]][:3, :3], 2)) if i in parents else 1.0 for i in range(len(nodes))
    }
    return {i: float(sizes[i]) / scales[i] for i in range(len(nodes)) if np.isfinite(sizes[i]) and scales[i] > 0}


def _movers(document: GltfDocument, index: int, worlds: Float64[np.ndarray, "n 4 4"]) -> list[tuple[int, np.ndarray]]:
    """The nodes that place a node's mesh, each with the matrix from the mesh's space to the world."""
    node = document.json["nodes"][index]
    if "skin" not in node:
        return [(index, worlds[index])]
    skin = document.json["skins"][node["skin"]]
    joints = skin["joints"]
    inverse = np.tile(np.eye(4), (len(joints), 1, 1))
    if "inverseBindMatrices" in skin:
        inverse = document.floats(skin["inverseBindMatrices"]).astype(float).reshape(-1, 4, 4).transpose(0, 2, 1)
    return [(joint, worlds[joint] @ matrix) for joint, matrix in zip(joints, inverse, strict=False)]


def _extent(document: GltfDocument, mesh: int) -> Float64[np.ndarray, "3"]:
    """Of its largest primitive, by axis."""
    places = [p["attributes"].get("POSITION") for p in document.json["meshes"][mesh]["primitives"]]
    points = [document.floats(index) for index in places if index is not None]
    extents = [np.ptp(each, axis=0) for each in points if len(each)]
    return np.max(extents, axis=0).astype(float) if extents else np.zeros(3)
