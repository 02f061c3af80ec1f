"""What moves is measured in diagonals per frame, by whatever means it moves."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from forms import sphere

from nightproof.optimizer.features.channels import Channel, channels_of, target_of
from nightproof.optimizer.features.poses import FRAME_S, PAIRS, measure_movement
from nightproof.optimizer.features.surface import surface_of
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf

SHARED = Path(__file__).parents[2] / ".." / "shared" / "scenes"


def document(path="translation", values=((0, 0, 0), (1, 0, 0)), times=(0, 2), interpolation="LINEAR", nodes=None):
    clip = {
        "samplers": [{"input": 0, "output": 1, "interpolation": interpolation}],
        "channels": [{"sampler": 0, "target": {"node": 0, "path": path}}],
    }
    arrays = [np.float32(times), np.float32(values)]
    json = {"nodes": nodes or [{"mesh": 0}], "animations": [clip]}
    return SimpleNamespace(json=json, accessor=lambda index: arrays[index])


def movement(flat, doc):
    return measure_movement(flat, surface_of(flat), doc)


def test_a_body_that_slides_moves_by_its_speed():
    found = movement(sphere(12), document())  # half a metre per second, diagonal √12
    assert found.step_per_frame == pytest.approx(0.5 * FRAME_S / 12**0.5, rel=1e-3)
    last = (2 - FRAME_S) * (PAIRS - 0.5) / PAIRS + FRAME_S
    assert found.reach == pytest.approx(0.5 * last / 12**0.5, rel=1e-3)
    assert found.coherence == pytest.approx(np.exp(-found.step_per_frame / 0.01))


def test_units_do_not_matter_and_a_still_scene_is_coherent():
    far = replace(sphere(12), positions=sphere(12).positions * np.float32(100))
    moved = movement(far, document(values=((0, 0, 0), (100, 0, 0))))
    assert moved.step_per_frame == pytest.approx(movement(sphere(12), document()).step_per_frame, rel=1e-3)
    assert movement(sphere(12), document(values=((1, 0, 0), (1, 0, 0)))).coherence == 1.0
    assert movement(sphere(12), SimpleNamespace(json={})).coherence == 1.0


def test_children_are_carried_along():
    carried = document(nodes=[{"children": [1]}, {"mesh": 0}])
    flat = sphere(12)
    below = replace(flat, instances=(replace(flat.instances[0], node=1),))
    assert movement(below, carried).reach == pytest.approx(movement(flat, document()).reach)


def test_where_a_body_rests_makes_no_difference():
    flat = sphere(12)
    resting = replace(flat, positions=flat.positions * np.float32(2) + np.float32([3, 0, 0]))
    nodes = [{"mesh": 0, "translation": [3, 0, 0], "scale": [2, 2, 2]}]
    found = movement(resting, document(values=((3, 0, 0), (5, 0, 0)), nodes=nodes))
    assert found.reach == pytest.approx(movement(flat, document()).reach, rel=1e-3)


def test_a_spinning_ball_moves_less_at_its_poles_than_it_would_slide():
    quarter = np.sqrt(0.5)
    found = movement(sphere(12), document("rotation", ((0, 0, 0, 1), (0, quarter, 0, quarter)), (0, 1)))
    assert 0 < found.reach <= 2**0.5 / 12**0.5


@pytest.mark.parametrize(
    ("interpolation", "values", "at_middle"),
    [
        ("LINEAR", [[0.0], [1.0]], 0.5),
        ("STEP", [[0.0], [1.0]], 0.0),
        ("CUBICSPLINE", [[0.0], [0.0], [3.0], [3.0], [1.0], [0.0]], 0.5),
    ],
)
def test_channels_are_interpolated_as_gltf_says(interpolation, values, at_middle):
    doc = document("weights", values, (0, 1), interpolation)
    (channel,) = channels_of(doc, doc.json["animations"][0])
    assert channel.at(np.array([-1.0, 0.5, 9.0]))[:, 0] == pytest.approx([0.0, at_middle, 1.0])


def test_rotations_take_the_shorter_way_and_stay_unit():
    turn = Channel(0, "rotation", np.array([0.0, 1.0]), np.array([[0, 0, 0, 1.0], [0, 0, 0, -1.0]]), None, False)
    assert np.abs(turn.at(np.array([0.5]))[0]) == pytest.approx([0, 0, 0, 1])


def test_pointers_to_nodes_are_followed_and_others_are_none():
    pointed = {"extensions": {"KHR_animation_pointer": {"pointer": "/nodes/3/rotation"}}}
    assert target_of(pointed) == (3, "rotation")
    assert target_of({"extensions": {"KHR_animation_pointer": {"pointer": "/materials/0/x"}}}) == (None, "")
    assert target_of("nonsense") == (None, "")


@pytest.mark.parametrize(
    "broken",
    [
        document(nodes=[{"mesh": 0, "children": [0]}]),
        document(nodes=[{"mesh": 0, "children": [1]}, {"children": [0]}]),
        document(values=((0, 0, 0), (np.nan, np.inf, 0))),
        document(values=((0, 0), (1, 1))),
        document(times=(2, 0)),
        document(times=()),
        document("rotation", ((0, 0, 0, 0), (0, 0, 0, 0))),
    ],
)
def test_no_clip_breaks_the_measurement(broken):
    found = movement(sphere(6), broken)
    assert np.isfinite([found.reach, found.step_per_frame]).all()


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize("name", ["Fox", "MorphStressTest", "CesiumMilkTruck"])
def test_skins_morphs_and_wheels_of_real_files_move(name):
    doc = load_gltf(SHARED / f"{name}.glb")
    found = movement(flatten(doc), doc)
    assert 0.001 < found.reach < 2
    assert 0 < found.step_per_frame < found.reach
