"""The path tracer against what can be worked out by hand, and what must not change its pictures."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade import LAMBERT, box, quad, scene, sphere, uniform_environment

from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Environment, Material, PunctualLight, Texture, TextureUse

WHITE = replace(LAMBERT, base_color=(1.0, 1.0, 1.0, 1.0))


def camera(size=48, at=(0, 0, 4.0), target=(0, 0, 0), yfov=0.9):
    return look_at(np.array(at, float), np.array(target, float), yfov_rad=yfov, width_px=size, height_px=size)


def test_a_white_sphere_vanishes_in_a_white_furnace():
    flat = scene((sphere([0, 0, 0], 1), WHITE), environment=uniform_environment(3.0))
    picture = Tracer(flat, threads=1).render(camera(), samples=64, seed=1)
    assert picture.color.mean() == pytest.approx(3, rel=1e-3)
    np.testing.assert_allclose(picture.color, 3, rtol=0.12)


def test_rays_bring_back_what_pictures_show_for_any_number_of_threads():
    """Each pixel's middle against the pixel, of a narrow picture: a thousand rays, so many runs of them."""
    ground = (box([-3, -2, -3], [3, -1, 3]), replace(LAMBERT, base_color=(0.5, 0.5, 0.5, 1)))
    flat = scene((sphere([0, 0, 0], 1), LAMBERT), ground, environment=uniform_environment(2.0))
    view = camera(32, at=(0, 2, 4.0), target=(0, -0.6, 0), yfov=0.2)
    origins, directions = view.grid_rays()
    tracer = Tracer(flat, threads=1)
    found = tracer.radiance(origins, directions, samples=256, seed=1)
    shown = tracer.render(view, samples=256, seed=1).color.reshape(-1, 3)
    assert found.mean() == pytest.approx(shown.mean(), rel=2e-3)
    assert np.corrcoef(found[:, 0], shown[:, 0])[0, 1] > 0.95
    one = found[:, 0].argmin()
    again = tracer.radiance(np.tile(origins[one], (64, 1)), np.tile(directions[one], (64, 1)), samples=64, seed=1)
    assert len(np.unique(again[:, 0])) > 32, "each ray has random numbers of its own"
    np.testing.assert_array_equal(Tracer(flat, threads=3).radiance(origins, directions, samples=256, seed=1), found)


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


def textured():
    """Every way in which a material reads images, every light with and without a place, vertex colours."""
    rng = np.random.default_rng(7)
    noise = rng.integers(60, 255, (3, 16, 16, 4)).astype(np.uint8)
    noise[1, ..., 2] = 255
    textures = (
        Texture(noise[0], srgb=True),
        Texture(noise[1], srgb=False),
        Texture(noise[2], srgb=False, nearest=True),
    )
    wall = Material(
        base_color_texture=TextureUse(0),
        metallic=0.3,
        roughness=0.8,
        metallic_roughness_texture=TextureUse(2),
        normal_texture=TextureUse(1, scale=0.4),
    )
    screen = Material(emissive=(4, 3, 2), emissive_texture=TextureUse(0), metallic=0)
    lamp = quad([0.5, 1.9, -0.5], [0.5, 1.9, 0.5], [-0.5, 1.9, 0.5], [-0.5, 1.9, -0.5])
    room, faces = box([-2, -1, -2], [2, 2, 3], inward=True)
    parts = (
        ((room, faces[2:]), wall),  # the sky comes in
        (lamp, Material(emissive=(9, 8, 7), double_sided=True)),
        (quad([-1, -0.9, 0.5], [1, -0.9, 0.5], [1, 0.1, 0], [-1, 0.1, 0]), screen),
        (sphere([0.9, -0.4, 0], 0.6, 8), LAMBERT),
        (sphere([-1.2, -0.5, 0.4], 0.5, 8), Material(metallic=1, roughness=0.2)),
    )
    corners = sum(3 * len(mesh[1]) for mesh, _ in parts)
    lights = tuple(
        PunctualLight(kind, (1, 0.8, 0.6), 3.0, (0.5, 1.5, 1), (0.1, -1, 0.2), inner_cone_rad=0.3, outer_cone_rad=0.9)
        for kind in ("point", "spot", "directional")
    )
    flat = scene(
        *parts,
        environment=Environment(rng.uniform(0, 2, (16, 32, 3)).astype(np.float32), "noise"),
        lights=lights,
        textures=textures,
        uv=rng.uniform(-1, 2, (corners, 2)),
        colors=rng.uniform(0.5, 1, (corners, 4)),
    )
    tangents = np.zeros_like(flat.tangents)
    tangents[:, 0], tangents[:, 3] = 1, 1
    return replace(flat, tangents=tangents)


