"""Previews: the native shading is its NumPy twin's, and nothing in them is random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from handmade import quad, scene, sphere

from nightproof.kernels.preview_reference import shade
from nightproof.kernels.rays import RayCaster
from nightproof.rendering.preview import Previewer
from nightproof.rendering.preview_light import blurred_maps, irradiance_of, preview_light
from nightproof.scenes.camera import look_at
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import Environment, Material, PunctualLight, Texture, TextureUse
from nightproof.scenes.srgb import LINEAR_OF_BYTE

FLOOR = quad((-9, 0, 9), (9, 0, 9), (9, 0, -9), (-9, 0, -9))


def camera(size=24):
    return look_at(position_m=(0.3, 2.0, 1.5), target_m=(0.0, 0.0, 0.0), yfov_rad=0.7, width_px=size, height_px=size)


def towards_viewer(view):
    """Unit vectors from the surface to the eye through each pixel's centre."""
    size = view.height_px
    y, x = np.meshgrid((np.arange(size) + 0.5) / size * 2 - 1, (np.arange(size) + 0.5) / size * 2 - 1, indexing="ij")
    half = np.tan(view.yfov_rad / 2)
    rays = np.stack([x * half, -y * half, -np.ones_like(x)], -1).reshape(-1, 3) @ view.camera_to_world[:3, :3].T
    return -rays / np.linalg.norm(rays, axis=1, keepdims=True)


