"""PLY as glTF, in its three encodings, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.reading import load_scene

CORNERS = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (2, 2, 0)]
ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


def header(form: str, *lines: str) -> bytes:
    return "\n".join(["ply", f"format {form} 1.0", *lines, "end_header", ""]).encode()


def body(form: str, kinds: str, *values) -> bytes:
    if form == "ascii":
        return (" ".join(str(v) for v in values) + "\n").encode()
    return b"".join(np.array(v, ORDERS[form] + kind).tobytes() for kind, v in zip(kinds.split(), values, strict=True))


def mesh(form: str, faces, extra: str = "", colors: bool = False) -> bytes:
    names = ["x", "y", "z"]
    lines = [f"element vertex {len(CORNERS)}", *(f"property float {n}" for n in names)]
    lines += [f"property uchar {n}" for n in ("red", "green", "blue")] if colors else []
    data = [
        header(
            form, *lines, f"element face {len(faces)}", "property list uchar int vertex_indices", *extra.splitlines()
        )
    ]
    for corner in CORNERS:
        kinds, values = "f4 f4 f4", list(corner)
        if colors:
            kinds, values = kinds + " u1 u1 u1", [*values, 255, 128, 0]
        data.append(body(form, kinds, *values))
    for face in faces:
        data.append(body(form, " ".join(["u1", *["i4"] * len(face)]), len(face), *face))
    return b"".join(data)


def flat_of(tmp_path, data: bytes, name: str = "a.ply"):
    (tmp_path / name).write_bytes(data)
    document = load_scene(tmp_path / name)
    return flatten(document), document


@pytest.mark.parametrize("faces", [[(0, 1, 2), (0, 2, 3)], [(0, 1, 2, 3), (2, 4, 3)]], ids=["even", "mixed"])
def test_all_encodings_say_the_same(tmp_path, faces):
    found = [flat_of(tmp_path, mesh(form, faces, colors=True))[0] for form in ORDERS]
    for flat in found:
        assert np.array_equal(flat.positions[flat.triangles], found[0].positions[found[0].triangles])
        assert flat.colors[0, :3] == pytest.approx((1.0, 0.2159, 0.0), abs=1e-3)
    assert len(found[0].triangles) == sum(len(face) - 2 for face in faces)


def test_normals_texture_coordinates_and_their_image_come_along(tmp_path):
    from PIL import Image

    Image.new("RGB", (2, 2), (10, 20, 30)).save(tmp_path / "skin.png")
    lines = ["comment TextureFile skin.png", "element vertex 3"]
    lines += [f"property float {n}" for n in ("x", "y", "z", "nx", "ny", "nz", "s", "t")]
    data = header("ascii", *lines, "element face 1", "property list uchar int vertex_index")
    data += b"0 0 0 0 3 4 0 0\n1 0 0 0 3 4 1 0\n0 1 0 0 3 4 0 1\n3 0 1 2\n"
    flat, _ = flat_of(tmp_path, data)
    assert np.allclose(flat.normals, (0, 0.6, 0.8))
    assert flat.uv0.tolist() == [[0, 1], [1, 1], [0, 0]]
    assert flat.textures[flat.materials[0].base_color_texture.texture].pixels[0, 0, :3].tolist() == [10, 20, 30]


def test_texture_coordinates_per_corner_split_vertices(tmp_path):
    lines = ["element vertex 4", *(f"property float {n}" for n in "xyz"), "element face 2"]
    lines += ["property list uchar int vertex_indices", "property list uchar float texcoord"]
    data = header("ascii", *lines)
    data += b"0 0 0\n1 0 0\n1 1 0\n0 1 0\n3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 .5 0 1 1 0 1\n"
    flat, _ = flat_of(tmp_path, data)
    assert flat.uv0[flat.triangles[0]].tolist() == [[0, 1], [1, 1], [1, 0]]
    assert flat.uv0[flat.triangles[1]].tolist() == [[0.5, 1], [1, 0], [0, 0]]


def test_strips_alternate_their_winding(tmp_path):
    lines = ["element vertex 5", *(f"property float {n}" for n in "xyz"), "element tristrips 1"]
    data = header("ascii", *lines, "property list int int vertex_indices")
    data += b"0 0 0\n1 0 0\n0 1 0\n1 1 0\n0 2 0\n" + b"9 0 1 2 3 4 -1 0 1 2\n"
    flat, _ = flat_of(tmp_path, data)
    assert len(flat.triangles) == 4
    assert np.allclose(flat.normals, (0, 0, 1))


def test_splats_are_refused_as_splats(tmp_path):
    names = ["x", "y", "z", "f_dc_0", "opacity", "scale_0", "rot_0"]
    data = header("binary_little_endian", "element vertex 2", *(f"property float {n}" for n in names))
    with pytest.raises(BrokenScene, match="2 Gaussian splats"):
        flat_of(tmp_path, data + bytes(4 * len(names) * 2))


def test_points_without_faces_are_refused_as_a_cloud(tmp_path):
    data = header("ascii", "element vertex 1", *(f"property float {n}" for n in "xyz")) + b"0 0 0\n"
    with pytest.raises(BrokenScene, match="cloud of 1 points"):
        flat_of(tmp_path, data)
