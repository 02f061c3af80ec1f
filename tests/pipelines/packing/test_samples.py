"""Samples of pictures, and what is foretold from them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from nightproof.pipelines.packing.candidates import Made
from nightproof.pipelines.packing.judge import Judge
from nightproof.pipelines.packing.pack import _pays
from nightproof.pipelines.packing.picture import RIM, SAMPLED, TILE, Picture
from nightproof.pipelines.packing.texture_loss import Loss
from nightproof.pipelines.packing.texture_options import options
from nightproof.pipelines.packing.texture_uses import TextureUse
from nightproof.pipelines.packing.texture_work import Asked, Encoded, Had, Work
from nightproof.pipelines.packing.textures import TextureCoder
from nightproof.pipelines.packing.tolerances import Tolerances

COLOR = TextureUse(frozenset({"color"}), frozenset("rgb"))


def places(height: int, width: int) -> np.ndarray:
    """Each texel says which tile it is of."""
    y, x = np.mgrid[0:height, 0:width] // TILE
    return np.stack([y, x, np.zeros_like(x)], axis=-1).astype(np.uint8)


def cloudy(side: int, seed: int = 0) -> np.ndarray:
    """Smooth and grainy at once, differently from place to place; grain of a few texels, as photographs have."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:side, 0:side] / side
    smooth = np.stack([128 + 90 * np.sin(9 * x + k) * np.cos(7 * y - k) for k in range(3)], axis=-1)
    grain = Image.fromarray(random.integers(0, 256, (side // 3, side // 3), np.uint8)).resize(
        (side, side), Image.Resampling.BICUBIC
    )
    return np.clip(smooth + (np.asarray(grain)[..., None] / 255.0 - 0.5) * (8 + 60 * x[..., None]), 0, 255).astype(
        np.uint8
    )


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG", compress_level=1)
    return stream.getvalue()


def test_small_pictures_are_their_own_sample():
    picture = Picture(places(512, 512))
    assert picture.sample() is picture and picture.parts == 1


@pytest.mark.parametrize(("height", "width"), [(2048, 2048), (1024, 4096), (1000, 1100), (64, 8192)])
def test_samples_are_whole_tiles_from_all_over(height, width):
    picture = Picture(places(height, width))
    sample = picture.sample()
    if min(height, width) < 2 * TILE:
        assert sample is picture
        return
    tiles = (
        sample.pixels.reshape(sample.pixels.shape[0] // TILE, TILE, -1, TILE, 3).swapaxes(1, 2).reshape(-1, TILE**2, 3)
    )
    assert (tiles == tiles[:, :1]).all() and sample.size <= SAMPLED
    taken = {tuple(tile[0, :2]) for tile in tiles.tolist() for tile in [np.array(tile)]}
    down, across = height // TILE, width // TILE
    assert len(taken) >= 0.9 * len(tiles)
    for quarter in ((y, x) for y in (0, 1) for x in (0, 1)):
        there = [t for t in taken if (t[0] * 2 >= down, t[1] * 2 >= across) == (bool(quarter[0]), bool(quarter[1]))]
        assert len(there) >= len(taken) / 8
    assert sample.parts == pytest.approx(down * across / len(tiles))


def test_samples_are_of_what_is_shown_and_their_edges_count_for_nothing():
    shown = np.zeros((2048, 2048), bool)
    shown[:1024, :512] = True
    sample = Picture(places(2048, 2048), shown).sample()
    assert (sample.pixels[..., 0] < 16).all() and (sample.pixels[..., 1] < 8).all() and sample.parts == 2
    assert (
        sample.shown is not None
        and not sample.shown[:RIM].any()
        and sample.shown[RIM : TILE - RIM, RIM : TILE - RIM].all()
    )
    assert sample.shown.mean() == pytest.approx(((TILE - 2 * RIM) / TILE) ** 2)


def test_a_sample_is_seen_as_the_picture_is():
    assert Picture(places(2048, 2048)).sample().each == 2 == Picture(places(2048, 2048)).each
    assert Picture(places(512, 512)).each == 1


def coder(pixels: np.ndarray, least_db: float = 36) -> TextureCoder:
    return TextureCoder(png(pixels), Work(COLOR), Loss(color_psnr_db=least_db))


def test_a_sample_foretells_what_the_whole_keeps():
    size = coder(cloudy(1024))._sizes[0]
    for quality in (65, 80, 95):
        (taken, lost), (data, whole) = size.lossy_sample(quality), size.lossy(quality)
        assert abs(lost.color_psnr_db - whole.color_psnr_db) < 1.0
        assert 0.5 < taken * size.sample.parts / len(data) < 2


def test_options_keep_more_and_the_coder_comes_near_them():
    one = coder(cloudy(1024))
    found = one.encoded()
    assert found.data
    every = one.options(None, found)
    assert every and all(option.kept_db > found.kept_db and option.bytes > 0 for option in every)
    lossy = sorted(option for option in every if option.kept_db < found.kept_db + 6)
    wanted = lossy[len(lossy) // 2]
    made = one.encoded(Asked(wanted.kept_db, found.kept_db, found.had))
    assert made.data and made.kept_db >= wanted.kept_db - 0.2
    assert 0.5 < len(made.data) / wanted.bytes < 2


def test_what_a_smaller_size_kept_tells_nothing_of_this_one():
    one = coder(cloudy(512))
    foreign = Asked(1.0, 0.0, (Had(64 * 64, 60, -30.0),))
    assert one.encoded(foreign) == one.encoded(Asked(1.0, 0.0))


def test_options_come_to_no_more_than_halving_left():
    """A smooth picture comes back from a smaller one, but only so well."""
    y, x = np.mgrid[0:512, 0:512] / 512
    smooth = np.stack([128 + 100 * np.sin(5 * x), 128 + 100 * np.cos(4 * y), 255 * x], axis=-1).astype(np.uint8)
    one = TextureCoder(png(smooth), Work(COLOR, spare=1.0), Loss())
    assert len(one._sizes) > 1
    small, found = one._sizes[-1], one.encoded()
    of_small = options([small], Loss(), found)
    assert max(option.kept_db for option in of_small) <= small.slack_db
    assert max(option.kept_db for option in options(one._sizes, Loss(), found)) > small.slack_db


def test_a_part_that_has_nothing_left_to_give_is_offered_nothing():
    """Else it would be told to give way again and again, and nothing would come of it."""
    judge, part = Judge.__new__(Judge), (0, 0)
    judge._triangles = {part: 100}
    made = Made({}, {}, {}, lambda image: ())
    spent = Tolerances().unharmed(part).unharmed(part)
    assert spent.spent(part)
    assert len(judge._claim(("part", part), spent, made, {0: 9.0}).options) == 1
    assert len(judge._claim(("part", part), Tolerances(), made, {0: 9.0}).options) > 1


@given(st.floats(0.1, 5), st.floats(-9, 9), st.floats(-9, 9))
def test_looser_tolerances_ask_for_just_so_much_less(less_db, one_db, other_db):
    tight = Tolerances(of_image={0: Asked(one_db, 0.0), 3: Asked(other_db, -1.0)})
    loose = tight.looser(less_db, {})
    for image, asked in tight.of_image.items():
        assert loose.of_image[image].stricter_db == pytest.approx(asked.stricter_db - less_db, abs=0.051)
        assert loose.of_image[image].above_db == asked.above_db


def test_parts_that_nothing_came_of_are_left_unharmed_at_once():
    before = Tolerances().with_bits((1, 0), 0.5)
    after = before.with_bits((0, 0), 0.8).with_shape((0, 1), 0.5)
    at_once = after.at_once(before)
    for part in ((0, 0), (0, 1)):
        assert at_once.shape_of(part) == 0 and at_once.more_bits[part] >= after.more_bits.get(part, 0) + 4
    assert at_once.more_bits[1, 0] == before.more_bits[1, 0] and at_once.shape_of((1, 0)) > 0
    assert at_once.at_once(after).spent((0, 0))


def test_parts_that_show_a_little_each_give_way_together():
    judge, parts = Judge.__new__(Judge), ((0, 0), (1, 0), (2, 0))
    judge._triangles = dict.fromkeys(parts, 100)
    made = Made({}, {}, {(1, 0): 0.5}, lambda image: ())
    claim = judge._claim_of_parts(parts, Tolerances(), made, {0: 9.0})
    alone = [judge._claim(("part", part), Tolerances(), made, {0: 3.0}) for part in parts]
    assert claim.options[0].bytes == pytest.approx(sum(each.options[0].bytes for each in alone))
    tighter = judge._tightened(Tolerances(), made, {("parts", parts): claim}, {("parts", parts): 0.2})
    assert all(tighter.tightened(part) for part in parts)
    assert tighter.shape_of((1, 0)) == pytest.approx(0.2 * Tolerances().shape_px) and tighter.shape_of((0, 0)) == 0


@pytest.mark.parametrize("quality, asked, pays", [(90, True, True), (None, True, False), (90, False, False)])
def test_a_step_back_is_made_where_images_with_qualities_are_worth_it(quality, asked, pays):
    images = {0: Encoded(bytes(60_000), 3.0, quality), 1: Encoded(bytes(900), 3.0, 90)}
    made = Made({}, images, {}, lambda image: ())
    looser = Tolerances(of_image={0 if asked else 1: Asked(2.0)})
    assert _pays(looser, made, 1.0, 100_000) is pays
    assert not _pays(looser, made, 0.05, 100_000)
