"""Who is to blame where a picture lost something: what is at a pixel, behind glass, or right beside."""

from __future__ import annotations

import numpy as np
import pytest
from test_sight import two_balls

from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.decoded import Decoded
from nightproof.pipelines.packing.sight import VIEWS, Sight
from nightproof.pipelines.packing.tolerances import SHAPE_PX, Tolerances
from nightproof.pipelines.packing.viewpoint import (
    AT_EDGES,
    CELLS,
    FIRST,
    PIXELS,
    SIDE_PX,
    SURFACE,
    _chosen,
    _each_once,
    _edges,
)
from nightproof.rendering.display import to_display
from nightproof.rendering.preview import Previewer
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import split_glb
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.views import ViewSampler

ASKED = 6.0
"""Mean squared error that would be allowed."""


def ball_in_glass(scale: float) -> bytes:
    document = parse_glb(two_balls((1.0, scale)))
    glass = {"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": [1, 1, 1, 0.15]}}
    document.json["materials"].append(glass)
    primitive = dict(document.json["meshes"][0]["primitives"][0], material=1)
    document.json["meshes"][0] = {"name": "glass", "primitives": [primitive]}
    document.json["nodes"][1]["translation"] = [0, 0, 0]
    return write_glb(document.json, split_glb(document.file_bytes)[1])


def sight_of(source: bytes) -> Sight:
    document = parse_glb(source)
    flat = flatten(document, named_environment("studio"))
    rays = RayCaster(flat.positions, flat.triangles, 1)
    return Sight(flat, ViewSampler(flat, rays, SIDE_PX, SIDE_PX), Decoded(document, flat))


def evenly(part) -> float:
    return 1.0


@pytest.fixture(scope="module")
def in_glass():
    """Its own look, and one where the ball inside is smaller."""
    sight = sight_of(ball_in_glass(0.5))
    return sight, sight.look_with([], [0]), sight.look(ball_in_glass(0.45), ASKED)


def test_what_shows_through_glass_is_blamed_as_much_as_the_glass(in_glass):
    sight, same, moved = in_glass
    parts = sight.blame_parts(0, same, moved, evenly)
    assert parts[1, 0] > 0.5 * parts[0, 0] > 0
    assert sum(parts.values()) == pytest.approx(sight.errors(moved)[0], rel=0.02)


def test_who_lost_next_to_nothing_is_not_to_blame_where_others_show(in_glass):
    sight, same, moved = in_glass
    parts = sight.blame_parts(0, same, moved, lambda part: 1e-3 if part == (0, 0) else 1.0)
    even = sight.blame_parts(0, same, moved, evenly)
    assert parts[0, 0] < 0.3 * even[0, 0] and sum(parts.values()) == pytest.approx(sum(even.values()))


def test_what_moves_in_front_of_nothing_is_blamed():
    """The second ball moves a pixel or so: where it comes to be, there was only background."""

    def beside(x: float) -> bytes:
        document = parse_glb(two_balls((1.0, 1.0)))
        document.json["nodes"][1]["translation"] = [x, 0, 0]
        return write_glb(document.json, split_glb(document.file_bytes)[1])

    sight = sight_of(beside(3.0))
    same, moved = sight.look_with([], range(VIEWS)), sight.look(beside(3.004), 0.0)
    errors = {view: error for view, error in sight.errors(moved).items() if error > 0}  # others see the first ball
    assert len(errors) > VIEWS / 2
    for view, error in errors.items():
        parts = sight.blame_parts(view, same, moved, evenly)
        assert sum(parts.values()) == pytest.approx(error, rel=0.05)
        assert parts[1, 0] > 0.9 * error


def test_a_part_is_suspected_the_less_the_less_it_may_lose():
    part = (0, 0)
    usual, told = Tolerances(), [Tolerances().with_shape(part, 0.5), Tolerances().with_shape(part, 0.0)]
    told.append(told[1].with_bits(part, 1 / 16))
    told.append(Tolerances().unharmed(part))
    suspicions = [tolerances.suspicion(part) for tolerances in (usual, *told)]
    assert suspicions == sorted(suspicions, reverse=True) and len(set(suspicions)) == 5
    assert usual.suspicion(part) == pytest.approx(1.1) and 0 < suspicions[-1] < 1e-3 and usual.shape_px == SHAPE_PX


