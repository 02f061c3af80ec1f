"""Pages as they are shown: sharp after bilinear lookup, small, and honest about what compression cost."""

import io

import numpy as np
import pytest
from PIL import Image

from nightproof.kernels.bake import cover
from nightproof.pipelines.baking import pipeline
from nightproof.pipelines.baking.asset import Picture
from nightproof.pipelines.baking.atlas import AtlasImpossible, Page
from nightproof.pipelines.baking.detail import bilinear, sharpened
from nightproof.pipelines.baking.encode import QUALITIES, decode, encode_display, encoded, page_loss
from nightproof.pipelines.baking.smooth import NARROW_PX, SPECK, narrow_texels, smooth, without_specks
from nightproof.rendering.display import to_display


def grain(height, width, seed=1):
    rng = np.random.default_rng(seed)
    smooth = np.linspace(0.2, 0.7, width)[None, :, None] * np.array([1.0, 0.8, 0.6])
    return (smooth + 0.04 * rng.standard_normal((height, width, 3))).clip(0, 1).astype(np.float32)


@pytest.mark.parametrize("wave_px", [4.0, 6.0, 12.0])
def test_a_sharpened_texel_grid_shows_waves_at_the_height_they_have(wave_px):
    """Texels hold means over their squares; what a pixel shows is a mean over bilinear lookups."""
    x = np.arange(96) + 0.5
    half = np.pi / wave_px
    height = np.sin(half) / half  # of the mean over a texel's width
    texels = (0.5 + 0.3 * height * np.cos(2 * np.pi * x / wave_px)).astype(np.float32)
    image = np.repeat(texels[None, :, None], 5, axis=0)
    at = np.stack([24 + 48 * np.arange(4000) / 4000, np.full(4000, 2.5)], axis=1).astype(np.float32)

    def contrast(shown):
        wave = np.exp(2j * np.pi * at[:, 0] / wave_px)
        return 2 * abs(np.mean((bilinear(shown, at)[:, 0] - 0.5) * wave)) / 0.3

    plain = contrast(image)
    sharp = contrast(sharpened(image, np.ones((5, 96), bool)))
    assert abs(sharp - 1) < 0.35 * abs(plain - 1)


def test_sharpening_never_looks_past_the_border_of_what_is_known():
    image = grain(12, 12)
    known = np.zeros((12, 12), bool)
    known[3:9, 3:9] = True
    changed = np.where(known[..., None], image, 77.0).astype(np.float32)
    np.testing.assert_array_equal(sharpened(image, known)[known], sharpened(changed, known)[known])
    assert (sharpened(changed, known)[~known] == 77).all()


def ladder(image, known):
    """Every file that could be written: its bytes and its loss."""
    wanted = to_display(image, 1.0)
    files = [encoded(wanted, kind, quality) for kind, qualities in QUALITIES.items() for quality in qualities]
    return [(len(data), page_loss(wanted, decode(data), known)) for data in files]


@pytest.mark.parametrize("allowed", [0.05, 0.02, 0.01, 0.005, 0.002])
def test_compression_takes_the_fewest_bytes_that_lose_no_more_than_they_may(allowed):
    image, known = grain(96, 128), np.ones((96, 128), bool)
    files = ladder(image, known)
    data, lost = encode_display(image, known, 1.0, 10**9, allowed)
    assert (len(data), lost) in files
    good = [size for size, loss in files if loss <= allowed]
    assert len(data) == (min(good) if good else min(files, key=lambda file: file[1])[0])


def test_compression_takes_the_best_that_fits_and_none_if_nothing_does():
    image, known = grain(96, 128), np.ones((96, 128), bool)
    files = ladder(image, known)
    for budget, _ in files:
        data, lost = encode_display(image, known, 1.0, budget, 0.0)
        assert len(data) <= budget
        assert lost == min(loss for size, loss in files if size <= budget)
    assert encode_display(image, known, 1.0, min(size for size, _ in files) - 1, 0.0) is None


def test_what_lies_between_charts_counts_as_lossless():
    image, known = to_display(grain(64, 64), 1.0), np.zeros((64, 64), bool)
    known[:, :32] = True
    other = image.copy()
    other[:, 32:] = 0
    assert page_loss(image, other, known) == 0
    other[10:20, 5:15] = 255
    assert page_loss(image, other, known) > 0.01


