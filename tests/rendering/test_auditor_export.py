"""What Mitsuba makes of our conventions: closed forms for lights and directions, our tracer for materials."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import quad, scene, sphere

from nightproof.jobs.doctor import examine
from nightproof.rendering.auditor_statistics import square_means
from nightproof.rendering.mitsuba_meshes import glowing
from nightproof.rendering.mitsuba_renderer import MitsubaScene
from nightproof.rendering.mitsuba_textures import unrolled, wrapped
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import (
    Anisotropy,
    Clearcoat,
    Environment,
    FlatScene,
    Material,
    PunctualLight,
    Sheen,
    Texture,
    TextureUse,
    Wrap,
)

LAMBERT = Material(metallic=0.0, specular=0.0)


def floor(material, textures=(), lights=(), environment=None) -> FlatScene:
    """4 × 4 m at y = 0, facing up."""
    corners = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32)
    return FlatScene(
        positions=np.array([(-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2)], np.float32),
        normals=np.tile(np.array([0, 1, 0], np.float32), (4, 1)),
        tangents=np.tile(np.array([1, 0, 0, 1], np.float32), (4, 1)),
        uv0=corners,
        uv1=corners,
        colors=np.ones((4, 4), np.float32),
        triangles=np.array([(0, 1, 2), (0, 2, 3)], np.uint32),
        triangle_material=np.zeros(2, np.uint32),
        triangle_instance=np.zeros(2, np.uint32),
        instances=(),
        materials=(material,),
        textures=textures,
        lights=lights,
        environment=environment,
    )


def look(position, target, size=17, yfov_rad=0.1):
    return look_at(np.array(position, float), np.array(target, float), yfov_rad=yfov_rad, width_px=size, height_px=size)


def middle(flat, camera, samples=64):
    picture = MitsubaScene(flat, "scalar_rgb").render(camera, samples=samples, seed=1, max_depth=3)
    return picture.color[8, 8]


LIGHTS = {
    "point": (PunctualLight("point", (1.0, 0.5, 0.2), 8.0, position_m=(0.0, 2.0, 0.0)), 8 / 4),
    "directional": (PunctualLight("directional", (1.0, 0.5, 0.2), 3.0, direction=(0.0, -1.0, 0.0)), 3.0),
    "spot": (
        PunctualLight(
            "spot", (1.0, 0.5, 0.2), 8.0, position_m=(0.0, 2.0, 0.0),
            direction=(float(np.sin(0.3)), -float(np.cos(0.3)), 0.0), inner_cone_rad=0.1, outer_cone_rad=0.6,
        ),
        8 / 4 * ((np.cos(0.3) - np.cos(0.6)) / (np.cos(0.1) - np.cos(0.6))) ** 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", LIGHTS)
def test_a_punctual_light_gives_the_irradiance_of_its_formula(kind):
    light, irradiance = LIGHTS[kind]
    flat = floor(replace(LAMBERT, base_color=(0.5, 0.5, 0.5, 1)), lights=(light,))
    seen = middle(flat, look((0.0, 4.0, 0.01), (0, 0, 0), yfov_rad=0.02))
    assert seen == pytest.approx(0.5 / np.pi * irradiance * np.array([1.0, 0.5, 0.2]), rel=0.01)


@pytest.mark.parametrize("direction", [(0.3, 0.5, -0.8), (0.9, 0.1, 0.2), (-0.6, -0.5, 0.4), (0.05, 0.99, 0.03)])
def test_the_sky_stands_where_its_docstring_says(direction):
    direction = np.array(direction) / np.linalg.norm(direction)
    sky = np.random.default_rng(2).random((12, 24, 3)).astype(np.float32)
    v, u = (
        np.arccos(direction[1]) / np.pi * 12 - 0.5,
        (np.arctan2(direction[0], -direction[2]) / 2 / np.pi + 0.5) * 24 - 0.5,
    )
    rows, columns = int(np.floor(v)), int(np.floor(u))
    expected = sum(
        sky[np.clip(rows + i, 0, 11), (columns + j) % 24] * abs(1 - i - (v - rows)) * abs(1 - j - (u - columns))
        for i in (0, 1)
        for j in (0, 1)
    )
    flat = floor(LAMBERT, environment=Environment(sky))
    seen = middle(flat, look(np.array([0, 50.0, 0]), np.array([0, 50.0, 0]) + direction, yfov_rad=0.002))
    assert seen == pytest.approx(expected, rel=0.01)


def test_an_emitter_glows_in_front_and_not_behind_unless_double_sided():
    lamp = replace(LAMBERT, base_color=(0, 0, 0, 1), emissive=(2.0, 1.0, 0.5))
    above, below = look((0, 4, 0.01), (0, 0, 0)), look((0, -4, 0.01), (0, 0, 0))
    assert middle(floor(lamp), above) == pytest.approx([2.0, 1.0, 0.5])
    assert middle(floor(lamp), below) == pytest.approx([0, 0, 0])
    assert middle(floor(replace(lamp, double_sided=True)), below) == pytest.approx([2.0, 1.0, 0.5])


@pytest.mark.parametrize("wraps", [(Wrap.REPEAT, Wrap.CLAMP), (Wrap.MIRROR, Wrap.REPEAT), (Wrap.CLAMP, Wrap.MIRROR)])
def test_an_unrolled_texture_looks_the_same_everywhere(wraps):
    texels = np.arange(12, dtype=np.float32).reshape(3, 4, 1)
    laid, layout, both = unrolled(texels, *wraps)
    for u, v in np.random.default_rng(1).uniform(-3.5, 3.5, (200, 2)):
        true = texels[wrapped(int(np.floor(v * 3)), 3, wraps[1]), wrapped(int(np.floor(u * 4)), 4, wraps[0])]
        x, y, _ = layout @ (u, v, 1)
        rows, columns = laid.shape[:2]
        index = [wrapped(np.array(int(np.floor(at * n))), n, both) for at, n in ((y, rows), (x, columns))]
        assert laid[index[0], index[1]] == true


PIXELS = np.full((4, 4, 4), 255, np.uint8)
PIXELS[:2, :, 3] = 60
PIXELS[:, 1, :2] = 128
MATERIALS = {
    "metal": Material(base_color=(0.9, 0.6, 0.2, 1), roughness=0.4),
    "plastic": Material(base_color=(0.3, 0.5, 0.6, 1), metallic=0.0, roughness=0.5, specular=0.7),
    "cut out": Material(metallic=0.0, base_color_texture=TextureUse(0), alpha_mode="MASK"),
    "blended": Material(metallic=0.0, base_color_texture=TextureUse(0), alpha_mode="BLEND"),
    "unlit": Material(base_color=(0.8, 0.2, 0.4, 1), unlit=True),
    "thin rough glass": Material(metallic=0.0, transmission=1.0, roughness=0.4, double_sided=True),
    "plate": Material(metallic=0.0, base_color=(0.5, 0.8, 0.9, 1), transmission=1.0, roughness=0.0),
    "tinted under a texture": Material(metallic=0.0, base_color=(0.9, 0.8, 0.7, 1), base_color_texture=TextureUse(0)),
}
TINTS = np.array([(1, 0.2, 0.4, 1), (0.3, 1, 0.6, 1), (0.5, 0.5, 1, 1), (0.2, 0.9, 0.1, 1)], np.float32)


def uneven_sky() -> Environment:
    y, x = np.mgrid[0:8, 0:16]
    return Environment(np.stack([0.5 + 0.4 * np.sin(x / 3), 0.3 + 0.05 * y, np.full((8, 16), 0.6)], -1).astype("f4"))


def both_see(flat, camera, samples=64, max_depth=16):
    """Mean colours: Mitsuba's, ours."""
    theirs = MitsubaScene(flat, "scalar_rgb").render(camera, samples=samples, seed=4, max_depth=max_depth)
    ours = Tracer(flat, threads=2).render(camera, samples=256, seed=5, max_depth=max_depth)
    return theirs.color.mean(axis=(0, 1)), ours.color.mean(axis=(0, 1))


