"""Failures of the command line are two lines or one JSON object, never a traceback, and leave nothing behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightproof.scenes.procedural import interior


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


def test_ctrl_c_says_what_is_kept_and_exits_with_1(tmp_path):
    """Interrupted while it works: no traceback, a word about carrying on, and nothing half-written."""
    scene = tmp_path / "gallery.glb"
    scene.write_bytes(interior("gallery"))
    job = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "nightproof",
            "optimize",
            scene,
            "--out",
            tmp_path / "out",
            "--store",
            tmp_path / "store",
        ],
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    deadline_s = time.monotonic() + 60
    while not list((tmp_path / "store").glob("blobs/*/[0-9a-f]*")) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    job.send_signal(signal.SIGINT)
    _, said = job.communicate(timeout=60)
    assert job.returncode == 1, said
    assert "the same command carries on" in said and "Traceback" not in said
    assert not (tmp_path / "out").exists()
