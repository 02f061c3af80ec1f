"""The native tracer beside Mitsuba 3 on six scenes: speed at equal variance, equal means, equal pictures.

    python benchmarks/rendering.py [--quick] [--store]

Efficiency is 1 / (variance × CPU-seconds): how many samples per CPU-second count, at equal noise. Variance is half the
mean squared difference of two independent renderings, the noisiest 1 % of pixels left out on both sides (single bright
paths decide them, and the figure would not repeat). Ratios are compared with benchmarks/baselines/rendering.json.

Pictures are compared denoised. Where both sides are still too noisy to agree at the samples of the speed test, both are
taken again with eight times as many: what is asked is that they converge to the same picture.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "rendering"))
from handmade import box, quad, scene, sphere

from nightproof.kernels.metrics import compare
from nightproof.rendering.denoise import denoise
from nightproof.rendering.display import auto_exposure, to_display
from nightproof.rendering.tracer import Tracer
from nightproof.scenes.camera import Camera, look_at
from nightproof.scenes.environment import named_environment
from nightproof.scenes.flat import FlatScene, Material

BASELINE = Path(__file__).parent / "baselines" / "rendering.json"
MAX_DEPTH = 8
ALPHA_DEPTH = 32
"""Mitsuba counts transparent layers as path edges, we don't; far enough out it makes no difference."""
WANTED = {"llvm": 2.0, "scalar": 8.0}
WANTED_SSIM = 0.99
MOST_OFF = 0.005
"""Difference of means."""
MORE_SAMPLES = 8
SLACK = 0.75
"""A ratio may fall to this share of the stored one before the benchmark fails: machines and loads differ."""

WALL = Material(base_color=(0.75, 0.7, 0.65, 1), metallic=0, roughness=0.5)
FLOOR = Material(base_color=(0.45, 0.3, 0.2, 1), metallic=0, roughness=0.3)
METAL = Material(base_color=(0.9, 0.7, 0.4, 1), metallic=1, roughness=0.25)


def lamp(x: float, y: float, z: float, half: float, strength: float):
    corners = [(x + half, y, z - half), (x + half, y, z + half), (x - half, y, z + half), (x - half, y, z - half)]
    return quad(*corners), Material(base_color=(0, 0, 0, 1), metallic=0, specular=0, emissive=(strength,) * 3)


def furniture():
    return [
        (box([-1.6, -1, -1.6], [-0.7, 0.2, -0.8]), replace(WALL, base_color=(0.2, 0.35, 0.6, 1))),
        (sphere([0.7, -0.4, -0.6], 0.6, 40), METAL),
        (sphere([-0.3, -0.65, 0.3], 0.35, 32), replace(WALL, base_color=(0.7, 0.2, 0.15, 1))),
    ]


def room(*more, closed: bool = True, environment=None) -> FlatScene:
    walls = box([-2, -1, -2], [2, 2, 2], inward=True)
    if not closed:
        walls = (walls[0], walls[1][2:])  # without the side at +z
    return scene(
        (walls, WALL), (box([-2, -1.02, -2], [2, -0.995, 2]), FLOOR), *furniture(), *more, environment=environment
    )


def scenes() -> dict[str, tuple[FlatScene, tuple[float, float, float]]]:
    inside, outside = (0.0, 0.4, 1.9), (0.0, 0.8, 4.2)
    sky, studio = named_environment("sky"), named_environment("studio")
    rng = np.random.default_rng(4)
    many = [
        lamp(*rng.uniform(-1.8, 1.8, 1), 1.9, *rng.uniform(-1.8, 1.8, 1), 0.03, float(s))
        for s in rng.uniform(5, 200, 100)
    ]
    glass = Material(base_color=(0.95, 1, 0.95, 1), metallic=0, roughness=0.15, transmission=1, ior=1.5, thickness_m=1)
    pane = Material(base_color=(0.9, 0.95, 1, 1), metallic=0, roughness=0, transmission=1)
    veil = Material(base_color=(0.2, 0.6, 0.3, 0.5), metallic=0, alpha_mode="BLEND", double_sided=True)
    plinth = (box([-3, -1.2, -3], [3, -1, 3]), FLOOR)
    return {
        "closed interior": (room(lamp(0, 1.98, 0, 0.5, 9)), inside),
        "open room": (room(closed=False, environment=sky), outside),
        "single object": (scene((sphere([0, 0, 0], 1, 96), METAL), plinth, environment=studio), outside),
        "glass": (
            scene(
                plinth,
                (sphere([-0.8, 0, 0], 0.8, 64), glass),
                (quad([0.2, -1, 1], [1.6, -1, 1], [1.6, 1, 1], [0.2, 1, 1]), pane),
                (box([0.5, -1, -1], [1.3, 0.6, -0.4]), WALL),
                environment=studio,
                smooth=False,
            ),
            outside,
        ),
        "alpha": (
            room(
                *[
                    (quad([-1.5 + i, -1, 0.2], [-0.8 + i, -1, 0.6], [-0.8 + i, 1, 0.6], [-1.5 + i, 1, 0.2]), veil)
                    for i in range(3)
                ],
                lamp(0, 1.98, 0, 0.5, 9),
            ),
            inside,
        ),
        "many lights": (room(*many), inside),
    }


