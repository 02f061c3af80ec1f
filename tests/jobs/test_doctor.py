"""The doctor answers whatever is broken: every look costs one line at most."""

import time

import pytest

from nightproof.jobs import doctor

NAMES = [
    "Python",
    "native kernels",
    "processor",
    "Embree",
    "Open Image Denoise",
    "Mitsuba",
    "KTX2",
    "KTX2 encoder",
    "OpenUSD",
    "GPU",
    "VMAF",
    "LPIPS",
]


@pytest.fixture(autouse=True)
def no_trial_picture(monkeypatch):
    monkeypatch.setattr(doctor, "_mitsuba", lambda: doctor.Finding("Mitsuba", True, "not tried here"))


def test_every_look_answers_in_a_fixed_order(tmp_path):
    found = doctor.examine(tmp_path / "not" / "there" / "yet")
    assert [finding.name for finding in found][: len(NAMES)] == NAMES
    assert all(finding.found for finding in found)
    assert all(finding.advice for finding in found if not finding.ok)


def test_a_look_that_breaks_or_hangs_costs_one_line(tmp_path, monkeypatch):
    def broken():
        raise RuntimeError("driver on fire")

    monkeypatch.setattr(doctor, "LOOK_S", 8.0)
    monkeypatch.setattr(doctor, "_gpu", broken)
    monkeypatch.setattr(doctor, "_blender", lambda: time.sleep(9.0))
    found = {finding.name: finding for finding in doctor.examine(tmp_path)}
    assert not found["GPU"].ok and "driver on fire" in found["GPU"].found
    assert not found["Blender"].ok and "no answer" in found["Blender"].found
    assert found["Python"].ok


def test_an_ffmpeg_that_is_not_there_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", "/nowhere/ffmpeg")
    found = {finding.name: finding for finding in doctor.examine(tmp_path)}
    assert not found["VMAF"].ok and "/nowhere/ffmpeg" in found["VMAF"].found and "VMAF" in found["VMAF"].advice
