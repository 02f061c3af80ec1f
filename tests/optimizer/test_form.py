"""Form has a curvature and needs so many triangles, however finely or in whatever order it is cut."""

from dataclasses import replace

import numpy as np
import pytest
from forms import flat_of, plane, sphere

from nightproof.optimizer.features.curvature import curvature_of
from nightproof.optimizer.features.simplification import ERRORS, _collapsed, simplify_trial
from nightproof.optimizer.features.surface import surface_of
from nightproof.optimizer.features.topology import topology_of
from nightproof.scenes.flat import FlatScene


def bend(flat: FlatScene):
    surface = surface_of(flat)
    return curvature_of(surface, topology_of(surface).edges)


@pytest.mark.parametrize("rings", [24, 48, 96])
def test_a_sphere_has_the_curvature_of_a_sphere_however_finely_it_is_cut(rings):
    """Radius 1 in a box of diagonal √12: |H| · diagonal = √12."""
    assert bend(sphere(rings)).mean == pytest.approx(12**0.5, rel=0.03)
    assert bend(sphere(rings)).smooth == pytest.approx(bend(sphere(rings)).mean)


def test_a_plane_is_flat_and_a_crease_is_no_curve():
    assert bend(plane(8)).mean == 0
    folded = plane(2)
    folded.positions[folded.positions[:, 0] > 0.6, 1] = 0.5
    assert bend(folded).mean > 0
    assert bend(folded).smooth == 0


def test_small_bends_are_strong_and_large_ones_are_not():
    large, tiny = sphere(24), sphere(24)
    both = np.concatenate([large.positions, tiny.positions * np.float32(0.02) + np.float32([1.5, 0, 0])])
    together = flat_of(both, np.concatenate([large.triangles, tiny.triangles + len(large.positions)]))
    assert bend(large).strong_share == 0
    assert bend(together).strong_share == pytest.approx(0.02**2, rel=0.2)


def trial(flat: FlatScene):
    surface = surface_of(flat)
    return simplify_trial(surface, topology_of(surface))


def test_a_plane_needs_two_triangles():
    assert trial(plane(32)).share[0] <= 8 / (2 * 32 * 32)


def test_coarser_levels_keep_fewer_triangles_and_round_form_more_than_flat_form():
    shares = trial(sphere(64)).share
    assert 1 > shares[0] > shares[1] > shares[2] > 0
    assert shares[0] > 5 * trial(plane(64)).share[0]


def test_what_is_left_stays_within_the_stated_error():
    """Of a sphere, vertices stay where they are; the farthest point of a chord of a triangle lies within the error."""
    surface = surface_of(sphere(96))
    topology = topology_of(surface)
    kept = _collapsed(topology.vertices.reshape(-1).astype(np.uint32), topology.positions.astype(np.float32), ERRORS[0])
    middles = topology.positions[kept.reshape(-1, 3)].mean(axis=1)
    sagitta = 1 / 12**0.5 - np.linalg.norm(middles, axis=1)
    assert len(kept) < 0.5 * topology.vertices.size
    assert np.quantile(sagitta, 0.99) < 2 * ERRORS[0]


def test_the_error_is_one_of_the_scene_and_not_of_the_part():
    surface = surface_of(sphere(48))
    topology = topology_of(surface)
    indices, positions = topology.vertices.reshape(-1).astype(np.uint32), topology.positions.astype(np.float32)
    tiny = _collapsed(indices, positions * np.float32(0.01), ERRORS[0])
    assert len(tiny) < 0.2 * len(_collapsed(indices, positions, ERRORS[0]))


def test_parts_are_counted_apart():
    ball, floor = sphere(32), plane(32)
    both = np.concatenate([ball.positions, floor.positions - np.float32([3, 0, 0])])
    flat = flat_of(both, np.concatenate([ball.triangles, floor.triangles + len(ball.positions)]))
    surface = surface_of(flat)
    topology = topology_of(surface)
    found = simplify_trial(surface, topology)
    assert len(found.finest) == 2
    on_the_floor = topology.component[np.abs(surface.normals[:, 1]) > 0.9999][0]
    assert found.finest[on_the_floor] < 0.02 < found.finest[1 - on_the_floor]


def test_order_units_and_split_leave_the_trial_alone():
    one = sphere(40)
    order = np.random.default_rng(1).permutation(len(one.triangles))
    soup = flat_of(one.positions[one.triangles].reshape(-1, 3), np.arange(3 * len(one.triangles)).reshape(-1, 3))
    for other in (replace(one, triangles=one.triangles[order]), soup, replace(one, positions=one.positions * 100)):
        assert trial(other).share == pytest.approx(trial(one).share, abs=0.02)
