"""One scene inspected or packed in a process of its own: seconds, and the peak of memory above what imports take.

    python benchmarks/workloads/one_scene.py inspect|pack FILE

prints one line of JSON. What is imported lazily is imported first, and the kernel's high-water mark of resident memory
is set back before the work begins (Linux; `/proc/self/clear_refs`), so that only the work counts.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

WORK = ("inspect", "pack")
LAZY = ("DracoPy", "meshoptimizer", "PIL.Image", "PIL.WebPImagePlugin", "PIL.PngImagePlugin", "PIL.JpegImagePlugin")
OURS = (
    "nightproof.jobs.opening",
    "nightproof.optimizer.analyzer",
    "nightproof.pipelines.packing.pack",
    "nightproof.scenes.environment",
    "nightproof.scenes.reading",
)
TIMEOUT_S = 900


@dataclass(frozen=True)
class Cost:
    """Of one piece of work on one scene."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    """Resident, above what was there before the file was opened."""
    decoded_bytes: int
    """Of the file, the flat arrays, and the textures as 8-bit RGBA: what a renderer must hold."""
    triangles: int
    bytes_in: int
    bytes_out: int
    """Of the packed file; 0 where nothing was made."""


def measured(work: str, path: Path) -> Cost:
    """In a child process."""
    command = [sys.executable, __file__, work, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    if done.returncode:
        raise SystemExit(f"{work} {path.name}: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    work, path = sys.argv[1], Path(sys.argv[2])
    for name in (*LAZY, *OURS):
        importlib.import_module(name)
    cpu, wall, before = time.process_time(), time.monotonic(), _peak_bytes(reset=True)
    out = {"inspect": inspect, "pack": pack}[work](path)
    peak = _peak_bytes() - before
    spent = time.process_time() - cpu, time.monotonic() - wall
    decoded, triangles = decoded_size(path)
    print(json.dumps(asdict(Cost(*spent, peak, decoded, triangles, path.stat().st_size, out))))


def inspect(path: Path) -> int:
    from nightproof.jobs.opening import examine, open_source

    examine(open_source(path), environment="auto", threads=1)
    return 0


def pack(path: Path) -> int:
    from nightproof.pipelines.packing.pack import pack
    from nightproof.scenes.environment import named_environment
    from nightproof.scenes.flatten import flatten
    from nightproof.scenes.reading import load_scene

    document = load_scene(path)
    return len(pack(document, flat=flatten(document, named_environment("studio")), threads=1).data)


def decoded_size(path: Path) -> tuple[int, int]:
    """Bytes of a scene as it is held, and its triangles."""
    from nightproof.jobs.opening import open_source

    source = open_source(path)
    flat = source.flat
    arrays = [value for value in vars(flat).values() if isinstance(value, np.ndarray)]
    images = {id(texture.pixels): texture.pixels.nbytes for texture in flat.textures}
    held = path.stat().st_size + sum(array.nbytes for array in arrays) + sum(images.values())
    return held, len(flat.triangles)


def _peak_bytes(reset: bool = False) -> int:
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


WORKS: dict[str, Callable[[Path], int]] = {"inspect": inspect, "pack": pack}

if __name__ == "__main__":
    main()
