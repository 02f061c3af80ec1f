"""Charts, packing, cover and filling: where texels lie, before any light."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightproof.kernels.bake import count_cover, cover, pack_charts, touched
from nightproof.pipelines.baking.charts import connected, usable
from nightproof.pipelines.baking.fill import fill

SQUARE = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
TWO = np.array([[0, 1, 2], [0, 2, 3]], np.uint32)


def test_cover_takes_every_texel_that_shares_area_and_no_other():
    found = cover(SQUARE * 3.5 + 0.25, TWO, 8, 8)
    rows, columns = found.texel // 8, found.texel % 8
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(y, x) for y in range(4) for x in range(4)]


def test_cover_stops_at_a_texel_border_that_a_triangle_only_touches():
    assert cover(SQUARE * 2 + 1, TWO, 8, 8).texel.tolist() == [9, 10, 17, 18]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_touched_texels_are_those_of_the_cover(seed):
    rng = np.random.default_rng(seed)
    uv = (rng.normal(size=(60, 2)) * 12 + 16).astype(np.float32)
    corners = rng.integers(0, 60, (40, 3)).astype(np.uint32)  # some with a corner twice: lines
    found = np.flatnonzero(touched(uv, corners, 40, 24))
    assert found.tolist() == cover(uv, corners, 40, 24).texel.tolist()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_centres_on_shared_edges_count_once(seed):
    """A fan round a texel centre: its spokes run through centres, yet none is missed or counted twice."""
    rng = np.random.default_rng(seed)
    rim = np.sort(rng.uniform(0, 2 * np.pi, 9))
    if np.max(np.diff(np.append(rim, rim[0] + 2 * np.pi))) > 3:
        return
    points = np.concatenate([[[8.5, 8.5]], 8.5 + 7 * np.stack([np.cos(rim), np.sin(rim)], axis=1)]).astype(np.float32)
    corners = np.array([[0, 1 + k, 1 + (k + 1) % 9] for k in range(9)], np.uint32)
    counts = count_cover(points, corners, 17, 17)
    assert counts.max() == 1 and counts[8, 8] == 1


@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
@settings(max_examples=40, deadline=None)
def test_packed_charts_keep_their_distance(seed, padding):
    rng = np.random.default_rng(seed)
    count = 30
    uv = rng.uniform(0, [20, 30], (count, 3, 2))
    uv -= uv.min(axis=1, keepdims=True)
    corners = np.arange(3 * count, dtype=np.uint32).reshape(-1, 3)
    flat = uv.reshape(-1, 2).astype(np.float32)
    found = pack_charts(flat, corners, np.arange(count, dtype=np.uint32), count, width=128, height=128, padding=padding)
    assert (found.page >= 0).all()
    placed = flat + np.repeat(found.offset_px, 3, axis=0).astype(np.float32)
    for page in range(found.page.max() + 1):
        owner = np.full((128, 128), -1)
        for chart in np.flatnonzero(found.page == page):
            texels = cover(placed[3 * chart : 3 * chart + 3], TWO[:1], 128, 128).texel.astype(int)
            ys, xs = texels // 128, texels % 128
            for y, x in zip(ys, xs, strict=True):
                # The horizon keeps `padding` free rows, and free columns on every row.
                assert owner[y, max(0, x - padding) : x + padding + 1].max() < 0
                assert owner[max(0, y - padding) : y + padding + 1, x].max() < 0
            owner[ys, xs] = chart


def test_a_chart_larger_than_the_page_is_refused_alone():
    uv = np.concatenate([SQUARE * 200, SQUARE * 5]).astype(np.float32)
    corners = np.concatenate([TWO, TWO + 4])
    found = pack_charts(uv, corners, np.array([0, 0, 1, 1], np.uint32), 2, width=64, height=64, padding=2)
    assert found.page.tolist() == [-1, 0]


@pytest.mark.parametrize("number", [-1, 7])
def test_cover_refuses_corners_that_point_nowhere(number):
    with pytest.raises((IndexError, OverflowError)):
        cover(SQUARE, np.array([[0, 1, number % 2**32]], np.uint32), 8, 8)


def test_an_existing_uv_set_is_usable_only_without_overlaps():
    apart = np.concatenate([SQUARE * 0.4, SQUARE * 0.4 + 0.5]).astype(np.float32)
    corners = np.concatenate([TWO, TWO + 4])
    assert usable(apart, corners)
    assert not usable(np.concatenate([SQUARE, SQUARE * 0.5]).astype(np.float32), corners)
    assert not usable(apart * 3, corners)
    assert not usable(np.zeros_like(apart), corners)


def test_connected_parts_are_numbered_by_first_appearance():
    assert connected(np.array([[9, 8, 7], [0, 1, 2], [2, 3, 4], [7, 5, 6]])).tolist() == [0, 1, 1, 0]


def test_fill_keeps_what_is_known_and_never_mixes_charts_near_them():
    """Two charts five texels apart, a dark one and a lamp: round the dark one everything stays dark."""
    image, known = np.zeros((24, 24, 3), np.float32), np.zeros((24, 24), bool)
    known[8:12, 4:8] = known[8:12, 13:17] = True
    image[8:12, 13:17] = 1000
    image[8:12, 4:8] = 1
    filled = fill(image, known)
    np.testing.assert_array_equal(filled[known], image[known])
    np.testing.assert_allclose(filled[6:14, 2:10], 1)
    assert (filled > 0).all()