@pytest.mark.parametrize("name", MATERIALS)
def test_mitsuba_and_our_tracer_agree_on_a_material(name):
    """Within 2 % of the mean over the floor at 256 samples, under a sky that differs by direction."""
    flat = floor(MATERIALS[name], textures=(Texture(PIXELS, srgb=False),), environment=uneven_sky())
    if name.startswith("tinted"):
        flat = replace(flat, colors=TINTS)
    theirs, ours = both_see(flat, look((0, 2.0, 2.5), (0, 0, 0), size=24, yfov_rad=0.8), samples=256)
    assert ours == pytest.approx(theirs, rel=0.02)


def steep_bumps(tilt_rad=1.0) -> Texture:
    """Normals tilted by `tilt_rad`, now this way, now that."""
    y, x = np.mgrid[0:8, 0:8]
    way = 2.4 * (x + 3 * y)
    normal = np.stack(
        [np.sin(tilt_rad) * np.cos(way), np.sin(tilt_rad) * np.sin(way), np.full((8, 8), np.cos(tilt_rad))]
    )
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., :3] = np.rint((normal.transpose(1, 2, 0) + 1) * 127.5)
    return Texture(pixels, srgb=False, nearest=True)


@pytest.mark.parametrize("tangent", [(1.0, 0.0, 0.0, 1.0), (0.6, 0.0, 0.8, -1.0)])
def test_steep_normal_maps_agree_at_a_grazing_angle_on_the_tangents_given(tangent):
    """Where mapped normals face away from the viewer: that made 8 % once, and tangents by triangle more."""
    material = Material(metallic=0.0, roughness=0.5, normal_texture=TextureUse(0))
    flat = floor(material, textures=(steep_bumps(),), environment=uneven_sky())
    flat = replace(flat, tangents=np.tile(np.array(tangent, np.float32), (4, 1)))
    theirs, ours = both_see(flat, look((0, 0.5, 2.5), (0, 0, 0), size=24, yfov_rad=0.4), samples=32)
    assert ours == pytest.approx(theirs, rel=0.01)


