"""Kill the main job again and again, and see that it ends as if nothing had happened.

    python benchmarks/kill.py [SCENE.glb] [--kills 20] [--seed 0] [--pipeline auto] [--threads 0]

Runs the job once in peace, then once more in a fresh store, where it is ended by SIGKILL at random moments (drawn from
--seed, spread over the time that the first run took) and started again each time. In the end the asset must have the
same bytes, the certificate must hold or fail alike, no step may have been committed twice (what stood in the store
after a kill stands there after every later one, token and all), and no child may have outlived its parent. Exit code 1
otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from nightproof.scenes.procedural import interior

ENDED = (0, 3)
ORPHANS_END_WITHIN_S = 10.0
"""It takes a third of a second; the rest is for machines under load."""
LEAST_MOMENT_S = 0.5
LONGEST_SPELL = 0.4
"""Of the job's length; a quarter of it on average."""
MARK = "NIGHTPROOF_KILL_MARK"


@dataclass
class Trial:
    """One folder with a job's output and store, and what was seen while it was killed."""

    scene: Path
    folder: Path
    options: tuple[str, ...] = ()
    mark: str = field(default_factory=lambda: uuid4().hex)
    hits: int = 0
    orphans: int = 0
    changed: list[str] = field(default_factory=list)
    hit_in: list[str] = field(default_factory=list)
    _standing: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)

    def start(self, *more: str) -> subprocess.Popen[bytes]:
        where = ["--out", str(self.folder / "out"), "--store", str(self.folder / "store")]
        command = [sys.executable, "-m", "nightproof", "optimize", str(self.scene), "--policy", "draft", "--json"]
        environment = {**os.environ, MARK: self.mark}
        silent = subprocess.DEVNULL
        return subprocess.Popen([*command, *where, *self.options, *more], stdout=silent, stderr=silent, env=environment)

    def run(self) -> int:
        code = self.start().wait()
        self._compare()
        return code

    def run_and_kill(self, moment_s: float, *, again: bool = False) -> bool:
        """Whether the job was still running at that moment. `again`: forget what was committed."""
        if again:
            self._standing = {}
        process = self.start(*(["--again"] if again else []))
        try:
            process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            self.hits += 1
            self.hit_in.append(self._latest_attempt())
            self.orphans += self._orphans()
            self._compare()
            return True
        self._compare()
        return False

    def asset(self) -> str:
        return hashlib.sha256((self.folder / "out" / "asset.glb").read_bytes()).hexdigest()

    def litter(self) -> list[str]:
        """Half-written files and scratch that are left."""
        patterns = (".part-*", "*.[0-9][0-9][0-9]*")
        return sorted({str(path.relative_to(self.folder)) for it in patterns for path in self.folder.rglob(it)})

    def _compare(self) -> None:
        rows = self._query("SELECT job, step, token, blob FROM steps")
        found = {(job, step): (token, blob) for job, step, token, blob in rows}
        self.changed += [step for (job, step), was in self._standing.items() if found.get((job, step)) != was]
        self._standing = found

    def _latest_attempt(self) -> str:
        rows = self._query("SELECT step FROM attempts ORDER BY rowid DESC LIMIT 1")
        return str(rows[0][0]) if rows else "start"

    def _query(self, text: str) -> list[tuple[str, ...]]:
        path = self.folder / "store" / "jobs.sqlite"
        with suppress(sqlite3.OperationalError):
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
            try:
                return connection.execute(text).fetchall()
            finally:
                connection.close()
        return []

    def _orphans(self) -> int:
        deadline_s = time.monotonic() + ORPHANS_END_WITHIN_S
        while (alive := self._alive()) and time.monotonic() < deadline_s:
            time.sleep(0.1)
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(alive)

    def _alive(self) -> list[int]:
        """Processes of this trial by their environment; Linux only, none elsewhere."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"{MARK}={self.mark}".encode() in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path, nargs="?")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pipeline", default="auto")
    parser.add_argument("--threads", default="0")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scene = arguments.scene or root / "gallery.glb"
        if arguments.scene is None:
            scene.write_bytes(interior("gallery"))
        options = ("--pipeline", arguments.pipeline, "--threads", arguments.threads)
        peace, fire = Trial(scene, root / "peace", options), Trial(scene, root / "fire", options)
        started_s = time.monotonic()
        first = peace.run()
        whole_s = time.monotonic() - started_s
        print(f"in peace: exit {first}, {whole_s:.0f} s, asset {peace.asset()[:16]}", flush=True)
        moments = random.Random(arguments.seed)
        # A killed job goes on where it was, so short and long spells hit every part of it; long ones are needed, for a
        # step that keeps nothing on the way (the audit) must be let through once. Where the job ends before the last
        # kill, the rest hits it being made again.
        again = False
        while fire.hits < arguments.kills:
            hit = fire.run_and_kill(LEAST_MOMENT_S + LONGEST_SPELL * moments.random() ** 3 * whole_s, again=again)
            if not hit and fire.asset() != peace.asset():
                print(f"after {fire.hits} kills the asset came out as {fire.asset()[:16]}")
                return 1
            again = not hit
        last = fire.run()
        print(f"under fire: {fire.hits} kills hit, exit {last}, asset {fire.asset()[:16]}")
        print(f"killed in: {', '.join(fire.hit_in)}")
        print(f"steps committed twice: {', '.join(fire.changed) or 'none'}; children that stayed: {fire.orphans}")
        print(f"half-written files left: {', '.join(fire.litter()) or 'none'}")
        same = peace.asset() == fire.asset() and first == last and first in ENDED
        return 0 if same and not fire.changed and not fire.orphans and not fire.litter() else 1


if __name__ == "__main__":
    sys.exit(main())
