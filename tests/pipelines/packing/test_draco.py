"""Files that come Draco-compressed: nothing gets mixed up, equal data are kept once."""

from __future__ import annotations

import numpy as np
from draco_files import draco_glb, sheet

from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import parse_glb


def test_equal_descriptions_of_different_draco_data_are_not_the_same_accessor():
    """Both sheets have as many vertices and triangles; only their normals and triangles differ."""
    one, other = sheet(12), sheet(12)
    other["NORMAL"], other["triangles"] = -other["NORMAL"], other["triangles"][:, ::-1]
    source = draco_glb([[one], [other], [one]])
    packed = pack(parse_glb(source))
    before, after = flatten(parse_glb(source)), flatten(parse_glb(packed.data))
    assert packed.steps
    assert np.array_equal(np.sign(before.normals[:, 1]), np.sign(after.normals[:, 1]))


def test_equal_draco_data_are_kept_once():
    once, twice = (pack(parse_glb(draco_glb([[sheet(60)]] * times))).data for times in (1, 2))
    assert len(parse_glb(twice).json["meshes"]) == 1
    assert len(twice) < len(once) + 200