@pytest.mark.parametrize("metallic", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("roughness", [0.0, 0.13, 0.5, 1.0])
def test_the_native_shading_is_its_twins(metallic, roughness):
    studio, view = named_environment("studio"), camera()
    base = np.array([0.8, 0.4, 0.1])
    material = Material(base_color=(*base, 1.0), metallic=metallic, roughness=roughness)
    seen = Previewer(scene((FLOOR, material), environment=studio)).picture(view, supersamples=1).color.reshape(-1, 3)
    viewer = towards_viewer(view)
    ones = np.ones(len(viewer))
    normal = np.tile([0.0, 1.0, 0.0], (len(viewer), 1))
    light = preview_light(studio)
    expected = shade(
        np.tile(base, (len(viewer), 1)), metallic * ones, roughness * ones, normal, viewer, light.harmonics,
        [light.sharp, *light.blurred],
    )  # fmt: skip
    np.testing.assert_allclose(seen, expected, rtol=2e-3, atol=2e-4)


def test_even_light_blurs_to_itself_and_its_irradiance_is_pi():
    even = np.full((16, 32, 3), 0.7)
    np.testing.assert_allclose(blurred_maps(even), 0.7, rtol=1e-5)
    np.testing.assert_allclose(irradiance_of(even)[0], 0.7, rtol=5e-3)
    np.testing.assert_allclose(irradiance_of(even)[1:], 0, atol=5e-3)


def test_irradiance_is_that_of_the_cosine_lobe():
    """A bright patch overhead against the integral itself; three bands leave four per cent."""
    radiance = np.full((64, 128, 3), 0.1)
    radiance[:8] = 4.0
    theta = np.pi * (np.arange(64) + 0.5) / 64
    weight = np.clip(np.cos(theta), 0, None) * np.sin(theta) * (np.pi / 64) * 2  # irradiance over π, looking up
    exact = float((radiance[:, 0, 0] * weight).sum())
    table = irradiance_of(radiance)
    up = table[0] + table[1] - table[6]  # at n = (0, 1, 0): 3z² − 1 = −1, x² − y² = −1
    np.testing.assert_allclose((up - table[8])[0], exact, rtol=0.06)


def test_rougher_mirrors_show_less_contrast():
    studio = named_environment("studio")
    ball = sphere((0, 0, 0), 1.0)
    view = look_at(position_m=(0, 0, 4), target_m=(0, 0, 0), yfov_rad=0.5, width_px=48, height_px=48)
    contrast = []
    for roughness in (0.0, 0.3, 0.6, 1.0):
        material = Material(base_color=(1, 1, 1, 1), metallic=1.0, roughness=roughness)
        picture = Previewer(scene((ball, material), environment=studio, smooth=True)).picture(view)
        contrast.append(float(picture.color[12:36, 12:36].std()))
    assert contrast == sorted(contrast, reverse=True)


def test_coverage_follows_alpha_and_what_lies_behind_shows_through():
    glow = Environment(np.full((8, 16, 3), 2.0, np.float32))
    pane = Material(base_color=(0, 0, 0, 0.25), alpha_mode="BLEND", metallic=0.0, roughness=1.0, specular=0.0)
    picture = Previewer(scene((FLOOR, pane), environment=glow)).picture(camera())
    np.testing.assert_allclose(picture.coverage, 0.25, atol=1e-6)
    np.testing.assert_allclose(picture.color, 0.75 * 2.0, rtol=1e-5)


def test_punctual_lights_fall_off_with_the_square_of_the_distance():
    def brightness(height):
        light = PunctualLight("point", (1, 1, 1), 10.0, position_m=(0, height, 0))
        material = Material(base_color=(1, 1, 1, 1), metallic=0.0, roughness=1.0)
        view = look_at(position_m=(0, 0.5, 0.01), target_m=(0, 0, 0), yfov_rad=0.02, width_px=4, height_px=4)
        return float(Previewer(scene((FLOOR, material), lights=(light,))).picture(view).color.mean())

    assert brightness(2.0) / brightness(4.0) == pytest.approx(4.0, rel=0.02)


def test_threads_change_no_byte():
    ball = scene((sphere((0, 0, 0), 1.0), Material(roughness=0.3)), environment=named_environment("sky"), smooth=True)
    pictures = [Previewer(ball, threads).picture(camera()).color.tobytes() for threads in (1, 3)]
    assert pictures[0] == pictures[1]


def test_a_scene_without_any_light_is_seen_in_the_studio():
    floor = scene((FLOOR, Material(metallic=0.0, roughness=1.0)))
    lit = replace(floor, environment=named_environment("studio"))
    assert np.array_equal(Previewer(floor).picture(camera()).color, Previewer(lit).picture(camera()).color)


def test_single_pixels_are_those_of_the_picture_for_any_number_of_threads():
    flat = scene((FLOOR, Material(base_color=(0.7, 0.2, 0.1, 1.0))), environment=named_environment("studio"))
    view = camera(64)
    places = np.random.default_rng(2).integers(0, 64, (1500, 2)).astype(np.int32)
    for threads in (1, 3):
        previewer = Previewer(flat, threads)
        whole, some = previewer.picture(view), previewer.pixels(view, places)
        assert (whole.color[places[:, 1], places[:, 0]] == some.color).all()
        assert (whole.coverage[places[:, 1], places[:, 0]] == some.coverage).all()


def test_first_hits_are_those_of_the_ray_caster_for_any_number_of_threads():
    flat = scene((FLOOR, Material()), (sphere((0, 0.6, 0), 0.5), Material()))
    random = np.random.default_rng(3)
    origins, directions = random.normal(size=(9000, 3)) * 2 + [0, 3, 0], random.normal(size=(9000, 3))
    expected = RayCaster(flat.positions, flat.triangles, 1).closest(origins, directions)
    for threads in (1, 3):
        distances, triangles = Previewer(flat, threads).first_hits(origins, directions)
        met = triangles >= 0
        assert 0.05 < met.mean() < 0.95 and (met == (expected.triangle >= 0)).mean() > 0.999
        both = met & (expected.triangle >= 0)
        np.testing.assert_allclose(distances[both], expected.distance_m[both], rtol=1e-4)
        assert (triangles[both] == expected.triangle[both]).mean() > 0.999 and np.isinf(distances[~met]).all()
    with pytest.raises(ValueError, match="room for others"):
        Previewer(flat).first_hits(origins, directions[:5])


def test_a_scene_wears_other_textures_meanwhile_and_no_longer():
    grey, red = (np.tile(np.array(color, np.uint8), (8, 6, 1)) for color in ((90, 90, 90, 255), (200, 20, 20, 255)))
    texture = Texture(name="", pixels=grey, srgb=True)
    material = Material(base_color_texture=TextureUse(0))
    plain = replace(scene((FLOOR, material), environment=named_environment("studio")), textures=(texture,))
    painted = replace(plain, textures=(replace(texture, pixels=red),))
    previewer, view = Previewer(plain), camera()
    before = previewer.picture(view).color
    with previewer.wearing({0: previewer.held(painted.textures[0])}):
        meanwhile = previewer.picture(view).color
    assert (meanwhile == Previewer(painted).picture(view).color).all() and not (meanwhile == before).all()
    with pytest.raises(ZeroDivisionError), previewer.wearing({0: previewer.held(painted.textures[0])}):
        raise ZeroDivisionError
    assert (previewer.picture(view).color == before).all()


@pytest.mark.parametrize("shape", [(8, 8), (8, 6), (7, 5), (1, 4), (16, 2)])
def test_from_afar_a_texture_shows_its_mean_light(shape):
    """The smallest mip level is the mean in linear light, whether sides halve evenly or not."""
    texels = np.random.default_rng(4).integers(0, 256, (*shape, 4)).astype(np.uint8)
    texels[..., 3] = 255
    mean = LINEAR_OF_BYTE[texels[..., :3]].mean(axis=(0, 1))
    material = Material(base_color_texture=TextureUse(0), unlit=True)
    flat = scene((FLOOR, material))
    laid = np.ascontiguousarray(flat.positions[:, [0, 2]] / 18 + 0.5, np.float32)
    flat = replace(flat, uv0=laid, textures=(Texture(name="", pixels=texels, srgb=True),))
    far = look_at(position_m=(0, 4000, 0.1), target_m=(0, 0, 0), yfov_rad=0.02, width_px=1, height_px=1)
    seen = Previewer(flat).picture(far, supersamples=1)
    np.testing.assert_allclose(seen.color[0, 0], mean, rtol=0.06, atol=0.01)