def under_a_lamp(lamp: Material, uv_scale=1.0, textures=(), lights=(), glass=None) -> FlatScene:
    """A floor; above it a square of 1 m² that looks down; optionally a pane between them."""
    quads = [(2.0, 0.0, 1), (0.5, 2.0, -1)] + ([(2.0, 1.0, 1)] if glass else [])
    corners = np.array([(0, 1), (1, 1), (1, 0), (0, 0)], np.float32) * uv_scale
    flat = floor(LAMBERT)
    places = [flat.positions * (size / 2, 1, size / 2 * up) + (0, y, 0) for size, y, up in quads]
    return replace(
        flat,
        positions=np.concatenate(places).astype("f4"),
        normals=np.concatenate([flat.normals * up for _, _, up in quads]).astype("f4"),
        tangents=np.tile(flat.tangents, (len(quads), 1)),
        uv0=np.tile(corners, (len(quads), 1)),
        uv1=np.tile(corners, (len(quads), 1)),
        colors=np.ones((4 * len(quads), 4), np.float32),
        triangles=np.concatenate([flat.triangles + 4 * i for i in range(len(quads))]).astype(np.uint32),
        triangle_material=np.repeat(np.arange(len(quads)), 2).astype(np.uint32),
        triangle_instance=np.zeros(2 * len(quads), np.uint32),
        materials=(LAMBERT, lamp, *([glass] if glass else [])),
        textures=textures,
        lights=lights,
    )  # fmt: skip


def test_a_textured_lamp_lights_the_same_however_often_its_texture_repeats():
    dark = replace(LAMBERT, base_color=(0, 0, 0, 1))
    pixels = np.random.default_rng(3).integers(0, 255, (8, 8, 4), np.uint8)
    pixels[:4] = 0
    lamp = replace(dark, emissive=(5.0, 5.0, 5.0), emissive_texture=TextureUse(0))
    flat = under_a_lamp(lamp, uv_scale=3.3, textures=(Texture(pixels, srgb=False),))
    theirs, ours = both_see(flat, look((0, 1.0, 2.0), (0, 0, 0), size=16, yfov_rad=0.3), samples=256)
    assert ours == pytest.approx(theirs, rel=0.02)


def test_a_point_light_shines_through_a_smooth_pane():
    dark = replace(LAMBERT, base_color=(0, 0, 0, 1))
    pane = Material(metallic=0.0, base_color=(0.5, 0.8, 0.9, 1), transmission=1.0, roughness=0.0)
    light = PunctualLight("point", (1.0, 1.0, 1.0), 8.0, position_m=(0.8, 1.8, 0.0))
    flat = under_a_lamp(dark, lights=(light,), glass=pane)
    theirs, ours = both_see(flat, look((0, 0.5, 2.0), (0, 0, 0), size=16, yfov_rad=0.3))
    assert theirs.min() > 0.1
    assert ours == pytest.approx(theirs, rel=0.02)


def test_a_black_part_of_an_emissive_texture_is_no_lamp():
    """Over the left half of the texture, once shifted by whole tiles; the right half glows."""
    pixels = np.zeros((16, 16, 4), np.uint8)
    pixels[:, 8:, :3] = 200
    lamp = replace(LAMBERT, emissive=(1.0, 1.0, 1.0), emissive_texture=TextureUse(0))
    flat = floor(lamp, textures=(Texture(pixels, srgb=False),))
    square = np.array([(0, 0), (0.25, 0), (0.25, 0.25), (0, 0.25)], np.float32)
    for shift in (0, -3, 7):
        for column, glows in ((0.1, False), (0.6, True), (0.3, True)):
            moved = replace(flat, uv0=square + np.array((column + shift, 0.4), np.float32))
            assert glowing(moved, lamp, np.arange(2)).any() == glows
    assert glowing(flat, replace(lamp, emissive_texture=None), np.arange(2)).all()
    assert not glowing(flat, LAMBERT, np.arange(2)).any()


