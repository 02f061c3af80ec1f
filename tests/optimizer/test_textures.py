"""A texture is as large as it needs to be where less would show, and is said to be too large where it would not."""

from dataclasses import replace

import numpy as np
import pytest
from forms import flat_of

from nightproof.optimizer.features.shading import shading_cost
from nightproof.optimizer.features.surface import surface_of
from nightproof.optimizer.features.texel_loss import BEST_DB, KEEP_DB, KEEP_WORST_DB, smaller_size
from nightproof.optimizer.features.textures import measure_textures
from nightproof.scenes.flat import Clearcoat, Material, Texture, TextureUse, Wrap
from nightproof.scenes.uv_cover import GRID, uv_cover

ALL = np.ones((GRID, GRID), bool)


def smooth(side=256):
    ramp = np.linspace(40, 200, side).astype(np.uint8)
    return np.stack(
        [np.tile(ramp, (side, 1)), np.tile(ramp[:, None], (1, side)), *np.full((2, side, side), 255)], 2
    ).astype(np.uint8)


def noise(side=256):
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 4), np.uint8)
    pixels[..., 3] = 255
    return pixels


def test_a_smooth_texture_can_shrink_and_noise_cannot():
    found = smaller_size(smooth(), ALL, excess=1.0)
    assert found.halvings >= 3
    assert KEEP_DB <= found.seen_db < BEST_DB and found.worst_db >= KEEP_WORST_DB
    assert smaller_size(noise(), ALL, excess=1.0).halvings == 0


def test_lettering_on_a_plain_ground_keeps_its_size():
    pixels = np.full((1024, 1024, 4), 255, np.uint8)
    pixels[500:512, 500:512] = noise(12)  # on average 49 dB are left at half the size, in its block 20
    assert smaller_size(pixels, ALL, excess=1.0).halvings == 0


