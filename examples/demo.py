"""The main job on a bundled scene: what `make demo` runs.

Writes our own gallery (CC0) to demo-out/gallery.glb, optimizes it under the draft policy, checks the certificate the
way a stranger would, and says where to look.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from nightproof.scenes.procedural import interior

SCENE = "gallery"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("demo-out"))
    parser.add_argument("--policy", default="draft")
    arguments = parser.parse_args()

    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    scene = out / f"{SCENE}.glb"
    scene.write_bytes(interior(SCENE))

    results = out / SCENE
    nightproof = [sys.executable, "-m", "nightproof"]
    optimize = [*nightproof, "optimize", str(scene), "--out", str(results), "--policy", arguments.policy]
    print("$ nightproof", *optimize[3:], flush=True)
    done = subprocess.run([*optimize, "--store", str(out / "store")])
    if done.returncode not in (0, 3):
        return done.returncode

    verify = ["verify", str(results / "asset.glb"), str(results / "certificate.json")]
    print("\n$ nightproof", *verify, flush=True)
    subprocess.run([*nightproof, *verify])
    print(f"\nOpen {results / 'report.html'} in a browser; {results / 'asset.glb'} shows in any glTF viewer.")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
