"""A job in a process of its own, watched from outside."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

PATIENCE_S = 60.0
"""For machines under load; it should take two seconds."""


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

    def wait_until_gone(self) -> bool:
        """Whether no process of the job is left, after some patience."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.alive() and time.monotonic() < deadline_s:
            time.sleep(0.05)
        return not self.alive()

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