def test_an_instance_counts_once_at_a_pixel():
    rows = np.array([[3, 1, -1], [3, 2, 4], [-1, 1, 4], [3, 2, -1]])
    assert _each_once(rows).tolist() == [[3, 1, -1], [-1, 2, 4], [-1, -1, -1], [-1, -1, -1]]


def test_views_that_lost_little_are_looked_at_less_closely():
    source = two_balls((1.0, 1.0))
    sight = sight_of(source)
    same = sight.look(source, ASKED)
    assert {len(shown.color) for shown in same.values()} == {FIRST} and max(sight.errors(same).values()) == 0
    shrunk = sight.look(two_balls((0.9, 0.9)), ASKED)
    all_of_them = {number: len(view._places) for number, view in enumerate(sight._views)}
    assert {number: len(shown.color) for number, shown in shrunk.items()} == all_of_them
    assert FIRST < min(all_of_them.values()) <= max(all_of_them.values()) == PIXELS
    roughly = sight.look(two_balls((0.9, 0.9)), 1e4)
    assert {len(shown.color) for shown in roughly.values()} == {FIRST}


def test_edges_are_where_something_else_shows_or_the_same_is_turned():
    instances = np.full((2, CELLS * CELLS), -1)
    normals = np.zeros((2, CELLS * CELLS, 3), np.float32)
    picture, facing = instances.reshape(2, CELLS, CELLS), normals.reshape(2, CELLS, CELLS, 3)
    picture[0, :, 50:], facing[0, :, 50:] = 0, (0, 0, 1)  # a wall
    facing[0, :, 90:] = (0, 0.6, 0.8)  # that turns by 37°
    facing[0, :, 130:] = (0, -0.6, -0.8)  # and is seen from behind
    picture[1, 20, 60] = 1  # a speck behind glass
    edges = _edges(instances, normals).reshape(CELLS, CELLS)
    assert np.flatnonzero(edges[100]).tolist() == [49, 50, 89, 90]
    assert np.argwhere(edges[18:23, 58:63]).tolist() == [[1, 2], [2, 1], [2, 2], [2, 3], [3, 2]]


def test_the_error_of_chosen_pixels_is_that_of_the_picture():
    """More are looked at at edges: they count for less."""
    before, after = two_balls((1.0, 1.0)), two_balls((0.97, 0.97))
    sight = sight_of(before)
    chosen = sight.errors(sight.look(after, ASKED))
    flats = [flatten(parse_glb(data), named_environment("studio")) for data in (before, after)]
    ratios = []
    for number, view in enumerate(sight._views[:6]):
        one, other = (Previewer(flat).picture(view.camera) for flat in flats)
        seen = (one.coverage > SURFACE) | (other.coverage > SURFACE)
        shown = [to_display(picture.color, view._exposure).astype(float)[seen] for picture in (one, other)]
        ratios.append(chosen[number] / ((shown[0] - shown[1]) ** 2).mean())
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.1) and min(ratios) > 0.7
    edge, weights = sight._views[0]._edge, sight._views[0].weights(PIXELS)
    assert 0 < weights[edge].max() < 0.5 * weights[~edge].max()


def test_any_first_part_holds_pixels_of_both_kinds():
    random = np.random.default_rng(0)
    kept, edge = np.sort(random.choice(CELLS * CELLS, 9000, replace=False)), random.random(CELLS * CELLS) < 0.3
    chosen = _chosen(kept, edge, random)
    assert len(chosen) == len(set(chosen.tolist())) == PIXELS and set(chosen.tolist()) <= set(kept.tolist())
    for part in (chosen[:FIRST], chosen):
        assert edge[part].mean() == pytest.approx(AT_EDGES, abs=0.01)
    few = kept[:3000]
    assert sorted(_chosen(few, edge, random).tolist()) == few.tolist()
    inside = kept[~edge[kept]]
    assert not edge[_chosen(inside, edge, random)].any() and len(_chosen(inside, edge, random)) == PIXELS
