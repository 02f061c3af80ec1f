"""`RayCaster` against its NumPy twin, and what hostile rays and triangles do to it: nothing."""

import numpy as np
import pytest

from nightproof.kernels import rays_reference
from nightproof.kernels.rays import RayCaster


@pytest.fixture
def soup():
    rng = np.random.default_rng(7)
    centres = rng.uniform(-2, 2, (200, 1, 3))
    positions = (centres + rng.normal(0, 0.3, (200, 3, 3))).reshape(-1, 3).astype(np.float32)
    return positions, np.arange(600, dtype=np.uint32).reshape(-1, 3)


@pytest.fixture
def rays():
    rng = np.random.default_rng(8)
    directions = rng.normal(size=(3000, 3))
    return rng.uniform(-3, 3, (3000, 3)), directions / np.linalg.norm(directions, axis=1, keepdims=True)


def test_closest_is_what_the_reference_finds(soup, rays):
    hits = RayCaster(*soup, threads=2).closest(*rays)
    distance, triangle, uv = rays_reference.closest(*soup, *rays)
    same = hits.triangle == triangle
    assert same.mean() > 0.998  # rays through an edge may go either way
    assert (triangle >= 0).mean() > 0.1
    np.testing.assert_allclose(hits.distance_m[same], distance[same], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(hits.uv[same], uv[same], atol=2e-3)


@pytest.mark.parametrize("limit", [0.5, 1.5, np.inf])
def test_occluded_is_whether_closest_finds_something(soup, rays, limit):
    caster = RayCaster(*soup, threads=1)
    met = np.isfinite(caster.closest(*rays, limit).distance_m)
    assert (caster.occluded(*rays, limit) == met).mean() > 0.999
    assert 0 < met.mean() < 1


def test_every_ray_has_its_own_limit(soup, rays):
    caster = RayCaster(*soup)
    free = caster.closest(*rays).distance_m
    near = np.where(np.arange(len(free)) % 2, free * 0.99, free * 1.01)
    cut = caster.closest(*rays, near).distance_m
    met = np.isfinite(free)
    assert np.isinf(cut[met & (np.arange(len(free)) % 2 == 1)]).mean() > 0.99
    np.testing.assert_array_equal(cut[::2], free[::2])


def test_threads_change_nothing(soup, rays):
    one, two = (RayCaster(*soup, threads=n).closest(*rays) for n in (1, 2))
    np.testing.assert_array_equal(one.triangle, two.triangle)
    np.testing.assert_array_equal(one.distance_m, two.distance_m)


def test_hostile_rays_meet_nothing(soup):
    bad = np.array([[0, 0, 0], [np.nan, 0, 1], [np.inf, 0, 0], [0, 0, 1]], np.float64)
    origins = np.zeros((4, 3))
    origins[3, 0] = np.nan
    caster = RayCaster(*soup)
    assert (caster.closest(origins, bad).triangle == -1).all()
    assert not caster.occluded(origins, bad).any()


def test_hostile_triangles_are_never_met(rays):
    positions = np.array([[0, 0, 0], [1, 0, 0], [np.nan, 1, 0], [np.inf, 0, 0], [0, 0, 0]], np.float32)
    triangles = np.array([[0, 1, 2], [0, 1, 3], [0, 0, 0], [0, 1, 4]], np.uint32)
    assert (RayCaster(positions, triangles).closest(*rays).triangle == -1).all()


def test_no_triangles_no_rays(rays, soup):
    empty = RayCaster(np.zeros((0, 3)), np.zeros((0, 3), np.uint32))
    assert not empty.occluded(*rays).any()
    none = np.zeros((0, 3))
    assert len(RayCaster(*soup).closest(none, none).triangle) == 0


def test_an_index_outside_is_refused(soup):
    with pytest.raises(ValueError, match="triangle index 600"):
        RayCaster(soup[0], np.array([[0, 1, 600]], np.uint32))
