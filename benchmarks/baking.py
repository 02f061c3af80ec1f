"""Bakes of diffuse irradiance beside Cycles on four rooms: paths per CPU-second, time to equal error, equal means.

    python benchmarks/baking.py [--only gallery] [--size 256] [--store] [--without-cycles]

What is the same on all sides: triangles, Lambertian colours, lights, one UV set, the texels and the half of each that
is averaged over, direct light and four bounces, one thread (workloads/matte_rooms.py says what was simplified for it).
CPU-seconds are those of the bake: from the scene in memory to the lightmap in memory.

Path rate: paths per CPU-second between the cheapest and the dearest bake of the ladder, so that set-up costs, ours and
theirs, cancel, and with Russian roulette from the first scattering on, as Cycles plays it. "As we bake": the rate with
our own, later roulette: slower paths, of which fewer are needed.

Error: root mean square over the counted texels against a reference of many full paths (made once, kept in the user's
cache) over its mean, after the same denoiser (OIDN, chart by chart) on both sides. Time to equal error compares at each
error that Cycles reached, for full paths and for paths that gather; between rungs of our ladder it is interpolated,
beyond them never: below the lowest rung, the lowest counts. The better of the two must reach the target.

Means: full paths against Mitsuba and Cycles, at the same bounces. Gathering against full paths without a count of
bounces, since its paths may take more than the count; both with samples enough to tell.
Ratios are compared with benchmarks/baselines/baking.json.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from nightproof.pipelines.baking.smooth import SPECULAR, smooth
from workloads.bake_engines import (
    CALM,
    CYCLES_ROULETTE,
    ENDLESS,
    Baked,
    PeerMissing,
    cycles,
    cycles_python,
    mitsuba,
    ours,
    reference,
)
from workloads.matte_rooms import ROOMS, MatteRoom, matte_room

Array = np.ndarray

BASELINE = Path(__file__).parent / "baselines" / "baking.json"
COARSE_SHARE = 0.25
OUR_LADDER = (4, 8, 16, 32, 64, 128)
CYCLES_LADDER = (16, 64)
MITSUBA_SAMPLES = 256
REFERENCE_SAMPLES = 2048
ENDLESS_SAMPLES = 64
REPEATS = 2
"""Of equal bakes, ours and theirs, the quickest counts: other work on the machine only ever slows."""
WANTED_RATE, WANTED_TIME, WANTED_MEAN = 4.0, 5.0, 0.005
SLACK = 0.75
"""A ratio may fall to this share of the stored one before the benchmark fails: machines and loads differ."""


@dataclass(frozen=True)
class Rung:
    """One bake, measured."""

    cpu_s: float
    paths: int
    mean: float
    raw: float
    """Relative root mean square error."""
    calm: float
    """The same after denoising."""
    denoise_s: float


class Judge:
    """Measures lightmaps of one room against its reference."""

    def __init__(self, room: MatteRoom, truth: Array, valid: Array) -> None:
        self.room, self.truth = room, truth
        self.valid = valid
        self.counted = room.counted & valid

    def rung(self, baked: Baked) -> Rung:
        started_s = time.process_time()
        calm = self.denoised(baked.light)
        denoise_s = time.process_time() - started_s
        mean = float(baked.light[self.counted].mean())
        return Rung(baked.cpu_s, baked.paths, mean, self.error(baked.light), self.error(calm), denoise_s)

    def denoised(self, light: Array) -> Array:
        white = np.ones_like(light)
        return smooth(light, white, self.valid, self.room.chart, 1) * np.float32(1 + SPECULAR)

    def error(self, light: Array) -> float:
        off, truth = (light - self.truth)[self.counted].astype(np.float64), self.truth[self.counted]
        return float(np.sqrt(np.mean(off**2)) / truth.mean())


def quickest(room: MatteRoom, samples: int, *, gather: bool, first_roulette: int | None = None) -> Baked:
    return min(
        (ours(room, samples, gather=gather, first_roulette=first_roulette) for _ in range(REPEATS)),
        key=lambda baked: baked.cpu_s,
    )


def rate(rungs: Sequence[Rung]) -> float:
    return (rungs[-1].paths - rungs[0].paths) / (rungs[-1].cpu_s - rungs[0].cpu_s)


def time_to(rungs: Sequence[Rung], error: float, extra: bool = False) -> float:
    """CPU-seconds to a denoised error; the cheapest rung's where that is better already, infinite where none is."""
    seconds = np.array([r.cpu_s + (r.denoise_s if extra else 0) for r in rungs])
    errors = np.minimum.accumulate([r.calm for r in rungs])
    if errors[0] <= error:
        return float(seconds[0])
    if errors[-1] > error:
        return float("inf")
    return float(np.exp(np.interp(-np.log(error), -np.log(errors), np.log(seconds))))


def show(engine: str, samples: int, rung: Rung) -> None:
    print(
        f"  {engine:16} {samples:5} {rung.cpu_s:8.2f} {rung.paths / rung.cpu_s / 1e6:9.3f} {rung.mean:9.5f}"
        f" {rung.raw:7.4f} {rung.calm:9.4f} {rung.denoise_s:8.2f}",
        flush=True,
    )


