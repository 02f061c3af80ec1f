"""Our own rooms: closed, sized like real exports, the same bytes every time."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb
from nightproof.scenes.interiors.gallery import _knot
from nightproof.scenes.interiors.solids import box, lathe, rounded_box, sphere, turned_smooth, wall
from nightproof.scenes.procedural import INTERIORS, interior


@pytest.mark.parametrize("name", sorted(INTERIORS))
def test_interiors_look_like_real_exports(name):
    data = interior(name)
    assert data == interior(name)
    assert 1.5e6 <= len(data) <= 6e6
    flat = flatten(parse_glb(data))
    assert 5_000 <= len(flat.triangles) <= 40_000
    assert flat.notes == ()
    assert np.allclose(np.linalg.norm(flat.normals, axis=1), 1, atol=1e-3)
    assert np.isfinite(flat.uv0).all()
    assert any(material.roughness == 0.5 for material in flat.materials)
    assert flat.cameras


SOLIDS = {
    "box": box(1, 2, 3),
    "rounded box": rounded_box(1, 0.4, 0.7, 0.1),
    "cushion": rounded_box(1, 0.4, 0.7, 0.1, puff=0.05),
    "sphere": sphere(0.5),
    "cylinder": lathe([(0, 0), (1, 0), (1, 1), (0, 1)]),
    "vase": turned_smooth([(0.0, 0.0), (0.3, 0.0), (0.5, 0.4), (0.0, 0.8)]),
    "knot": _knot(),
    "wall": wall(3, 2, 0.2, [(-0.5, 0.5, 0.5, 1.5)]),
    "wall with a door": wall(3, 2, 0.2, [(-0.5, 0.5, 0.0, 1.5)]),
}


@pytest.mark.parametrize("name", SOLIDS)
def test_solids_face_outwards_and_their_normals_agree(name):
    solid = SOLIDS[name]
    a, b, c = (solid.positions[solid.triangles[:, i]] for i in range(3))
    faces = np.cross(b - a, c - a)
    real = np.linalg.norm(faces, axis=1) > 1e-9
    mean = solid.normals[solid.triangles].mean(axis=1)
    assert ((faces * mean).sum(axis=1)[real] > 0).all()
    volume = (a * np.cross(b, c)).sum() / 6
    assert volume > 0 or name == "wall with a door"  # open at the floor, which stands on y = 0


def test_the_command_writes_a_file_and_refuses_other_names(tmp_path):
    command = [sys.executable, "-m", "nightproof.scenes.procedural"]
    path = tmp_path / "room.glb"
    assert subprocess.run([*command, "gallery", str(path)], check=False).returncode == 0
    assert load_gltf(path).count("meshes") > 10
    wrong = subprocess.run([*command, "castle", str(path)], check=False, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "living_room" in wrong.stderr
