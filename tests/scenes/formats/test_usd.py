"""OpenUSD as glTF: shapes, primvars, materials, lights, instancers, and what its files may not reach."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from nightproof.errors import NotOnThisMachine, UnusableInput
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.formats.usd import reader
from nightproof.scenes.reading import load_scene

needs_usd = pytest.mark.skipif(find_spec("pxr") is None, reason="needs nightproof[usd]")
HEAD = '#usda 1.0\n(\n    metersPerUnit = 1\n    upAxis = "Y"\n)\n'
SQUARE = """
    int[] faceVertexCounts = [4]
    int[] faceVertexIndices = [0, 1, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    uniform token subdivisionScheme = "none"
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] (interpolation = "vertex")
"""


def opened(tmp_path, text: str, head: str = HEAD, name: str = "a.usda"):
    (tmp_path / name).write_text(head + text)
    document = load_scene(tmp_path / name)
    return flatten(document), document


def png(tmp_path, name: str, pixels) -> None:
    Image.fromarray(np.array(pixels, np.uint8)).save(tmp_path / name, "PNG")


def mesh(body: str = "", name: str = "Square", shape: str = SQUARE) -> str:
    return f'def Mesh "{name}" (prepend apiSchemas = ["MaterialBindingAPI"])\n{{{shape}{body}}}\n'


def material(inputs: str, shaders: str = "") -> str:
    return f"""
def Material "M"
{{
    token outputs:surface.connect = </M/P.outputs:surface>
    def Shader "P"
    {{
        uniform token info:id = "UsdPreviewSurface"
        {inputs}
        token outputs:surface
    }}
    def Shader "Reader"
    {{
        uniform token info:id = "UsdPrimvarReader_float2"
        string inputs:varname = "st"
        float2 outputs:result
    }}
    {shaders}
}}
"""


def texture(name: str, file: str, more: str = "", st: str = "</M/Reader.outputs:result>") -> str:
    return f"""
    def Shader "{name}"
    {{
        uniform token info:id = "UsdUVTexture"
        asset inputs:file = @{file}@
        float2 inputs:st.connect = {st}
        {more}
        float3 outputs:rgb
        float outputs:r
        float outputs:g
        float outputs:a
    }}
