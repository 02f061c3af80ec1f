"""The path tracer against what can be worked out by hand, and what must not change its pictures."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import LAMBERT, box, quad, scene, sphere, uniform_environment

from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Material, PunctualLight

WHITE = replace(LAMBERT, base_color=(1.0, 1.0, 1.0, 1.0))


def camera(size=48, at=(0, 0, 4.0), target=(0, 0, 0), yfov=0.9):
    return look_at(np.array(at, float), np.array(target, float), yfov_rad=yfov, width_px=size, height_px=size)


def test_a_white_sphere_vanishes_in_a_white_furnace():
    flat = scene((sphere([0, 0, 0], 1), WHITE), environment=uniform_environment(3.0))
    picture = Tracer(flat, threads=1).render(camera(), samples=64, seed=1)
    assert picture.color.mean() == pytest.approx(3, rel=1e-3)
    np.testing.assert_allclose(picture.color, 3, rtol=0.12)


@pytest.mark.parametrize(("depth", "expected"), [(1, 1.0), (2, 1.5), (3, 1.75), (40, 2.0)])
def test_a_closed_glowing_room_is_a_geometric_series(depth, expected):
    """Radiance e everywhere and albedo ½: e (1 + ½ + ¼ + …), cut at `depth` terms."""
    glowing = replace(LAMBERT, base_color=(0.5, 0.5, 0.5, 1), emissive=(1, 1, 1))
    room = scene((box([-1, -1, -1], [1, 1, 1], inward=True), glowing))
    picture = Tracer(room, threads=2).render(camera(32, at=(0, 0, 0.5)), samples=256, seed=3, max_depth=depth)
    assert picture.color.mean() == pytest.approx(expected, rel=3e-3)


def test_direct_light_has_the_form_factor_of_parallel_squares():
    """Irradiance under the middle of a square light: the closed form for a corner, four times (Howell, B-3)."""
    side, height = 1.0, 1.5
    light = quad([side, height, -side], [side, height, side], [-side, height, side], [-side, height, -side])
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    flat = scene((light, replace(LAMBERT, emissive=(5, 5, 5), base_color=(0, 0, 0, 1))), (floor, WHITE))
    point = look_at(np.array([0.0, 0.2, 1e-4]), np.zeros(3), yfov_rad=1e-3, width_px=4, height_px=4)
    x = side / height
    corner = 2 * x / np.sqrt(1 + x * x) * np.arctan(x / np.sqrt(1 + x * x)) / (2 * np.pi)
    picture = Tracer(flat, threads=1).render(point, samples=4096, seed=5, max_depth=2)
    assert picture.color.mean() == pytest.approx(5 * 4 * corner, rel=3e-3)


@pytest.mark.parametrize("kind", ["point", "spot", "directional"])
def test_punctual_lights_give_the_irradiance_they_promise(kind):
    lamp = PunctualLight(kind, (1, 0.5, 0.25), 8.0, (0, 2, 0), (0, -1, 0), inner_cone_rad=0.2, outer_cone_rad=0.6)
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    flat = scene((floor, WHITE), lights=(lamp,))
    point = look_at(np.array([0.0, 1.0, 1e-4]), np.zeros(3), yfov_rad=1e-3, width_px=2, height_px=2)
    seen = Tracer(flat, threads=1).render(point, samples=4, seed=0).color.mean(axis=(0, 1))
    irradiance = 8.0 if kind == "directional" else 8.0 / 4
    np.testing.assert_allclose(seen, np.array([1, 0.5, 0.25]) * irradiance / np.pi, rtol=1e-4)


def test_a_spot_fades_as_gltf_says():
    lamp = PunctualLight("spot", (1, 1, 1), 8.0, (0, 2, 0), (0, -1, 0), inner_cone_rad=0.2, outer_cone_rad=0.6)
    floor = quad([-9, 0, 9], [9, 0, 9], [9, 0, -9], [-9, 0, -9])
    tracer = Tracer(scene((floor, WHITE), lights=(lamp,)), threads=1)
    angle = 0.45
    target = np.array([2 * np.tan(angle), 0, 0])
    point = look_at(target + np.array([0, 1.0, 1e-4]), target, yfov_rad=1e-3, width_px=2, height_px=2)
    fade = ((np.cos(angle) - np.cos(0.6)) / (np.cos(0.2) - np.cos(0.6))) ** 2
    expected = 8 / (4 / np.cos(angle) ** 2) * np.cos(angle) * fade / np.pi
    assert tracer.render(point, samples=4, seed=0).color.mean() == pytest.approx(expected, rel=3e-3)


def gallery():
    """A bit of everything."""
    wall = Material(base_color=(0.7, 0.6, 0.5, 1), metallic=0, roughness=0.5)
    gold = Material(metallic=1, roughness=0.3, base_color=(0.9, 0.6, 0.3, 1))
    glass = Material(metallic=0, roughness=0.0, transmission=1, thickness_m=1)
    veil = Material(alpha_mode="BLEND", base_color=(0.2, 0.4, 0.9, 0.5), metallic=0)
    lamp = quad([0.5, 1.99, -0.5], [0.5, 1.99, 0.5], [-0.5, 1.99, 0.5], [-0.5, 1.99, -0.5])
    return scene(
        (box([-2, -1, -2], [2, 2, 2], inward=True), wall),
        (lamp, Material(emissive=(9, 8, 7))),
        (sphere([-0.9, -0.4, 0], 0.6, 12), gold),
        (sphere([0.4, -0.5, 0.4], 0.5, 12), glass),
        (box([0.9, -0.9, -1], [1.4, 0.5, -0.5]), veil),
        (quad([-1, 0, 1], [0, 0, 1], [0, 1, 1], [-1, 1, 1]), Material(transmission=1, roughness=0, metallic=0)),
    )


def test_threads_and_crops_change_nothing():
    flat = gallery()
    view = camera(40, at=(0, 0.3, 1.9), yfov=1.2)
    one = Tracer(flat, threads=1).render(view, samples=8, seed=2)
    two = Tracer(flat, threads=2).render(view, samples=8, seed=2)
    part = Tracer(flat, threads=2).render(view, samples=8, seed=2, crop=(7, 11, 20, 9))
    for name in ("color", "albedo", "normal", "sample_variance"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        np.testing.assert_array_equal(getattr(one, name)[11:20, 7:27], getattr(part, name))
    assert np.isfinite(one.color).all()
    assert (one.color > 0).mean() > 0.95


def test_seeds_differ_and_later_samples_continue():
    tracer, view = Tracer(gallery(), threads=1), camera(24, at=(0, 0.3, 1.9), yfov=1.2)
    whole = tracer.render(view, samples=16, seed=4).color
    halves = [tracer.render(view, samples=8, seed=4, first_sample=start).color for start in (0, 8)]
    np.testing.assert_allclose((halves[0] + halves[1]) / 2, whole, rtol=1e-4, atol=1e-5)
    assert not np.allclose(whole, tracer.render(view, samples=16, seed=5).color, rtol=0.05)


def test_an_empty_scene_is_black_or_its_environment():
    view = camera(8)
    assert not Tracer(scene(), threads=1).render(view, samples=2, seed=0).color.any()
    sky = Tracer(scene(environment=uniform_environment(0.25)), threads=1).render(view, samples=2, seed=0)
    np.testing.assert_allclose(sky.color, 0.25, rtol=1e-5)
