"""More samples where two renderings disagree: same sums, same decisions, and a picture that is true."""

from dataclasses import replace

import numpy as np
import pytest
from handmade import LAMBERT, box, quad, scene

from nightproof.kernels.metrics import compare
from nightproof.kernels.metrics_reference import ssim_map
from nightproof.rendering import reference
from nightproof.rendering.adaptive import TILE_PX, TwoRenderings, disagreement, wanted
from nightproof.rendering.display import to_display
from nightproof.rendering.reference import Agreement, ReferenceRenderer
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import look_at


@pytest.fixture(scope="module")
def flat():
    """A room with a tiny lamp and a shiny box: noisy where the box is, calm elsewhere."""
    lamp = quad([0.2, 1.9, -0.2], [0.2, 1.9, 0.2], [-0.2, 1.9, 0.2], [-0.2, 1.9, -0.2])
    grey = replace(LAMBERT, base_color=(0.6, 0.5, 0.4, 1))
    shiny = replace(grey, base_color=(0.9, 0.8, 0.5, 1), metallic=1.0, roughness=0.2)
    walls = (box([-2, -1, -2], [2, 2, 2], inward=True), grey)
    return scene(walls, (box([-0.8, -1, -1], [0, 0, -0.3]), shiny), (lamp, replace(grey, emissive=(40, 40, 40))))


@pytest.fixture(scope="module")
def view():
    return look_at(np.array([0, 0.4, 1.8]), np.array([0, -0.3, 0]), yfov_rad=1.0, width_px=90, height_px=76)


def both(flat, view, *, threads=1, box=None):
    return TwoRenderings(Tracer(flat, threads), view, seed=3, box=box or (0, 0, 90, 76), max_depth=8)


