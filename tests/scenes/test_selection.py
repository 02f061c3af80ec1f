"""Files with several scenes: one is shown, all are kept, and it is said which."""

from __future__ import annotations

import numpy as np
import pytest

from nightproof.errors import UnusableInput
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.reading import load_scene

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")


def three_scenes(**root) -> bytes:
    document = {
        "asset": {"version": "2.0"},
        "scene": 1,
        "scenes": [{"nodes": [0]}, {"nodes": [1], "name": "night"}, {"nodes": [2], "name": "0"}],
        "nodes": [{"mesh": 0, "translation": [x, 0, 0]} for x in (10, 20, 30)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    }
    return write_glb(document | root, CORNERS.tobytes())


@pytest.mark.parametrize(
    ("wish", "x"), [(None, 20), ("1", 20), ("night", 20), ("2", 30), (0, 30)], ids=["none", "1", "name", "2", "digit"]
)
def test_the_scene_that_is_asked_for_is_shown(tmp_path, wish, x):
    """A name goes before a number: the last scene is called 0."""
    (tmp_path / "a.glb").write_bytes(three_scenes())
    flat = flatten(load_scene(tmp_path / "a.glb", wish))
    assert flat.positions[0, 0] == x
    assert any("3 scenes" in note for note in flat.notes)


def test_the_source_stays_the_file_whatever_is_chosen(tmp_path):
    (tmp_path / "a.glb").write_bytes(three_scenes())
    plain, chosen = load_scene(tmp_path / "a.glb"), load_scene(tmp_path / "a.glb", "2")
    assert plain.source_sha256 == chosen.source_sha256 and plain.json["scene"] == 1


def test_packing_keeps_all_scenes_and_shows_the_chosen_one(tmp_path):
    (tmp_path / "a.glb").write_bytes(three_scenes())
    packed = parse_glb(pack(load_scene(tmp_path / "a.glb", "2")).data)
    assert flatten(packed).positions[:, 0].min() == pytest.approx(30)
    assert len(packed.json["scenes"]) == 3


@pytest.mark.parametrize("wish", ["3", "dawn", "-1", "9" * 400, ""])
def test_a_scene_that_is_not_there_is_an_error_that_names_those_that_are(tmp_path, wish):
    (tmp_path / "a.glb").write_bytes(three_scenes())
    with pytest.raises(UnusableInput) as raised:
        load_scene(tmp_path / "a.glb", wish)
    assert "night" in raised.value.hint


def test_a_file_of_one_scene_says_nothing_of_scenes(tmp_path):
    (tmp_path / "a.glb").write_bytes(three_scenes(scene=0, scenes=[{"nodes": [0]}]))
    assert not flatten(load_scene(tmp_path / "a.glb")).notes
