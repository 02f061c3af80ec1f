"""Failures of the command line are two lines or one JSON object, never a traceback, and leave nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


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


def test_a_missing_file_exits_with_2(tmp_path):
    done = nightproof("inspect", "nowhere.glb", cwd=tmp_path)
    assert done.returncode == 2 and "nowhere.glb" in done.stderr and "Traceback" not in done.stderr


def test_with_json_a_failure_is_one_object_on_stdout(tmp_path):
    (tmp_path / "broken.glb").write_bytes(b"nonsense")
    done = nightproof("inspect", "broken.glb", "--json", cwd=tmp_path)
    failure = json.loads(done.stdout)
    assert failure["exit_code"] == done.returncode == 2
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