def test_samples_in_several_goes_are_those_of_one_go(flat, view):
    """Otherwise what a verifier sees would depend on the way to it."""
    once, often = both(flat, view), both(flat, view, threads=2)
    twelve = np.full_like(once.samples, 12)
    once.add(twelve)
    often.add(twelve // 3)
    odd = np.indices(twelve.shape).sum(axis=0) % 2
    often.add(odd * 8)
    often.add((1 - odd) * 8)
    np.testing.assert_array_equal(often.samples, twelve)
    for one, other in zip(once.denoised(), often.denoised(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_pixel_has_the_samples_that_a_plain_rendering_takes(flat, view):
    tracer = Tracer(flat, 1)
    sums = np.zeros((76, 90, 10), np.float32)
    tiles = np.array([[0, 0, 50, 76, 0, 4], [50, 0, 40, 70, 0, 4], [50, 70, 40, 6, 0, 4]])
    tracer.add_samples(view, sums, tiles, seed=3, max_depth=8)
    np.testing.assert_array_equal(
        sums[..., :3] / np.float32(4), tracer.render(view, samples=4, seed=3, max_depth=8).color
    )


@pytest.mark.parametrize(
    "tile", [[-1, 0, 4, 4, 0, 1], [80, 0, 16, 4, 0, 1], [0, 70, 4, 16, 0, 1], [0, 0, 4, 4, 0, 0], [0, 0, 0, 4, 0, 1]]
)
def test_a_tile_that_leaves_the_picture_is_refused(flat, view, tile):
    with pytest.raises(ValueError, match="outside"):
        Tracer(flat, 1).add_samples(view, np.zeros((76, 90, 10), np.float32), np.array([tile]), seed=0)


def test_disagreement_is_one_minus_ssim_by_tile():
    rng = np.random.default_rng(0)
    one = rng.integers(0, 256, (70, 90, 3), np.uint8)
    two = one.copy()
    two[36:40, 50:60] = 0
    errors = disagreement(1 - ssim_map(one, two))
    assert errors.shape == (5, 6)
    assert np.unravel_index(errors.argmax(), errors.shape) == (2, 3)
    inner = 1 - ssim_map(one, two).mean(axis=2)
    expected = inner[32 - 5 : 48 - 5, 48 - 5 : 64 - 5].mean()
    assert errors[2, 3] == pytest.approx(expected)
    assert errors[0].max() == 0 and errors[4].max() == 0


def test_samples_go_where_they_remove_the_most_error():
    """A tile that has many samples already is left alone while others promise more for less."""
    errors = np.array([[0.001, 0.016, 0.03], [0.009, 0.012, 0.016]])
    samples = np.array([[8, 8, 512], [8, 8, 64]], np.int32)
    np.testing.assert_array_equal(wanted(errors, samples, 0.0137, 1024), [[0, 8, 0], [0, 8, 0]])
    np.testing.assert_array_equal(wanted(errors, samples, 0.0125, 1024), [[0, 8, 0], [8, 8, 0]])


def test_a_picture_far_off_gets_more_but_where_it_is_calm_and_none_beyond_the_cap():
    errors, samples = np.full((2, 2), 0.05), np.array([[8, 8], [60, 100]], np.int32)
    np.testing.assert_array_equal(wanted(errors, samples, 0.01, 100), [[24, 24], [40, 0]])
    calm = np.array([[0.05, 0.004], [0.05, 0.05]])
    np.testing.assert_array_equal(wanted(calm, samples, 0.01, 100), [[24, 0], [40, 0]])
    assert not wanted(errors, np.full((2, 2), 100, np.int32), 0.01, 100).any()
    assert not wanted(errors, np.full((2, 2), 100, np.int32), 0.04, 100).any()


def test_a_picture_nearly_there_is_not_mended_tile_by_tile():
    """Every round costs two runs of the denoiser: some gain is aimed at even where hardly any is missing."""
    errors, samples = np.full((10, 10), 0.0101), np.full((10, 10), 8, np.int32)
    assert 25 <= (wanted(errors, samples, 0.01, 1024) > 0).sum() <= 50


def test_only_the_picture_without_its_border_is_asked_to_agree(flat, view, monkeypatch):
    """Tiles on the border count for the five pixels beyond too; what is missing is told by what is judged."""
    asked = []
    monkeypatch.setattr(reference, "wanted", lambda errors, *rest: asked.append(errors.mean()) or wanted(errors, *rest))
    taken = ReferenceRenderer(Tracer(flat, 2), "digest", 1.0).take(
        view, seed=3, agreement=Agreement(ssim=0.99, samples=4, most_samples=16)
    )
    assert not taken.agrees and len(asked) >= 2
    assert asked[-1] == pytest.approx(1 - taken.ssim)


def test_an_adaptive_reference_is_as_good_as_a_uniform_one_that_costs_more(flat, view):
    """The whole point: the same agreement, and the same distance to the truth, for fewer samples."""
    renderer = ReferenceRenderer(Tracer(flat, 2), "digest", 1.0)
    adaptive = renderer.take(view, seed=3, agreement=Agreement(ssim=0.99, samples=4, most_samples=256))
    assert adaptive.agrees and adaptive.samples.max() > adaptive.samples.min()
    average = round(adaptive.samples.mean())
    uniform = renderer.take(view, seed=3, agreement=Agreement(ssim=0.0, samples=average, most_samples=256))
    assert uniform.ssim < 0.99, "a uniform picture with as many samples does not agree"
    truth = to_display(renderer.take(view, seed=9, agreement=Agreement(0.0, 1024, 1024)).color, 1.0)
    adaptive_db, uniform_db = (compare(truth, to_display(taken.color, 1.0)).psnr_db for taken in (adaptive, uniform))
    assert adaptive_db > uniform_db


def test_an_asset_is_shown_with_the_noise_of_its_source(flat, view):
    """The same samples everywhere: an asset that changed nothing shows the very same picture."""
    renderer = ReferenceRenderer(Tracer(flat, 2), "digest", 1.0)
    agreement = Agreement(ssim=0.985, samples=4, most_samples=1024)
    reference = renderer.take(view, seed=3, agreement=agreement)
    asset = ReferenceRenderer(Tracer(flat, 1), "other", 1.0).take(view, seed=3, agreement=agreement, like=reference)
    np.testing.assert_array_equal(asset.color, reference.color)
    assert asset.samples.shape == (-(-76 // TILE_PX), -(-90 // TILE_PX))
