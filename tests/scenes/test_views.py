"""Random cameras: the same for everyone, clear of surfaces, with something to see."""

from __future__ import annotations

import numpy as np
import pytest

from nightproof.kernels.rays import RayCaster
from nightproof.scenes.flatten import flatten
from nightproof.scenes.free_space import FreeSpace, distances_to_triangles
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.interiors.solids import box, rounded_box, sphere, wall
from nightproof.scenes.interiors.studio import Interior
from nightproof.scenes.procedural import INTERIORS, interior
from nightproof.scenes.views import ViewSampler

VIEWS = 40


def sampler_of(data: bytes):
    flat = flatten(parse_glb(data))
    return flat, ViewSampler(flat, RayCaster(flat.positions, flat.triangles, 1), 90, 60)


@pytest.fixture(scope="module", params=sorted(INTERIORS))
def room(request):
    return sampler_of(interior(request.param))


@pytest.fixture(scope="module")
def thing():
    made = Interior("thing")
    made.add("ball", sphere(0.2), made.material("red"), (5, 1, 3))
    return sampler_of(made.glb())


def test_interiors_are_told_from_things(room, thing):
    assert room[1].kind == "interior"
    assert thing[1].kind == "object"


def test_no_camera_in_a_room_comes_within_five_centimetres_of_a_surface(room):
    flat, sampler = room
    corners = flat.positions[flat.triangles].astype(float)
    for index in range(VIEWS):
        for camera in sampler.segment(11, index, 4):
            assert distances_to_triangles(camera.position_m, corners).min() > 0.05


def test_no_camera_is_inside_a_wall_or_a_solid(room):
    """From inside a closed body every ray meets a back face first; from a room hardly any does."""
    flat, sampler = room
    space = FreeSpace(flat, RayCaster(flat.positions, flat.triangles, 1))
    around = space.probe(np.array([sampler.view(12, index).position_m for index in range(VIEWS)]))
    assert around.behind.max() <= 0.12
    lower, upper = flat.bounds_m
    for index in range(VIEWS):
        assert (sampler.view(12, index).position_m > lower + 0.1).all()
        assert (sampler.view(12, index).position_m < upper - 0.1).all()


def test_most_of_each_view_shows_the_room_and_not_from_too_near(room):
    _, sampler = room
    for index in range(VIEWS):
        sight = sampler._sight(sampler.view(13, index))
        assert sight.seen >= 0.5
        assert sight.behind <= 0.02
        assert sight.close <= 0.2


def test_eyes_are_at_the_height_of_people(room):
    _, sampler = room
    heights = [sampler.view(14, index).position_m[1] for index in range(VIEWS)]
    assert min(heights) > 0.9
    assert max(heights) < 2.6


def test_views_are_a_function_of_scene_seed_and_index_alone(room):
    flat, sampler = room
    again = ViewSampler(flat, RayCaster(flat.positions, flat.triangles, 2), 90, 60)
    forwards = [sampler.view(5, index).camera_to_world for index in range(8)]
    backwards = [again.view(5, index).camera_to_world for index in reversed(range(8))][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))
    assert not np.array_equal(forwards[0], sampler.view(6, 0).camera_to_world)


def test_views_spread_over_the_whole_room(room):
    _, sampler = room
    found = np.array([sampler.view(15, index).position_m for index in range(VIEWS)])
    lower, upper = sampler.flat.bounds_m
    assert ((found.max(axis=0) - found.min(axis=0))[[0, 2]] > 0.5 * (upper - lower)[[0, 2]]).all()


def test_a_path_begins_at_its_view_and_moves_smoothly(room):
    _, sampler = room
    for index in range(6):
        path = sampler.segment(16, index, 24)
        assert np.allclose(path[0].camera_to_world, sampler.view(16, index).camera_to_world)
        steps = np.linalg.norm(np.diff([camera.position_m for camera in path], axis=0), axis=1)
        assert steps.max() < 0.15
        for camera in path:
            rotation = camera.camera_to_world[:3, :3]
            assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)


def test_an_object_is_framed_from_all_around(thing):
    flat, sampler = thing
    azimuths = []
    for index in range(VIEWS):
        camera = sampler.view(1, index)
        offset = camera.position_m - np.array([5, 1, 3])
        assert 0.22 < np.linalg.norm(offset) < 2.0
        assert sampler._sight(camera).seen >= 0.12
        azimuths.append(np.arctan2(offset[0], offset[2]))
    assert np.histogram(azimuths, 4, (-np.pi, np.pi))[0].min() >= 3
    assert flat.diagonal_m == pytest.approx(0.4 * np.sqrt(3), rel=0.02)


def test_exact_distances_see_what_lies_between_the_rays():
    made = Interior("rod")
    made.add("rod", box(0.002, 1.0, 0.002), made.material("steel"))
    flat = flatten(parse_glb(made.glb()))
    space = FreeSpace(flat, RayCaster(flat.positions, flat.triangles, 1))
    assert not space.is_clear(np.array([0.03, 0.5, 0.0]), 0.05)
    assert space.is_clear(np.array([0.06, 0.5, 0.0]), 0.05)


def test_cameras_keep_clear_of_wires_that_rays_miss():
    """A room hung with wires of a millimetre: a tenth of the floor is within 5 cm of one, and probing sees none."""
    made = Interior("wires")
    white = made.material("white")
    side = wall(4, 2.6, 0.1)
    for turn, x, z in ((0, 0, -2), (180, 0, 2), (90, -2, 0), (-90, 2, 0)):
        made.add("wall", side, white, (x, 0, z), turn)
    slab, wire = box(4.4, 0.1, 4.4), box(0.001, 2.6, 0.001)
    made.add("floor", slab, white, (0, -0.1, 0))
    made.add("ceiling", slab, white, (0, 2.6, 0))
    for i in range(200):
        made.add("wire", wire, white, (-1.9 + 3.8 * (i * 0.618 % 1), 0, -1.9 + 3.8 * i / 200))
    flat, sampler = sampler_of(made.glb())
    assert sampler.kind == "interior"
    corners = flat.positions[flat.triangles].astype(float)
    for index in range(VIEWS):
        assert distances_to_triangles(sampler.view(2, index).position_m, corners).min() > 0.05


def test_a_point_in_a_solid_sees_only_backs():
    made = Interior("block")
    made.add("block", rounded_box(1, 1, 1, 0.1), made.material("stone"))
    flat = flatten(parse_glb(made.glb()))
    around = FreeSpace(flat, RayCaster(flat.positions, flat.triangles, 1)).probe(np.array([[0, 0.5, 0], [0, 3.0, 0]]))
    assert around.behind[0] == 1.0
    assert around.behind[1] == 0.0


def test_a_scene_without_triangles_still_gives_cameras():
    flat = flatten(parse_glb(Interior("empty").glb()))
    sampler = ViewSampler(flat, RayCaster(flat.positions, flat.triangles, 1), 30, 20)
    assert np.isfinite(sampler.view(1, 1).camera_to_world).all()
