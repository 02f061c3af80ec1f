"""Peak memory of inspecting and of packing, scene by scene, against the decoded scene.

    python benchmarks/memory.py [FOLDER] [--only NAME ...] [--json FILE]

Inspects and packs each .glb below FOLDER (default: the shared scenes beside the clone) and two generated scenes of a
million triangles, each in a process of its own on one thread. Decoded scene: the file's bytes, the flat arrays in which
a scene is held, and its textures as 8-bit RGBA. Peak: the most that is resident above what imports had taken. What the
work takes of a scene of 0.1 MB (environment map, libraries' first use) is measured first; it is the allowance, printed,
and taken off in the net ratio. Scenes below 10 MB count as 10 MB: windows on textures and sampled rays are as large for
all. The exit code says how many net ratios are above 6.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from workloads.large import many_meshes, one_mesh
from workloads.one_scene import WORK, Cost, measured

SHARED = Path(__file__).parents[1] / ".." / "shared" / "scenes"
MOST = 6.0
LEAST_BYTES = 10e6
"""What a scene counts as at least."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    asked = parser.parse_args()
    rows, above = [], 0
    with tempfile.TemporaryDirectory() as folder:
        allowance = allowances(Path(folder))
        for work, size in allowance.items():
            print(f"allowance of {work}: {size / 1e6:.0f} MB")
        print(f"{'scene':28}{'decoded MB':>12}" + "".join(f"{work + ' MB':>12}{'ratio':>8}{'net':>8}" for work in WORK))
        for path in scenes(asked.folder, Path(folder)):
            if asked.only and path.stem not in asked.only:
                continue
            costs = {work: measured(work, path) for work in WORK}
            above += sum(net(cost, allowance[work]) > MOST for work, cost in costs.items())
            print(shown(path.stem, costs, allowance), flush=True)
            rows.append({"scene": path.stem} | {work: asdict(cost) for work, cost in costs.items()})
    print(f"{above} of {len(WORK) * len(rows)} net ratios above {MOST:g}")
    if asked.json:
        asked.json.write_text(json.dumps({"allowance": allowance, "rows": rows}, indent=1) + "\n")
    return above


def allowances(folder: Path) -> dict[str, int]:
    """What each kind of work takes of nearly nothing."""
    path = folder / "small.glb"
    path.write_bytes(one_mesh(1000, 64))
    return {work: measured(work, path).peak_bytes for work in WORK}


def scenes(given: Path, made: Path) -> Iterator[Path]:
    yield from sorted(given.glob("*.glb"))
    for name, make in (("one_mesh", one_mesh), ("many_meshes", many_meshes)):
        path = made / f"{name}.glb"
        path.write_bytes(make())
        yield path


def net(cost: Cost, allowance: int) -> float:
    return max(0, cost.peak_bytes - allowance) / max(cost.decoded_bytes, LEAST_BYTES)


def shown(name: str, costs: dict[str, Cost], allowance: dict[str, int]) -> str:
    decoded = costs[WORK[0]].decoded_bytes
    cells = (
        f"{cost.peak_bytes / 1e6:12.0f}{cost.peak_bytes / decoded:8.1f}{net(cost, allowance[work]):8.1f}"
        for work, cost in costs.items()
    )
    return f"{name:28}{decoded / 1e6:12.1f}" + "".join(cells)


if __name__ == "__main__":
    sys.exit(main())
