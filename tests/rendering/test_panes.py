"""Panes that are clear in part: metal lets nothing pass, and what is opaque still shines; Mitsuba sees the same."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import quad, scene, uniform_environment

from nightproof.rendering.auditor import AuditSettings, audit, probe
from nightproof.rendering.auditor_process import Limits
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import Environment, Material, Texture, TextureUse

SQUARE = quad([-9, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0])
PANE = Material(base_color=(0.9, 0.6, 0.3, 1.0), metallic=0.0, roughness=0.4, transmission=1.0)


def halves(front, behind):
    """A sky that is even on both sides of the plane z = 0."""
    radiance = np.zeros((8, 16, 3), np.float32)
    radiance[:, 4:12], radiance[:, :4], radiance[:, 12:] = behind, front, front  # the centre looks along −z
    return Environment(radiance)


def seen(material, environment, samples=2048):
    view = look_at(np.array([0.3, 0, 3.0]), np.zeros(3), yfov_rad=1e-3, width_px=2, height_px=2)
    flat = scene((SQUARE, material), environment=environment)
    return Tracer(flat, threads=1).render(view, samples=samples, seed=1).color.mean(axis=(0, 1))


@pytest.mark.parametrize("roughness", [0.0, 0.4])
def test_metal_lets_nothing_through(roughness):
    pane = replace(PANE, roughness=roughness)
    metal = replace(pane, metallic=1.0)
    np.testing.assert_allclose(seen(metal, halves(0, 1)), 0, atol=0.02)
    opaque = seen(replace(metal, transmission=0.0), uniform_environment())
    np.testing.assert_allclose(seen(metal, uniform_environment()), opaque, rtol=0.01)
    clear, half = seen(pane, halves(0, 1)), seen(replace(pane, metallic=0.5), halves(0, 1))
    assert clear[0] > 0.6
    np.testing.assert_allclose(half, clear / 2, rtol=0.04)


@pytest.mark.parametrize("transmission", [0.3, 1.0])
def test_a_rough_pane_shines_however_much_of_it_is_clear(transmission):
    """Of black glass only the gloss is seen, and that is the opaque surface's."""
    black = replace(PANE, base_color=(0, 0, 0, 1))
    pane, opaque = (seen(replace(black, transmission=t), uniform_environment()) for t in (transmission, 0.0))
    np.testing.assert_allclose(pane, opaque, rtol=0.02)
    assert pane[0] > 0.03


@pytest.mark.skipif(not probe().variant, reason="Mitsuba does not run here")
@pytest.mark.parametrize("roughness", [0.0, 0.4])
def test_mitsuba_sees_the_same_where_panes_are_clear_in_part(roughness):
    """Half by a texture of transmission and another of metal; a wall behind, a bright sky around."""
    texels = np.array(
        [[(255, 255, 0, 255), (128, 255, 128, 255)], [(0, 255, 255, 255), (255, 255, 255, 255)]], np.uint8
    )
    maps = {"transmission_texture": TextureUse(0), "metallic_roughness_texture": TextureUse(0)}
    mixed = replace(PANE, metallic=1.0, roughness=roughness, **maps)
    wall = Material(base_color=(0.2, 0.5, 0.7, 1), metallic=0.0, roughness=0.7)
    parts = [
        (quad([-1, -1, 0.3], [1, -1, 0.0], [1, 1, 0.0], [-1, 1, 0.3]), mixed),
        (quad([-3, -1, -2], [3, -1, -2], [3, 3, -2], [-3, 3, -2]), wall),
    ]
    uv = np.tile(np.array([(0, 1), (1, 1), (1, 0), (0, 1), (1, 0), (0, 0)]), (2, 1))
    flat = scene(*parts, textures=(Texture(texels, False),), uv=uv, environment=named_environment("studio"))
    view = look_at(np.array([0.5, 0.4, 2.6]), np.zeros(3), yfov_rad=0.9, width_px=64, height_px=64)
    settings = AuditSettings(pixels=64 * 64, samples=32)
    found = audit(flat, [view], seed=1, settings=settings, limits=Limits(threads=2))
    assert found.verdict == "agrees", found.reasons
    assert abs(found.mean_difference) < 0.01 + 3 * found.mean_error
