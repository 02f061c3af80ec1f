"""Who renders what is judged, and what the certificate says about materials that nobody shows."""

from dataclasses import replace

import numpy as np
import pytest

from nightproof.jobs.auditing import audit_scene, references_by, unseen_sentences
from nightproof.jobs.blobs import sha256_of_file
from nightproof.jobs.opening import open_source
from nightproof.optimizer.analyzer import layers_in_use, unknown_materials
from nightproof.rendering.auditor import probe
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import write_glb
from nightproof.trust.policy import DRAFT
from nightproof.trust.task import Task
from nightproof.trust.views import RenderedPairs

COAT, RAINBOW = "KHR_materials_clearcoat", "KHR_materials_iridescence"


def test_mitsuba_takes_the_pictures_where_it_alone_knows_a_material():
    assert references_by((COAT, RAINBOW)) == "mitsuba"
    assert references_by((RAINBOW, "KHR_texture_basisu")) == references_by(()) == "native"


def test_every_unknown_material_is_named_once_whoever_renders():
    for renderer in ("mitsuba", "native"):
        said = unseen_sentences((COAT, RAINBOW), renderer)
        assert all(sum(name in sentence for sentence in said) == 1 for name in (COAT, RAINBOW))
    assert "does not speak of it" in unseen_sentences((COAT,), "native")[0]
    assert "Mitsuba rendered every judged view" in unseen_sentences((COAT,), "mitsuba")[0]
    assert unseen_sentences((), "native") == ()
    (layer,) = unseen_sentences((), "native", (COAT,))
    assert COAT in layer and "no second renderer" in layer
    shown, lost = unseen_sentences((COAT,), "mitsuba", (RAINBOW, "KHR_materials_sheen"))
    assert COAT in shown and "KHR_materials_sheen" in shown and "Mitsuba rendered" in shown
    assert RAINBOW in lost and "does not speak of it" in lost  # our lobes are not in Mitsuba's pictures


def opened(path):
    source = open_source(path)
    return replace(source, flat=flatten(source.document, named_environment("studio")))


def dark_floor(path, coat, more=None):
    corners = np.array([(-1, 0, 1), (1, 0, 1), (1, 0, -1), (-1, 0, -1)], np.float32)
    normals = np.tile(np.array((0, 1, 0), np.float32), (4, 1))
    indices = np.array([0, 1, 2, 0, 2, 3], np.uint16)
    data = corners.tobytes() + normals.tobytes() + indices.tobytes()
    material = {"pbrMetallicRoughness": {"baseColorFactor": [0.02, 0.02, 0.02, 1], "metallicFactor": 0}}
    if coat:
        material["extensions"] = {COAT: {"clearcoatFactor": 1, "clearcoatRoughnessFactor": 0.1}} | (more or {})
    view = {"buffer": 0}
    json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0}]}],
        "materials": [material],
        "extensionsUsed": [COAT] if coat else [],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 4, "type": "VEC3", "min": [-1, 0, -1], "max": [1, 0, 1]},
            {"bufferView": 1, "componentType": 5126, "count": 4, "type": "VEC3"},
            {"bufferView": 2, "componentType": 5123, "count": 6, "type": "SCALAR"},
        ],
        "bufferViews": [
            {**view, "byteOffset": 0, "byteLength": 48},
            {**view, "byteOffset": 48, "byteLength": 48},
            {**view, "byteOffset": 96, "byteLength": 12},
        ],
        "buffers": [{"byteLength": len(data)}],
    }
    if not coat:
        del json["extensionsUsed"]
    path.write_bytes(write_glb(json, data))
    return path


def test_a_lost_coat_shows_in_the_judged_pictures(tmp_path):
    source, bare = dark_floor(tmp_path / "source.glb", True), dark_floor(tmp_path / "bare.glb", False)
    task = Task(
        source_sha256=sha256_of_file(source),
        asset_sha256=sha256_of_file(bare),
        policy=replace(DRAFT, image_px=48),
        complexity=0.1,
        exposure=1.0,
        environment="studio",
        shading="lit",
        renderer="native",
        nonce="test",
    )
    pairs = RenderedPairs(source, bare, task, 1, cache=tmp_path / "cache", environment_file=None)
    before, after = pairs.pair(0)
    assert int(np.abs(before.astype(int) - after.astype(int)).max()) > 20


@pytest.mark.skipif(not probe().variant, reason="Mitsuba does not run here")
def test_the_audit_leaves_layers_out_of_both_pictures_and_says_so(tmp_path):
    rainbow = {RAINBOW: {"iridescenceFactor": 1}, "KHR_materials_specular": {"specularColorFactor": [9, 1, 1]}}
    coated = opened(dark_floor(tmp_path / "source.glb", True, rainbow))
    found = audit_scene(coated, policy="draft", seed=1, threads=1)
    assert found.verdict == "agrees" and found.references == "native"
    assert any("without clearcoat, iridescence, specular" in note for note in found.notes)
    assert any(COAT in sentence for sentence in found.unseen)


def test_a_coat_on_glass_is_left_to_mitsuba(tmp_path):
    glass = opened(dark_floor(tmp_path / "glass.glb", True, {"KHR_materials_transmission": {"transmissionFactor": 1}}))
    assert unknown_materials(glass.flat) == (COAT,) and layers_in_use(glass.flat) == ()
    opaque = opened(dark_floor(tmp_path / "opaque.glb", True))
    assert unknown_materials(opaque.flat) == () and layers_in_use(opaque.flat) == (COAT,)
    film = opened(dark_floor(tmp_path / "film.glb", True, {RAINBOW: {"iridescenceFactor": 0.5}}))
    assert unknown_materials(film.flat) == () and layers_in_use(film.flat) == (COAT, RAINBOW)