@pytest.mark.parametrize("build", [gallery, textured])
@pytest.mark.parametrize("depth", [2, 6])
def test_eight_paths_at_a_time_make_the_picture_of_one_at_a_time(build, depth):
    """The same random numbers, so the same paths: pixels differ only where rounding turns a decision."""
    flat, view = build(), camera(40, at=(0, 0.3, 1.9), yfov=1.2)
    plain = Tracer(flat, threads=1, plain=True).render(view, samples=16, seed=2, max_depth=depth)
    wide = Tracer(flat, threads=1).render(view, samples=16, seed=2, max_depth=depth)
    for name in ("color", "albedo", "normal"):
        one, eight = getattr(plain, name), getattr(wide, name)
        same = np.isclose(one, eight, rtol=1e-3, atol=1e-4 * np.abs(one).max()).all(axis=2)
        assert same.mean() > 0.98, name
        assert eight.mean() == pytest.approx(one.mean(), rel=2e-3, abs=1e-4), name
    assert wide.color.min() >= 0


@pytest.mark.parametrize("isa", ["baseline", "v3"])
def test_instruction_sets_make_the_same_picture(isa, tmp_path):
    """Other sets round differently here and there; a path that turns otherwise shows in its pixel alone."""

    def run(**more):
        program = (
            f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
            "import numpy as np, test_tracer as t\n"
            "view = t.camera(32, at=(0, 0.3, 1.9), yfov=1.2)\n"
            "picture = t.Tracer(t.textured(), threads=1).render(view, samples=16, seed=2, max_depth=6)\n"
            f"np.save({str(tmp_path / 'picture.npy')!r}, picture.color)"
        )
        subprocess.run([sys.executable, "-c", program], env={**os.environ, **more}, check=True)
        return np.load(tmp_path / "picture.npy")

    best, lower = run(), run(NIGHTPROOF_ISA=isa)
    assert np.isclose(best, lower, rtol=1e-3, atol=1e-3).all(axis=2).mean() > 0.97
    assert lower.mean() == pytest.approx(best.mean(), rel=2e-3)


def test_seeds_differ_and_later_samples_continue():
    tracer, view = Tracer(gallery(), threads=1), camera(24, at=(0, 0.3, 1.9), yfov=1.2)
    whole = tracer.render(view, samples=16, seed=4).color
    halves = [tracer.render(view, samples=8, seed=4, first_sample=start).color for start in (0, 8)]
    np.testing.assert_allclose((halves[0] + halves[1]) / 2, whole, rtol=1e-4, atol=1e-5)
    assert not np.allclose(whole, tracer.render(view, samples=16, seed=5).color, rtol=0.05)


@pytest.mark.parametrize("plain", [False, True])
def test_a_sky_outside_a_closed_room_takes_half_of_the_light_samples_and_no_more(plain):
    """Weighed with the room's lamp it would win nearly always, and the lamp's rare turns would be fireflies."""
    room = (box((-1, -1, -1), (1, 1, 1), inward=True), replace(LAMBERT, base_color=(0.5, 0.5, 0.5, 1)))
    lamp = (
        quad([-0.2, 0.99, -0.2], [0.2, 0.99, -0.2], [0.2, 0.99, 0.2], [-0.2, 0.99, 0.2]),
        replace(LAMBERT, emissive=(10, 10, 10)),
    )
    view = camera(24, at=(0, 0, 0.9))

    def noise(environment):
        tracer = Tracer(scene(room, lamp, environment=environment), threads=1, plain=plain)
        first, second = (tracer.render(view, samples=64, seed=seed, max_depth=4).color for seed in (1, 2))
        return float(np.mean((first - second) ** 2))

    assert noise(uniform_environment(100.0)) < 20 * noise(None)


def test_an_empty_scene_is_black_or_its_environment():
    view = camera(8)
    assert not Tracer(scene(), threads=1).render(view, samples=2, seed=0).color.any()
    sky = Tracer(scene(environment=uniform_environment(0.25)), threads=1).render(view, samples=2, seed=0)
    np.testing.assert_allclose(sky.color, 0.25, rtol=1e-5)