@pytest.mark.parametrize(("kind", "mime"), [("WEBP", "image/webp"), ("JPEG", "image/jpeg")])
def test_a_picture_knows_what_it_is(kind, mime):
    data = encoded(np.zeros((16, 16, 3), np.uint8), kind, 90)
    assert Picture(data).mime == mime
    assert Image.open(io.BytesIO(data)).format == kind


def test_a_coarse_atlas_grows_until_thousands_of_small_charts_fit(monkeypatch):
    asked = []

    def pack(surfaces, first, density, *, max_texels, page_px, padding_px):
        asked.append(max_texels)
        if max_texels < 3000:
            raise AtlasImpossible("too many charts")
        return "an atlas"

    monkeypatch.setattr(pipeline, "pack", pack)
    assert pipeline._coarse([], [], np.zeros(0), 1000) == "an atlas"
    assert asked == [1000, 2000, 4000]
    monkeypatch.setattr(pipeline, "COARSE_TEXELS_CAP", 1500)
    with pytest.raises(AtlasImpossible):
        pipeline._coarse([], [], np.zeros(0), 1000)


def test_specks_go_and_lines_edges_and_other_charts_stay():
    light, valid = np.ones((12, 12, 3), np.float32), np.ones((12, 12), bool)
    chart = np.zeros((12, 12), np.int64)
    light[:, 6] = 20  # a line of light through a gap
    light[8:, 8:] = 5  # an edge
    light[3, 3] = [90, 60, 30]
    chart[0, 9:], light[0, 9:] = 1, 0.01  # a dark chart beside
    calm = without_specks(light, valid, chart)
    np.testing.assert_allclose(calm[3, 3], SPECK * np.array([3, 2, 1]) / 3, rtol=1e-5)
    calm[3, 3] = light[3, 3]
    np.testing.assert_array_equal(calm[1:-1], light[1:-1])  # a line's very ends have one neighbour of the line
    np.testing.assert_array_equal(calm[0, 9:], light[0, 9:])


def test_a_texel_without_two_neighbours_is_left_alone():
    light, valid = np.full((5, 5, 3), 7, np.float32), np.zeros((5, 5), bool)
    valid[2, 2:4] = True
    light[2, 2] = 50
    np.testing.assert_array_equal(without_specks(light, valid, np.zeros((5, 5), np.int64))[valid], light[valid])


def test_narrow_charts_are_told_by_their_mean_width():
    def rectangle(x, y, width, height):
        return [[x, y], [x + width, y], [x + width, y + height], [x, y + height]]

    boxes = [rectangle(2, 2, 90, NARROW_PX - 2), rectangle(2, 40, 90, NARROW_PX + 3), rectangle(100, 2, 9, 60)]
    corners = np.concatenate([np.array([[0, 1, 2], [0, 2, 3]]) + 4 * k for k in range(3)]).astype(np.uint32)
    chart = np.repeat(np.arange(3, dtype=np.uint32), 2)
    uv = np.array(boxes, np.float32).reshape(-1, 2)
    page = Page(128, 96, uv, corners, np.arange(6, dtype=np.uint32), chart, np.zeros(6, bool))
    found = cover(page.uv_px, page.corners, 128, 96)
    narrow = narrow_texels(page, found)
    owner = chart[found.triangle[found.start[:-1]]]
    assert [bool(narrow[owner == k].all()) for k in range(3)] == [True, False, True]
    assert not narrow[owner == 1].any()


def test_rare_bright_paths_of_a_wide_chart_become_the_light_that_they_stand_for():
    """One texel in twenty holds all of the light, as where paths seldom meet a lamp: dimmed, it would be lost."""
    rng = np.random.default_rng(5)
    light = np.where(rng.random((96, 96, 1)) < 0.05, 20, 0.2).astype(np.float32) * np.ones(3, np.float32)
    whole = np.ones((96, 96), bool)
    calm = smooth(light, np.full((96, 96, 3), 0.96, np.float32), whole, np.zeros((96, 96), np.int64), 1)
    assert calm.mean() == pytest.approx(light.mean(), rel=0.1)
    assert calm[8:-8, 8:-8].std() < 0.5 * calm.mean()
