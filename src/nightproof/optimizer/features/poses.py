"""How far and how fast the surface moves: clips evaluated at sampled instants, nodes, skins and morphs alike.

Each clip is looked at in pairs of poses a thirtieth of a second apart, spread evenly over its length. A few dozen
vertices stand for each primitive, weighted with its area. Rotations are interpolated linearly and normalised, which is
within a degree of the slerp that glTF asks for between keys less than 90° apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from jaxtyping import Float

from nightproof.optimizer.features.channels import Channel, channels_of
from nightproof.optimizer.features.surface import Surface
from nightproof.optimizer.loose_json import field, items
from nightproof.scenes.flat import FlatScene, Instance
from nightproof.scenes.nodes import compose

if TYPE_CHECKING:
    from nightproof.optimizer.features.dynamic import Document
    from nightproof.scenes.fields import Fields
    from nightproof.scenes.gltf import GltfDocument
    from nightproof.scenes.shapes import Shape

    _Few = tuple[Shape, np.ndarray, str]

Array = np.ndarray

FRAME_S = 1 / 30
PAIRS = 12
MOST_CLIPS = 8
MOST_NODE_POSES = 400_000
"""Clips are left out beyond it: a file of a hundred thousand nodes is not worth minutes."""
VERTICES = 48
"""Per primitive."""
MOST_INSTANCES = 2000

COHERENT_STEP = 0.01
"""Diagonals per frame at which coherence has fallen to 1/e: eleven pixels where the scene fills a 1080p screen."""


@dataclass(frozen=True)
class Movement:
    """In diagonals, means over the whole surface."""

    reach: float
    """Largest distance from the rest pose in any sampled pose."""
    step_per_frame: float
    """Distance between two poses 1/30 s apart, of the clip that moves most."""

    @property
    def coherence(self) -> float:
        """exp(−step / 0.01): 1 for a still scene."""
        return float(np.exp(-self.step_per_frame / COHERENT_STEP))


def measure_movement(flat: FlatScene, surface: Surface, document: Document) -> Movement:
    nodes = items(document.json.get("nodes"))
    clips = [found for clip in items(document.json.get("animations")) if (found := channels_of(document, clip))]
    clips = clips[: min(MOST_CLIPS, MOST_NODE_POSES // max(1, 2 * PAIRS * len(nodes)))]
    if not clips or not surface.count:
        return Movement(0.0, 0.0)
    instance = np.asarray(flat.triangle_instance, np.int64)[surface.triangle]
    share = np.bincount(instance, surface.areas / surface.area, minlength=len(flat.instances))
    bodies = [i for i in np.argsort(-share, kind="stable")[:MOST_INSTANCES] if share[i] > 0]
    rest = _worlds(nodes, {}, 1)
    reach, steps = np.zeros(len(flat.instances)), []
    decoded: dict[tuple[int, int], _Few] = {}
    for clip in clips:
        times = _times(clip)
        worlds = _worlds(nodes, {(c.node, c.path): c.at(times) for c in clip if c.path != "weights"}, len(times))
        weights = {c.node: c.at(times) for c in clip if c.path == "weights"}
        moved = 0.0
        for i in bodies:
            places = _places(flat, surface, document, int(i), rest, worlds, weights, len(times), decoded)
            if places is None:
                continue
            still, poses = places
            away = np.linalg.norm(poses - still, axis=2).mean(axis=1)
            reach[i] = max(reach[i], float(away.max()) / surface.diagonal_m)
            step = np.linalg.norm(poses[1::2] - poses[0::2], axis=2).mean()
            moved += float(share[i] * step) / surface.diagonal_m
        steps.append(moved)
    return Movement(_finite(float(share @ reach)), _finite(max(steps)))


def _finite(value: float) -> float:
    return min(value, 1e6) if np.isfinite(value) else 1e6


def _times(clip: list[Channel]) -> Float[Array, "2p"]:
    length = max(channel.length_s for channel in clip)
    starts = max(length - FRAME_S, 0.0) * (np.arange(PAIRS) + 0.5) / PAIRS
    return np.stack([starts, starts + FRAME_S], axis=1).reshape(-1)


def _worlds(nodes: list[Any], moved: dict[tuple[int, str], Array], count: int) -> Float[Array, "n t 4 4"]:
    """World matrices of every node in each pose; parents first, loops and broken nodes stand at the origin."""
    worlds = np.tile(np.eye(4), (len(nodes), count, 1, 1))
    children = [_children(node, len(nodes)) for node in nodes]
    inner = {child for below in children for child in below}
    order = [index for index in range(len(nodes)) if index not in inner]
    seen = set(order)
    parent = {child: index for index, below in enumerate(children) for child in below}
    for index in order:  # grows while it is walked
        local = _local(nodes[index], index, moved, count)
        worlds[index] = worlds[parent[index]] @ local if index in parent else local
        fresh = [child for child in children[index] if child not in seen]
        seen.update(fresh)
        order.extend(fresh)
    return worlds


def _children(node: Any, count: int) -> list[int]:
    return [c for c in items(field(node, "children")) if isinstance(c, int) and 0 <= c < count]


def _local(node: Any, index: int, moved: dict[tuple[int, str], Array], count: int) -> Float[Array, "t 4 4"]:
    parts = []
    for path, default in (("translation", (0, 0, 0)), ("rotation", (0, 0, 0, 1)), ("scale", (1, 1, 1))):
        found = moved.get((index, path))
        if found is None or found.shape != (count, len(default)):
            own = field(node, path)
            own = own if isinstance(own, list) and len(own) == len(default) else default
            found = np.tile(np.asarray(own, np.float64), (count, 1))
        parts.append(found)
    matrix = field(node, "matrix")
    if isinstance(matrix, list) and len(matrix) == 16:
        return np.tile(np.asarray(matrix, np.float64).reshape(4, 4).T, (count, 1, 1))
    return np.asarray(compose(parts[0], parts[1], parts[2]))


def _places(
    flat: FlatScene,
    surface: Surface,
    document: Document,
    index: int,
    rest: Float[Array, "n 1 4 4"],
    worlds: Float[Array, "n t 4 4"],
    weights: dict[int, Array],
    count: int,
    decoded: dict[tuple[int, int], _Few],
) -> tuple[Float[Array, "v 3"], Float[Array, "t v 3"]] | None:
    """Vertices of one instance at rest and in each pose; None for what the clip does not touch."""
    instance = flat.instances[index]
    if not 0 <= instance.node < len(rest):
        return None
    if instance.skinned or instance.node in weights:
        own = weights.get(instance.node)
        return _bent_places(cast("GltfDocument", document), instance, rest, worlds, own, count, decoded)
    before, after = rest[instance.node, 0], worlds[instance.node]
    if np.allclose(before, after, rtol=1e-6, atol=1e-9):
        return None
    rows = np.flatnonzero(np.asarray(flat.triangle_instance)[surface.triangle] == index)
    still = surface.corners[rows[:: max(1, len(rows) // VERTICES)], 0] * surface.diagonal_m + surface.centre_m
    turn = after @ np.linalg.pinv(before)
    return still, np.einsum("tij,vj->tvi", turn[:, :3, :3], still) + turn[:, None, :3, 3]


def _bent_places(
    document: GltfDocument,
    instance: Instance,
    rest: Float[Array, "n 1 4 4"],
    worlds: Float[Array, "n t 4 4"],
    weights: Array | None,
    count: int,
    decoded: dict[tuple[int, int], _Few],
) -> tuple[Array, Array]:
    from nightproof.scenes import shapes

    node, mesh = document.fields("nodes", instance.node), document.fields("meshes", instance.mesh)
    if (key := (instance.mesh, instance.primitive)) not in decoded:
        decoded[key] = _decoded(document, list(mesh.children("primitives"))[instance.primitive])
    few, deltas, pointer = decoded[key]
    own = np.zeros((1, len(deltas)))
    default = shapes.morph_weights(document, node, mesh)[: len(deltas) - 1]
    own[0, : len(default)] = default
    posed = np.tile(own, (count, 1))
    if weights is not None:
        wide = min(weights.shape[1], len(deltas) - 1)
        posed[:, :wide] = weights[:, :wide]
    base = few.positions.astype(np.float64)
    still, local = (base + np.einsum("tk,kvc->tvc", it, deltas) for it in (own, posed))
    skin = node.reference("skin", "skins")
    if not instance.skinned or skin is None:
        return _at(rest[instance.node], still)[0], _at(worlds[instance.node], local)

    def bent(place: Array, world: Array) -> Array:
        blended = shapes.blend_matrices(few, shapes.skin_matrices(document, skin, world)[0], pointer)
        return np.einsum("vij,vj->vi", blended[:, :3, :3], place) + blended[:, :3, 3]

    return bent(still[0], rest[:, 0]), np.stack([bent(local[t], worlds[:, t]) for t in range(count)])


def _decoded(document: GltfDocument, primitive: Fields) -> _Few:
    """A few vertices of a primitive, what its morph targets (and one that does nothing) add to them, and its place."""
    from nightproof.scenes import shapes

    shape = shapes.read_shape(document, primitive, ())
    rows = np.arange(0, len(shape.positions), max(1, len(shape.positions) // VERTICES))
    deltas = np.stack([*_deltas(document, primitive, rows, len(shape.positions)), np.zeros((len(rows), 3))])
    return shape.picked(rows, np.zeros((0, 3), np.uint32)), deltas, primitive.pointer


def _at(world: Float[Array, "t 4 4"], places: Float[Array, "t v 3"]) -> Float[Array, "t v 3"]:
    return np.einsum("tij,tvj->tvi", world[:, :3, :3], places) + world[:, None, :3, 3]


def _deltas(document: GltfDocument, primitive: Fields, rows: Array, vertices: int) -> Iterator[Array]:
    for target in primitive.children("targets"):
        index = target.reference("POSITION", "accessors")
        values = None if index is None else document.floats(index)
        if values is not None and values.shape == (vertices, 3):
            yield np.nan_to_num(values[rows].astype(np.float64))
        else:
            yield np.zeros((len(rows), 3))
