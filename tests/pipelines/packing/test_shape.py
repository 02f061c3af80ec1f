"""A file of another shape than glTF's is left as it is, with the place; our own mistakes are not called that."""

from __future__ import annotations

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nightproof.pipelines.packing import candidates
from nightproof.pipelines.packing.draft import Draft
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.recode import load_images
from nightproof.pipelines.packing.references import UNDERSTOOD, survey
from nightproof.pipelines.packing.shape import EXTENSIONS, well_shaped
from nightproof.pipelines.packing.texture_uses import image_uses
from nightproof.scenes.broken import BrokenScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb, split_glb, write_glb

SCENES = Path(__file__).parents[3] / ".." / "shared" / "scenes"
_SPEC = importlib.util.spec_from_file_location("rich", Path(__file__).parents[2] / "scenes" / "test_mutations.py")
rich = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rich)
RICH = rich.rich_glb()
PIN = "animations/0/channels/0/target/extensions/KHR_animation_pointer/pointer"


def changed(changes: dict[str, Any]) -> bytes:
    """The rich scene with the value at each place put in (`...` takes it away)."""
    text, binary = split_glb(RICH)
    document = json.loads(text)
    for place, value in changes.items():
        holder: Any = document
        *path, last = [int(part) if part.isdigit() else part for part in place.split("/")]
        for part in path:
            holder = holder.setdefault(part, {}) if isinstance(holder, dict) else holder[part]
        if value is ...:
            del holder[last]
        elif isinstance(holder, list) and last == len(holder):
            holder.append(value)
        else:
            holder[last] = value
    return write_glb(document, bytes(binary))


WRONG = {
    "meshes/0/primitives": {},
    "meshes/0/primitives/0/attributes": [0],
    "meshes/0/primitives/0/attributes/POSITION": 10,
    "meshes/0/primitives/0/attributes/TEXCOORD_x": 2,
    "meshes/0/primitives/0/indices": 0,
    "meshes/0/primitives/0/targets": [[0]],
    "meshes/0/primitives/0/material": "0",
    "meshes/1/primitives": [],
    "nodes/0/scale": [1, 1],
    "nodes/0/children": 4,
    "nodes/0/name": 7,
    "nodes/2/extensions/MSFT_lod/ids": [77],
    "nodes/3/children": [77],
    "nodes/3/extensions/MSFT_lod/ids": ["4"],
    "skins/0/joints": None,
    "skins/0/inverseBindMatrices": 0,
    "animations/0/channels": {"0": {}},
    "animations/0/channels/0/sampler": 1,
    "animations/0/channels/0/target": ...,
    "animations/0/samplers/0/input": 10,
    "animations/0/samplers/0/interpolation": ["LINEAR"],
    "materials/0/normalTexture": {},
    "materials/0/normalTexture/index": 3,
    "materials/0/normalTexture/extensions": [],
    "materials/0/pbrMetallicRoughness": [],
    "materials/0/pbrMetallicRoughness/roughnessFactor": "rough",
    "materials/0/pbrMetallicRoughness/baseColorTexture/extensions/KHR_texture_transform/scale": [],
    "materials/0/extensions/ACME_paint/chipTexture": {"index": 9},
    "materials/0/extensions/MSFT_lod/ids": 1,
    "materials/1/extensions/KHR_materials_sheen": 3,
    "materials/1/extensions/MSFT_lod": {"ids": [2]},
    "textures/0/sampler": 5,
    "images/0": {},
    "accessors/0/type": 3,
    "accessors/0/sparse": [],
    "bufferViews/0/buffer": ...,
    "extensionsUsed": [[]],
    "extensions/EXT_lights_image_based": {"lights": [{"specularImages": [[9]]}]},
    PIN: 3,
}


@pytest.mark.parametrize("place", WRONG)
def test_what_cannot_be_walked_is_left_as_it_is_and_its_place_is_said(place):
    source = changed({place: WRONG[place]})
    packed = pack(parse_glb(source))
    assert packed.data == source and not packed.steps
    array = place.split("/")[0]
    assert packed.notes[0].startswith(f"Left as it is: /{array}"), packed.notes


def test_images_that_light_a_scene_stay_and_the_rest_is_packed():
    """Light is in their alpha, too; the same image is a base colour here, which alone would become WebP."""
    light = {"lights": [{"irradianceCoefficients": [[0, 0, 0]] * 9, "specularImages": [[0] * 6]}]}
    lit = {"scenes/0/extensions": {"EXT_lights_image_based": {"light": 0}}, "extensions/EXT_lights_image_based": light}
    source = parse_glb(changed(lit))
    made = pack(source)
    packed = parse_glb(made.data)
    assert made.steps and not any("renumbered" in note for note in made.notes)
    plain = parse_glb(changed({}))
    for document, may_change in ((plain, {0}), (source, set())):
        assert set(image_uses(document.json, frozenset(), False, lambda i: bytes(plain.image(i)[0]))) == may_change
    faces = packed.json["extensions"]["EXT_lights_image_based"]["lights"][0]["specularImages"][0]
    assert all(packed.image(face) == source.image(0) for face in faces)
    assert packed.json["scenes"][0]["extensions"] == source.json["scenes"][0]["extensions"]


def test_an_error_of_ours_is_no_strange_file(monkeypatch):
    """It was told as one, for every exception that Python raises when a dictionary is taken for a list."""
    for kind in (AttributeError, KeyError, TypeError, IndexError, ValueError):

        def broken(*_, kind=kind, **__):
            raise kind("ours")

        monkeypatch.setattr(candidates, "assemble", broken)
        with pytest.raises(kind, match="ours"):
            pack(parse_glb(RICH))


