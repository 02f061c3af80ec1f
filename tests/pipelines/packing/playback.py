"""A small player of glTF animations, by the specification's appendix C: what a viewer shows at a moment.

Slow, plain, and of nobody else's making: the tests hold a packed file's playback against its source's with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from nightproof.scenes.gltf import GltfDocument

NODE_POINTER = re.compile(r"/nodes/(\d+)/(translation|rotation|scale|weights)\Z")

RESTING = {"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1, 1, 1]}
PLAIN = {"alphaMode": "OPAQUE", "doubleSided": False, "emissiveFactor": [0, 0, 0], "baseColorFactor": [1, 1, 1, 1]}
PLAIN |= {"metallicFactor": 1, "roughnessFactor": 1, "strength": 1, "texCoord": 0}


@dataclass(frozen=True)
class Pose:
    """One moment of one animation."""

    values: dict[tuple[Any, str], np.ndarray]
    """(node or "pointer", path) → the animated value."""
    world: np.ndarray
    """(nodes, 4, 4)"""


def duration_s(document: GltfDocument, animation: int) -> float:
    samplers = document.json["animations"][animation]["samplers"]
    return max(float(document.floats(sampler["input"]).max()) for sampler in samplers)


def meant(value: Any) -> Any:
    """JSON as a reader of 32-bit floats takes it: numbers as such floats, nodes at rest and materials plain where they
    say nothing."""
    if isinstance(value, bool) or not isinstance(value, (int, float, list, dict)):
        return value
    if isinstance(value, (int, float)):
        return float(np.float32(value))
    if isinstance(value, list):
        return [meant(item) for item in value]
    silent = RESTING | PLAIN | ({"scale": 1} if "index" in value else {})
    return {key: meant(item) for key, item in value.items() if key not in silent or item != silent[key]}


def ranges(document: GltfDocument, animation: int) -> dict[tuple[Any, str], float]:
    """(node or "pointer", path) → how far its values spread; 1 for rotations."""
    found, result = document.json["animations"][animation], {}
    for channel in found["channels"]:
        node, path = _target(channel["target"])
        values = document.floats(found["samplers"][channel["sampler"]]["output"])
        result[node, path] = 1.0 if path == "rotation" else float(np.ptp(values))
    return result


def pose(document: GltfDocument, animation: int, time_s: float) -> Pose:
    found = document.json["animations"][animation]
    values: dict[tuple[Any, str], np.ndarray] = {}
    for channel in found["channels"]:
        node, path = _target(channel["target"])
        values[node, path] = _sampled(document, found["samplers"][channel["sampler"]], path, time_s)
    return Pose(values, _worlds(document, values))


def rest(document: GltfDocument) -> Pose:
    """Without any animation."""
    return Pose({}, _worlds(document, {}))


def corners(document: GltfDocument, shown: Pose, *, bent: bool = False) -> dict[tuple[int, int], np.ndarray]:
    """(node, primitive) → (corners, 3): morphed, skinned, in world space, in the order of the index list; where `bent`,
    of skinned and morphed primitives only."""
    result = {}
    for n, node in enumerate(document.json["nodes"]):
        if "mesh" not in node:
            continue
        mesh = document.json["meshes"][node["mesh"]]
        weights = shown.values.get((n, "weights"), node.get("weights", mesh.get("weights", [])))
        for p, primitive in enumerate(mesh["primitives"]):
            if bent and "skin" not in node and "targets" not in primitive:
                continue
            points = rest = document.floats(primitive["attributes"]["POSITION"]).astype(np.float64)
            for weight, target in zip(weights, primitive.get("targets", []) if len(weights) else [], strict=True):
                points = points + float(weight) * (document.floats(target["POSITION"]) if "POSITION" in target else 0.0)
            points = _placed(document, points, primitive, node, n, shown.world)
            order = document.accessor(primitive["indices"]) if "indices" in primitive else np.arange(len(points))
            result[n, p] = points[_without_dots(order, rest) if primitive.get("mode", 4) == 4 else order]
    return result


def _without_dots(order: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """Indices without the triangles that are one point, which cover nothing in any pose without morphs."""
    triangles = order.reshape(-1, 3)
    return triangles[np.ptp(rest[triangles], axis=1).any(axis=1)].reshape(-1)


def _target(target: dict[str, Any]) -> tuple[Any, str]:
    if target["path"] != "pointer":
        return target["node"], target["path"]
    pointer = target["extensions"]["KHR_animation_pointer"]["pointer"]
    named = NODE_POINTER.match(pointer)
    return (int(named[1]), named[2]) if named else ("pointer", pointer)


def _sampled(document: GltfDocument, sampler: dict[str, Any], path: str, time_s: float) -> np.ndarray:
    times = document.floats(sampler["input"]).reshape(-1).astype(np.float64)
    kind = sampler.get("interpolation", "LINEAR")
    output = document.floats(sampler["output"]).astype(np.float64)
    keys = output.reshape(len(times), 3 if kind == "CUBICSPLINE" else 1, -1)
    time_s = float(np.clip(time_s, times[0], times[-1]))
    k = int(np.clip(np.searchsorted(times, time_s, side="right") - 1, 0, max(len(times) - 2, 0)))
    after = min(k + 1, len(times) - 1)
    span = times[after] - times[k]
    u = (time_s - times[k]) / span if span > 0 else 0.0
    if kind == "CUBICSPLINE":
        value = _hermite(keys[k], keys[after], span, u)
        return value / np.linalg.norm(value) if path == "rotation" else value
    if kind == "STEP":
        return keys[after if u >= 1 else k, 0]
    return _slerp(keys[k, 0], keys[after, 0], u) if path == "rotation" else keys[k, 0] * (1 - u) + keys[after, 0] * u


def _hermite(before: np.ndarray, after: np.ndarray, span: float, u: float) -> np.ndarray:
    """Rows: in-tangent, value, out-tangent."""
    return (
        (2 * u**3 - 3 * u**2 + 1) * before[1]
        + span * (u**3 - 2 * u**2 + u) * before[2]
        + (-2 * u**3 + 3 * u**2) * after[1]
        + span * (u**3 - u**2) * after[0]
    )


def _slerp(a: np.ndarray, b: np.ndarray, u: float) -> np.ndarray:
    a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
    cosine = float(a @ b)
    b, cosine = (-b, -cosine) if cosine < 0 else (b, cosine)
    angle = np.arccos(min(cosine, 1.0))
    mixed = a * (1 - u) + b * u if angle < 1e-6 else np.sin((1 - u) * angle) * a + np.sin(u * angle) * b
    return mixed / np.linalg.norm(mixed)


def _worlds(document: GltfDocument, values: dict[tuple[Any, str], np.ndarray]) -> np.ndarray:
    nodes = document.json["nodes"]
    world = np.tile(np.eye(4), (len(nodes), 1, 1))
    children = {child for node in nodes for child in node.get("children", [])}
    waiting = [(root, np.eye(4)) for root in range(len(nodes)) if root not in children]
    while waiting:
        n, above = waiting.pop()
        world[n] = above @ _local(nodes[n], n, values)
        waiting += [(child, world[n]) for child in nodes[n].get("children", [])]
    return world


def _local(node: dict[str, Any], n: int, values: dict[tuple[Any, str], np.ndarray]) -> np.ndarray:
    if "matrix" in node:
        return np.reshape(node["matrix"], (4, 4)).T
    move, turn, scale = (np.asarray(values.get((n, k), node.get(k, v)), float) for k, v in RESTING.items())
    local = np.eye(4)
    local[:3, :3], local[:3, 3] = _rotation(turn) * scale, move
    return local


def _rotation(q: np.ndarray) -> np.ndarray:
    x, y, z, w = q
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _placed(
    document: GltfDocument, points: np.ndarray, primitive: dict, node: dict, n: int, world: np.ndarray
) -> np.ndarray:
    whole = np.concatenate([points, np.ones((len(points), 1))], axis=1)
    if "skin" not in node:
        return (whole @ world[n].T)[:, :3]
    skin, attributes = document.json["skins"][node["skin"]], primitive["attributes"]
    bones = world[skin["joints"]]
    if "inverseBindMatrices" in skin:
        bones = bones @ document.floats(skin["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    sets = [name[7:] for name in attributes if name.startswith("JOINTS_")]
    joints = np.concatenate([document.accessor(attributes[f"JOINTS_{k}"]).astype(int) for k in sets], axis=1)
    weights = np.concatenate([document.floats(attributes[f"WEIGHTS_{k}"]) for k in sets], axis=1)
    return np.einsum("vj,vjab,vb->va", weights, bones[joints], whole)[:, :3]
