"""Films, tints, sheets and coated lamps as the tracer shows them: by the right texture channels, on the right sides."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import LAMBERT, quad, scene, uniform_environment
from test_layers import BLACK, HALVES, picture, texels, wall

from nightproof.kernels.bsdf_reference import fresnel
from nightproof.kernels.film_reference import thin_film
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import (
    Clearcoat,
    DiffuseTransmission,
    Environment,
    Iridescence,
    Material,
    PunctualLight,
    Texture,
    TextureUse,
)

DARK_PLASTIC = replace(BLACK, ior=1.5, roughness=0.05)
MIDDLE = (slice(14, 18), slice(14, 18))
UNIFORM = uniform_environment()


def middle(material, pixels=None, environment=UNIFORM, **more):
    return picture(wall(material, pixels, more.pop("lights", ()), environment, **more))[MIDDLE].mean(axis=(0, 1))


def test_specular_alpha_scales_and_colour_tints_what_is_reflected():
    alpha = replace(DARK_PLASTIC, specular_texture=TextureUse(0))
    full = middle(alpha, texels((0, 0, 0, 255)))
    np.testing.assert_allclose(full, 0.04, rtol=0.02)
    np.testing.assert_allclose(middle(alpha, texels((255, 255, 255, 51))), full * 0.2, rtol=0.02)
    tint = replace(DARK_PLASTIC, specular_color=(2.0, 1.0, 1.0), specular_color_texture=TextureUse(0))
    seen = middle(tint, texels((255, 51, 0, 0)))  # stored linearly here
    np.testing.assert_allclose(seen, full * (2, 0.2, 0), rtol=0.03, atol=2e-4)


def test_no_tint_reflects_more_than_all():
    seen = middle(replace(DARK_PLASTIC, specular_color=(1e6, 25.0, 12.5)))
    np.testing.assert_allclose(seen, (1, 1, 0.5), rtol=0.02)


@pytest.mark.parametrize("metallic", [0.0, 1.0])
def test_a_film_colours_by_its_thickness_texture(metallic):
    """Green runs from the least to the most thickness; red scales the whole."""
    base = 0.5 if metallic else 0.04
    surface = replace(DARK_PLASTIC, base_color=(metallic * base,) * 3 + (1,), metallic=metallic)
    film = Iridescence(1.0, 1.8, (200.0, 700.0), TextureUse(0), TextureUse(0))
    for green, thickness in ((0, 200.0), (102, 400.0), (255, 700.0)):
        seen = middle(replace(surface, iridescence=film), texels((255, green, 0, 0)))
        expected = thin_film(np.array([1.0]), 1.8, thickness, np.full(3, base))[0]
        np.testing.assert_allclose(seen, expected, rtol=0.03, atol=2e-3)
    np.testing.assert_allclose(middle(replace(surface, iridescence=film), texels((0, 90, 0, 0))), base, rtol=0.02)
    untextured = replace(film, texture=None, thickness_texture=None)
    np.testing.assert_allclose(middle(replace(surface, iridescence=untextured)), expected, rtol=0.03, atol=2e-3)


SHEET = replace(BLACK, diffuse_transmission=DiffuseTransmission(1.0, (0.8, 0.4, 0.2)))
BEHIND = PunctualLight("directional", (1.0, 1.0, 1.0), np.pi, direction=(0.0, 0.0, 1.0))


@pytest.mark.parametrize("turned", [False, True])
def test_a_sheet_passes_light_from_behind(turned):
    """A sun behind it, found by shadow rays: irradiance π · colour / π."""
    np.testing.assert_allclose(middle(SHEET, None, None, lights=(BEHIND,), turned=turned), (0.8, 0.4, 0.2), rtol=0.01)
    half = replace(SHEET, base_color=(1, 1, 1, 1), diffuse_transmission=DiffuseTransmission(0.25, (0.8, 0.4, 0.2)))
    np.testing.assert_allclose(middle(half, None, None, lights=(BEHIND,)), (0.2, 0.1, 0.05), rtol=0.01)
    front = replace(BEHIND, direction=(0.0, 0.0, -1.0))
    assert middle(half, None, None, lights=(front,)) == pytest.approx(0.75, rel=0.02)


def test_a_lamp_behind_a_sheet_is_chosen():
    """Of a lamp with a place, five metres behind: intensity / distance² · colour / π."""
    lamp = PunctualLight("point", (1.0, 1.0, 1.0), 25 * np.pi, position_m=(0.0, 0.0, -5.0))
    np.testing.assert_allclose(middle(SHEET, None, None, lights=(lamp,)), (0.8, 0.4, 0.2), rtol=0.03)


def test_what_a_sheet_scatters_finds_the_sky_behind_it():
    """As much by its own sampling as by that of lights: an even sky gives its colour."""
    np.testing.assert_allclose(middle(SHEET), (0.8, 0.4, 0.2), rtol=0.02)
    radiance = np.zeros((16, 32, 3), np.float32)
    radiance[6:10, 14:18] = 40  # a bright patch at −z, behind
    patch = Environment(radiance)
    seen, open_sky = middle(SHEET, None, patch), middle(replace(BLACK, base_color=(1, 1, 1, 1)), None, patch)
    assert seen[0] > 0.5 and (open_sky < 0.05).all()
    np.testing.assert_allclose(seen / seen[0], (1, 0.5, 0.25), rtol=0.02)


def test_a_sheets_textures_hold_share_and_colour():
    alpha = replace(SHEET, diffuse_transmission=DiffuseTransmission(1.0, (1.0, 1.0, 1.0), TextureUse(0)))
    np.testing.assert_allclose(middle(alpha, texels((0, 0, 0, 51))), 0.2, rtol=0.02)
    color = replace(SHEET, diffuse_transmission=DiffuseTransmission(1.0, (1.0, 0.5, 1.0), None, TextureUse(0)))
    np.testing.assert_allclose(middle(color, texels((255, 51, 102, 0))), (1, 0.1, 0.4), rtol=0.02)


GLOWING = replace(BLACK, emissive=(1.0, 1.0, 1.0))


def coated_lamp(coat, textured=False):
    """Over a white floor, and only its own light; seen from the side at 60° from its normal."""
    lamp = quad([-1, 1, -1], [1, 1, -1], [1, 1, 1], [-1, 1, 1])
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    white = replace(LAMBERT, base_color=(1, 1, 1, 1))
    uv = np.concatenate([np.array([(0, 1), (1, 1), (1, 0), (0, 1), (1, 0), (0, 0)]), np.zeros((6, 2))])
    return scene(
        (lamp, replace(GLOWING, clearcoat=coat)), (floor, white), uv=uv,
        textures=(Texture(HALVES, False, 1, 1, True),) if textured else (),
    )  # fmt: skip


def radiance(flat, eye, target, max_depth, samples=4096, seed=1):
    view = look_at(np.array(eye, float), np.array(target, float), yfov_rad=1e-3, width_px=2, height_px=2)
    return Tracer(flat, threads=2).render(view, samples=samples, seed=seed, max_depth=max_depth).color.mean()


@pytest.mark.parametrize("cosine", [1.0, 0.5, 0.2])
def test_a_coat_dims_what_glows_below_it(cosine):
    eye = (0.9 * np.sqrt(1 - cosine**2), 1 - 0.9 * cosine, 1e-4)
    expected = 1 - 0.8 * fresnel(np.array([cosine]), 1.5)[0]
    assert radiance(coated_lamp(Clearcoat(0.8)), eye, (0, 1, 0), 1, 4) == pytest.approx(expected, rel=1e-3)
    halves = coated_lamp(Clearcoat(0.8, texture=TextureUse(0)), textured=True)
    assert radiance(halves, (-0.5, 0.1, 0), (-0.5, 1, 1e-4), 1, 4) == pytest.approx(1)
    assert radiance(halves, (0.5, 0.1, 0), (0.5, 1, 1e-4), 1, 4) == pytest.approx(1 - 0.8 * 0.04, rel=1e-3)


def test_a_coated_lamp_is_as_bright_to_the_floor_as_to_the_eye():
    """What sampling the lamp finds is what rays that meet it find: the integral over the lamp's face."""
    at = np.array([0.7, 0.0, 0.3])
    side = (np.arange(200) + 0.5) / 100 - 1
    x, z = np.meshgrid(side, side)
    d = np.stack([x - at[0], np.ones_like(x), z - at[2]], -1)
    cosine = 1 / np.linalg.norm(d, axis=-1)
    kernel = cosine**4 / np.pi * (4 / 200**2)
    for factor in (0.0, 1.0):
        expected = (kernel * (1 - factor * fresnel(cosine.ravel(), 1.5).reshape(cosine.shape))).sum()
        found = radiance(coated_lamp(Clearcoat(factor) if factor else None), (0.7, 0.4, 0.3001), at, 2)
        assert found == pytest.approx(expected, rel=0.004)


def test_unlayered_emission_is_not_dimmed():
    glass = Material(transmission=1.0, emissive=(1, 1, 1), clearcoat=Clearcoat(1.0), metallic=0.0)
    assert picture(wall(glass, lights=()))[16, 16] == pytest.approx(1)
