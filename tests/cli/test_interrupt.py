"""Ctrl-C takes effect within seconds wherever it strikes, ends every child, and leaves nothing half-written."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from cell import cell

PATIENCE_S = 60.0
"""For machines under load; it should take two seconds."""

HELD_BY_A_LIBRARY = """
import collections, itertools
say()
collections.deque(itertools.count(), maxlen=0)  # holds the interpreter for ever, as a library that never releases it
"""
LOST_IN_A_DESTRUCTOR = """
class Held:
    def __del__(self):
        say()
        time.sleep(300)  # the interrupt ends this sleep and is then ignored, being in a destructor
held = Held()
del held
time.sleep(300)
"""
WAITING_FOR_WORKERS = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    pool.submit(time.sleep, 300)
    say()
    time.sleep(300)
"""


@pytest.mark.parametrize("work", [HELD_BY_A_LIBRARY, LOST_IN_A_DESTRUCTOR, WAITING_FOR_WORKERS])
def test_an_interrupt_that_python_cannot_see_ends_the_command_all_the_same(work):
    program = f"""
import signal, sys, time
from nightproof.cli import ending
signal.signal(signal.SIGINT, signal.default_int_handler)
ending.keep_stdout_for_json()
ending.watch_for_interrupt(as_json=True)
def say(): print("working", file=sys.stderr, flush=True)
try:
    exec({work!r})
except KeyboardInterrupt:
    ending.stop(as_json=True)
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", program], stdout=pipe, stderr=pipe, text=True) as job:
        assert job.stderr and job.stdout
        try:
            assert job.stderr.readline() == "working\n"
            job.send_signal(signal.SIGINT)
            out, err = job.communicate(timeout=PATIENCE_S)
        finally:
            job.kill()
    assert job.returncode == 1
    assert err == "\nStopped. Finished steps are kept: the same command carries on from here.\n"
    assert out.count('"Interrupted"') == 1


class Job:
    """A running `nightproof optimize --json`, whose every descendant is known by a mark in its environment."""

    def __init__(self, scene: Path, folder: Path, *options: str) -> None:
        self.out, self.store, self.mark = folder / "out", folder / "store", uuid4().hex
        where = ["--out", str(self.out), "--store", str(self.store)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nightproof", "optimize", str(scene), *where, "--json", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NIGHTPROOF_TEST_MARK": self.mark},
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    def __enter__(self) -> "Job":
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()

    def alive(self) -> list[int]:
        """The job's processes, children and grandchildren included."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"NIGHTPROOF_TEST_MARK={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found

    def wait_for(self, step: str, *, children: int) -> None:
        """Until `step` was begun, and that many children are at work."""
        deadline_s = time.monotonic() + 5 * PATIENCE_S
        while time.monotonic() < deadline_s:
            assert self.process.poll() is None, self.process.communicate()
            if self._begun(step) and len(self.alive()) > children:
                return
            time.sleep(0.2)
        raise AssertionError(f"{step} was not reached")

    def _begun(self, step: str) -> bool:
        with suppress(sqlite3.Error):
            connection = sqlite3.connect(f"file:{self.store / 'jobs.sqlite'}?mode=ro", uri=True)
            try:
                return bool(connection.execute("SELECT 1 FROM attempts WHERE step = ?", (step,)).fetchall())
            finally:
                connection.close()
        return False


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the job's children in /proc")
def test_ctrl_c_ends_a_job_in_each_of_its_long_steps_and_the_next_run_carries_on(tmp_path):
    """A bake stopped while the auditor renders and while light is computed; a packing while verifiers measure."""
    scene = tmp_path / "cell.glb"
    scene.write_bytes(cell())
    for step, pipeline, children in (("audit", "baking", 1), ("make", "baking", 0), ("judge", "packing", 1)):
        with Job(scene, tmp_path, "--policy", "draft", "--pipeline", pipeline) as job:
            job.wait_for(step, children=children)
            time.sleep(0.5)
            job.process.send_signal(signal.SIGINT)  # to the parent alone, as `kill -INT` does
            out, err = job.process.communicate(timeout=PATIENCE_S)
            assert job.process.returncode == 1, (step, err)
            assert json.loads(out)["error"]["type"] == "Interrupted"
            assert "the same command carries on" in err and "Traceback" not in err
            deadline_s = time.monotonic() + PATIENCE_S
            while job.alive() and time.monotonic() < deadline_s:
                time.sleep(0.05)
            assert not job.alive(), step
        assert not job.out.exists()
        assert not list(job.store.rglob(".part-*"))
