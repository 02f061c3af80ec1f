"""Files of every format with one defect each: one typed error, soon, whatever the header promises."""

from __future__ import annotations

import resource
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_ply import header, mesh
from test_stl import TETRAHEDRON, ascii_text, binary

from nightproof.errors import UnusableInput
from nightproof.scenes.flatten import flatten
from nightproof.scenes.reading import load_scene

TRIANGLE = "v 0 0 0\nv 1 0 0\nv 0 1 0\n"
HUGE = 2**31
XYZ = [f"property float {n}" for n in "xyz"]
LIST = "property list uchar int vertex_indices"
OBJ = {
    "no_face": TRIANGLE,
    "empty": "",
    "index_beyond": TRIANGLE + "f 1 2 4\n",
    "index_zero": TRIANGLE + "f 0 1 2\n",
    "index_far_back": TRIANGLE + "f -1 -2 -4\n",
    "index_of_many_digits": TRIANGLE + "f 1 2 99999999999999999999999\n",
    "index_of_more_digits_than_int_reads": TRIANGLE + "f 1 2 " + "9" * 5000 + "\n",
    "texture_index_beyond": TRIANGLE + "f 1/1 2/1 3/1\n",
    "normal_index_beyond": TRIANGLE + "vn 0 0 1\nf 1//1 2//1 3//2\n",
    "index_no_number": TRIANGLE + "f 1 2 x\n",
    "corner_of_four_parts": TRIANGLE + "f 1/1/1/1 2 3\n",
    "vertex_of_two_numbers": "v 0 0\n" + TRIANGLE + "f 1 2 3\n",
    "vertex_nan": "v nan 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "vertex_infinite": "v 1e999 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "vertex_beyond_float32": "v 1e300 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n",
    "library_leaves_the_folder": "mtllib ../secret.mtl\n" + TRIANGLE + "f 1 2 3\n",
    "library_on_the_network": "mtllib http://example.org/a.mtl\n" + TRIANGLE + "f 1 2 3\n",
    "binary_rubbish": "\x00\x01\x02\x7f" * 50,
}
MTL = {
    "texture_leaves_the_folder": "map_Kd ../../secret.png\n",
    "texture_through_a_link": "map_Kd link.png\n",
    "texture_on_the_network": "map_Kd https://example.org/a.png\n",
    "texture_on_a_share": "map_Kd file://host/a.png\n",
    "texture_is_no_image": "map_Kd a.obj\n",
    "number_is_none": "Kd red\n",
    "number_is_not_finite": "Pr nan\n",
    "number_is_missing": "d\n",
}
PLY = {
    "no_header": b"ply\nformat ascii 1.0\n",
    "no_format": b"ply\nelement vertex 0\nend_header\n",
    "unknown_type": header("ascii", "element vertex 1", "property quad x"),
    "vertices_promised": header(
        "binary_little_endian", f"element vertex {HUGE}", *XYZ, "element face 1", LIST
    ) + bytes(64),
    "vertices_promised_in_text": header("ascii", f"element vertex {HUGE}", *XYZ, "element face 1", LIST) + b"0 0 0",
    "faces_promised": header("binary_big_endian", "element vertex 1", *XYZ, f"element face {HUGE}", LIST) + bytes(40),
    "list_promised": header(
        "binary_little_endian", "element vertex 0", *XYZ, "element face 1", "property list uint int vertex_indices"
    ) + b"\xff\xff\xff\x7f",
    "list_of_negative_length": header(
        "binary_little_endian", "element vertex 0", *XYZ, "element face 1", "property list char int vertex_indices"
    ) + b"\xff" * 8,
    "list_of_no_whole_length": header(
        "ascii", "element vertex 0", *XYZ, "element face 1", "property list float int vertex_indices"
    ) + b"2.5 0 0 0",
    "count_of_many_digits": header("ascii", "element vertex " + "9" * 500, *XYZ),
    "index_beyond": mesh("ascii", [(0, 1, 5)]),
    "index_negative": mesh("binary_little_endian", [(0, 1, -2)]),
    "cut_short": mesh("binary_little_endian", [(0, 1, 2)])[:-1],
    "words_for_numbers": mesh("ascii", [(0, 1, 2)]).replace(b"\n1 0 0", b"\none 0 0"),
    "corner_nan": mesh("ascii", [(0, 1, 2)]).replace(b"\n1 0 0", b"\nnan 0 0"),
    "no_vertices": header("ascii", "element face 1", LIST) + b"3 0 0 0\n",
    "element_twice": header("ascii", "element vertex 0", *XYZ, "element vertex 0", *XYZ),
    "no_places": header("ascii", "element vertex 1", "property float w", "element face 1", LIST) + b"0\n3 0 0 0\n",
    "no_lists": header("ascii", "element vertex 1", *XYZ, "element face 1", "property int a") + b"0 0 0\n1\n",
    "only_thin_faces": mesh("ascii", [(0, 1)]),
    "texture_leaves_the_folder": mesh("ascii", [(0, 1, 2)], "property list uchar float texcoord").replace(
        b"end_header", b"comment TextureFile ../secret.png\nend_header"
    ).replace(b"3 0 1 2", b"3 0 1 2 6 0 0 1 0 0 1"),
}  # fmt: skip
STL = {
    "empty": b"",
    "header_cut": b"x" * 40,
    "facets_promised": binary(count=HUGE),
    "facet_cut": binary()[:-1],
    "no_facets": binary(corners=TETRAHEDRON[:0]),
    "corner_nan": binary(corners=[[[float("nan"), 0, 0], [1, 0, 0], [0, 1, 0]]]),
    "text_corner_missing": ascii_text().replace("  vertex 1 0 0\n", "", 1).encode(),
    "text_number_missing": ascii_text().replace("vertex 1 0 0", "vertex 1 0", 1).encode(),
    "text_no_number": ascii_text().replace("vertex 1 0 0", "vertex 1 0 z", 1).encode(),
    "text_cut": ascii_text().encode()[:150],
}
SLOWEST_S = 2.0


