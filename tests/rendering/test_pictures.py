"""Denoiser, display, viewer images, references: what is made of traced pictures."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from handmade import LAMBERT, box, quad, scene

from nightproof.kernels.metrics import compare
from nightproof.rendering.denoise import denoise, denoise_lightmap
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.reference import Agreement, ReferenceRenderer
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Material, Texture, TextureUse


@pytest.fixture(scope="module")
def room():
    lamp = quad([0.5, 1.9, -0.5], [0.5, 1.9, 0.5], [-0.5, 1.9, 0.5], [-0.5, 1.9, -0.5])
    grey = replace(LAMBERT, base_color=(0.6, 0.5, 0.4, 1))
    inner = (box([-0.8, -1, -1], [0, 0, -0.3]), replace(grey, base_color=(0.2, 0.4, 0.7, 1)))
    walls = (box([-2, -1, -2], [2, 2, 2], inward=True), grey)
    return Tracer(scene(walls, inner, (lamp, replace(grey, emissive=(8, 8, 8)))), threads=2)


@pytest.fixture(scope="module")
def view():
    return look_at(np.array([0, 0.4, 1.8]), np.zeros(3), yfov_rad=1.0, width_px=64, height_px=64)


def test_denoising_brings_a_noisy_picture_to_the_truth(room, view):
    noisy, truth = room.render(view, samples=8, seed=1), room.render(view, samples=512, seed=2)
    clean = denoise(noisy.color, noisy.albedo, noisy.normal, threads=1)
    before, after = (np.abs(picture - truth.color).mean() for picture in (noisy.color, clean))
    assert after < before / 2
    np.testing.assert_array_equal(clean, denoise(noisy.color, noisy.albedo, noisy.normal, threads=2))


def test_lightmaps_are_denoised_and_survive_broken_texels():
    rng = np.random.default_rng(1)
    chart = (2 + rng.normal(0, 0.5, (48, 64, 3))).astype(np.float32)
    chart[5, 5] = np.nan
    clean = denoise_lightmap(chart, threads=1)
    assert np.isfinite(clean).all() and clean[12:, 12:].std() < 0.2


def test_display_is_srgb():
    linear = np.array([[[0, 1, 2], [0.214041, 0.0021, np.nan], [np.inf, -1, 0.5]]], np.float32)
    np.testing.assert_array_equal(to_display(linear, 1.0), [[[0, 255, 255], [127, 7, 0], [255, 0, 188]]])
    np.testing.assert_array_equal(to_display(linear, 0.5)[0, 0], [0, 188, 255])


def test_exposure_follows_the_scene_and_ignores_lamps():
    picture = np.full((100, 100, 3), 0.02, np.float32)
    picture[:10, :10] = 1000
    exposure = auto_exposure([picture])
    assert exposure == pytest.approx(0.8 / 0.02, rel=0.05)
    assert auto_exposure([picture * 4]) == exposure / 4
    assert auto_exposure([]) == auto_exposure([np.zeros((4, 4, 3), np.float32)]) == 1.0


def unlit_wall(pixels, **more):
    wall = quad([-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0])
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 1], [1, 0], [0, 0]])
    material = Material(unlit=True, base_color_texture=TextureUse(0), **more)
    return scene((wall, material), textures=(Texture(pixels, srgb=True),), uv=uv)


def facing(size, distance=2.0):
    angle = 2 * np.arctan(1 / distance)
    return look_at(np.array([0, 0, distance]), np.zeros(3), yfov_rad=angle, width_px=size, height_px=size)


def test_a_viewer_shows_texels_as_they_are():
    pixels = np.random.default_rng(2).integers(0, 256, (16, 16, 4), np.uint8)
    shown = viewer_image(Tracer(unlit_wall(pixels), threads=1), facing(16), supersamples=1)
    np.testing.assert_array_equal(to_display(shown, 1.0), pixels[..., :3])


def test_a_viewer_filters_what_is_too_fine():
    """A chequerboard far below the pixel's size is even grey: its linear mean, not flicker."""
    board = (np.indices((1024, 1024)).sum(axis=0) % 2 * 255).astype(np.uint8)
    pixels = np.dstack([board] * 3 + [np.full_like(board, 255)])
    shown = viewer_image(Tracer(unlit_wall(pixels), threads=1), facing(24), supersamples=2)
    np.testing.assert_allclose(shown, 0.5, atol=0.02)


