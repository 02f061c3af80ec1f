"""Kill the main job again and again, and see that it ends as if nothing had happened.

    python benchmarks/kill.py [SCENE.glb] [--kills 20] [--seed 0]

Runs the job once in peace, then once more in a fresh store, where it is ended by SIGKILL at random moments (drawn from
--seed, spread over the time that the first run took) and started again each time. In the end the asset must have the
same bytes, the certificate must hold or fail alike, and no step may have been committed twice. Exit code 1 otherwise.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import sqlalchemy as sa

from nightproof.scenes.procedural import interior

ENDED = (0, 3)


def command(scene: Path, folder: Path) -> list[str]:
    where = ["--out", str(folder / "out"), "--store", str(folder / "store")]
    return [sys.executable, "-m", "nightproof", "optimize", str(scene), "--policy", "draft", "--json", *where]


def run_in_peace(scene: Path, folder: Path) -> tuple[float, int]:
    started = time.monotonic()
    done = subprocess.run(command(scene, folder), stdout=subprocess.DEVNULL)
    return time.monotonic() - started, done.returncode


def run_under_fire(scene: Path, folder: Path, moments_s: list[float]) -> tuple[int, int]:
    """(kills that hit a running job, final exit code)."""
    hits = 0
    for moment_s in moments_s:
        process = subprocess.Popen(command(scene, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=moment_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
    return hits, subprocess.run(command(scene, folder), stdout=subprocess.DEVNULL).returncode


def commits(folder: Path) -> dict[str, int]:
    """How often each step was committed: rows by step, straight from the database."""
    engine = sa.create_engine(f"sqlite:///{folder / 'store' / 'jobs.sqlite'}")
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT step, COUNT(*) FROM steps GROUP BY job, step")).all()
    return {str(row[0]): int(row[1]) for row in rows}


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "out" / "asset.glb").read_bytes()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scene", type=Path, nargs="?")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scene = arguments.scene or root / "gallery.glb"
        if arguments.scene is None:
            scene.write_bytes(interior("gallery"))
        peace, fire = root / "peace", root / "fire"
        whole_s, first = run_in_peace(scene, peace)
        print(f"in peace: exit {first}, {whole_s:.0f} s, asset {digest(peace)[:16]}")
        random_moments = random.Random(arguments.seed)
        # A killed job goes on where it was, so 20 kills spread over twice the job's length hit every part of it.
        moments_s = [random_moments.uniform(0.02, 0.18) * whole_s for _ in range(arguments.kills)]
        hits, last = run_under_fire(scene, fire, moments_s)
        print(f"under fire: {hits} kills hit, exit {last}, asset {digest(fire)[:16]}")
        doubled = {step: count for step, count in commits(fire).items() if count != 1}
        print(f"steps committed twice: {doubled or 'none'}")
        same = digest(peace) == digest(fire) and first == last and first in ENDED
        return 0 if same and not doubled else 1


if __name__ == "__main__":
    sys.exit(main())
