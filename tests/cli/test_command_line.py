"""Failures of the command line are two lines or one JSON object, never a traceback, and leave nothing behind."""

import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cell import cell

from nightproof.errors import NightproofError
from nightproof.jobs.opening import open_scene
from nightproof.jobs.routing import choose_route
from nightproof.pipelines.pipeline import known_pipelines


def nightproof(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nightproof", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=120,
        env={**os.environ, **environment},
    )


def test_the_version_is_told(tmp_path):
    from nightproof import __version__

    assert nightproof("--version", cwd=tmp_path).stdout == f"nightproof {__version__}\n"


def test_help_lists_every_command(tmp_path):
    text = nightproof("--help", cwd=tmp_path, COLUMNS="100").stdout
    for command in ("optimize", "inspect", "plan", "verify", "compare", "doctor"):
        assert command in text


BROKEN = {
    "empty": b"",
    "not_a_glb": b"hello, I am a text file",
    "header_only": b"glTF\x02\x00\x00\x00\x0c\x00\x00\x00",
    "json_cut_short": b"glTF\x02\x00\x00\x00\x30\x00\x00\x00\x40\x00\x00\x00JSON" + b'{"asset":{"versi',
    "length_lies": b"glTF\x02\x00\x00\x00\xff\xff\xff\x7f\x10\x00\x00\x00JSON" + b'{"asset":{}}    ',
}


@pytest.mark.parametrize("command", ["inspect", "plan", "optimize", "compare"])
@pytest.mark.parametrize("defect", BROKEN)
def test_an_unusable_file_exits_with_2_and_says_why(tmp_path, command, defect):
    broken = tmp_path / "broken.glb"
    broken.write_bytes(BROKEN[defect])
    more = {"optimize": ("--out", "out"), "compare": (broken,)}.get(command, ())
    done = nightproof(command, broken, *more, cwd=tmp_path, NIGHTPROOF_STORE=str(tmp_path / "store"))
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("nightproof: ")
    assert not (tmp_path / "out").exists() and not (tmp_path / "comparison.html").exists()


@pytest.mark.parametrize("command", ["optimize", "compare"])
def test_a_scene_without_a_surface_is_not_certified(tmp_path, command):
    """Two pictures of nothing are equal: such a file once took 470 CPU-seconds to a certificate."""
    scene = tmp_path / "nothing.gltf"
    scene.write_text(
        '{"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"name": "empty"}]}'
    )
    more = ("--out", "out") if command == "optimize" else (scene,)
    done = nightproof(command, scene, *more, cwd=tmp_path, NIGHTPROOF_STORE=str(tmp_path / "store"))
    assert done.returncode == 2, done.stderr
    assert "no surface" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists() and not (tmp_path / "comparison.html").exists()
    assert nightproof("inspect", scene, cwd=tmp_path).returncode == 0


def test_a_missing_file_exits_with_2(tmp_path):
    done = nightproof("inspect", "nowhere.glb", cwd=tmp_path)
    assert done.returncode == 2 and "nowhere.glb" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["inspect", "cell.glb", "--environment", "nowhere.hdr"], 2),
        (["plan", "cell.glb", "--prices", "nowhere.toml"], 2),
        (["verify", "cell.glb", "nowhere.json"], 1),
    ],
)
def test_a_missing_file_among_the_options_is_named_with_what_to_do(tmp_path, words, code):
    (tmp_path / "cell.glb").write_bytes(cell())
    done = nightproof(*words, cwd=tmp_path)
    assert done.returncode == code and "Traceback" not in done.stderr
    assert "nowhere" in done.stderr and "space" not in done.stderr


def test_with_json_a_failure_is_one_object_on_stdout(tmp_path):
    (tmp_path / "broken.gltf").write_text('{"asset": {"version": "3.0"}}')
    done = nightproof("inspect", "broken.gltf", "--json", cwd=tmp_path)
    failure = json.loads(done.stdout)
    assert failure["exit_code"] == done.returncode == 2
    assert set(failure["error"]) == {"type", "message", "hint", "pointer", "rule"}
    assert failure["error"]["pointer"] == "/asset/version" and "3.0" in failure["error"]["rule"]