def test_what_no_surface_shows_does_not_hold_a_texture_large():
    pixels, left = smooth(), ALL.copy()
    pixels[:, 128:] = noise()[:, 128:]
    left[:, GRID // 2 - 8 :] = False
    assert smaller_size(pixels, ALL, excess=1.0).halvings == 0
    assert smaller_size(pixels, left, excess=1.0).halvings > 0


@pytest.mark.parametrize(("excess", "halvings"), [(1.9, 0), (2.0, 1), (4.5, 2), (0.3, 0)])
def test_texels_finer_than_a_view_can_tell_apart_can_go_even_from_noise(excess, halvings):
    found = smaller_size(noise(), ALL, excess)
    assert found.halvings == halvings
    if halvings:
        assert found.seen_db == BEST_DB
        assert found.close_db < 20


def triangles(*corners):
    return np.array(corners, np.float64)


def test_the_covered_share_is_the_area_of_the_triangles():
    half = triangles([[0, 0], [1, 0], [0, 1]])
    for wrap in Wrap:
        assert uv_cover(half, wrap, wrap).mean() == pytest.approx(0.5, abs=0.02)
    assert uv_cover(np.zeros((0, 3, 2)), Wrap.REPEAT, Wrap.REPEAT).mean() == 0


def test_repeats_and_mirrors_fall_where_the_sampler_puts_them():
    beyond = triangles([[1.0, 0], [1.25, 0], [1.0, 1]], [[1.25, 0], [1.25, 1], [1.0, 1]])
    repeated, mirrored = uv_cover(beyond, Wrap.REPEAT, Wrap.REPEAT), uv_cover(beyond, Wrap.MIRROR, Wrap.REPEAT)
    assert repeated[:, : GRID // 4].all() and not repeated[:, GRID // 2 : -2].any()
    assert mirrored[:, -GRID // 4 :].all() and not mirrored[:, 2 : GRID // 2].any()
    assert uv_cover(beyond * [10, 1], Wrap.REPEAT, Wrap.REPEAT).mean() == pytest.approx(1.0, abs=0.02)
    assert uv_cover(np.full((1, 3, 2), np.nan), Wrap.REPEAT, Wrap.REPEAT).shape == (GRID, GRID)


def test_many_triangles_cover_what_each_run_of_them_covers(monkeypatch):
    corners = np.random.default_rng(4).random((200, 1, 2)) * 2
    uv = corners + np.random.default_rng(5).random((200, 3, 2)) * 0.02
    whole = uv_cover(uv, Wrap.REPEAT, Wrap.MIRROR)
    monkeypatch.setattr("nightproof.scenes.uv_cover.RUN", 7)
    np.testing.assert_array_equal(uv_cover(uv, Wrap.REPEAT, Wrap.MIRROR), whole)
    assert 0.02 < whole.mean() < 0.9
    uv[150] = [[0, 0], [9, 0], [0, 0.1]]
    assert uv_cover(uv, Wrap.REPEAT, Wrap.MIRROR).all(), "one that spans too many repeats may show everything"


def textured(*textures, uv=((0, 0), (0.5, 0), (0.5, 0.5), (0, 0.5)), size=1.0):
    """A square for each texture, side by side."""
    square = np.float32([[0, 0, 0], [0, 0, 1], [1, 0, 1], [1, 0, 0]]) * size
    count = len(textures)
    positions = np.concatenate([square + np.float32([2 * size * i, 0, 0]) for i in range(count)])
    flat = flat_of(positions, np.concatenate([np.uint32([[0, 1, 2], [0, 2, 3]]) + 4 * i for i in range(count)]))
    materials = tuple(Material(name=f"m{i}", base_color_texture=TextureUse(i)) for i in range(count))
    return replace(
        flat, uv0=np.tile(np.float32(uv), (count, 1)), materials=materials, textures=tuple(textures),
        triangle_material=np.repeat(np.arange(count, dtype=np.uint32), 2),
    )  # fmt: skip


def measured(flat, needed=4096.0):
    return measure_textures(flat, surface_of(flat), needed)


def test_facts_of_one_image_come_out_as_computed_by_hand():
    (found,) = measured(textured(Texture(noise(), True, name="bark")))
    assert (found.name, found.width_px, found.roles, found.materials) == ("bark", 256, ("base colour",), (0,))
    assert found.unused_share == pytest.approx(0.75, abs=0.02)
    # Half of 256 texels along a side of 1 / √2 of the diagonal.
    assert found.texels_per_diagonal[1] == pytest.approx(128 * 2**0.5, rel=1e-3)
    assert found.gpu_bytes == pytest.approx(256 * 256 * 4 * 4 / 3)
    assert found.opaque and not found.constant and found.same_as == -1


def test_constants_and_duplicates_are_found_and_a_shared_image_is_none():
    plain = Texture(np.full((64, 64, 4), 7, np.uint8), True)
    one, two = Texture(noise(), True), Texture(noise(), False)
    found = measured(textured(plain, one, two, Texture(one.pixels, False)))
    assert sum(it.constant for it in found) == 1
    assert [it.texture for it in found if it.same_as >= 0] == [2]
    assert len(found) == 3


def test_a_texture_far_finer_than_any_view_shrinks_by_what_it_is_too_fine():
    (found,) = measured(textured(Texture(noise(512), True), uv=((0, 0), (1, 0), (1, 1), (0, 1))), needed=100.0)
    assert found.smaller.halvings == 2  # 724 texels along the diagonal of which 100 can be seen: two halvings keep 181


def test_shading_costs_add_up():
    assert shading_cost(Material(), 0) == 1.0
    assert shading_cost(Material(unlit=True), 1) == pytest.approx(0.5)
    coated = Material(clearcoat=Clearcoat(1.0), normal_texture=TextureUse(0), double_sided=True)
    assert shading_cost(coated, 1) == pytest.approx((1 + 0.1 + 0.15 + 0.5) * 1.2)
    assert shading_cost(Material(transmission=1.0, alpha_mode="BLEND"), 0) == pytest.approx(2.5 * 1.5)
