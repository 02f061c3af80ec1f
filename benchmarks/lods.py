"""What coarser levels of detail cost in bytes, how many triangles they save, and what they show where viewers switch.

    python benchmarks/lods.py [FOLDER] [--levels 4] [--only NAME ...] [--json FILE]

Every .glb below FOLDER (default: the shared scenes beside the clone) packed without levels and with them. Each level is
looked at beside the mesh it stands in for, alone in studio light, from five sides, as large in a view of
1920 × 1080 pixels as its screen coverage says; the PSNR is over the disc of the bounding sphere. Exit code: how many
levels are below 40 dB.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from nightproof.pipelines.packing.pack import pack
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "pipelines" / "packing"))

import levels_seen

SHARED = Path(__file__).parents[1] / ".." / "shared" / "scenes"
LEAST_DB = 40.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    asked = parser.parse_args()
    heads = f"{'bytes':>10}{'with':>10}{'more':>8}{'CPU s':>7}{'meshes':>7}"
    print(f"{'scene':28}{heads}  triangles by level; least dB by level")
    rows = []
    for path in sorted(asked.folder.glob("*.glb")):
        if not asked.only or path.stem in asked.only:
            rows.append(row(path, asked.levels))
            print(shown(rows[-1]), flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    return sum(db < LEAST_DB for found in rows for chain in found["chains"] for db in chain["psnr_db"])


def row(path: Path, levels: int) -> dict[str, Any]:
    document = load_gltf(path)
    flat = flatten(document, named_environment("studio"))
    plain = pack(document, flat=flat)
    begin = time.process_time()
    made = pack(document, flat=flat, levels=levels)
    seconds = time.process_time() - begin
    packed = parse_glb(made.data)
    found = []
    for chain in levels_seen.chains(packed):
        pairs = list(zip(chain.meshes, chain.coverages, strict=False))
        psnr_db = [min(levels_seen.psnr_db(packed, chain.host, mesh, coverage)) for mesh, coverage in pairs]
        found.append({"triangles": chain.triangles, "coverages": chain.coverages, "psnr_db": psnr_db})
    sizes = {"bytes": len(plain.data), "bytes_with": len(made.data)}
    return {"scene": path.stem, **sizes, "cpu_seconds": seconds, "notes": made.notes, "chains": found}


def shown(found: dict[str, Any]) -> str:
    most = max((len(chain["psnr_db"]) for chain in found["chains"]), default=0)
    triangles = [sum(c["triangles"][min(k, len(c["triangles"]) - 1)] for c in found["chains"]) for k in range(most + 1)]
    least = [min(c["psnr_db"][k] for c in found["chains"] if k < len(c["psnr_db"])) for k in range(most)]
    more = found["bytes_with"] / found["bytes"] - 1
    return (
        f"{found['scene']:28}{found['bytes']:>10}{found['bytes_with']:>10}{more:>8.1%}{found['cpu_seconds']:>7.1f}"
        f"{len(found['chains']):>7}  {' '.join(map(str, triangles))}; {' '.join(f'{db:.1f}' for db in least)}"
    )


if __name__ == "__main__":
    sys.exit(main())
