"""Fewer bytes of JSON that say the same: by the specification's defaults, and to whoever reads 32-bit floats."""

from __future__ import annotations

import copy
import json as json_text
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightproof.pipelines.packing.concise import make_concise

SINGLE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def concise(json: dict) -> dict:
    made = copy.deepcopy(json)
    make_concise(made)
    return made


def single(value: float) -> bytes:
    return struct.pack("<f", value + 0.0)  # -0.0 is 0


@given(st.lists(SINGLE, min_size=3, max_size=3))
def test_a_reader_of_32_bits_reads_the_same_numbers_and_writes_no_more_of_them(numbers):
    made = concise({"nodes": [{"translation": numbers, "name": "n"}]})
    after = made["nodes"][0].get("translation", [0, 0, 0])
    assert [single(value) for value in after] == [single(value) for value in numbers]
    assert len(json_text.dumps(after)) <= len(json_text.dumps(numbers))
    assert concise(made) == made


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_no_32_bit_float_keeps_its_digits(number):
    after = concise({"cameras": [{"perspective": {"yfov": number}}]})["cameras"][0]["perspective"]["yfov"]
    with np.errstate(over="ignore"):
        assert after == number or float(np.float32(number)) == number


def test_whole_numbers_and_long_tails_become_short():
    made = concise({"nodes": [{"translation": [0.10000000149011612, -5.0, 6378137.0]}]})
    assert json_text.dumps(made["nodes"][0]["translation"]) == "[0.1, -5, 6378137]"


SAID = {
    "nodes": [{"translation": [0, 0, 0], "rotation": [0, 0, 0, 1], "scale": [1.0, 1, 1], "name": "a"}],
    "materials": [{"alphaMode": "OPAQUE", "doubleSided": False, "pbrMetallicRoughness": {"metallicFactor": 1}}],
    "animations": [{"samplers": [{"input": 0, "output": 0, "interpolation": "LINEAR"}], "channels": []}],
    "accessors": [{"byteOffset": 0, "count": 2, "min": [0.5], "max": [1.0]}, {"min": [0], "max": [3], "count": 1}],
}


def test_what_gltf_takes_for_granted_is_left_out():
    assert concise(SAID) == {
        "nodes": [{"name": "a"}],
        "materials": [{"pbrMetallicRoughness": {}}],
        "animations": [{"samplers": [{"input": 0, "output": 0}], "channels": []}],
        "accessors": [{"count": 2, "min": [0.5], "max": [1]}, {"count": 1}],
    }


def test_what_differs_from_the_default_stays():
    said = {
        "nodes": [{"scale": [1, 1, 2]}, {"rotation": [0, 0, 1, 0]}],
        "materials": [{"alphaMode": "MASK", "doubleSided": True, "pbrMetallicRoughness": {"metallicFactor": 0}}],
        "meshes": [{"primitives": [{"attributes": {}, "mode": 1}]}],
        "samplers": [{"wrapS": 33071, "magFilter": 9729}],
        "animations": [{"samplers": [{"interpolation": "STEP"}]}],
    }
    assert concise(said) == said


@pytest.mark.parametrize("array, key", [("nodes", "scale"), ("materials", "alphaMode")])
def test_what_a_pointer_leads_to_keeps_what_it_says(array, key):
    target = {"path": "pointer", "extensions": {"KHR_animation_pointer": {"pointer": f"/{array}/0/{key}"}}}
    said = copy.deepcopy(SAID) | {"animations": [{"samplers": [], "channels": [{"sampler": 0, "target": target}]}]}
    assert key in concise(said)[array][0]


def test_extras_and_strangers_are_copied():
    inner = {"weight": 0.10000000149011612, "whole": 5.0}
    said = {"nodes": [{"extras": inner, "extensions": {"ACME_thing": inner}}]}
    assert json_text.dumps(concise(said)) == json_text.dumps(said)