def test_a_glowing_mesh_keeps_its_smooth_normals():
    """A glossy ball of few facets that glows a little: faceted, its highlights would be elsewhere."""
    ball = Material(base_color=(0.8, 0.8, 0.8, 1), roughness=0.2, emissive=(0.01, 0.01, 0.01), double_sided=True)
    flat = scene((sphere((0, 0, 0), 0.05, rings=8), ball), environment=uneven_sky(), smooth=True)
    camera = look((0, 0, 0.3), (0, 0, 0), size=24, yfov_rad=0.25)
    theirs = MitsubaScene(flat, "scalar_rgb").render(camera, samples=32, seed=4, max_depth=16).color
    ours = Tracer(flat, threads=2).render(camera, samples=256, seed=5).color
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)
    assert square_means(np.abs(ours - theirs), 6).max() < 0.04


@pytest.mark.parametrize("size_m", [1e-3, 0.1, 10.0])
def test_size_changes_nothing(size_m):
    """Two panes that stand a thousandth of the scene apart both tint, and a lamp of that size lights as much."""
    pane = Material(metallic=0.0, base_color=(0.5, 0.5, 0.5, 1), transmission=1.0, roughness=0.0)
    wall = quad([-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0])
    panes = [([p * [1, 1, 0] + [0, 0, z] for p in wall[0]], wall[1]) for z in (0.1, 0.102)]
    meshes = [(np.asarray(points, np.float32) * size_m, faces) for points, faces in (wall, *panes)]
    light = PunctualLight("point", (1.0, 1.0, 1.0), 3 * size_m**2, position_m=(0.0, 0.0, 0.09 * size_m))
    flat = scene((meshes[0], LAMBERT), (meshes[1], pane), (meshes[2], pane), lights=(light,))
    theirs, ours = both_see(flat, look((0, 0, size_m), (0, 0, 0), size=16, yfov_rad=0.2))
    assert ours == pytest.approx(theirs, rel=0.02)


COATS = {
    "clearcoat": {"clearcoat": Clearcoat(1.0, 0.1, texture=TextureUse(0), roughness_texture=TextureUse(0))},
    "sheen": {"sheen": Sheen((0.8, 0.5, 0.2), 0.4, color_texture=TextureUse(0))},
    "anisotropy": {"anisotropy": Anisotropy(0.9, texture=TextureUse(0))},
}


@pytest.mark.parametrize("name", COATS)
def test_mitsuba_shows_a_coat_where_it_is_asked_to_and_follows_its_texture(name):
    plain = Material(metallic=0.0, base_color=(0.2, 0.2, 0.2, 1), roughness=0.3)
    camera = look((0, 0.6, 2.5), (0, 0, 0), size=16, yfov_rad=0.4)

    def seen(material, beyond, pixels=PIXELS):
        flat = floor(material, textures=(Texture(pixels, srgb=False),), environment=uneven_sky())
        return MitsubaScene(flat, "scalar_rgb", beyond).render(camera, samples=64, seed=4, max_depth=3).color

    coated = replace(plain, **COATS[name])
    assert np.array_equal(seen(coated, beyond=False), seen(plain, beyond=True))
    difference = np.abs(seen(coated, beyond=True) - seen(plain, beyond=True)).mean()
    assert difference > 1e-3
    assert np.abs(seen(coated, True) - seen(coated, True, np.zeros_like(PIXELS))).mean() > 0.1 * difference


def test_the_doctor_looks_at_everything_and_survives_what_it_meets(tmp_path, monkeypatch):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"not those")
    monkeypatch.setenv("PATH", str(tmp_path))
    findings = {finding.name: finding for finding in examine(tmp_path / "new", lpips_weights=weights)}
    assert findings["Embree"].ok and findings["Embree"].found.startswith("4.")
    assert not findings["LPIPS"].ok and "another file" in findings["LPIPS"].found
    assert not findings["GPU"].ok and findings["GPU"].advice
    assert findings["store"].ok and not (tmp_path / "new").exists()
    assert all(finding.ok or finding.advice for finding in findings.values())
