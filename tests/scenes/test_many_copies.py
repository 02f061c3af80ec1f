"""Copies that are placed together get the bytes that each would get alone."""

from __future__ import annotations

import numpy as np
import pytest

from nightproof.scenes import soup
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flat import Instance
from nightproof.scenes.flatten import flatten
from nightproof.scenes.frames import normalized
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.nodes import compose
from nightproof.scenes.shapes import Shape

COLUMNS = (
    "positions", "normals", "tangents", "uv0", "uv1", "colors", "triangles", "triangle_material", "triangle_instance",
)  # fmt: skip


def shape(vertices: int, triangles: int, seed: int, *, bare: bool = False) -> Shape:
    random = np.random.default_rng(seed)

    def floats(width: int) -> np.ndarray:
        return random.normal(size=(vertices, width)).astype(np.float32)

    corners = random.integers(0, vertices, (triangles, 3)).astype(np.uint32)
    if bare:
        return Shape(floats(3), corners, normals=floats(3))
    colors = random.uniform(size=(vertices, 4)).astype(np.float32)
    return Shape(floats(3), corners, floats(3), floats(4), floats(2), floats(2), colors)


def worlds(count: int, seed: int) -> np.ndarray:
    """Anywhere, turned anyhow, every other one mirrored; some flattened to a sheet, in their own space or after."""
    random = np.random.default_rng(seed)
    scales = random.uniform(0.01, 100, (count, 3)) * random.choice([-1, 1], (count, 3))
    scales[::7, 1] = 0
    matrices = compose(random.normal(size=(count, 3)), random.normal(size=(count, 4)), scales)
    return compose(np.zeros((1, 3)), np.ones((1, 4)), np.array([[1.0, -2.0, 3.0]])) @ matrices


def instance(node: int, material: int) -> Instance:
    return Instance(node, 0, 0, 0, 0, 0, 0, material, np.eye(4))


def alone(shape: Shape, world: np.ndarray) -> dict[str, np.ndarray]:
    """The reference: one copy by plain products."""
    linear, count = world[:3, :3], len(shape.positions)
    mirrored = np.linalg.det(linear) < 0
    normals = normalized(shape.normals.astype(np.float64) @ soup.cofactors(linear).T, (0.0, 1.0, 0.0))
    tangents = np.zeros((count, 4))
    if shape.tangents is not None:
        tangents[:, :3] = normalized(shape.tangents[:, :3].astype(np.float64) @ linear.T, (1.0, 0.0, 0.0))
        tangents[:, 3] = np.where(shape.tangents[:, 3] < 0, -1, 1) * (-1 if mirrored else 1)
    return {
        "positions": (shape.positions.astype(np.float64) @ linear.T + world[:3, 3]).astype(np.float32),
        "normals": normals.astype(np.float32),
        "tangents": tangents.astype(np.float32),
        "uv0": np.zeros((count, 2), np.float32) if shape.uv0 is None else shape.uv0,
        "uv1": np.zeros((count, 2), np.float32) if shape.uv1 is None else shape.uv1,
        "colors": np.ones((count, 4), np.float32) if shape.colors is None else shape.colors,
        "triangles": shape.triangles[:, ::-1] if mirrored else shape.triangles,
    }


