"""The audit agrees where both renderers are right, and catches every fault planted in ours."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nightproof.rendering.auditor import (
    AuditDisagreement,
    AuditSettings,
    MitsubaRenderer,
    ViewAudit,
    _verdict,
    audit,
    probe,
    require_agreement,
)
from nightproof.rendering.auditor_process import AuditorFailed, Limits, MitsubaProcess
from nightproof.rendering.auditor_statistics import Seen, Tolerance, differing_share, mean_difference
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at
from nightproof.scenes.flat import Environment, FlatScene, Material, Texture, TextureUse

SETTINGS = AuditSettings(pixels=64 * 64, samples=32)
LIMITS = Limits(threads=2, call_s=120)


def room() -> FlatScene:
    """A glossy floor, a textured wall, a lamp, and a sky with a sun in it."""
    quads = [
        ([(-2, 0, 2), (2, 0, 2), (2, 0, -2), (-2, 0, -2)], (0, 1, 0)),
        ([(-2, 0, -2), (2, 0, -2), (2, 3, -2), (-2, 3, -2)], (0, 0, 1)),
        ([(-0.5, 2.5, -0.5), (0.5, 2.5, -0.5), (0.5, 2.5, 0.5), (-0.5, 2.5, 0.5)], (0, -1, 0)),
    ]
    corners = np.array([(0, 1), (1, 1), (1, 0), (0, 0)] * 3, np.float32)
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[:4, :, 1:3] = 30
    pixels[:, :2, 0] = 60
    sky = np.full((16, 32, 3), 0.3, np.float32)
    sky[4:6, 10:13] = 6.0
    return FlatScene(
        positions=np.array([p for quad, _ in quads for p in quad], np.float32),
        normals=np.array([n for _, n in quads for _ in range(4)], np.float32),
        tangents=np.zeros((12, 4), np.float32),
        uv0=corners,
        uv1=corners,
        colors=np.ones((12, 4), np.float32),
        triangles=np.array(
            [(4 * q + a, 4 * q + b, 4 * q + c) for q in range(3) for a, b, c in ((0, 1, 2), (0, 2, 3))], np.uint32
        ),
        triangle_material=np.repeat(np.arange(3), 2).astype(np.uint32),
        triangle_instance=np.zeros(6, np.uint32),
        instances=(),
        materials=(
            Material(name="floor", base_color=(0.6, 0.5, 0.4, 1), metallic=0.2, roughness=0.3),
            Material(name="wall", base_color_texture=TextureUse(0), metallic=0.0, roughness=0.8),
            Material(name="lamp", base_color=(0, 0, 0, 1), metallic=0.0, specular=0.0, emissive=(4.0, 4.0, 3.0)),
        ),
        textures=(Texture(pixels, srgb=True),),
        environment=Environment(sky),
    )


def views():
    places = [(0.5, 1.5, 5.0), (-3.0, 1.0, 3.0)]
    return [
        look_at(np.array(place), np.array([0, 1.0, -0.5]), yfov_rad=0.8, width_px=640, height_px=640)
        for place in places
    ]


def with_material(flat, index, **changes):
    materials = list(flat.materials)
    materials[index] = replace(materials[index], **changes)
    return replace(flat, materials=tuple(materials))


def all_brighter(flat):
    lamp = tuple(1.03 * channel for channel in flat.materials[2].emissive)
    return replace(with_material(flat, 2, emissive=lamp), environment=Environment(flat.environment.radiance * 1.03))


FAULTS = {
    "light 3 % brighter": all_brighter,
    "wrong roughness": lambda flat: with_material(flat, 0, roughness=0.7),
    "missing emitter": lambda flat: with_material(flat, 2, emissive=(0.0, 0.0, 0.0)),
    "rotated environment": lambda flat: replace(
        flat, environment=Environment(np.ascontiguousarray(np.roll(flat.environment.radiance, 8, axis=1)))
    ),
    "texture upside down": lambda flat: replace(
        flat, textures=(replace(flat.textures[0], pixels=np.ascontiguousarray(flat.textures[0].pixels[::-1])),)
    ),
}


def test_an_honest_tracer_agrees():
    report = audit(room(), views(), seed=3, settings=SETTINGS, limits=LIMITS)
    assert report.verdict == "agrees", report.reasons
    assert require_agreement(report) is report
    assert abs(report.mean_difference) < 0.01
    assert all(view.ssim > 0.9 for view in report.views)
    assert report.to_json()["versions"]["mitsuba"]


def leaning_floor() -> FlatScene:
    """The floor is flat, its normals lean away from whoever looks along it from +z: as on a plain below hills."""
    flat = room()
    normals = flat.normals.copy()
    normals[:4] = np.array([0, np.cos(0.2), -np.sin(0.2)], np.float32)
    return replace(flat, normals=normals)


def test_where_interpolated_normals_face_away_renderers_may_differ():
    flat = leaning_floor()
    low = look_at(np.array([0.0, 0.3, 5.0]), np.array([0, 0.3, 0]), yfov_rad=0.5, width_px=64, height_px=64)
    report = audit(flat, [low], seed=3, settings=SETTINGS, limits=LIMITS)
    assert report.verdict == "agrees", report.reasons
    assert report.views[0].averted > 0.05
    assert any("face away" in note for note in report.notes)


def test_what_leans_is_still_compared_where_it_faces_the_viewer():
    flat = leaning_floor()
    wrong = Tracer(FAULTS["wrong roughness"](flat), threads=2)
    report = audit(flat, views(), seed=3, native=wrong, settings=SETTINGS, limits=LIMITS)
    assert report.verdict == "disagrees"
    assert all(view.averted < 0.01 for view in report.views)


@pytest.mark.parametrize(("averted", "verdict"), [((0.2, 0.2), "agrees"), ((0.0, 0.6), "undecided")])
def test_where_most_is_left_out_nothing_is_agreed_to(averted, verdict):
    """Else a file could turn all its normals and have any renderer agreed with."""
    views = [ViewAudit("", 1.0, 1.0, 1.0, 1.0, {"8": 0.0}, share) for share in averted]
    assert _verdict(views, 0.0, 0.0, Tolerance())[0] == verdict


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(fault):
    wrong = Tracer(FAULTS[fault](room()), threads=2)
    report = audit(room(), views(), seed=3, native=wrong, settings=SETTINGS, limits=LIMITS)
    assert report.verdict == "disagrees"
    with pytest.raises(AuditDisagreement, match="disagrees with our renderer") as raised:
        require_agreement(report)
    assert raised.value.report.reasons


def test_noise_alone_is_no_difference_and_a_shift_beyond_it_is():
    """Two noisy pictures of one truth, then one of them 20 % brighter in a corner."""
    rng = np.random.default_rng(5)
    variance = np.full((64, 64), 0.04 / 3, np.float32)

    def noisy(truth):
        return Seen((truth + rng.normal(0, 0.2, (64, 64, 3))).astype(np.float32), variance)

    truth = np.ones((64, 64, 3))
    assert all(differing_share(noisy(truth), noisy(truth), side, 0.05) == 0 for side in (4, 8, 16, 32))
    corner = truth.copy()
    corner[:16, :16] *= 1.3
    assert differing_share(noisy(corner), noisy(truth), 16, 0.05) > 0.01
    difference, error = mean_difference([noisy(truth * 1.03)], [noisy(truth)])
    assert abs(difference - 0.03) < 4 * error < 0.02


def test_a_noisy_audit_is_undecided_and_never_agrees():
    """One sample in a scene lit by a speck: nobody can tell anything."""
    flat = with_material(room(), 2, emissive=(0.0, 0.0, 0.0))
    sky = np.zeros((16, 32, 3), np.float32)
    sky[0, 0] = 1e-4
    flat = with_material(replace(flat, environment=Environment(sky)), 0, roughness=0.05)
    report = audit(flat, views()[:1], seed=1, settings=AuditSettings(pixels=256, samples=2, rounds=1), limits=LIMITS)
    assert report.verdict in ("undecided", "disagrees")


def test_a_crash_is_an_error_and_not_our_end():
    """An LLVM that does not exist, a verb that does not exist, a time-out, a killed child."""
    with MitsubaProcess("scalar_rgb", LIMITS) as process:
        with pytest.raises(AuditorFailed, match="dance"):
            process.call("dance")
        os.kill(process._child.pid, 9)
        with pytest.raises(AuditorFailed, match="signal 9"):
            process.call("try_out")
    with pytest.raises(AuditorFailed, match="did not answer"):
        MitsubaProcess("scalar_rgb", replace(LIMITS, call_s=0.001))


@pytest.mark.skipif(not Path("/usr/lib/x86_64-linux-gnu/libLLVM-15.so").exists(), reason="no LLVM 15 here")
def test_an_old_llvm_does_not_take_us_down(monkeypatch):
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/usr/lib/x86_64-linux-gnu/libLLVM-15.so")
    probe.cache_clear()
    found = probe()
    probe.cache_clear()
    assert found.variant == "scalar_rgb" or int(found.llvm_version.split(".")[0]) >= 16


def test_mitsuba_takes_the_tracers_place():
    camera = replace(views()[0], width_px=48, height_px=32)
    with MitsubaRenderer(room(), LIMITS) as mitsuba:
        theirs = mitsuba.render(camera, samples=256, seed=1)
        part = mitsuba.render(camera, samples=4, seed=1, crop=(8, 4, 16, 8))
    ours = Tracer(room(), threads=2).render(camera, samples=256, seed=1)
    assert part.color.shape == (8, 16, 3)
    assert np.allclose(theirs.normal, ours.normal, atol=0.1)
    assert theirs.color.mean() == pytest.approx(ours.color.mean(), rel=0.01)