@dataclass(frozen=True)
class Measured:
    mean: float
    variance: float
    cpu_s: float
    samples_per_cpu_s: float
    picture: np.ndarray
    """Denoised mean of both renderings."""

    @property
    def efficiency(self) -> float:
        return 1 / (self.variance * self.cpu_s)


def measure(render: Callable[[int], object], camera: Camera, samples: int) -> Measured:
    """`render(seed)` gives an object with color, albedo and normal."""
    render(99)  # compile, load, warm up
    start = time.process_time()
    one, two = render(1), render(2)
    cpu_s = (time.process_time() - start) / 2
    squares = np.sort(((one.color - two.color).mean(axis=2) ** 2).ravel())
    variance = float(squares[: int(len(squares) * 0.99)].mean()) / 2
    pictures = [denoise(r.color, r.albedo, r.normal, threads=2) for r in (one, two)]
    rays = camera.width_px * camera.height_px * samples
    mean = float((one.color.mean() + two.color.mean()) / 2)
    return Measured(mean, variance, cpu_s, rays / cpu_s, (pictures[0] + pictures[1]) / 2)


def peers(flat: FlatScene, camera: Camera, samples: int, depth: int, quick: bool) -> dict[str, Measured]:
    from nightproof.rendering.mitsuba_renderer import MitsubaScene

    measured = {}
    for name in ("llvm",) if quick else ("llvm", "scalar"):
        variant = {"llvm": "llvm_ad_rgb", "scalar": "scalar_rgb"}[name]
        fewer = samples if name == "llvm" else max(samples // 8, 4)
        peer = MitsubaScene(flat, variant)

        def render(seed: int, peer: MitsubaScene = peer, count: int = fewer) -> object:
            return peer.render(camera, samples=count, seed=seed, max_depth=depth, passes=1)

        measured[name] = measure(render, camera, fewer)
    return measured


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    """SSIM of what a screen shows of two pictures."""
    exposure = auto_exposure([other])
    return compare(to_display(one, exposure), to_display(other, exposure)).ssim


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="llvm only")
    parser.add_argument("--store", action="store_true", help="make the ratios the new baseline")
    parser.add_argument("--only", help="one scene")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--samples", type=int, default=64)
    args = parser.parse_args()
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    ratios: dict[str, dict[str, float]] = {}
    failures = []
    print(
        f"{'scene':16} {'M/CPU-s':>8} {'llvm':>7} {'scalar':>7} {'× llvm':>8} {'× scalar':>8} {'mean':>8} {'SSIM':>7}"
    )
    for name, (flat, eye) in scenes().items():
        if args.only and args.only != name:
            continue
        camera = look_at(np.array(eye), np.array([0, 0, 0.0]), yfov_rad=1.0, width_px=args.size, height_px=args.size)
        tracer = Tracer(flat, threads=2)
        depth = ALPHA_DEPTH if name == "alpha" else MAX_DEPTH

        def both(
            samples: int, quick: bool, flat=flat, camera=camera, tracer=tracer, depth=depth
        ) -> tuple[Measured, dict[str, Measured]]:
            def render(seed: int) -> object:
                return tracer.render(camera, samples=samples, seed=seed, max_depth=depth)

            return measure(render, camera, samples), peers(flat, camera, samples, depth, quick)

        ours, others = both(args.samples, args.quick)
        ratios[name] = {key: ours.efficiency / other.efficiency for key, other in others.items()}
        off, ssim = ours.mean / others["llvm"].mean - 1, likeness(ours.picture, others["llvm"].picture)
        note = ""
        if ssim < WANTED_SSIM:
            finer, theirs = both(args.samples * MORE_SAMPLES, True)
            note = f" (at {args.samples} samples {ssim:.4f})"
            off, ssim = finer.mean / theirs["llvm"].mean - 1, likeness(finer.picture, theirs["llvm"].picture)
        rates = [f"{m.samples_per_cpu_s / 1e6:7.3f}" for m in (ours, *others.values())]
        print(
            f"{name:16} {rates[0]:>8} {rates[1]} {rates[2] if len(rates) > 2 else '-':>7} {ratios[name]['llvm']:8.2f}"
            f" {ratios[name].get('scalar', float('nan')):8.1f} {off:+8.2%} {ssim:7.4f}{note}",
            flush=True,
        )
        if abs(off) > MOST_OFF or ssim < WANTED_SSIM:
            failures.append(f"{name}: means {off:+.2%} apart, SSIM {ssim:.4f}")
        for key, ratio in ratios[name].items():
            if ratio < WANTED[key]:
                failures.append(f"{name}: {ratio:.2f} × {key}, wanted {WANTED[key]}")
            if ratio < SLACK * stored.get(name, {}).get(key, 0):
                failures.append(f"{name}: {ratio:.2f} × {key}, was {stored[name][key]:.2f}")
    if args.store:
        BASELINE.parent.mkdir(exist_ok=True)
        BASELINE.write_text(json.dumps(ratios, indent=1, sort_keys=True) + "\n")
    print("\n".join(failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
