"""Probes of light agree with what is known, and with the path tracer."""

from dataclasses import replace

import numpy as np
import pytest
from forms import sphere

from nightproof.optimizer.features.bounces import indirect_share
from nightproof.optimizer.features.lighting import measure_lighting
from nightproof.optimizer.features.surface import surface_of
from nightproof.optimizer.features.traced import _dependence, traced_view_dependence
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import Material, PunctualLight

STUDIO = named_environment("studio")


def ball(**material):
    return replace(sphere(24), materials=(Material(**material),))


def dependence(flat, environment=STUDIO):
    return traced_view_dependence(flat, surface_of(flat), environment)


def test_a_mirror_depends_on_the_viewer_more_than_gloss_and_gloss_more_than_chalk():
    chalk = dependence(ball(metallic=0.0, roughness=1.0, specular=0.0))
    gloss = dependence(ball(metallic=0.0, roughness=0.1))
    mirror = dependence(ball(metallic=1.0, roughness=0.0))
    assert chalk < 0.12
    assert chalk < gloss < mirror
    assert mirror > 0.4


def test_what_shows_its_own_radiance_does_not_depend_on_the_viewer():
    assert dependence(ball(unlit=True)) == pytest.approx(0.0, abs=1e-3)
    assert dependence(ball(metallic=1.0, roughness=0.0), None) == 0.0


@pytest.mark.parametrize("albedo", [0.3, 0.6, 0.9])
def test_in_a_closed_sphere_the_indirect_share_is_the_albedo(albedo):
    """An integrating sphere: each bounce lights all of it evenly with `albedo` times the light of the one before."""
    inside = replace(
        sphere(24),
        triangles=sphere(24).triangles[:, ::-1],
        materials=(Material(metallic=0.0, base_color=(albedo, albedo, albedo, 1.0)),),
        lights=(PunctualLight("point", (1.0, 1.0, 1.0), 1.0),),
    )
    found = measure_lighting(inside, surface_of(inside))
    assert found.indirect_share_own == pytest.approx(albedo, abs=0.03)


def test_a_ball_under_the_sky_has_no_bounces():
    found = measure_lighting(ball(metallic=0.0), surface_of(ball(metallic=0.0)))
    assert found.indirect_share_sky == pytest.approx(0.0, abs=0.01)


def test_the_last_ratio_is_extrapolated():
    assert indirect_share(1.0, [0.5**k for k in range(1, 9)]) == pytest.approx(0.5)
    assert indirect_share(0.0, [1.0, 1.0]) == 0.0
    assert indirect_share(1.0, [0.0, 0.0]) == 0.0


def test_noise_is_not_taken_for_view_dependence():
    """Two traces that agree in nothing but their mean, and two that agree in their directions."""
    random = np.random.default_rng(0)
    noise = random.uniform(0.2, 1.8, (2, 4096, 4))
    assert _dependence(noise) < 0.1
    signal = np.repeat(noise[:1], 2, axis=0)
    assert _dependence(signal) == pytest.approx((0.64 / 3 / (0.64 / 3 + 1 + 0.64 / 12)) ** 0.5, abs=0.02)


def test_threads_do_not_change_what_is_traced():
    flat = ball(metallic=0.5, roughness=0.3)
    one, two = (traced_view_dependence(flat, surface_of(flat), STUDIO, threads) for threads in (1, 2))
    assert one == two
    assert np.isfinite(one)
