"""Seconds that large scenes take to pack and to inspect, one thread each.

    python benchmarks/large_scenes.py [--only NAME ...]

Packs two generated scenes of a million triangles, one mesh with a texture of 2048² and a thousand meshes (and, for what
grows faster than the number of meshes, ten thousand of a hundred triangles), reading and flattening included; inspects
two of 300,000. Each runs in a process of its own; imports don't count. The exit code says how many are above their
limit: 60 CPU-seconds and 60 seconds for packing, 3 CPU-seconds for inspecting.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workloads.large import many_meshes, one_mesh
from workloads.one_scene import Cost, measured

PACK_S, INSPECT_CPU_S = 60.0, 3.0


@dataclass(frozen=True)
class Task:
    name: str
    work: str
    make: Callable[[], bytes]

    def holds(self, cost: Cost) -> bool:
        if self.work == "inspect":
            return cost.cpu_seconds <= INSPECT_CPU_S
        return max(cost.cpu_seconds, cost.wall_seconds) <= PACK_S


TASKS = (
    Task("one_mesh", "pack", one_mesh),
    Task("thousand_meshes", "pack", many_meshes),
    Task("ten_thousand_meshes", "pack", lambda: many_meshes(10_000, 100)),
    Task("one_mesh_300k", "inspect", lambda: one_mesh(300_000)),
    Task("meshes_300k", "inspect", lambda: many_meshes(300, 1000)),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    asked = parser.parse_args()
    heads = ("triangles", "in MB", "out MB", "CPU s", "wall s", "peak MB")
    print(f"{'scene':22}{'work':10}" + "".join(f"{head:>11}" for head in heads))
    slow = 0
    with tempfile.TemporaryDirectory() as folder:
        for task in TASKS:
            if asked.only and task.name not in asked.only:
                continue
            path = Path(folder) / f"{task.name}.glb"
            path.write_bytes(task.make())
            cost = measured(task.work, path)
            slow += not task.holds(cost)
            print(
                f"{task.name:22}{task.work:10}" + shown(cost) + ("" if task.holds(cost) else "  too slow"), flush=True
            )
    return slow


def shown(cost: Cost) -> str:
    numbers = (cost.bytes_in / 1e6, cost.bytes_out / 1e6, cost.cpu_seconds, cost.wall_seconds, cost.peak_bytes / 1e6)
    return f"{cost.triangles:11}" + "".join(f"{number:11.1f}" for number in numbers)


if __name__ == "__main__":
    sys.exit(main())
