"""`--scene` chooses among the scenes of a file for every command that reads one."""

import json
import subprocess
import sys

import pytest
from cell import block, cell

from nightproof.scenes.gltf import split_glb, write_glb


def two_scenes(data: bytes, second: dict, **root: object) -> bytes:
    text, binary = split_glb(data)
    document = json.loads(text)
    return write_glb(document | {"scenes": [*document["scenes"], second]} | root, bytes(binary))


def ran(*words: object) -> dict:
    command = [sys.executable, "-m", "nightproof", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return json.loads(done.stdout) | {"code": done.returncode}


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("NIGHTPROOF_STORE", str(tmp_path / "store"))
    (tmp_path / "two.glb").write_bytes(two_scenes(cell(), {"name": "block alone", "nodes": [6]}))
    (tmp_path / "other.glb").write_bytes(two_scenes(block(), {"name": "nothing", "nodes": []}, scene=1))
    (tmp_path / "block.glb").write_bytes(block())
    return tmp_path


def test_plan_foretells_the_chosen_scene(places):
    room, alone = (ran("plan", places / "two.glb", "--json", *more) for more in ((), ("--scene", "block alone")))
    assert room["code"] == alone["code"] == 0
    assert room["work_cpu_seconds"] > alone["work_cpu_seconds"]


@pytest.mark.parametrize("command", ["plan", "compare", "inspect"])
def test_a_scene_that_is_not_there_is_unusable_input(places, command):
    more = (places / "block.glb",) if command == "compare" else ()
    failed = ran(command, places / "two.glb", *more, "--scene", "attic", "--json")
    assert failed["code"] == failed["exit_code"] == 2 and "block alone" in failed["error"]["hint"]


@pytest.mark.slow
def test_compare_shows_the_chosen_scene(places):
    """The file names its empty scene: without a choice there is nothing to look at, with it both show the block."""
    words = ("compare", places / "other.glb", places / "block.glb", "--views", 1, "--out", places / "page.html")
    assert "no surface" in ran(*words, "--json")["error"]["message"]
    found = ran(*words, "--scene", "0", "--json")
    assert found["code"] == 0 and found["metrics"]["psnr"]["worst"] > 35
