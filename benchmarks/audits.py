"""The audit alone on every real scene: does Mitsuba see what our tracer sees?

    python benchmarks/audits.py [FOLDER] [--only NAME ...] [--seed N] [--policy draft]

One line per scene: the answer, the mean's difference with its standard error, the least SSIM of the denoised pictures.
A disagreement is a fault, and the exit code says how many there were. About 20 CPU-seconds a scene with LLVM.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from nightproof.errors import NightproofError
from nightproof.jobs.auditing import audit_scene
from nightproof.jobs.opening import open_scene
from workloads.shared_scenes import SHARED, scenes_of


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--policy", default="draft", choices=["draft", "standard", "strict"])
    arguments = parser.parse_args()
    scenes = sorted(scenes_of(arguments.folder), key=lambda scene: scene.stat().st_size)
    faults = 0
    for scene in scenes:
        if arguments.only and scene.stem not in arguments.only:
            continue
        try:
            source = open_scene(scene, environment="auto", threads=1).source
            audit = audit_scene(source, policy=arguments.policy, seed=arguments.seed, threads=1)
        except NightproofError as error:
            faults += 1
            print(f"{scene.stem:30} {type(error).__name__}: {error}", flush=True)
            continue
        mean = f"{audit.mean_difference:+.2%} ± {audit.mean_error:.2%}"
        print(f"{scene.stem:30} {audit.verdict:10} {mean:18} {audit.least_ssim:.3f}  {audit.reason}", flush=True)
        for note in (*audit.notes, *audit.unseen):
            print(f"{'':30} {note}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
