"""STL as glTF: both encodings, told apart by more than the word they begin with."""

from __future__ import annotations

import numpy as np
import pytest

from nightproof.scenes.flatten import flatten
from nightproof.scenes.formats.stl import FACET
from nightproof.scenes.reading import load_scene

TETRAHEDRON = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 3]], np.float32)[
    [[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]]
]


def binary(corners=TETRAHEDRON, head: bytes = b"", count: int | None = None) -> bytes:
    facets = np.zeros(len(corners), FACET)
    facets["corners"] = corners
    promised = len(corners) if count is None else count
    return head.ljust(80, b" ") + promised.to_bytes(4, "little") + facets.tobytes()


def ascii_text(corners=TETRAHEDRON) -> str:
    lines = ["solid a"]
    for facet in corners:
        lines += ["facet normal 0 0 0", " outer loop"]
        lines += [f"  vertex {x:.9g} {y:.9g} {z:.9g}" for x, y, z in facet]
        lines += [" endloop", "endfacet"]
    return "\n".join([*lines, "endsolid a", ""])


def flat_of(tmp_path, data: bytes, name: str = "a.stl"):
    (tmp_path / name).write_bytes(data)
    return flatten(load_scene(tmp_path / name))


def test_both_encodings_say_the_same(tmp_path):
    one, two = flat_of(tmp_path, binary()), flat_of(tmp_path, ascii_text().encode())
    assert np.array_equal(one.positions[one.triangles], two.positions[two.triangles])


@pytest.mark.parametrize("head", [b"solid", b"solid facet normal", b"exported"])
def test_a_binary_file_may_begin_with_any_word(tmp_path, head):
    assert len(flat_of(tmp_path, binary(head=head)).triangles) == 4


def test_z_is_up(tmp_path):
    lower, upper = flat_of(tmp_path, binary()).bounds_m
    assert np.allclose((lower, upper), ((0, 0, -1), (1, 3, 0)))


def test_facets_face_where_their_corners_say(tmp_path):
    flat = flat_of(tmp_path, binary())
    middle = flat.positions.mean(axis=0)
    corners = flat.positions[flat.triangles]
    outward = ((corners.mean(axis=1) - middle) * flat.normals[flat.triangles[:, 0]]).sum(axis=1)
    assert (outward > 0).all()


def test_shared_corners_are_stored_once(tmp_path):
    (tmp_path / "a.stl").write_bytes(binary())
    document = load_scene(tmp_path / "a.stl")
    assert len(document.accessor(document.json["meshes"][0]["primitives"][0]["attributes"]["POSITION"])) == 4
