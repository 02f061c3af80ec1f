"""OBJ and MTL as glTF: what faces, groups, smoothing and materials become."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.scenes.flatten import flatten
from nightproof.scenes.reading import load_scene

SQUARE = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
ROOF = "v -1 0 0\nv 0 1 0\nv 1 0 0\nv -1 0 1\nv 0 1 1\nv 1 0 1\n"
SLOPES = "f 1 4 5 2\nf 2 5 6 3\n"


def scene(tmp_path, text: str, name: str = "a.obj", **files: bytes | str):
    (tmp_path / name).write_text(text)
    for other, data in files.items():
        place = tmp_path / other.replace("_dot_", ".")
        place.write_bytes(data.encode() if isinstance(data, str) else data)
    document = load_scene(tmp_path / name)
    return document, flatten(document)


def png(pixels, form="PNG") -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.array(pixels, np.uint8)).save(stream, form)
    return stream.getvalue()


def test_a_square_becomes_two_triangles_with_textures_the_right_way_up(tmp_path):
    document, flat = scene(tmp_path, SQUARE + "f 1/1 2/2 3/3 4/4\n")
    assert document.format == "obj"
    assert len(flat.triangles) == 2
    assert np.allclose(flat.normals, (0, 0, 1))
    for place, uv in zip(flat.positions, flat.uv0, strict=True):
        assert uv.tolist() == [place[0], 1 - place[1]]


def test_indices_that_count_back_name_the_same_corners(tmp_path):
    ahead = scene(tmp_path, SQUARE + "f 1/1 2/2 3/3 4/4\n")[1]
    back = scene(tmp_path, SQUARE + "f -4/-4 -3/-3 -2/-2 -1/-1\n", "b.obj")[1]
    assert np.array_equal(ahead.positions[ahead.triangles], back.positions[back.triangles])
    assert np.array_equal(ahead.uv0, back.uv0)


def test_faces_before_their_vertices_are_read(tmp_path):
    assert len(scene(tmp_path, "f 1 2 3\n" + SQUARE)[1].triangles) == 1


def test_without_smoothing_an_edge_stays_sharp_and_with_it_turns_round(tmp_path):
    flat = scene(tmp_path, ROOF + SLOPES)[1]
    smooth = scene(tmp_path, ROOF + "s 1\n" + SLOPES, "b.obj")[1]
    ridge = lambda it: it.normals[np.isclose(it.positions[:, 1], 1)]  # noqa: E731
    assert np.allclose(np.abs(ridge(flat)), (2**-0.5, 2**-0.5, 0))
    assert np.allclose(ridge(smooth), (0, 1, 0), atol=1e-6)


def test_two_smoothing_groups_keep_the_edge_between_them(tmp_path):
    one, two = SLOPES.splitlines()
    flat = scene(tmp_path, f"{ROOF}s 1\n{one}\ns 2\n{two}\n")[1]
    assert np.allclose(np.abs(flat.normals[np.isclose(flat.positions[:, 1], 1)]), (2**-0.5, 2**-0.5, 0))


def test_faces_outside_of_smoothing_groups_stay_flat_beside_those_within(tmp_path):
    far = "v 5 0 0\nv 6 0 0\nv 6 1 0\n"
    flat = scene(tmp_path, f"{ROOF}{far}s off\n{SLOPES}s 1\nf 7 8 9\n")[1]
    assert np.allclose(
        np.abs(flat.normals[np.isclose(flat.positions[:, 1], 1) & (flat.positions[:, 0] < 5)])[:, :2], 2**-0.5
    )


@pytest.mark.parametrize("turn", range(7))
def test_a_comb_is_covered_exactly_once(tmp_path, turn):
    """No fan covers its teeth."""
    outline = [(0, 0), (7, 0), (7, 3), (6, 1), (5, 3), (4, 1), (3, 3), (2, 1), (1, 3), (0.5, 1), (0, 3)]
    outline = outline[turn:] + outline[:turn]
    text = "".join(f"v {x} {y} 0\n" for x, y in outline) + "f " + " ".join(map(str, range(1, 12))) + "\n"
    flat = scene(tmp_path, text)[1]
    corners = flat.positions[flat.triangles].astype(float)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    x, y = np.array(outline).T
    assert (areas > 0).all() and len(areas) == 9
    assert areas.sum() == pytest.approx((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def test_normals_of_the_file_win_over_smoothing(tmp_path):
    flat = scene(tmp_path, SQUARE + "vn 0 0.6 0.8\ns 1\nf 1//1 2//1 3//1\n")[1]
    assert np.allclose(flat.normals, (0, 0.6, 0.8))


def test_objects_and_groups_become_nodes_with_their_names(tmp_path):
    text = SQUARE + "o chair\ng seat\nf 1 2 3\ng back\nf 1 3 4\no lamp\nf 1 2 4\n"
    document, flat = scene(tmp_path, text)
    assert [node["name"] for node in document.json["nodes"]] == ["chair/seat", "chair/back", "lamp"]
    assert [instance.triangle_count for instance in flat.instances] == [1, 1, 1]


@pytest.mark.parametrize("first", range(4))
def test_a_concave_polygon_keeps_its_outline_wherever_it_begins(tmp_path, first):
    corners = " ".join(str((first + k) % 4 + 1) for k in range(4))
    flat = scene(tmp_path, f"v 0 0 0\nv 2 -1 0\nv 0.5 0 0\nv 2 1 0\nf {corners}\n")[1]
    corners = flat.positions[flat.triangles].astype(float)
    areas = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] / 2
    assert (areas > 0).all()
    assert areas.sum() == pytest.approx(0.5)


def test_colours_of_vertices_leave_the_srgb_curve(tmp_path):
    text = "v 0 0 0 0.5 0 0\nv 1 0 0 0.5 0 0\nv 0 1 0 0.5 0 0\nf 1 2 3\n"
    flat = scene(tmp_path, text)[1]
    assert flat.colors[:, 0] == pytest.approx(0.2140, abs=1e-3)
    assert flat.materials[0].base_color == (1, 1, 1, 1)


def material(tmp_path, mtl: str, **files: bytes):
    text = f"mtllib a.mtl\n{SQUARE}usemtl m\nf 1/1 2/2 3/3 4/4\n"
    document, flat = scene(tmp_path, text, a_dot_mtl=f"newmtl m\n{mtl}", **files)
    return flat.materials[0], flat, document


def test_plain_factors_reach_the_material(tmp_path):
    held, _, _ = material(tmp_path, "Kd 0.1 0.2 0.3\nPr 0.4\nPm 0.7\nKe 2 4 0\nd 0.5\nNi 1.8\n")
    assert held.base_color == (0.1, 0.2, 0.3, 0.5)
    assert (held.roughness, held.metallic, held.ior, held.alpha_mode) == (0.4, 0.7, 1.8, "BLEND")
    assert held.emissive == pytest.approx((2, 4, 0))
    assert held.double_sided


def test_a_wider_highlight_is_a_rougher_surface(tmp_path):
    exponents = (0, 1, 10, 100, 900)
    found = [material(tmp_path, f"Ks 0.5 0.5 0.5\nNs {n}\nillum 2\n")[0].roughness for n in exponents]
    assert found == sorted(found, reverse=True) and len(set(found)) == len(found)
    assert found[0] == 1.0
    # the lobe of Phong's exponent 100 is as wide as Beckmann's alpha √(2/102)
    assert found[3] ** 2 == pytest.approx((2 / 102) ** 0.5)


def test_blenders_own_files_come_back_with_the_roughness_they_left_with(tmp_path):
    text = f"mtllib a.mtl\n{SQUARE}usemtl m\nf 1 2 3\n"
    roughness = 0.35
    exponent = 1000 * (1 - roughness) ** 2
    flat = scene(tmp_path, text, a_dot_mtl=f"# Blender 4.5 MTL File\nnewmtl m\nNs {exponent}\nKs .5 .5 .5\n")[1]
    assert flat.materials[0].roughness == pytest.approx(roughness)


def test_a_map_lies_as_its_options_say(tmp_path):
    # u' = 2u + 0.25, v' = 4v + 0.5 with v upwards
    held, flat, _ = material(
        tmp_path, "map_Kd -s 2 4 1 -o 0.25 0.5 my wood.png\n", **{"my wood_dot_png": png([[[200, 0, 0]]])}
    )
    use = held.base_color_texture
    a, b, c, d, e, f = use.transform
    u, v = 0.3, 0.6  # of glTF
    assert (a * u + b * v + c, d * u + e * v + f) == pytest.approx((2 * u + 0.25, 1 - (4 * (1 - v) + 0.5)))
    assert flat.textures[use.texture].pixels[0, 0, :3].tolist() == [200, 0, 0]


def test_an_alpha_map_is_joined_to_the_colour_and_cuts_out(tmp_path):
    mask = np.zeros((4, 4, 3), np.uint8)
    mask[:2] = 255
    held, flat, _ = material(
        tmp_path, "map_Kd c.png\nmap_d m.png\n", c_dot_png=png(np.full((4, 4, 3), 90)), m_dot_png=png(mask)
    )
    pixels = flat.textures[held.base_color_texture.texture].pixels
    assert held.alpha_mode == "MASK"
    assert (pixels[:2, :, 3] == 255).all() and (pixels[2:, :, 3] == 0).all() and (pixels[..., 0] == 90).all()


def test_roughness_and_metalness_maps_share_one_texture(tmp_path):
    held, flat, _ = material(
        tmp_path,
        "map_Pr r.png\nmap_Pm m.png\n",
        r_dot_png=png(np.full((2, 2), 50)),
        m_dot_png=png(np.full((4, 4), 200)),
    )
    pixels = flat.textures[held.metallic_roughness_texture.texture].pixels
    assert pixels.shape == (4, 4, 4)
    assert (pixels[..., 1] == 50).all() and (pixels[..., 2] == 200).all()
    assert (held.roughness, held.metallic) == (1, 1)


def test_a_bump_that_rises_to_the_right_leans_its_normals_left(tmp_path):
    ramp = np.tile(np.arange(0, 64, 8, dtype=np.uint8), (8, 1))
    held, flat, _ = material(tmp_path, "map_Bump -bm 2 b.png\n", b_dot_png=png(ramp))
    pixels = flat.textures[held.normal_texture.texture].pixels.astype(int)
    assert (pixels[:, 1:-1, 0] < 120).all()
    assert (abs(pixels[:, 1:-1, 1] - 128) <= 1).all()


@pytest.mark.parametrize("form", ["TGA", "BMP", "TIFF"])
def test_images_that_gltf_does_not_know_become_png(tmp_path, form):
    held, flat, document = material(tmp_path, "map_Kd t.img\n", t_dot_img=png([[[9, 8, 7], [1, 2, 3]]], form))
    assert flat.textures[held.base_color_texture.texture].pixels[0, :, :3].tolist() == [[9, 8, 7], [1, 2, 3]]
    assert document.json["images"][0]["mimeType"] == "image/png"


def test_paths_of_another_machine_are_looked_for_beside_the_scene(tmp_path):
    held, flat, _ = material(tmp_path, r"map_Kd C:\Users\eva\wood.png" + "\n", **{"wood_dot_png": png([[[5, 6, 7]]])})
    assert flat.textures[held.base_color_texture.texture].pixels[0, 0, 0] == 5


def test_what_is_missing_is_noted_and_the_rest_is_shown(tmp_path):
    _, flat, _ = material(tmp_path, "Kd 1 0 0\nmap_Kd gone.png\n")
    assert any("gone.png" in note for note in flat.notes)
    assert flat.materials[0].base_color == (1, 0, 0, 1)


def test_the_digest_covers_every_file_that_is_read(tmp_path):
    image = png([[[1, 1, 1]]])
    first = material(tmp_path, "map_Kd c.png\n", c_dot_png=image)[2]
    other = material(tmp_path, "map_Kd c.png\n", c_dot_png=png([[[2, 1, 1]]]))[2]
    assert first.source_sha256 != other.source_sha256
    assert first.source_bytes == sum((tmp_path / name).stat().st_size for name in ("a.obj", "a.mtl")) + len(image)


def test_the_same_file_gives_the_same_bytes(tmp_path):
    first = material(tmp_path, "Kd .1 .2 .3\n")[2]
    assert first.file_bytes == load_scene(tmp_path / "a.obj").file_bytes


def test_a_file_without_units_says_how_it_was_read(tmp_path):
    small = scene(tmp_path, SQUARE + "f 1 2 3\n")[1]
    large = scene(tmp_path, SQUARE.replace("1", "1000") + "f 1 2 3\n", "b.obj")[1]
    assert any("no unit" in note and "millimetres" not in note for note in small.notes)
    assert any("millimetres" in note and "100 × 100" in note for note in large.notes)