def test_a_name_that_the_terminal_cannot_write_is_no_traceback(tmp_path):
    (tmp_path / "kaputt-ü.glb").write_bytes(b"nonsense")
    done = nightproof("inspect", "kaputt-ü.glb", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    (tmp_path / "ü.gltf").write_text('{"asset": {"version": "2.0"}, "scenes": [{}], "scene": 0}')
    done = nightproof("inspect", "ü.gltf", cwd=tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and "?.gltf" in done.stdout and "Traceback" not in done.stderr


def test_with_json_a_failure_that_no_scene_is_to_blame_for_names_no_place(tmp_path):
    failure = json.loads(nightproof("inspect", "nowhere.glb", "--json", cwd=tmp_path).stdout)
    assert set(failure["error"]) == {"type", "message", "hint"}


@pytest.mark.parametrize("deadline", ["soon", "-3h", "0", "1e9d", "24hours"])
def test_a_deadline_that_cannot_be_meant_is_refused(tmp_path, deadline):
    done = nightproof("plan", "x.glb", f"--deadline={deadline}", cwd=tmp_path)
    assert done.returncode == 1 and "--deadline" in done.stderr and "Traceback" not in done.stderr


def test_a_command_line_that_cannot_be_meant_is_one_object_with_json(tmp_path):
    for wrong in (["optimize"], ["plan", "x.glb", "--policy", "lax"], ["inspect", "x.glb", "--seed", "1"], ["bake"]):
        done = nightproof(*wrong, "--json", cwd=tmp_path)
        assert done.returncode == json.loads(done.stdout)["exit_code"] == 1, done.stdout
        assert "Traceback" not in done.stderr


def test_output_that_nobody_reads_any_more_is_no_failure_of_ours(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nightproof", "doctor", "--help"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, cwd=tmp_path, timeout=120)
    os.close(writer)
    assert done.returncode == 1 and done.stderr == ""


@pytest.fixture(params=["16k", "100k"])
def full_disk(tmp_path, request):
    """A disk that is full before, or soon after, the job's first record."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.param}", "none", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only an administrator may mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_store_on_a_full_disk_is_one_typed_error_and_leaves_no_result(tmp_path, full_disk):
    (tmp_path / "cell.glb").write_bytes(cell())
    done = nightproof("optimize", "cell.glb", "--out", "out", "--store", full_disk, "--json", cwd=tmp_path)
    failure = json.loads(done.stdout)
    assert done.returncode == failure["exit_code"] == 1 and failure["error"]["type"] == "StorageFailed"
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists() and not list(full_disk.rglob(".part-*"))


@pytest.mark.parametrize("flag", ["--out", "--store"])
def test_a_folder_that_cannot_be_is_one_typed_error(tmp_path, flag):
    (tmp_path / "cell.glb").write_bytes(cell())
    (tmp_path / "taken").write_text("mine")
    folders = {"--out": "out", "--store": "store", flag: "taken/below"}
    options = [part for pair in folders.items() for part in pair]
    done = nightproof("optimize", "cell.glb", *options, "--json", cwd=tmp_path)
    assert done.returncode == 1 and json.loads(done.stdout)["error"]["type"] == "StorageFailed"
    assert "taken" in json.loads(done.stdout)["error"]["message"] and "Traceback" not in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_as_one_object(tmp_path, kept):
    data = cell()
    (tmp_path / "cut.glb").write_bytes(data[: int(kept * len(data))])
    done = nightproof("optimize", "cut.glb", "--out", "out", "--store", "store", "--json", cwd=tmp_path)
    assert done.returncode == json.loads(done.stdout)["exit_code"] == 2
    assert "Traceback" not in done.stderr and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [("--target-bytes", "bananas"), ("--target-psnr", "61"), ("--target-psnr", "32", "--pipeline", "baking")]
)
def test_a_target_that_cannot_be_meant_is_one_error_before_any_work(tmp_path, options):
    (tmp_path / "cell.glb").write_bytes(cell())
    done = nightproof("optimize", "cell.glb", "--out", "out", "--json", *options, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert (
        done.returncode == found["exit_code"] == 1 and found["error"]["type"] == "BadTarget" and found["error"]["hint"]
    )
    assert not (tmp_path / "out").exists()


def test_flipped_bits_are_refused_or_read_and_never_a_bug(tmp_path):
    """Reading, analysis and packing of many damaged files: each works, or says in a typed error why not."""
    whole = cell()
    for number in range(60):
        draw, damaged = random.Random(number), bytearray(whole)
        for _ in range(draw.randint(1, 6)):  # half of them where they hurt most: in header and JSON
            damaged[draw.randrange(draw.choice((len(whole), 4000)))] ^= 1 << draw.randrange(8)
        path = tmp_path / f"{number}.glb"
        path.write_bytes(damaged)
        with suppress(NightproofError):
            opened = open_scene(path, environment="auto", threads=1)
            route = choose_route(opened.source.record, opened.analysis, tmp_path, "packing")
            known_pipelines()["packing"].make(opened.source, route, seed=0, scratch=tmp_path / str(number), threads=1)


def test_an_inspection_says_all_its_parts_in_json_and_on_a_page(tmp_path):
    scene = tmp_path / "cell.glb"
    scene.write_bytes(cell())
    done = nightproof("inspect", scene, "--json", "--html", "page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"scene", "analysis", "route", "predictions", "evidence", "hints", "meshes", "textures"} <= set(found)
    assert found["analysis"]["hints"] == [hint["text"] for hint in found["hints"]]
    for told in found["predictions"].values():
        assert told["minutes_here"] >= 0 and told["bytes_out"] > 0
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!doctype html>") and "data:image/webp" in page
    assert {path.name for path in tmp_path.iterdir()} == {"page.html", "cell.glb"}