def test_checking_changes_nothing_but_the_spelling_of_whole_numbers():
    source = changed({"meshes/0/primitives/0/indices": 3.0, "nodes/0/mesh": 0.0, "accessors/9/count": 3.0})
    document = parse_glb(source)
    before = copy.deepcopy(document.json)
    found = well_shaped(document)
    assert document.json == before == found.json
    told = (found.json["meshes"][0]["primitives"][0]["indices"], found.json["nodes"][0]["mesh"])
    assert all(isinstance(number, int) for number in told)
    assert pack(document).data == pack(parse_glb(RICH)).data


def test_every_extension_that_is_checked_is_understood():
    assert EXTENSIONS.keys() <= UNDERSTOOD


FLOATING = [
    "meshes/0/primitives/0/material", "meshes/0/primitives/0/attributes/NORMAL", "nodes/2/mesh", "skins/0/joints/0",
    "animations/0/channels/0/sampler", "animations/0/samplers/0/input", "accessors/10/count", "textures/0/source",
    "materials/0/normalTexture/index", "images/0/bufferView", "scenes/0/nodes/0", "bufferViews/3/byteLength",
]  # fmt: skip
HARMLESS: dict[str, Any] = {
    "images/0/mimeType": ...,
    "materials/0/extras": {"deep": [{"a": [None, 1.5, "text"]}]},
    "materials/0/extensions/ACME_paint": {"layers": [1.5], "chipTexture": "none"},
    "nodes/1/extensions/ACME_tag": "a word",
    "nodes/3/name": "",
    "nodes/0/children": [],
    "accessors/0/min": [0, 0, 0],
    "samplers/0/magFilter": 9728,
    "meshes/1/primitives/0/attributes/_WEAR": 1,
    "meshes/1/primitives/0/mode": 0,
    "meshes/0/primitives/0/targets": ...,
    "animations/0/samplers/0/interpolation": "STEP",
    PIN: "/nodes/77/rotation",
    "animations/0/channels/0/target/node": ...,
    "materials/1/extensions/KHR_materials_clearcoat": {"clearcoatFactor": 1, "clearcoatTexture": {"index": 0}},
    "materials/1/alphaMode": "BLEND",
    "materials/1/extensions/MSFT_lod": {"ids": [0.0]},
    "nodes/1/extensions/MSFT_lod": {"ids": [4.0]},
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(FLOATING), max_size=4), st.lists(st.sampled_from(sorted(HARMLESS)), max_size=5))
def test_a_well_formed_document_is_never_left_as_it_is(floating, harmless):
    plain = json.loads(split_glb(RICH)[0])
    changes = {place: HARMLESS[place] for place in harmless}
    for place in floating:
        value: Any = plain
        for part in place.split("/"):
            value = value[int(part) if part.isdigit() else part]
        changes[place] = float(value)
    packed = pack(parse_glb(changed(changes)))
    assert not any(note.startswith("Left as it is") for note in packed.notes), packed.notes
    if packed.steps:
        flatten(parse_glb(packed.data))


@pytest.mark.shared
@pytest.mark.skipif(not SCENES.is_dir(), reason="../shared is absent")
@pytest.mark.parametrize("path", sorted(SCENES.glob("*.glb")), ids=lambda path: path.stem)
def test_scenes_from_outside_have_the_shape(path):
    """All that may then be said of one is NotUnderstood, which names what."""
    document = load_gltf(path)
    assert well_shaped(document).json == document.json


def test_an_index_beyond_the_vertices_of_a_mesh_that_nobody_shows_is_said_too():
    """Its texture coordinates were looked up by it before anybody had checked it."""
    few = {"bufferView": 2, "componentType": 5126, "count": 3, "type": "VEC2"}
    unseen = {"nodes/0/mesh": ..., "nodes/0/skin": ..., "meshes/0/primitives/0/attributes/TEXCOORD_0": 12}
    source = changed({"accessors/12": few} | unseen)
    document = parse_glb(source)
    packed = pack(document, flat=flatten(document))
    assert packed.data == source and "mesh 0" in packed.notes[0]


def test_values_that_are_no_numbers_do_not_stop_packing():
    """Of a mesh that nobody shows: no grid holds them, and they keep their bits."""
    unshared = {"meshes/0/primitives/0/attributes": {"POSITION": 0}, "meshes/0/primitives/0/targets": ...}
    document = parse_glb(changed(unshared | {"nodes/0/skin": ..., "nodes/0/mesh": 1}))
    corners = document.accessor(0).copy()
    corners[5, 1] = np.nan
    binary = bytearray(split_glb(document.file_bytes)[1])
    binary[: corners.nbytes] = corners.tobytes()
    packed = pack(parse_glb(write_glb(document.json, bytes(binary))))
    assert not any(note.startswith("Left as it is") for note in packed.notes), packed.notes


def test_a_pointer_to_a_node_that_is_not_there_freezes_all_numbering():
    """Renumbering nodes looked it up."""
    assert survey(parse_glb(changed({PIN: "/nodes/77/rotation"})).json).frozen
    assert not survey(parse_glb(changed({PIN: "/nodes/1/rotation"})).json).frozen


def test_an_image_without_mime_type_gets_its_own():
    draft = Draft.of(parse_glb(changed({"images/0/mimeType": ...})))
    load_images(draft)
    assert draft.images[0][1] == "image/png"


def test_a_mesh_of_no_primitives_is_refused_by_name():
    with pytest.raises(BrokenScene, match="/meshes/1/primitives"):
        well_shaped(parse_glb(changed({"meshes/1/primitives": []})))
