"""Killed with SIGKILL in every long step, the job ends as if nothing had happened (`benchmarks/kill.py`: at random)."""

import hashlib
import json
import sqlite3
import time
from pathlib import Path

import pytest
from cell import block
from running import PATIENCE_S, Job

from nightproof.jobs.opening import open_scene
from nightproof.jobs.routing import choose_route
from nightproof.pipelines.pipeline import known_pipelines


def steps(job: Job) -> dict[str, tuple[str, str]]:
    connection = sqlite3.connect(f"file:{job.store / 'jobs.sqlite'}?mode=ro", uri=True)
    try:
        return {step: (token, blob) for step, token, blob in connection.execute("SELECT step, token, blob FROM steps")}
    finally:
        connection.close()


def packed(scene: Path, folder: Path) -> str:
    opened = open_scene(scene, environment="auto", threads=1)
    route = choose_route(opened.source.record, opened.analysis, folder, "packing")
    made = known_pipelines()["packing"].make(opened.source, route, seed=0, scratch=folder / "packed", threads=1)
    return hashlib.sha256(next(iter(made.files.values())).read_bytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the job's children in /proc")
def test_a_job_killed_in_each_long_step_ends_with_the_same_bytes_and_no_step_committed_twice(tmp_path):
    scene = tmp_path / "block.glb"
    scene.write_bytes(block())
    standing: dict[str, tuple[str, str]] = {}
    for step, children, moment_s in (("load", 0, 0.0), ("audit", 1, 0.5), ("judge", 1, 1.0), ("judge", 1, 3.0)):
        with Job(scene, tmp_path, "--policy", "draft", "--pipeline", "packing") as job:
            job.wait_for(step, children=children)
            time.sleep(moment_s)
            job.process.kill()
            job.process.wait()
            assert job.wait_until_gone(), f"a child outlived the job killed in {step}"
            found = steps(job)
        assert standing.items() <= found.items()
        standing = found
    with Job(scene, tmp_path, "--policy", "draft", "--pipeline", "packing") as job:
        out, err = job.process.communicate(timeout=15 * PATIENCE_S)
        assert job.process.returncode in (0, 3), err
        assert standing.items() <= steps(job).items()
        assert not list(job.store.rglob(".part-*"))
    assert json.loads(out)["verdict"] == "holds"
    assert hashlib.sha256((tmp_path / "out" / "asset.glb").read_bytes()).hexdigest() == packed(scene, tmp_path)
