"""Textures halved and filled: the kernel says what its NumPy twin says."""

import numpy as np
import pytest

from nightproof import _native
from nightproof.kernels import texture_pixels, texture_pixels_reference
from nightproof.pipelines.packing import pixels

SCALES = {"color": (pixels._LINEAR, pixels._ENCODED), "data": (pixels._PLAIN, pixels._BYTES)}


def texture(height: int, width: int, channels: int) -> np.ndarray:
    found = np.random.default_rng(height + width).integers(0, 256, (height, width, channels), np.uint8)
    found[:2] = 0
    found[2:4] = 255
    return found


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("normals", [False, True])
@pytest.mark.parametrize("scale", SCALES)
def test_halves_equal_those_of_the_twin(channels, normals, scale):
    before, (light, codes) = texture(96, 130, channels), SCALES[scale]
    half = texture_pixels.halved(before, light, codes, normals=normals)
    expected = texture_pixels_reference.halved(before, light, codes, normals=normals)
    assert half.shape == (48, 65, channels)
    differ = half.astype(int) - expected
    assert np.abs(differ).max() <= 1 and (differ != 0).mean() < 1e-3  # halves of a code round either way


def test_hidden_colours_do_not_bleed_into_what_is_seen():
    before = np.zeros((2, 2, 4), np.uint8)
    before[0, 0] = 200, 10, 0, 255
    before[1, 1] = 0, 255, 255, 0
    assert texture_pixels.halved(before, *SCALES["color"], normals=False)[0, 0].tolist() == [200, 10, 0, 64]


@pytest.mark.parametrize("channels", [3, 4])
def test_sums_and_fillings_are_those_of_the_twin(channels):
    before, random = texture(60, 90, channels), np.random.default_rng(9)
    kept, colors = random.random((6, 10)) < 0.5, random.integers(0, 256, (6, 10, channels), np.uint8)
    sums = texture_pixels.cell_sums(before, 6, 10)
    np.testing.assert_array_equal(sums, texture_pixels_reference.cell_sums(before, 6, 10))
    found = texture_pixels.filled(before, kept, colors)
    np.testing.assert_array_equal(found, texture_pixels_reference.filled(before, kept, colors))
    assert (before == texture(60, 90, channels)).all()  # what was given stays


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("sparing", [0, 3, 200])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 2), (40, 60)])
def test_roundings_are_those_of_the_twin(channels, sparing, shape):
    before, table = texture(*shape, channels), np.arange(256, dtype=np.uint8)[::-1].copy()
    before[:, ::3] = before[:, :1]  # runs of one colour
    expected = texture_pixels_reference.rounded(before, table, sparing=sparing)
    np.testing.assert_array_equal(texture_pixels.rounded(before, table, sparing=sparing), expected)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (2, 2), (9, 5), (64, 64)])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_surroundings_are_those_of_the_twin(shape, share):
    random = np.random.default_rng(shape[1])
    counts = (random.random(shape) < share).astype(np.float32)
    sums = random.random((*shape, 3), np.float32) * counts[..., None]
    expected = texture_pixels_reference.surroundings(sums, counts)
    np.testing.assert_array_equal(texture_pixels.surroundings(sums, counts), expected)


def test_alpha_is_dropped():
    before = texture(33, 70, 4)
    found = texture_pixels.without_alpha(before)
    np.testing.assert_array_equal(found, texture_pixels_reference.without_alpha(before))


def test_what_does_not_fit_is_refused():
    odd, even = texture(7, 8, 3), texture(8, 8, 3)
    with pytest.raises(ValueError, match="another shape"):
        texture_pixels.halved(odd, *SCALES["data"], normals=False)
    with pytest.raises(ValueError, match="channels"):
        texture_pixels.halved(even[..., :2], *SCALES["data"], normals=False)
    with pytest.raises(ValueError, match="no codes"):
        _native.halve_texture(even, SCALES["data"][0], np.zeros(1, np.uint8), False, np.empty((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="four channels"):
        texture_pixels.without_alpha(even)
    with pytest.raises(ValueError, match="channels"):
        texture_pixels.rounded(even[..., :2], np.zeros(256, np.uint8))
    with pytest.raises(ValueError, match="no such cells"):
        texture_pixels.cell_sums(even, 3, 2)
    with pytest.raises(ValueError, match="no such cells"):
        texture_pixels.filled(even, np.ones((2, 2), bool), np.zeros((2, 3, 3), np.uint8))