def test_viewer_and_tracer_agree_on_an_unlit_asset():
    ramp = np.repeat(np.arange(0, 256, 4, dtype=np.uint8)[None], 64, axis=0)
    pixels = np.dstack([ramp, ramp.T, ramp[::-1], np.full_like(ramp, 255)])
    tracer = Tracer(unlit_wall(pixels), threads=2)
    traced = tracer.render(facing(40), samples=256, seed=1).color
    shown = viewer_image(tracer, facing(40))
    assert compare(to_display(traced, 1.0), to_display(shown, 1.0)).ssim > 0.999
    np.testing.assert_array_equal(viewer_image(tracer, facing(40), crop=(3, 5, 20, 11)), shown[5:16, 3:23])


def test_a_viewer_refuses_lit_surfaces(room, view):
    with pytest.raises(ValueError, match="lit surfaces"):
        viewer_image(room, view)


def test_spherical_harmonics_turn_with_the_viewer():
    flat = unlit_wall(np.full((2, 2, 4), 255, np.uint8))
    slope, level = (Texture(np.full((1, 1, 4), code, np.uint8), srgb=False) for code in (64, 128))
    flat_sh = replace(
        flat,
        textures=(*flat.textures, slope, level),
        materials=(
            replace(flat.materials[0], sh_textures=(TextureUse(2), TextureUse(2), TextureUse(1)), sh_scale=0.5),
        ),
    )
    shown = viewer_image(
        Tracer(flat_sh, threads=1), look_at(np.array([0, 0, 9.0]), np.zeros(3), yfov_rad=0.01, width_px=2, height_px=2)
    )
    np.testing.assert_allclose(shown, 1 - 0.5 * 64 / 127, atol=1e-3)


def test_a_lightmap_is_shown_as_diffuse_light_and_the_glow():
    """Irradiance · base · (1 − metallic) / π + emission; a scene with other lit surfaces is still refused."""
    flat = unlit_wall(np.full((2, 2, 4), 255, np.uint8))
    texel = Texture(np.full((1, 1, 4), 51, np.uint8), srgb=False)
    material = replace(
        flat.materials[0],
        unlit=False,
        metallic=0.25,
        emissive=(0.1, 0.0, 0.0),
        lightmap=TextureUse(1),
        lightmap_intensity=4.0,
    )
    lit = replace(flat, textures=(*flat.textures, texel), materials=(material,))
    shown = viewer_image(
        Tracer(lit, threads=1), look_at(np.array([0, 0, 9.0]), np.zeros(3), yfov_rad=0.01, width_px=2, height_px=2)
    )
    np.testing.assert_allclose(shown[0, 0], 0.75 * 0.2 * 4 / np.pi + np.array([0.1, 0, 0]), rtol=1e-4)


class Memory(dict):
    def put(self, key, value):
        self[key] = value


def test_references_agree_are_cached_and_patches_are_cut_from_frames(room, view):
    memory = Memory()
    renderer = ReferenceRenderer(room, "digest", 0.5, memory)
    enough = Agreement(ssim=0.97, samples=16, most_samples=64)
    frame = renderer.take(view, seed=1, agreement=enough)
    assert frame.agrees and frame.ssim >= 0.97 and len(memory) == 1
    again = renderer.take(view, seed=1, agreement=enough)
    np.testing.assert_array_equal(frame.color, again.color)
    assert len(memory) == 1
    memory[next(iter(memory))] = b"damaged"
    np.testing.assert_array_equal(renderer.take(view, seed=1, agreement=enough).color, frame.color)
    patch = renderer.take(view, seed=1, agreement=enough, crop=(20, 16, 24, 24))
    part = frame.color[16:40, 20:44]
    assert compare(to_display(patch.color, 0.5), to_display(part, 0.5)).ssim > 0.98
    assert renderer.take(view, seed=2, agreement=enough).color.shape == (64, 64, 3) and len(memory) == 3


def test_a_reference_that_never_agrees_says_so(room, view):
    reference = ReferenceRenderer(room, "digest", 0.5).take(view, seed=1, agreement=Agreement(1.0, 1, 4))
    assert not reference.agrees and (reference.samples == 4).all()


def test_ctrl_c_ends_a_long_rendering():
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from handmade import *; import numpy as np\n"
        "from nightproof.rendering.tracer import Tracer; from nightproof.scenes.camera import look_at\n"
        "t = Tracer(scene((box([-1, -1, -1], [1, 1, 1], inward=True), LAMBERT)), threads=1)\n"
        "print('go', flush=True)\n"
        "t.render(look_at(np.zeros(3), np.ones(3), yfov_rad=1, width_px=400, height_px=400), samples=4096, seed=0)\n"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background shells have it ignored
    )
    try:
        assert running.stdout.readline() == "go\n"
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    finally:
        running.kill()
    assert "KeyboardInterrupt" in errors
