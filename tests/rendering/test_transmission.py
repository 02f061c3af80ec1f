"""Alpha, panes, volumes: what passes through, and where it goes."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import LAMBERT, box, quad, scene, sphere, uniform_environment

from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Environment, Material, PunctualLight, Texture, TextureUse
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, write_glb

BLACK = replace(LAMBERT, base_color=(0.0, 0.0, 0.0, 1.0))
WALL = quad([-9, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0])


def along_z(size=4, yfov=1e-3, z=3.0):
    return look_at(np.array([0, 0, z]), np.zeros(3), yfov_rad=yfov, width_px=size, height_px=size)


def seen(flat, samples=256, view=None, **more):
    return Tracer(flat, threads=1).render(view or along_z(), samples=samples, seed=1, **more).color.mean(axis=(0, 1))


@pytest.mark.parametrize(("mode", "alpha", "expected"), [("BLEND", 0.3, 0.7), ("MASK", 0.3, 1.0), ("MASK", 0.6, 0.0)])
def test_alpha_lets_its_share_of_the_sky_through(mode, alpha, expected):
    veil = replace(BLACK, base_color=(0, 0, 0, alpha), alpha_mode=mode)
    assert seen(scene((WALL, veil), environment=uniform_environment())) == pytest.approx(expected, abs=0.03)


def test_alpha_lets_its_share_of_a_lamp_through():
    """The shadow of three veils of ½ keeps one eighth."""
    veil = replace(BLACK, base_color=(0, 0, 0, 0.5), alpha_mode="BLEND")
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    veils = [(quad([-9, y, 9], [9, y, 9], [9, y, -9], [-9, y, -9]), veil) for y in (1.0, 1.1, 1.2)]
    sun = PunctualLight("directional", (1, 1, 1), np.pi, direction=(0, -1, 0))
    view = look_at(np.array([0, 0.5, 1e-4]), np.zeros(3), yfov_rad=1e-3, width_px=8, height_px=8)
    white = replace(LAMBERT, base_color=(1.0, 1.0, 1.0, 1.0))
    flat = scene((floor, white), *veils, lights=(sun,))
    assert seen(flat, 512, view, max_depth=2) == pytest.approx(1 / 8, rel=0.05)


def test_a_texture_cuts_out():
    pixels = np.full((2, 2, 4), 255, np.uint8)
    pixels[:, 0, 3] = 0
    cut = replace(BLACK, base_color_texture=TextureUse(0), alpha_mode="MASK")
    square = quad([-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0])
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0, 0]])
    flat = scene((square, cut), textures=(Texture(pixels, srgb=False),), uv=uv, environment=uniform_environment())
    view = along_z(16, yfov=2 * np.arctan(0.5 / 3))
    picture = Tracer(flat, threads=1).render(view, samples=4, seed=0).color
    assert picture[:, :7].min() == pytest.approx(1) and picture[:, 9:].max() == 0


def test_a_pane_tints_and_reflects_like_a_slab():
    """At normal incidence 2R / (1 + R) comes back; the rest passes, tinted; all in a furnace gives one colour."""
    pane = Material(base_color=(0.5, 1, 1, 1), metallic=0, roughness=0, transmission=1, ior=1.5)
    front = Environment(np.zeros((2, 4, 3), np.float32))
    front.radiance[:] = 1.0
    r = 2 * 0.04 / 1.04
    color = seen(scene((WALL, pane), environment=front), 1024)
    np.testing.assert_allclose(color, [r + (1 - r) * 0.5, 1, 1], rtol=5e-3)


def test_the_sun_shines_through_a_pane():
    pane = Material(base_color=(1, 1, 1, 1), metallic=0, roughness=0, transmission=1, ior=1.5)
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    over = quad([-9, 1, 9], [9, 1, 9], [9, 1, -9], [-9, 1, -9])
    sun = PunctualLight("directional", (1, 1, 1), np.pi, direction=(0, -1, 0))
    view = look_at(np.array([0, 0.5, 1e-4]), np.zeros(3), yfov_rad=1e-3, width_px=4, height_px=4)
    white = replace(LAMBERT, base_color=(1.0, 1.0, 1.0, 1.0))
    color = seen(scene((floor, white), (over, pane), lights=(sun,)), 64, view, max_depth=2)
    assert color == pytest.approx(1 - 2 * 0.04 / 1.04, rel=1e-3)


def test_light_fades_inside_a_volume():
    """Straight through a slab of index 1: what Beer and Lambert take over its thickness."""
    slab = Material(
        base_color=(1, 1, 1, 1), metallic=0, roughness=0, transmission=1, ior=1.0001, thickness_m=1.0,
        attenuation_color=(0.5, 0.25, 1.0), attenuation_distance_m=2.0,
    )  # fmt: skip
    flat = scene((box([-5, -5, -3], [5, 5, 1]), slab), environment=uniform_environment())
    np.testing.assert_allclose(seen(flat, 256), [0.25, 0.0625, 1.0], rtol=0.02)


def test_glass_bends_as_snell_says():
    """Through the flat side of a block at 45° a thin beam lands where sin θ / n says."""
    glass = Material(base_color=(1, 1, 1, 1), metallic=0, roughness=0, transmission=1, ior=1.5, thickness_m=1.0)
    depth = 2.0
    offset = depth * np.tan(np.arcsin(np.sin(np.pi / 4) / 1.5))  # where the ray reaches the bottom
    marks = quad([-9, -depth - 0.01, 9], [9, -depth - 0.01, 9], [9, -depth - 0.01, -9], [-9, -depth - 0.01, -9])
    pixels = np.zeros((1, 1000, 4), np.uint8)
    pixels[..., 3] = 255
    u = (np.array([offset - 0.1, offset + 0.1]) + 9) / 18 * 1000
    pixels[0, int(u[0]) : int(u[1]), :3] = 255
    glowing = replace(BLACK, emissive=(1, 1, 1), emissive_texture=TextureUse(0))
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0, 0]])
    block = box([-8, -depth, -8], [8, 0, 8])
    uv = np.concatenate([np.zeros((36, 2)), uv])
    flat = scene((block, glass), (marks, glowing), textures=(Texture(pixels, srgb=False),), uv=uv)
    view = look_at(np.array([-1.0, 1, 0]), np.zeros(3), yfov_rad=1e-3, width_px=2, height_px=2)
    assert seen(flat, 256, view)[0] > 0.7
    straight = replace(glass, ior=1.0001)
    flat = scene((block, straight), (marks, glowing), textures=flat.textures, uv=uv)
    assert seen(flat, 256, view)[0] < 0.05


@pytest.mark.parametrize("plain", [False, True])
def test_colours_part_as_snell_says(plain):
    """As the block above; each channel lands where its own index of refraction sends it."""
    ior, dispersion, depth = 1.5, 8.0, 2.0
    glass = Material(
        base_color=(1, 1, 1, 1), metallic=0, roughness=0, transmission=1, ior=ior, thickness_m=1.0,
        dispersion=dispersion,
    )  # fmt: skip
    indices = ior + np.array([-1, 0, 1]) * 0.025 * dispersion * (ior - 1)
    offsets = depth * np.tan(np.arcsin(np.sin(np.pi / 4) / indices))
    assert np.diff(-offsets).min() > 0.06
    block = box([-8, -depth, -8], [8, 0, 8])
    marks = quad([-9, -depth - 0.01, 9], [9, -depth - 0.01, 9], [9, -depth - 0.01, -9], [-9, -depth - 0.01, -9])
    glowing = replace(BLACK, emissive=(1, 1, 1), emissive_texture=TextureUse(0))
    uv = np.concatenate([np.zeros((36, 2)), [[0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0, 0]]])
    view = look_at(np.array([-1.0, 1, 0]), np.zeros(3), yfov_rad=1e-3, width_px=2, height_px=2)
    for channel in range(3):
        pixels = np.zeros((1, 1000, 4), np.uint8)
        pixels[..., 3] = 255
        at = (offsets[channel] + np.array([-0.03, 0.03]) + 9) / 18 * 1000
        pixels[0, int(np.ceil(at[0])) : int(at[1]), :3] = 255
        texture = Texture(pixels, srgb=False, nearest=True)
        flat = scene((block, glass), (marks, glowing), textures=(texture,), uv=uv)
        color = Tracer(flat, threads=1, plain=plain).render(view, samples=384, seed=1).color.mean(axis=(0, 1))
        assert color[channel] > 0.8 and np.delete(color, channel).max() < 0.1


def test_glass_that_parts_colours_keeps_white_white():
    glass = Material(
        base_color=(1, 1, 1, 1), metallic=0, roughness=0.2, transmission=1, ior=1.7, thickness_m=1, dispersion=5
    )
    ball = sphere([0, 0, 0], 1.0, 64)
    flat = scene((ball, glass), environment=uniform_environment(), smooth=True)
    even = seen(scene((ball, replace(glass, dispersion=0)), environment=uniform_environment(), smooth=True), 3072)
    np.testing.assert_allclose(seen(flat, 3072), even, rtol=0.02)


def test_attenuation_counts_metres_of_the_scene():
    """A block of 1 m made 3 m thick by its node: the path counts as it is in the scene, the attenuation distance as it
    is in the file."""
    material = {
        "extensions": {
            "KHR_materials_transmission": {"transmissionFactor": 1},
            "KHR_materials_ior": {"ior": 1.0001},
            "KHR_materials_volume": {
                "thicknessFactor": 0.1,
                "attenuationColor": [0.5, 0.25, 1.0],
                "attenuationDistance": 2.0,
            },
        },
        "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 0},
    }
    positions, faces = box([-0.5, -0.5, -0.5], [0.5, 0.5, 0.5])
    corners = positions[faces].astype("<f4")
    document = {
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "scale": [9, 9, 3]}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "material": 0}]}],
        "materials": [material],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 36, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": corners.nbytes}],
        "buffers": [{"byteLength": corners.nbytes}],
    }
    flat = flatten(parse_glb(write_glb(document, corners.tobytes())))
    color = seen(replace(flat, environment=uniform_environment()), 256, along_z(z=6.0))
    np.testing.assert_allclose(color, np.array([0.5, 0.25, 1.0]) ** 1.5, rtol=0.02)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_scale_changes_nothing(scale):
    def picture(size):
        ball = sphere([0, 0.0, 0], 1.0, 24)
        floor = quad([-5, -1, 5], [5, -1, 5], [5, -1, -5], [-5, -1, -5])
        parts = [((mesh[0] * size, mesh[1]), Material(metallic=0, roughness=0.5)) for mesh in (ball, floor)]
        view = look_at(np.array([0, 1, 4.0]) * size, np.zeros(3), yfov_rad=0.8, width_px=24, height_px=24)
        return (
            Tracer(scene(*parts, environment=uniform_environment()), threads=1).render(view, samples=16, seed=1).color
        )

    np.testing.assert_allclose(picture(scale).mean(), picture(1.0).mean(), rtol=5e-3)


def test_hostile_numbers_give_finite_pictures():
    wild = [
        Material(base_color=(1e30, -1, 0, 1), metallic=0, roughness=0),
        Material(roughness=0, metallic=1, emissive=(1e30, 0, 0)),
        Material(transmission=1, ior=1.0, roughness=0.5, metallic=0, thickness_m=1e9, attenuation_distance_m=1e-30),
    ]
    parts = [(sphere([i - 1.0, 0, 0], 0.7, 8), material) for i, material in enumerate(wild)]
    flat = scene(*parts, environment=uniform_environment())
    flat.normals[::7] = 0
    flat.normals[::11] = np.nan
    view = along_z(24, yfov=1.2)
    picture = Tracer(flat, threads=1).render(view, samples=8, seed=1)
    assert np.isfinite(picture.color).all()


def test_a_mirrored_object_looks_like_its_mirror_image():
    parts = [
        (box([0.2, -0.5, -0.5], [1, 0.8, 0.3]), Material(base_color=(0.8, 0.3, 0.2, 1), metallic=0, roughness=0.4))
    ]
    there = scene(*parts, environment=uniform_environment())
    (points, faces), material = parts[0]
    back = scene(
        ((points * np.array([-1, 1, 1], np.float32), faces[:, ::-1]), material), environment=uniform_environment()
    )
    one, two = (Tracer(s, threads=1).render(along_z(32, yfov=0.9), samples=64, seed=1).color for s in (there, back))
    np.testing.assert_allclose(one.mean(axis=(0, 1)), two.mean(axis=(0, 1)), rtol=0.01)
    assert np.abs(one - two[:, ::-1]).mean() < 0.02


def test_coarse_glass_loses_no_light_in_a_furnace():
    """Where facets bend, smooth normals send light through the wrong side; swallowed, it left black bands (.93)."""
    glass = Material(metallic=0.0, base_color=(1, 1, 1, 1), roughness=0.0, transmission=1.0, thickness_m=1.0)
    flat = scene((sphere((0, 0, 0), 1.0, rings=6), glass), environment=uniform_environment(), smooth=True)
    picture = Tracer(flat, threads=1).render(along_z(24, yfov=0.8), samples=64, seed=1, max_depth=64).color
    assert picture.mean() > 0.985
