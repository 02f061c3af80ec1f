"""One lightmap by our kernel (full paths, or gathering), by Cycles and by Mitsuba, with the CPU-seconds of each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32
from platformdirs import user_cache_path

import nightproof
from nightproof.pipelines.baking.checkpoints import Checkpoints
from nightproof.pipelines.baking.light import GatherMap, LitPage, Sampling, gather_map, light_pages, page_covers
from nightproof.rendering.auditor_probe import probe
from nightproof.rendering.tracer import Tracer
from workloads.matte_rooms import MatteRoom

Array = np.ndarray

PEERS = Path(__file__).parents[1] / "peers"
BOUNCES = 4
"""Diffuse bounces after direct light, Blender's default."""
MAX_DEPTH = BOUNCES + 2
"""The same, in edges as we and Mitsuba count: from the eye, the bounces, to the lamp."""
NOBODY = np.zeros((0, 14), np.float32)
"""No viewers: cosine-weighted directions."""
TILE_PX = 1 << 15
GATHER_DIRECT, GATHER_SAMPLES = 8, 4
"""Samples of the coarse lightmap: first pass, later passes. Fewer than the pipeline takes: its lightmaps are larger."""
ENDLESS = 24
"""Bounces that leave nothing to count: paths near a surface go on instead of reading the coarse lightmap, and so take
more bounces than its passes. Counted, that is 2 % of the light in a room whose fifth and later bounces are a tenth."""
CALM = 512
"""Samples of the coarse lightmap where its mean is what is asked: passes share their noise, and amplify it."""
EVEN = 1e9
"""Weight of the cosine-weighted hemisphere beside the views: they say where to start, never whereto."""


@dataclass(frozen=True)
class Baked:
    """A lightmap of irradiance / π."""

    light: Float32[Array, "h w 3"]
    valid: Bool[Array, "h w"]
    cpu_s: float
    """Of the bake alone: from the scene in memory to the lightmap in memory."""
    paths: int


CYCLES_ROULETTE = 1
"""The scattering from which on Cycles plays Russian roulette, with the square root of what a path carries, as we do."""


def ours(
    room: MatteRoom,
    samples: int,
    *,
    gather: bool,
    seed: int = 1,
    first_roulette: int | None = None,
    bounces: int = BOUNCES,
    coarse_samples: tuple[int, int] = (GATHER_DIRECT, GATHER_SAMPLES),
) -> Baked:
    """Full paths, or paths that end on a coarse lightmap, whose making is counted."""
    started_s = time.process_time()
    tracer = Tracer(room.flat, 1)
    how = _sampling(samples, seed, first_roulette, bounces)
    map_, paths = _coarse(room, tracer, how, bounces, coarse_samples) if gather else (None, 0)
    (page,) = _lit(room, tracer, map_, how)
    spent_s = time.process_time() - started_s
    thinned = np.s_[::2, ::2]
    light = np.where(page.albedo > 0, page.radiance / np.maximum(page.albedo, 1e-9), 0)[thinned]
    valid = page.valid[thinned]
    return Baked(light.astype(np.float32), valid, spent_s, paths + samples * int(valid.sum()))


def _sampling(samples: int, seed: int, first_roulette: int | None, bounces: int) -> Sampling:
    sampling = Sampling(
        seed=seed,
        least_samples=samples,
        most_samples=samples,
        error=0,
        floor=0.01,
        unseen=0.5,
        near_m=1,
        max_depth=bounces + 2,
    )
    return replace(sampling, first_roulette=first_roulette) if first_roulette else sampling


def _lit(room: MatteRoom, tracer: Tracer, map_: GatherMap | None, how: Sampling) -> list[LitPage]:
    with tempfile.TemporaryDirectory() as folder:
        return light_pages(
            tracer,
            room.middles,
            [room.middle_cover],
            NOBODY,
            map_,
            how,
            stage="lit",
            tile_px=TILE_PX,
            moments=False,
            checkpoints=Checkpoints(Path(folder)),
            threads=1,
            progress=lambda fraction: None,
        )


