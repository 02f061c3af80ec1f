"""The whole bake of a small room: bytes, budget, and what comes out."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from nightproof.pipelines.baking.pipeline import BakingPipeline
from nightproof.pipelines.baking.settings import bake_settings
from nightproof.pipelines.pipeline import BudgetExceeded, NotBakeable, Source
from nightproof.rendering.tracer import Tracer
from nightproof.rendering.viewer import viewer_image
from nightproof.scenes.camera import look_at
from nightproof.scenes.flatten import flatten
from nightproof.scenes.glb import write_glb
from nightproof.scenes.gltf import parse_glb
from nightproof.scenes.load import scene_record

SMALL = {
    "max_texels": 40_000, "light_texels": 6_000, "gather_texels": 2_000, "viewers": 6, "view_width_px": 64,
    "view_height_px": 48, "least_samples": 4, "most_samples": 4, "direct_samples": 4, "gather_samples": 4,
}  # fmt: skip


def cube_room(screen: bool = False) -> bytes:
    """A closed cube seen from inside, a lamp under its ceiling, and in it a smaller cube or a thin screen."""
    side = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    turns = [np.roll(np.eye(3), k, axis=1) for k in range(3)]
    faces = [(side @ t + (offset * t[2])) for t in turns for offset in (0, 1)]
    # Each pair of faces: the far one wound the other way.
    quads = [f if i % 2 == 0 else f[::-1] for i, f in enumerate(faces)]
    room = [np.asarray(q) * [4, 3, 4] for q in quads]
    block = [np.asarray(q)[::-1] * 0.8 + [1.2, 0.0, 1.2] for q in quads]
    if screen:
        block = [np.array([[2.6, 0, 0.4], [2.6, 0, 3.6], [2.6, 2.4, 3.6], [2.6, 2.4, 0.4]])]
    binary, views, accessors, primitives = b"", [], [], []
    for group in (room, block):
        positions = np.concatenate(group).astype(np.float32)
        indices = np.concatenate([np.array([0, 1, 2, 0, 2, 3]) + 4 * k for k in range(len(group))]).astype(np.uint16)
        attribute, index = len(accessors), len(accessors) + 1
        for data, count, kind, component in (
            (positions, len(positions), "VEC3", 5126),
            (indices, len(indices), "SCALAR", 5123),
        ):
            views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": data.nbytes})
            entry = {"bufferView": len(views) - 1, "componentType": component, "count": count, "type": kind}
            if kind == "VEC3":
                entry |= {"min": data.min(axis=0).tolist(), "max": data.max(axis=0).tolist()}
            accessors.append(entry)
            binary += data.tobytes() + b"\0" * (-data.nbytes % 4)
        primitives.append({"attributes": {"POSITION": attribute}, "indices": index, "material": len(primitives)})
    grey = {
        "pbrMetallicRoughness": {"baseColorFactor": [0.7, 0.6, 0.5, 1], "metallicFactor": 0, "roughnessFactor": 0.5}
    }
    document = {
        "asset": {"version": "2.0"},
        "extensionsUsed": ["KHR_lights_punctual"],
        "extensions": {"KHR_lights_punctual": {"lights": [{"type": "point", "intensity": 10.0}]}},
        "scene": 0,
        "scenes": [{"nodes": [0, 1, 2]}],
        "nodes": [
            {"name": "walls", "mesh": 0},
            {"name": "block", "mesh": 1},
            {"translation": [2, 2.6, 2], "extensions": {"KHR_lights_punctual": {"light": 0}}},
        ],
        "meshes": [{"primitives": [p]} for p in primitives],
        "materials": [grey, {**grey, "doubleSided": screen}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }  # fmt: skip
    return write_glb(document, binary)


@pytest.fixture(scope="module")
def source():
    document = parse_glb(cube_room())
    flat = flatten(document)
    return Source(replace(scene_record(document, "room.glb", flat), source_bytes=400_000), document, flat)


def bake(source, folder, threads=1, **changes):
    folder.mkdir(exist_ok=True)
    route = SimpleNamespace(parameters={**SMALL, **changes})
    return BakingPipeline().make(source, route, seed=5, scratch=folder, threads=threads)


def test_the_asset_loads_unlit_with_every_triangle_where_it_was(source, tmp_path):
    made = bake(source, tmp_path)
    document = parse_glb(made.files["asset.glb"].read_bytes())
    flat = flatten(document)
    assert all(flat.materials[m].unlit for m in np.unique(flat.triangle_material))
    assert len(flat.triangles) == len(source.flat.triangles)
    for mine, theirs in zip(flat.bounds_m, source.flat.bounds_m, strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-3)
    assert {node.get("name") for node in document.json["nodes"]} >= {"walls", "block"}
    assert document.json["asset"]["extras"]["nightproof"]["exposure"] == made.exposure
    assert flat.textures[0].pixels[..., :3].max() > 30


def test_one_and_two_threads_make_the_same_file(source, tmp_path):
    one = bake(source, tmp_path / "1", threads=1).files["asset.glb"].read_bytes()
    assert one == bake(source, tmp_path / "2", threads=2).files["asset.glb"].read_bytes()


def test_stopped_anywhere_it_ends_with_the_same_file(source, tmp_path):
    whole = bake(source, tmp_path / "whole").files["asset.glb"].read_bytes()
    steps = []
    folder = tmp_path / "stopped"
    folder.mkdir()
    route = SimpleNamespace(parameters=SMALL)

    class Stopped(Exception):
        pass

    for limit in (0.2, 0.6):

        def stop(fraction, message, limit=limit):
            steps.append(fraction)
            if fraction > limit:
                raise Stopped

        with pytest.raises(Stopped):
            BakingPipeline().make(source, route, seed=5, scratch=folder, threads=1, progress=stop)
    assert not (folder / "asset.glb").exists()
    assert bake(source, folder).files["asset.glb"].read_bytes() == whole


def test_light_that_does_not_fit_the_source_is_refused(source, tmp_path):
    small = Source(replace(source.record, source_bytes=1500), source.document, source.flat)
    with pytest.raises(BudgetExceeded, match="1500"):
        bake(small, tmp_path)


def test_texels_much_wider_than_the_views_ask_for_are_refused(source, tmp_path):
    with pytest.raises(NotBakeable, match="times as wide"):
        bake(source, tmp_path, max_texels=3_000.0, view_width_px=2048.0, view_height_px=1536.0)


def test_a_route_changes_settings_by_name():
    assert bake_settings({"policy": "draft", "viewers": 7.0}).viewers == 7
    assert bake_settings({}).max_texels == bake_settings({"policy": "standard"}).max_texels


def test_a_thin_screen_has_light_of_its_own_on_either_side(tmp_path):
    """One side faces the lamp. Sharing texels, both would show the same."""
    document = parse_glb(cube_room(screen=True))
    flat = flatten(document)
    source = Source(replace(scene_record(document, "room.glb", flat), source_bytes=400_000), document, flat)
    made = bake(source, tmp_path, viewers=24)
    asset = parse_glb(made.files["asset.glb"].read_bytes())
    assert not asset.json["materials"][0]["doubleSided"]
    truth, shown = Tracer(flat, 1), Tracer(flatten(asset), 1)
    brightness = []
    for x in (0.5, 3.7):
        camera = look_at(np.array([x, 1.2, 2.0]), np.array([2.6, 1.2, 2.0]), yfov_rad=0.5, width_px=24, height_px=24)
        wanted = truth.render(camera, samples=256, seed=1).color.mean() * made.exposure
        seen = viewer_image(shown, camera).mean()
        assert seen == pytest.approx(wanted, rel=0.12)
        brightness.append(wanted)
    assert max(brightness) > 1.5 * min(brightness)
