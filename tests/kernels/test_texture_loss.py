"""Errors between textures: the kernel says what its NumPy twin says."""

import numpy as np
import pytest

from nightproof import _native
from nightproof.kernels import texture_loss, texture_loss_reference

BLOCKS = [(1, 1), (2, 2), (8, 8), (3, 5)]


def textures(height: int, width: int, channels: int, spread: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(height * width)
    one = random.integers(0, 256, (height, width, channels), np.uint8)
    moved = one + random.integers(-spread, spread + 1, one.shape)
    return one, np.clip(moved, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("spread", [0, 3, 255])
@pytest.mark.parametrize(("height", "width", "channels"), [(64, 48, 3), (37, 101, 4), (8, 8, 3)])
@pytest.mark.parametrize("masked", [False, True])
def test_errors_equal_those_of_the_twin(block, spread, height, width, channels, masked):
    one, other = textures(height, width, channels, spread)
    cells = (height // block[0], width // block[1])
    shown = np.random.default_rng(5).random(cells) < 0.4 if masked else None
    found = texture_loss.errors(one, other, block, shown, normals=True)
    texels, squared, turned = texture_loss_reference.errors(one, other, block, shown, True)
    assert found.texels == texels
    np.testing.assert_allclose(found.squared, squared, rtol=1e-12)
    assert found.turned_rad2 == pytest.approx(turned, rel=2e-4, abs=1e-9)


def test_opposite_normals_are_half_a_turn_apart():
    up, down = (np.full((4, 4, 3), value, np.uint8) for value in (255, 0))
    assert texture_loss.errors(up, down, normals=True).turned_rad2 == pytest.approx(16 * np.pi**2, rel=1e-3)


@pytest.mark.parametrize("block", BLOCKS)
def test_alpha_that_either_has_does_not_count(block):
    one, other = textures(37, 101, 4, 9)
    found = texture_loss.errors(one, other, block, normals=True)
    for before, after in ((one[..., :3], other), (one, other[..., :3])):
        assert texture_loss.errors(before, after, block, normals=True) == found


def test_angles_are_counted_only_where_they_are_asked_for():
    assert texture_loss.errors(*textures(8, 8, 3, 9)).turned_rad2 == 0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (100, 70), (5, 200), (31, 31)])
@pytest.mark.parametrize("channels", [3, 4])
def test_the_worst_block_is_that_of_the_twin(height, width, channels):
    one, other = textures(height, width, channels, 30)
    shown = np.random.default_rng(3).random((height, width)) < 0.5
    for mask in (None, shown):
        expected = texture_loss_reference.worst_block(one, other, mask, 32)
        assert texture_loss.worst_block(one, other, mask, 32) == expected > 0


def test_shapes_that_differ_are_refused():
    one = np.zeros((8, 8, 3), np.uint8)
    for other in (one[:4], one[:, :4]):
        with pytest.raises(ValueError, match="differ in shape"):
            texture_loss.errors(one, other)
    for other in (one[:4], one[:, :4], np.zeros((8, 8, 4), np.uint8)):
        with pytest.raises(ValueError, match="differ in shape"):
            texture_loss.worst_block(one, other, None, 32)
    with pytest.raises(ValueError, match="channels"):
        texture_loss.errors(one[..., :2], one[..., :2])
    for mask in (np.ones((4, 8), bool), np.ones((8, 4), bool)):
        with pytest.raises(ValueError, match="mask"):
            texture_loss.errors(one, one, shown=mask)
        with pytest.raises(ValueError, match="mask"):
            texture_loss.worst_block(one, one, mask, 32)
    with pytest.raises(ValueError, match="blocks"):
        _native.texture_errors(one, one, 0, 1, None, False)
