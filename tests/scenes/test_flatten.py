"""From documents to the soup: places, fronts, frames, materials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nightproof.scenes import frames, shapes
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb, write_glb
from nightproof.scenes.load import scene_record
from nightproof.scenes.soup import cofactors
from nightproof.scenes.specular_glossiness import solve

SCENES = Path(__file__).parents[2] / ".." / "shared" / "scenes"
shared = [pytest.mark.shared, pytest.mark.skipif(not SCENES.is_dir(), reason="../shared is absent")]
CORNERS = np.array([[0, 0, 0], [2, 0, 0], [0, 1, 0]], "<f4")


def scene(node: dict, *, material: dict | None = None, extra: dict | None = None, normals: bool = False, length=1.0):
    binary = CORNERS.tobytes() + np.tile(np.array([0, 0, length], "<f4"), (3, 1)).tobytes()
    attributes = {"POSITION": 0} | ({"NORMAL": 1} if normals else {})
    primitive = {"attributes": attributes} | ({"material": 0} if material is not None else {})
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, **node}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": [{"bufferView": i, "componentType": 5126, "count": 3, "type": "VEC3"} for i in range(2)],
        "bufferViews": [{"buffer": 0, "byteOffset": 36 * i, "byteLength": 36} for i in range(2)],
        "buffers": [{"byteLength": 72}],
        **({"materials": [material]} if material is not None else {}),
        **(extra or {}),
    }
    return parse_glb(write_glb(document, binary))


def geometric_normal(flat):
    a, b, c = flat.positions[flat.triangles[0]].astype(float)
    normal = np.cross(b - a, c - a)
    return normal / np.linalg.norm(normal)


@pytest.mark.parametrize("scale", [(1, 1, 1), (-1, 1, 1), (1, -2, 1), (-1, -1, 1), (-3, -1, -1), (1, 1, -1), (2, 5, 0)])
@pytest.mark.parametrize("normals", [False, True])
def test_fronts_stay_fronts_under_any_scale(scale, normals):
    flat = flatten(scene({"scale": scale}, normals=normals))
    assert np.allclose(flat.normals @ geometric_normal(flat), 1.0, atol=1e-6)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("length", [1e-3, 7.0, 3e38])
def test_normals_of_any_length_are_unit_and_nothing_is_said(length):
    """The squares of float32 end at 1.8e19."""
    assert np.allclose(flatten(scene({}, normals=True, length=length)).normals, (0, 0, 1))


def test_what_is_scaled_to_a_line_is_left_out_and_noted():
    flat = flatten(scene({"scale": [1, 0, 0]}))
    assert len(flat.triangles) == 0
    assert "scaled to nothing" in flat.notes[0]


def test_nodes_stand_where_translation_rotation_scale_put_them():
    half = np.sqrt(0.5)
    flat = flatten(scene({"translation": [10, 0, 0], "rotation": [0, half, 0, half], "scale": [3, 1, 1]}))
    assert np.allclose(flat.positions[1], [10, 0, -6], atol=1e-5)


def test_a_quaternion_of_any_length_turns_alike():
    short, long = (flatten(scene({"rotation": [0, k * 0.6, 0, k * 0.8]})).positions for k in (1, 7))
    assert np.allclose(short, long, atol=1e-6)


def test_cofactors_turn_normals_like_the_inverse_transpose():
    matrices = np.random.default_rng(1).normal(size=(50, 3, 3))
    expected = np.linalg.inv(matrices).transpose(0, 2, 1) * np.abs(np.linalg.det(matrices))[:, None, None]
    assert np.allclose(cofactors(matrices), expected)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [(4, [[0, 1, 2]]), (5, [[0, 1, 2], [1, 3, 2], [2, 3, 4]]), (6, [[1, 2, 0], [2, 3, 0], [3, 4, 0]])],
)
def test_strips_and_fans_keep_the_order_of_the_specification(mode, expected):
    assert shapes.to_triangles(np.arange(5, dtype=np.uint32), mode).tolist() == expected


def test_points_and_lines_are_noted_and_left_out():
    document = scene({})
    document.json["meshes"][0]["primitives"][0]["mode"] = 1
    flat = flatten(document)
    assert len(flat.triangles) == 0
    assert len(flat.notes) == 1


def test_texture_transforms_scale_then_turn_then_shift():
    from nightproof.scenes.fields import Fields
    from nightproof.scenes.textures import coordinates

    moved = {"offset": [0.1, 0.2], "rotation": np.pi / 2, "scale": [2, 3], "texCoord": 1}
    texcoord, (a, b, c, d, e, f) = coordinates(Fields({"extensions": {"KHR_texture_transform": moved}}, "", {}))
    u, v = 0.25, 0.5
    assert texcoord == 1
    assert np.allclose([a * u + b * v + c, d * u + e * v + f], [0.1 + 3 * v, 0.2 - 2 * u])


def test_emission_is_multiplied_by_its_strength_and_zero_extensions_are_not_unknown():
    material = {
        "emissiveFactor": [1, 0.5, 0],
        "extensions": {
            "KHR_materials_emissive_strength": {"emissiveStrength": 4},
            "KHR_materials_clearcoat": {"clearcoatFactor": 0},
            "KHR_materials_sheen": {"sheenColorFactor": [0, 0, 0.1]},
        },
    }
    found = flatten(scene({}, material=material)).materials[0]
    assert found.emissive == (4.0, 2.0, 0.0)
    assert found.unknown == set() and found.clearcoat is None and found.sheen is not None
    glass = material["extensions"] | {"KHR_materials_transmission": {"transmissionFactor": 0.5}}
    assert flatten(scene({}, material={"extensions": glass})).materials[0].unknown == {"KHR_materials_sheen"}


def known(extensions, **more):
    return flatten(scene({}, material={"extensions": {f"KHR_materials_{k}": v for k, v in extensions.items()}, **more}))


FILM = {"iridescence": {"iridescenceFactor": 0.5, "iridescenceIor": 1.6, "iridescenceThicknessMaximum": 250}}
SHEET = {"diffuse_transmission": {"diffuseTransmissionFactor": 0.5, "diffuseTransmissionColorFactor": [1, 0.5, 0]}}
THIN, THICK = {"transmission": {"transmissionFactor": 1}}, {"volume": {"thicknessFactor": 1}}


def test_layers_are_read_and_named():
    (film, *_), (sheet, *_) = known(FILM).materials, known(SHEET).materials
    assert film.iridescence.ior == 1.6 and film.iridescence.ends_nm == (250, 250) and not film.unknown
    assert sheet.diffuse_transmission.color == (1, 0.5, 0) and sheet.layers == ("KHR_materials_diffuse_transmission",)
    glass = known(THIN | THICK | {"dispersion": {"dispersion": 0.3}}).materials[0]
    assert glass.dispersion == 0.3 and glass.layers == ("KHR_materials_dispersion",) and not glass.unknown
    assert not known({"iridescence": {"iridescenceFactor": 0}, "dispersion": {"dispersion": 9}}).materials[0].layers


@pytest.mark.parametrize(
    ("extensions", "unknown"),
    [
        (FILM | THIN, {"iridescence"}),
        (SHEET | THIN, {"diffuse_transmission"}),
        (SHEET | THICK, {"diffuse_transmission"}),  # a body that scatters within
        ({"specular": {"specularColorFactor": [1, 0, 0]}} | THIN, {"specular"}),
        ({"specular": {"specularFactor": 0.5}} | THIN, {"specular"}),
        ({"specular": {"specularColorFactor": [2, 2, 2]}} | THIN, set()),
        ({"subsurface_one_day": {}}, {"subsurface_one_day"}),
    ],
)
def test_what_is_not_traced_is_named(extensions, unknown):
    assert known(extensions).materials[0].unknown == {f"KHR_materials_{name}" for name in unknown}


@pytest.mark.parametrize(
    ("specular", "layered"),
    [
        ({"specularFactor": 0.5}, True),
        ({"specularFactor": 0, "specularColorFactor": [1, 0, 0]}, False),
        ({"specularColorFactor": [0.5, 0.5, 0.5]}, False),  # another index of refraction, exactly
        ({"specularColorFactor": [0.5, 0.5, 0.4]}, True),
    ],
)
def test_an_index_of_refraction_does_where_it_can(specular, layered):
    assert known({"specular": specular}).materials[0].layered == layered


def test_films_take_no_impossible_numbers():
    for wrong in ({"iridescenceFactor": 2}, {"iridescenceFactor": 1, "iridescenceIor": 0.9}):
        with pytest.raises(BrokenScene):
            known({"iridescence": wrong})


def test_lights_shine_along_their_nodes_and_ignore_their_scale():
    lights = {"KHR_lights_punctual": {"lights": [{"type": "spot", "intensity": 5, "spot": {}}]}}
    node = {"scale": [3, 3, 3], "rotation": [0, 1, 0, 0], "extensions": {"KHR_lights_punctual": {"light": 0}}}
    (light,) = flatten(scene(node, extra={"extensions": lights})).lights
    assert np.allclose(light.direction, (0, 0, 1), atol=1e-6)
    assert (light.intensity, light.range_m) == (5, np.inf)


def test_animation_of_a_parent_moves_its_children():
    channel = {"sampler": 0, "target": {"node": 0, "path": "translation"}}
    animations = [{"channels": [channel], "samplers": [{"input": 0, "output": 1}]}]
    nodes = [{"children": [1]}, {"mesh": 0}, {"mesh": 0}]
    document = scene({}, extra={"animations": animations, "nodes": nodes, "scenes": [{"nodes": [0, 2]}]})
    assert [instance.animated for instance in flatten(document).instances] == [True, False]


@pytest.mark.parametrize(
    ("pointer", "moves"),
    [
        ("/nodes/0/translation", True),
        ("/nodes/0/extensions/KHR_node_visibility/visible", True),
        ("/nodes/1/rotation", False),
        ("/materials/0/emissiveFactor", False),
        ("/nodes/0", False),
        ("/nodes/-1/scale", False),
        ("/nodes/" + "9" * 5000 + "/scale", False),
        ("nonsense", False),
        ("", False),
    ],
)
def test_an_animation_pointer_tells_what_moves(pointer, moves):
    target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": pointer}}}
    animations = [{"channels": [{"sampler": 0, "target": target}], "samplers": [{"input": 0, "output": 1}]}]
    nodes = [{"mesh": 0}, {}]
    document = scene({}, extra={"animations": animations, "nodes": nodes})
    assert [instance.animated for instance in flatten(document).instances] == [moves]


@pytest.mark.parametrize(("form", "extension"), [("WEBP", "EXT_texture_webp"), ("AVIF", "EXT_texture_avif")])
def test_newer_image_formats_are_shown_before_the_plain_source(form, extension):
    import base64
    import io

    from PIL import Image

    def uri(color, form: str) -> dict:
        stream = io.BytesIO()
        Image.new("RGB", (16, 16), color).save(stream, form, quality=95)
        return {"uri": f"data:image/{form.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"}

    material = {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}
    extra = {
        "images": [uri((200, 0, 0), "PNG"), uri((0, 200, 0), form)],
        "textures": [{"source": 0, "extensions": {extension: {"source": 1}}}],
    }
    flat = flatten(scene({}, material=material, extra=extra))
    pixel = flat.textures[0].pixels[8, 8].astype(int)
    assert np.abs(pixel - (0, 200, 0, 255)).max() <= 4


def test_specular_glossiness_converts_the_pure_cases_exactly():
    red, gold = np.array([[0.5, 0.1, 0.1]]), np.array([[1.0, 0.77, 0.34]])
    base, metallic = solve(red, np.full((1, 3), 0.04))
    assert metallic[0] == pytest.approx(0.0, abs=1e-6)
    assert np.allclose(base, red, atol=1e-6)
    base, metallic = solve(np.zeros((1, 3)), gold)
    assert metallic[0] == pytest.approx(1.0, abs=0.02)
    assert np.allclose(base, gold, atol=0.03)


def test_a_record_tells_a_moved_lamp_from_a_moved_table():
    lights = {"KHR_lights_punctual": {"lights": [{"type": "point"}]}}

    def record(table, lamp):
        nodes = [
            {"mesh": 0, "translation": table},
            {"translation": lamp, "extensions": {"KHR_lights_punctual": {"light": 0}}},
        ]
        extra = {"extensions": lights, "nodes": nodes, "scenes": [{"nodes": [0, 1]}]}
        return scene_record(scene({}, extra=extra), "x")

    start, moved_lamp = record([0, 0, 0], [0, 1, 0]), record([0, 0, 0], [0, 2, 0])
    assert start.geometry == moved_lamp.geometry
    assert start.lights != moved_lamp.lights
    assert start.geometry != record([1, 0, 0], [0, 1, 0]).geometry
    assert start.materials == moved_lamp.materials


def with_marks(function):
    for mark in shared:
        function = mark(function)
    return function


@with_marks
@pytest.mark.parametrize("path", sorted(SCENES.glob("*.glb")), ids=lambda path: path.stem)
def test_every_shared_scene_flattens_to_a_sound_soup(path):
    flat = flatten(load_gltf(path))
    assert len(flat.triangles) > 0
    assert np.isfinite(flat.positions).all()
    assert np.allclose(np.linalg.norm(flat.normals, axis=1), 1, atol=1e-4)
    assert flat.triangle_material.max() < len(flat.materials)
    ends = [(i.first_triangle + i.triangle_count, i.first_vertex + i.vertex_count) for i in flat.instances]
    assert ends[-1] == (len(flat.triangles), len(flat.positions))
    for instance in flat.instances:
        rows = flat.triangles[instance.first_triangle : instance.first_triangle + instance.triangle_count]
        assert rows.min(initial=instance.first_vertex) >= instance.first_vertex
        assert rows.max(initial=0) < instance.first_vertex + instance.vertex_count


@with_marks
@pytest.mark.parametrize("name", ["LightsPunctualLamp", "GodotTruckTown", "AlphaBlendModeTest"])
def test_tangents_agree_with_those_that_mikktspace_wrote(name):
    """Nine in ten corners within 2.6°: the rest are where Mikkelsen's groups end at edges and ours do not."""
    document = load_gltf(SCENES / f"{name}.glb")
    checked = 0
    for mesh in document.root.children("meshes"):
        for primitive in mesh.children("primitives"):
            if not {"TANGENT", "TEXCOORD_0"} <= set(primitive.value["attributes"]):
                continue
            shape = shapes.read_shape(document, primitive, ())
            made = frames.with_tangents(shape, 0)
            theirs, ours = shape.tangents[shape.triangles.ravel()], made.tangents[made.triangles.ravel()]
            along = (theirs[:, :3] * ours[:, :3]).sum(axis=1)
            assert np.percentile(along, 10) > 0.999
            assert (np.sign(theirs[:, 3]) == ours[:, 3]).mean() > 0.98
            checked += 1
    assert checked


@with_marks
def test_draco_and_plain_files_of_one_truck_are_the_same_truck():
    plain, packed = (flatten(load_gltf(SCENES / f"CesiumMilkTruck{end}.glb")) for end in ("", "_draco"))
    assert len(plain.triangles) == len(packed.triangles)
    assert np.allclose(plain.bounds_m, packed.bounds_m, atol=1e-3)


@pytest.mark.parametrize("names", [[["KHR_mesh_quantization"]], [{}], [None, "a"], 3, {"a": "b"}])
@pytest.mark.parametrize("key", ["extensionsRequired", "extensionsUsed"])
def test_names_of_extensions_are_strings(key, names):
    with pytest.raises(BrokenScene, match=key):
        scene_record(scene({}, extra={key: names}), "x")
