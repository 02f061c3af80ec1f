"""Geometry that files can hold and nobody models: piles of copies, soups, fans. The work stays bounded, by counts."""

from dataclasses import replace

import meshoptimizer
import numpy as np
import pytest
from forms import flat_of, plane, quads, sphere

from nightproof.optimizer.features import probes
from nightproof.optimizer.features.lighting import POINTS, RAYS, measure_lighting
from nightproof.optimizer.features.probes import LAYERS, LEAST_SHARE, PILED, stage_of
from nightproof.optimizer.features.simplification import CROWD, simplify_trial
from nightproof.optimizer.features.surface import Surface, surface_of
from nightproof.optimizer.features.topology import topology_of
from nightproof.optimizer.features.traced import traced_view_dependence
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
FACES = np.array(
    [[0, 1, 2], [1, 3, 2], [4, 6, 5], [5, 6, 7], [0, 4, 1], [1, 4, 5], [2, 3, 6], [3, 7, 6], [0, 2, 4], [2, 6, 4],
     [1, 5, 3], [3, 5, 7]]
)  # fmt: skip


def cubes(count: int) -> FlatScene:
    """All in one place, each with vertices of its own."""
    return flat_of(np.tile(CUBE, (count, 1)), (8 * np.arange(count)[:, None, None] + FACES).reshape(-1, 3))


def fan(count: int) -> FlatScene:
    angle = 2 * np.pi * np.arange(count) / count
    rim = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    each = np.arange(count)
    return flat_of(np.concatenate([[[0, 0, 0]], rim]), np.stack([0 * each, 1 + each, 1 + (each + 1) % count], axis=1))


def soup(count: int, shared: int = 0) -> FlatScene:
    """Large triangles at random, with vertices of their own or among `shared` ones."""
    random = np.random.default_rng(5)
    corners = random.integers(shared, size=(count, 3)) if shared else np.arange(3 * count).reshape(-1, 3)
    return flat_of(random.random((shared or 3 * count, 3)), corners)


def trial(flat: FlatScene):
    surface = surface_of(flat)
    return simplify_trial(surface, topology_of(surface))


def shuffled(flat: FlatScene) -> FlatScene:
    return replace(flat, triangles=np.random.default_rng(3).permutation(flat.triangles))


def thinned(surface: Surface) -> Surface:
    return stage_of(surface).surface


@pytest.fixture
def handed(monkeypatch):
    """The triangles of every call of meshoptimizer."""
    seen, simplify = [], meshoptimizer.simplify

    def watched(kept, indices, positions, **options):
        assert int(indices.max()) < len(positions)
        seen.append(indices.reshape(-1, 3).copy())
        return simplify(kept, indices, positions, **options)

    monkeypatch.setattr(meshoptimizer, "simplify", watched)
    return seen


@pytest.mark.parametrize(
    "flat", [cubes(2000), fan(6000), soup(20000, shared=40)], ids=["one place", "fan", "shared corners"]
)
def test_no_vertex_that_is_collapsed_is_crowded(flat, handed):
    trial(flat)
    assert handed
    assert max(int(np.bincount(each.reshape(-1)).max()) for each in handed) <= CROWD


def test_copies_in_one_place_are_collapsed_once(handed):
    count = 2000
    piled = trial(cubes(count))
    assert len(np.unique(np.sort(handed[0], axis=1), axis=0)) == len(handed[0])
    assert [len(each) for each in handed] == [12, 12, 12]
    assert piled.share == pytest.approx(np.array(trial(cubes(1)).share) / count)
    assert piled.finest == pytest.approx([1 / count])


def test_a_triangle_a_thousand_times_and_more_needs_one():
    count = 3 * CROWD
    assert trial(flat_of(CUBE[[0, 1, 2]], [[0, 1, 2]] * count)).share == (1 / count,) * 3


def test_a_disc_of_many_sectors_needs_few():
    shares = trial(fan(20 * CROWD)).share
    assert 0 < shares[2] < shares[1] < shares[0] < 0.01


