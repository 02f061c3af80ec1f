"""The fused kernel says what its NumPy twin and scikit-image say, on images made to break it."""

import os
import subprocess
import sys

import numpy as np
import pytest

from nightproof.kernels import metrics_reference
from nightproof.kernels.metrics import compare


def smooth_noise(seed: int, height: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    field = np.cumsum(np.cumsum(rng.normal(size=(height, width, 3)), 0), 1)
    return np.uint8(255 * (field - field.min()) / np.ptp(field))


def hard_pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Flat and bright (cancellation), near equal, opposite, noisy, and every ragged size there is."""
    rng = np.random.default_rng(7)
    soft = smooth_noise(1, 200, 301)
    noisy = np.uint8(np.clip(soft + rng.normal(scale=6, size=soft.shape), 0, 255))
    white = np.full((90, 100, 3), 255, np.uint8)
    speck = white.copy()
    speck[40, 50] = 254
    static = rng.integers(0, 256, (139, 75, 3), np.uint8)
    tiny = rng.integers(0, 256, (11, 11, 3), np.uint8)
    return {
        "noise": (soft, noisy),
        "equal": (soft, soft),
        "one level on white": (white, speck),
        "opposite": (static, 255 - static),
        "black on white": (white, white * 0),
        "smallest": (tiny, tiny[::-1].copy()),
        "wide": (static[:12], static[1:13]),
    }


@pytest.mark.parametrize("name", hard_pairs())
def test_the_kernel_equals_its_twin(name):
    reference, asset = hard_pairs()[name]
    scores = compare(reference, asset)
    values = metrics_reference.ssim_map(reference, asset)
    assert scores.ssim == pytest.approx(values.mean(), abs=2e-6)
    np.testing.assert_allclose(scores.tiles, metrics_reference.tile_ssim(values), rtol=0, atol=2e-6)
    assert scores.mse == metrics_reference.mean_squared_error(reference, asset)


@pytest.mark.parametrize("name", ["noise", "one level on white", "opposite", "wide"])
def test_the_kernel_equals_scikit_image(name):
    peer = pytest.importorskip("skimage.metrics")
    reference, asset = hard_pairs()[name]
    expected = peer.structural_similarity(
        reference, asset, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2, data_range=255
    )
    scores = compare(reference, asset)
    assert scores.ssim == pytest.approx(expected, abs=2e-6)
    assert scores.psnr_db == pytest.approx(peer.peak_signal_noise_ratio(reference, asset, data_range=255), abs=1e-9)


def test_equal_images_are_exactly_equal():
    image = smooth_noise(2, 80, 90)
    scores = compare(image, image)
    assert (scores.ssim, scores.worst_tile_ssim, scores.mse, scores.psnr_db) == (1, 1, 0, float("inf"))


def test_a_local_hole_shows_in_the_worst_tile_only():
    image = smooth_noise(3, 512, 512)
    holed = image.copy()
    holed[200:240, 200:240] = 255 - holed[200:240, 200:240]
    scores = compare(image, holed)
    assert scores.ssim > 0.98
    assert scores.worst_tile_ssim < 0.75


def test_bits_depend_neither_on_threads_nor_on_the_instruction_set():
    program = (
        "import numpy as np; from nightproof.kernels.metrics import compare; r = np.random.default_rng(5);"
        "x, y = r.integers(0, 256, (2, 700, 500, 3), np.uint8);"
        "found = {(s.ssim, s.mse, s.tiles.tobytes().hex()) for s in (compare(x, y, t) for t in (1, 2, 5))};"
        "print(*found, sep='\\n')"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "NIGHTPROOF_ISA": isa}, capture_output=True, check=True
        ).stdout
        for isa in ("baseline", "v3", "v4")
    }
    assert len(outputs) == 1
    assert len(outputs.pop().splitlines()) == 1


@pytest.mark.parametrize(("height", "width", "fault"), [(10, 40, "smaller"), (40, 10, "smaller"), (30, 31, "differ")])
def test_sizes_that_cannot_be_compared_are_refused(height, width, fault):
    image = np.zeros((height, width, 3), np.uint8)
    other = np.zeros((30, 30, 3), np.uint8) if fault == "differ" else image
    with pytest.raises(ValueError, match=fault):
        compare(image, other)


def test_other_pixel_types_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        compare(np.zeros((20, 20, 3)), np.zeros((20, 20, 3)))
