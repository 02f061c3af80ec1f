"""What a scene brings along and what was assumed of it reaches the analysis."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from nightproof.errors import UnusableInput
from nightproof.jobs.asking import environment_file, environment_name
from nightproof.jobs.opening import open_scene
from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.environment import NAMED_ENVIRONMENTS
from nightproof.scenes.gltf import parse_glb, write_glb
from nightproof.scenes.image_light import environment_of, scene_environment

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], "<f4")
IBL = "EXT_lights_image_based"


def lit_triangle() -> bytes:
    image = io.BytesIO()
    Image.fromarray(np.tile(np.array([255, 255, 255, 85], np.uint8), (4, 4, 1))).save(image, "PNG")
    binary = CORNERS.tobytes() + image.getvalue()
    light = {"specularImages": [[0] * 6], "specularImageSize": 4, "irradianceCoefficients": [[0, 0, 0]] * 9}
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": [IBL],
        "extensions": {IBL: {"lights": [light]}},
        "scenes": [{"nodes": [0], "extensions": {IBL: {"light": 0}}}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "images": [{"bufferView": 1, "mimeType": "image/png"}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3", "min": [0, 0, 0], "max": [1, 1, 0]}
        ],
        "bufferViews": [
            {"buffer": 0, "byteLength": 36},
            {"buffer": 0, "byteOffset": 36, "byteLength": len(image.getvalue())},
        ],
        "buffers": [{"byteLength": len(binary)}],
    }
    return write_glb(document, binary)


@pytest.mark.parametrize("wish", ["auto", "scene"])
def test_a_scene_that_brings_its_light_is_seen_in_it(tmp_path, wish):
    (tmp_path / "a.glb").write_bytes(lit_triangle())
    opened = open_scene(tmp_path / "a.glb", environment=wish, threads=1)
    assert opened.analysis.environment == "scene"
    assert opened.source.flat.environment.radiance == pytest.approx(3.0)
    assert not any("was assumed" in hint for hint in opened.analysis.hints)


def test_another_environment_may_be_chosen_over_it(tmp_path):
    (tmp_path / "a.glb").write_bytes(lit_triangle())
    opened = open_scene(tmp_path / "a.glb", environment="none", threads=1)
    assert opened.analysis.environment == "none" and opened.source.flat.environment is None


@pytest.mark.parametrize("name", NAMED_ENVIRONMENTS)
def test_every_name_is_known_to_scenes_and_taken_for_no_file(name):
    found = environment_of(name, parse_glb(lit_triangle()))
    assert found is None if name == "none" else found.name == name
    assert environment_file(name) is None and environment_name(name) == name


def test_a_file_is_known_by_its_content_and_auto_stays_open(tmp_path):
    one, other = tmp_path / "one.hdr", tmp_path / "other.hdr"
    for path in (one, other):
        path.write_bytes(b"light")
    assert environment_file(str(one)) == one
    assert environment_name(str(one)) == environment_name(str(other)) == hashlib.sha256(b"light").hexdigest()
    assert environment_file("auto") is None and environment_name("auto") == "auto"


def test_a_light_that_is_not_there_cannot_be_chosen(tmp_path):
    (tmp_path / "a.stl").write_text(
        "solid a\nfacet normal 0 0 1\nouter loop\nvertex 0 0 0\nvertex 1 0 0\nvertex 0 1 0\nendloop\nendfacet\n"
    )
    with pytest.raises(UnusableInput, match="brings no image-based light"):
        open_scene(tmp_path / "a.stl", environment="scene", threads=1)


def test_packing_keeps_the_light():
    packed = parse_glb(pack(parse_glb(lit_triangle())).data)
    assert scene_environment(packed).radiance == pytest.approx(3.0)


def test_what_reading_assumed_is_worth_knowing(tmp_path):
    (tmp_path / "a.obj").write_text("v 0 0 0\nv 900 0 0\nv 0 900 0\nf 1 2 3\n")
    hints = open_scene(tmp_path / "a.obj", environment="auto", threads=1).analysis.hints
    assert any("drawn in millimetres" in hint for hint in hints)