"""


BOUND = "    rel material:binding = </M>\n"


@needs_usd
def test_a_square_stands_in_metres_with_y_up(tmp_path):
    head = HEAD.replace('"Y"', '"Z"').replace("metersPerUnit = 1", "metersPerUnit = 0.5")
    flat, document = opened(tmp_path, mesh(), head)
    assert document.format == "usd"
    corners = [(0, 0, -0.5), (0, 0, 0), (0.5, 0, -0.5), (0.5, 0, 0)]
    assert np.allclose(np.unique(flat.positions.round(6), axis=0), corners)
    assert np.allclose(flat.normals, (0, 1, 0))


@needs_usd
def test_centimetres_are_assumed_where_the_stage_says_nothing_and_said(tmp_path):
    flat, _ = opened(tmp_path, mesh(), "#usda 1.0\n")
    assert flat.bounds_m[1][0] == pytest.approx(0.01)
    assert any("centimetre" in note for note in flat.notes)


@needs_usd
def test_left_handed_faces_are_turned_round(tmp_path):
    flat, _ = opened(tmp_path, mesh('    uniform token orientation = "leftHanded"\n'))
    assert np.allclose(flat.normals, (0, 0, -1))


@needs_usd
def test_places_nest_and_reset(tmp_path):
    inner = mesh("""    double3 xformOp:translate = (0, 0, 5)
    uniform token[] xformOpOrder = ["xformOp:translate"]\n""")
    free = mesh("""    double3 xformOp:translate = (0, 0, 9)
    uniform token[] xformOpOrder = ["!resetXformStack!", "xformOp:translate"]\n""", "Free")  # fmt: skip
    text = f"""def Xform "A" {{
    double3 xformOp:translate = (3, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
    def Scope "S" {{
    {inner}
    {free}
    }}
}}"""
    flat, document = opened(tmp_path, text)
    first, second = (flat.positions[i.first_vertex] for i in flat.instances)
    assert first.tolist() == [3, 0, 5] and second.tolist() == [0, 0, 9]
    assert [node["name"] for node in document.json["nodes"]] == ["a", "A", "Square", "Free"]


@needs_usd
@pytest.mark.parametrize(
    ("interpolation", "values"),
    [
        ("constant", [(0.2, 0.4, 0.6)]),
        ("uniform", [(0.2, 0.4, 0.6)]),
        ("vertex", [(0.2, 0.4, 0.6)] * 4),
        ("faceVarying", [(0.2, 0.4, 0.6)] * 4),
    ],
)
def test_display_colour_of_every_interpolation_is_linear_colour(tmp_path, interpolation, values):
    flat, _ = opened(
        tmp_path, mesh(f'    color3f[] primvars:displayColor = {values} (interpolation = "{interpolation}")\n')
    )
    color = np.array(flat.materials[0].base_color[:3]) * flat.colors[0, :3]
    assert color == pytest.approx((0.2, 0.4, 0.6), abs=1e-4)


@needs_usd
def test_indexed_face_varying_coordinates_split_corners(tmp_path):
    shape = """
    int[] faceVertexCounts = [3, 3]
    int[] faceVertexIndices = [0, 1, 2, 0, 2, 3]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    uniform token subdivisionScheme = "none"
    texCoord2f[] primvars:st = [(0, 0), (1, 0), (0.5, 0.5)] (interpolation = "faceVarying")
    int[] primvars:st:indices = [0, 1, 2, 1, 0, 2]
"""
    png(tmp_path, "t.png", np.full((2, 2, 3), 9))
    connect = "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>"
    flat, _ = opened(tmp_path, mesh(BOUND, shape=shape) + material(connect, texture("T", "t.png")))
    assert flat.uv0[flat.triangles].tolist() == [[[0, 1], [1, 1], [0.5, 0.5]], [[1, 1], [0, 1], [0.5, 0.5]]]


@needs_usd
def test_subdivision_cages_are_round_at_their_points(tmp_path):
    roof = """
    int[] faceVertexCounts = [4, 4]
    int[] faceVertexIndices = [0, 3, 4, 1, 1, 4, 5, 2]
    point3f[] points = [(-1, 0, 0), (0, 1, 0), (1, 0, 0), (-1, 0, 1), (0, 1, 1), (1, 0, 1)]
"""
    flat, _ = opened(tmp_path, mesh(shape=roof))
    assert np.allclose(flat.normals[np.isclose(flat.positions[:, 1], 1)], (0, 1, 0), atol=1e-6)
    assert any("cages" in note for note in flat.notes)


@needs_usd
def test_subsets_wear_their_own_materials_and_holes_are_open(tmp_path):
    shape = """
    int[] faceVertexCounts = [3, 3, 3]
    int[] faceVertexIndices = [0, 1, 2, 0, 2, 3, 0, 3, 1]
    int[] holeIndices = [2]
    point3f[] points = [(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)]
    uniform token subdivisionScheme = "none"
"""
    subset = """
    def GeomSubset "part" (prepend apiSchemas = ["MaterialBindingAPI"])
    {
        uniform token elementType = "face"
        uniform token familyName = "materialBind"
        int[] indices = [1]
        rel material:binding = </M>
    }
"""
    color = '    color3f[] primvars:displayColor = [(0, 0, 1)] (interpolation = "constant")\n'
    flat, _ = opened(tmp_path, mesh(color + subset, shape=shape) + material("color3f inputs:diffuseColor = (1, 0, 0)"))
    colors = [flat.materials[i].base_color[:3] for i in flat.triangle_material]
    assert sorted(colors) == [(0, 0, 1), (1, 0, 0)]


@needs_usd
def test_what_is_hidden_or_a_guide_is_not_shown(tmp_path):
    text = (
        mesh() + mesh('    token visibility = "invisible"\n', "H") + mesh('    uniform token purpose = "guide"\n', "G")
    )
    text += f'def Xform "P" {{ uniform token purpose = "proxy"\n{mesh()} }}\n'
    text += mesh('    uniform token purpose = "render"\n', "R")
    assert len(opened(tmp_path, text)[0].instances) == 2


@needs_usd
def test_plain_inputs_of_the_preview_surface(tmp_path):
    inputs = """
        color3f inputs:diffuseColor = (0.1, 0.2, 0.3)
        float inputs:roughness = 0.25
        float inputs:metallic = 0.75
        float inputs:opacity = 0.5
        color3f inputs:emissiveColor = (4, 2, 0)
        float inputs:clearcoat = 0.6
        float inputs:clearcoatRoughness = 0.2
        float inputs:ior = 1.8
"""
    held = opened(tmp_path, mesh(BOUND) + material(inputs))[0].materials[0]
    assert held.base_color == pytest.approx((0.1, 0.2, 0.3, 0.5))
    assert (held.roughness, held.metallic, held.ior) == pytest.approx((0.25, 0.75, 1.8))
    assert held.emissive == pytest.approx((4, 2, 0)) and held.alpha_mode == "BLEND"
    assert (held.clearcoat.factor, held.clearcoat.roughness) == pytest.approx((0.6, 0.2))


@needs_usd
def test_the_specular_workflow_keeps_its_reflectance(tmp_path):
    inputs = "int inputs:useSpecularWorkflow = 1\ncolor3f inputs:specularColor = (0.4, 0.2, 0.1)"
    held = opened(tmp_path, mesh(BOUND) + material(inputs))[0].materials[0]
    assert np.array(held.specular_color) * 0.04 == pytest.approx((0.4, 0.2, 0.1))
    assert held.metallic == 0


@needs_usd
def test_textures_keep_their_scale_wraps_and_transform(tmp_path):
    png(tmp_path, "t.png", np.full((2, 2, 3), 90))
    more = 'float4 inputs:scale = (0.5, 1, 0.25, 1)\ntoken inputs:wrapS = "clamp"\ntoken inputs:wrapT = "mirror"'
    turn = """
    def Shader "Turn"
    {
        uniform token info:id = "UsdTransform2d"
        float2 inputs:in.connect = </M/Reader.outputs:result>
        float inputs:rotation = 30
        float2 inputs:scale = (2, 3)
        float2 inputs:translation = (0.1, 0.2)
        float2 outputs:result
    }
"""
    flat, _ = opened(
        tmp_path,
        mesh(BOUND)
        + material(
            "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>",
            texture("T", "t.png", more, "</M/Turn.outputs:result>") + turn,
        ),
    )
    held = flat.materials[0]
    use = held.base_color_texture
    assert held.base_color[:3] == (0.5, 1, 0.25)
    assert (int(flat.textures[use.texture].wrap_u), int(flat.textures[use.texture].wrap_v)) == (1, 2)
    u, v = 0.3, 0.8  # of USD, v running up
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    meant = (c * 2 * u - s * 3 * v + 0.1, s * 2 * u + c * 3 * v + 0.2)
    a, b, tx, d, e, ty = use.transform
    found = (a * u + b * (1 - v) + tx, 1 - (d * u + e * (1 - v) + ty))
    assert found == pytest.approx(meant)


@needs_usd
def test_roughness_metalness_and_opacity_maps_are_joined_as_gltf_reads_them(tmp_path):
    png(tmp_path, "r.png", np.full((2, 2), 50))
    png(tmp_path, "m.png", np.full((4, 4), 200))
    png(tmp_path, "c.png", np.full((4, 4, 3), 90))
    png(tmp_path, "o.png", [[255, 0], [255, 0]])
    inputs = "\n".join(
        f"{kind} inputs:{name}.connect = </M/{shader}.outputs:{out}>"
        for kind, name, shader, out in (
            ("float", "roughness", "R", "r"), ("float", "metallic", "Me", "r"),
            ("color3f", "diffuseColor", "C", "rgb"), ("float", "opacity", "O", "r"),
        )
    )  # fmt: skip
    files = {"R": "r.png", "Me": "m.png", "C": "c.png", "O": "o.png"}
    shaders = "".join(texture(name, file) for name, file in files.items())
    flat, _ = opened(tmp_path, mesh(BOUND) + material(inputs + "\nfloat inputs:opacityThreshold = 0.4", shaders))
    held = flat.materials[0]
    surface = flat.textures[held.metallic_roughness_texture.texture].pixels
    assert surface[..., 1].max() == 50 == surface[..., 1].min() and (surface[..., 2] == 200).all()
    base = flat.textures[held.base_color_texture.texture].pixels
    assert (base[..., :3] == 90).all() and base[0, 0, 3] == 255 and base[0, 3, 3] == 0
    assert (held.alpha_mode, held.alpha_cutoff) == ("MASK", pytest.approx(0.4))


@needs_usd
def test_a_normal_map_of_the_other_handedness_is_turned_over(tmp_path):
    png(tmp_path, "n.png", np.tile(np.array([128, 200, 230], np.uint8), (2, 2, 1)))
    more = "float4 inputs:scale = (2, -2, 2, 1)\nfloat4 inputs:bias = (-1, 1, -1, 0)"
    flat, _ = opened(
        tmp_path,
        mesh(BOUND) + material("normal3f inputs:normal.connect = </M/N.outputs:rgb>", texture("N", "n.png", more)),
    )
    green = flat.textures[flat.materials[0].normal_texture.texture].pixels[0, 0, 1]
    assert green < 60


@needs_usd
def test_two_sets_of_texture_coordinates_go_to_the_textures_that_name_them(tmp_path):
    png(tmp_path, "a.png", np.full((2, 2, 3), 10))
    png(tmp_path, "b.png", np.full((2, 2, 3), 20))
    second = """
    def Shader "Second"
    {
        uniform token info:id = "UsdPrimvarReader_float2"
        string inputs:varname = "other"
        float2 outputs:result
    }
"""
    inputs = "color3f inputs:diffuseColor.connect = </M/A.outputs:rgb>\n"
    inputs += "color3f inputs:emissiveColor.connect = </M/B.outputs:rgb>"
    uv = '    texCoord2f[] primvars:other = [(0.5, 0.5)] (interpolation = "constant")\n'
    shaders = texture("A", "a.png") + texture("B", "b.png", st="</M/Second.outputs:result>") + second
    flat, _ = opened(tmp_path, mesh(BOUND + uv) + material(inputs, shaders))
    held = flat.materials[0]
    assert held.base_color_texture.texcoord != held.emissive_texture.texcoord
    sets = (flat.uv0, flat.uv1)
    assert np.allclose(sets[held.emissive_texture.texcoord], 0.5)
    assert np.ptp(sets[held.base_color_texture.texcoord]) == 1


@needs_usd
@pytest.mark.parametrize(
    ("shape", "volume", "extent"),
    [
        ('Cube "S" { double size = 2\n}', 8.0, (2, 2, 2)),
        ('Sphere "S" { double radius = 1.5\n}', 4 / 3 * np.pi * 1.5**3, (3, 3, 3)),
        ('Cylinder "S" { double radius = 0.5\ndouble height = 3\ntoken axis = "X"\n}', np.pi * 0.75, (3, 1, 1)),
        ('Cone "S" { double radius = 0.5\ndouble height = 3\ntoken axis = "Y"\n}', np.pi * 0.25, (1, 3, 1)),
        ('Capsule "S" { double radius = 0.5\ndouble height = 2\n}', np.pi * (0.5 + 1 / 6), (1, 1, 3)),
    ],
    ids=["cube", "sphere", "cylinder", "cone", "capsule"],
)
def test_primitives_are_closed_and_face_outwards(tmp_path, shape, volume, extent):
    flat, _ = opened(tmp_path, f"def {shape}\n")
    corners = flat.positions[flat.triangles].astype(float)
    found = np.einsum("ti,ti->t", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
    assert found == pytest.approx(volume, rel=0.01), "the signed volume: open or inward surfaces have another"
    lower, upper = flat.bounds_m
    assert upper - lower == pytest.approx(extent, rel=2e-3)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (np.einsum("ti,ti->t", normals, flat.normals[flat.triangles].mean(axis=1)) > 0).all()


@needs_usd
def test_lights_become_punctual_or_panels_of_the_same_power(tmp_path):
    text = (
        mesh()
        + """
def DistantLight "Sun" { float inputs:intensity = 50000\nfloat inputs:angle = 0.53\n}
def SphereLight "Bulb" { float inputs:intensity = 100\nfloat inputs:radius = 0.1\nfloat inputs:exposure = 1\n}
def RectLight "Panel" { float inputs:intensity = 10\nfloat inputs:width = 2\nfloat inputs:height = 0.5\n}
def RectLight "Even" { float inputs:intensity = 10\nfloat inputs:width = 2\nfloat inputs:height = 2
    bool inputs:normalize = 1
}
def DomeLight "Sky" { float inputs:intensity = 1\n}
"""
    )
    flat, _ = opened(tmp_path, text)
    by_kind = {light.kind: light for light in flat.lights}
    assert by_kind["directional"].intensity == pytest.approx(50000 * np.pi * np.sin(np.radians(0.53) / 2) ** 2)
    assert by_kind["point"].intensity == pytest.approx(200 * np.pi * 0.01)
    emissive = {material.name: material.emissive[0] for material in flat.materials if any(material.emissive)}
    assert emissive == pytest.approx({"Panel": 10, "Even": 2.5})
    panels = [i for i in flat.instances if flat.materials[i.material].name in emissive]
    for panel in panels:
        rows = flat.triangles[panel.first_triangle : panel.first_triangle + panel.triangle_count]
        a, b, c = (flat.positions[rows[:, k]] for k in range(3))
        assert (np.cross(b - a, c - a)[:, 2] < 0).all(), "a panel shines along its −z"
    assert any("dome light" in note for note in flat.notes)


@needs_usd
def test_cameras_keep_their_angle(tmp_path):
    text = (
        mesh()
        + """
def Camera "Cam" {
    float focalLength = 50\nfloat horizontalAperture = 36\nfloat verticalAperture = 24
    double3 xformOp:translate = (0, 0, 5)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}
"""
    )
    camera = opened(tmp_path, text)[0].cameras[0]
    assert camera.yfov_rad == pytest.approx(2 * np.arctan(12 / 50))
    assert camera.camera_to_world[:3, 3].tolist() == [0, 0, 5]


INSTANCER = """
def PointInstancer "Many"
{{
    int[] protoIndices = {which}
    point3f[] positions = {positions}
    {more}
    rel prototypes = [</Many/Protos/Square>]
    def Scope "Protos" {{ {prototype} }}
}}
"""


@needs_usd
def test_point_instances_share_one_mesh_and_stand_where_they_should(tmp_path):
    more = "quath[] orientations = [(1, 0, 0, 0), (0.70710678, 0, 0, 0.70710678), (1, 0, 0, 0)]\n"
    more += "    float3[] scales = [(1, 1, 1), (2, 1, 1), (1, 1, 1)]\n    int64[] invisibleIds = [2]"
    text = INSTANCER.format(which=[0, 0, 0], positions=[(0, 0, 0), (5, 0, 0), (9, 0, 0)], more=more, prototype=mesh())
    flat, document = opened(tmp_path, text)
    assert len(document.json["meshes"]) == 1 and len(flat.instances) == 2
    second = flat.instances[1]
    corners = flat.positions[second.first_vertex : second.first_vertex + second.vertex_count]
    # (1, 0) → scaled (2, 0) → turned by 90° about z (0, 2) → moved
    assert corners[1] == pytest.approx((5, 2, 0), abs=5e-3)  # orientations are half floats


@needs_usd
def test_scene_instances_share_one_mesh(tmp_path):
    text = f'class Xform "Proto" {{ {mesh()} }}\n'
    for name, x in (("A", 0), ("B", 4)):
        text += f"""def Xform "{name}" (instanceable = true\nreferences = </Proto>) {{
    double3 xformOp:translate = ({x}, 0, 0)
    uniform token[] xformOpOrder = ["xformOp:translate"]
}}\n"""
    flat, document = opened(tmp_path, text)
    assert len(document.json["meshes"]) == 1
    assert [flat.positions[i.first_vertex][0] for i in flat.instances] == [0, 4]


@needs_usd
def test_animation_is_left_out_and_said(tmp_path):
    moving = mesh("""    double3 xformOp:translate.timeSamples = { 1: (1, 0, 0), 24: (9, 0, 0) }
    uniform token[] xformOpOrder = ["xformOp:translate"]\n""")
    flat, _ = opened(tmp_path, moving)
    assert flat.positions[0].tolist() == [1, 0, 0]
    assert any("animation" in note for note in flat.notes)


@needs_usd
def test_packages_and_crates_say_the_same_as_text(tmp_path):
    from pxr import Sdf

    png(tmp_path, "t.png", np.full((2, 2, 3), 90))
    text = mesh(BOUND) + material("color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>", texture("T", "t.png"))
    flat, document = opened(tmp_path, text)
    assert document.source_bytes == sum((tmp_path / name).stat().st_size for name in ("a.usda", "t.png"))
    Sdf.Layer.FindOrOpen(str(tmp_path / "a.usda")).Export(str(tmp_path / "b.usdc"))
    with zipfile.ZipFile(tmp_path / "c.usdz", "w") as archive:  # stored; USD wants 64-byte alignment only for speed
        archive.write(tmp_path / "b.usdc", "b.usdc")
        archive.write(tmp_path / "t.png", "t.png")
    for name in ("b.usdc", "c.usdz"):
        other = flatten(load_scene(tmp_path / name))
        assert np.array_equal(other.positions, flat.positions)
        use = other.materials[0].base_color_texture
        assert (other.textures[use.texture].pixels[..., 0] == 90).all()


@needs_usd
def test_references_in_the_folder_are_composed_and_part_of_the_digest(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "p.usda").write_text('#usda 1.0\n(defaultPrim = "P")\ndef Xform "P" { ' + mesh() + " }")
    flat, document = opened(tmp_path, 'def "R" (references = @./parts/p.usda@) {}')
    assert len(flat.instances) == 1
    digest = document.source_sha256
    with (tmp_path / "parts" / "p.usda").open("a") as stream:
        stream.write("\n")
    assert load_scene(tmp_path / "a.usda").source_sha256 != digest


def test_without_openusd_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr(reader.importlib.util, "find_spec", lambda name: None)
    (tmp_path / "a.usda").write_text(HEAD)
    with pytest.raises(NotOnThisMachine) as raised:
        load_scene(tmp_path / "a.usda")
    assert "nightproof[usd]" in raised.value.hint


OUTSIDE = {
    "reference_leaves_the_folder": 'def "R" (references = @../secret.usda@) {}',
    "absolute_reference": 'def "R" (references = @{absolute}@) {{}}',
    "payload_leaves_the_folder": 'def "R" (payload = @../secret.usda@) {}',
    "reference_in_a_variant": (
        'def "R" (variants = { string v = "y" }\nprepend variantSets = "v")\n'
        '{\nvariantSet "v" = {\n"x" (references = @../secret.usda@) {}\n"y" {}\n}\n}'
    ),
    "reference_through_a_link": 'def "R" (references = @./link.usda@) {}',
    "reference_on_the_network": 'def "R" (references = @https://example.org/a.usd@) {}',
    "reference_by_expression": 'def "R" (references = @`"../secret.usda"`@) {}',
    "reference_to_no_layer": 'def "R" (references = @./a.png@) {}',
    "value_clips": 'def "R" (clips = { dictionary default = { asset[] assetPaths = [@../secret.usda@] } }) {}',
    "texture_leaves_the_folder": "texture:../secret.png",
    "texture_on_the_network": "texture:http://example.org/a.png",
    "texture_through_a_link": "texture:link.png",
}


@needs_usd
@pytest.mark.parametrize("defect", OUTSIDE)
def test_nothing_outside_the_folder_is_read(tmp_path, defect):
    secret = tmp_path / "secret.usda"
    secret.write_text('#usda 1.0\n(defaultPrim = "P")\ndef Xform "P" { ' + mesh() + " }")
    Image.new("RGB", (2, 2)).save(tmp_path / "secret.png")
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "link.usda").symlink_to(secret)
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "a.png").write_bytes(b"")
    text = OUTSIDE[defect].replace("{absolute}", str(secret)).replace("{{}}", "{}")
    if text.startswith("texture:"):
        connect = "color3f inputs:diffuseColor.connect = </M/T.outputs:rgb>"
        text = mesh(BOUND) + material(connect, texture("T", text.removeprefix("texture:")))
    with pytest.raises(BrokenScene, match=r"leaves the folder|the network|expression|no USD layer|value clips"):
        opened(folder, text)


BROKEN = {
    "empty": b"",
    "no_usd": b"#usda 1.0\nthis is not\n",
    "text_not_utf8": HEAD.encode() + b'def Mesh "\xe9" {\n',
    "crate_cut": b"PXR-USDC\x00\x08\x00\x00" + bytes(40),
    "crate_rubbish": b"PXR-USDC" + bytes(range(256)) * 8,
    "no_mesh": HEAD.encode() + b'def Xform "A" {}\n',
    "index_beyond": (HEAD + mesh()).replace("[0, 1, 2, 3]", "[0, 1, 2, 9]").encode(),
    "index_negative": (HEAD + mesh()).replace("[0, 1, 2, 3]", "[0, 1, 2, -3]").encode(),
    "counts_beyond": (HEAD + mesh()).replace("Counts = [4]", "Counts = [5]").encode(),
    "counts_negative": (HEAD + mesh()).replace("Counts = [4]", "Counts = [-4, 8]").encode(),
    "point_nan": (HEAD + mesh()).replace("(1, 1, 0)", "(nan, 1, 0)").encode(),
    "unit_zero": (HEAD + mesh()).replace("metersPerUnit = 1", "metersPerUnit = 0").encode(),
    "instance_of_nothing": (
        HEAD + INSTANCER.format(which=[0, 3], positions=[(0, 0, 0)] * 2, more="", prototype=mesh())
    ).encode(),
    "instance_nowhere": (HEAD + INSTANCER.format(which=[0, 0], positions=[], more="", prototype=mesh())).encode(),
}


@needs_usd
@pytest.mark.parametrize("defect", BROKEN)
def test_a_broken_usd_is_refused(tmp_path, defect):
    path = tmp_path / ("a.usdc" if defect.startswith("crate") else "a.usda")
    path.write_bytes(BROKEN[defect])
    with pytest.raises(UnusableInput) as raised:
        flatten(load_scene(path))
    assert raised.value.hint and "ended with" not in str(raised.value), "the child knew what was wrong"


@needs_usd
def test_a_package_that_is_no_zip_is_refused(tmp_path):
    (tmp_path / "a.usdz").write_bytes(b"PK\x03\x04" + bytes(64))
    with pytest.raises(UnusableInput):
        load_scene(tmp_path / "a.usdz")


@needs_usd
def test_references_that_double_and_double_end_in_one_error(tmp_path, monkeypatch):
    """Thirty layers of two references each are a billion meshes; composing them must end with the child."""
    text = f'def Xform "L0" {{ {mesh()} }}\n'
    for level in range(1, 31):
        twice = "\n".join(f'def "{name}" (references = </L{level - 1}>) {{}}' for name in "ab")
        text += f'def Xform "L{level}" {{\n{twice}\n}}\n'
    monkeypatch.setattr(reader, "CALL_S", 3.0)
    with pytest.raises(BrokenScene, match="within 3 s"):
        opened(tmp_path, text)


@needs_usd
@pytest.mark.parametrize("fate", ["crash", "hang", "silence"])
def test_a_child_that_crashes_or_hangs_is_one_error(tmp_path, monkeypatch, fate):
    program = {
        "crash": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
        "hang": "import time; time.sleep(60)",
        "silence": "pass",
    }[fate]
    real = subprocess.Popen
    monkeypatch.setattr(
        reader.subprocess, "Popen", lambda command, **more: real([sys.executable, "-c", program], **more)
    )
    monkeypatch.setattr(reader, "CALL_S", 1.0)
    (tmp_path / "a.usda").write_text(HEAD + mesh())
    with pytest.raises(BrokenScene) as raised:
        load_scene(tmp_path / "a.usda")
    assert raised.value.hint
