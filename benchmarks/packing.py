"""Packing every scene in a folder: bytes, CPU-seconds, and how far pictures of the packed file are from the input's.

    python benchmarks/packing.py [FOLDER] [--views 4] [--gltf-transform PATH] [--only NAME ...] [--json FILE]
        [--target-psnr DB] [--target-bytes N] [--texture-format avif|ktx2]

`--views` shows that many random views before and after, as a real-time viewer lights them (previews of 512², studio
light; no noise, so what differs is what packing did), and prints the PSNR over the pixels that show a surface. Packing
itself looks at other views. `--gltf-transform` names the program of `npm install @gltf-transform/cli`;
it runs as `optimize --texture-compress webp --compress meshopt` with its other defaults, and its files are looked at as
well. CPU-seconds count one thread, reading and flattening included, no cache.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line has it

import numpy as np

from nightproof.errors import NightproofError
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.aims import Aim, packed_for
from nightproof.pipelines.packing.coders import CODERS, coder_named
from nightproof.pipelines.packing.pack import USUAL_DB, Packer
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.preview import Previewer
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import load_gltf, parse_glb
from nightproof.scenes.views import ViewSampler
from workloads.shared_scenes import SHARED, scenes_of

SIDE_PX, SEED = 512, 1
PEER_TIMEOUT_S = 300
CAP_DB = 99.0
"""What equal pictures count as."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHARED)
    parser.add_argument("--views", type=int, default=0)
    parser.add_argument("--gltf-transform", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--target-psnr", type=float, default=USUAL_DB)
    parser.add_argument("--target-bytes", type=int)
    parser.add_argument("--texture-format", choices=CODERS, default="webp")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    parser.add_argument("--pictures", type=Path, help="write before | after | 8 × difference of every view here")
    asked = parser.parse_args()
    rows, paths = [], scenes_of(asked.folder, asked.only)
    heads = ("in kB", "out kB", "ratio", "CPU s", "median dB", "least dB", "theirs", "CPU s", "least dB")
    print(f"{'scene':28}" + "".join(f"{head:>10}" for head in heads))
    for path in paths:
        rows.append(row(path, asked))
        print(shown(rows[-1]), flush=True)
    print(summary(rows))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


def row(path: Path, asked: argparse.Namespace) -> dict:
    studio = named_environment("studio")
    begin = spent_s()
    document = load_gltf(path)
    flat = flatten(document, studio)
    aim = Aim(asked.target_psnr, asked.target_bytes, coder_named(asked.texture_format))
    packed = packed_for(Packer(document, flat=flat, coder=aim.coder), aim, lambda *_: None)
    seconds = spent_s() - begin
    found = {"scene": path.stem, "bytes_in": path.stat().st_size, "bytes_out": len(packed.data), "cpu_seconds": seconds}
    found |= {"steps": packed.steps, "notes": packed.notes, "least_db_own": min(packed.psnr_db, default=None)}
    if asked.views:
        found["psnr_db"] = fidelity(path.stem, flat, packed.data, asked.views, asked.pictures)
    if asked.gltf_transform:
        data, found["theirs_cpu_seconds"] = theirs(asked.gltf_transform, path)
        found["theirs_bytes"] = None if data is None else len(data)
        if asked.views and data is not None:
            found["theirs_psnr_db"] = fidelity(path.stem + "_theirs", flat, data, asked.views, asked.pictures)
    return found


def spent_s() -> float:
    """By this process and the programs that it ran."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def fidelity(name: str, before: FlatScene, packed: bytes, views: int, pictures: Path | None) -> list[float]:
    """PSNR of each view, over the pixels that show a surface before or after."""
    try:
        after = flatten(parse_glb(packed), before.environment)
    except NightproofError as error:
        print(f"{name}: not shown: {error}")
        return []
    sampler = ViewSampler(before, RayCaster(before.positions, before.triangles, 1), SIDE_PX, SIDE_PX)
    previewers = [Previewer(flat) for flat in (before, after)]
    result = []
    for index in range(views):
        one, other = (previewer.picture(sampler.view(SEED, index)) for previewer in previewers)
        exposure = auto_exposure([one.color])
        first, second = to_display(one.color, exposure), to_display(other.color, exposure)
        surface = (one.coverage > 0.01) | (other.coverage > 0.01)
        if surface.any():
            result.append(psnr_db(first[surface], second[surface]))
        if pictures:
            write_picture(pictures / f"{name}_{index}.png", first, second)
    return result


def psnr_db(first: np.ndarray, second: np.ndarray) -> float:
    error = float(((first.astype(np.float64) - second) ** 2).mean())
    return min(CAP_DB, 10 * np.log10(255.0**2 / max(error, 1e-9)))


def write_picture(place: Path, first: np.ndarray, second: np.ndarray) -> None:
    from PIL import Image

    difference = np.clip(np.abs(first.astype(int) - second) * 8, 0, 255).astype(np.uint8)
    place.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([first, second, difference], axis=1)).save(place)


def theirs(program: Path, path: Path) -> tuple[bytes | None, float]:
    """The file and the CPU-seconds of gltf-transform's `optimize`; no file where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.glb"
        options = ["--texture-compress", "webp", "--compress", "meshopt"]
        before = _children_seconds()
        command = [str(program), "optimize", str(path), str(out), *options]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=PEER_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None, _children_seconds() - before
        return (out.read_bytes() if out.is_file() else None), _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def shown(found: dict) -> str:
    own, peer = found.get("psnr_db") or [], found.get("theirs_psnr_db") or []
    bytes_in, theirs_bytes = found["bytes_in"], found.get("theirs_bytes")
    numbers = [bytes_in / 1e3, found["bytes_out"] / 1e3, found["bytes_out"] / bytes_in, found["cpu_seconds"]]
    numbers += [float(np.median(own)) if own else None, min(own, default=None)]
    numbers += [
        theirs_bytes / bytes_in if theirs_bytes else None,
        found.get("theirs_cpu_seconds"),
        min(peer, default=None),
    ]
    digits = (0, 0, 3, 1, 1, 1, 3, 1, 1)
    cells = (f"{n:10.{d}f}" if n is not None else f"{'–':>10}" for n, d in zip(numbers, digits, strict=True))
    return f"{found['scene']:28}" + "".join(cells)


def summary(rows: list[dict]) -> str:
    ratios = [found["bytes_out"] / found["bytes_in"] for found in rows]
    total = sum(found["bytes_out"] for found in rows) / sum(found["bytes_in"] for found in rows)
    seconds = sum(found["cpu_seconds"] for found in rows)
    text = f"{len(rows)} scenes: total {total:.3f}, median {np.median(ratios):.3f}, largest {max(ratios):.3f}"
    text += f", {seconds:.0f} CPU-s"
    peers = [found for found in rows if found.get("theirs_bytes")]
    if peers:
        theirs_total = sum(found["theirs_bytes"] for found in peers) / sum(found["bytes_in"] for found in peers)
        text += f"; gltf-transform {theirs_total:.3f}, {sum(found['theirs_cpu_seconds'] for found in peers):.0f} CPU-s"
    for name, key in (("ours", "psnr_db"), ("theirs", "theirs_psnr_db")):
        views = [db for found in rows for db in found.get(key, [])]
        if views:
            below = sum(db < 40 for db in views)
            text += f"; {name}: {len(views)} views, median {np.median(views):.1f} dB"
            text += f", least {min(views):.1f}, {below} below 40"
    return text


if __name__ == "__main__":
    main()