def joined(runs) -> dict[str, np.ndarray]:
    """`alone` for every copy in turn, numbered as they come."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in COLUMNS}
    vertices = index = 0
    for form, matrices, template in runs:
        for world in matrices:
            found = alone(form, world)
            found["triangles"] = found["triangles"] + np.uint32(vertices)
            found["triangle_material"] = np.full(len(form.triangles), template.material, np.uint32)
            found["triangle_instance"] = np.full(len(form.triangles), index, np.uint32)
            for name in COLUMNS:
                parts[name].append(found[name])
            vertices, index = vertices + len(form.positions), index + 1
    return {name: np.concatenate(values) for name, values in parts.items()}


def placed(runs):
    collected = soup.Soup(None)
    for form, matrices, template in runs:
        collected.add(form, matrices, template)
    return collected.scene(materials=(), textures=(), lights=(), cameras=(), notes=())


def check(runs) -> None:
    flat, expected = placed(runs), joined(runs)
    for name in COLUMNS:
        values = getattr(flat, name)
        assert (values.dtype, values.shape) == (expected[name].dtype, expected[name].shape), name
        assert values.tobytes() == expected[name].tobytes(), name
        assert values.flags.c_contiguous and not values.flags.writeable
    assert [i.local_to_world.tobytes() for i in flat.instances] == [w.tobytes() for _, m, _ in runs for w in m]
    assert [i.copy for i in flat.instances] == [k for _, m, _ in runs for k in range(len(m))]
    starts = [(0, 0), *((i.first_vertex + i.vertex_count, i.first_triangle + i.triangle_count) for i in flat.instances)]
    assert [(i.first_vertex, i.first_triangle) for i in flat.instances] == starts[:-1]
    assert starts[-1] == (len(flat.positions), len(flat.triangles))


@pytest.mark.parametrize("block", [1, 50, soup.BLOCK])
@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize(("vertices", "triangles"), [(1, 1), (2, 1), (3, 1), (24, 12), (7, 60), (5, 0)])
def test_gpu_instances_are_placed_as_one_by_one(monkeypatch, block, bare, vertices, triangles):
    monkeypatch.setattr(soup, "BLOCK", block)
    check([(shape(vertices, triangles, 1, bare=bare), worlds(90, 2), instance(3, 1))])


@pytest.mark.parametrize("block", [40, soup.BLOCK])
def test_nodes_that_share_meshes_of_two_primitives_keep_their_order(monkeypatch, block):
    """Copies of one shape lie apart in the arrays, and a run of GPU instances among them."""
    monkeypatch.setattr(soup, "BLOCK", block)
    cube, plate = shape(24, 12, 3), shape(4, 2, 4, bare=True)
    runs = [(form, worlds(1, node), instance(node, m)) for node in range(40) for m, form in enumerate((cube, plate))]
    check([*runs, (cube, worlds(9, 99), instance(40, 0)), *runs[:3]])


def test_nothing_makes_an_empty_scene():
    flat = placed([])
    assert [getattr(flat, name).shape for name in COLUMNS[:3]] == [(0, 3), (0, 3), (0, 4)]
    assert flat.triangles.dtype == np.uint32 and not flat.instances


def instanced(translations: list, scales: list):
    """A triangle under `EXT_mesh_gpu_instancing`, on the second node."""
    blocks = [np.array(rows, "<f4") for rows in ([[0, 0, 0], [2, 0, 0], [0, 1, 0]], translations, scales)]
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["EXT_mesh_gpu_instancing"],
        "scenes": [{"nodes": [1]}],
        "nodes": [
            {},
            {"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 1, "SCALE": 2}}}},
        ],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {"bufferView": i, "componentType": 5126, "count": len(block), "type": "VEC3"}
            for i, block in enumerate(blocks)
        ],
        "bufferViews": [
            {"buffer": 0, "byteOffset": sum(b.nbytes for b in blocks[:i]), "byteLength": block.nbytes}
            for i, block in enumerate(blocks)
        ],
        "buffers": [{"byteLength": sum(block.nbytes for block in blocks)}],
    }
    return parse_glb(write_glb(document, b"".join(block.tobytes() for block in blocks)))


def test_copies_without_area_are_left_out_and_the_rest_keep_their_numbers():
    flat = flatten(instanced([[k, 0, 0] for k in range(4)], [[1, 1, 1], [1, 0, 0], [-1, 1, 1], [0, 0, 0]]))
    assert [(i.copy, i.first_triangle, i.first_vertex) for i in flat.instances] == [(0, 0, 0), (2, 1, 3)]
    assert flat.triangles.tolist() == [[0, 1, 2], [5, 4, 3]]
    assert flat.positions[:, 0].tolist() == [0, 2, 0, 2, 0, 2]
    assert flat.notes == ("/nodes/1: scaled to nothing, left out",)


def test_a_copy_beyond_all_numbers_names_its_node():
    with pytest.raises(BrokenScene, match="beyond all numbers") as caught:
        flatten(instanced([[0, 0, 0], [3e38, 0, 0]], [[1, 1, 1], [3e38, 1, 1]]))
    assert "/nodes/1" in str(caught.value)
