"""Maps of light: energy, formats, and files that lie about themselves."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightproof.errors import UnusableInput
from nightproof.scenes.environment import (
    SUN_DIRECTION,
    SUN_IRRADIANCE,
    _sun,
    directions,
    named_environment,
    read_environment,
    solid_angles,
)
from nightproof.scenes.exr import read_exr, write_exr


def test_texel_directions_follow_the_contract():
    looks = directions(64, 128)
    assert np.allclose(looks[32, 64], [0, 0, -1], atol=0.05)
    assert np.allclose(looks[32, 96], [1, 0, 0], atol=0.05)
    assert looks[0, 0, 1] > 0.99
    assert np.isclose(solid_angles(64, 128).sum() * 128, 4 * np.pi)


def test_the_suns_disc_brings_exactly_its_irradiance():
    sun = np.array(SUN_DIRECTION) / np.linalg.norm(SUN_DIRECTION)
    disc = _sun(sun).mean(axis=2) / np.mean([1.06, 1.0, 0.90])
    looks = directions(*disc.shape)
    assert np.isclose((disc * np.maximum(looks @ sun, 0) * solid_angles(*disc.shape)).sum(), SUN_IRRADIANCE)
    assert looks.reshape(-1, 3)[disc.argmax()] @ sun > np.cos(np.radians(2))
    assert (disc > 0).sum() >= 12, "the map resolves its sun"


@pytest.mark.parametrize("name", ["studio", "sky"])
def test_named_environments_are_modest_positive_and_the_same_each_time(name):
    first, second = named_environment(name), named_environment(name)
    assert first.radiance.shape == (128, 256, 3)
    assert first.radiance.min() > 0
    assert np.array_equal(first.radiance, second.radiance)
    assert np.abs(first.radiance[:, 0] - first.radiance[:, -1]).max() < 0.2, "no seam behind"


def test_an_unknown_name_is_refused():
    assert named_environment("none") is None
    with pytest.raises(UnusableInput):
        named_environment("disco")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("half", [True, False])
def test_exr_gives_back_what_was_written(channels, half):
    pixels = np.random.default_rng(3).lognormal(0, 2, (37, 21, channels)).astype(np.float32)
    again = read_exr(write_exr(pixels, half=half))
    assert again.shape == pixels.shape
    assert np.allclose(again, pixels, rtol=6e-4 if half else 0, atol=1e-7 if half else 0)


def test_mitsuba_reads_our_exr(tmp_path):
    mi = pytest.importorskip("mitsuba")
    mi.set_variant("scalar_rgb")
    pixels = np.random.default_rng(4).random((33, 20, 3)).astype(np.float32)
    (tmp_path / "a.exr").write_bytes(write_exr(pixels, half=False))
    assert np.array_equal(np.array(mi.Bitmap(str(tmp_path / "a.exr"))), pixels)


def hdr(body: bytes, width: int, height: int) -> bytes:
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n" + f"-Y {height} +X {width}\n".encode() + body


def test_radiance_runs_of_both_kinds_are_read(tmp_path):
    path = tmp_path / "a.hdr"
    row = struct.pack(">BBH", 2, 2, 10) + b"\x8a\x80" + b"\x8a\x40" + b"\x05\x01\x02\x03\x04\x05\x85\x00" + b"\x8a\x81"
    path.write_bytes(hdr(row * 2, 10, 2))
    found = read_environment(path).radiance
    assert np.allclose(found[1, 4], [128.5 / 128, 64.5 / 128, 5.5 / 128], rtol=1e-6)
    path.write_bytes(hdr(bytes([128, 64, 32, 129, 1, 1, 1, 5]), 3, 2))
    assert np.allclose(read_environment(path).radiance, np.array([128.5, 64.5, 32.5]) / 128)


@pytest.mark.parametrize("size", [(99999, 99999), (0, 4), (8192, 8192)])
def test_a_small_hdr_that_claims_to_be_huge_is_refused(tmp_path, size):
    path = tmp_path / "a.hdr"
    path.write_bytes(hdr(struct.pack(">BBH", 2, 2, 8192) + bytes(64), *size))
    with pytest.raises(UnusableInput):
        read_environment(path)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_changed_map_gives_a_map_or_one_typed_error(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("maps") / "a.map"
    exr = write_exr(np.linspace(0, 9, 20 * 18 * 3, dtype=np.float32).reshape(20, 18, 3))
    row = struct.pack(">BBH", 2, 2, 10) + b"\x8a\x80\x8a\x40\x8a\x20\x8a\x81"
    source = bytearray(data.draw(st.sampled_from([exr, hdr(row * 3, 10, 3)])))
    for _ in range(data.draw(st.integers(1, 3))):
        source[data.draw(st.integers(0, len(source) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(source[: data.draw(st.integers(len(source) // 2, len(source)))]))
    try:
        radiance = read_environment(path).radiance
    except UnusableInput as error:
        assert error.hint
        return
    assert np.isfinite(radiance).all()
    assert radiance.min() >= 0
