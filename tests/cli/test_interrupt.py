"""Ctrl-C takes effect within seconds wherever it strikes, ends every child, and leaves nothing half-written."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cell import cell
from running import PATIENCE_S, Job

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
            assert job.wait_until_gone(), step
        assert not job.out.exists()
        assert not list(job.store.rglob(".part-*"))