def test_vertices_that_are_not_crowded_are_none_of_this(handed):
    flat = sphere(64)
    trial(flat)
    surface = surface_of(flat)
    assert np.array_equal(handed[0], topology_of(surface).vertices)
    assert len(handed) == 3


@pytest.mark.parametrize("flat", [sphere(48), plane(64), fan(500), cubes(30)], ids=["sphere", "plane", "fan", "few"])
def test_what_people_model_is_not_thinned(flat):
    surface = surface_of(flat)
    assert thinned(surface) is surface
    assert stage_of(surface).share == 1


def test_piles_are_thinned_to_some_layers_and_what_stands_beside_them_stays():
    """Each face of the cubes is a cell of its own, of one layer a copy; the sphere's triangles are far smaller."""
    count, ball = 800, sphere(24)
    pile = cubes(count)
    both = flat_of(
        np.concatenate([pile.positions, ball.positions + np.float32([6, 0, 0])]),
        np.concatenate([pile.triangles, ball.triangles + len(pile.positions)]),
    )
    surface = surface_of(both)
    kept = thinned(surface)
    cubic = kept.triangle < 12 * count
    assert np.count_nonzero(~cubic) == np.count_nonzero(surface.triangle >= 12 * count)
    assert 12 <= np.count_nonzero(cubic) < 12 * count / 5
    assert {tuple(normal) for normal in np.round(kept.normals[cubic])} == {
        tuple(sign * axis) for axis in np.eye(3) for sign in (1, -1)
    }


def test_a_soup_is_thinned_to_the_same_layers_whatever_its_size_and_order():
    small, large = (thinned(surface_of(soup(count))) for count in (20_000, 80_000))
    assert large.count < 1.5 * small.count < 10_000
    assert np.array_equal(thinned(surface_of(shuffled(soup(20_000)))).corners, small.corners)
    place, cells = probes._places(large)
    layers = np.bincount(place, large.areas) / cells**2
    assert LAYERS / 2 < layers.max() <= PILED


def test_a_pile_of_cubes_is_lit_as_one_cube():
    one, many = measure_lighting(cubes(1), surface_of(cubes(1))), measure_lighting(cubes(900), surface_of(cubes(900)))
    for name in ("sky_visibility", "free_space_share", "enclosed_share", "enclosure_up", "depth_complexity"):
        assert getattr(many, name) == pytest.approx(getattr(one, name), abs=0.03), name


def test_a_dense_soup_is_dark_inside_and_the_same_for_any_number_of_threads():
    flat = soup(20_000)
    surface = surface_of(flat)
    one = measure_lighting(flat, surface, threads=1)
    assert one == measure_lighting(flat, surface, threads=2)
    assert one.sky_visibility < 0.05
    sky = named_environment("sky")
    assert traced_view_dependence(flat, surface, sky, 1) == traced_view_dependence(flat, surface, sky, 2)


def test_long_thin_triangles_get_fewer_rays_by_how_many_boxes_overlap(monkeypatch):
    """A tube of many sides that lies askew: every side's box is as large as the tube."""
    shares = [stage_of(surface_of(tube(sides))).share for sides in (500, 4000, 8000, 40_000)]
    assert shares[0] == 1
    assert shares[1] == pytest.approx(2 * shares[2], rel=0.05)
    assert shares[3] >= LEAST_SHARE
    cast, rays = probes.cast, []

    def counted(caster, origins, directions):
        rays.append(len(origins))
        return cast(caster, origins, directions)

    monkeypatch.setattr(probes, "cast", counted)
    flat = tube(8000)
    measure_lighting(flat, surface_of(flat))
    assert rays[0] == round(shares[2] * POINTS) * RAYS


def tube(sides: int) -> FlatScene:
    angle = 2 * np.pi * np.arange(sides + 1) / sides
    ring = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1)
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    return flat_of(np.concatenate([ring, ring + np.array([0, 0, 4])]) @ turn, quads(1, sides))


def test_counts_of_the_trial_do_not_hang_on_the_order_of_a_soup():
    assert trial(shuffled(soup(20_000, shared=40))).share == pytest.approx(trial(soup(20_000, shared=40)).share)