def _coarse(
    room: MatteRoom, tracer: Tracer, how: Sampling, bounces: int, samples_of: tuple[int, int]
) -> tuple[GatherMap, int]:
    """Direct light and as many bounces as make up `bounces` with the last one, nothing extrapolated."""
    covers = page_covers(room.coarse)
    pages: list[LitPage] | None = None
    paths = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(bounces):
            samples = samples_of[1 if number else 0]
            own = replace(how, seed=how.seed + 1, least_samples=samples, most_samples=samples)
            pages = light_pages(
                tracer,
                room.coarse,
                covers,
                room.eyes,
                gather_map(room.flat, room.coarse, covers, pages),
                replace(own, without_emission=True, unseen=EVEN),
                stage=f"gather{number}",
                tile_px=TILE_PX,
                moments=False,
                checkpoints=Checkpoints(Path(folder)),
                threads=1,
                progress=lambda fraction: None,
            )
            paths += samples * sum(int(page.valid.sum()) for page in pages)
    return gather_map(room.flat, room.coarse, covers, pages), paths


def reference(room: MatteRoom, samples: int, saved: Path) -> Float32[Array, "h w 3"]:
    """Full paths, many of them, made once and kept in the user's cache: it takes minutes."""
    arrays = np.load(saved)  # the file itself holds the time of day
    told = repr((samples, MAX_DEPTH, nightproof.__version__, 1)).encode()
    what = hashlib.sha256(told + b"".join(arrays[name].tobytes() for name in sorted(arrays.files))).hexdigest()[:16]
    kept = user_cache_path("nightproof") / "benchmarks" / f"bake-{room.name.replace(' ', '-')}-{what}.npy"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        light = ours(room, samples, gather=False, seed=77).light
        half_made = kept.with_suffix(".part.npy")
        np.save(half_made, light)
        half_made.replace(kept)
    return np.load(kept)


class PeerMissing(Exception):
    """An engine to compare with is not on this machine; the message says how to get it."""


def cycles_python() -> str:
    """The Python that has `bpy`. Raises `PeerMissing`."""
    python = os.environ.get("NIGHTPROOF_BPY_PYTHON", "")
    trial = [python, "-c", "import bpy"]
    if not shutil.which(python) or subprocess.run(trial, capture_output=True, check=False).returncode:
        raise PeerMissing(
            "no Cycles here. Run benchmarks/peers/bpy_venv.sh (needs Python 3.11, downloads 0.8 GB) and set\n"
            "NIGHTPROOF_BPY_PYTHON to what it prints; or pass --without-cycles."
        )
    return python


def cycles(room: MatteRoom, saved: Path, ladder: Sequence[int], python: str) -> list[Baked]:
    """Every texel of the lightmap, in one process, one thread. The process's start and first bake don't count."""
    with tempfile.TemporaryDirectory() as folder:
        counts = [str(n) for n in ladder]
        command = [python, str(PEERS / "cycles_bake.py"), str(saved), folder, "--bounces", str(BOUNCES)]
        told = _told([*command, "--threads", "1", "--samples", *counts])
        maps = [np.load(Path(folder) / f"{n}.npy") for n in ladder]
    baked = int((maps[0][..., 3] > 0).sum())
    return [
        Baked(np.ascontiguousarray(found[..., :3]), found[..., 3] > 0, cpu_s, n * baked)
        for n, found, cpu_s in zip(ladder, maps, told["cpu_seconds"], strict=True)
    ]


def mitsuba(saved: Path, wanted: Bool[Array, "h w"], samples: int) -> Baked:
    """The wanted texels only: for the mean. Raises `PeerMissing`."""
    found = probe()
    if not found.variant.startswith("llvm"):
        raise PeerMissing(f"no Mitsuba with LLVM here ({found.reason}); `nightproof doctor` says what to install")
    environment = {"DRJIT_LIBLLVM_PATH": found.llvm_library} if found.llvm_library else {}
    texels = np.flatnonzero(wanted)
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "texels.npy", Path(folder) / "light.npy"
        np.save(asked, texels)
        script = str(PEERS / "mitsuba_bake.py")
        command = [sys.executable, script, str(saved), str(asked), str(answer), "--samples", str(samples)]
        told = _told([*command, "--depth", str(MAX_DEPTH)], environment)
        light = np.zeros((wanted.size, 3), np.float32)
        light[texels] = np.load(answer)
    return Baked(light.reshape(*wanted.shape, 3), wanted, told["cpu_seconds"], samples * len(texels))


def _told(command: list[str], environment: dict[str, str] | None = None) -> dict[str, list[float]]:
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, **(environment or {})}, check=False
    )
    if done.returncode:
        raise PeerMissing(f"{Path(command[1]).name} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
