"""Packing every scene in a folder: bytes, CPU-seconds, and how far pictures of the packed file are from the input's.

    python benchmarks/packing.py ../shared/scenes [--views 2] [--gltf-transform PATH] [--only NAME ...] [--json FILE]

`--views` renders that many random views before and after, both path traced with the same seed (256², 16 samples,
denoised, studio light), and prints the PSNR over the pixels that show a surface: its median, its least, and the least
between two seeds of the original: the noise, below which no packing can be measured. `--gltf-transform` names the
program of `npm install @gltf-transform/cli`; it runs as `optimize --texture-compress webp --compress meshopt` with its
other defaults. CPU-seconds count one thread and no cache.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from nightproof.errors import NightproofError
from nightproof.kernels.rays import RayCaster
from nightproof.pipelines.packing.pack import pack
from nightproof.pipelines.packing.textures import Loss
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flatten import flatten
from nightproof.scenes.gltf import GltfDocument, load_gltf, parse_glb
from nightproof.scenes.views import ViewSampler

SIDE_PX, SAMPLES, SEED = 256, 16, 1
PEER_TIMEOUT_S = 300
CAP_DB = 99.0
"""What equal pictures count as."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--views", type=int, default=0)
    parser.add_argument("--gltf-transform", type=Path)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--loss", type=float, nargs="*", default=[], help="other limits: colour dB, data dB, normals °")
    parser.add_argument("--json", type=Path, help="write the rows here as well")
    parser.add_argument("--pictures", type=Path, help="write before | after | 8 × difference of every view here")
    asked = parser.parse_args()
    rows = []
    heads = ("in kB", "out kB", "ratio", "CPU s", "theirs", "median dB", "least dB", "noise dB")
    print(f"{'scene':28}" + "".join(f"{head:>10}" for head in heads))
    for path in sorted(asked.folder.glob("*.glb")):
        if not asked.only or path.stem in asked.only:
            rows.append(row(path, asked))
            print(shown(rows[-1]), flush=True)
    print(summary(rows))
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


def row(path: Path, asked: argparse.Namespace) -> dict:
    document = load_gltf(path)
    begin = time.process_time()
    packed = pack(document, loss=Loss(*asked.loss))
    seconds = time.process_time() - begin
    found = {"scene": path.stem, "bytes_in": path.stat().st_size, "bytes_out": len(packed.data), "cpu_seconds": seconds}
    found |= {"steps": packed.steps, "notes": packed.notes}
    if asked.views:
        pairs = fidelity(path.stem, document, parse_glb(packed.data), asked.views, asked.pictures)
        found["psnr_db"], found["noise_db"] = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    if asked.gltf_transform:
        found["theirs_bytes"], found["theirs_cpu_seconds"] = theirs(asked.gltf_transform, path)
    return found


def fidelity(
    name: str, before: GltfDocument, after: GltfDocument, views: int, pictures: Path | None
) -> list[tuple[float, float]]:
    """Of each view, over the pixels that show a surface: PSNR to the packed file, and to the original's other seed."""
    studio = named_environment("studio")
    try:
        flats = [flatten(document, studio) for document in (before, after)]
    except NightproofError as error:
        print(f"{name}: not rendered: {error}")
        return []
    sampler = ViewSampler(flats[0], RayCaster(flats[0].positions, flats[0].triangles, 1), SIDE_PX, SIDE_PX)
    tracers = [Tracer(flat, threads=1) for flat in flats]
    result = []
    for index in range(views):
        camera = sampler.view(SEED, index)
        takes = [(tracers[0], SEED), (tracers[1], SEED), (tracers[0], SEED + 1)]
        shots = [tracer.render(camera, samples=SAMPLES, seed=seed) for tracer, seed in takes]
        clean = [denoise(shot.color, shot.albedo, shot.normal, threads=1) for shot in shots]
        first, second, other = (to_display(image, auto_exposure(clean[:1])) for image in clean)
        surface = np.any([(np.abs(shot.normal) > 0).any(-1) for shot in shots], axis=0)
        if surface.any():
            result.append((psnr_db(first[surface], second[surface]), psnr_db(first[surface], other[surface])))
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


def theirs(program: Path, path: Path) -> tuple[int | None, float]:
    """Bytes and CPU-seconds of gltf-transform's `optimize`; no bytes where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.glb"
        options = ["--texture-compress", "webp", "--compress", "meshopt"]
        before = _children_seconds()
        command = [str(program), "optimize", str(path), str(out), *options]
        try:
            subprocess.run(command, capture_output=True, check=False, timeout=PEER_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            return None, _children_seconds() - before
        return (out.stat().st_size if out.is_file() else None), _children_seconds() - before


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def shown(found: dict) -> str:
    ratio = found["bytes_out"] / found["bytes_in"]
    peer = found.get("theirs_bytes")
    db = found.get("psnr_db") or []
    numbers = [found["bytes_in"] / 1e3, found["bytes_out"] / 1e3, ratio, found["cpu_seconds"]]
    numbers += [peer / found["bytes_in"] if peer else None, np.median(db) if db else None, min(db, default=None)]
    numbers += [min(found.get("noise_db") or [None])]
    digits = (0, 0, 3, 1, 3, 1, 1, 1)
    cells = (f"{n:10.{d}f}" if n is not None else f"{'–':>10}" for n, d in zip(numbers, digits, strict=True))
    return f"{found['scene']:28}" + "".join(cells)


def summary(rows: list[dict]) -> str:
    ratios = [found["bytes_out"] / found["bytes_in"] for found in rows]
    total = sum(found["bytes_out"] for found in rows) / sum(found["bytes_in"] for found in rows)
    text = f"{len(rows)} scenes: total {total:.3f}, median {np.median(ratios):.3f}, largest {max(ratios):.3f}"
    peers = [found for found in rows if found.get("theirs_bytes")]
    if peers:
        theirs_total = sum(found["theirs_bytes"] for found in peers) / sum(found["bytes_in"] for found in peers)
        same_total = sum(found["bytes_out"] for found in peers) / sum(found["bytes_in"] for found in peers)
        text += f"; where gltf-transform made a file: theirs {theirs_total:.3f}, ours {same_total:.3f}"
    views = [db for found in rows for db in found.get("psnr_db", [])]
    if views:
        text += f"; {len(views)} views: median {np.median(views):.1f} dB, least {min(views):.1f} dB"
    return text


if __name__ == "__main__":
    main()