def measure(name: str, size: int, python: str | None) -> tuple[dict[str, float], list[str]]:
    room = matte_room(name, size, COARSE_SHARE)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "scene.npz"
        room.save(saved)
        truth = reference(room, REFERENCE_SAMPLES, saved)
        first = ours(room, OUR_LADDER[0], gather=False)
        judge = Judge(room, truth, first.valid)
        page = room.page
        print(
            f"{name}: {len(room.flat.triangles)} triangles, {page.width_px} × {page.height_px}, {room.texels} texels,"
            f" {int(first.valid.sum())} not within solids, {int(judge.counted.sum())} counted"
        )
        print("  engine         samples    CPU-s M/CPU-s      mean   error  denoised  OIDN CPU-s")
        full = [judge.rung(quickest(room, n, gather=False)) for n in OUR_LADDER]
        tries = [cycles(room, saved, CYCLES_LADDER, python) for _ in range(REPEATS)] if python else []
        theirs = [judge.rung(min(same, key=lambda baked: baked.cpu_s)) for same in zip(*tries, strict=True)]
        quick = [judge.rung(quickest(room, n, gather=True)) for n in OUR_LADDER]
        alike_ladder = (OUR_LADDER[0], OUR_LADDER[-1])
        alike = [judge.rung(quickest(room, n, gather=False, first_roulette=CYCLES_ROULETTE)) for n in alike_ladder]
        for engine, ladder, rungs in (
            ("ours, paths", OUR_LADDER, full),
            ("ours, gathering", OUR_LADDER, quick),
            ("ours, roulette", alike_ladder, alike),
            ("Cycles", CYCLES_LADDER, theirs),
        ):
            for samples, rung in zip(ladder, rungs, strict=False):
                show(engine, samples, rung)
        mitsuba_mean = _mitsuba_mean(saved, judge)
        return judged(name, judge, full, quick, alike, theirs, mitsuba_mean, _gathering_mean(room, judge))


def _gathering_mean(room: MatteRoom, judge: Judge) -> float:
    """Of gathering over that of full paths, neither counting bounces."""
    means = [
        float(baked.light[judge.counted].mean())
        for baked in (
            ours(room, ENDLESS_SAMPLES, gather=gather, bounces=ENDLESS, coarse_samples=(CALM, CALM))
            for gather in (True, False)
        )
    ]
    return means[0] / means[1]


def _mitsuba_mean(saved: Path, judge: Judge) -> float:
    try:
        baked = mitsuba(saved, judge.counted, MITSUBA_SAMPLES)
    except PeerMissing as missing:
        print(f"  Mitsuba: {missing}")
        return float("nan")
    rung = Rung(baked.cpu_s, baked.paths, float(baked.light[judge.counted].mean()), judge.error(baked.light), 0, 0)
    show("Mitsuba", MITSUBA_SAMPLES, rung)
    return rung.mean


def judged(
    name: str,
    judge: Judge,
    full: list[Rung],
    quick: list[Rung],
    alike: list[Rung],
    theirs: list[Rung],
    mitsuba_mean: float,
    gathering_over_paths: float,
) -> tuple[dict[str, float], list[str]]:
    """The ratios of one room, and what misses."""
    truth = float(judge.truth[judge.counted].mean())
    means = {"Mitsuba": mitsuba_mean}
    ratios: dict[str, float] = {}
    misses = []
    if theirs:
        means["Cycles"] = theirs[-1].mean
        ratios["path rate"] = rate(alike) / rate(theirs)
        ratios["path rate, as we bake"] = rate(full) / rate(theirs)
        if ratios["path rate"] < WANTED_RATE:
            misses.append(f"{name}: path rate {ratios['path rate']:.2f} ×, wanted {WANTED_RATE}")
        for rung, samples in zip(theirs, CYCLES_LADDER, strict=True):
            both = {"paths": full, "gathering": quick}
            best = {mode: rung.cpu_s / time_to(rungs, rung.calm) for mode, rungs in both.items()}
            ratios |= {f"time to Cycles {samples} spp, {mode}": ratio for mode, ratio in best.items()}
            whole = max((rung.cpu_s + rung.denoise_s) / time_to(rungs, rung.calm, True) for rungs in both.values())
            ratios[f"time to Cycles {samples} spp, OIDN included"] = whole
            if max(best.values()) < WANTED_TIME:
                misses.append(f"{name}: time to Cycles {samples} spp {max(best.values()):.2f} ×, wanted {WANTED_TIME}")
    for key, ratio in ratios.items():
        print(f"  {key}: {ratio:.2f} ×")
    off = {key: truth / mean - 1 for key, mean in means.items() if np.isfinite(mean)}
    off["gathering"] = 1 / gathering_over_paths - 1
    print("  our mean against: " + ", ".join(f"{key} {value:+.2%}" for key, value in off.items()), flush=True)
    misses += [f"{name}: mean {value:+.2%} off {key}" for key, value in off.items() if abs(value) > WANTED_MEAN]
    return ratios, misses


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=ROOMS, help="one room")
    parser.add_argument("--size", type=int, default=256, help="texels along a side")
    parser.add_argument("--without-cycles", action="store_true", help="ours and Mitsuba alone")
    parser.add_argument("--store", action="store_true", help="make the ratios the new baseline")
    args = parser.parse_args()
    try:
        python = None if args.without_cycles else cycles_python()
    except PeerMissing as missing:
        print(missing)
        return 0
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    found, failures = {}, []
    for name in [args.only] if args.only else ROOMS:
        found[name], misses = measure(name, args.size, python)
        failures += misses
        for key, ratio in found[name].items():
            if ratio < SLACK * stored.get(name, {}).get(key, 0):
                failures.append(f"{name}: {key} {ratio:.2f} ×, was {stored[name][key]:.2f}")
    if args.store:
        BASELINE.parent.mkdir(exist_ok=True)
        rounded = {name: {key: round(value, 3) for key, value in ratios.items()} for name, ratios in found.items()}
        BASELINE.write_text(json.dumps(stored | rounded, indent=1, sort_keys=True) + "\n")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