def refused(path) -> None:
    began_s, before_kb = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnusableInput) as raised:
        flatten(load_scene(path))
    assert raised.value.hint
    assert time.process_time() - began_s < SLOWEST_S
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 200_000


@pytest.mark.parametrize("defect", OBJ)
def test_a_broken_obj_is_refused(tmp_path, defect):
    (tmp_path / "secret.mtl").write_text("newmtl a\n")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a.obj").write_text(OBJ[defect])
    refused(folder / "a.obj")


@pytest.mark.parametrize("defect", MTL)
def test_a_broken_material_library_is_refused(tmp_path, defect):
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "a.obj").write_text("mtllib a.mtl\n" + TRIANGLE + "usemtl m\nf 1 2 3\n")
    (folder / "a.mtl").write_text("newmtl m\n" + MTL[defect])
    refused(folder / "a.obj")


@pytest.mark.parametrize("defect", PLY)
def test_a_broken_ply_is_refused(tmp_path, defect):
    (tmp_path / "a.ply").write_bytes(PLY[defect])
    refused(tmp_path / "a.ply")


@pytest.mark.parametrize("defect", STL)
def test_a_broken_stl_is_refused(tmp_path, defect):
    (tmp_path / "a.stl").write_bytes(STL[defect])
    refused(tmp_path / "a.stl")


def test_looking_for_ears_has_an_end(tmp_path, monkeypatch):
    """Outlines that cross themselves everywhere would take the cube of their corners, and a file can hold thousands."""
    import numpy as np

    from nightproof.scenes.formats import polygons

    looked = []
    real = polygons._holds_none
    monkeypatch.setattr(polygons, "EAR_TESTS", 500)
    monkeypatch.setattr(polygons, "_holds_none", lambda *given: looked.append(1) or real(*given))
    rng = np.random.default_rng(0)
    lines = [f"v {x:.6f} {y:.6f} 0" for x, y in rng.normal(size=(200, 2))]
    lines += ["f " + " ".join(map(str, rng.permutation(200) + 1)) for _ in range(20)]
    (tmp_path / "a.obj").write_text("\n".join(lines))
    assert len(flatten(load_scene(tmp_path / "a.obj")).triangles) == 20 * 198
    assert 0 < len(looked) <= 500


WHOLE = {
    "obj": (TRIANGLE + "vt 0 0\nvn 0 0 1\no a\ns 1\nf 1/1/1 2/1/1 3/1/1\n").encode(),
    "ply": mesh("binary_little_endian", [(0, 1, 2, 3), (2, 4, 3)], colors=True),
    "ascii.ply": mesh("ascii", [(0, 1, 2, 3), (2, 4, 3)], colors=True),
    "stl": binary(),
    "ascii.stl": ascii_text().encode(),
}


@pytest.mark.parametrize("kind", WHOLE)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3), cut=st.integers(0, 9)
)
def test_flipped_bytes_and_cuts_never_escape_as_a_foreign_error(tmp_path, kind, edits, cut):
    data = bytearray(WHOLE[kind])
    for place, value in edits:
        data[place % len(data)] = value
    path = tmp_path / f"a.{kind}"
    path.write_bytes(bytes(data[: len(data) - cut * len(data) // 20]))
    try:
        flat = flatten(load_scene(path))
    except UnusableInput:
        return
    assert len(flat.triangles) < 100
